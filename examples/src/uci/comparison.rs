//! On how many sets a method is at least as good as a published column.

use std::fmt::Write;

use super::{COLUMNS, Figure, Method, Row, Set, published};

/// A table in Markdown: for every published column and method, the number of sets on which the method's means are at least as good
/// in both measures, after rounding to the published digits, and the sets on which they are not; last, by any method of the set.
pub fn compare(rows: &[Row]) -> String {
    let mut methods: Vec<Method> = rows.iter().map(|row| row.method).collect();
    methods.sort_unstable();
    methods.dedup();
    let mut sets: Vec<Set> = rows.iter().map(|row| row.set).filter(|set| set.is_standard()).collect();
    sets.sort_unstable();
    sets.dedup();
    let names: Vec<String> = methods.iter().map(|method| method.name()).collect();
    let mut out =
        format!("| at least as good as | {} | any |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len() + 1));
    for (column, name) in COLUMNS.iter().enumerate() {
        let cell = |of: &dyn Fn(&Row) -> bool| {
            let with_rows = sets.iter().filter(|&&set| rows.iter().any(|row| row.set == set && of(row)));
            let reaches = |set: Set| rows.iter().any(|row| row.set == set && of(row) && is_reached(row, column));
            let (reached, others): (Vec<Set>, Vec<Set>) = with_rows.copied().partition(|&set| reaches(set));
            let others: Vec<String> = others.into_iter().map(Set::name).collect();
            let missed = if others.is_empty() { String::new() } else { format!(", not {}", others.join(", ")) };
            format!("{} of {}{missed}", reached.len(), reached.len() + others.len())
        };
        let mut cells: Vec<String> = methods.iter().map(|&method| cell(&|row: &Row| row.method == method)).collect();
        cells.push(cell(&|_| true));
        // Writing to a string cannot fail.
        let _ = writeln!(out, "| {name} | {} |", cells.join(" | "));
    }
    out
}

/// Whether both means are at least as good as those of a published column, after rounding to its digits.
fn is_reached(row: &Row, column: usize) -> bool {
    let rounded = |value: f64, figure: Figure| {
        let unit = 10.0_f64.powi(figure.precision() as i32);
        ((value * unit).round(), (figure.mean() * unit).round())
    };
    let Some((rmse, log_likelihood)) = published(row.set).map(|columns| columns[column]) else { return false };
    let ((error, other_error), (mean, other_mean)) =
        (rounded(row.rmse, rmse), rounded(row.log_likelihood, log_likelihood));
    error <= other_error && mean >= other_mean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_measures_count_after_rounding() {
        let row = |method, rmse, log_likelihood| Row {
            set: Set::Yacht,
            method,
            splits: 1,
            rmse,
            rmse_standard_error: None,
            log_likelihood,
            log_likelihood_standard_error: None,
            coverage_90: 0.9,
            bound: None,
            seconds: 1.0,
        };
        // Bayes by backprop has 0.97 and -1.45: 0.974 rounds to 0.97, 0.976 to 0.98.
        let table = compare(&[row(Method::Vi, 0.974, -1.454), row(Method::Laplace, 0.976, -1.0)]);
        let line = table.lines().find(|line| line.contains("backprop")).unwrap();
        assert_eq!(line, "| Bayes by backprop | 1 of 1 | 0 of 1, not yacht | 1 of 1 |");
        assert!(table.contains("| dropout 2018 | 0 of 1, not yacht | 0 of 1, not yacht | 0 of 1, not yacht |"));
    }
}
