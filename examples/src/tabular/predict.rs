//! `predict`: what a fitted model says of the rows of another table.

use std::fmt::Write;

use elbo::data::{ColumnEncoding, Table};
use elbo::prelude::*;

use super::prediction::Prediction;
use super::read::Reading;
use super::saved::{Saved, data as explained};
use super::target::Targets;
use super::text::Text;
use crate::Failure;

/// Predictions of the rows of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Predictions {
    /// The predictions.
    pub prediction: Prediction,
    /// In what each row is unlike the training data; empty where it is like them.
    pub unlike: Vec<Vec<String>>,
    /// The columns of the table that the model does not use.
    pub not_used: Vec<String>,
    /// The line of each row in the file, from 1.
    pub lines: Vec<u64>,
    /// The rows that have a target, and the targets.
    pub targets: Option<(Vec<usize>, Targets)>,
    level: f64,
    classes: Vec<String>,
    columns: Vec<(String, Vec<String>)>,
}

/// The rows of a table as the model takes them.
pub(super) struct Rows {
    pub(super) inputs: Tensor,
    pub(super) unlike: Vec<Vec<String>>,
    pub(super) targets: Option<(Vec<usize>, Targets)>,
    pub(super) table: Table,
    pub(super) not_used: Vec<String>,
}

/// Reads the rows of a table for a model.
///
/// # Errors
/// If a column is missing or holds something else; the message names all that are missing, or the cell.
pub(super) fn encoded(saved: &Saved, text: &Text) -> Result<Rows, Failure> {
    let description = &saved.description;
    let (mut numbers, mut names, mut missing) = (Vec::new(), Vec::new(), Vec::new());
    for column in description.encoder.inputs() {
        match (text.number(column.name()), column) {
            (Some(number), ColumnEncoding::Number { .. }) => numbers.push(number),
            (Some(number), ColumnEncoding::Categories { .. }) => names.push(number),
            (None, _) => missing.push(format!("{:?}", column.name())),
        }
    }
    if !missing.is_empty() {
        return Err(text.problem(format!(
            "has no column {}, which the model was trained with; it has {}",
            missing.join(", "),
            text.names.join(", ")
        )));
    }
    let target = text.number(&description.target);
    match target {
        Some(number) if description.is_number => numbers.push(number),
        Some(number) => names.push(number),
        None => {}
    }
    let is_used = |number: &usize| numbers.contains(number) || names.contains(number);
    let others: Vec<usize> = (1..=text.names.len()).filter(|number| !is_used(number)).collect();
    let reading = Reading { missing: description.missing.clone(), ..Reading::default() };
    let csv = reading.csv(text).numeric(numbers).categorical(names).ignore(others.iter().copied());
    let csv = target.into_iter().fold(csv, elbo::data::Csv::target);
    let table = csv.parse(&text.file.display().to_string(), &text.bytes).map_err(explained)?;
    let (inputs, unlike) = description.familiar.encode(&description.encoder, &table).map_err(explained)?;
    let mut targets = None;
    if let Some(column) = table.columns().iter().find(|column| column.is_target()) {
        let known: Vec<usize> = match column.categories() {
            Some(_) => {
                let names = table.names(column.name()).map_err(explained)?;
                (0..table.len()).filter(|&row| names[row].is_some()).collect()
            }
            None => {
                let numbers = table.numbers(column.name()).map_err(explained)?;
                (0..table.len()).filter(|&row| !numbers[row].is_nan()).collect()
            }
        };
        if !known.is_empty() {
            let of_known = table.subset(&known).map_err(explained)?;
            targets = Some((known, saved.target().values(&of_known, column.name())?));
        }
    }
    let not_used = others.iter().map(|number| text.names[number - 1].clone()).collect();
    Ok(Rows { inputs, unlike, targets, table, not_used })
}

/// Predicts the rows of a table.
///
/// # Errors
/// If a column is missing or holds something else.
pub fn predict(saved: &Saved, text: &Text) -> Result<Predictions, Failure> {
    let Rows { inputs, mut unlike, targets, table, not_used } = encoded(saved, text)?;
    let prediction = saved.predictor.predict(&inputs);
    saved.description.familiar.add_unsure(&prediction, &mut unlike);
    let calibrated = saved.description.calibrated;
    let classes = saved.description.classes.clone();
    let shown = |values: &[f64]| values.iter().map(|x| format!("{x:.6}")).collect::<Vec<String>>();
    let percent = (100.0 * calibrated.level).round();
    let columns = match &prediction {
        Prediction::Numbers(numbers) => {
            let (lower, upper) = calibrated.intervals(numbers);
            vec![
                ("prediction".to_owned(), significant(&numbers.mean)),
                (format!("lower_{percent}"), significant(&lower)),
                (format!("upper_{percent}"), significant(&upper)),
                ("sd".to_owned(), significant(&numbers.sd)),
                ("aleatoric_sd".to_owned(), significant(&numbers.aleatoric_sd)),
                ("epistemic_sd".to_owned(), significant(&numbers.epistemic_sd)),
            ]
        }
        Prediction::Classes(probabilities) => {
            let rows = 0..probabilities.len();
            let label = probabilities.labels();
            let mut columns =
                vec![("prediction".to_owned(), label.iter().map(|&label| classes[label].clone()).collect::<Vec<_>>())];
            for (k, class) in classes.iter().enumerate() {
                let of_class: Vec<f64> = rows.clone().map(|row| probabilities.row(row)[k]).collect();
                columns.push((format!("p_{class}"), shown(&of_class)));
            }
            let set = |row: usize| {
                calibrated.set(probabilities.row(row)).iter().map(|&k| &classes[k][..]).collect::<Vec<_>>().join(" | ")
            };
            columns.push((format!("set_{percent}"), rows.map(set).collect()));
            columns.push(("entropy".to_owned(), shown(&probabilities.entropy())));
            columns.push(("mutual_information".to_owned(), shown(&probabilities.mutual_information())));
            columns
        }
    };
    let lines = (0..table.len()).map(|row| table.line(row)).collect();
    Ok(Predictions { prediction, unlike, not_used, lines, targets, level: calibrated.level, classes, columns })
}

/// Numbers with six significant digits.
fn significant(values: &[f64]) -> Vec<String> {
    let shown = |&x: &f64| {
        let digits =
            if x == 0.0 || !x.is_finite() { 0 } else { (5.0 - x.abs().log10().floor()).clamp(0.0, 12.0) as usize };
        format!("{x:.digits$}")
    };
    values.iter().map(shown).collect()
}

impl Predictions {
    /// The predictions as a table of comma-separated values: the line of each row in its file, the prediction with both
    /// uncertainties, and in what it is unlike the training data.
    pub fn csv(&self) -> String {
        let quoted = |text: &str| match text.contains([',', '"', '\n', '\r']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        let names: Vec<String> = self.columns.iter().map(|(name, _)| quoted(name)).collect();
        let mut csv = format!("line,{},unlike_training\n", names.join(","));
        for (row, line) in self.lines.iter().enumerate() {
            let cells: Vec<String> = self.columns.iter().map(|(_, values)| quoted(&values[row])).collect();
            let _ = writeln!(csv, "{line},{},{}", cells.join(","), quoted(&self.unlike[row].join("; ")));
        }
        csv
    }

    /// The probability of the intervals and sets.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// The classes' names; empty for numbers.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The number of rows that are unlike the training data.
    pub fn unlike(&self) -> usize {
        self.unlike.iter().filter(|reasons| !reasons.is_empty()).count()
    }
}
