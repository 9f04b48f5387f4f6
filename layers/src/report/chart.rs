//! `Chart`: lines, bands, bars and points over two axes.

use std::path::Path;

use crate::engine::io::FileError;
use crate::report::Picture;

/// The scale of an axis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Linear: equal distances are equal differences.
    #[default]
    Lin,
    /// Logarithmic: equal distances are equal ratios. Numbers that are not positive are left out.
    Log,
}

impl Scale {
    /// Whether a number has a place on it.
    pub(super) fn has(self, value: f64) -> bool {
        value.is_finite() && (self == Scale::Lin || value > 0.0)
    }
}

/// What a chart shows.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Line {
        dashed: bool,
    },
    Points,
    /// Between two curves; `y` has the lower one, and this the upper one.
    Band(Vec<f64>),
    /// A bar from 0 to each `y`, from each `x` to this.
    Bars(Vec<f64>),
    /// In the row of each `y`, a bar from each `x` to this.
    RowBars(Vec<f64>),
}

#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) mark: Mark,
    /// Whether it is drawn in the colour of the series before it.
    pub(super) same_colour: bool,
}

/// A chart of lines, bands, bars and points. Numbers that are not finite are left out: a line has a gap there.
///
/// ```
/// use elbo::report::Chart;
///
/// let x: Vec<f64> = (0..50).map(f64::from).collect();
/// let y: Vec<f64> = x.iter().map(|x| (0.2 * x).sin()).collect();
/// let [low, high] = [-0.3, 0.3].map(|shift| y.iter().map(|y| y + shift).collect::<Vec<f64>>());
/// let chart = Chart::new("A wave").x("seconds").y("volts").line("mean", &x, &y).band("90 %", &x, &low, &high);
/// assert!(chart.svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Chart {
    pub(super) title: String,
    pub(super) labels: [String; 2],
    pub(super) scales: [Scale; 2],
    pub(super) ranges: [Option<[f64; 2]>; 2],
    pub(super) series: Vec<Series>,
    /// The names of its rows, from the top, if the y axis has names in place of numbers.
    pub(super) rows: Vec<String>,
}

impl Chart {
    /// An empty chart.
    pub fn new(title: &str) -> Self {
        Chart {
            title: title.to_owned(),
            labels: [String::new(), String::new()],
            scales: [Scale::Lin; 2],
            ranges: [None; 2],
            series: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// An empty chart whose y axis has a row for each of these names, from the top, in place of numbers: row i is at y = i.
    pub fn rows(title: &str, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Chart { rows: names.into_iter().map(Into::into).collect(), ..Chart::new(title) }
    }

    /// Sets the label of the x axis, with its unit.
    pub fn x(mut self, label: &str) -> Self {
        self.labels[0] = label.to_owned();
        self
    }

    /// Sets the label of the y axis, with its unit.
    pub fn y(mut self, label: &str) -> Self {
        self.labels[1] = label.to_owned();
        self
    }

    /// Sets the scale of the x axis.
    pub fn x_scale(mut self, scale: Scale) -> Self {
        self.scales[0] = scale;
        self
    }

    /// Sets the scale of the y axis.
    pub fn y_scale(mut self, scale: Scale) -> Self {
        self.scales[1] = scale;
        self
    }

    /// Sets the ends of the x axis; by default they follow from the numbers.
    ///
    /// # Panics
    /// If they are not finite and increasing.
    #[track_caller]
    pub fn x_range(mut self, from: f64, to: f64) -> Self {
        self.ranges[0] = Some(checked(from, to));
        self
    }

    /// Sets the ends of the y axis.
    ///
    /// # Panics
    /// If they are not finite and increasing.
    #[track_caller]
    pub fn y_range(mut self, from: f64, to: f64) -> Self {
        self.ranges[1] = Some(checked(from, to));
        self
    }

    /// Adds a line through points.
    ///
    /// # Panics
    /// If `x` and `y` differ in length.
    #[track_caller]
    pub fn line(self, name: &str, x: &[f64], y: &[f64]) -> Self {
        self.add(name, x, y, Mark::Line { dashed: false })
    }

    /// Adds a dashed line, as of a bound or of what would be right.
    ///
    /// # Panics
    /// If `x` and `y` differ in length.
    #[track_caller]
    pub fn dashed(self, name: &str, x: &[f64], y: &[f64]) -> Self {
        self.add(name, x, y, Mark::Line { dashed: true })
    }

    /// Adds points.
    ///
    /// # Panics
    /// If `x` and `y` differ in length.
    #[track_caller]
    pub fn points(self, name: &str, x: &[f64], y: &[f64]) -> Self {
        self.add(name, x, y, Mark::Points)
    }

    /// Adds a band between two curves, in the colour of the series before it.
    ///
    /// # Panics
    /// If `x`, `low` and `high` differ in length.
    #[track_caller]
    pub fn band(self, name: &str, x: &[f64], low: &[f64], high: &[f64]) -> Self {
        assert_eq!(x.len(), high.len(), "Chart: `{name}` has {} x values and {} upper ones", x.len(), high.len());
        let is_first = self.series.is_empty();
        let mut chart = self.add(name, x, low, Mark::Band(high.to_vec()));
        if let Some(series) = chart.series.last_mut() {
            series.same_colour = !is_first;
        }
        chart
    }

    /// Adds bars, the heights of consecutive intervals with these edges, as of a histogram.
    ///
    /// # Panics
    /// If there is not one edge more than there are heights.
    #[track_caller]
    pub fn bars(self, name: &str, edges: &[f64], heights: &[f64]) -> Self {
        let (found, expected) = (edges.len(), heights.len() + 1);
        assert_eq!(found, expected, "Chart: `{name}` has {found} edges for {} bars", heights.len());
        self.add(name, &edges[..heights.len()], heights, Mark::Bars(edges[1..].to_vec()))
    }

    /// Adds a bar in each row of a chart of [`rows`](Self::rows), from `low` to `high`.
    ///
    /// # Panics
    /// If there is not one bar for each row.
    #[track_caller]
    pub fn row_bars(self, name: &str, low: &[f64], high: &[f64]) -> Self {
        let (rows, found) = (self.rows.len(), [low.len(), high.len()]);
        assert!(found == [rows; 2], "Chart: `{name}` has {found:?} ends of bars for {rows} rows");
        let places: Vec<f64> = (0..rows).map(|row| row as f64).collect();
        self.add(name, low, &places, Mark::RowBars(high.to_vec()))
    }

    #[track_caller]
    fn add(mut self, name: &str, x: &[f64], y: &[f64], mark: Mark) -> Self {
        assert_eq!(x.len(), y.len(), "Chart: `{name}` has {} x values and {} y values", x.len(), y.len());
        self.series.push(Series { name: name.to_owned(), x: x.to_vec(), y: y.to_vec(), mark, same_colour: false });
        self
    }

    /// The chart as an SVG document, 640 pixels wide.
    #[must_use]
    pub fn svg(&self) -> String {
        Picture::from(self.clone()).svg()
    }

    /// Writes the chart to a file, as SVG, in place of one that is there.
    ///
    /// # Errors
    /// If it cannot be written. The old file then stays.
    pub fn write(&self, file: impl AsRef<Path>) -> Result<(), FileError> {
        Picture::from(self.clone()).write(file)
    }

    /// All numbers that the x axis has to cover, and those of the y axis.
    pub(super) fn numbers(&self) -> [Vec<f64>; 2] {
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for series in &self.series {
            x.extend(&series.x);
            y.extend(&series.y);
            match &series.mark {
                Mark::Band(high) => y.extend(high),
                Mark::Bars(right) => {
                    x.extend(right);
                    y.push(0.0);
                }
                Mark::RowBars(high) => x.extend(high),
                Mark::Line { .. } | Mark::Points => {}
            }
        }
        [x, y]
    }
}

#[track_caller]
fn checked(from: f64, to: f64) -> [f64; 2] {
    assert!(from < to && from.is_finite() && to.is_finite(), "Chart: an axis from {from} to {to}");
    [from, to]
}
