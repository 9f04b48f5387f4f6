//! `Picture`: charts below each other, as SVG.

use crate::report::Chart;
use crate::report::svg::{HEIGHT, WIDTH, draw};
use crate::svg;

/// Charts below each other, from the functions of [`report`](crate::report) or from your own.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Picture {
    charts: Vec<Chart>,
}

impl Picture {
    /// Of these charts, from the top.
    pub fn of(charts: impl IntoIterator<Item = Chart>) -> Self {
        Picture { charts: charts.into_iter().collect() }
    }

    /// The charts.
    pub fn charts(&self) -> &[Chart] {
        &self.charts
    }

    /// The picture as an SVG document, 640 pixels wide.
    #[must_use]
    pub fn svg(&self) -> String {
        self.svg_within(0)
    }

    /// The picture as a part of a document, in which `number` makes its names unique.
    pub(super) fn svg_within(&self, number: usize) -> String {
        let height = HEIGHT * self.charts.len() as f64;
        let mut svg = svg::begin(WIDTH, height);
        for (index, chart) in self.charts.iter().enumerate() {
            draw(chart, &mut svg, HEIGHT * index as f64, &format!("clip-{number}-{index}"));
        }
        svg.push_str("</svg>\n");
        svg
    }
}

impl From<Chart> for Picture {
    fn from(chart: Chart) -> Self {
        Picture { charts: vec![chart] }
    }
}
