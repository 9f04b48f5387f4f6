//! The likelihoods that a table's target may have.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A likelihood, and what of it is an output of the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Two classes
    Bernoulli,
    /// Classes
    Categorical,
    /// Numbers with normal noise of one size
    Gaussian,
    /// Numbers with normal noise whose size differs by row
    Heteroscedastic,
    /// Numbers with outliers: Student's t with four degrees of freedom
    StudentT,
    /// Positive numbers whose logarithm has normal noise
    LogNormal,
    /// Counts whose variance is their mean
    Poisson,
    /// Counts whose variance is larger than their mean
    NegativeBinomial,
}

impl Family {
    /// The name as an option.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether targets are classes.
    pub fn is_of_classes(self) -> bool {
        matches!(self, Family::Bernoulli | Family::Categorical)
    }

    /// Whether targets are counts.
    pub fn is_of_counts(self) -> bool {
        matches!(self, Family::Poisson | Family::NegativeBinomial)
    }

    /// The number of outputs of the network.
    pub(super) fn outputs(self, classes: usize) -> usize {
        match self {
            Family::Categorical => classes,
            Family::Heteroscedastic => 2,
            _ => 1,
        }
    }

    /// Whether a learned constant stands after the outputs: the logarithm of a scale or of a dispersion.
    pub(super) fn has_constant(self) -> bool {
        matches!(self, Family::Gaussian | Family::StudentT | Family::LogNormal | Family::NegativeBinomial)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// Evaluates an expression with the likelihood of a family of numbers. Two classes are the numbers 0 and 1.
macro_rules! with_likelihood {
    ($family:expr, $likelihood:ident => $value:expr) => {
        match $family {
            Family::Bernoulli => {
                let $likelihood = elbo::Bernoulli;
                $value
            }
            Family::Gaussian | Family::Heteroscedastic => {
                let $likelihood = elbo::HeteroscedasticGaussian;
                $value
            }
            Family::StudentT => {
                let $likelihood = elbo::StudentTNoise::new(4.0);
                $value
            }
            Family::LogNormal => {
                let $likelihood = elbo::LogNormalNoise;
                $value
            }
            Family::Poisson => {
                let $likelihood = elbo::Poisson;
                $value
            }
            Family::NegativeBinomial => {
                let $likelihood = elbo::NegativeBinomial;
                $value
            }
            Family::Categorical => unreachable!("its targets are labels"),
        }
    };
}

pub(super) use with_likelihood;
