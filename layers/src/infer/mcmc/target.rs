//! The target density of a chain: the log joint density as a function of the unconstrained weights in one slice.

use std::ops::Range;

use crate::data::{Examples, Observed, Targets};
use crate::engine::{Gradients, Real, Tape, Var};
use crate::likelihood::Likelihood;
use crate::model::forward_by::{Outputs, Own};
use crate::model::{Bayesian, Drawn, Model};
use crate::weights::Weights;

/// Numbers of inputs on the tape at a time: with the values of a narrow network they stay in a core's cache.
const NUMBERS: usize = 1 << 15;

/// The fewest and the most examples on the tape at a time.
const EXAMPLES: [usize; 2] = [256, 2048];

/// A data set in the parts that are on a tape at a time. Every gradient of every chain uses all of them, so they are gathered
/// once.
pub(super) struct Parts<'d, T: Real, Y: Targets> {
    data: &'d Examples<T, Y>,
    parts: Vec<Part<T, Y>>,
}

/// Consecutive examples, with their targets; without them if these are all of the data set.
type Part<T, Y> = (Range<usize>, Option<Observed<T, Y>>);

impl<'d, T: Real, Y: Targets> Parts<'d, T, Y> {
    pub(super) fn new(data: &'d Examples<T, Y>) -> Self {
        let (len, size) = (data.len(), Self::examples(data));
        let part = |first: usize| {
            let rows = first..len.min(first + size);
            let observed = (rows.len() < len).then(|| {
                let mut observed = data.observed().empty_like();
                data.observed().gather(&rows.clone().collect::<Vec<_>>(), &mut observed);
                observed
            });
            (rows, observed)
        };
        Parts { data, parts: (0..len).step_by(size).map(part).collect() }
    }

    /// The number of examples of each part; the last may have fewer.
    pub(super) fn examples(data: &Examples<T, Y>) -> usize {
        let [least, most] = EXAMPLES;
        (NUMBERS / (data.inputs().len() / data.len()).max(1)).clamp(least, most)
    }
}

/// The density with its buffers, for one chain.
pub(super) struct Target<'m, M: Bayesian, L: Likelihood<M::Scalar>> {
    model: &'m M,
    likelihood: &'m L,
    parts: &'m Parts<'m, M::Scalar, L::Targets>,
    /// Unconstrained.
    weights: Weights<M::Scalar>,
    flat: Vec<M::Scalar>,
    gradients: Gradients<M::Scalar>,
    tape: Tape<M::Scalar>,
}

impl<'m, M, L> Target<'m, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    /// For weights like `weights`, which are unconstrained.
    pub(super) fn new(
        model: &'m M,
        likelihood: &'m L,
        parts: &'m Parts<'m, M::Scalar, L::Targets>,
        weights: &Weights<M::Scalar>,
    ) -> Self {
        let weights = weights.clone();
        let (flat, gradients) = (weights.flat(), Gradients::of(&weights));
        Target { model, likelihood, parts, weights, flat, gradients, tape: Tape::new() }
    }

    /// The value in nats at a position; sets its gradient.
    pub(super) fn at(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        self.flat.iter_mut().zip(position).for_each(|(to, &from)| *to = M::Scalar::from_f64(from));
        self.weights.set_flat(&self.flat).expect("the position has the weights' elements");
        self.gradients.clear();
        let last = self.parts.parts.len() - 1;
        let value: f64 = self
            .parts
            .parts
            .iter()
            .enumerate()
            .map(|(i, part)| {
                self.tape.reset();
                let net = self.model.at(&self.tape, &self.weights);
                let (rows, observed) = part;
                let observed = observed.as_ref().unwrap_or(self.parts.data.observed());
                let x = self.tape.input_rows(self.parts.data.inputs(), rows.clone());
                let nll = observed.nll(self.likelihood, Outputs::<M>::outputs(&Own, net, x));
                let share = -(rows.len() as f64);
                let mut value = share * nll.nats();
                let mut terms = [(nll.var(), M::Scalar::from_f64(share)); 3];
                let mut count = 1;
                if i == last {
                    // The densities of the weights, in the same backward pass.
                    for term in [net.log_prior().var(), net.log_jacobian()].into_iter().flatten() {
                        value += Var::item(term);
                        terms[count] = (term, M::Scalar::ONE);
                        count += 1;
                    }
                }
                self.tape.backward(&terms[..count], &mut self.gradients);
                value
            })
            .sum();
        let slopes = self.gradients.iter().flat_map(|(.., slopes)| slopes);
        gradient.iter_mut().zip(slopes).for_each(|(to, from)| *to = from.to_f64());
        value
    }

    /// The weights of the last position.
    pub(super) fn weights(&self) -> &Weights<M::Scalar> {
        &self.weights
    }

    /// The element in whose direction the density changed fastest at the last position: its weight, its index, and the slope.
    pub(super) fn steepest(&self) -> (String, usize, f64) {
        let elements = self.gradients.iter().flat_map(|(name, _, slopes)| {
            slopes.iter().enumerate().map(move |(element, slope)| (name.to_owned(), element, slope.to_f64()))
        });
        elements.max_by(|a, b| a.2.abs().total_cmp(&b.2.abs())).unwrap_or_default()
    }
}
