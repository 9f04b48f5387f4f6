//! What a table's target is, and its values as a likelihood takes them.

use std::collections::BTreeSet;

use elbo::data::Table;
use elbo::prelude::*;

use super::family::Family;
use super::read::explain;
use crate::Failure;

/// The most classes.
const MOST_CLASSES: usize = 100;

/// The most classes that whole numbers are taken for, and the least share of the rows that each must have.
const NUMBERED: (usize, f64) = (10, 0.05);

/// What the target of a table is.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Classes by name, in order.
    Classes(Vec<String>),
    /// Counts.
    Counts,
    /// Numbers; `skewed` if they are positive and their logarithm is the more symmetric.
    Numbers {
        /// Whether a log-normal distribution may fit.
        skewed: bool,
    },
}

/// The values of a target.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Places of the classes.
    Labels(Vec<usize>),
    /// Numbers.
    Numbers(Vec<f64>),
}

impl Target {
    /// What the target of this name is, and why it was taken for that.
    ///
    /// # Errors
    /// If it has one value, or is a name of its own in most rows.
    pub fn of(table: &Table, name: &str, likelihood: Option<Family>) -> Result<(Target, String), Failure> {
        let column = table.column(name).map_err(|error| explain(error.into()))?;
        let wrong =
            |problem: String| Failure::Input(format!("{}: the target {name:?} {problem}", table.file().display()));
        let classes = |names: Vec<String>, why: String| match names.len() {
            0 | 1 => Err(wrong("is the same in every row, so there is nothing to predict".to_owned())),
            count if count > MOST_CLASSES || 2 * count > table.len() => {
                Err(wrong(format!("has {count} different names in {} rows, too many for classes", table.len())))
            }
            _ => Ok((Target::Classes(names), why)),
        };
        if column.categories().is_some() {
            let names = table.names(name).map_err(|error| explain(error.into()))?;
            let different: BTreeSet<&str> = names.into_iter().flatten().collect();
            if let Some(family) = likelihood.filter(|family| !family.is_of_classes()) {
                return Err(wrong(format!("holds names, which {family} does not take")));
            }
            let why = format!("it holds {} names", different.len());
            return classes(different.into_iter().map(str::to_owned).collect(), why);
        }
        let numbers = table.numbers(name).map_err(|error| explain(error.into()))?;
        let mut sorted: Vec<f64> = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut different = sorted.clone();
        different.dedup();
        let names = || different.iter().map(f64::to_string).collect::<Vec<String>>();
        let is_whole = numbers.iter().all(|y| y.fract() == 0.0);
        match likelihood {
            Some(family) if family.is_of_classes() => return classes(names(), format!("you said {family}")),
            Some(family) if family.is_of_counts() && !(is_whole && sorted[0] >= 0.0) => {
                return Err(wrong(format!("is not a count 0, 1, 2, .. in every row, as {family} needs")));
            }
            Some(Family::LogNormal) if sorted[0] <= 0.0 => {
                return Err(wrong("is not above 0 in every row, as log-normal needs".to_owned()));
            }
            _ => {}
        }
        if different.len() == 1 {
            return classes(names(), String::new());
        }
        let skewed = sorted[0] > 0.0 && skewness(numbers.iter().copied()) > 1.0 && {
            let logarithms = skewness(numbers.iter().map(|y| y.ln()));
            logarithms.abs() < 0.5 * skewness(numbers.iter().copied())
        };
        match likelihood {
            Some(family) if family.is_of_counts() => return Ok((Target::Counts, format!("you said {family}"))),
            Some(family) => return Ok((Target::Numbers { skewed }, format!("you said {family}"))),
            None => {}
        }
        let count = different.len();
        if count == 2 {
            return classes(names(), format!("it has two values, {} and {}", different[0], different[1]));
        }
        let (most, least) = (NUMBERED.0, NUMBERED.1 * numbers.len() as f64);
        let rows_of = |y: f64| numbers.iter().filter(|other| **other == y).count() as f64;
        let are_numbered = is_whole
            && count <= most
            && (different[0] == 0.0 || different[0] == 1.0)
            && different.windows(2).all(|pair| pair[1] == pair[0] + 1.0)
            && different.iter().all(|&y| rows_of(y) >= least);
        if are_numbered {
            let why = format!(
                "it has the values {} to {}, each in 5 % of the rows at least (if they are numbers to you: --likelihood \
                 gaussian, or poisson)",
                different[0],
                different[count - 1]
            );
            return classes(names(), why);
        }
        if is_whole && (sorted[0] == 0.0 || sorted[0] == 1.0) {
            let why = format!("whole numbers from {} to {} are counts", sorted[0], sorted[sorted.len() - 1]);
            return Ok((Target::Counts, why));
        }
        let why = match skewed {
            true => "it holds positive numbers, a few of them much larger than most".to_owned(),
            false => "it holds numbers".to_owned(),
        };
        Ok((Target::Numbers { skewed }, why))
    }

    /// The likelihoods that may fit.
    pub fn families(&self) -> Vec<Family> {
        match self {
            Target::Classes(names) if names.len() == 2 => vec![Family::Bernoulli],
            Target::Classes(_) => vec![Family::Categorical],
            Target::Counts => vec![Family::Poisson, Family::NegativeBinomial],
            Target::Numbers { skewed } => {
                let mut families = vec![Family::Gaussian, Family::Heteroscedastic, Family::StudentT];
                families.extend(skewed.then_some(Family::LogNormal));
                families
            }
        }
    }

    /// The values in a table, whose target has a value in every row.
    ///
    /// # Errors
    /// If a class is not one of these, or a value is not one that the likelihood takes.
    pub fn values(&self, table: &Table, name: &str) -> Result<Targets, Failure> {
        let Target::Classes(classes) = self else {
            let numbers = table.numbers(name).map_err(|error| explain(error.into()))?.to_vec();
            let is_wrong = |y: &f64| *self == Target::Counts && (y.fract() != 0.0 || *y < 0.0);
            return match numbers.iter().position(is_wrong) {
                Some(row) => Err(wrong_value(table, name, row, numbers[row], "a count 0, 1, 2, ..")),
                None => Ok(Targets::Numbers(numbers)),
            };
        };
        let column = table.column(name).map_err(|error| explain(error.into()))?;
        let texts: Vec<String> = match column.categories() {
            Some(_) => {
                let names = table.names(name).map_err(|error| explain(error.into()))?;
                names.into_iter().map(|name| name.unwrap_or_default().to_owned()).collect()
            }
            None => table.numbers(name).map_err(|error| explain(error.into()))?.iter().map(f64::to_string).collect(),
        };
        let label = |(row, text): (usize, &String)| {
            let place = classes.iter().position(|class| class == text);
            place.ok_or_else(|| {
                wrong_value(table, name, row, text, &format!("one of the classes {}", classes.join(", ")))
            })
        };
        Ok(Targets::Labels(texts.iter().enumerate().map(label).collect::<Result<_, _>>()?))
    }
}

fn wrong_value(table: &Table, name: &str, row: usize, found: impl std::fmt::Debug, expected: &str) -> Failure {
    let (file, line) = (table.file().display(), table.line(row));
    Failure::Input(format!("{file}, line {line}, column {name:?}: expected {expected}, found {found:?}"))
}

/// The third standardised moment; 0 for equal numbers.
fn skewness(numbers: impl Iterator<Item = f64> + Clone) -> f64 {
    let n = numbers.clone().count() as f64;
    let mean = numbers.clone().sum::<f64>() / n;
    let moment = |power: i32| numbers.clone().map(|y| (y - mean).powi(power)).sum::<f64>() / n;
    let variance = moment(2);
    if variance > 0.0 { moment(3) / variance.powf(1.5) } else { 0.0 }
}

impl Targets {
    /// These rows.
    pub fn select(&self, rows: &[usize]) -> Targets {
        match self {
            Targets::Labels(labels) => Targets::Labels(rows.iter().map(|&row| labels[row]).collect()),
            Targets::Numbers(numbers) => Targets::Numbers(rows.iter().map(|&row| numbers[row]).collect()),
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        match self {
            Targets::Labels(labels) => labels.len(),
            Targets::Numbers(numbers) => numbers.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As numbers, (rows, 1): of two classes 0 and 1.
    pub(super) fn numbers(&self) -> Vec<f64> {
        match self {
            Targets::Labels(labels) => labels.iter().map(|&label| label as f64).collect(),
            Targets::Numbers(numbers) => numbers.clone(),
        }
    }

    /// As a column of a tensor.
    pub(super) fn column(&self) -> Tensor<f64> {
        let numbers = self.numbers();
        Tensor::new([numbers.len(), 1], numbers)
    }
}
