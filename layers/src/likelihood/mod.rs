//! Likelihoods: the trait `Likelihood`, a file for each likelihood or family, and `Heads` for several.

mod bernoulli;
mod beta;
mod categorical;
mod categorical_options;
mod censored;
mod counts;
mod elementwise;
mod expected_categorical;
mod expected_gaussian;
mod gaussian;
mod heads;
mod interval_censored;
mod log_space;
mod mean_nll;
mod mixture_density;
mod mixture_nll;
mod multivariate_gaussian;
mod noise;
mod normal_interval;
mod observed;
mod ordinal;
mod probabilities;
mod truncated;
mod truncated_normal;
mod zero_inflated;

pub use bernoulli::Bernoulli;
pub use beta::BetaRegression;
pub use categorical::Categorical;
pub use categorical_options::{CategoricalWith, LabelTargets, SoftCategorical};
pub use censored::Censored;
pub use counts::{Binomial, BinomialByRow, NegativeBinomial, Poisson};
pub use expected_categorical::ExpectedCategorical;
pub use expected_gaussian::ExpectedGaussian;
pub use gaussian::Gaussian;
pub use heads::{Head, Heads};
pub use interval_censored::IntervalCensored;
pub use mean_nll::MeanNll;
pub use mixture_density::MixtureDensity;
pub use multivariate_gaussian::MultivariateGaussian;
pub use noise::{HeteroscedasticGaussian, LaplaceNoise, LogNormalNoise, StudentTNoise};
pub use ordinal::Ordinal;
pub(crate) use probabilities::probabilities;
pub use truncated::Truncated;
pub use zero_inflated::ZeroInflated;

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
/// | targets | likelihood |
/// |---|---|
/// | classes | [`Categorical`]; with class weights, smoothing or ignored labels [`CategoricalWith`]; distributions over classes [`SoftCategorical`]; ordered classes [`Ordinal`] |
/// | 0 or 1 | [`Bernoulli`] |
/// | numbers | [`Gaussian`] with a given sd; [`HeteroscedasticGaussian`], [`LaplaceNoise`], [`StudentTNoise`] with a scale that is learned or an output; [`MixtureDensity`] for several modes; [`MultivariateGaussian`] for correlated elements |
/// | positive numbers | [`LogNormalNoise`] |
/// | numbers beyond a limit of the measurement | [`Censored`], [`IntervalCensored`], [`Truncated`] |
/// | shares in (0, 1) | [`BetaRegression`] |
/// | counts | [`Poisson`], [`NegativeBinomial`], [`Binomial`], [`ZeroInflated`] |
/// | several of these | [`Heads`] |
/// | numbers or classes, for a variational [last layer](crate::nn::LastLayer), also a [generative](crate::nn::GenerativeLastLayer) one | [`ExpectedGaussian`], [`ExpectedCategorical`] |
///
/// Weights of examples and missing targets are in the data, for every likelihood:
/// [`Examples::with_weights`](crate::data::Examples::with_weights) and
/// [`with_mask`](crate::data::Examples::with_mask).
///
/// The quantile (pinball) loss is not a likelihood: it is not −ln p of a distribution whose width the data determine, so it
/// has no ELBO. For quantiles, take any likelihood and ask its prediction for them: [`Mixture::quantile`]. For the median
/// that minimises absolute errors, take [`LaplaceNoise`].
///
/// [`Mixture::quantile`]: crate::metrics::Mixture::quantile
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
        MeanNll::from_log_likelihood(each, examples)
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

    /// The Hessian of −ln p with respect to the outputs of one example, (outputs, outputs), if it does not depend on the
    /// target, as in an exponential family with its natural parameters. It is for Laplace approximations, which otherwise
    /// compute it from differences of gradients. Provided: `None`.
    fn output_hessian(&self, output: &[T]) -> Option<Vec<f64>> {
        let _ = output;
        None
    }

    /// Whether it takes the moments that a [`LastLayer`](crate::nn::LastLayer) gives: along the last axis a block of
    /// means, then a block of variances. With any other likelihood, training and predictions refuse a layer that gives
    /// moments ([`Weight::output_moments`](crate::Weight::output_moments)). Provided: `false`.
    fn takes_moments(&self) -> bool {
        false
    }

    /// The Fisher information of one example's outputs, (outputs, outputs), if it has a closed form: the expectation of the
    /// Hessian of −ln p over targets of this likelihood. `axes` is the shape of the output. The generalised Gauss-Newton matrix of
    /// Laplace approximations takes it in place of the Hessian, which can be indefinite where an output is a scale, and the two
    /// are equal where the Hessian does not depend on the target (Martens 2020, "New insights and perspectives on the natural
    /// gradient method", section 9). Provided: the [`output_hessian`](Likelihood::output_hessian).
    fn fisher_information(&self, output: &[T], axes: &[usize]) -> Option<Vec<f64>> {
        let _ = axes;
        self.output_hessian(output)
    }

    /// Whether one example's output is valid. Provided: whether it is finite.
    fn allows(&self, output: &[T]) -> bool {
        output.iter().all(|y| y.is_finite())
    }
}

/// A diagonal matrix, row by row.
fn diagonal(elements: impl ExactSizeIterator<Item = f64>) -> Vec<f64> {
    let n = elements.len();
    let mut matrix = vec![0.0; n * n];
    elements.enumerate().for_each(|(i, element)| matrix[i * n + i] = element);
    matrix
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
