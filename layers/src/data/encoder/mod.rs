//! `Encoder`: turns a table into tensors, by what it learned from the training part: means, standard deviations, categories.

mod check;
mod fit;
mod inverse;
mod target;
mod transform;

use super::{Scaling, Table, TableError};

/// How a column becomes columns of a tensor.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub enum ColumnEncoding {
    /// A number becomes (x − mean)/sd.
    Number {
        /// The column's name.
        name: String,
        /// What is subtracted.
        mean: f64,
        /// What the difference is divided by.
        sd: f64,
        /// Whether a second column says where a number is missing, by a 1. The first is then 0.
        flags_missing: bool,
    },
    /// A category becomes a row of zeros with a 1 in its place (one-hot).
    Categories {
        /// The column's name.
        name: String,
        /// The categories, in the order of the columns.
        names: Vec<String>,
        /// Whether a further column says where a category is missing.
        flags_missing: bool,
        /// Whether a last column stands for all categories that the training part does not have.
        has_other: bool,
    },
}

impl ColumnEncoding {
    /// The column's name.
    pub fn name(&self) -> &str {
        match self {
            ColumnEncoding::Number { name, .. } | ColumnEncoding::Categories { name, .. } => name,
        }
    }

    /// The number of columns that it becomes.
    pub fn width(&self) -> usize {
        match self {
            ColumnEncoding::Number { flags_missing, .. } => 1 + usize::from(*flags_missing),
            ColumnEncoding::Categories { names, flags_missing, has_other, .. } => {
                names.len() + usize::from(*flags_missing) + usize::from(*has_other)
            }
        }
    }
}

/// What to do with a category of an input that the training part does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unknown {
    /// It is an error that names line and column.
    #[default]
    Error,
    /// It has a column of its own, shared by all of them, which is 0 in the whole training part. So the posterior of its
    /// weights is their prior, and predictions are as uncertain as the prior says.
    Other,
}

/// Options of an [`Encoder`].
///
/// ```
/// use elbo::data::{Csv, Encoding, Unknown};
///
/// let train = Csv::new().target("y").parse("train", "leaf,y\nround,1.5\nlong,2.5\n")?;
/// let test = Csv::new().target("y").parse("test", "leaf,y\nneedle,2\n")?;
/// let encoder = Encoding::default().unknown(Unknown::Other).raw_targets().fit(&train)?;
/// assert_eq!(encoder.names(), ["leaf=long", "leaf=round", "leaf: other"]);
/// assert_eq!(encoder.transform::<f32>(&test)?.data(), [0.0, 0.0, 1.0]);
/// assert_eq!(encoder.targets::<f32>(&test)?.data(), [2.0]);
/// # Ok::<(), elbo::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Encoding {
    unknown: Unknown,
    raw_inputs: bool,
    raw_targets: bool,
}

impl Encoding {
    /// Sets what to do with categories that the training part does not have.
    pub fn unknown(self, unknown: Unknown) -> Encoding {
        Encoding { unknown, ..self }
    }

    /// Leaves input numbers in their unit.
    pub fn raw_inputs(self) -> Encoding {
        Encoding { raw_inputs: true, ..self }
    }

    /// Leaves target numbers in their unit.
    pub fn raw_targets(self) -> Encoding {
        Encoding { raw_targets: true, ..self }
    }
}

/// Turns tables into tensors: numbers standardised, categories one-hot, as fitted on the training part.
///
/// Numbers get mean 0 and standard deviation 1 in the training part; that suits weights with a prior of scale 1. A column
/// whose numbers are all the same there is only shifted. Missing values need [`Missing::Mask`](super::Missing::Mask): the
/// training part's mean replaces the number, and a further column says that it was missing; a column with missing values
/// nowhere in the training part must have none later.
///
/// ```
/// use elbo::data::{Csv, Encoder};
/// use elbo::prelude::*;
///
/// let csv = Csv::new().target("species");
/// let row = |i: usize| format!("{},{},{}\n", i % 7, ["round", "long"][i % 2], ["oak", "willow"][i % 3 % 2]);
/// let table = csv.parse("trees", "height,leaf,species\n".to_owned() + &(0..40).map(row).collect::<String>())?;
/// let (train, test) = table.split(0.75, 1)?;
/// let encoder = Encoder::fit(&train)?;                           // nothing of the test part is seen
/// let (train, test) = (encoder.classification::<f32>(&train)?, encoder.classification::<f32>(&test)?);
/// assert_eq!(encoder.names(), ["height", "leaf=long", "leaf=round"]);
/// assert_eq!(encoder.classes(), ["oak", "willow"]);
/// assert_eq!(train.inputs().shape(), [30, 3]);
/// # let _ = test;
/// # Ok::<(), elbo::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::data::saved::Encoder", into = "crate::data::saved::Encoder"))]
pub struct Encoder {
    pub(super) inputs: Vec<ColumnEncoding>,
    pub(super) targets: Vec<ColumnEncoding>,
}

impl Encoder {
    /// Fits an encoder on a table, the training part: [`Encoding::fit`] with the default options.
    ///
    /// # Errors
    /// As [`Encoding::fit`].
    pub fn fit(train: &Table) -> Result<Encoder, TableError> {
        Encoding::default().fit(train)
    }

    /// The encoding of each input column.
    pub fn inputs(&self) -> &[ColumnEncoding] {
        &self.inputs
    }

    /// The encoding of each target column. Categories of targets become labels, not rows of zeros and ones.
    pub fn target_columns(&self) -> &[ColumnEncoding] {
        &self.targets
    }

    /// The number of columns of the inputs' tensor.
    pub fn width(&self) -> usize {
        self.inputs.iter().map(ColumnEncoding::width).sum()
    }

    /// A name for each column of the inputs' tensor, such as `height`, `leaf=round` or `height: missing`.
    pub fn names(&self) -> Vec<String> {
        let mut all = Vec::with_capacity(self.width());
        for column in &self.inputs {
            let (name, flags_missing, has_other) = match column {
                ColumnEncoding::Number { name, flags_missing, .. } => {
                    all.push(name.clone());
                    (name, *flags_missing, false)
                }
                ColumnEncoding::Categories { name, names, flags_missing, has_other } => {
                    all.extend(names.iter().map(|category| format!("{name}={category}")));
                    (name, *flags_missing, *has_other)
                }
            };
            all.extend(flags_missing.then(|| format!("{name}: missing")));
            all.extend(has_other.then(|| format!("{name}: other")));
        }
        all
    }

    /// The names of the classes in the order of their labels, if the only target holds categories; otherwise empty.
    pub fn classes(&self) -> &[String] {
        match &self.targets[..] {
            [ColumnEncoding::Categories { names, .. }] => names,
            _ => &[],
        }
    }

    /// The scaling of the targets, with which predictions return to the targets' unit:
    /// [`Mixture::unscaled`](crate::metrics::Mixture::unscaled).
    ///
    /// # Panics
    /// If there is no target, or one holds categories.
    #[track_caller]
    pub fn target_scaling(&self) -> Scaling {
        let (mut shift, mut scale) = (Vec::new(), Vec::new());
        for column in &self.targets {
            match column {
                ColumnEncoding::Number { mean, sd, .. } => {
                    shift.push(*mean);
                    scale.push(*sd);
                }
                ColumnEncoding::Categories { name, .. } => {
                    panic!("Encoder::target_scaling: target {name:?} holds categories, which have no scale")
                }
            }
        }
        assert!(!shift.is_empty(), "Encoder::target_scaling: the table had no target; set one by `Csv::target`");
        Scaling { shift, scale }
    }
}
