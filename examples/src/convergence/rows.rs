//! The rows of the results, and the table of the best bounds.

use serde_json::{Value, json};

use crate::Failure;
use crate::convergence::Scale;
use crate::convergence::method::Outcome;

/// The best bounds that are known: `problem,units,prior,elbo,method`.
const BEST: &str = include_str!("../../data/best-bounds.csv");

/// One training.
pub struct Row {
    /// The problem's name.
    pub problem: String,
    /// Units of each hidden layer.
    pub units: usize,
    /// The prior.
    pub scale: Scale,
    /// The method's name.
    pub method: &'static str,
    /// The seed.
    pub seed: u64,
    /// What it reached.
    pub outcome: Outcome,
}

impl Row {
    /// The best known bound of its problem, in nats.
    pub fn best_known(&self) -> Option<f64> {
        best_known(&self.problem, self.units, self.scale)
    }

    /// The row as JSON.
    pub fn json(&self) -> Value {
        let Outcome { elbo, guessing, steps, seconds, converged } = self.outcome;
        json!({
            "problem": format!("{}-{}-{}", self.problem, self.units, self.scale.name()),
            "method": self.method,
            "seed": self.seed,
            "elbo": elbo,
            "best_known": self.best_known(),
            "guessing": guessing,
            "steps": steps,
            "seconds": seconds,
            "converged": converged,
        })
    }
}

/// The best known bound, in nats.
pub fn best_known(problem: &str, units: usize, scale: Scale) -> Option<f64> {
    let wanted = [problem.to_owned(), units.to_string(), scale.name().to_owned()];
    BEST.lines().find_map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells.len() == 5 && cells[..3] == wanted).then(|| cells[3].parse().ok()).flatten()
    })
}

/// Trainings of one problem by one method, beside the best known bound.
///
/// # Errors
/// Never without rows.
pub fn summary(rows: &[Row]) -> Result<String, Failure> {
    let first = rows.first().ok_or_else(|| Failure::Input("nothing to do: no seed".to_owned()))?;
    let count = rows.len() as f64;
    let of = |number: fn(&Outcome) -> f64| rows.iter().map(|row| number(&row.outcome)).collect::<Vec<f64>>();
    let mean = |of: Vec<f64>| of.iter().sum::<f64>() / count;
    let elbos = of(|outcome| outcome.elbo);
    let worst = elbos.iter().copied().fold(f64::INFINITY, f64::min);
    let elbo = mean(elbos);
    let best = first.best_known().unwrap_or(f64::NAN);
    let short = |x: f64| 100.0 * (best - x) / best.abs();
    let converged = rows.iter().filter(|row| row.outcome.converged).count();
    Ok(format!(
        "{:<13} {:>4} {:<8} {:<16} {elbo:>9.1} {worst:>9.1} {best:>9.1} {:>6.1} {:>6.1} {:>9.1} {:>7.0} {:>7.2} {converged:>2}/{}",
        first.problem,
        first.units,
        first.scale.name(),
        first.method,
        short(elbo),
        short(worst),
        first.outcome.guessing.unwrap_or(f64::NAN),
        mean(of(|outcome| outcome.steps as f64)),
        mean(of(|outcome| outcome.seconds)),
        rows.len(),
    ))
}

/// The heading of the summaries.
pub const HEADING: &str = "problem       unit prior    method                ELBO     worst      best  short% worst%  guessing   steps \
                           seconds converged";
