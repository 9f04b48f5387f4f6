//! `SampledOutputs`: prediction by local reparameterisation, which samples outputs instead of weights.

use std::fmt;
use std::ops::Deref;

use super::{DrawOf, Samples, ScalarOf, check_index};
use crate::engine::Name;
use crate::engine::{Parameters, Path, Real, Tape};
use crate::estimator::Variance;
use crate::model::{Bayesian, Drawn};
use crate::model::{CompatibleWith, Local};
use crate::samples::Draws;
use crate::sampling::{Drawing, Estimator};
use crate::weights::Moments;

/// Draws made on a tape at once.
const AT_ONCE: usize = 64;

/// Prediction by local reparameterisation (Kingma, Salimans and Welling 2015, eq. 6): the outputs of linear maps are
/// sampled instead of their weights. The weights' means and variances are computed once and serve all draws in one
/// pass.
///
/// For each row by itself it is exact if the weights are normal and each is used once: an output is then normal with
/// exactly this mean and variance. *Rows do not share weights*: anything that depends on several rows, such as the
/// probability that two rows have the same class, is not that of the posterior. Over positions (a convolution, a dense
/// layer over time) it is the published approximation, which treats positions as independent. A row's noise depends on
/// its index in the prediction, so its result varies with the index, within Monte Carlo error.
///
/// `M` is a pointer to the model, as in [`KeptDraws`](crate::KeptDraws). It does not compile for a model with a
/// posterior whose elements are dependent.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::SampledOutputs;
/// let model = Dense::new(3, 2);
/// let service = SampledOutputs::new(&model, Draws(64));
/// let answer = service.predict(&Categorical, &Tensor::from_fn([1, 3], |i| i as f64));
/// ```
#[derive(Clone)]
pub struct SampledOutputs<M: Deref<Target: Parameters>> {
    model: M,
    moments: Moments<<M::Target as Parameters>::Scalar>,
    draws: Draws,
}

impl<M: Deref<Target: Bayesian + Sized>> SampledOutputs<M>
where
    Local: CompatibleWith<M::Target>,
{
    /// Computes the weights' means and variances, for `draws` draws of the outputs.
    pub fn new(model: M, draws: Draws) -> Self {
        let moments = {
            let tape = Tape::inference();
            moments(&model.mean(&tape))
        };
        SampledOutputs { model, moments, draws }
    }
}

impl<M: Deref<Target: Bayesian + Sized + Sync> + Sync> Samples for SampledOutputs<M> {
    type Model = M::Target;

    fn model(&self) -> &M::Target {
        &self.model
    }

    fn count(&self) -> usize {
        self.draws.count()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        self.draw_for_rows(tape, index, 0)
    }

    #[track_caller]
    fn draw_for_rows<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize, first: usize) -> DrawOf<'t, Self> {
        check_index(index, self.draws.count());
        let draws = AT_ONCE.min(self.draws.count() - index);
        // Each batch of rows has its own noise.
        let key = self.draws.key(index).index(first);
        let drawing = Drawing::new(key).estimator(Estimator::Local).draws(draws);
        self.model.draw(tape, drawing.without_kl().moments(&self.moments))
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }

    fn serves_once(&self) -> bool {
        true
    }

    fn in_one_batch(&self) -> bool {
        self.draws.are_in_one_batch()
    }
}

impl<M: Deref<Target: Parameters>> fmt::Debug for SampledOutputs<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SampledOutputs").field("draws", &self.draws.count()).finish_non_exhaustive()
    }
}

/// The means and variances of the weights, by name.
fn moments<'t, T: Real>(net: &impl Drawn<'t, T>) -> Moments<T> {
    let mut entries = Vec::new();
    net.walk(&Path::ROOT, &mut |path, weight| {
        let variance = match weight.variance_var() {
            Variance::Independent(variance) => Some(variance.to_tensor()),
            Variance::Zero | Variance::Joint => None,
        };
        entries.push((Name::of(path), weight.mean_var().to_tensor(), variance));
    });
    Moments::new(entries)
}
