//! `RandomFeatureGp`: an output layer that approximates a Gaussian process by random Fourier features.

use std::f64::consts::{PI, SQRT_2};

use crate::divergence::Divergence;
use crate::engine::random::normals;
use crate::engine::{Key, Real, Shape, Tensor, Var};
use crate::model::Buffer;
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// An output layer that approximates a Gaussian process with a radial basis function kernel by D random Fourier features
/// (Rahimi and Recht 2007; as the head of SNGP: Liu et al. 2020): φ(x) βᵀ with φ(x) = √(2/D) cos(x Ωᵀ + p), (.., inputs) to
/// (.., outputs).
///
/// The rows of Ω are from N(0, I/ℓ²) and the phases p from U(0, 2π). Both are buffers: drawn once by a key, saved with the
/// model, and not learned. The output weights β are random; under the prior N(0, 1) the covariance of two outputs before
/// training is close to exp(−‖x − x′‖²/(2ℓ²)), with an error of order 1/√D. Far from the data the variance goes back to the
/// prior's, 1, if the posterior is correlated ([`FullCovariance`](crate::FullCovariance)); a [`MeanField`] is too sure there.
///
/// Inputs should have distances of the order of ℓ. Put layers that keep distances in front of it
/// ([`SpectralNorm`](super::SpectralNorm)).
///
/// ```
/// use elbo::nn::RandomFeatureGp;
/// use elbo::prelude::*;
///
/// let head: RandomFeatureGp<FullCovariance> =
///     RandomFeatureGp::of(3, 2, 128, Key::new(1), FullCovariance::new, Normal(0.0, 1.0)).length_scale(2.0);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3], 1.0));
/// assert_eq!(head.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 2]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct RandomFeatureGp<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// Ω, of shape (features, inputs).
    pub frequencies: Buffer<Q::Scalar>,
    /// p, of shape (features).
    pub phases: Buffer<Q::Scalar>,
    /// β, of shape (outputs, features).
    #[prior(self.prior)]
    pub weight: Q,
    /// The prior of β.
    pub prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> RandomFeatureGp<Q, P> {
    /// The layer's output.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        self.features(x).linear(self.weight)
    }

    /// φ(x), (.., features).
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs.
    #[track_caller]
    pub fn features(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let angles = x.affine(self.frequencies.var(), self.phases.var());
        angles.cos() * (2.0 / self.phases.len() as f64).sqrt()
    }
}

impl RandomFeatureGp {
    /// A layer in `f32` with this number of features drawn by `key`, ℓ = 1, and a mean-field posterior of β under N(0, 1).
    ///
    /// # Panics
    /// If there are no features.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, features: usize, key: Key) -> Self {
        RandomFeatureGp::of(inputs, outputs, features, key, MeanField::new, Normal(0.0, 1.0))
    }
}

initial_sd!(RandomFeatureGp: weight);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> RandomFeatureGp<Q, P> {
    /// A layer with this number of features drawn by `key`, ℓ = 1, and any posterior family under any prior: `posterior` makes
    /// β from its shape, (outputs, features).
    ///
    /// # Panics
    /// If there are no features.
    #[track_caller]
    pub fn of(
        inputs: usize,
        outputs: usize,
        features: usize,
        key: Key,
        mut posterior: impl FnMut(Shape) -> Q,
        prior: P,
    ) -> Self {
        assert!(features > 0, "RandomFeatureGp: at least one feature is needed, got 0");
        let mut frequencies = Tensor::zeros([features, inputs]);
        normals(key.at("frequencies"), 0, frequencies.data_mut());
        let mut phases = Tensor::zeros([features]);
        normals(key.at("phases"), 0, phases.data_mut());
        // 2π Φ(z), which is uniform.
        let uniform = |z: Q::Scalar| Q::Scalar::from_f64(PI * libm::erfc(-z.to_f64() / SQRT_2));
        phases.data_mut().iter_mut().for_each(|phase| *phase = uniform(*phase));
        let weight = posterior([outputs, features].into());
        RandomFeatureGp { frequencies: Buffer(frequencies), phases: Buffer(phases), weight, prior }
    }

    /// Divides the frequencies by ℓ: of a new layer, whose length scale is 1, this sets it.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    #[must_use]
    pub fn length_scale(mut self, length_scale: f64) -> Self {
        assert!(
            length_scale > 0.0 && length_scale.is_finite(),
            "RandomFeatureGp: the length scale must be positive and finite, got {length_scale}"
        );
        let divided = |x: Q::Scalar| Q::Scalar::from_f64(x.to_f64() / length_scale);
        self.frequencies.0.data_mut().iter_mut().for_each(|x| *x = divided(*x));
        self
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar>>(self, prior: R) -> RandomFeatureGp<Q, R>
    where
        Q: Divergence<R>,
    {
        let RandomFeatureGp { frequencies, phases, weight, .. } = self;
        RandomFeatureGp { frequencies, phases, weight, prior }
    }
}
