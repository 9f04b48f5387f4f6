//! One step of training.

use crate::bayesian::Bayesian;
use crate::data::{Examples, Targets};
use crate::engine;
use crate::outputs::Outputs;
use crate::train::evaluate::first;
use crate::train::trial::{Refusal, catch_step};
use crate::train::{Clip, Draw, TrainError};
use crate::{Drawn, Gradients, Key, Likelihood, Loss, Objective, Optimizer, Real, Tape, Tensor};

/// What a step needs, made once: from the second step on nothing is allocated.
pub(super) struct Step<'s, T: Real, Y, L, F> {
    recipe: Recipe<'s, L, F>,
    tape: Tape<T>,
    gradients: Gradients<T>,
    inputs: Tensor<T>,
    targets: Y,
}

/// How a loss is made of a model and a batch.
pub(super) struct Recipe<'s, L, F> {
    pub(super) likelihood: &'s L,
    pub(super) forward: &'s F,
    pub(super) objective: &'s Objective,
    pub(super) draw: &'s Draw,
    /// Whether training shares its threads with other tasks.
    pub(super) shared: bool,
}

/// What a step's loss was made of.
pub(super) struct Terms {
    pub(super) nll: f64,
    pub(super) kl: f64,
    pub(super) kl_weight: f64,
}

/// Why a step was not taken.
pub(super) enum Fault {
    /// What is not finite, and where it first appeared.
    NonFinite {
        what: &'static str,
        place: String,
        /// Whether the step before was taken back.
        is_undone: bool,
    },
    /// The loss could not be computed.
    Refused(Refusal),
}

impl<'s, T: Real, Y: Targets, L: Likelihood<T, Targets = Y>, F> Step<'s, T, Y, L, F> {
    pub(super) fn new<M: Bayesian<Scalar = T>>(model: &M, data: &Examples<T, Y>, recipe: Recipe<'s, L, F>) -> Self {
        Step {
            recipe,
            tape: Tape::new(),
            gradients: Gradients::of(model),
            inputs: data.inputs().empty_like(),
            targets: data.targets().empty_like(),
        }
    }

    /// One step. On failure the model is as it was when the loss was last finite.
    pub(super) fn take<M, O>(
        &mut self,
        model: &mut M,
        data: &Examples<T, Y>,
        rows: &[usize],
        key: Key,
        clip: Option<Clip>,
        optimizer: &mut O,
    ) -> Result<Terms, Fault>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
        O: Optimizer,
    {
        data.gather(rows, &mut self.inputs, &mut self.targets);
        self.tape.reset();
        let loss = || self.recipe.loss(&self.tape, model, &self.inputs, &self.targets, key);
        let loss = catch_step(self.recipe.shared, loss).map_err(Fault::Refused)?;
        let terms = Terms { nll: loss.nll().nats(), kl: loss.kl().nats(), kl_weight: loss.kl_weight() };
        if !loss.value().is_finite() {
            let place = loss.first_non_finite(&self.gradients);
            return Err(self.take_back(model, place));
        }
        loss.backward(&mut self.gradients);
        if let Some(name) = self.gradients.first_non_finite() {
            let place = format!("the gradient of `{name}`");
            return Err(Fault::NonFinite { what: "a gradient", place, is_undone: false });
        }
        if let Some(clip) = clip {
            clip.apply(&mut self.gradients);
        }
        optimizer.step(model, &mut self.gradients);
        Ok(terms)
    }

    /// After the last step: whether both terms of the parameters that it led to are finite, of the same examples. If not, it
    /// is taken back. The objective is not asked: it joins the terms of steps that are taken.
    pub(super) fn look_back<M>(&mut self, model: &mut M, key: Key) -> Result<(), Fault>
    where
        M: Bayesian<Scalar = T>,
        F: Outputs<M>,
    {
        self.tape.reset();
        let terms = || {
            let net = model.draw(&self.tape, self.recipe.draw.drawing(key));
            let output = self.recipe.forward.outputs(net, self.tape.input(&self.inputs));
            (self.recipe.likelihood.mean_nll(output, &self.targets), net.kl())
        };
        let (nll, kl) = catch_step(self.recipe.shared, terms).map_err(Fault::Refused)?;
        if nll.nats().is_finite() && kl.nats().is_finite() {
            return Ok(());
        }
        let terms: Vec<_> = [Some(nll.var()), kl.var()].into_iter().flatten().collect();
        let place = self.tape.first_non_finite_of(&terms, &self.gradients);
        Err(self.take_back(model, place))
    }

    /// Takes the last step back: the parameters it started from had a finite loss, and those it led to have none.
    fn take_back<M: Bayesian<Scalar = T>>(&mut self, model: &mut M, place: Option<engine::NonFinite>) -> Fault {
        let place = place.map_or_else(|| "the sum of its terms".to_owned(), |place| place.to_string());
        // At a first step there is nothing to take back: the parameters are those that were given.
        self.gradients.undo(model);
        Fault::NonFinite { what: "the loss", place, is_undone: true }
    }
}

impl<L, F> Recipe<'_, L, F> {
    /// Whether the likelihood can explain the targets, found by the terms of a step on the first `rows` examples, as
    /// training computes them.
    pub(super) fn check<T, M>(
        &self,
        model: &M,
        data: &Examples<T, L::Targets>,
        rows: usize,
        key: Key,
    ) -> Result<(), TrainError>
    where
        T: Real,
        M: Bayesian<Scalar = T>,
        L: Likelihood<T>,
        F: Outputs<M>,
    {
        let (mut inputs, mut targets) = (data.inputs().empty_like(), data.targets().empty_like());
        let rows = first(rows, data.len());
        data.gather(&rows, &mut inputs, &mut targets);
        let tape = Tape::new();
        let output = self.forward.outputs(model.draw(&tape, self.draw.drawing(key)), tape.input(&inputs));
        self.likelihood.check(output.shape(), data.targets()).map_err(TrainError::Targets)?;
        self.likelihood.mean_nll(output, &targets);
        Ok(())
    }

    fn loss<'t, T, M>(
        &'t self,
        tape: &'t Tape<T>,
        model: &'t M,
        inputs: &'t Tensor<T>,
        targets: &'t L::Targets,
        key: Key,
    ) -> Loss<'t, T>
    where
        T: Real,
        M: Bayesian<Scalar = T>,
        L: Likelihood<T>,
        F: Outputs<M>,
    {
        let net = model.draw(tape, self.draw.drawing(key));
        let nll = self.likelihood.mean_nll(self.forward.outputs(net, tape.input(inputs)), targets);
        self.objective.loss_of(nll, &net, key.current_step() as usize)
    }
}
