//! Prediction for new rows: the traits `Predict` and `PredictFromPosterior`.

mod each_draw;
mod linearised;
mod log_likelihood;
mod row_batches;
mod streaming;
mod thread_tape;

use each_draw::EachDraw;
pub use log_likelihood::LogLikelihood;
use row_batches::RowBatches;

use crate::data::Examples;
use crate::engine::{Tensor, Var};
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::Model;
use crate::model::forward_by::{By, Own};
use crate::predictive::Outputs;
use crate::samples::Draws;
use crate::samples::{DrawOf, ScalarOf};
use crate::samples::{FromPosterior, PointEstimate, Samples};

/// Prediction with any [`Samples`] of the weights and any likelihood.
///
/// Rows are predicted independently, a few hundred at a time, on all threads of the current pool. The result is the same
/// for any number of threads, bit for bit. A row predicted alone may differ by rounding from the same row among others.
///
/// A forward pass in which the rows of a batch influence each other (by a mean over them, for instance) needs
/// [`Draws::in_one_batch`]. With more rows than fit in one batch, such a model is detected by comparing some rows'
/// outputs in batches of two sizes, and causes a panic; identical rows can hide it.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::KeptDraws;
/// # let (model, x) = (Dense::new(2, 2), Tensor::from_fn([16, 2], |i| (i as f64).sin()));
/// let once = model.predict(&Categorical, &x, Draws(50));
/// let kept = KeptDraws::new(&model, Draws(50)).predict(&Categorical, &x);
/// assert_eq!(once, kept);
/// ```
pub trait Predict: Samples {
    /// The predictive distribution of `likelihood` for every row of `x`.
    ///
    /// Rows are streamed: beside the predictions, at most 64 MiB of outputs are held at a time. A
    /// [`Mixture`](crate::metrics::Mixture) holds the outputs of all draws, in `f64`.
    ///
    /// # Panics
    /// If `x` is a scalar, has no rows or contains a NaN or infinity; if the first axis of the model's output is not
    /// the rows; if rows influence each other; if an output is not finite; or if a layer gives variances of its
    /// outputs, as a [`LastLayer`](crate::nn::LastLayer), that the likelihood does not take.
    #[track_caller]
    fn predict<L: Likelihood<ScalarOf<Self>>>(&self, likelihood: &L, x: &Tensor<ScalarOf<Self>>) -> L::Predictive
    where
        Self: Sized,
        Self::Model: Model,
    {
        streaming::predict(self, &Own, likelihood, x)
    }

    /// [`predict`](Predict::predict) with your own `forward`, which computes outputs from a draw of the model and the
    /// inputs, as in [`Elbo::fit_with`](crate::Elbo::fit_with).
    ///
    /// # Panics
    /// As [`predict`](Predict::predict).
    #[track_caller]
    fn predict_with<L, F>(&self, likelihood: &L, x: &Tensor<ScalarOf<Self>>, forward: F) -> L::Predictive
    where
        Self: Sized,
        L: Likelihood<ScalarOf<Self>>,
        F: for<'t> Fn(DrawOf<'t, Self>, Var<'t, ScalarOf<Self>>) -> Var<'t, ScalarOf<Self>> + Sync,
    {
        streaming::predict(self, &By(forward), likelihood, x)
    }

    /// The outputs of every draw for every row of `x`, all held in memory.
    ///
    /// # Panics
    /// As [`predict`](Predict::predict).
    #[track_caller]
    fn outputs(&self, x: &Tensor<ScalarOf<Self>>) -> Outputs<ScalarOf<Self>>
    where
        Self: Sized,
        Self::Model: Model,
    {
        streaming::outputs(self, &Own, x)
    }

    /// [`outputs`](Predict::outputs) with your own `forward`, as in [`predict_with`](Predict::predict_with).
    ///
    /// # Panics
    /// As [`predict`](Predict::predict).
    #[track_caller]
    fn outputs_with<F>(&self, x: &Tensor<ScalarOf<Self>>, forward: F) -> Outputs<ScalarOf<Self>>
    where
        Self: Sized,
        F: for<'t> Fn(DrawOf<'t, Self>, Var<'t, ScalarOf<Self>>) -> Var<'t, ScalarOf<Self>> + Sync,
    {
        streaming::outputs(self, &By(forward), x)
    }

    /// The log-likelihood of each example under each draw: for a [`LastLayer`](crate::nn::LastLayer), too, under a draw
    /// of its weights.
    ///
    /// # Errors
    /// [`TrainError::Targets`] if the targets are impossible under the likelihood.
    ///
    /// # Panics
    /// As [`predict`](Predict::predict).
    #[track_caller]
    fn log_likelihood<L>(
        &self,
        likelihood: &L,
        data: &Examples<ScalarOf<Self>, L::Targets>,
    ) -> Result<LogLikelihood, TrainError>
    where
        Self: Sized,
        Self::Model: Model,
        L: Likelihood<ScalarOf<Self>>,
        L::Targets: Sync,
    {
        streaming::log_likelihood(&EachDraw(self), &Own, likelihood, data)
    }

    /// [`log_likelihood`](Predict::log_likelihood) with your own `forward`, as in
    /// [`predict_with`](Predict::predict_with).
    ///
    /// # Errors
    /// As [`log_likelihood`](Predict::log_likelihood).
    ///
    /// # Panics
    /// As [`predict`](Predict::predict).
    #[track_caller]
    fn log_likelihood_with<L, F>(
        &self,
        likelihood: &L,
        data: &Examples<ScalarOf<Self>, L::Targets>,
        forward: F,
    ) -> Result<LogLikelihood, TrainError>
    where
        Self: Sized,
        L: Likelihood<ScalarOf<Self>>,
        L::Targets: Sync,
        F: for<'t> Fn(DrawOf<'t, Self>, Var<'t, ScalarOf<Self>>) -> Var<'t, ScalarOf<Self>> + Sync,
    {
        streaming::log_likelihood(&EachDraw(self), &By(forward), likelihood, data)
    }
}

impl<S: Samples> Predict for S {}

/// Prediction with draws of a model's own posterior: `model.predict(..)` is short for
/// `model.posterior(draws).predict(..)`.
pub trait PredictFromPosterior: Bayesian + Sync + Sized {
    /// Draws of the model's posterior, as [`Samples`] of its weights.
    fn posterior(&self, draws: Draws) -> FromPosterior<'_, Self> {
        FromPosterior::new(self, draws)
    }

    /// The model at its posterior's means, as one draw: after a training by [`Map`](crate::Map), its estimate.
    fn point_estimate(&self) -> PointEstimate<&Self> {
        PointEstimate::new(self)
    }

    /// The predictive distribution of `likelihood` for every row of `x`, averaged over posterior draws:
    /// [`Predict::predict`].
    ///
    /// # Panics
    /// As [`Predict::predict`].
    #[track_caller]
    fn predict<L>(&self, likelihood: &L, x: &Tensor<Self::Scalar>, draws: Draws) -> L::Predictive
    where
        Self: Model,
        L: Likelihood<Self::Scalar>,
    {
        self.posterior(draws).predict(likelihood, x)
    }

    /// The outputs of every draw for every row of `x`: [`Predict::outputs`].
    ///
    /// # Panics
    /// As [`Predict::predict`].
    #[track_caller]
    fn outputs(&self, x: &Tensor<Self::Scalar>, draws: Draws) -> Outputs<Self::Scalar>
    where
        Self: Model,
    {
        self.posterior(draws).outputs(x)
    }
}

impl<M: Bayesian + Sync> PredictFromPosterior for M {}
