//! Why a chain does not move: the term that is not finite, or the weight in which the density is steepest.

use crate::infer::LogJoint;
use crate::infer::chains::Chain;
use crate::infer::mcmc::target::Target;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::weights::Weights;

/// The term by whose value or slope the log density is not finite.
pub(super) fn not_finite<M, L>(
    joint: &LogJoint<'_, M, L>,
    weights: &Weights<M::Scalar>,
    value: f64,
    slope: &[f64],
) -> String
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    if value.is_finite() {
        let mut first = 0;
        let of = weights.entries().iter().find(|entry| {
            let slopes = &slope[first..][..entry.tensor.len()];
            first += slopes.len();
            slopes.iter().any(|slope| !slope.is_finite())
        });
        return format!("gradient of {}", of.map_or_else(String::new, |entry| entry.name.to_string()));
    }
    joint.first_non_finite(weights).map_or_else(|| "log density".to_owned(), |(term, _)| term)
}

/// Why a chain does not move: what was not finite, or else the weight in which the density is steepest where the chain stands.
pub(super) fn cause<M, L>(made: &Chain, target: &mut Target<'_, M, L>) -> String
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    if let Some((term, count)) = made.not_finite.iter().max_by_key(|(_, count)| **count) {
        return format!("the {term} was not finite in {count} of its steps");
    }
    let (weight, element, slope) = target.steepest();
    format!(
        "the log density is steepest in `{weight}`[{element}], with {slope:.3e} nats per unit, or its gradient does not match \
         its value"
    )
}
