//! A random weight in a draw: its posterior, its prior, and the cached values of sample, divergence and moments.

use std::cell::{Cell, OnceCell};

use crate::divergence::Divergence;
use crate::engine::{Key, Path, Real, Tensor, Var};
use crate::estimator::{Source, Used, Variance, Weight};
use crate::posterior::Posterior;
use crate::prior::{DrawnPrior, PriorFor, log_density};
use crate::sampling::{Cx, Estimator, Mode};
use crate::weights::{Space, Weights};

/// A random weight in the tape's arena. It caches its values, so that a weight is sampled once and its divergence is the
/// same before and after the forward pass.
struct Pair<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    posterior: &'t Q,
    prior: P::Drawn<'t>,
    cx: Cx<'t, Q::Scalar>,
    value: OnceCell<Var<'t, Q::Scalar>>,
    kl: OnceCell<Var<'t, Q::Scalar>>,
    log_prior: OnceCell<Var<'t, Q::Scalar>>,
    mean: OnceCell<Var<'t, Q::Scalar>>,
    variance: OnceCell<Variance<'t, Q::Scalar>>,
    perturbation: OnceCell<Option<Var<'t, Q::Scalar>>>,
    used: Cell<Used<'t, Q::Scalar>>,
    /// The log-Jacobian of a weight that was set by unconstrained numbers.
    log_jacobian: Option<Var<'t, Q::Scalar>>,
}

impl<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> Source<'t, Q::Scalar> for Pair<'t, Q, P> {
    fn cx(&self) -> Cx<'t, Q::Scalar> {
        self.cx
    }

    fn family(&self) -> &'static str {
        let whole = std::any::type_name::<Q>();
        let path = whole.split('<').next().unwrap_or(whole);
        path.rsplit("::").next().unwrap_or(path)
    }

    fn shape(&self) -> &'t [usize] {
        self.posterior.shape()
    }

    fn is_normal(&self) -> bool {
        self.posterior.is_normal()
    }

    fn value(&self) -> &Var<'t, Q::Scalar> {
        cached(&self.value, || match self.cx.mode {
            Mode::Mean | Mode::PointEstimate { .. } | Mode::Fixed { .. } => self.mean(),
            Mode::At { .. } => unreachable!("the value was set when the weight was drawn"),
            Mode::Random(how) => {
                // With several draws a closed form is computed once, separately.
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
            // One pass over memory computes both.
            self.value();
        }
        *cached(&self.kl, || {
            let kl = self.posterior.kl_on(self.prior, self.cx, &|| *self.value());
            self.one_number("Divergence::kl_on", kl)
        })
    }

    fn log_prior(&self) -> Var<'t, Q::Scalar> {
        *cached(&self.log_prior, || log_density(self.prior, *self.value()))
    }

    fn mean(&self) -> Var<'t, Q::Scalar> {
        *cached(&self.mean, || match self.cx.kept_moments() {
            Some((mean, _)) => mean,
            None => {
                let mean = || self.posterior.mean(self.cx.tape());
                let is_constant = matches!(self.cx.mode, Mode::Fixed { is_constant: true });
                let mean = if is_constant { self.cx.tape().with_constant_parameters(mean) } else { mean() };
                self.of_shape("Posterior::mean", mean)
            }
        })
    }

    fn variance(&self) -> Variance<'t, Q::Scalar> {
        *cached(&self.variance, || {
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
        *cached(&self.perturbation, || {
            let perturbation = self.posterior.perturbation(self.cx)?;
            Some(self.of_shape("Posterior::perturbation", perturbation))
        })
    }

    fn used(&self) -> &Cell<Used<'t, Q::Scalar>> {
        &self.used
    }

    fn space(&self) -> Space {
        Q::space()
    }

    fn log_jacobian(&self) -> Option<Var<'t, Q::Scalar>> {
        self.log_jacobian
    }

    fn output_variance(&self, x: Var<'t, Q::Scalar>) -> Option<Var<'t, Q::Scalar>> {
        self.posterior.output_variance(x, self.cx)
    }

    fn log_posterior(&self) -> Option<Var<'t, Q::Scalar>> {
        let nats = self.posterior.log_density_of_draw(*self.value(), self.cx)?;
        Some(self.one_number("Posterior::log_density_of_draw", nats))
    }

    fn sample_prior(&self, key: Key) -> Option<Vec<f64>> {
        self.prior.sample_of(self.posterior.shape(), key)
    }

    fn prior(&self) -> String {
        self.prior.description()
    }

    fn log_prior_of(&self, element: usize, values: &[f64]) -> Option<Vec<f64>> {
        self.prior.log_densities(self.posterior.shape(), element, values)
    }
}

/// The value of a cell, which is computed once. `OnceCell::get_or_init` compiles to several functions for each use.
#[inline(always)]
fn cached<V>(cell: &OnceCell<V>, compute: impl FnOnce() -> V) -> &V {
    if cell.get().is_none() {
        let value = compute();
        let _ = cell.set(value);
    }
    cell.get().expect("it was set above")
}

/// Checks the values that implementations return, because any crate may implement the traits.
impl<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> Pair<'t, Q, P> {
    /// Checks that a value returned by `method` is on the draw's tape and has the weight's shape.
    fn of_shape(&self, method: &str, value: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        let shape = self.posterior.shape();
        // Not `!=`, which calls a function for two numbers.
        if !value.shape().iter().eq(shape) {
            let found = value.shape();
            self.broken(method, format_args!("it returned the shape {found:?}, but `Posterior::shape` is {shape:?}"));
        }
        if value.draws() != 1 && value.draws() != self.cx.draws() {
            let (found, asked) = (value.draws(), self.cx.draws());
            self.broken(method, format_args!("it returned {found} draws, but {asked} were requested"));
        }
        self.on_tape(method, value)
    }

    /// Checks that a value returned by `method` is on the draw's tape and has one element.
    fn one_number(&self, method: &str, value: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        if value.len() != 1 {
            let found = value.shape();
            self.broken(method, format_args!("it returned the shape {found:?}, but a divergence has one element"));
        }
        self.on_tape(method, value)
    }

    fn on_tape(&self, method: &str, value: Var<'t, Q::Scalar>) -> Var<'t, Q::Scalar> {
        if !std::ptr::eq(value.tape(), self.cx.tape()) {
            self.broken(method, format_args!("it returned a value of another tape than the draw's"));
        }
        value
    }

    #[cold]
    fn broken(&self, method: &str, mistake: std::fmt::Arguments<'_>) -> ! {
        panic!("`{}`: `{method}` of `{}` is implemented incorrectly: {mistake}", self.cx.path(), self.family())
    }
}

/// # Panics
/// If the shapes of the posterior's parameters do not match each other.
pub(crate) fn check_at<Q: Posterior + ?Sized>(posterior: &Q, path: &Path<'_>) {
    if let Err(mistake) = posterior.check() {
        panic!("`{path}`: {mistake}");
    }
}

/// Draws a weight.
pub(crate) fn weight<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>>(
    posterior: &'t Q,
    prior: P::Drawn<'t>,
    cx: Cx<'t, Q::Scalar>,
) -> Weight<'t, Q::Scalar> {
    check_at(posterior, &cx.path());
    let prior = prior.for_weight(&cx.path(), posterior.shape());
    let value = OnceCell::new();
    let space = Q::space();
    let mut log_jacobian = None;
    if let Mode::At { weights, leaves, used } = cx.mode {
        let (index, tensor) = weight_at(weights, used, posterior.shape(), cx.path());
        let leaf = leaves.enter(cx.tape(), index, tensor);
        let (weight, jacobian) = if weights.is_unconstrained() { space.constrain(leaf) } else { (leaf, None) };
        let _ = value.set(weight);
        log_jacobian = jacobian;
    }
    Weight::new(cx.tape().alloc_without_drop(Pair {
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

/// The index and the tensor in `weights` of the weight at this path.
///
/// # Panics
/// If it does not exist, or has another shape.
fn weight_at<'t, T: Real>(
    weights: &'t Weights<T>,
    used: &Cell<usize>,
    shape: &[usize],
    path: Path<'_>,
) -> (usize, &'t Tensor<T>) {
    let entries = weights.entries();
    // Weights are drawn in the order of the entries.
    let next = entries.get(used.get()).is_some_and(|entry| entry.name.is(&path)).then(|| used.get());
    let Some(index) = next.or_else(|| entries.iter().position(|entry| entry.name.is(&path))) else {
        panic!(
            "at: the weights are of another model: they do not contain `{path}`; make them with `model.mean_weights()`"
        );
    };
    let entry = &entries[index];
    assert!(
        entry.tensor.shape() == shape,
        "at: the weights are of another model: `{path}` has the shape {:?} in the weights, and {shape:?} in the model",
        entry.tensor.shape()
    );
    used.set(used.get() + 1);
    (index, &entry.tensor)
}
