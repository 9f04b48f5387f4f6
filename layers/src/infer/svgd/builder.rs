//! `Svgd`: the method, with its options.

use crate::data::Examples;
use crate::engine::Real;
use crate::infer::svgd::fit::fit;
use crate::infer::svgd::options::SvgdOptions;
use crate::infer::svgd::{Particles, SvgdError};
use crate::infer::vi::{Budget, Schedule};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::properties::Independent;
use crate::weights::Weights;

/// Stein variational gradient descent (Liu and Wang 2016, "Stein Variational Gradient Descent: A General Purpose
/// Bayesian Inference Algorithm"): several sets of weights of one model, the particles, climb the log joint density
/// together and repel each other, so that they spread over the posterior. A single particle is the [`Map`](crate::Map)
/// estimate.
///
/// Particle i moves along φ(xᵢ) = 1/n Σⱼ k(xⱼ, xᵢ) ∇ ln p(xⱼ) + ∇k(xⱼ, xᵢ) with the kernel k(x, x') = e^(−‖x − x'‖²/h),
/// by steps of Adam. The position x of a particle has all [unconstrained](Weights::unconstrained) weights of the model:
/// the density of positive weights has the log-Jacobian. A step takes a gradient of a minibatch for each particle; N is
/// that of the data, and the likelihood of B examples counts N/B times.
///
/// With fewer particles than weights their spread is too small: n particles with this kernel have much less than the
/// posterior's variance in hundreds of dimensions (Ba et al. 2022, "Understanding the Variance Collapse of SVGD in High
/// Dimensions"). They then are an [`Ensemble`](crate::Ensemble) whose members differ.
///
/// | | by default |
/// |---|---|
/// | [particles](Svgd::particles) | 20 |
/// | [bandwidth](Svgd::bandwidth) | med²/ln n, by the median distance of the particles, at each step |
/// | [learning rate](Svgd::learning_rate) | for a matrix with n inputs 0.12/√n, at most 0.03; 0.03 for other weights |
/// | [schedule](Svgd::schedule) | the rate rises in the first 5 % of the steps, and falls to 0 by a cosine |
/// | [batch size](Svgd::batch_size) | all examples up to 512, 64 of more |
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::Svgd;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let data: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let model = Dense::new(2, 2);
/// let particles = Svgd::new(Categorical).particles(10).quiet().fit(&model, &data, Epochs(50))?;
/// println!("{}", particles.report());
/// let predictions = particles.predict(&Categorical, data.inputs());
/// # assert_eq!(particles.count(), 10);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "SVGD")]
#[derive(Clone, Debug)]
#[must_use = "nothing is trained before `fit`"]
pub struct Svgd<L, T: Real = f32> {
    likelihood: L,
    options: SvgdOptions<T>,
}

impl<L, T: Real> Svgd<L, T> {
    /// 20 particles, with the defaults of the table above; seed 0, all cores.
    pub fn new(likelihood: L) -> Self {
        Svgd { likelihood, options: SvgdOptions::new() }
    }

    /// Sets the number of particles, 20 by default. A step takes as many gradients, and time for each pair of
    /// particles.
    pub fn particles(mut self, particles: usize) -> Self {
        self.options.particles = particles;
        self
    }

    /// Sets the kernel's bandwidth h, in squared units of the unconstrained weights. By default it follows the
    /// particles: h = med²/ln n with the median of the distances between n particles.
    pub fn bandwidth(mut self, bandwidth: f64) -> Self {
        self.options.bandwidth = Some(bandwidth);
        self
    }

    /// Sets one learning rate for all weights: about the length of a step in each element, whatever the scale of the
    /// density.
    pub fn learning_rate(mut self, rate: f64) -> Self {
        self.options.learning_rate = Some(rate);
        self
    }

    /// Sets a learning-rate schedule, in place of the rise and fall of the default.
    pub fn schedule(mut self, schedule: Schedule) -> Self {
        self.options.schedule = Some(schedule);
        self
    }

    /// Sets the number of examples of a minibatch. Each epoch visits all examples, in a new order.
    pub fn batch_size(mut self, examples: usize) -> Self {
        self.options.batch_size = Some(examples);
        self
    }

    /// Sets the seed, 0 by default: of the particles' first weights, and of the order of the examples.
    pub fn seed(mut self, seed: u64) -> Self {
        self.options.seed = seed;
        self
    }

    /// Uses at most this many threads, by default all: particles are moved side by side. The result is the same, bit
    /// for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(mut self, threads: usize) -> Self {
        assert!(threads > 0, "threads: at least one thread is needed, got 0");
        self.options.threads = threads;
        self
    }

    /// Shows no progress.
    pub fn quiet(mut self) -> Self {
        self.options.shown = false;
        self
    }

    /// Starts from these weights, at least one set for each particle. By default each particle starts from a draw of
    /// the model's posterior; matrices that have never been trained start from the random values of
    /// [`Bayesian::initialise`](crate::Bayesian::initialise).
    pub fn start_from(mut self, weights: Vec<Weights<T>>) -> Self {
        self.options.start = weights;
        self
    }

    /// Moves the particles to the posterior of the weights of `model` given `data`, for a [`Budget`]:
    /// [`Epochs`](crate::Epochs), or [`UntilConverged`](crate::UntilConverged), which holds the rate until the mean log
    /// joint density of the particles no longer rises. Deterministic weights and hyperparameters stay as they are in
    /// the model, and layers that make noise, such as dropout, are off.
    ///
    /// It does not compile for a model in which examples depend on each other, as in batch normalisation.
    ///
    /// # Errors
    /// [`SvgdError`], if possible before the first step.
    pub fn fit<'m, M>(
        &self,
        model: &'m M,
        data: &Examples<T, L::Targets>,
        budget: impl Into<Budget>,
    ) -> Result<Particles<&'m M>, SvgdError>
    where
        M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
        L: Likelihood<T> + Sync,
        L::Targets: Sync + Send,
    {
        fit(&self.options, &self.likelihood, model, data, budget.into())
    }
}
