//! What the columns of a table are, and which of them cannot help a model.

use std::collections::BTreeSet;
use std::fmt;

use elbo::data::{Column, DataError, Table};
use serde::{Deserialize, Serialize};

/// Names of columns that count or name rows.
const IDENTIFIERS: [&str; 10] = ["id", "index", "idx", "key", "uuid", "guid", "row", "row_id", "rowid", "unnamed: 0"];

/// The most names of a column that becomes a column of zeros and ones for each.
const MOST_NAMES: usize = 200;

/// A column that the model does not use, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} ({:?}) is left out: {}", self.number, self.name, self.why)
    }
}

/// What a column holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Numbers from the least to the largest.
    Numbers([f64; 2]),
    /// Two values.
    YesNo([String; 2]),
    /// This many names.
    Categories(usize),
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Numbers([low, high]) => write!(f, "numbers from {low} to {high}"),
            Kind::YesNo([no, yes]) => write!(f, "yes/no: {no}, {yes}"),
            Kind::Categories(count) => write!(f, "categories: {count} names"),
        }
    }
}

/// What a column holds; `None` if all values are missing.
///
/// # Errors
/// If the column is not one of the table.
pub(super) fn kind(table: &Table, column: &Column) -> Result<Option<Kind>, DataError> {
    let name = column.name();
    if column.categories().is_some() {
        let names = table.names(name)?;
        let different: BTreeSet<&str> = names.into_iter().flatten().collect();
        let names: Vec<&str> = different.iter().copied().collect();
        return Ok(match names[..] {
            [] => None,
            [no, yes] => Some(Kind::YesNo([no.to_owned(), yes.to_owned()])),
            _ => Some(Kind::Categories(names.len())),
        });
    }
    let present: Vec<f64> = table.numbers(name)?.iter().copied().filter(|x| !x.is_nan()).collect();
    let (low, high) =
        present.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)));
    let is_either = present.iter().all(|&x| x == low || x == high);
    Ok(match present.is_empty() {
        true => None,
        false if is_either && low < high => Some(Kind::YesNo([low.to_string(), high.to_string()])),
        false => Some(Kind::Numbers([low, high])),
    })
}

/// Why a column that is not the target cannot help a model; `None` if it may.
///
/// # Errors
/// If the column is not one of the table.
pub(super) fn reason_to_leave_out(table: &Table, column: &Column) -> Result<Option<String>, DataError> {
    let (name, rows) = (column.name(), table.len());
    let is_named = {
        let lower = name.to_lowercase();
        IDENTIFIERS.contains(&lower.as_str()) || lower.ends_with("_id") || lower.ends_with(" id")
    };
    let present = rows - column.missing();
    Ok(match kind(table, column)? {
        None => Some("all its values are missing".to_owned()),
        // A constant with gaps says where it is missing.
        Some(Kind::Numbers([low, high])) if low == high && column.missing() == 0 => {
            Some(format!("it is {low} in every row"))
        }
        Some(Kind::Categories(1)) if column.missing() == 0 => Some("it is the same in every row".to_owned()),
        Some(Kind::Categories(count)) if 2 * count > present && count > 2 => {
            Some(format!("{count} different texts in {present} rows, like identifiers, dates or free text"))
        }
        Some(Kind::Categories(count)) if count > MOST_NAMES => {
            Some(format!("{count} different texts; at most {MOST_NAMES} are used"))
        }
        Some(Kind::Numbers(_)) => {
            let numbers = table.numbers(name)?;
            let different = numbers.iter().map(|x| x.to_bits()).collect::<BTreeSet<u64>>().len();
            let counts_rows = numbers.windows(2).all(|pair| pair[1] == pair[0] + 1.0) && numbers[0].abs() <= 1.0;
            let is_whole = numbers.iter().all(|x| x.fract() == 0.0);
            match () {
                () if counts_rows && rows > 2 => Some("it counts the rows".to_owned()),
                () if is_named && is_whole && different == rows => {
                    Some("every row has its own number, and the name says that it identifies rows".to_owned())
                }
                () => None,
            }
        }
        _ => None,
    })
}
