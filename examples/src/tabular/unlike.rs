//! Which rows are unlike the training data, and in what.

use elbo::data::{ColumnEncoding, DataError, Encoder, Table};
use elbo::prelude::*;
use serde::{Deserialize, Serialize};

use super::prediction::Prediction;

/// How far beyond the training data a number may be, as a part of their range.
const BEYOND: f64 = 0.1;

/// The share of the training rows whose epistemic uncertainty is above the limit.
const UNSURE: f64 = 0.005;

/// What rows like the training data have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Familiar {
    /// The least and the largest number of each column of numbers, in the encoder's order.
    ranges: Vec<Option<[f64; 2]>>,
    /// The limit of the epistemic uncertainty: a standard deviation in the targets' unit, or nats.
    epistemic: f64,
}

impl Familiar {
    /// From the training rows and their out-of-fold predictions.
    ///
    /// # Errors
    /// If a column is not in the table.
    pub(super) fn of(table: &Table, encoder: &Encoder, unseen: &Prediction) -> Result<Familiar, DataError> {
        let range = |column: &ColumnEncoding| -> Result<Option<[f64; 2]>, DataError> {
            let ColumnEncoding::Number { name, .. } = column else { return Ok(None) };
            let numbers = table.numbers(name)?.iter().copied().filter(|x| !x.is_nan());
            Ok(Some(numbers.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], x| [low.min(x), high.max(x)])))
        };
        let mut epistemic = unseen.epistemic();
        epistemic.sort_by(f64::total_cmp);
        let place = ((1.0 - UNSURE) * epistemic.len() as f64) as usize;
        Ok(Familiar {
            ranges: encoder.inputs().iter().map(range).collect::<Result<_, _>>()?,
            epistemic: epistemic[place.min(epistemic.len() - 1)],
        })
    }

    /// The encoded inputs of a table, and for each row in what it is unlike the training data: categories that these do not have,
    /// missing values where these have none, and numbers far outside of theirs. A missing number counts as the mean, and a missing
    /// category as none.
    ///
    /// # Errors
    /// If a column is missing or holds something else, or a number is too large.
    pub(super) fn encode(&self, encoder: &Encoder, table: &Table) -> Result<(Tensor, Vec<Vec<String>>), DataError> {
        let rows = table.len();
        let mut unlike = vec![Vec::new(); rows];
        // An encoder that knows missing values in every column.
        let tolerant = |column: &ColumnEncoding| match column.clone() {
            ColumnEncoding::Number { name, mean, sd, .. } => {
                ColumnEncoding::Number { name, mean, sd, flags_missing: true }
            }
            ColumnEncoding::Categories { name, names, .. } => {
                ColumnEncoding::Categories { name, names, flags_missing: true, has_other: true }
            }
        };
        let all = Encoder::from_parts(encoder.inputs().iter().map(tolerant).collect(), Vec::new())?;
        let (wide, width) = (all.transform::<f32>(table)?, all.width());
        let mut kept = Vec::with_capacity(encoder.width());
        let mut start = 0;
        for ((column, tolerant), range) in encoder.inputs().iter().zip(all.inputs()).zip(&self.ranges) {
            let name = column.name();
            let (values, flags_missing) = match column {
                ColumnEncoding::Number { flags_missing, .. } => (1, *flags_missing),
                ColumnEncoding::Categories { names, flags_missing, .. } => (names.len(), *flags_missing),
            };
            kept.extend(start..start + values);
            kept.extend(flags_missing.then_some(start + values));
            kept.extend(
                matches!(column, ColumnEncoding::Categories { has_other: true, .. }).then_some(start + values + 1),
            );
            for (row, unlike) in unlike.iter_mut().enumerate() {
                let is_set = |place: usize| wide.data()[row * width + start + place] != 0.0;
                if !flags_missing && is_set(values) {
                    unlike.push(format!("{name} is missing"));
                }
                if let Some([low, high]) = *range {
                    let (x, margin) = (table.numbers(name)?[row], BEYOND * (high - low));
                    if x < low - margin || x > high + margin {
                        unlike.push(format!("{name} = {x} is outside of {low} to {high}"));
                    }
                } else if is_set(values + 1) {
                    let found = table.names(name)?[row].unwrap_or_default().to_owned();
                    unlike.push(format!("{name} = {found:?} is new"));
                }
            }
            start += tolerant.width();
        }
        let row = |row: usize| kept.iter().map(move |place| (row, *place));
        let x: Vec<f32> = (0..rows).flat_map(row).map(|(row, place)| wide.data()[row * width + place]).collect();
        Ok((Tensor::new([rows, kept.len()], x), unlike))
    }

    /// Adds the rows whose prediction is unusually unsure of the weights.
    pub(super) fn add_unsure(&self, prediction: &Prediction, unlike: &mut [Vec<String>]) {
        for (epistemic, unlike) in prediction.epistemic().iter().zip(unlike) {
            if *epistemic > self.epistemic {
                unlike.push("the model is less sure of its weights here than on the training data".to_owned());
            }
        }
    }
}
