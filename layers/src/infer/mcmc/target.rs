//! The target density of a chain: the log joint density as a function of the unconstrained weights in one slice.

use crate::engine::{Gradients, Real, Tape};
use crate::infer::LogJoint;
use crate::infer::batch::Batch;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::Model;
use crate::weights::Weights;

/// The density with its buffers, for one chain.
pub(super) struct Target<'m, M: Bayesian, L: Likelihood<M::Scalar>> {
    joint: &'m LogJoint<'m, M, L>,
    rows: &'m [usize],
    /// Unconstrained.
    weights: Weights<M::Scalar>,
    flat: Vec<M::Scalar>,
    gradients: Gradients<M::Scalar>,
    batch: Batch<M::Scalar, L::Targets>,
}

impl<'m, M, L> Target<'m, M, L>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    /// On all `rows` of the data, for weights like `weights`, which are unconstrained.
    pub(super) fn new(joint: &'m LogJoint<'m, M, L>, rows: &'m [usize], weights: &Weights<M::Scalar>) -> Self {
        let weights = weights.clone();
        let (flat, gradients) = (weights.flat(), Gradients::of(&weights));
        Target { joint, rows, weights, flat, gradients, batch: joint.batch_on(Tape::new()) }
    }

    /// The value in nats at a position; sets its gradient.
    pub(super) fn at(&mut self, position: &[f64], gradient: &mut [f64]) -> f64 {
        self.flat.iter_mut().zip(position).for_each(|(to, &from)| *to = M::Scalar::from_f64(from));
        self.weights.set_flat(&self.flat).expect("the position has the weights' elements");
        self.gradients.clear();
        let value = self.joint.add_terms(&self.weights, self.rows, 1.0, &mut self.batch, &mut self.gradients);
        let slopes = self.gradients.iter().flat_map(|(.., slopes)| slopes);
        gradient.iter_mut().zip(slopes).for_each(|(to, from)| *to = from.to_f64());
        value
    }
}
