//! A picture of a predictive distribution by one input: data, mean and bands, as SVG.

use std::fmt::Write;

use elbo::Univariate;
use elbo::data::Examples;
use elbo::metrics::Unscaled;
use elbo::prelude::*;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const MARGIN: f64 = 50.0;

/// The predictive mean with its 50 % and 95 % bands, and the data.
pub struct Bands<'a> {
    title: &'a str,
    x: Vec<f64>,
    mean: Vec<f64>,
    /// Lower and upper ends, from the widest band to the narrowest.
    bands: [(Vec<f64>, Vec<f64>); 2],
    data: Vec<[f64; 2]>,
}

impl<'a> Bands<'a> {
    /// The prediction `curve` at increasing inputs `grid`, (points, 1), with the data.
    pub fn new<L: Univariate>(
        title: &'a str,
        grid: &Tensor,
        curve: &Unscaled<L>,
        data: &Examples<f32, Tensor>,
    ) -> Self {
        let number = |&x: &f32| f64::from(x);
        Bands {
            title,
            x: grid.data().iter().map(number).collect(),
            mean: curve.mean(),
            bands: [0.95, 0.5].map(|level| curve.interval(level)),
            data: data.inputs().data().iter().zip(data.targets().data()).map(|(x, y)| [number(x), number(y)]).collect(),
        }
    }

    /// The picture as an SVG document.
    pub fn svg(&self) -> String {
        let range = |of: &mut dyn Iterator<Item = f64>| {
            of.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], y| [low.min(y), high.max(y)])
        };
        let [left, right] = range(&mut self.x.iter().copied().chain(self.data.iter().map(|point| point[0])));
        let ends = self.bands[0].0.iter().chain(&self.bands[0].1).copied();
        let [bottom, top] = range(&mut ends.chain(self.data.iter().map(|point| point[1])));
        let at = |x: f64, y: f64| {
            let across = MARGIN + (x - left) / (right - left) * (WIDTH - 2.0 * MARGIN);
            let down = MARGIN + (top - y) / (top - bottom) * (HEIGHT - 2.0 * MARGIN);
            format!("{across:.1},{down:.1}")
        };
        let path = |y: &[f64]| self.x.iter().zip(y).map(|(&x, &y)| at(x, y)).collect::<Vec<_>>();
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        // Writing to a string cannot fail.
        for ((low, high), colour) in self.bands.iter().zip(["#cfe0f0", "#9fc0e0"]) {
            let (forth, mut back) = (path(high), path(low));
            back.reverse();
            let points = [forth, back].concat().join(" ");
            let _ = writeln!(svg, "<polygon points=\"{points}\" fill=\"{colour}\"/>");
        }
        let mean = path(&self.mean).join(" ");
        let _ = writeln!(svg, "<polyline points=\"{mean}\" fill=\"none\" stroke=\"#225588\" stroke-width=\"2\"/>");
        for &[x, y] in &self.data {
            let place = at(x, y);
            let (x, y) = place.split_once(',').unwrap_or_default();
            let _ = writeln!(svg, "<circle cx=\"{x}\" cy=\"{y}\" r=\"2\" fill=\"#cc4444\"/>");
        }
        for (x, anchor) in [(left, "start"), (right, "end")] {
            let across = if anchor == "start" { MARGIN } else { WIDTH - MARGIN };
            let down = HEIGHT - MARGIN / 2.0;
            let _ = writeln!(svg, "<text x=\"{across}\" y=\"{down}\" text-anchor=\"{anchor}\">{x:.1}</text>");
        }
        for (y, down) in [(top, MARGIN), (bottom, HEIGHT - MARGIN)] {
            let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{down}\" text-anchor=\"end\">{y:.1}</text>", MARGIN - 5.0);
        }
        let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"24\">{}</text>", self.title);
        svg.push_str("</svg>\n");
        svg
    }
}
