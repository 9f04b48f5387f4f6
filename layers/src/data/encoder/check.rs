//! An encoder from its parts, checked.

use super::{ColumnEncoding, Encoder};
use crate::data::DataError;

impl Encoder {
    /// Makes an encoder of the encodings of its columns, such as those of a saved one.
    ///
    /// # Errors
    /// [`DataError::Parts`] if there are no inputs, a mean is not finite, a standard deviation is not positive and finite,
    /// categories are missing or not different, a column occurs twice, or a target flags missing values.
    pub fn from_parts(inputs: Vec<ColumnEncoding>, targets: Vec<ColumnEncoding>) -> Result<Encoder, DataError> {
        match check(&inputs, &targets) {
            Ok(()) => Ok(Encoder { inputs, targets }),
            Err(problem) => Err(DataError::Parts { what: "Encoder", problem }),
        }
    }
}

fn check(inputs: &[ColumnEncoding], targets: &[ColumnEncoding]) -> Result<(), String> {
    if inputs.is_empty() {
        return Err("there must be at least one input column".to_owned());
    }
    let mut columns: Vec<&str> = inputs.iter().chain(targets).map(ColumnEncoding::name).collect();
    if let Some(twice) = repeated(&mut columns) {
        return Err(format!("column {twice:?} occurs twice"));
    }
    for column in inputs.iter().chain(targets) {
        match column {
            ColumnEncoding::Number { name, mean, sd, .. } => {
                if !mean.is_finite() {
                    return Err(format!("column {name:?}: the mean must be finite, got {mean}"));
                }
                if !(*sd > 0.0 && sd.is_finite()) {
                    return Err(format!("column {name:?}: the sd must be positive and finite, got {sd}"));
                }
            }
            ColumnEncoding::Categories { name, names, .. } => {
                let mut sorted: Vec<&str> = names.iter().map(String::as_str).collect();
                if sorted.is_empty() || sorted.len() > 65_000 {
                    return Err(format!("column {name:?}: expected 1 to 65000 categories, got {}", sorted.len()));
                }
                if let Some(twice) = repeated(&mut sorted) {
                    return Err(format!("column {name:?}: category {twice:?} occurs twice"));
                }
            }
        }
    }
    for target in targets {
        let (ColumnEncoding::Number { flags_missing, .. } | ColumnEncoding::Categories { flags_missing, .. }) = target;
        let has_other = matches!(target, ColumnEncoding::Categories { has_other: true, .. });
        if *flags_missing || has_other {
            return Err(format!(
                "target {:?}: targets flag neither missing values nor other categories",
                target.name()
            ));
        }
    }
    Ok(())
}

/// A name that occurs twice; sorts the names.
fn repeated<'a>(names: &mut [&'a str]) -> Option<&'a str> {
    names.sort_unstable();
    names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}
