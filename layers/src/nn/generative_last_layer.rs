//! `GenerativeLastLayer`: a variational last layer for classification by the densities of features given each class.

use std::f64::consts::TAU;

use crate::divergence::Divergence;
use crate::engine::{Real, Tensor, Var};
use crate::model::Buffer;
use crate::posterior::{MeanField, Point};
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// The generative variational last layer (Harrison, Willes and Snoek 2024, "Variational Bayesian Last Layers",
/// generative classification): the features φ of a class c are N(μ_c, Σ), with a normal posterior over the class means
/// μ_c and one diagonal Σ, and Bayes' rule gives p(c | φ) ∝ p(c) N(φ; μ_c, Σ). It is trained without sampling:
///
/// E ln p(c | φ) ≥ ln p(c) + ln N(φ; m_c, Σ) − ½ tr(Σ⁻¹ S_c) − ln Σₖ p(k) N(φ; m_k, Σ + S_k)
///
/// with the means m and the diagonal covariances S of the posterior, by Jensen's inequality for the last term. Far from
/// all classes the density of the features is small, which [`log_density`](crate::ExpectedCategorical::log_density)
/// tells.
///
/// Its forward maps (rows, features) to (rows, 2 classes), for the likelihood
/// [`ExpectedCategorical::generative`](crate::ExpectedCategorical::generative): the mean of each class's ln p(c, φ)
/// over the posterior, then twice what ln E p(c, φ) is above it, as if ln p(c, φ) were normal with that variance. At
/// given weights the second is zero, and the first is ln p(c, φ), so that chains and other inferences run on the same
/// struct. It takes rows · classes · features numbers of memory for each use.
///
/// Σ = diag(σ²) is a point estimate as in the paper, by ln σ under a prior, which is N(0, 1) by default. The paper's
/// prior, an inverse Wishart distribution of Σ with ν degrees of freedom and the scale matrix s I, has on diagonal
/// matrices of F features the same density, up to a constant, as
/// [`InverseGammaVariance::new`](crate::InverseGammaVariance::new)((ν + F + 1)/2, s/2) for each ln σ.
///
/// The class means have the prior N(0, 1) by default, so features should be of the order of 1. The frequencies p(c) are
/// equal, or [those of labels](GenerativeLastLayer::frequencies); they are given, and not learned.
///
/// ```
/// use elbo::ExpectedCategorical;
/// use elbo::metrics::auroc;
/// use elbo::nn::GenerativeLastLayer;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     hidden: Dense<Point>, // features without a distribution
///     head: GenerativeLastLayer,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         self.head.forward(self.hidden.forward(x).tanh())
///     }
/// }
///
/// # let x: Tensor = Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin());
/// # let labels: Vec<usize> = x.data().chunks(2).map(|point| usize::from(point[0] > 0.0)).collect();
/// # let other = Tensor::from_fn([16, 2], |i| 30.0 + i as f64);
/// let hidden = Dense::of(2, 8, Point::new, Normal(0.0, 1.0));
/// let mut model = Net { hidden, head: GenerativeLastLayer::new(8, 2).frequencies(&labels) };
/// let train = Examples::new(x, labels)?;
/// let likelihood = ExpectedCategorical::generative();
/// Elbo::new(likelihood).quiet().fit(&mut model, &train, Epochs(50))?;
/// let predicted = model.predict(&likelihood, train.inputs(), Draws(1)); // exact given the features
///
/// let log_density = |x: &Tensor| likelihood.log_density(&model.outputs(x, Draws(1)));
/// let unknown = |x: &Tensor| log_density(x).iter().map(|nats| -nats).collect::<Vec<f64>>();
/// println!("AUROC {:.2}", auroc(&unknown(&other), &unknown(train.inputs())));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[doc(alias = "G-VBLL")]
#[bayesian]
#[derive(Clone, Debug)]
pub struct GenerativeLastLayer<
    Q: Divergence<P> = MeanField,
    P: PriorFor<Q::Scalar> = Normal,
    N: Divergence<R, Scalar = Q::Scalar> = Point,
    R: PriorFor<Q::Scalar> = Normal,
> {
    /// The mean of the features of each class, (classes, features).
    #[prior(self.prior)]
    pub means: Q,
    /// The prior of the means.
    pub prior: P,
    /// The noise of the features, the same for all classes.
    pub noise: FeatureNoise<N, R>,
    /// ln p(c), (classes).
    pub log_frequencies: Buffer<Q::Scalar>,
}

/// The noise of the features within a class of a [`GenerativeLastLayer`]: in `noise` it is the weight of that name.
#[bayesian]
#[derive(Clone, Debug)]
pub struct FeatureNoise<N: Divergence<R> = Point, R: PriorFor<N::Scalar> = Normal> {
    /// ln σ of each feature, (features).
    #[name("")]
    #[prior(self.prior)]
    pub log_sd: N,
    /// Its prior.
    pub prior: R,
}

impl GenerativeLastLayer {
    /// A layer in `f32` for these numbers of features and classes: mean-field class means under N(0, 1), a point
    /// estimate of the noise with ln σ under N(0, 1), and equal frequencies.
    #[track_caller]
    pub fn new(features: usize, classes: usize) -> Self {
        let (means, log_sd) = (MeanField::new([classes, features]), Point(Tensor::zeros([features])));
        GenerativeLastLayer::of(means, Normal(0.0, 1.0), log_sd, Normal(0.0, 1.0))
    }
}

impl<T, P, N, R> GenerativeLastLayer<MeanField<T>, P, N, R>
where
    T: Real,
    P: PriorFor<T>,
    N: Divergence<R, Scalar = T>,
    R: PriorFor<T>,
    MeanField<T>: Divergence<P, Scalar = T>,
{
    /// Sets the initial standard deviation of the class means, in place of [`INITIAL_SD`](crate::INITIAL_SD). The means
    /// and the noise stay.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn initial_sd(mut self, sd: f64) -> Self {
        self.means = self.means.initial_sd(sd);
        self
    }
}

impl<Q, P, N, R> GenerativeLastLayer<Q, P, N, R>
where
    Q: Divergence<P>,
    P: PriorFor<Q::Scalar>,
    N: Divergence<R, Scalar = Q::Scalar>,
    R: PriorFor<Q::Scalar>,
{
    /// A layer of other posteriors or priors: `means` of shape (classes, features), which must be normal with
    /// independent elements ([`MeanField`]) or a [`Point`]; `log_sd` of shape (features), which may be random too.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn of(means: Q, prior: P, log_sd: N, noise_prior: R) -> Self {
        let classes = match (means.shape(), log_sd.shape()) {
            (&[classes, features], &[noises]) if classes > 0 && features == noises => classes,
            (means, log_sd) => panic!(
                "GenerativeLastLayer: `means` has the shape {means:?} and `log_sd` {log_sd:?}; expected (classes, features) and \
                 (features)"
            ),
        };
        let equal = Tensor::full([classes], -(classes as f64).ln());
        let noise = FeatureNoise { log_sd, prior: noise_prior };
        GenerativeLastLayer { means, prior, noise, log_frequencies: Buffer(equal) }
    }

    /// Takes the frequencies of the classes from these labels: (n + 1)/(N + C) for n of N labels of a class, the mean
    /// of C frequencies under a uniform Dirichlet prior.
    ///
    /// # Panics
    /// If a label is out of range.
    #[track_caller]
    #[must_use]
    pub fn frequencies(mut self, labels: &[usize]) -> Self {
        let classes = self.log_frequencies.0.len();
        let mut counts = vec![1.0; classes];
        for (example, &label) in labels.iter().enumerate() {
            assert!(
                label < classes,
                "GenerativeLastLayer: example {example} (from 0) has the label {label}, but there are {classes} classes, 0 to {}",
                classes - 1
            );
            counts[label] += 1.0;
        }
        let total = (labels.len() + classes) as f64;
        self.log_frequencies.0 = Tensor::from_fn([classes], |class| (counts[class] / total).ln());
        self
    }
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>, N: Divergence<R, Scalar = Q::Scalar>, R: PriorFor<Q::Scalar>>
    GenerativeLastLayer<Q, P, N, R>
{
    /// For each class the mean of ln p(c, φ), then twice what ln E p(c, φ) is above it: (rows, 2 classes).
    ///
    /// # Panics
    /// If `x` is not (rows, features), or the posterior of the means is not normal with independent elements.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        log_joint(x, self.means.element_moments(), *self.noise.log_sd, self.log_frequencies.var())
    }
}

/// The outputs for features x, with the mean and the variance of each class's mean, (classes, features) each, ln σ of
/// each feature, and ln p(c).
#[track_caller]
fn log_joint<'t, T: Real>(
    x: Var<'t, T>,
    [mean, variance]: [Var<'t, T>; 2],
    log_sd: Var<'t, T>,
    log_frequencies: Var<'t, T>,
) -> Var<'t, T> {
    let &[classes, features] = mean.shape() else {
        panic!("GenerativeLastLayer: `means` has the shape {:?}; expected (classes, features)", mean.shape());
    };
    assert!(
        matches!(*x.shape(), [_, found] if found == features),
        "GenerativeLastLayer: the features have the shape {:?}; expected (rows, {features})",
        x.shape()
    );
    let log_sd = log_sd.reshape([1, features]);
    let precision = (log_sd * -2.0).exp();
    // S/Σ, and how much less a squared distance to a class mean counts under Σ + S than under Σ.
    let ratio = variance * precision;
    let less = precision * (ratio / (ratio + 1.0));
    let (mut squares, mut above) = (Vec::new(), Vec::new());
    for class in 0..classes as isize {
        let [mean, less] = [mean, less].map(|of| of.slice(0, class..class + 1, 1));
        let both = (x - mean).square().linear(Var::concat(&[precision, less], 0));
        let [square, of_square] = both.split(-1, [1, 1]);
        squares.push(square);
        above.push(of_square);
    }
    let over_features = |of: Var<'t, T>| of.sum_axes(&[-1], false).reshape([1, of.shape()[0]]);
    let constant = log_frequencies.reshape([1, classes])
        - over_features(ratio) * 0.5
        - over_features(log_sd)
        - 0.5 * features as f64 * TAU.ln();
    let nats = Var::concat(&squares, -1) * -0.5 + constant;
    let above = Var::concat(&above, -1) + over_features(ratio - (ratio + 1.0).ln());
    // Not below 0 by rounding.
    Var::concat(&[nats, above.clamp(0.0, f64::INFINITY)], -1)
}
