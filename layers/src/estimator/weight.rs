//! `Weight`: a handle to a random weight in a draw, which linear operations use by the draw's estimator.

use std::cell::Cell;
use std::ops::{Add, Deref, Div, Mul, Sub};

use super::{LinearMap, Variance};
use crate::engine::{Activation, Convolution, Linear, Operand, Transposed};
use crate::engine::{Key, Path};
use crate::engine::{Real, Var};
use crate::sampling::{Cx, Estimator, Mode};
use crate::weights::{Leaves, LinearMaps, Space, SparseMatrix, address};

/// A random weight: a `Copy` handle to its posterior, its prior and its noise.
///
/// Linear operations use it by the draw's [`Estimator`]; everything else derefs to a [`Var`], which samples the weight
/// once per draw.
pub struct Weight<'t, T: Real = f32>(&'t dyn Source<'t, T>);

impl<'t, T: Real> Weight<'t, T> {
    /// A handle to a pair in the tape's arena.
    pub(crate) fn new(pair: &'t dyn Source<'t, T>) -> Self {
        Weight(pair)
    }
}

impl<T: Real> Clone for Weight<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Weight<'_, T> {}

impl<T: Real> std::fmt::Debug for Weight<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Weight{:?}", self.0.value().to_tensor())
    }
}

/// The methods of a pair (posterior, prior) that a handle calls, independent of the pair's types.
pub(crate) trait Source<'t, T: Real> {
    fn cx(&self) -> Cx<'t, T>;
    fn family(&self) -> &'static str;
    fn shape(&self) -> &'t [usize];
    fn is_normal(&self) -> bool;
    fn value(&self) -> &Var<'t, T>;
    fn kl(&self) -> Var<'t, T>;
    fn log_prior(&self) -> Var<'t, T>;
    fn mean(&self) -> Var<'t, T>;
    fn variance(&self) -> Variance<'t, T>;
    fn perturbation(&self) -> Option<Var<'t, T>>;
    fn used(&self) -> &Cell<Used<'t, T>>;
    fn space(&self) -> Space;
    fn log_jacobian(&self) -> Option<Var<'t, T>>;
    fn output_variance(&self, x: Var<'t, T>) -> Option<Var<'t, T>>;
    fn log_posterior(&self) -> Option<Var<'t, T>>;
    fn sample_prior(&self, key: Key) -> Option<Vec<f64>>;
    fn prior(&self) -> String;
    fn log_prior_of(&self, element: usize, values: &[f64]) -> Option<Vec<f64>>;
}

/// How a weight was used in its draw.
#[derive(Clone, Copy)]
pub(crate) enum Used<'t, T: Real> {
    Never,
    /// A sample of it was used once, in a linear map of this value, or as the bias of a linear map: if each row of the value is
    /// an example, its outputs could be sampled in its place.
    Once(Option<Var<'t, T>>),
    /// A sample of it was used in another way.
    Sampled,
    /// The moments of its outputs were used: a copy of its sample is not the weight that was used.
    Moments,
    /// The outputs of a linear map were sampled, each with a different weight.
    Locally,
}

impl<'t, T: Real> Weight<'t, T> {
    /// Its divergence on the tape.
    pub(crate) fn kl_var(self) -> Var<'t, T> {
        self.0.kl()
    }

    /// ln p of its sample on the tape, which is the one that the forward pass uses if it uses one.
    pub(crate) fn log_prior_var(self) -> Var<'t, T> {
        self.0.log_prior()
    }

    /// ln q of its sample on the tape under its posterior; `None` if the family's density is unknown.
    pub(crate) fn log_posterior_var(self) -> Option<Var<'t, T>> {
        self.0.log_posterior()
    }

    /// Elements drawn from its prior, given the hyperparameters of the draw; `None` if the prior cannot be drawn from.
    pub(crate) fn sample_prior(self, key: Key) -> Option<Vec<f64>> {
        self.0.sample_prior(key)
    }

    /// Its prior in a few words.
    pub(crate) fn prior(self) -> String {
        self.0.prior()
    }

    /// ln p of one element at each of these values, given the hyperparameters of the draw, in nats; `None` if its prior is not a
    /// product over elements.
    pub(crate) fn log_prior_of(self, element: usize, values: &[f64]) -> Option<Vec<f64>> {
        self.0.log_prior_of(element, values)
    }

    /// Whether its elements are normally distributed under its posterior.
    pub(crate) fn is_normal(self) -> bool {
        self.0.is_normal()
    }

    /// The name of its posterior family.
    pub(crate) fn family(self) -> &'static str {
        self.0.family()
    }

    /// The set of values that its elements may have.
    pub(crate) fn space(self) -> Space {
        self.0.space()
    }

    /// ln |det ∂w/∂u| of the transform from the unconstrained numbers that it was set to; `None` if it is 0.
    pub(crate) fn log_jacobian_var(self) -> Option<Var<'t, T>> {
        self.0.log_jacobian()
    }

    /// Its shape, which is not a use of it.
    pub fn shape(self) -> &'t [usize] {
        self.0.shape()
    }

    /// The sample of it on the tape.
    pub(crate) fn value_var(self) -> Var<'t, T> {
        *self.0.value()
    }

    /// Its mean on the tape.
    pub(crate) fn mean_var(self) -> Var<'t, T> {
        self.0.mean()
    }

    /// The variances of its elements.
    pub(crate) fn variance_var(self) -> Variance<'t, T> {
        self.0.variance()
    }

    /// The mean and the variance of the outputs x · wᵀ under the posterior, (rows, outputs) each, for inputs x of shape (rows,
    /// inputs): for a layer that does not sample, such as [`LastLayer`](crate::nn::LastLayer). A weight that is a vector has one
    /// output. At given weights, and at the posterior's means, it is the outputs and zero.
    ///
    /// A likelihood of such outputs takes both blocks: [`Likelihood::takes_moments`](crate::Likelihood::takes_moments).
    ///
    /// # Panics
    /// If the weight is not a vector or a matrix, its inputs are not the last axis of `x`, or its posterior family is one whose
    /// variances of outputs are unknown: not of independent elements, `FullCovariance` or `MatrixNormal`.
    #[track_caller]
    pub fn output_moments(self, x: Var<'t, T>) -> [Var<'t, T>; 2] {
        let (cx, is_random) = (self.0.cx(), self.use_moments());
        let mean = if is_random { self.0.mean() } else { *self.0.value() };
        let matrix = match *mean.shape() {
            [inputs] => [1, inputs],
            [outputs, inputs] => [outputs, inputs],
            ref shape => panic!(
                "output_moments: `{}` has the shape {shape:?}; expected a vector (inputs) or a matrix (outputs, inputs)",
                cx.path()
            ),
        };
        let outputs = x.linear(mean.reshape(matrix));
        let none = || cx.tape().constant(outputs.shape(), |_| T::ZERO);
        if !is_random {
            return [outputs, none()];
        }
        let variance = match self.0.variance() {
            Variance::Zero => none(),
            Variance::Independent(variance) => x.square().linear(variance.reshape(matrix)),
            Variance::Joint => self.0.output_variance(x).unwrap_or_else(|| {
                panic!(
                    "output_moments: the variances of outputs by `{}` are unknown for the posterior `{}`; take `MeanField`, \
                     `FullCovariance` or `MatrixNormal`, or implement `Posterior::output_variance`",
                    cx.path(),
                    self.0.family()
                )
            }),
        };
        [outputs, variance]
    }

    /// The mean and the variance of each element under the posterior, for a layer that does not sample and whose
    /// likelihood takes an expectation over independent normal elements, such as
    /// [`GenerativeLastLayer`](crate::nn::GenerativeLastLayer). At given weights, and at the posterior's means, it is
    /// the weight and zero.
    ///
    /// # Panics
    /// If the posterior is not normal with independent elements, and not a [`Point`](crate::Point).
    #[track_caller]
    pub fn element_moments(self) -> [Var<'t, T>; 2] {
        let (cx, is_random) = (self.0.cx(), self.use_moments());
        let none = |of: Var<'t, T>| [of, cx.tape().constant(of.shape(), |_| T::ZERO)];
        if !is_random {
            return none(*self.0.value());
        }
        match self.0.variance() {
            Variance::Zero => none(self.0.mean()),
            Variance::Independent(variance) if self.0.is_normal() => [self.0.mean(), variance],
            Variance::Independent(_) | Variance::Joint => panic!(
                "element_moments: `{}` has the posterior `{}`, which is not normal with independent elements; take `MeanField`",
                cx.path(),
                self.0.family()
            ),
        }
    }

    /// Records that moments of it are used, and returns whether they are those of its posterior: not at given weights,
    /// and not if the draw samples every weight.
    fn use_moments(self) -> bool {
        self.0.used().set(Used::Moments);
        matches!(self.0.cx().mode, Mode::Random(how) if !how.samples_all)
    }

    /// Checks that outputs by it are normally distributed, for a layer of this name whose likelihood takes an
    /// expectation over them.
    ///
    /// # Panics
    /// If its posterior is random and not normal.
    #[track_caller]
    pub(crate) fn check_normal(self, layer: &str) {
        let is_known = self.0.is_normal() || matches!(self.0.variance(), Variance::Zero);
        assert!(
            is_known || !matches!(self.0.cx().mode, Mode::Random(_)),
            "{layer}: `{}` has the posterior `{}`, under which outputs are not normal, as the likelihoods of this layer take them; \
             take `FullCovariance` or `MeanField`",
            self.0.cx().path(),
            self.0.family()
        );
    }

    /// x ∘ (c + w) for a weight w of shape (features), x of shape (.., features) and a constant c, by its estimator: w enters as
    /// the linear map by its diagonal matrix, so that outputs can be sampled in its place.
    ///
    /// # Panics
    /// If the last axis of x is not the features of the weight of `layer`.
    #[track_caller]
    pub(crate) fn scale_features(self, layer: &str, x: Var<'t, T>, constant: f64) -> Var<'t, T> {
        let shape = self.0.shape();
        assert!(
            shape.len() == 1 && x.shape().last() == Some(&shape[0]),
            "{layer}: `{}` has the shape {shape:?}, and the input {:?}; expected (.., {})",
            self.0.cx().path(),
            x.shape(),
            shape.iter().product::<usize>()
        );
        self.scale(x, LinearMap::ScaleFeatures, constant)
    }

    /// x ∘ (c + w) for a weight w of shape (channels) and x of shape (examples, channels, ..).
    ///
    /// # Panics
    /// If the second axis of x is not the channels of the weight of `layer`.
    #[track_caller]
    pub(crate) fn scale_channels(self, layer: &str, x: Var<'t, T>, constant: f64) -> Var<'t, T> {
        let shape = self.0.shape();
        assert!(
            shape.len() == 1 && x.shape().get(1) == Some(&shape[0]),
            "{layer}: `{}` has the shape {shape:?}, and the input {:?}; expected (examples, {}, ..)",
            self.0.cx().path(),
            x.shape(),
            shape.iter().product::<usize>()
        );
        self.scale(x, LinearMap::ScaleChannels, constant)
    }

    #[track_caller]
    fn scale(self, x: Var<'t, T>, map: LinearMap<1>, constant: f64) -> Var<'t, T> {
        // At given weights it is not among the noted linear maps.
        let is_given = matches!(self.0.cx().mode, Mode::At { .. });
        if is_given || self.estimator() == Estimator::Sample {
            let drawn = if is_given { *self.sampled() } else { *self.sampled_for(Used::Once(Some(x))) };
            return map.apply(x, drawn.scale_shift(1.0, constant), None);
        }
        let y = self.enter(x, None::<Var<'t, T>>, map);
        if constant == 0.0 { y } else { y + x * constant }
    }

    /// How it enters a linear map.
    fn estimator(self) -> Estimator {
        match self.0.cx().mode {
            Mode::Random(how) => how.estimator,
            Mode::Mean | Mode::PointEstimate { .. } | Mode::Fixed { .. } | Mode::At { .. } => Estimator::Sample,
        }
    }

    /// The notes of linear maps, if they are wanted.
    fn maps(&self) -> Option<&'t LinearMaps<T>> {
        match self.0.cx().mode {
            Mode::At { leaves: Leaves::Watched(maps), .. } => Some(maps),
            _ => None,
        }
    }

    /// Its sparse form, if there is one.
    fn sparse(&self) -> Option<&'t SparseMatrix<T>> {
        let Mode::At { weights, leaves: Leaves::Sparse(maps), .. } = self.0.cx().mode else { return None };
        let own = address(*self.0.value());
        let index = weights.entries().iter().position(|entry| entry.tensor.data().as_ptr() as usize == own)?;
        maps.get(index)
    }

    /// Whether the draw's only use of it was in a linear map, or as the bias of one.
    pub(crate) fn is_used_in_one_map(self) -> bool {
        matches!(self.0.used().get(), Used::Once(_))
    }

    fn second_use(&self) -> SecondUse<'t> {
        let cx = self.0.cx();
        SecondUse { path: cx.path(), is_prediction: cx.kept_moments().is_some() }
    }

    /// The sample of the weight; records the use.
    #[track_caller]
    fn sampled(&self) -> &Var<'t, T> {
        self.sampled_for(Used::Sampled)
    }

    /// The sample of the weight for its first use, if this is the first; records the use.
    #[track_caller]
    fn sampled_for(&self, first: Used<'t, T>) -> &Var<'t, T> {
        let used = self.0.used();
        match used.get() {
            Used::Never => used.set(first),
            Used::Once(_) => used.set(Used::Sampled),
            Used::Sampled | Used::Moments => {}
            Used::Locally => panic!("{}", self.second_use()),
        }
        self.0.value()
    }

    /// Whether the draw's only use of it allows outputs to be sampled in its place, without approximation, in a batch of
    /// `examples`.
    pub(crate) fn allows_local(self, examples: usize) -> bool {
        let is_row_each = |x: Var<'t, T>| matches!(*x.shape(), [rows, _] if rows == examples);
        let once = matches!(self.0.used().get(), Used::Once(x) if x.is_none_or(is_row_each));
        once && self.0.is_normal() && matches!(self.0.variance(), Variance::Independent(_))
    }

    /// Whether the moments of its outputs were used instead of a sample.
    pub(crate) fn gave_moments(self) -> bool {
        matches!(self.0.used().get(), Used::Moments)
    }

    /// Mean and variance, to sample outputs with; `None` for a deterministic weight. Records the use, which must be the only
    /// one in the draw.
    #[track_caller]
    fn locally(&self) -> Option<[Var<'t, T>; 2]> {
        match self.0.variance() {
            Variance::Zero => None,
            Variance::Independent(variance) => {
                let before = self.0.used().replace(Used::Locally);
                assert!(matches!(before, Used::Never), "{}", self.second_use());
                Some([self.0.mean(), variance])
            }
            Variance::Joint => panic!(
                "local reparameterisation of `{path}` needs a posterior whose elements are independent, with known \
                 variances, and `{family}` is not one; use another posterior, or another estimator for this weight: \
                 `Estimators::all(Estimator::Local).set(\"{path}\", Estimator::Sample)`",
                path = self.0.cx().path(),
                family = self.0.family()
            ),
        }
    }

    /// Mean and perturbation, to flip per example; `None` for a deterministic weight.
    #[track_caller]
    fn flipped(&self) -> Option<[Var<'t, T>; 2]> {
        if let Some(perturbation) = self.0.perturbation() {
            return Some([self.0.mean(), perturbation]);
        }
        let path = self.0.cx().path();
        assert!(
            matches!(self.0.variance(), Variance::Zero),
            "Flipout of `{path}` needs a posterior that is symmetric about its mean in every element, and `{family}` \
             is not one; use another posterior, or another estimator for this weight: \
             `Estimators::all(Estimator::Flipout).set(\"{path}\", Estimator::Sample)`",
            family = self.0.family()
        );
        None
    }

    /// The linear map `map` of x by this weight, by its estimator.
    #[track_caller]
    fn enter<const D: usize>(self, x: Var<'t, T>, bias: Option<impl Operand<'t, T>>, map: LinearMap<D>) -> Var<'t, T> {
        let cx = self.0.cx();
        match self.estimator() {
            Estimator::Local => {
                if let Some(moments) = self.locally() {
                    return super::local(map, x, moments, bias, cx);
                }
            }
            Estimator::Flipout => {
                if let Some(parts) = self.flipped() {
                    return super::flipout(map, x, parts, bias, cx);
                }
            }
            Estimator::Sample => {}
        }
        map.apply(x, *self.sampled(), bias.map(Operand::var))
    }
}

/// Why a weight whose outputs are sampled cannot be used again.
struct SecondUse<'a> {
    path: Path<'a>,
    /// Whether the draw is for a prediction that samples outputs.
    is_prediction: bool,
}

impl std::fmt::Display for SecondUse<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path;
        write!(
            f,
            "local reparameterisation of `{path}`: it is used twice in this draw, and its outputs would come from two \
             different weights; "
        )?;
        if self.is_prediction {
            write!(f, "predict with `KeptDraws` or with the model, whose weights are sampled")
        } else {
            write!(
                f,
                "use Flipout, or sample this weight: `Estimators::all(Estimator::Local).set(\"{path}\", Estimator::Sample)`. \
                 If `fit` has chosen the estimator, the first batch used it once; sample all weights: \
                 `.estimator(Estimator::Sample)`"
            )
        }
    }
}

impl<'t, T: Real> Deref for Weight<'t, T> {
    type Target = Var<'t, T>;

    #[track_caller]
    fn deref(&self) -> &Var<'t, T> {
        self.sampled()
    }
}

impl<'t, T: Real> Operand<'t, T> for Weight<'t, T> {
    /// As the bias of a linear map, whose outputs' noise can include its own.
    #[track_caller]
    fn var(self) -> Var<'t, T> {
        *self.sampled_for(Used::Once(None))
    }

    #[track_caller]
    fn moments(self) -> Option<[Var<'t, T>; 2]> {
        if self.estimator() == Estimator::Local { self.locally() } else { None }
    }
}

impl<'t, T: Real> Linear<'t, T> for Weight<'t, T> {
    #[track_caller]
    fn affine(self, x: Var<'t, T>, b: Option<impl Operand<'t, T>>, activation: Activation) -> Var<'t, T> {
        if let Some(maps) = self.maps() {
            let (w, b) = (*self.sampled_for(Used::Once(Some(x))), b.map(Operand::var));
            let y = Linear::affine(w, x, b, Activation::Identity);
            return maps.note([w, x, y], b, false).activate(activation);
        }
        if let Some(matrix) = self.sparse() {
            return matrix.affine(x, b.map(Operand::var)).activate(activation);
        }
        if self.estimator() == Estimator::Sample {
            return Linear::affine(*self.sampled_for(Used::Once(Some(x))), x, b, activation);
        }
        self.enter(x, b, LinearMap::<1>::Affine).activate(activation)
    }

    #[track_caller]
    fn matmul(self, x: Var<'t, T>) -> Var<'t, T> {
        // The outputs of a matrix are features. With other shapes the axes' meaning is unknown.
        if self.estimator() == Estimator::Sample || self.0.mean().shape().len() != 2 {
            let is_matrix = self.0.value().shape().len() == 2;
            let w = *self.sampled_for(if is_matrix { Used::Once(Some(x)) } else { Used::Sampled });
            let y = Linear::matmul(w, x);
            return match self.maps() {
                Some(maps) if is_matrix && x.shape().len() > 1 => maps.note([w, x, y], None, true),
                _ => y,
            };
        }
        self.enter(x, None::<Var<'t, T>>, LinearMap::<1>::MatMul)
    }

    #[track_caller]
    fn convolve<const D: usize>(
        self,
        x: Var<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Convolution<D>,
    ) -> Var<'t, T> {
        self.enter(x, b, LinearMap::Convolve(settings))
    }

    #[track_caller]
    fn convolve_transposed<const D: usize>(
        self,
        x: Var<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Transposed<D>,
    ) -> Var<'t, T> {
        self.enter(x, b, LinearMap::ConvolveTransposed(settings))
    }
}

macro_rules! arithmetic {
    ($($trait:ident $name:ident),*) => {$(
        impl<'t, T: Real> $trait<Var<'t, T>> for Weight<'t, T> {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, other: Var<'t, T>) -> Var<'t, T> {
                (*self).$name(other)
            }
        }

        impl<'t, T: Real> $trait<Weight<'t, T>> for Var<'t, T> {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, other: Weight<'t, T>) -> Var<'t, T> {
                self.$name(*other)
            }
        }

        impl<'t, T: Real> $trait for Weight<'t, T> {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, other: Weight<'t, T>) -> Var<'t, T> {
                (*self).$name(*other)
            }
        }

        impl<'t, T: Real> $trait<f64> for Weight<'t, T> {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, other: f64) -> Var<'t, T> {
                (*self).$name(other)
            }
        }
    )*};
}

arithmetic!(Add add, Sub sub, Mul mul, Div div);
