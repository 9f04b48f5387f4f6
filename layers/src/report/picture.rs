//! `Picture`: charts below each other, as SVG.

use std::path::Path;

use crate::engine::io::{FileError, replace_file};
use crate::report::Chart;
use crate::report::svg::{WIDTH, draw, height};
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

    /// Writes the picture to a file, as SVG, in place of one that is there.
    ///
    /// # Errors
    /// If it cannot be written. The old file then stays.
    pub fn write(&self, file: impl AsRef<Path>) -> Result<(), FileError> {
        replace_file(file.as_ref(), self.svg().as_bytes())
    }

    /// The picture as a part of a document, in which `number` makes its names unique.
    pub(super) fn svg_within(&self, number: usize) -> String {
        let mut svg = svg::begin(WIDTH, self.charts.iter().map(height).sum());
        let mut above = 0.0;
        for (index, chart) in self.charts.iter().enumerate() {
            draw(chart, &mut svg, above, &format!("clip-{number}-{index}"));
            above += height(chart);
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
