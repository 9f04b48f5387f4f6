//! `LaplacePosterior`: the normal distribution around a mode, with its evidence, samples and covariances.

use std::fmt;

use crate::data::Targets;
use crate::engine::random::normals;
use crate::engine::threads::map_tasks;
use crate::engine::{Real, Tensor};
use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::blocks::{Block, Curvature};
use crate::infer::laplace::factor::Factor;
use crate::infer::laplace::jacobian::Jacobian;
use crate::infer::laplace::linearised::Linearised;
use crate::infer::laplace::mode::Mode;
use crate::infer::laplace::prior::Prior;
use crate::model::Bayesian;
use crate::predictive::Outputs;
use crate::samples::{Draws, KeptDraws};
use crate::weights::Weights;

/// The result of [`Laplace`](struct@crate::Laplace): a normal distribution of the chosen weights around the mode. The model's other
/// weights stay at their means.
///
/// Predictions come in two ways. [`predict`](LaplacePosterior::predict) samples the weights in the *linearised* model f(x) +
/// J(x) δw, the model to which the generalised Gauss-Newton matrix belongs. [`samples`](LaplacePosterior::samples) are draws of
/// the weights for the network itself, as any [`Samples`](crate::Samples): with the same covariance they are far too uncertain
/// where the network is not linear within it (Immer, Korzepa and Bauer 2021, "Improving predictions of Bayesian neural nets via
/// local linearization"), so the linearised prediction is the default.
pub struct LaplacePosterior<'m, M: Bayesian> {
    pub(super) mode: Mode<'m, M>,
    pub(super) blocks: Vec<Block>,
    pub(super) prior: Prior,
    pub(super) factors: Vec<Factor>,
    at_mode: AtMode,
}

/// The likelihood of the data at the mode.
#[derive(Clone, Debug)]
pub(super) struct AtMode {
    /// Σ ln p(y | x, w), in nats.
    pub(super) log_likelihood: f64,
    /// Its gradient with respect to the chosen weights.
    pub(super) slopes: Vec<f64>,
}

impl<'m, M: Bayesian> LaplacePosterior<'m, M> {
    /// # Errors
    /// If a prior does not fit Kronecker factors, or the posterior precision is not positive definite.
    pub(super) fn new(
        mode: Mode<'m, M>,
        blocks: Vec<Block>,
        prior: Prior,
        at_mode: AtMode,
    ) -> Result<Self, LaplaceError> {
        let factors = blocks.iter().map(|block| {
            let precisions = &prior.precision[block.elements.clone()];
            if matches!(block.curvature, Curvature::Kronecker(_)) && precisions.iter().any(|p| *p != precisions[0]) {
                let weight = mode.chosen.weights[block.weights.start].name.clone();
                let mistake = "has another precision for each element, which Kronecker factors cannot have; use `.full()` or \
                               `.diagonal()`";
                return Err(LaplaceError::Prior { weight, mistake: mistake.to_owned() });
            }
            block.factor(precisions).map_err(|bad| mode.chosen.not_positive(block.elements.start + bad.element, bad.value))
        });
        let factors = factors.collect::<Result<_, _>>()?;
        Ok(LaplacePosterior { mode, blocks, prior, factors, at_mode })
    }

    /// The same approximation with another prior precision for each element.
    pub(super) fn with_precision(self, precision: Vec<f64>) -> Result<Self, LaplaceError> {
        let prior = self.prior.with_precision(precision);
        LaplacePosterior::new(self.mode, self.blocks, prior, self.at_mode)
    }

    /// The number of elements of the chosen weights, d.
    pub fn num_weights(&self) -> usize {
        self.mode.chosen.len()
    }

    /// The number of outputs of an example.
    pub(crate) fn num_outputs(&self) -> usize {
        self.mode.axes.iter().product()
    }

    /// The names of the chosen weights.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.mode.chosen.weights.iter().map(|weight| &weight.name[..])
    }

    /// The mode: all random weights of the model, at their means.
    pub fn mode(&self) -> Weights<M::Scalar> {
        self.mode.weights.constrained()
    }

    /// Σ ln p(y | x, w) of the data at the mode, in nats.
    pub fn log_likelihood_at_mode(&self) -> f64 {
        self.at_mode.log_likelihood
    }

    /// ln p(w) of the chosen weights at the mode, in nats.
    pub fn log_prior_at_mode(&self) -> f64 {
        self.prior.nats
    }

    /// The approximation of the log evidence (marginal likelihood) of the chosen weights, in nats: ln Z ≈ ln p(y | x, w) +
    /// ln p(w) + ½ d ln 2π − ½ ln det P at the mode, with the posterior precision P (MacKay 1992). The other weights are
    /// constants of it.
    pub fn log_evidence(&self) -> f64 {
        let d = self.num_weights() as f64;
        self.at_mode.log_likelihood + self.prior.nats + 0.5 * (d * std::f64::consts::TAU.ln() - self.log_determinant())
    }

    /// By how many nats the log joint density at the means is below its mode, as a Newton step estimates it: ½ gᵀ P⁻¹ g, with the
    /// gradient g there and the posterior precision P (half of the squared Newton decrement; Boyd and Vandenberghe 2004,
    /// "Convex Optimization", section 9.5.1). The log evidence is too small by about as much. For another prior precision than the
    /// model's it is that under the new prior, whose mode is elsewhere.
    pub fn nats_below_mode(&self) -> f64 {
        let g: Vec<f64> = self.at_mode.slopes.iter().zip(&self.prior.slope).map(|(of, prior)| of + prior).collect();
        let blocks = self.blocks.iter().zip(&self.factors);
        0.5 * blocks.map(|(block, factor)| block.squared_length(factor, &g[block.elements.clone()])).sum::<f64>()
    }

    /// Whether the means are at a mode, up to what makes no difference: [`nats_below_mode`](LaplacePosterior::nats_below_mode) is
    /// less than √(d/2), the standard deviation of the log density among draws of the approximation, or less than 1.
    pub fn is_at_mode(&self) -> bool {
        self.nats_below_mode() < (0.5 * self.num_weights() as f64).sqrt().max(1.0)
    }

    /// In words: whether the means are at a mode, and what to do if they are not.
    pub fn verdict(&self) -> String {
        let nats = self.nats_below_mode();
        if self.is_at_mode() {
            return format!("good: the means are at a mode; a Newton step would gain {nats:.2} nats");
        }
        format!(
            "wrong: the means are not at a mode. A Newton step would gain {nats:.1} nats, by which the log evidence is too small, and \
             move the weights by {:.1} standard deviations. Train by `Map` with this likelihood and this prior until it has \
             converged",
            (2.0 * nats).sqrt()
        )
    }

    /// ln det P of the posterior precision P of the chosen weights.
    pub fn log_determinant(&self) -> f64 {
        let blocks = self.blocks.iter().zip(&self.factors);
        blocks.map(|(block, factor)| factor.log_determinant(block.elements.len())).sum()
    }

    /// The prior precision of each chosen weight by name, one number for each element.
    pub fn prior_precisions(&self) -> impl ExactSizeIterator<Item = (&str, &[f64])> {
        let weights = self.mode.chosen.weights.iter();
        weights.map(|weight| (&weight.name[..], &self.prior.precision[weight.elements.clone()]))
    }

    /// The posterior standard deviation of each chosen weight by name, one number for each element. Those of positive weights
    /// are of their unconstrained numbers.
    pub fn sds(&self) -> Vec<(&str, Vec<f64>)> {
        let variances: Vec<f64> =
            self.blocks.iter().zip(&self.factors).flat_map(|(block, factor)| block.variances(factor)).collect();
        let sds = |weight: std::ops::Range<usize>| variances[weight].iter().map(|v| v.sqrt()).collect();
        self.mode.chosen.weights.iter().map(|weight| (&weight.name[..], sds(weight.elements.clone()))).collect()
    }

    /// The posterior covariance of the chosen weights, (d, d), in the order of [`names`](LaplacePosterior::names), each row by
    /// row. It needs 8 d² bytes, whatever the structure of the curvature.
    pub fn covariance(&self) -> Tensor<f64> {
        let d = self.num_weights();
        let mut covariance = Tensor::zeros([d, d]);
        for (block, factor) in self.blocks.iter().zip(&self.factors) {
            let (n, of_block) = (block.elements.len(), block.covariance(factor));
            for (row, of_row) in block.elements.clone().zip(of_block.chunks_exact(n)) {
                covariance.data_mut()[row * d..][block.elements.clone()].copy_from_slice(of_row);
            }
        }
        covariance
    }

    /// Draws of the weights, for the network itself; see [`LaplacePosterior`] for the other way to predict. They predict by the
    /// model's own forward; for another, use [`predict_with`](crate::Predict::predict_with).
    pub fn samples(&self, draws: Draws) -> KeptDraws<&'m M> {
        let start: Vec<f64> = self.mode.chosen.flat(&self.mode.weights).into_iter().map(Real::to_f64).collect();
        let changes = self.changes(draws);
        let of_draw = |change: &[f64]| {
            let mut weights = self.mode.weights.clone();
            self.mode.chosen.set(&mut weights, |i| M::Scalar::from_f64(start[i] + change[i]));
            weights.constrained()
        };
        let weights = changes.chunks_exact(start.len()).map(of_draw).collect();
        KeptDraws::of(self.mode.model, weights).expect("the weights are the model's, with other values")
    }

    /// Samples of the change from the mode, (draws, d).
    pub(super) fn changes(&self, draws: Draws) -> Vec<f64> {
        let of_draw = |draw: usize| {
            let mut change = Vec::with_capacity(self.num_weights());
            for (index, (block, factor)) in self.blocks.iter().zip(&self.factors).enumerate() {
                let mut noise = vec![0.0; block.elements.len()];
                normals(draws.key(draw).at("laplace").index(index), 0, &mut noise);
                change.extend(block.sample(factor, &noise));
            }
            change
        };
        (0..draws.count()).flat_map(of_draw).collect()
    }
}

impl<M: Bayesian + Sync> LaplacePosterior<'_, M> {
    /// The outputs of the linearised model, f(x) + J(x) δw, for each draw of the weights: (draws, rows, ..). A draw is the same
    /// for all rows, and in any call.
    ///
    /// # Panics
    /// If `x` has no rows, a value of it is not finite, or the forward panics.
    #[track_caller]
    pub fn outputs(&self, x: &Tensor<M::Scalar>, draws: Draws) -> Outputs<M::Scalar> {
        let (count, each) = (draws.count(), self.mode.outputs());
        let changes = self.changes(draws);
        let parts = self.by_rows(x, |jacobian| self.moved(&jacobian, &changes, count));
        let of_draw = |draw: usize| {
            let part = move |part: &Vec<M::Scalar>| (part.len() / count * draw)..(part.len() / count * (draw + 1));
            parts.iter().flat_map(move |of_part| &of_part[part(of_part)]).copied()
        };
        let shape: Vec<usize> = [count, x.rows()].iter().chain(&self.mode.axes).copied().collect();
        let mut values = Vec::with_capacity(count * x.rows() * each);
        (0..count).for_each(|draw| values.extend(of_draw(draw)));
        Outputs::new(Tensor::new(shape, values))
    }

    /// f(x) + J(x) δw for these draws of δw, (draws, rows, ..).
    pub(super) fn moved(&self, jacobian: &Jacobian<M::Scalar>, changes: &[f64], draws: usize) -> Vec<M::Scalar> {
        let moved = jacobian.changes(&self.mode.chosen, changes, draws);
        let at_mode = jacobian.values.data();
        let sums = moved.iter().enumerate().map(|(i, change)| at_mode[i % at_mode.len()].to_f64() + change);
        sums.map(M::Scalar::from_f64).collect()
    }

    /// The linearised model's outputs as a normal distribution: their means f(x) and covariances J(x) P⁻¹ J(x)ᵀ for each row,
    /// without sampling.
    ///
    /// # Panics
    /// As [`outputs`](LaplacePosterior::outputs).
    #[track_caller]
    pub fn linearised(&self, x: &Tensor<M::Scalar>) -> Linearised {
        let each = self.mode.outputs();
        let parts = self.by_rows(x, |jacobian| {
            let mut covariances = vec![0.0; jacobian.rows * each * each];
            for (block, factor) in self.blocks.iter().zip(&self.factors) {
                block.add_covariances(factor, &jacobian, &mut covariances);
            }
            (jacobian.values.data().iter().map(|y| y.to_f64()).collect::<Vec<f64>>(), covariances)
        });
        let (mut means, mut covariances) = (Vec::new(), Vec::new());
        for (of_means, of_covariances) in parts {
            means.extend(of_means);
            covariances.extend(of_covariances);
        }
        Linearised::new(x.rows(), each, means, covariances)
    }

    /// The results of `work` for the Jacobians of consecutive rows.
    #[track_caller]
    fn by_rows<R: Send + Sync>(&self, x: &Tensor<M::Scalar>, work: impl Fn(Jacobian<M::Scalar>) -> R + Sync) -> Vec<R> {
        let rows = x.rows();
        assert!(rows > 0, "predict: the input of shape {:?} has no rows", x.shape());
        if let Some(at) = x.data().iter().position(|x| !x.is_finite()) {
            let width = x.len() / rows;
            let (row, column, value) = (at / width, at % width, x.data()[at].to_f64());
            panic!(
                "predict: row {row}, column {column} (both from 0) of the inputs is {value}; drop the row or fill the gap"
            );
        }
        let [at_once, together] = self.mode.at_once();
        let batches = rows.div_ceil(at_once);
        let mut results = Vec::with_capacity(batches);
        for first in (0..batches).step_by(together) {
            results.extend(map_tasks(
                together.min(batches - first),
                || x.empty_like(),
                |some, task| {
                    let start = (first + task) * at_once;
                    x.gather(&(start..rows.min(start + at_once)).collect::<Vec<_>>(), some);
                    work(self.mode.jacobian(some))
                },
            ));
        }
        results
    }
}

impl<M: Bayesian> fmt::Debug for LaplacePosterior<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("LaplacePosterior");
        shown.field("weights", &self.num_weights()).field("log_evidence", &self.log_evidence());
        shown.field("nats_below_mode", &self.nats_below_mode()).finish_non_exhaustive()
    }
}
