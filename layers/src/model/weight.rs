//! A random weight in a draw.

use std::cell::{Cell, OnceCell};
use std::ops::{Add, Deref, Div, Mul, Sub};

use crate::divergence::Divergence;
use crate::engine::{Activation, Convolution, Linear, Operand, Transposed};
use crate::engine::{Path, Real, Tensor, Var};
use crate::estimator::{self, Grid};
use crate::model::Drawn;
use crate::posterior::{Posterior, Variance};
use crate::prior::{Given, Prior};
use crate::sampling::{Cx, Estimator, Mode};
use crate::weights::{Space, Weights};

/// A random weight: a `Copy` handle to its posterior, its prior and its noise.
///
/// A linear operation may use it in the way of the draw's [`Estimator`]; everything else derefs to a
/// [`Var`], which samples the weight, once per draw.
pub struct Weight<'t, T: Real = f32>(&'t dyn Source<'t, T>);

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

/// What a handle needs of the pair (posterior, prior), whose types it does not name.
trait Source<'t, T: Real> {
    fn cx(&self) -> Cx<'t, T>;
    fn family(&self) -> &'static str;
    fn value(&self) -> &Var<'t, T>;
    fn kl(&self) -> Var<'t, T>;
    fn log_prior(&self) -> Var<'t, T>;
    fn mean(&self) -> Var<'t, T>;
    fn variance(&self) -> Variance<'t, T>;
    fn perturbation(&self) -> Option<Var<'t, T>>;
    fn used(&self) -> &Cell<Used>;
    fn space(&self) -> Space;
    fn log_jacobian(&self) -> Option<Var<'t, T>>;
}

/// How a weight was used in its draw.
#[derive(Clone, Copy, PartialEq)]
enum Used {
    Never,
    /// A sample of it was used.
    Sampled,
    /// The outputs of a linear map were sampled, which was another weight for every one of them.
    Locally,
}

/// A field of a draw, in the tape's arena: what was asked of it is kept, so that a weight is sampled
/// once and its divergence is the same before and after the forward.
struct Pair<'t, Q: Divergence<P>, P: Prior> {
    posterior: &'t Q,
    prior: Given<'t, P, Q::Scalar>,
    cx: Cx<'t, Q::Scalar>,
    value: OnceCell<Var<'t, Q::Scalar>>,
    kl: OnceCell<Var<'t, Q::Scalar>>,
    log_prior: OnceCell<Var<'t, Q::Scalar>>,
    mean: OnceCell<Var<'t, Q::Scalar>>,
    variance: OnceCell<Variance<'t, Q::Scalar>>,
    perturbation: OnceCell<Option<Var<'t, Q::Scalar>>>,
    used: Cell<Used>,
    /// Of a weight that was given as unconstrained numbers.
    log_jacobian: Option<Var<'t, Q::Scalar>>,
}

impl<'t, Q: Divergence<P>, P: Prior> Source<'t, Q::Scalar> for Pair<'t, Q, P> {
    fn cx(&self) -> Cx<'t, Q::Scalar> {
        self.cx
    }

    fn family(&self) -> &'static str {
        let whole = std::any::type_name::<Q>();
        let path = whole.split('<').next().unwrap_or(whole);
        path.rsplit("::").next().unwrap_or(path)
    }

    fn value(&self) -> &Var<'t, Q::Scalar> {
        self.value.get_or_init(|| match self.cx.mode {
            Mode::Mean => self.mean(),
            Mode::At { .. } => unreachable!("the value was set when the weight was drawn"),
            Mode::Random(how) => {
                // Of several draws a closed form is computed once, and so apart.
                if how.with_kl
                    && how.draws == 1
                    && self.kl.get().is_none()
                    && let Some((value, kl)) = self.posterior.sample_with_kl(self.prior, self.cx)
                {
                    let method = "Divergence::sample_with_kl";
                    let _ = self.kl.set(self.one_number(method, kl));
                    self.of_shape(method, value)
                } else {
                    self.of_shape("Posterior::sample", self.posterior.sample(self.cx))
                }
            }
        })
    }

    fn kl(&self) -> Var<'t, Q::Scalar> {
        if matches!(self.cx.mode, Mode::Random(how) if how.draws == 1 && how.estimator == Estimator::Sample) {
            // One pass over memory gives both.
            self.value();
        }
        *self.kl.get_or_init(|| {
            let kl = self.posterior.kl_on(self.prior, self.cx, &|| *self.value());
            self.one_number("Divergence::kl_on", kl)
        })
    }

    fn log_prior(&self) -> Var<'t, Q::Scalar> {
        *self.log_prior.get_or_init(|| self.prior.log_density(*self.value()))
    }

    fn mean(&self) -> Var<'t, Q::Scalar> {
        *self.mean.get_or_init(|| match self.cx.kept_moments() {
            Some((mean, _)) => mean,
            None => self.of_shape("Posterior::mean", self.posterior.mean(self.cx.tape())),
        })
    }

    fn variance(&self) -> Variance<'t, Q::Scalar> {
        *self.variance.get_or_init(|| {
            if let Some((_, variance)) = self.cx.kept_moments() {
                return variance.map_or(Variance::Zero, Variance::Independent);
            }
            if let Mode::Random(how) = self.cx.mode
                && how.with_kl
                && how.estimator == Estimator::Local
                && self.kl.get().is_none()
                && let Some((variance, kl)) = self.posterior.variance_with_kl(self.prior, self.cx)
            {
                let method = "Divergence::variance_with_kl";
                let _ = self.kl.set(self.one_number(method, kl));
                return Variance::Independent(self.of_shape(method, variance));
            }
            match self.posterior.variance(self.cx.tape()) {
                Variance::Independent(variance) => {
                    Variance::Independent(self.of_shape("Posterior::variance", variance))
                }
                other => other,
            }
        })
    }

    fn perturbation(&self) -> Option<Var<'t, Q::Scalar>> {
        *self.perturbation.get_or_init(|| {
            let perturbation = self.posterior.perturbation(self.cx)?;
            Some(self.of_shape("Posterior::perturbation", perturbation))
        })
    }

    fn used(&self) -> &Cell<Used> {
        &self.used
    }

    fn space(&self) -> Space {
        Q::space()
    }

    fn log_jacobian(&self) -> Option<Var<'t, Q::Scalar>> {
        self.log_jacobian
    }
}

/// What an implementor gives is looked at before it is used: the traits are for any crate to implement.
impl<'t, Q: Divergence<P>, P: Prior> Pair<'t, Q, P> {
    /// A value that `method` gave, on the draw's tape and of the weight's shape.
    fn of_shape(&self, method: &str, value: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        let shape = self.posterior.shape();
        // Not `!=`, which calls a function for two numbers.
        if !value.shape().iter().eq(shape) {
            let found = value.shape();
            self.broken(method, format_args!("it gave the shape {found:?}, and `Posterior::shape` says {shape:?}"));
        }
        if value.draws() != 1 && value.draws() != self.cx.draws() {
            let (found, asked) = (value.draws(), self.cx.draws());
            self.broken(method, format_args!("it gave {found} draws, and was asked for {asked}"));
        }
        self.on_tape(method, value)
    }

    /// A value that `method` gave, on the draw's tape and of one element.
    fn one_number(&self, method: &str, value: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        if value.len() != 1 {
            let found = value.shape();
            self.broken(method, format_args!("it gave the shape {found:?}, and a divergence is one number"));
        }
        self.on_tape(method, value)
    }

    fn on_tape(&self, method: &str, value: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        if !std::ptr::eq(value.tape(), self.cx.tape()) {
            self.broken(method, format_args!("it gave a value of another tape than the draw's"));
        }
        value
    }

    #[cold]
    fn broken(&self, method: &str, mistake: std::fmt::Arguments<'_>) -> ! {
        panic!("`{}`: `{method}` of `{}` breaks its promise: {mistake}", self.cx.path(), self.family())
    }
}

/// # Panics
/// If the parameters of the posterior at this place do not fit each other.
pub(crate) fn check_at<Q: Posterior + ?Sized>(posterior: &Q, path: &Path<'_>) {
    if let Err(mistake) = posterior.check() {
        panic!("`{path}`: {mistake}");
    }
}

/// Draws a field.
pub(crate) fn weight<'t, Q: Divergence<P>, P: Prior>(
    posterior: &'t Q,
    prior: Given<'t, P, Q::Scalar>,
    cx: Cx<'t, Q::Scalar>,
) -> Weight<'t, Q::Scalar> {
    check_at(posterior, &cx.path());
    let value = OnceCell::new();
    let space = Q::space();
    let mut log_jacobian = None;
    if let Mode::At { weights, used } = cx.mode {
        let given = given(weights, used, posterior.shape(), cx.path());
        let (weight, jacobian) = if weights.is_unconstrained() {
            space.constrain(cx.tape().param(given))
        } else {
            (cx.tape().param(given), None)
        };
        let _ = value.set(weight);
        log_jacobian = jacobian;
    }
    Weight(cx.tape().alloc(Pair {
        posterior,
        prior,
        cx,
        value,
        kl: OnceCell::new(),
        log_prior: OnceCell::new(),
        mean: OnceCell::new(),
        variance: OnceCell::new(),
        perturbation: OnceCell::new(),
        used: Cell::new(Used::Never),
        log_jacobian,
    }))
}

/// The tensor that is given for the weight at this place.
///
/// # Panics
/// If there is none, or it has another shape.
fn given<'t, T: Real>(weights: &'t Weights<T>, used: &Cell<usize>, shape: &[usize], path: Path<'_>) -> &'t Tensor<T> {
    let entries = weights.entries();
    // Weights are drawn in the order in which they were listed.
    let next = entries.get(used.get()).filter(|entry| entry.name.is(&path));
    let Some(entry) = next.or_else(|| entries.iter().find(|entry| entry.name.is(&path))) else {
        panic!("at: the weights are of another model: they have no `{path}`; make them with `model.mean_weights()`");
    };
    assert!(
        entry.tensor.shape() == shape,
        "at: the weights are of another model: `{path}` has the shape {:?} there, and {shape:?} in the model",
        entry.tensor.shape()
    );
    used.set(used.get() + 1);
    &entry.tensor
}

impl<'t, T: Real> Weight<'t, T> {
    /// Its divergence on the tape.
    pub(crate) fn kl_var(self) -> Var<'t, T> {
        self.0.kl()
    }

    /// ln p of a sample of it on the tape: of the one that the forward uses, where it uses one.
    pub(crate) fn log_prior_var(self) -> Var<'t, T> {
        self.0.log_prior()
    }

    /// Where its elements may be.
    pub(crate) fn space(self) -> Space {
        self.0.space()
    }

    /// ln |det ∂w/∂u| of the map from the unconstrained numbers that it was given as; `None` where it is 0.
    pub(crate) fn log_jacobian_var(self) -> Option<Var<'t, T>> {
        self.0.log_jacobian()
    }

    /// The sample of it on the tape.
    pub(crate) fn value_var(self) -> Var<'t, T> {
        *self.0.value()
    }

    /// Its mean on the tape.
    pub(crate) fn mean_var(self) -> Var<'t, T> {
        self.0.mean()
    }

    /// What is known of its variance.
    pub(crate) fn variance_var(self) -> Variance<'t, T> {
        self.0.variance()
    }

    /// How it enters a linear map.
    fn estimator(self) -> Estimator {
        match self.0.cx().mode {
            Mode::Random(how) => how.estimator,
            Mode::Mean | Mode::At { .. } => Estimator::Sample,
        }
    }

    fn second_use(&self) -> SecondUse<'t> {
        let cx = self.0.cx();
        SecondUse { path: cx.path(), is_prediction: cx.kept_moments().is_some() }
    }

    /// A sample of the weight is used.
    #[track_caller]
    fn sampled(&self) -> &Var<'t, T> {
        let before = self.0.used().replace(Used::Sampled);
        assert!(before != Used::Locally, "{}", self.second_use());
        self.0.value()
    }

    /// Mean and variance, to sample outputs with, for the only use in the draw; nothing of a certain weight.
    #[track_caller]
    fn locally(&self) -> Option<[Var<'t, T>; 2]> {
        match self.0.variance() {
            Variance::Zero => None,
            Variance::Independent(variance) => {
                let before = self.0.used().replace(Used::Locally);
                assert!(before == Used::Never, "{}", self.second_use());
                Some([self.0.mean(), variance])
            }
            Variance::Joint => panic!(
                "local reparameterisation of `{path}`: it needs a posterior whose elements are independent, with known \
                 variances, and `{family}` is none; use another posterior, or another estimator for this weight: \
                 `Estimators::all(Estimator::Local).set(\"{path}\", Estimator::Sample)`",
                path = self.0.cx().path(),
                family = self.0.family()
            ),
        }
    }

    /// Mean and perturbation, to flip by example; nothing of a certain weight.
    #[track_caller]
    fn flipped(&self) -> Option<[Var<'t, T>; 2]> {
        if let Some(perturbation) = self.0.perturbation() {
            return Some([self.0.mean(), perturbation]);
        }
        let path = self.0.cx().path();
        assert!(
            matches!(self.0.variance(), Variance::Zero),
            "Flipout of `{path}`: it needs a posterior that is symmetric about its mean in every element, and `{family}` \
             is none; use another posterior, or another estimator for this weight: \
             `Estimators::all(Estimator::Flipout).set(\"{path}\", Estimator::Sample)`",
            family = self.0.family()
        );
        None
    }

    /// The linear map `map` of x by this weight, in the way of its estimator.
    #[track_caller]
    fn enter(
        self,
        x: Var<'t, T>,
        bias: Option<impl Operand<'t, T>>,
        layout: fn(&[usize]) -> Grid,
        map: impl Fn(Var<'t, T>, Var<'t, T>, Option<Var<'t, T>>) -> Var<'t, T>,
    ) -> Var<'t, T> {
        let cx = self.0.cx();
        match self.estimator() {
            Estimator::Local => {
                if let Some(moments) = self.locally() {
                    return estimator::local(map, x, moments, bias, cx);
                }
            }
            Estimator::Flipout => {
                if let Some(parts) = self.flipped() {
                    return estimator::flipout(map, x, parts, bias, layout, cx);
                }
            }
            Estimator::Sample => {}
        }
        map(x, *self.sampled(), bias.map(Operand::var))
    }
}

/// Why a weight whose outputs are sampled cannot be used again.
struct SecondUse<'a> {
    path: Path<'a>,
    /// Whether it is drawn for a prediction that samples outputs.
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
                "use Flipout, or sample this weight: `Estimators::all(Estimator::Local).set(\"{path}\", Estimator::Sample)`"
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

impl<'t, T: Real> Drawn<'t, T> for Weight<'t, T> {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        f(path, *self);
    }
}

impl<'t, T: Real> Operand<'t, T> for Weight<'t, T> {
    #[track_caller]
    fn var(self) -> Var<'t, T> {
        *self.sampled()
    }

    #[track_caller]
    fn moments(self) -> Option<[Var<'t, T>; 2]> {
        if self.estimator() == Estimator::Local { self.locally() } else { None }
    }
}

impl<'t, T: Real> Linear<'t, T> for Weight<'t, T> {
    #[track_caller]
    fn affine(self, x: Var<'t, T>, b: Option<impl Operand<'t, T>>, activation: Activation) -> Var<'t, T> {
        if self.estimator() == Estimator::Sample {
            return Linear::affine(*self.sampled(), x, b, activation);
        }
        let map = |x, w, b: Option<Var<'t, T>>| Linear::affine(w, x, b, Activation::Identity);
        self.enter(x, b, estimator::features_last, map).activate(activation)
    }

    #[track_caller]
    fn matmul(self, x: Var<'t, T>) -> Var<'t, T> {
        // Outputs of a matrix are features; of anything else there is no telling which axis is what.
        if self.estimator() == Estimator::Sample || self.0.mean().shape().len() != 2 {
            return Linear::matmul(*self.sampled(), x);
        }
        let map = |x, w, _: Option<Var<'t, T>>| Linear::matmul(w, x);
        self.enter(x, None::<Var<'t, T>>, estimator::features_last, map)
    }

    #[track_caller]
    fn convolve<const D: usize>(
        self,
        x: Var<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Convolution<D>,
    ) -> Var<'t, T> {
        self.enter(x, b, estimator::features_second, |x, w, b| Linear::convolve(w, x, b, settings))
    }

    #[track_caller]
    fn convolve_transposed<const D: usize>(
        self,
        x: Var<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Transposed<D>,
    ) -> Var<'t, T> {
        self.enter(x, b, estimator::features_second, |x, w, b| Linear::convolve_transposed(w, x, b, settings))
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
