//! Fits an encoder on the training part of a table.

use super::{ColumnEncoding, Encoder, Encoding, Unknown};
use crate::data::scaling::moments;
use crate::data::table::{Column, MISSING, Values, excerpt};
use crate::data::{Table, TableError};

impl Encoding {
    /// Fits an encoder on a table, the training part.
    ///
    /// # Errors
    /// [`TableError::Columns`] if there are no inputs, if a column has no value at all, or if the difference of two of its
    /// numbers overflows.
    pub fn fit(self, train: &Table) -> Result<Encoder, TableError> {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for column in train.columns() {
            if column.is_target() {
                targets.push(self.target(train, column)?);
            } else {
                inputs.push(self.input(train, column)?);
            }
        }
        if inputs.is_empty() {
            return Err(train.problem("all columns are targets; a model needs at least one input"));
        }
        Ok(Encoder { inputs, targets })
    }

    fn input(self, train: &Table, column: &Column) -> Result<ColumnEncoding, TableError> {
        let (name, flags_missing) = (column.name().to_owned(), column.missing() > 0);
        match &column.values {
            Values::Numbers(numbers) => {
                let [mean, sd] = scale(train, column, numbers, self.raw_inputs)?;
                Ok(ColumnEncoding::Number { name, mean, sd, flags_missing })
            }
            Values::Categories { names, codes } => {
                let mut occurs = vec![false; names.len()];
                for &code in codes.iter().filter(|&&code| code != MISSING) {
                    occurs[usize::from(code)] = true;
                }
                let names: Vec<String> =
                    names.iter().zip(occurs).filter(|(_, occurs)| *occurs).map(|(name, _)| name.clone()).collect();
                if names.is_empty() {
                    return Err(no_values(train, column));
                }
                let has_other = self.unknown == Unknown::Other;
                Ok(ColumnEncoding::Categories { name, names, flags_missing, has_other })
            }
        }
    }

    fn target(self, train: &Table, column: &Column) -> Result<ColumnEncoding, TableError> {
        let name = column.name().to_owned();
        match &column.values {
            Values::Numbers(numbers) => {
                let [mean, sd] = scale(train, column, numbers, self.raw_targets)?;
                Ok(ColumnEncoding::Number { name, mean, sd, flags_missing: false })
            }
            // Of a target all classes of the file are kept, so that labels do not depend on how it was split.
            Values::Categories { names, .. } if names.is_empty() => Err(no_values(train, column)),
            Values::Categories { names, .. } => {
                Ok(ColumnEncoding::Categories { name, names: names.clone(), flags_missing: false, has_other: false })
            }
        }
    }
}

/// The mean and standard deviation of the numbers that are not missing.
fn scale(train: &Table, column: &Column, numbers: &[f64], raw: bool) -> Result<[f64; 2], TableError> {
    let present = || numbers.iter().copied().filter(|x| !x.is_nan());
    if present().next().is_none() {
        return Err(no_values(train, column));
    }
    let [mean, sd] = moments(present, present().count()).ok_or_else(|| {
        train.problem(format!("the range of column {} overflows; use a larger unit", excerpt(column.name())))
    })?;
    Ok(match raw {
        true => [0.0, 1.0],
        false => [mean, if sd > 0.0 { sd } else { 1.0 }],
    })
}

fn no_values(train: &Table, column: &Column) -> TableError {
    train.problem(format!(
        "column {} has only missing values in the training part; leave it out by `.ignore(..)`",
        excerpt(column.name())
    ))
}
