//! `LastLayer`: a variational last layer, which gives the mean and the variance of its outputs instead of samples.

use crate::divergence::Divergence;
use crate::engine::{Real, Shape, Var};
use crate::posterior::{FullCovariance, MeanField};
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// A variational last layer (Harrison, Willes and Snoek 2024, "Variational Bayesian Last Layers"): the outputs
/// w · (φ, 1) of features φ with a posterior over w, without sampling. Its forward maps (rows, features) to (rows,
/// 2 outputs): the means of all outputs, then their variances, in closed form. The likelihoods
/// [`ExpectedGaussian`](crate::ExpectedGaussian) and [`ExpectedCategorical`](crate::ExpectedCategorical) take the
/// expectation of ln p over them, so that the bound and its gradient have no noise from this layer; other likelihoods
/// are refused, because they would take the variances for something else. With features without random weights, one
/// draw predicts exactly under `ExpectedGaussian`; under `ExpectedCategorical` predictions average over draws of the
/// logits.
///
/// Training, the divergence and N are those of every model: nothing is divided by N by hand. The prior is as written, N(0, 1) by
/// default, whatever the number of features.
///
/// Each output has weights of its own, of shape (features + 1) with the bias last, by default under a normal posterior
/// with full covariance. At given weights ([`Bayesian::at`](crate::Bayesian::at)) the variances are zero, and the
/// likelihoods are then those of the weights: chains and other inferences run on the same struct.
/// [`Elbo::evaluate`](crate::Elbo::evaluate) and [`KeptDraws`](crate::KeptDraws) are at given weights, too, and average
/// over draws of them, and so do log-likelihoods by draw ([`Predict::log_likelihood`](crate::Predict::log_likelihood))
/// and the [`checks`](crate::checks).
///
/// ```
/// use elbo::nn::LastLayer;
/// use elbo::prelude::*;
/// use elbo::ExpectedGaussian;
///
/// #[bayesian]
/// struct Net {
///     hidden: Dense<Point>, // features without a distribution
///     head: LastLayer,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         self.head.forward(self.hidden.forward(x).tanh())
///     }
/// }
///
/// # let x = Tensor::from_fn([64, 1], |i| i as f64 / 16.0 - 2.0);
/// # let y = Tensor::from_fn([64, 1], |i| (i as f64 / 16.0).sin());
/// # let train = Examples::new(x, y)?;
/// let hidden = Dense::of(1, 16, Point::new, Normal(0.0, 1.0));
/// let mut model = Net { hidden, head: LastLayer::new(16, 1) };
/// let likelihood = ExpectedGaussian::new(0.1);
/// Elbo::new(likelihood).quiet().fit(&mut model, &train, Epochs(50))?;
/// let predicted = model.predict(&likelihood, train.inputs(), Draws(1));
/// println!("RMSE {:.3}, NLL {:.3} nats", predicted.rmse(train.targets()), predicted.nll(train.targets()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct LastLayer<Q: Divergence<P> = FullCovariance, P: PriorFor<Q::Scalar> = Normal> {
    /// The weights of each output.
    pub outputs: Vec<OutputWeights<Q, P>>,
}

/// The weights of one output of a [`LastLayer`]: in `outputs` it is the weight of that name, `outputs.0`.
#[bayesian]
#[derive(Clone, Debug)]
pub struct OutputWeights<Q: Divergence<P> = FullCovariance, P: PriorFor<Q::Scalar> = Normal> {
    /// Of shape (features + 1), the bias last.
    #[name("")]
    #[prior(self.prior)]
    pub weight: Q,
    /// Its prior. A learned prior is learned for each output.
    pub prior: P,
}

impl LastLayer {
    /// A layer in `f32` with full covariances under N(0, 1).
    #[track_caller]
    pub fn new(features: usize, outputs: usize) -> Self {
        LastLayer::of(features, outputs, FullCovariance::new, Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> LastLayer<Q, P> {
    /// A layer of another posterior family or prior: `posterior` makes the weights of an output from their shape,
    /// (features + 1). The family must be normal: [`MeanField`](crate::MeanField),
    /// [`FullCovariance`](struct@crate::FullCovariance), or a [`Point`](crate::Point).
    #[track_caller]
    pub fn of(features: usize, outputs: usize, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        let mut output = || OutputWeights { weight: posterior([features + 1].into()), prior: prior.clone() };
        LastLayer { outputs: (0..outputs).map(|_| output()).collect() }
    }
}

initial_sd!(OutputWeights: weight);

impl<T: Real, P: PriorFor<T>> LastLayer<MeanField<T>, P>
where
    MeanField<T>: Divergence<P, Scalar = T>,
{
    /// Sets the initial standard deviation of every weight, in place of [`INITIAL_SD`](crate::INITIAL_SD). The means stay.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn initial_sd(self, sd: f64) -> Self {
        let mut outputs = Vec::with_capacity(self.outputs.len());
        for output in self.outputs {
            outputs.push(output.initial_sd(sd));
        }
        LastLayer { outputs }
    }
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> LastLayer<Q, P> {
    /// The means of all outputs, then their variances: (rows, 2 outputs).
    ///
    /// # Panics
    /// If `x` is not (rows, features), the layer has no outputs, or its posterior family is not normal.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let &[rows, _] = x.shape() else {
            panic!("LastLayer: the features have the shape {:?}; expected (rows, features)", x.shape());
        };
        let one = x.tape().constant([rows, 1], |_| Q::Scalar::ONE);
        let features = Var::concat(&[x, one], -1);
        let (mut means, mut variances) = (Vec::new(), Vec::new());
        for output in self.outputs {
            output.weight.check_normal("LastLayer");
            let [mean, variance] = output.weight.output_moments(features);
            means.push(mean);
            variances.push(variance);
        }
        means.extend(variances);
        Var::concat(&means, -1)
    }
}
