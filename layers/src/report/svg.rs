//! Draws a chart as SVG.

use std::fmt::Write;

use crate::report::Chart;
use crate::report::chart::{Mark, Series};
use crate::report::ticks::Axis;
use crate::svg::text;

/// The width of a chart, in pixels.
pub(super) const WIDTH: f64 = 640.0;

/// The height of a chart whose y axis has numbers.
const HEIGHT: f64 = 320.0;

/// The height of a row.
const ROW: f64 = 20.0;

/// The least distances of the axes from the edges: top, right, bottom, left.
const MARGINS: [f64; 4] = [36.0, 150.0, 48.0, 72.0];

/// The most of them, for long names.
const MOST_RIGHT: f64 = 220.0;
const MOST_LEFT: f64 = 210.0;

/// The width of a letter, about, for space that depends on texts.
const LETTER: f64 = 6.7;

/// Pixels beyond the axes that a series may cover: those of a point on an axis.
const EDGE: f64 = 3.0;

/// Colours that people with any colour vision can tell apart (Tol 2021, "Colour schemes", bright).
const COLOURS: [&str; 6] = ["#4477aa", "#ee6677", "#228833", "#aa3377", "#66ccee", "#ccbb44"];

/// The most points that a line has: more than there are pixels cannot be seen.
const MOST_POINTS: usize = 4000;

/// The height of a chart, in pixels.
pub(super) fn height(chart: &Chart) -> f64 {
    let [top, _, bottom, _] = MARGINS;
    if chart.rows.is_empty() { HEIGHT } else { top + bottom + ROW * chart.rows.len() as f64 }
}

/// The distances of the axes from the edges, with space for the names.
fn margins(chart: &Chart) -> [f64; 4] {
    let [top, right, bottom, left] = MARGINS;
    let longest = |names: &mut dyn Iterator<Item = &String>| {
        LETTER * names.map(|name| name.chars().count()).max().unwrap_or(0) as f64
    };
    let right_of_names = 40.0 + longest(&mut chart.series.iter().map(|series| &series.name));
    let left_of_names = if chart.rows.is_empty() { left } else { 20.0 + longest(&mut chart.rows.iter()) };
    [top, right_of_names.clamp(right, MOST_RIGHT), bottom, left_of_names.clamp(left, MOST_LEFT)]
}

/// The end of a name that is too long for its space, which tells more of a weight than its beginning.
fn shortened(name: &str, space: f64) -> String {
    // Rounded, because the space of the longest name is a sum.
    let (most, letters) = ((space / LETTER).round() as usize, name.chars().count());
    if letters <= most {
        name.to_owned()
    } else {
        format!("…{}", name.chars().skip(letters + 1 - most).collect::<String>())
    }
}

/// Adds the chart to `svg`, at this distance from the top; `id` names what it clips its series to.
pub(super) fn draw(chart: &Chart, svg: &mut String, above: f64, id: &str) {
    let [top, right, bottom, left] = margins(chart);
    let of_chart = height(chart);
    let (width, height) = (WIDTH - left - right, of_chart - top - bottom);
    let [x, y] = chart.numbers();
    let x = Axis::over(x.into_iter(), chart.scales[0], chart.ranges[0]);
    let y = if chart.rows.is_empty() {
        Axis::over(y.into_iter(), chart.scales[1], chart.ranges[1])
    } else {
        Axis::of_rows(chart.rows.iter().map(|name| shortened(name, left - 20.0)))
    };
    let canvas = Canvas { x, y, at: [left, above + top], size: [width, height] };
    let middle = left + width / 2.0;
    svg.push_str("<g font-weight=\"bold\">");
    text(svg, [left, above + top - 14.0], "start", &chart.title);
    svg.push_str("</g>\n");
    text(svg, [middle, above + of_chart - 10.0], "middle", &chart.labels[0]);
    let turned = [16.0, above + top + height / 2.0];
    let _ = write!(svg, "<g transform=\"rotate(-90 {:.1} {:.1})\">", turned[0], turned[1]);
    text(svg, turned, "middle", &chart.labels[1]);
    svg.push_str("</g>\n");
    canvas.axes(svg);
    let mut colour = 0;
    let _ = writeln!(
        svg,
        "<clipPath id=\"{id}\"><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/></clipPath>",
        left - EDGE,
        above + top - EDGE,
        width + 2.0 * EDGE,
        height + 2.0 * EDGE
    );
    for (index, series) in chart.series.iter().enumerate() {
        colour += usize::from(index > 0 && !series.same_colour);
        let of = COLOURS[colour % COLOURS.len()];
        let _ = writeln!(svg, "<g clip-path=\"url(#{id})\">");
        canvas.series(svg, series, of);
        svg.push_str("</g>\n");
        if !series.name.is_empty() {
            let named = chart.series[..index].iter().filter(|series| !series.name.is_empty()).count();
            legend(svg, [WIDTH - right + 12.0, above + top + 8.0 + 18.0 * named as f64], series, of);
        }
    }
}

/// The area within the axes.
struct Canvas {
    x: Axis,
    y: Axis,
    /// Its upper left corner.
    at: [f64; 2],
    size: [f64; 2],
}

impl Canvas {
    fn across(&self, value: f64) -> Option<f64> {
        self.x.place(value).map(|place| self.at[0] + place * self.size[0])
    }

    fn down(&self, value: f64) -> Option<f64> {
        self.y.place(value).map(|place| self.at[1] + (1.0 - place) * self.size[1])
    }

    fn axes(&self, svg: &mut String) {
        let ([left, top], [width, height]) = (self.at, self.size);
        let (right, bottom) = (left + width, top + height);
        for (value, label) in &self.x.ticks {
            let Some(x) = self.across(*value) else { continue };
            let _ = writeln!(svg, "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"#e4e4e4\"/>");
            text(svg, [x, bottom + 17.0], "middle", label);
        }
        for (value, label) in &self.y.ticks {
            let Some(y) = self.down(*value) else { continue };
            let _ = writeln!(svg, "<path d=\"M{left:.1} {y:.1}H{right:.1}\" stroke=\"#e4e4e4\"/>");
            text(svg, [left - 7.0, y + 4.0], "end", label);
        }
        let _ = writeln!(svg, "<path d=\"M{left:.1} {top:.1}V{bottom:.1}H{right:.1}\" stroke=\"#666\" fill=\"none\"/>");
    }

    fn series(&self, svg: &mut String, series: &Series, colour: &str) {
        match &series.mark {
            Mark::Line { dashed } => {
                let dash = if *dashed { " stroke-dasharray=\"5 4\"" } else { "" };
                for run in self.runs(&series.x, &series.y) {
                    let points = points(&run);
                    let _ = writeln!(
                        svg,
                        "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.6\"{dash}/>"
                    );
                }
            }
            Mark::Points => {
                for [x, y] in self.runs(&series.x, &series.y).into_iter().flatten() {
                    let _ = writeln!(
                        svg,
                        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\" fill-opacity=\"0.7\"/>"
                    );
                }
            }
            Mark::Band(high) => {
                // A gap in one of the curves is one in the band.
                let both = |of: &[f64]| {
                    let ends = series.y.iter().zip(high).zip(of);
                    let has = |value: f64| self.down(value).is_some();
                    ends.map(|((low, high), of)| if has(*low) && has(*high) { *of } else { f64::NAN })
                        .collect::<Vec<f64>>()
                };
                let (lower, upper) = (self.runs(&series.x, &both(&series.y)), self.runs(&series.x, &both(high)));
                for (mut around, upper) in lower.into_iter().zip(upper) {
                    around.extend(upper.into_iter().rev());
                    let points = points(&around);
                    let _ = writeln!(svg, "<polygon points=\"{points}\" fill=\"{colour}\" fill-opacity=\"0.25\"/>");
                }
            }
            Mark::RowBars(ends) => {
                for ((from, to), row) in series.x.iter().zip(ends).zip(&series.y) {
                    let (Some(to), Some(y)) = (self.across(*to), self.down(*row)) else { continue };
                    // A logarithmic axis has no 0.
                    let from = self.across(*from).unwrap_or(self.at[0]);
                    let (left, wide) = (from.min(to), (to - from).abs().max(0.5));
                    let above = y - 0.3 * ROW;
                    let _ = writeln!(
                        svg,
                        "<rect x=\"{left:.1}\" y=\"{above:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" fill=\"{colour}\" \
                         fill-opacity=\"0.6\"/>",
                        0.6 * ROW
                    );
                }
            }
            Mark::Bars(ends) => {
                // A logarithmic axis has no 0.
                let floor = self.down(0.0).unwrap_or(self.at[1] + self.size[1]);
                for ((from, to), height) in series.x.iter().zip(ends).zip(&series.y) {
                    let (Some(from), Some(to), Some(y)) = (self.across(*from), self.across(*to), self.down(*height))
                    else {
                        continue;
                    };
                    let (above, tall) = (y.min(floor), (floor - y).abs());
                    let wide = (to - from - 1.0).max(0.5);
                    let _ = writeln!(
                        svg,
                        "<rect x=\"{from:.1}\" y=\"{above:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\" fill=\"{colour}\" \
                         fill-opacity=\"0.6\"/>"
                    );
                }
            }
        }
    }

    /// The places of the points, in runs without a gap.
    fn runs(&self, x: &[f64], y: &[f64]) -> Vec<Vec<[f64; 2]>> {
        let mut runs = vec![Vec::new()];
        for index in (0..x.len()).step_by(x.len().div_ceil(MOST_POINTS).max(1)) {
            match (self.across(x[index]), self.down(y[index])) {
                (Some(x), Some(y)) => runs.last_mut().into_iter().for_each(|run| run.push([x, y])),
                _ => runs.push(Vec::new()),
            }
        }
        runs.retain(|run| !run.is_empty());
        runs
    }
}

fn points(run: &[[f64; 2]]) -> String {
    let texts: Vec<String> = run.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    texts.join(" ")
}

fn legend(svg: &mut String, [x, y]: [f64; 2], series: &Series, colour: &str) {
    let _ = match &series.mark {
        Mark::Line { dashed } => {
            let dash = if *dashed { " stroke-dasharray=\"5 4\"" } else { "" };
            writeln!(svg, "<path d=\"M{x:.1} {y:.1}h16\" stroke=\"{colour}\" stroke-width=\"2\"{dash}/>")
        }
        Mark::Points => writeln!(
            svg,
            "<path d=\"M{:.1} {y:.1}h0\" stroke=\"{colour}\" stroke-width=\"6\" stroke-linecap=\"round\"/>",
            x + 8.0
        ),
        Mark::Band(_) | Mark::Bars(_) | Mark::RowBars(_) => writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"16\" height=\"10\" fill=\"{colour}\" fill-opacity=\"0.4\"/>",
            y - 5.0
        ),
    };
    text(svg, [x + 22.0, y + 4.0], "start", &series.name);
}
