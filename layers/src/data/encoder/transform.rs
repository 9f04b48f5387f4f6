//! Input columns as a tensor: standardised numbers, one-hot categories.

use std::collections::HashMap;

use super::{ColumnEncoding, Encoder};
use crate::data::table::{Column, MISSING, Values, excerpt};
use crate::data::{Table, TableError};
use crate::engine::{Real, Tensor};

impl Encoder {
    /// The inputs of a table as a tensor (rows, [`width`](Encoder::width)). Columns are found by their names; the table may
    /// have others, and no targets.
    ///
    /// # Errors
    /// [`TableError`], with line and column, if a category does not occur in the training part (unless
    /// [`Unknown::Other`](super::Unknown::Other)), a value is missing in a column that was complete there, or a scaled number
    /// is too large for `T`; if a column is missing, or holds numbers in place of categories or the reverse.
    pub fn transform<T: Real>(&self, table: &Table) -> Result<Tensor<T>, TableError> {
        let (rows, width) = (table.len(), self.width());
        let mut tensor = Tensor::<T>::zeros([rows, width]);
        let mut start = 0;
        for encoding in &self.inputs {
            let column = table.column(encoding.name())?;
            let mut put = |row: usize, place: usize, x: T| tensor.data_mut()[row * width + start + place] = x;
            match (encoding, &column.values) {
                (ColumnEncoding::Number { mean, sd, flags_missing, .. }, Values::Numbers(numbers)) => {
                    for (row, &x) in numbers.iter().enumerate() {
                        if !x.is_nan() {
                            put(row, 0, scaled(table, column, row, [x, *mean, *sd])?);
                        } else if *flags_missing {
                            put(row, 1, T::ONE);
                        } else {
                            return Err(unexpected(table, column, row));
                        }
                    }
                }
                (
                    ColumnEncoding::Categories { names, flags_missing, has_other, .. },
                    Values::Categories { names: present, codes },
                ) => {
                    let places = places(names, present);
                    for (row, &code) in codes.iter().enumerate() {
                        let place = match places.get(usize::from(code)) {
                            Some(Some(place)) => *place,
                            Some(None) if *has_other => names.len() + usize::from(*flags_missing),
                            Some(None) => return Err(unknown(table, column, row, names.len())),
                            None if *flags_missing => names.len(),
                            None => return Err(unexpected(table, column, row)),
                        };
                        put(row, place, T::ONE);
                    }
                }
                (encoding, _) => return Err(other_kind(table, encoding)),
            }
            start += encoding.width();
        }
        Ok(tensor)
    }
}

/// The place in `names` of each category that a table has.
pub(super) fn places(names: &[String], present: &[String]) -> Vec<Option<usize>> {
    let places: HashMap<&str, usize> = names.iter().enumerate().map(|(place, name)| (name.as_str(), place)).collect();
    present.iter().map(|name| places.get(name.as_str()).copied()).collect()
}

/// (x − mean)/sd in `T`.
pub(super) fn scaled<T: Real>(
    table: &Table,
    column: &Column,
    row: usize,
    [x, mean, sd]: [f64; 3],
) -> Result<T, TableError> {
    let z = T::from_f64((x - mean) / sd);
    if z.is_finite() {
        return Ok(z);
    }
    let found = format!("{x:e}, which becomes {z} with mean {mean:e} and sd {sd:e}");
    Err(table.wrong(row, column, format!("a number that {} can hold", T::NAME), found))
}

pub(super) fn unexpected(table: &Table, column: &Column, row: usize) -> TableError {
    let found = "a missing value; leave such rows out by `Table::drop_missing`";
    table.wrong(row, column, "a value, as in every row of the training part", found)
}

pub(super) fn unknown(table: &Table, column: &Column, row: usize, count: usize) -> TableError {
    let name = match &column.values {
        Values::Categories { names, codes } if codes[row] != MISSING => excerpt(&names[usize::from(codes[row])]),
        _ => String::new(),
    };
    let found = format!("{name}; an encoder fitted with `.unknown(Unknown::Other)` takes unknown inputs");
    table.wrong(row, column, format!("one of the {count} categories of the training part"), found)
}

/// [`unknown`] for a target, of which an encoder has all classes of the table that it was fitted on.
pub(super) fn unknown_class(table: &Table, column: &Column, row: usize, class: &str, count: usize) -> TableError {
    let expected = format!("one of the {count} classes of the table that the encoder was fitted on");
    let found = format!("{}; fit the encoder on a table with this class", excerpt(class));
    table.wrong(row, column, expected, found)
}

pub(super) fn other_kind(table: &Table, encoding: &ColumnEncoding) -> TableError {
    let name = excerpt(encoding.name());
    table.problem(match encoding {
        ColumnEncoding::Number { .. } => {
            format!(
                "column {name} holds categories, but numbers in the training part; set `.numeric([{name}])` to find \
                     the first that is none"
            )
        }
        ColumnEncoding::Categories { .. } => {
            format!("column {name} holds numbers, but categories in the training part; set `.categorical([{name}])`")
        }
    })
}
