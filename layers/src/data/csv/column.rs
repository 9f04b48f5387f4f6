//! A column while its table is read: what a cell means in it, and the values so far.

use super::blocks::Blocks;
use super::category::Categories;
use super::number::{Text, classify};
use super::plan::{Declared, Plan};
use super::{Csv, Missing};
use crate::data::table::{MISSING, Values, excerpt};

/// A value of a row that is not complete yet.
#[derive(Clone, Copy)]
pub(super) enum Value {
    Number(f64),
    Category(u16),
    Missing,
}

/// What a cell means.
pub(super) enum Outcome {
    Value(Value),
    /// A new category, which takes memory.
    New,
    /// The row is to be dropped.
    Drop,
}

/// What is wrong with a cell: what was expected and what was found.
pub(super) type Wrong = (String, String);

enum Kind {
    /// Only missing values so far, if any.
    Unknown,
    Numbers(Blocks<f64>),
    Categories(Categories, Blocks<u16>),
}

pub(super) struct Building {
    kind: Kind,
    inferred: bool,
    /// The number of missing values before the first value.
    leading: usize,
    /// The line of the first value.
    first: u64,
}

impl Building {
    pub(super) fn new(plan: &Plan<'_>) -> Building {
        let (kind, inferred) = match plan.declared {
            Declared::Inferred => (Kind::Unknown, true),
            Declared::Numbers => (Kind::Numbers(Blocks::new()), false),
            Declared::Categories(fixed) => (Kind::Categories(Categories::new(fixed), Blocks::new()), false),
        };
        Building { kind, inferred, leading: 0, first: 0 }
    }

    /// What a text means in this column.
    pub(super) fn read(&mut self, csv: &Csv, text: &str, line: u64) -> Result<Outcome, Wrong> {
        if csv.tokens.iter().any(|token| token == text) {
            return match csv.missing {
                Missing::Mask => Ok(Outcome::Value(Value::Missing)),
                Missing::DropRow => Ok(Outcome::Drop),
                Missing::Error => Err((
                    "a value".to_owned(),
                    format!(
                        "{}, a missing value; leave such rows out by `.missing(Missing::DropRow)`, keep them by \
                         `.missing(Missing::Mask)`, or set `.missing_values(..)` if it is a value",
                        excerpt(text)
                    ),
                )),
            };
        }
        if let Kind::Unknown = self.kind {
            self.infer(csv, text)?;
            self.first = line;
        }
        match &self.kind {
            Kind::Categories(categories, _) => self.category(csv, categories, text),
            _ => match classify(text, csv.decimal) {
                Text::Number(number) => Ok(Outcome::Value(Value::Number(number))),
                Text::Almost(reason) => Err(("a number".to_owned(), format!("{}, {reason}", excerpt(text)))),
                Text::Date => Err(date(text)),
                Text::Other => {
                    let declared = "the column is declared as numbers".to_owned();
                    let inferred = format!("the column's first value, on line {}, is one", self.first);
                    let because = if self.inferred { inferred } else { declared };
                    let found = format!(
                        "{} ({because}); set `.categorical(..)` for this column if numbers are names in it, or \
                         `.missing_values(..)` if this stands for a missing value",
                        excerpt(text)
                    );
                    Err(("a number".to_owned(), found))
                }
            },
        }
    }

    /// Finds the column's kind by its first value.
    fn infer(&mut self, csv: &Csv, text: &str) -> Result<(), Wrong> {
        self.kind = match classify(text, csv.decimal) {
            Text::Number(_) => Kind::Numbers(Blocks::new()),
            Text::Other => Kind::Categories(Categories::new(None), Blocks::new()),
            Text::Almost(reason) => {
                let found =
                    format!("{}, {reason}; set `.categorical(..)` for this column if it is a name", excerpt(text));
                return Err(("a number or a name".to_owned(), found));
            }
            Text::Date => return Err(date(text)),
        };
        for _ in 0..self.leading {
            self.push(Value::Missing);
        }
        self.leading = 0;
        Ok(())
    }

    fn category(&self, csv: &Csv, categories: &Categories, text: &str) -> Result<Outcome, Wrong> {
        if let Some(code) = categories.code(text) {
            return Ok(Outcome::Value(Value::Category(code)));
        }
        if categories.is_fixed() {
            let found = format!("{}; add it there, or correct the cell", excerpt(text));
            return Err((format!("one of the {} categories set by `.categories(..)`", categories.len()), found));
        }
        // A declared column holds names, whatever they look like.
        if self.inferred && !matches!(classify(text, csv.decimal), Text::Other) {
            let expected = format!("a name (the column's first value, on line {}, is not a number)", self.first);
            let found = format!(
                "{}; set `.categorical(..)` for this column if numbers are names in it, or `.numeric(..)` to find the \
                 first text among numbers",
                excerpt(text)
            );
            return Err((expected, found));
        }
        if categories.len() == csv.max_categories {
            let found = format!(
                "{}, one more; if this is an identifier or free text, leave the column out by `.ignore(..)`, or allow more \
                 by `.max_categories(..)`",
                excerpt(text)
            );
            return Err((format!("at most {} different names", csv.max_categories), found));
        }
        Ok(Outcome::New)
    }

    /// Adds a category. The caller has counted its memory.
    pub(super) fn add(&mut self, name: &str) -> Value {
        match &mut self.kind {
            Kind::Categories(categories, _) => Value::Category(categories.add(name)),
            _ => Value::Missing,
        }
    }

    /// The bytes that the next [`push`](Building::push) allocates.
    pub(super) fn needed(&self) -> u64 {
        match &self.kind {
            Kind::Unknown => 8,
            Kind::Numbers(numbers) => numbers.needed(),
            Kind::Categories(_, codes) => codes.needed(),
        }
    }

    /// The bytes that the missing values before the first value may take in addition once the column's kind is known.
    pub(super) fn postponed(&self) -> u64 {
        Blocks::<f64>::slack(self.leading)
    }

    pub(super) fn push(&mut self, value: Value) {
        match (&mut self.kind, value) {
            (Kind::Numbers(numbers), Value::Number(number)) => numbers.push(number),
            (Kind::Numbers(numbers), _) => numbers.push(f64::NAN),
            (Kind::Categories(categories, codes), Value::Category(code)) => {
                categories.count(code);
                codes.push(code);
            }
            (Kind::Categories(_, codes), _) => codes.push(MISSING),
            (Kind::Unknown, _) => self.leading += 1,
        }
    }

    /// The bytes that [`finish`](Building::finish) takes for a moment.
    pub(super) fn finishing(&self) -> u64 {
        match &self.kind {
            Kind::Unknown => 0,
            Kind::Numbers(numbers) => 8 * numbers.len() as u64,
            Kind::Categories(_, codes) => 2 * codes.len() as u64,
        }
    }

    pub(super) fn finish(self) -> Values {
        match self.kind {
            Kind::Unknown => Values::Numbers(vec![f64::NAN; self.leading]),
            Kind::Numbers(numbers) => Values::Numbers(numbers.into_vec()),
            Kind::Categories(categories, codes) => {
                let (names, new) = categories.finish();
                let mut codes = codes.into_vec();
                codes.iter_mut().filter(|code| **code != MISSING).for_each(|code| *code = new[usize::from(*code)]);
                Values::Categories { names, codes }
            }
        }
    }
}

fn date(text: &str) -> Wrong {
    let found = format!(
        "{}, a date or time; turn it into numbers beforehand, such as days since a start, or sine and cosine of the time \
         of year, leave the column out by `.ignore(..)`, or set `.categorical(..)` if it is a name",
        excerpt(text)
    );
    ("a number or a name".to_owned(), found)
}
