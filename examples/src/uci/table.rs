//! Means with standard errors over the splits, beside the published ones.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::Serialize;
use serde_json::json;

use super::{COLUMNS, Method, Record, Set, published};
use crate::Failure;

/// The results of a method on a set over its splits: means, and their standard errors (not standard deviations).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The set.
    pub set: Set,
    /// The method.
    pub method: Method,
    /// The number of splits.
    pub splits: usize,
    /// In the target's unit.
    pub rmse: f64,
    /// Of `rmse`; null for one split.
    pub rmse_standard_error: Option<f64>,
    /// Mean ln p of a test row, in nats.
    pub log_likelihood: f64,
    /// Of `log_likelihood`; null for one split.
    pub log_likelihood_standard_error: Option<f64>,
    /// The share of test targets in 90 % intervals.
    pub coverage_90: f64,
    /// The evidence lower bound of a training row, in nats, of targets with standard deviation 1; null for other methods.
    pub bound: Option<f64>,
    /// Seconds of a split, on one thread.
    pub seconds: f64,
}

/// The rows of these records, by set and method.
pub fn rows(records: &[Record]) -> Vec<Row> {
    let mut keys: Vec<(Set, Method)> = records.iter().map(|record| (record.fit.set, record.fit.method)).collect();
    keys.sort_unstable();
    keys.dedup();
    let row = |(set, method)| {
        let of: Vec<&Record> =
            records.iter().filter(|record| (record.fit.set, record.fit.method) == (set, method)).collect();
        let moments = |value: fn(&Record) -> f64| {
            let (n, values) = (of.len() as f64, of.iter().map(|record| value(record)));
            let mean = values.clone().sum::<f64>() / n;
            let squares = values.map(|x| (x - mean).powi(2)).sum::<f64>();
            (mean, (of.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt()))
        };
        let (rmse, rmse_standard_error) = moments(|record| record.scores.rmse);
        let (log_likelihood, log_likelihood_standard_error) = moments(|record| record.scores.log_likelihood);
        let coverage_90 = moments(|record| record.scores.coverage_90).0;
        let bound = moments(|record| record.scores.bound.unwrap_or(f64::NAN)).0;
        Row {
            set,
            method,
            splits: of.len(),
            rmse,
            rmse_standard_error,
            log_likelihood,
            log_likelihood_standard_error,
            coverage_90,
            bound: Some(bound).filter(|bound| !bound.is_nan()),
            seconds: moments(|record| record.seconds).0,
        }
    };
    keys.into_iter().map(row).collect()
}

/// The table as text in Markdown.
pub fn write(rows: &[Row]) -> String {
    let mut out = String::from(
        "| set | method | RMSE | log-likelihood | 90 % coverage | bound | splits | seconds a split |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    // Writing to a string cannot fail.
    for (i, row) in rows.iter().enumerate() {
        let (set, digits) = (row.set.name(), digits(row.set));
        let with_error = |mean: f64, error: Option<f64>, digits: usize| match error {
            Some(error) => format!("{mean:.digits$} ± {error:.digits$}"),
            None => format!("{mean:.digits$}"),
        };
        let _ = writeln!(
            out,
            "| {set} | {} | {} | {} | {:.1} | {} | {} | {:.1} |",
            row.method.name(),
            with_error(row.rmse, row.rmse_standard_error, digits),
            with_error(row.log_likelihood, row.log_likelihood_standard_error, 3),
            100.0 * row.coverage_90,
            row.bound.map_or_else(String::new, |bound| format!("{bound:.3}")),
            row.splits,
            row.seconds
        );
        if rows.get(i + 1).is_none_or(|next| next.set != row.set) {
            for (name, (rmse, log_likelihood)) in COLUMNS.iter().zip(published(row.set).into_iter().flatten()) {
                let _ = writeln!(out, "| {set} | *{name}* | {} | {} | | | | |", rmse.0, log_likelihood.0);
            }
        }
    }
    out
}

/// The means over the sets of log-likelihoods of held-out training rows, by method and steps, as a table in Markdown. The largest of
/// each method is in bold. Units of the targets differ, so that only differences in a row mean something.
pub fn write_choice(records: &[Record], steps: &[usize]) -> String {
    let mut methods: Vec<Method> = records.iter().map(|record| record.fit.method).collect();
    methods.sort_unstable();
    methods.dedup();
    let names: Vec<String> = steps.iter().map(|steps| format!("{steps} steps")).collect();
    let mut out = format!("| method | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(steps.len()));
    for method in methods {
        let mean = |steps: usize| {
            let of = records.iter().filter(|record| (record.fit.method, record.fit.steps) == (method, steps));
            let values: Vec<f64> = of.map(|record| record.scores.log_likelihood).collect();
            values.iter().sum::<f64>() / values.len() as f64
        };
        let means: Vec<f64> = steps.iter().map(|&steps| mean(steps)).collect();
        let best = means.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let cell = |mean: f64| if mean == best { format!("**{mean:.3}**") } else { format!("{mean:.3}") };
        let cells: Vec<String> = means.into_iter().map(cell).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {} | {} |", method.name(), cells.join(" | "));
    }
    out
}

/// Digits of the RMSE after the point.
fn digits(set: Set) -> usize {
    match set {
        Set::Naval => 5,
        Set::Kin8nm => 4,
        _ => 3,
    }
}

/// Writes the rows and the records to a file, as JSON.
///
/// # Errors
/// If it cannot be written.
pub fn write_json(records: &[Record], file: &Path) -> Result<(), Failure> {
    let text = format!("{:#}\n", json!({ "rows": rows(records), "records": records }));
    fs::write(file, text)
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::uci::{Fit, Scores};

    fn record(split: usize, steps: usize, rmse: f64) -> Record {
        let fit = Fit { set: Set::Yacht, split, method: Method::Vi, steps, batch: 64, held_out: false };
        Record {
            fit,
            scores: Scores { rmse, log_likelihood: -rmse, coverage_90: 0.9, bound: Some(rmse) },
            seconds: 1.0,
        }
    }

    #[test]
    fn a_row_has_the_standard_error_of_its_mean() {
        let all = rows(&[record(0, 1, 1.0), record(1, 1, 2.0), record(2, 1, 6.0)]);
        // Deviations −2, −1, 3: variance 14/2, standard error √(7/3).
        assert_eq!((all.len(), all[0].splits, all[0].rmse), (1, 3, 3.0));
        assert!((all[0].rmse_standard_error.unwrap() - (7.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        let table = write(&all);
        assert!(table.contains("| yacht | vi | 3.000 ± 1.528 | -3.000 ± 1.528 | 90.0 | 3.000 | 3 | 1.0 |"), "{table}");
        assert!(table.contains("| yacht | *PBP* | 1.02 ± 0.05 | -1.63 ± 0.02 |"), "{table}");
        assert_eq!(rows(&[record(0, 1, 1.0)])[0].rmse_standard_error, None);
    }

    #[test]
    fn the_number_of_steps_with_the_largest_mean_is_chosen() {
        let records = [record(0, 10, 1.0), record(1, 10, 3.0), record(0, 20, 1.5), record(1, 20, 1.5)];
        assert!(write_choice(&records, &[10, 20]).contains("| vi | -2.000 | **-1.500** |"));
    }
}
