//! The diagnosis as a text table with its findings, for a terminal.

use std::fmt;

use super::findings::number;
use super::{Diagnosis, Parameter, TermGradients};

/// Characters in a line of text.
const WIDTH: usize = 110;

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name_width = self.parameters.iter().map(|parameter| parameter.name.len()).max().unwrap_or(0).max(9);
        writeln!(
            f,
            "N = {} examples, {} draw(s) of the weights: NLL {} nats per example, KL {} nats\n",
            number(self.examples as f64),
            self.draws,
            number(self.nll),
            number(self.total.kl)
        )?;
        let heads = [
            format!("{:name_width$} {:>9} {:>11} {:>7} {:>8}", "", "", "KL", "share", "nats a"),
            format!("{:name_width$} {:>9} {:>11} {:>7} {:>8}", "parameter", "weights", "nats", "%", "weight"),
        ];
        let gradients = format!("{:>15} {:>7} {:>11} {:>7}", "means", "cosine", "scales", "cosine");
        writeln!(
            f,
            "{} {:>42} {:>9} {:>10} {:>7}",
            heads[0], "gradient of KL/N to that of the NLL", "median", "effective", "fallen"
        )?;
        writeln!(f, "{}{gradients} {:>9} {:>10} {:>7}", heads[1], "|μ|/σ", "number", "back %")?;
        for parameter in self.parameters.iter().chain((self.parameters.len() != 1).then_some(&self.total)) {
            self.row(f, name_width, parameter)?;
        }
        writeln!(f)?;
        for sentence in self.findings() {
            write_wrapped(f, &sentence)?;
        }
        Ok(())
    }
}

impl Diagnosis {
    fn row(&self, f: &mut fmt::Formatter<'_>, name_width: usize, parameter: &Parameter) -> fmt::Result {
        let pair = |gradients: Option<TermGradients>| {
            [gradients.map(|gradients| gradients.ratio()), gradients.map(|gradients| gradients.cosine())]
        };
        let ([means, means_cosine], [scales, scales_cosine]) = (pair(parameter.means), pair(parameter.scales));
        let line = format!(
            "{:name_width$} {:>9} {:>11} {:>7} {:>8}{:>15} {:>7} {:>11} {:>7} {:>9} {:>10} {:>7}",
            parameter.name,
            number(parameter.weights as f64),
            number(parameter.kl),
            shown(Some(100.0 * self.kl_share(parameter)), 1),
            shown(Some(parameter.kl_per_weight()), 3),
            shown(means, 4),
            shown(means_cosine, 3),
            shown(scales, 4),
            shown(scales_cosine, 3),
            shown(parameter.signal_to_noise, 3),
            parameter.effective.map_or("-".to_owned(), |effective| number(effective.round())),
            shown(parameter.fallen_back.map(|share| 100.0 * share), 1)
        );
        writeln!(f, "{line}")
    }
}

/// The number with `decimals` decimals, or a dash if it is missing or not finite.
fn shown(x: Option<f64>, decimals: usize) -> String {
    match x.filter(|x| x.is_finite()) {
        Some(x) if x != 0.0 && (x.abs() < 0.5 * 10f64.powi(-(decimals as i32)) || x.abs() >= 1e5) => format!("{x:.1e}"),
        Some(x) => format!("{x:.decimals$}"),
        None => "-".to_owned(),
    }
}

fn write_wrapped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut line = "-".to_owned();
    for word in text.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{line}")?;
            line = " ".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    writeln!(f, "{line}")
}
