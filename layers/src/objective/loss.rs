//! `Loss`: a step's weighted terms on the tape, their value and their gradients, jointly or separately.

use crate::engine::{Gradients, NonFinite, Path, Real, Tape, Var};
use crate::likelihood::MeanNll;
use crate::model::{Drawn, Kl, LogPrior};
use crate::scalar_sum::Terms;

/// A step's loss in nats per example, as its separate terms and their weights.
#[derive(Clone, Copy, Debug)]
pub struct Loss<'t, T: Real = f32> {
    nll: MeanNll<'t, T>,
    prior: PriorTerms<'t, T>,
    weights: Weights,
}

/// The weights of a step's terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weights {
    pub(super) nll: f64,
    pub(super) kl: f64,
    /// The weight of −ln p(w).
    pub(super) log_prior: f64,
}

/// The terms of a loss that depend on the prior.
#[derive(Clone, Copy, Debug)]
pub(super) struct PriorTerms<'t, T: Real> {
    kl: Kl<'t, T>,
    /// The divergence that is minimised: at least `kl`, if there are free nats.
    minimised: Option<Var<'t, T>>,
    log_prior: Option<LogPrior<'t, T>>,
}

impl<'t, T: Real> PriorTerms<'t, T> {
    pub(super) const NONE: Self = PriorTerms { kl: Kl(None), minimised: None, log_prior: None };

    /// The divergence as the only term.
    pub(super) fn of(kl: Kl<'t, T>) -> Self {
        PriorTerms { kl, minimised: kl.0, log_prior: None }
    }

    /// The terms of the draw `net`, whose divergence is `kl`, with `free` free nats for each weight's divergence, and with
    /// ln p(w) if `log_prior`.
    pub(super) fn drawn(net: &impl Drawn<'t, T>, kl: Kl<'t, T>, free: f64, log_prior: bool) -> Self {
        let mut minimised = kl.0;
        if free > 0.0 {
            let mut total = Terms::new();
            net.each_kl(&Path::ROOT, &mut |_, nats| total.add(nats.clamp(free, f64::INFINITY)));
            minimised = total.var();
        }
        PriorTerms { kl, minimised, log_prior: log_prior.then(|| net.log_prior()) }
    }
}

impl<'t, T: Real> Loss<'t, T> {
    pub(super) fn new(nll: MeanNll<'t, T>, prior: PriorTerms<'t, T>, weights: Weights) -> Self {
        Loss { nll, prior, weights }
    }

    /// The loss, in nats per example.
    pub fn value(&self) -> f64 {
        let PriorTerms { minimised, log_prior, .. } = self.prior;
        let divergence = self.weights.kl * Kl(minimised).nats();
        let log_prior = log_prior.map_or(0.0, |log_prior| self.weights.log_prior * log_prior.nats());
        self.weights.nll * self.nll.nats() + divergence - log_prior
    }

    /// The batch's mean negative log-likelihood.
    pub fn nll(&self) -> MeanNll<'t, T> {
        self.nll
    }

    /// The divergence, unweighted and without free nats.
    pub fn kl(&self) -> Kl<'t, T> {
        self.prior.kl
    }

    /// ln p(w) of the weights drawn, if the loss has it as a separate term: under
    /// [`Tempering::Posterior`](crate::Tempering::Posterior).
    pub fn log_prior(&self) -> Option<LogPrior<'t, T>> {
        self.prior.log_prior
    }

    /// The weight of the mean negative log-likelihood: 1 for equal batches.
    pub fn nll_weight(&self) -> f64 {
        self.weights.nll
    }

    /// The weight of the divergence.
    pub fn kl_weight(&self) -> f64 {
        self.weights.kl
    }

    /// The weight of −ln p(w): 0 except under [`Tempering::Posterior`](crate::Tempering::Posterior).
    pub fn log_prior_weight(&self) -> f64 {
        self.weights.log_prior
    }

    /// Adds the loss's gradient to `gradients`, in one backward pass.
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward(&self, gradients: &mut Gradients<T>) {
        let (roots, terms) = self.roots();
        self.tape().backward(&roots[..terms], gradients);
    }

    /// The first infinite or NaN value that the loss depends on, including parameters and data:
    /// [`Tape::first_non_finite_of`].
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let mut model = Dense::new(2, 2);
    /// # let (x, labels, tape) = (Tensor::full([1, 2], f64::NAN), vec![0], Tape::new());
    /// # let gradients = elbo::Gradients::of(&model);
    /// let net = model.draw(&tape, Key::new(1));
    /// let nll = Categorical.nll(net.forward(tape.input(&x)), &labels);
    /// let loss = Objective::new(1).loss(nll, net.kl(), 0);
    /// if let Some(found) = loss.first_non_finite(&gradients) {
    ///     println!("{found}"); // the input of shape [1, 2]
    /// }
    /// ```
    pub fn first_non_finite(&self, gradients: &Gradients<T>) -> Option<NonFinite> {
        let (roots, terms) = self.roots();
        self.tape().first_non_finite_of(&roots.map(|(root, _)| root)[..terms], gradients)
    }

    /// Adds the gradient of the weighted likelihood term to `nll`, and that of the prior's terms (the weighted
    /// divergence, and ln p(w) if present) to `kl`. Their sum is the gradient of [`backward`](Self::backward).
    ///
    /// It takes one backward pass for each term. The divergence's pass visits only the sampling of the weights, not the
    /// network.
    ///
    /// # Panics
    /// As [`Var::backward`].
    #[track_caller]
    pub fn backward_apart(&self, nll: &mut Gradients<T>, kl: &mut Gradients<T>) {
        let likelihood = self.weighted_nll();
        let tape = likelihood.0.tape();
        tape.backward(&[likelihood], nll);
        match self.weighted_prior() {
            [Some(divergence), Some(log_prior)] => tape.backward(&[divergence, log_prior], kl),
            [Some(only), None] | [None, Some(only)] => tape.backward(&[only], kl),
            [None, None] => {}
        }
    }

    fn tape(&self) -> &'t Tape<T> {
        self.nll.var().tape()
    }

    /// The terms with their weights, and the number of terms.
    fn roots(&self) -> ([(Var<'t, T>, T); 3], usize) {
        let mut roots = [self.weighted_nll(); 3];
        let mut terms = 1;
        for term in self.weighted_prior().into_iter().flatten() {
            roots[terms] = term;
            terms += 1;
        }
        (roots, terms)
    }

    fn weighted_nll(&self) -> (Var<'t, T>, T) {
        (self.nll.var(), T::from_f64(self.weights.nll))
    }

    fn weighted_prior(&self) -> [Option<(Var<'t, T>, T)>; 2] {
        let PriorTerms { minimised, log_prior, .. } = self.prior;
        let divergence = minimised.map(|nats| (nats, T::from_f64(self.weights.kl)));
        let log_prior = log_prior.and_then(LogPrior::var).map(|nats| (nats, T::from_f64(-self.weights.log_prior)));
        [divergence, log_prior]
    }
}
