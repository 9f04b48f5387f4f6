//! The training loop.

use std::time::Instant;

use crate::bayesian::Bayesian;
use crate::data::{Examples, Targets, shuffle};
use crate::engine::with_threads;
use crate::train::progress::Progress;
use crate::train::{Epoch, Report, TrainError};
use crate::{
    Adam, Forward, Gradients, Key, KlWeight, Layer, Likelihood, Loss, Objective, Optimizer, Real, Tape, Tempering,
    Tensor, WarmUp,
};

/// How often the training set is gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epochs(
    /// The number of epochs.
    pub usize,
);

/// Training by the evidence lower bound: a likelihood, the number of training examples, and how to
/// optimise.
///
/// Steps are numbered on through several calls of [`fit`](Elbo::fit), so that training in two calls
/// is training in one.
#[derive(Clone, Debug)]
pub struct Elbo<L, O = Adam> {
    likelihood: L,
    objective: Objective,
    optimizer: O,
    batch: usize,
    seed: u64,
    threads: usize,
    shown: bool,
    steps: usize,
    epochs: usize,
}

impl<L> Elbo<L> {
    /// For a training set of `examples` examples, with Adam at a rate of 1e-3 (in `f32`), batches of
    /// 128, seed 0, all cores, and progress shown.
    ///
    /// # Panics
    /// If there are no examples.
    #[track_caller]
    pub fn new(likelihood: L, examples: usize) -> Self {
        Elbo {
            likelihood,
            objective: Objective::new(examples),
            optimizer: Adam::new(1e-3),
            batch: 128,
            seed: 0,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            shown: true,
            steps: 0,
            epochs: 0,
        }
    }
}

impl<L, O> Elbo<L, O> {
    /// With another optimiser.
    pub fn optimizer<P>(self, optimizer: P) -> Elbo<L, P> {
        let Elbo { likelihood, objective, optimizer: _, batch, seed, threads, shown, steps, epochs } = self;
        Elbo { likelihood, objective, optimizer, batch, seed, threads, shown, steps, epochs }
    }

    /// With `examples` examples a batch. The last batch of an epoch holds what is left.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch(self, examples: usize) -> Self {
        assert!(examples > 0, "Elbo: a batch must have at least one example, got 0");
        Elbo { batch: examples, ..self }
    }

    /// With the divergence shared out among an epoch's steps in this way.
    pub fn kl_weight(self, kl_weight: KlWeight) -> Self {
        Elbo { objective: self.objective.kl_weight(kl_weight), ..self }
    }

    /// With the bound's terms tempered. Reports give the bound as it is without.
    ///
    /// # Panics
    /// If its number is not positive and finite.
    #[track_caller]
    pub fn tempering(self, tempering: Tempering) -> Self {
        Elbo { objective: self.objective.tempering(tempering), ..self }
    }

    /// With so many nats of each weight's divergence free: [`Objective::free_nats`]. Reports give the divergence as it is.
    ///
    /// # Panics
    /// If the number is negative or not finite.
    #[track_caller]
    pub fn free_nats(self, nats: f64) -> Self {
        Elbo { objective: self.objective.free_nats(nats), ..self }
    }

    /// With the divergence growing to its full weight. Reports give the bound with the full divergence.
    pub fn warm_up(self, warm_up: WarmUp) -> Self {
        Elbo { objective: self.objective.warm_up(warm_up), ..self }
    }

    /// With this seed of the noise and of the order of the examples.
    pub fn seed(self, seed: u64) -> Self {
        Elbo { seed, ..self }
    }

    /// On this many threads. The result is the same bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(self, threads: usize) -> Self {
        assert!(threads > 0, "Elbo: at least one thread is needed, got 0");
        Elbo { threads, ..self }
    }

    /// Without progress.
    pub fn quiet(self) -> Self {
        Elbo { shown: false, ..self }
    }

    /// Trains `model` on `data` for some epochs, each in a new order. A progress bar with both terms of
    /// the bound stands on the terminal meanwhile; lines go to the standard error if that is none.
    ///
    /// # Errors
    /// [`TrainError`]; the model then holds the parameters of the last good step.
    pub fn fit<T, M>(
        &mut self,
        model: &mut M,
        data: &Examples<T, L::Targets>,
        epochs: Epochs,
    ) -> Result<Report, TrainError>
    where
        T: Real,
        M: Layer + Bayesian<Scalar = T> + Send + Sync,
        L: Likelihood<T> + Send,
        L::Targets: Send + Sync,
        O: Optimizer<T> + Send,
    {
        if data.len() != self.objective.examples() {
            return Err(TrainError::Examples { expected: self.objective.examples(), found: data.len() });
        }
        let threads = self.threads;
        with_threads(threads, || self.run(model, data, epochs.0))
    }

    fn run<T, M>(&mut self, model: &mut M, data: &Examples<T, L::Targets>, epochs: usize) -> Result<Report, TrainError>
    where
        T: Real,
        M: Layer + Bayesian<Scalar = T>,
        L: Likelihood<T>,
        O: Optimizer<T>,
    {
        let batches = data.len().div_ceil(self.batch);
        let objective = self.objective.clone().batches(batches);
        let progress = Progress::new(self.shown, epochs, batches);
        let mut step = Step::new(model, data);
        step.check(model, &self.likelihood, data)?;
        let mut order: Vec<usize> = (0..data.len()).collect();
        let mut report = Report::default();
        for number in 1..=epochs {
            let start = Instant::now();
            // An epoch begins at a multiple of its steps, also after one of other batches, or one that failed: the
            // weight of the divergence may go by the place in the epoch.
            self.steps = self.steps.next_multiple_of(batches);
            // From the same order each time, so that an epoch's order depends on its number alone.
            order.sort_unstable();
            shuffle(&mut order, Key::new(self.seed).at("order").step(self.epochs));
            let (mut nll, mut kl) = (0.0, 0.0);
            for rows in order.chunks(self.batch) {
                let key = Key::new(self.seed).step(self.steps);
                let terms = step.take(model, data, rows, &self.likelihood, &objective, &mut self.optimizer, key);
                let terms = terms.map_err(|(what, place)| TrainError::NonFinite {
                    step: self.steps,
                    epoch: self.epochs + 1,
                    what,
                    place,
                })?;
                nll += terms.nll * rows.len() as f64 / data.len() as f64;
                kl = terms.kl;
                self.steps += 1;
                progress.step();
            }
            self.epochs += 1;
            let elbo = -(data.len() as f64 * nll + kl);
            let epoch = Epoch { nll, kl, elbo, seconds: start.elapsed().as_secs_f64() };
            progress.epoch(number, epochs, &epoch);
            report.epochs.push(epoch);
        }
        Ok(report)
    }
}

/// What a step needs, made once: from the second step on nothing is allocated.
struct Step<T: Real, Y> {
    tape: Tape<T>,
    gradients: Gradients<T>,
    inputs: Tensor<T>,
    targets: Y,
}

struct Terms {
    nll: f64,
    kl: f64,
}

impl<T: Real, Y: Targets> Step<T, Y> {
    fn new<M: Bayesian<Scalar = T>>(model: &M, data: &Examples<T, Y>) -> Self {
        Step {
            tape: Tape::new(),
            gradients: Gradients::of(model),
            inputs: data.inputs().empty_like(),
            targets: data.targets().empty_like(),
        }
    }

    /// Whether the likelihood can explain the targets, found by one example's output.
    fn check<M, L>(&mut self, model: &M, likelihood: &L, data: &Examples<T, Y>) -> Result<(), TrainError>
    where
        M: Layer + Bayesian<Scalar = T>,
        L: Likelihood<T, Targets = Y>,
    {
        data.inputs().gather(&[0], &mut self.inputs);
        let tape = Tape::inference();
        let output = model.mean(&tape).forward(tape.input(&self.inputs));
        likelihood.check(output.shape(), data.targets()).map_err(TrainError::Targets)
    }

    /// One step; on failure what is not finite, and where it first appeared, with the model as it was
    /// when the loss was last finite.
    #[expect(clippy::too_many_arguments, reason = "they are the parts of a step")]
    fn take<M, L, O>(
        &mut self,
        model: &mut M,
        data: &Examples<T, Y>,
        rows: &[usize],
        likelihood: &L,
        objective: &Objective,
        optimizer: &mut O,
        key: Key,
    ) -> Result<Terms, (&'static str, String)>
    where
        M: Layer + Bayesian<Scalar = T>,
        L: Likelihood<T, Targets = Y>,
        O: Optimizer<T>,
    {
        data.inputs().gather(rows, &mut self.inputs);
        data.targets().gather(rows, &mut self.targets);
        self.tape.reset();
        let net = model.draw(&self.tape, key);
        let nll = likelihood.mean_nll(net.forward(self.tape.input(&self.inputs)), &self.targets);
        let loss: Loss<'_, T> = objective.loss_of(nll, &net, key.current_step() as usize);
        let terms = Terms { nll: loss.nll().nats(), kl: loss.kl().nats() };
        if !loss.value().is_finite() {
            let place = self.tape.first_non_finite(&self.gradients);
            let place = place.map_or_else(|| "the sum of its terms".to_owned(), |place| place.to_string());
            // The parameters came from a finite loss; what they came to has none.
            self.gradients.undo(model);
            return Err(("the loss", place));
        }
        loss.backward(&mut self.gradients);
        if let Some(name) = self.gradients.first_non_finite() {
            return Err(("a gradient", format!("the gradient of `{name}`")));
        }
        optimizer.step(model, &mut self.gradients);
        Ok(terms)
    }
}
