//! Elementwise functions of one variable: every rule with its derivative, in one table.

use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

/// A function and its derivative, which may use the function's value.
trait Unary<T: Real>: Copy + Sync {
    const NAME: &'static str;

    fn value<S: Simd>(self, x: T) -> T;

    /// dy/dx at `x`, where `y` is the value.
    fn slope<S: Simd>(self, x: T, y: T) -> T;
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident, $rule:ident: |$x:ident, $y:ident| $value:expr, $slope:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $rule;

            impl<T: Real> Unary<T> for $rule {
                const NAME: &'static str = stringify!($name);

                #[inline(always)]
                fn value<S: Simd>(self, $x: T) -> T {
                    $value
                }

                #[inline(always)]
                fn slope<S: Simd>(self, $x: T, $y: T) -> T {
                    $slope
                }
            }
        )*

        impl<'t, T: Real> Var<'t, T> {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(self) -> Var<'t, T> {
                    apply($rule, self)
                }
            )*
        }
    };
}

// A variable that a rule does not use is bound all the same: the table stays readable.
#[allow(unused_variables)]
mod rules {
    use super::*;

    table! {
        /// x².
        square, Square: |x, y| x * x, x + x;
        /// √x.
        sqrt, Sqrt: |x, y| x.sqrt(), T::from_f64(0.5) / y;
        /// 1/x.
        recip, Recip: |x, y| T::ONE / x, -(y * y);
        /// eˣ.
        exp, Exp: |x, y| x.exp::<S>(), y;
        /// The natural logarithm: −∞ at 0, NaN below.
        ln, Ln: |x, y| x.ln::<S>(), T::ONE / x;
        /// max(x, 0), with derivative 0 at 0.
        relu, Relu: |x, y| if x <= T::ZERO { T::ZERO } else { x }, if x <= T::ZERO { T::ZERO } else { T::ONE };
        /// The hyperbolic tangent.
        tanh, Tanh: |x, y| x.tanh::<S>(), T::ONE - y * y;
        /// The logistic function 1/(1 + e⁻ˣ).
        sigmoid, Sigmoid: |x, y| x.sigmoid::<S>(), y * (T::ONE - y);
        /// ln(1 + eˣ), without overflow for large x and without cancellation for small.
        softplus, Softplus: |x, y| x.softplus::<S>(), x.sigmoid::<S>();
    }
}

/// a·x + b.
#[derive(Clone, Copy)]
struct Linear<T> {
    scale: T,
    shift: T,
}

impl<T: Real> Unary<T> for Linear<T> {
    const NAME: &'static str = "scale and shift";

    #[inline(always)]
    fn value<S: Simd>(self, x: T) -> T {
        self.scale * x + self.shift
    }

    #[inline(always)]
    fn slope<S: Simd>(self, _: T, _: T) -> T {
        self.scale
    }
}

impl<'t, T: Real> Var<'t, T> {
    /// `scale` · x + `shift`.
    #[track_caller]
    pub fn scale_shift(self, scale: f64, shift: f64) -> Var<'t, T> {
        apply(Linear { scale: T::from_f64(scale), shift: T::from_f64(shift) }, self)
    }
}

#[track_caller]
fn apply<'t, T: Real, F: Unary<T> + 't>(f: F, x: Var<'t, T>) -> Var<'t, T> {
    x.tape().record(Apply(f), &[x], [x.shape()])[0]
}

#[derive(Clone, Copy)]
struct Apply<F>(F);

impl<T: Real, F: Unary<T>> Operation<T> for Apply<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        map(Value(self.0), [x], io.output(0), crate::kernels::Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, y) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| map(Slope(self.0), [x, y, g], target, write));
    }
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<T: Real, F: Unary<T>> Elementwise<T, 1> for Value<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.value::<S>(x)
    }
}

#[derive(Clone, Copy)]
struct Slope<F>(F);

impl<T: Real, F: Unary<T>> Elementwise<T, 3> for Slope<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, y, g]: [T; 3]) -> T {
        g * self.0.slope::<S>(x, y)
    }
}
