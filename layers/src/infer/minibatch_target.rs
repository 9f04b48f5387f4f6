//! The estimate of the log joint density and its gradient from a minibatch, as functions of the unconstrained weights.

use crate::engine::{Gradients, Real, Tape};
use crate::infer::LogJoint;
use crate::infer::batch::Batch;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::weights::Weights;

/// The density with its buffers, for one thread.
pub(in crate::infer) struct Target<'m, M: Bayesian, L: Likelihood<M::Scalar>> {
    joint: &'m LogJoint<'m, M, L>,
    /// N.
    examples: usize,
    /// Unconstrained.
    weights: Weights<M::Scalar>,
    flat: Vec<M::Scalar>,
    gradients: Gradients<M::Scalar>,
    batch: Batch<M::Scalar, L::Targets>,
    /// The log-likelihood and the log density of the weights at the last position.
    terms: [f64; 2],
}

impl<'m, M, L> Target<'m, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    /// For weights like `weights`, which are unconstrained.
    pub(in crate::infer) fn new(joint: &'m LogJoint<'m, M, L>, examples: usize, weights: &Weights<M::Scalar>) -> Self {
        let weights = weights.clone();
        let (flat, gradients) = (weights.flat(), Gradients::of(&weights));
        Target { joint, examples, weights, flat, gradients, batch: joint.batch_on(Tape::new()), terms: [f64::NAN; 2] }
    }

    /// N/|rows| times the log-likelihood of the rows plus ln p of the weights at a position, in nats; sets its gradient.
    pub(in crate::infer) fn at(&mut self, position: &[f64], rows: &[usize], gradient: &mut [f64]) -> f64 {
        self.set(position);
        self.gradients.clear();
        let scale = self.examples as f64 / rows.len() as f64;
        self.terms = self.joint.add_terms(&self.weights, rows, scale, &mut self.batch, &mut self.gradients);
        let slopes = self.gradients.iter().flat_map(|(.., slopes)| slopes);
        gradient.iter_mut().zip(slopes).for_each(|(to, from)| *to = from.to_f64());
        self.terms.iter().sum()
    }

    /// After [`at`](Target::at): the estimate of the log-likelihood of all data, and the log density of the
    /// unconstrained weights under their priors, in nats.
    pub(in crate::infer) fn terms(&self) -> [f64; 2] {
        self.terms
    }

    /// The weights at a position, constrained.
    pub(in crate::infer) fn weights(&mut self, position: &[f64]) -> Weights<M::Scalar> {
        self.set(position);
        self.weights.constrained()
    }

    /// The name of the first weight that is not valid in the scalar type at a position, with the index of the element within it
    /// and in the position.
    pub(super) fn first_out_of_range(&mut self, position: &[f64]) -> Option<(String, usize, usize)> {
        let weights = self.weights(position);
        let mut first = 0;
        for entry in weights.entries() {
            let is_valid = |w: &M::Scalar| w.is_finite() && entry.space.contains(w.to_f64());
            if let Some(element) = entry.tensor.data().iter().position(|w| !is_valid(w)) {
                return Some((entry.name.to_string(), element, first + element));
            }
            first += entry.tensor.len();
        }
        None
    }

    /// After [`at`](Target::at): the name and the value of the first term or gradient that is not finite, if there is one.
    pub(in crate::infer) fn first_non_finite(&self, value: f64) -> Option<(String, f64)> {
        if !value.is_finite() {
            // The sum over all data may be finite where that over a batch, which is scaled, is not.
            let named = self.joint.first_non_finite(&self.weights);
            return named.or_else(|| Some(("log-likelihood of the data".to_owned(), value)));
        }
        let name = self.gradients.first_non_finite()?;
        let slopes = self.gradients.get(name).into_iter().flatten();
        let slope = slopes.map(|slope| slope.to_f64()).find(|slope| !slope.is_finite());
        Some((format!("gradient of `{name}`"), slope.unwrap_or(f64::NAN)))
    }

    fn set(&mut self, position: &[f64]) {
        self.flat.iter_mut().zip(position).for_each(|(to, &from)| *to = M::Scalar::from_f64(from));
        self.weights.set_flat(&self.flat).expect("the position has the weights' elements");
    }
}
