//! Elementwise functions of one variable: one table of rules with their derivatives.

use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::zero_weights;
use crate::tape::Form;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

/// A function and its derivative, which may use the function's value.
pub(crate) trait Unary<T: Real>: Copy + Sync {
    const NAME: &'static str;

    /// The part in a sum of logarithms.
    fn form(self) -> Form {
        Form::Other
    }

    /// The numbers of the function, for a description of it.
    fn numbers(self) -> Vec<f64> {
        Vec::new()
    }

    fn value<S: Simd>(self, x: T) -> T;

    /// dy/dx at `x`, given the value `y`.
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

// Rules bind variables that they do not use, which keeps the table readable.
#[allow(unused_variables)]
mod rules {
    use super::*;

    table! {
        /// x².
        square, Square: |x, y| x * x, x + x;
        /// |x|, with derivative 0 at 0.
        abs, Abs: |x, y| x.abs(), sign(x);
        /// −1, 0 or 1 for negative, zero or positive x, with derivative 0; NaN for NaN.
        sign, Sign: |x, y| sign(x), T::ZERO;
        /// √x.
        sqrt, Sqrt: |x, y| x.sqrt(), T::from_f64(0.5) / y;
        /// 1/√x.
        rsqrt, Rsqrt: |x, y| T::ONE / x.sqrt(), T::from_f64(-0.5) * y / x;
        /// 1/x.
        recip, Recip: |x, y| T::ONE / x, -(y * y);
        /// eˣ − 1, without cancellation for small x.
        exp_m1, ExpM1: |x, y| x.exp_m1::<S>(), x.exp::<S>();
        /// x ln x: 0 at 0, NaN below. The derivative ln x + 1 is −∞ at 0, and 0 is passed on to a value that does not
        /// change, such as a probability of [`softmax`](Var::softmax) that underflows. An entropy in nats is
        /// `-p.xlogx().sum()`.
        xlogx, XLogX: |x, y| times_ln::<S, T>(x), x.ln::<S>() + T::ONE;
        /// ln(1 + x), without cancellation for small x.
        ln_1p, Ln1p: |x, y| x.ln_1p::<S>(), T::ONE / (T::ONE + x);
        /// max(x, 0), with derivative 0 at 0.
        relu, Relu: |x, y| if x <= T::ZERO { T::ZERO } else { x }, if x <= T::ZERO { T::ZERO } else { T::ONE };
        /// The hyperbolic tangent.
        tanh, Tanh: |x, y| x.tanh::<S>(), T::ONE - y * y;
        /// The logistic function 1/(1 + e⁻ˣ).
        sigmoid, Sigmoid: |x, y| x.sigmoid::<S>(), y * (T::ONE - y);
        /// ln(1/(1 + e⁻ˣ)), finite wherever x is.
        log_sigmoid, LogSigmoid: |x, y| -(-x).softplus::<S>(), (-x).sigmoid::<S>();
        /// ln(1 + eˣ), without overflow for large x and without cancellation for small.
        softplus, Softplus: |x, y| x.softplus::<S>(), x.sigmoid::<S>();
        /// x/(1 + e⁻ˣ), also called swish (Elfwing et al. 2018).
        silu, Silu: |x, y| x * x.sigmoid::<S>(), x.sigmoid::<S>() * (T::ONE + x * (-x).sigmoid::<S>());
        /// An approximation of [`gelu`](Var::gelu) to 0.0005, with tanh: ½x(1 + tanh(√(2/π)(x + 0.044715 x³))).
        gelu_tanh, GeluTanh: |x, y| x * doubled(x).sigmoid::<S>(), gelu_tanh_slope::<S, T>(x);
    }
}

#[inline(always)]
fn times_ln<S: Simd, T: Real>(x: T) -> T {
    let product = x * x.ln::<S>();
    if x == T::ZERO { T::ZERO } else { product }
}

#[inline(always)]
fn sign<T: Real>(x: T) -> T {
    let negative = if x < T::ZERO { -T::ONE } else { x };
    if x > T::ZERO { T::ONE } else { negative }
}

/// 2u, where the approximate Φ(x) is ½(1 + tanh u). That is the logistic function of 2u, which does not cancel where Φ
/// is small.
#[inline(always)]
fn doubled<T: Real>(x: T) -> T {
    T::from_f64(GELU) * (x + T::from_f64(GELU_CUBE) * (x * x * x))
}

#[inline(always)]
fn gelu_tanh_slope<S: Simd, T: Real>(x: T) -> T {
    let u = doubled(x);
    let slope = T::from_f64(GELU) * (T::ONE + T::from_f64(3.0 * GELU_CUBE) * (x * x));
    let falling = (-u).sigmoid::<S>();
    // Where the cube overflows, the logistic function is 0 or 1 regardless.
    let change = if falling == T::ZERO || falling == T::ONE { T::ZERO } else { x * slope * falling };
    u.sigmoid::<S>() * (T::ONE + change)
}

/// 2 √(2/π).
const GELU: f64 = 1.595_769_121_605_730_7;

/// The weight of the cube in the approximation of Φ.
const GELU_CUBE: f64 = 0.044_715;

/// eˣ.
#[derive(Clone, Copy)]
struct Exp;

impl<T: Real> Unary<T> for Exp {
    const NAME: &'static str = "exp";

    #[inline(always)]
    fn value<S: Simd>(self, x: T) -> T {
        x.exp::<S>()
    }

    #[inline(always)]
    fn slope<S: Simd>(self, _: T, y: T) -> T {
        y
    }
}

/// ln x.
#[derive(Clone, Copy)]
struct Ln;

impl<T: Real> Unary<T> for Ln {
    const NAME: &'static str = "ln";

    fn form(self) -> Form {
        Form::Ln
    }

    #[inline(always)]
    fn value<S: Simd>(self, x: T) -> T {
        x.ln::<S>()
    }

    #[inline(always)]
    fn slope<S: Simd>(self, x: T, _: T) -> T {
        T::ONE / x
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

    fn form(self) -> Form {
        if self.scale == T::ONE { Form::Shift(self.shift.to_f64()) } else { Form::Other }
    }

    fn numbers(self) -> Vec<f64> {
        vec![self.scale.to_f64(), self.shift.to_f64()]
    }

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
    /// eˣ.
    ///
    /// If this is ln p + x with a weight p that is 0, the derivative by p is that of p eˣ: see
    /// [`log_sum_exp`](Var::log_sum_exp).
    #[track_caller]
    pub fn exp(self) -> Var<'t, T> {
        zero_weights::with_weights(apply(Exp, self), [self], false)
    }

    /// The natural logarithm: −∞ at 0, NaN below. The derivative at 0 is ∞, and 0 is passed on where the adjoint is 0.
    ///
    /// For mixtures of weights p and log-densities x, ln Σ p eˣ, use [`log_sum_exp_weighted`](Var::log_sum_exp_weighted):
    /// a weight may be 0. For p ln p use [`xlogx`](Var::xlogx).
    #[track_caller]
    pub fn ln(self) -> Var<'t, T> {
        apply(Ln, self)
    }

    /// `scale` · x + `shift`.
    #[track_caller]
    pub fn scale_shift(self, scale: f64, shift: f64) -> Var<'t, T> {
        apply(Linear { scale: T::from_f64(scale), shift: T::from_f64(shift) }, self)
    }
}

#[track_caller]
pub(crate) fn apply<'t, T: Real, F: Unary<T> + 't>(f: F, x: Var<'t, T>) -> Var<'t, T> {
    x.tape().record(Apply(f), &[x], [x.shape()])[0]
}

#[derive(Clone, Copy)]
struct Apply<F>(F);

impl<T: Real, F: Unary<T>> Operation<T> for Apply<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn form(&self) -> Form {
        self.0.form()
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Elementwise(F::NAME, self.0.numbers()))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        map(Value(self.0), [x], io.output(0), crate::kernels::Write::Store);
    }

    fn forward_draws(&self, io: &mut Evaluation<'_, T>) -> bool {
        let (_, x) = io.input_draws(0);
        map(Value(self.0), [x], io.output_draws(0), crate::kernels::Write::Store);
        true
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
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [x, y, g]: [T; 3]) -> T {
        g * self.0.slope::<S>(x, y)
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [x, y, g]: [T; 3]) -> T {
        chain(g, self.0.slope::<S>(x, y))
    }
}
