//! Likelihoods: the trait `Likelihood`, and `Categorical`, `Bernoulli` and `Gaussian`.

mod bernoulli;
mod categorical;
mod gaussian;
mod mixture_nll;
mod probabilities;

pub use bernoulli::Bernoulli;
pub use categorical::Categorical;
pub use gaussian::Gaussian;
pub(crate) use probabilities::probabilities;

use crate::data::Targets;
use crate::engine::{Real, Var};
use crate::predictive::{Outputs, Predictive};

/// The distribution of targets given the outputs of a model.
///
/// A custom likelihood needs only [`log_likelihood`](Likelihood::log_likelihood) for training and evaluation. For
/// predictions it also turns the outputs of all draws into a predictive distribution: if the elements of a target are
/// independent given the outputs, return a [`Mixture`](crate::metrics::Mixture) and implement
/// [`Univariate`](crate::Univariate) for one element, which provides means, intervals and metrics. The engine has the
/// common densities as single operations (`poisson_nll`, `negative_binomial_nll`, `student_t_nll`, `gaussian_nll`):
/// with `Reduction::Each` and a negative sign they are log-likelihoods.
///
/// ```
/// use elbo::prelude::*;
///
/// /// Waiting times, from the logarithm of their mean.
/// #[derive(Clone, Copy)]
/// struct Exponential;
///
/// impl<T: Real> Likelihood<T> for Exponential {
///     type Targets = Tensor<T>;
///     type Predictive = Mixture<Self>;
///
///     fn log_likelihood<'t>(&self, log_mean: Var<'t, T>, times: &'t Tensor<T>) -> Var<'t, T> {
///         -log_mean - log_mean.tape().input(times) / log_mean.exp()
///     }
///
///     fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
///         Mixture::new(*self, outputs)
///     }
/// }
///
/// impl Univariate for Exponential {
///     fn mean(&self, log_mean: &[f64]) -> f64 {
///         log_mean[0].exp()
///     }
///     fn variance(&self, log_mean: &[f64]) -> f64 {
///         (2.0 * log_mean[0]).exp()
///     }
///     fn cdf(&self, log_mean: &[f64], time: f64) -> f64 {
///         if time > 0.0 { 1.0 - (-time / log_mean[0].exp()).exp() } else { 0.0 }
///     }
/// }
/// # let (x, y) = (Tensor::from_fn([32, 2], |i| (i as f64).sin()), Tensor::from_fn([32, 1], |i| 0.1 + i as f64));
/// # let train = Examples::new(x, y)?;
/// # let mut model = Dense::new(2, 1);
/// Elbo::new(Exponential).quiet().fit(&mut model, &train, Epochs(2))?;
/// let predicted = model.predict(&Exponential, train.inputs(), Draws(32));
/// println!("NLL {:.2} nats", predicted.nll(train.targets()));
/// let (lower, upper) = predicted.interval(0.9);
/// # assert!(lower[0] > 0.0 && lower[0] < upper[0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Likelihood<T: Real>: Sync {
    /// The type of the observations.
    type Targets: Targets;

    /// The predictive distribution, over all draws of the weights. `()` if predictions are not needed.
    type Predictive: Predictive;

    /// ln p of the targets given the outputs, in nats. The first axis counts the examples; the terms along other axes
    /// are summed to the example's log-likelihood. There is at most one term for each element of the targets.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> Var<'t, T>;

    /// The predictive distribution of targets, from the outputs of all draws.
    ///
    /// # Panics
    /// If the shape of the outputs does not fit the likelihood.
    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Self::Predictive;

    /// The negative log-likelihood of a batch as a mean over its examples. Provided; override it if it can be computed
    /// in one pass over memory.
    ///
    /// # Panics
    /// As [`log_likelihood`](Likelihood::log_likelihood).
    #[track_caller]
    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> MeanNll<'t, T> {
        let (each, examples) = (self.log_likelihood(output, targets), targets.rows());
        check_terms::<Self>(each.shape(), targets);
        MeanNll::new(each.sum() * (-1.0 / examples as f64), examples)
    }

    /// Checks whether outputs of this shape can have these targets, before training: for instance, that labels are in
    /// range. `output` is the shape of one example's output, without the axis of examples. Provided: accepts
    /// everything.
    ///
    /// # Errors
    /// What does not fit, where, and what to do.
    fn check(&self, output: &[usize], targets: &Self::Targets) -> Result<(), String> {
        let _ = (output, targets);
        Ok(())
    }

    /// Whether one example's output is valid. Provided: whether it is finite.
    fn allows(&self, output: &[T]) -> bool {
        output.iter().all(|y| y.is_finite())
    }
}

/// # Panics
/// If the shape of a log-likelihood does not fit these targets.
#[track_caller]
pub(crate) fn check_terms<L: ?Sized>(shape: &[usize], targets: &impl Targets) {
    let (examples, name) = (targets.rows(), std::any::type_name::<L>());
    assert!(
        shape.first() == Some(&examples),
        "`Likelihood::log_likelihood` of `{name}` returned shape {shape:?} for {examples} examples; its first axis \
         must be the examples"
    );
    let (terms, elements) = (shape.iter().product::<usize>(), targets.elements().unwrap_or(usize::MAX));
    assert!(
        terms <= elements,
        "`Likelihood::log_likelihood` of `{name}` returned shape {shape:?} for targets of {elements} elements: outputs \
         and targets of different shapes were broadcast; give the targets the shape of the outputs, such as \
         ({examples}, 1)"
    );
}

/// A negative log-likelihood as a mean over examples, in nats per example, with their number.
///
/// It has no arithmetic, because a mean must not be added to a [`Kl`](crate::Kl), which is a sum.
/// [`Objective::loss`](crate::Objective::loss) joins them.
#[derive(Clone, Copy, Debug)]
pub struct MeanNll<'t, T: Real = f32> {
    mean: Var<'t, T>,
    examples: usize,
}

impl<'t, T: Real> MeanNll<'t, T> {
    /// Wraps a scalar that is the mean negative log-likelihood of `examples` examples, for a custom likelihood.
    ///
    /// # Panics
    /// If `mean` is not one element, or there are no examples.
    #[track_caller]
    pub fn new(mean: Var<'t, T>, examples: usize) -> Self {
        assert!(mean.len() == 1, "MeanNll: the mean must be one element, got shape {:?}", mean.shape());
        assert!(examples > 0, "MeanNll: a mean over 0 examples");
        MeanNll { mean, examples }
    }

    /// The value, in nats per example.
    pub fn nats(self) -> f64 {
        self.mean.item()
    }

    /// The variable on the tape, in nats per example. [`Objective`](crate::Objective) combines a likelihood and a
    /// divergence without it.
    pub fn var(self) -> Var<'t, T> {
        self.mean
    }

    /// The number of examples.
    pub fn examples(self) -> usize {
        self.examples
    }
}

impl<T: Real> Outputs<T> {
    /// The predictive distribution of `likelihood` from these outputs, as [`predict`](crate::Predict::predict) returns
    /// it.
    ///
    /// # Panics
    /// If the shape of the outputs does not fit the likelihood.
    #[track_caller]
    pub fn under<L: Likelihood<T>>(&self, likelihood: &L) -> L::Predictive {
        likelihood.predictive(self)
    }
}
