//! Trainings as a user calls them.

use crate::data::Examples;
use crate::engine::Var;
use crate::infer::vi::{Budget, Elbo, Report, TrainError, Training};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::optim::Optimizer;

impl<L, O> Elbo<L, O> {
    /// Trains `model` on `data` for a [`Budget`]: [`Epochs`](crate::Epochs), or [`UntilConverged`](crate::UntilConverged). Each
    /// epoch has a new order. Shows a progress bar with both terms of the bound if the standard error is a terminal, and prints
    /// lines there if it is not; the last line says whether the bound has converged, and what guessing would have got.
    ///
    /// Before the first step, every randomly initialised parameter that still has its constructor's value is drawn anew
    /// from the [`seed`](Elbo::seed), as `model.initialise(Key::new(seed))` does. Parameters that were trained, loaded,
    /// set, or initialised with your own key are kept. Equal models and equal seeds therefore give the same training,
    /// bit for bit.
    ///
    /// # Errors
    /// [`TrainError`], if possible before the first step. The model then holds the parameters of the last good step, or
    /// its initial ones. A panic of the model's forward is returned as an error with its location and message.
    pub fn fit<M>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
    ) -> Result<Report, TrainError>
    where
        M: Model + Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer + Send,
    {
        self.training(model, data).run(budget)
    }

    /// [`fit`](Elbo::fit) with your own `forward`, for a model whose forward has another name or takes more than the
    /// inputs: it computes a batch's outputs from a draw of the model and the inputs.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
    /// # let (mut model, mut elbo) = (Dense::new(2, 2), Elbo::new(Categorical).quiet());
    /// elbo.fit_with(&mut model, &train, Epochs(5), |net, x| net.forward(x * 0.5))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Elbo::fit).
    pub fn fit_with<M>(
        &mut self,
        model: &mut M,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
        forward: impl for<'t> Fn(M::Draw<'t>, Var<'t, M::Scalar>) -> Var<'t, M::Scalar> + Send + Sync,
    ) -> Result<Report, TrainError>
    where
        M: Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer + Send,
    {
        self.training(model, data).run_with(budget, forward)
    }

    /// Configures a training beyond [`fit`](Elbo::fit): validation, early stopping, callbacks.
    pub fn training<'a, M>(
        &'a mut self,
        model: &'a mut M,
        data: &'a Examples<M::Scalar, L::Targets>,
    ) -> Training<'a, M, L, O>
    where
        M: Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Send,
        L::Targets: Send + Sync,
        O: Optimizer + Send,
    {
        Training::new(self, model, data)
    }
}
