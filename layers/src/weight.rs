//! A random weight in a draw.

use std::cell::OnceCell;
use std::ops::{Add, Deref, Div, Mul, Sub};

use crate::drawing::{Cx, Estimator, Mode};
use crate::engine::{Linear, Operand};
use crate::{Divergence, Drawn, Path, Prior, Real, Var};

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
    fn value(&self) -> &Var<'t, T>;
    fn kl(&self) -> Var<'t, T>;
}

/// A field of a draw, in the tape's arena: what was asked of it is kept, so that a weight is sampled
/// once and its divergence is the same before and after the forward.
struct Pair<'t, Q: Divergence<P>, P: Prior> {
    posterior: &'t Q,
    prior: P,
    cx: Cx<'t, Q::Scalar>,
    value: OnceCell<Var<'t, Q::Scalar>>,
    kl: OnceCell<Var<'t, Q::Scalar>>,
}

impl<'t, Q: Divergence<P>, P: Prior> Source<'t, Q::Scalar> for Pair<'t, Q, P> {
    fn value(&self) -> &Var<'t, Q::Scalar> {
        self.value.get_or_init(|| match self.cx.mode {
            Mode::Mean => self.posterior.mean(self.cx.tape()),
            Mode::At { .. } => unreachable!("the value was set when the weight was drawn"),
            Mode::Random { estimator: Estimator::Sample, .. } => {
                if self.kl.get().is_none()
                    && let Some((value, kl)) = self.posterior.sample_with_kl(&self.prior, self.cx)
                {
                    let _ = self.kl.set(kl);
                    value
                } else {
                    self.posterior.sample(self.cx)
                }
            }
        })
    }

    fn kl(&self) -> Var<'t, Q::Scalar> {
        if matches!(self.cx.mode, Mode::Random { estimator: Estimator::Sample, .. }) {
            // One pass over memory gives both.
            self.value();
        }
        *self.kl.get_or_init(|| self.posterior.kl_on(&self.prior, self.cx, &|| *self.value()))
    }
}

/// Draws a field.
pub(crate) fn weight<'t, Q: Divergence<P>, P: Prior>(
    posterior: &'t Q,
    prior: P,
    cx: Cx<'t, Q::Scalar>,
) -> Weight<'t, Q::Scalar> {
    let value = OnceCell::new();
    if let Mode::At { flat, used } = cx.mode {
        let shape = posterior.shape();
        let flat = Cx::take(flat, used, shape);
        let _ = value.set(cx.tape().constant(shape, |i| flat[i]));
    }
    Weight(cx.tape().alloc(Pair { posterior, prior, cx, value, kl: OnceCell::new() }))
}

impl<'t, T: Real> Deref for Weight<'t, T> {
    type Target = Var<'t, T>;

    fn deref(&self) -> &Var<'t, T> {
        self.0.value()
    }
}

impl<'t, T: Real> Drawn<'t, T> for Weight<'t, T> {
    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Var<'t, T>)) {
        f(path, self.0.kl());
    }
}

impl<'t, T: Real> Operand<'t, T> for Weight<'t, T> {
    fn var(self) -> Var<'t, T> {
        *self
    }
}

/// Sampled weights multiply as they are.
impl<'t, T: Real> Linear<'t, T> for Weight<'t, T> {}

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
