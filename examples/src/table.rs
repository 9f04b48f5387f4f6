//! The results as a table.

use std::fmt::Write;

use crate::Summary;
use crate::summary::ECE_BINS;

/// The table of results.
pub fn render(summary: &Summary) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write_to(&mut out, summary);
    out
}

fn write_to(out: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(out, "Evidence lower bound on the training examples, nats")?;
    writeln!(out, "  ELBO = -(NLL + KL) {:>18}", grouped(summary.elbo()))?;
    writeln!(out, "    standard error     {:>16}", grouped(summary.elbo_standard_error))?;
    writeln!(out, "    without learning   {:>16}", grouped(summary.elbo_without_learning))?;
    writeln!(out, "  NLL                {:>18}", grouped(summary.train_nll))?;
    writeln!(out, "  KL                 {:>18}", grouped(summary.kl))?;

    writeln!(out, "\nKL by parameter           nats       weights   nats/weight")?;
    for term in &summary.kl_terms {
        let (nats, weights) = (grouped(term.nats), grouped_count(term.weights));
        let each = term.nats / term.weights.max(1) as f64;
        writeln!(out, "  {:<18} {nats:>12} {weights:>13} {each:>13.4}", term.name)?;
    }
    writeln!(
        out,
        "  {:<18} {:>12} {:>13}               {} parameters",
        "sum",
        grouped(summary.kl),
        grouped_count(summary.weights()),
        grouped_count(summary.parameters)
    )?;

    writeln!(out, "\nTest examples")?;
    writeln!(out, "  error          {:>10.2} %", 100.0 * summary.test.error)?;
    writeln!(out, "  NLL            {:>10.4} nats/example", summary.test.nll)?;
    writeln!(out, "  ECE            {:>10.4} ({ECE_BINS} bins)", summary.test.ece)?;
    writeln!(out, "  Brier          {:>10.4}", summary.test.brier)?;
    writeln!(out, "  mean predictive entropy, nats")?;
    writeln!(out, "    right answers {:>9}", entropy(summary.entropy_right))?;
    writeln!(out, "    wrong answers {:>9}", entropy(summary.entropy_wrong))?;
    for at in &summary.history {
        let (error, nll) = (100.0 * at.scores.error, at.scores.nll);
        writeln!(out, "  after epoch {:>3}: error {error:.2} %, NLL {nll:.4} nats/example", at.epoch)?;
    }

    writeln!(out, "\n{} epochs, {} per epoch", summary.epochs, seconds(summary.seconds_per_epoch))
}

/// In seconds, or milliseconds below a second.
fn seconds(s: f64) -> String {
    if s < 1.0 { format!("{:.3} ms", 1e3 * s) } else { format!("{s:.2} s") }
}

fn entropy(nats: Option<f64>) -> String {
    nats.map_or("none".to_owned(), |nats| format!("{nats:.4}"))
}

/// One decimal and thousands separators: -1,195,179.3.
fn grouped(x: f64) -> String {
    if !x.is_finite() {
        return x.to_string();
    }
    let text = format!("{:.1}", x.abs());
    let (whole, tenth) = text.split_once('.').unwrap_or((&text, "0"));
    let sign = if x < 0.0 { "-" } else { "" };
    format!("{sign}{}.{tenth}", thousands(whole))
}

fn grouped_count(n: usize) -> String {
    thousands(&n.to_string())
}

fn thousands(digits: &str) -> String {
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(grouped(-1_195_179.34), "-1,195,179.3");
        assert_eq!(grouped(999.96), "1,000.0");
        assert_eq!(grouped(f64::NEG_INFINITY), "-inf");
        assert_eq!(grouped_count(478_410), "478,410");
        assert_eq!(grouped_count(12), "12");
    }
}
