//! `SwagPosterior`: draws around the average of the iterates.

use std::fmt;

use crate::engine::random::normals;
use crate::engine::threads::map_tasks;
use crate::engine::{Path, Role, Tape, Tensor};
use crate::infer::swag::moments::Moments;
use crate::infer::swag::{point, statistics};
use crate::infer::vi::Report;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Model};
use crate::samples::{DrawOf, Draws, Samples, ScalarOf, check_index};

/// The result of [`Swag`](crate::Swag): draws around the average of the iterates, as [`Samples`] of the weights. Each draw is a
/// model of its own, with its own running statistics. All weights without [`freeze`](crate::Adam::freeze) are drawn, those without
/// a prior too; the standard deviations of the model's own posterior play no part.
#[derive(Clone)]
pub struct SwagPosterior<M: Bayesian> {
    mean: M,
    moments: Moments<M::Scalar>,
    batch_size: usize,
    rate: f64,
    reports: [Report; 2],
    draws: Vec<M>,
}

impl<M: Model + Bayesian + Clone + Send + Sync> SwagPosterior<M> {
    /// Around the mean of `moments`, for a model like `model`.
    pub(super) fn new(
        mut model: M,
        moments: Moments<M::Scalar>,
        inputs: &Tensor<M::Scalar>,
        batch_size: usize,
        draws: Draws,
        rate: f64,
        reports: [Report; 2],
    ) -> Self {
        let mean = moments.mean();
        point::write(&mut model, |i| mean[i]);
        statistics::renew(&mut model, inputs, batch_size, &Own);
        SwagPosterior { mean: model, moments, batch_size, rate, reports, draws: Vec::new() }.redraw(inputs, draws)
    }

    /// Other draws in place of these. The running statistics of a batch normalisation are made from `inputs`, those of the training
    /// set.
    ///
    /// # Panics
    /// If the model's forward does.
    #[must_use]
    pub fn redraw(mut self, inputs: &Tensor<M::Scalar>, draws: Draws) -> Self {
        let draw = |_: &mut (), index: usize| {
            let key = draws.key(index).at("swag");
            let [mut diagonal, mut low_rank] = [vec![0.0; self.moments.mean().len()], vec![0.0; self.moments.rank()]];
            normals(key.at("diagonal"), 0, &mut diagonal);
            normals(key.at("low rank"), 0, &mut low_rank);
            let values = self.moments.at(&diagonal, &low_rank);
            let mut model = self.mean.clone();
            point::write(&mut model, |i| values[i]);
            statistics::renew(&mut model, inputs, self.batch_size, &Own);
            model
        };
        self.draws = map_tasks(draws.count(), || (), draw);
        self
    }
}

impl<M: Bayesian> SwagPosterior<M> {
    /// The model at the average of the iterates: stochastic weight averaging (Izmailov et al. 2018).
    pub fn mean(&self) -> &M {
        &self.mean
    }

    /// The models of the draws.
    pub fn models(&self) -> &[M] {
        &self.draws
    }

    /// The number of iterates.
    pub fn iterates(&self) -> usize {
        self.moments.count()
    }

    /// The number of deviations that were kept, K.
    pub fn rank(&self) -> usize {
        self.moments.rank()
    }

    /// The constant learning rate of the iterates.
    pub fn learning_rate(&self) -> f64 {
        self.rate
    }

    /// The reports of the training by [`Map`](crate::Map), and of that at the constant rate.
    pub fn reports(&self) -> &[Report; 2] {
        &self.reports
    }

    /// The standard deviation of each element under the approximation, for each tensor that is drawn, by name: posterior means
    /// (`head.weight.mean`) and deterministic weights. Those of positive weights are of unconstrained numbers.
    pub fn sds(&self) -> Vec<(String, Vec<f64>)> {
        let (mut variances, mut sds) = (self.moments.variances().into_iter(), Vec::new());
        self.mean.visit(&Path::ROOT, &mut |path, role, tensor| {
            if matches!(role, Role::Mean | Role::Point) {
                sds.push((path.to_string(), variances.by_ref().take(tensor.len()).map(f64::sqrt).collect()));
            }
        });
        sds
    }
}

impl<M: Bayesian + Sync> Samples for SwagPosterior<M> {
    type Model = M;

    /// The model at the average of the iterates.
    fn model(&self) -> &M {
        &self.mean
    }

    fn count(&self) -> usize {
        self.draws.len()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        check_index(index, self.draws.len());
        self.draws[index].mean(tape)
    }

    fn model_of(&self, index: usize) -> &M {
        &self.draws[index]
    }
}

impl<M: Bayesian> fmt::Debug for SwagPosterior<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("SwagPosterior");
        shown.field("iterates", &self.iterates()).field("rank", &self.rank()).field("learning_rate", &self.rate);
        shown.field("draws", &self.draws.len()).finish_non_exhaustive()
    }
}
