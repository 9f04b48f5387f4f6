//! The diagnosis as an SVG bar chart of each parameter's gradient ratio.

use std::fmt::Write;

use super::{Diagnosis, Parameter, TermGradients};
use crate::svg;

const LEFT: f64 = 190.0;
const PLOT: f64 = 480.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 70.0;
const ROW: f64 = 34.0;
const MEANS: &str = "#4477aa";
const SCALES: &str = "#ee6677";

/// The least powers of ten on either side of a ratio of 1.
const LEAST: i32 = 1;
/// The most powers of ten: longer bars are cut.
const MOST: i32 = 6;

/// Two bars for each parameter, on a logarithmic axis: to the left where the likelihood's gradient is larger, to the
/// right where the divergence's is.
pub(super) fn svg(diagnosis: &Diagnosis) -> String {
    let rows: Vec<&Parameter> = diagnosis.parameters.iter().chain([&diagnosis.total]).collect();
    let powers = powers(&rows);
    let (width, height) = (LEFT + PLOT + RIGHT, TOP + ROW * rows.len() as f64 + 40.0);
    let middle = LEFT + PLOT / 2.0;
    let at = |power: f64| middle + power.clamp(-f64::from(powers), f64::from(powers)) * PLOT / 2.0 / f64::from(powers);
    let mut svg = svg::begin(width, height);
    let bottom = TOP + ROW * rows.len() as f64;
    for power in -powers..=powers {
        let (x, colour) = (at(f64::from(power)), if power == 0 { "#888" } else { "#ddd" });
        let _ = writeln!(svg, "<path d=\"M{x:.1} {TOP}V{bottom}\" stroke=\"{colour}\"/>");
        svg::text(&mut svg, [x, bottom + 16.0], "middle", &format!("1e{power}"));
    }
    svg::text(&mut svg, [LEFT, 22.0], "start", "Gradient ratio: KL/N to mean NLL, Euclidean norms");
    svg::text(&mut svg, [middle - 8.0, TOP - 10.0], "end", "likelihood dominates");
    svg::text(&mut svg, [middle + 8.0, TOP - 10.0], "start", "prior dominates");
    for (colour, name, x) in [(MEANS, "means", LEFT), (SCALES, "scales", LEFT + 80.0)] {
        let _ = writeln!(svg, "<rect x=\"{x}\" y=\"31\" width=\"12\" height=\"12\" fill=\"{colour}\"/>");
        svg::text(&mut svg, [x + 17.0, 41.0], "start", name);
    }
    for (i, parameter) in rows.iter().enumerate() {
        let y = TOP + ROW * i as f64;
        svg::text(&mut svg, [LEFT - 8.0, y + ROW / 2.0 + 4.0], "end", &parameter.name);
        for (gradients, colour, y) in [(parameter.means, MEANS, y + 5.0), (parameter.scales, SCALES, y + 18.0)] {
            let Some(ratio) = ratio(gradients) else { continue };
            let (from, to) = (at(0.0).min(at(ratio.log10())), at(0.0).max(at(ratio.log10())));
            let bar = to - from;
            let _ = writeln!(
                svg,
                "<rect x=\"{from:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"11\" fill=\"{colour}\">\
                 <title>{ratio:.4e}</title></rect>"
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

/// The number of powers of ten on either side of the axis.
fn powers(rows: &[&Parameter]) -> i32 {
    let ratios = rows.iter().flat_map(|parameter| [ratio(parameter.means), ratio(parameter.scales)]).flatten();
    let longest = ratios.map(|ratio| ratio.log10().abs()).fold(0.0, f64::max);
    (longest.ceil() as i32).clamp(LEAST, MOST)
}

/// The gradient ratio, if it is positive and finite.
fn ratio(gradients: Option<TermGradients>) -> Option<f64> {
    gradients.map(|gradients| gradients.ratio()).filter(|ratio| *ratio > 0.0 && ratio.is_finite())
}
