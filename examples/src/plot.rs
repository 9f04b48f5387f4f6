//! Line charts with logarithmic axes, as SVG and for a terminal.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 420.0;
const MARGINS: [f64; 4] = [40.0, 150.0, 50.0, 70.0];
const COLOURS: [&str; 6] = ["#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377"];

/// A chart of several lines over the same x values.
pub struct Chart<'a> {
    /// Title above the chart.
    pub title: &'a str,
    /// Label of the x axis.
    pub x_label: &'a str,
    /// Positive x values, increasing.
    pub x: Vec<f64>,
    /// Names and positive y values.
    pub lines: Vec<(&'a str, Vec<f64>)>,
}

impl Chart<'_> {
    /// The chart for a terminal; each point is the first letter of its line's name.
    pub fn text(&self) -> String {
        const ROWS: usize = 18;
        const COLUMNS: usize = 64;
        let all = self.lines.iter().flat_map(|(_, y)| y).copied();
        let (low, high) = (all.clone().fold(f64::INFINITY, f64::min).ln(), all.fold(0.0, f64::max).ln());
        let (first, last) = (self.x[0].ln(), self.x[self.x.len() - 1].ln());
        let place = |part: f64, cells: usize| (part * (cells - 1) as f64).round() as usize;
        let mut cells = vec![[' '; COLUMNS]; ROWS];
        for (name, y) in &self.lines {
            for (x, y) in self.x.iter().zip(y) {
                let row = place((high - y.ln()) / (high - low), ROWS);
                let column = place((x.ln() - first) / (last - first), COLUMNS);
                cells[row][column] = name.chars().next().unwrap_or('*');
            }
        }
        let mut text = format!("{}\n", self.title);
        for (i, row) in cells.iter().enumerate() {
            let label = match i {
                0 => format!("{:8.1e}", high.exp()),
                _ if i == ROWS - 1 => format!("{:8.1e}", low.exp()),
                _ => " ".repeat(8),
            };
            let row: String = row.iter().collect();
            let _ = writeln!(text, "{label} |{}", row.trim_end());
        }
        let (from, to) = (self.x[0].to_string(), self.x[self.x.len() - 1].to_string());
        let gap = COLUMNS - from.len();
        let _ = writeln!(text, "{:10}{from}{to:>gap$}", "");
        let names: Vec<&str> = self.lines.iter().map(|(name, _)| *name).collect();
        let _ = writeln!(text, "{:10}{}: {}", "", self.x_label, names.join(", "));
        text
    }

    /// The chart as an SVG document.
    pub fn svg(&self) -> String {
        let [top, right, bottom, left] = MARGINS;
        let all = self.lines.iter().flat_map(|(_, y)| y).copied();
        let (low, high) = (all.clone().fold(f64::INFINITY, f64::min), all.fold(0.0, f64::max));
        let (low, high) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let (first, last) = (self.x[0].ln(), self.x[self.x.len() - 1].ln());
        let at_x = |x: f64| left + (x.ln() - first) / (last - first) * (WIDTH - left - right);
        let at_y = |y: f64| top + (f64::from(high) - y.log10()) / f64::from(high - low) * (HEIGHT - top - bottom);

        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        let mut text = |x: f64, y: f64, anchor: &str, what: &str| {
            let what = what.replace('&', "&amp;").replace('<', "&lt;");
            let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>");
        };
        text(left, top - 15.0, "start", self.title);
        text((left + WIDTH - right) / 2.0, HEIGHT - 12.0, "middle", self.x_label);
        for &x in &self.x {
            text(at_x(x), HEIGHT - bottom + 18.0, "middle", &x.to_string());
        }
        for power in low..=high {
            text(left - 8.0, at_y(10f64.powi(power)) + 4.0, "end", &format!("1e{power}"));
        }
        for (i, (name, _)) in self.lines.iter().enumerate() {
            text(WIDTH - right + 32.0, top + 20.0 * i as f64 + 4.0, "start", name);
        }
        for power in low..=high {
            let y = at_y(10f64.powi(power));
            let _ = writeln!(svg, "<path d=\"M{left} {y:.1}H{:.1}\" stroke=\"#ddd\"/>", WIDTH - right);
        }
        for (i, (_, y)) in self.lines.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            let points: Vec<String> =
                self.x.iter().zip(y).map(|(&x, &y)| format!("{:.1},{:.1}", at_x(x), at_y(y))).collect();
            let points = points.join(" ");
            let _ =
                writeln!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>");
            let (x, y) = (WIDTH - right + 8.0, top + 20.0 * i as f64);
            let _ = writeln!(svg, "<path d=\"M{x} {y}h18\" stroke=\"{colour}\" stroke-width=\"2\"/>");
        }
        svg.push_str("</svg>\n");
        svg
    }
}
