//! Long functions along slices, for both number types.
//!
//! What is generic over the number type is compiled anew in every crate that uses it. These loops are hundreds of
//! instructions for each level of vector instructions; here they are compiled once.

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::math::Math;

/// A function of one variable.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Function {
    /// The sine of an angle in radians, of any size.
    Sin,
    /// The cosine of an angle in radians, of any size.
    Cos,
    /// The error function.
    Erf,
    /// 1 − erf x.
    Erfc,
    /// 2/√π e^−x², the derivative of the error function.
    ErfSlope,
    /// x Φ(x) with the standard normal distribution function Φ.
    Gelu,
    /// Its derivative Φ(x) + x φ(x).
    GeluSlope,
    /// ln |Γ(x)|.
    LnGamma,
    /// The derivative of ln Γ(x).
    Digamma,
    /// The second derivative of ln Γ(x).
    Trigamma,
}

/// A number type that has these loops.
pub trait Special: Sized {
    #[doc(hidden)]
    fn along(function: Function, x: &[Self], out: &mut [Self]);

    #[doc(hidden)]
    fn powers(x: &[Self], exponents: &[Self], out: &mut [Self]);

    #[doc(hidden)]
    fn powers_to(exponent: Self, x: &[Self], out: &mut [Self]);
}

/// `out[i] = function(x[i])`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn apply<T: Real>(function: Function, x: &[T], out: &mut [T]) {
    T::along(function, x, out);
}

/// `out[i] = x[i]` to the power of `exponents[i]`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn powers<T: Real>(x: &[T], exponents: &[T], out: &mut [T]) {
    T::powers(x, exponents, out);
}

/// `out[i] = x[i]` to the power of `exponent`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub fn powers_to<T: Real>(exponent: T, x: &[T], out: &mut [T]) {
    T::powers_to(exponent, x, out);
}

macro_rules! special {
    ($type:ident) => {
        impl Special for $type {
            fn along(function: Function, x: &[Self], out: &mut [Self]) {
                match function {
                    Function::Sin => {
                        map(Sin, [x], out, Write::Store);
                        each_large(x, |i, x| out[i] = f64::sin(x) as $type);
                    }
                    Function::Cos => {
                        map(Cos, [x], out, Write::Store);
                        each_large(x, |i, x| out[i] = f64::cos(x) as $type);
                    }
                    Function::Erf => map(Erf, [x], out, Write::Store),
                    Function::Erfc => map(Erfc, [x], out, Write::Store),
                    Function::ErfSlope => map(ErfSlope, [x], out, Write::Store),
                    Function::Gelu => map(Gelu, [x], out, Write::Store),
                    Function::GeluSlope => map(GeluSlope, [x], out, Write::Store),
                    Function::LnGamma => map(LnGamma, [x], out, Write::Store),
                    Function::Digamma => map(Digamma, [x], out, Write::Store),
                    Function::Trigamma => map(Trigamma, [x], out, Write::Store),
                }
            }

            fn powers(x: &[Self], exponents: &[Self], out: &mut [Self]) {
                map(Power, [x, exponents], out, Write::Store);
            }

            fn powers_to(exponent: Self, x: &[Self], out: &mut [Self]) {
                map(PowerTo(exponent), [x], out, Write::Store);
            }
        }
    };
}

special!(f32);
special!(f64);

/// Calls `visit` with the elements that are too large for the kernels of sine and cosine, and with their places: they go
/// through the standard library, one by one.
fn each_large<T: Real>(x: &[T], mut visit: impl FnMut(usize, f64)) {
    for (i, x) in x.iter().enumerate() {
        if Real::to_f64(*x).abs() > crate::kernels::math::REDUCIBLE {
            visit(i, x.to_f64());
        }
    }
}

macro_rules! table {
    ($($rule:ident: |$x:ident| $value:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule;

        impl<T: Real> Elementwise<T, 1> for $rule {
            #[inline(always)]
            fn apply<S: Simd>(self, [$x]: [T; 1]) -> T {
                $value
            }
        }
    )*};
}

table! {
    Sin: |x| x.sin::<S>();
    Cos: |x| x.cos::<S>();
    Erf: |x| x.erf::<S>();
    Erfc: |x| x.erfc::<S>();
    ErfSlope: |x| T::from_f64(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp::<S>();
    Gelu: |x| x * x.normal_cdf::<S>();
    GeluSlope: |x| {
        let density = T::from_f64(ROOT_2_PI_INVERSE) * (T::from_f64(-0.5) * (x * x)).exp::<S>();
        x.normal_cdf::<S>() + x * density
    };
    LnGamma: |x| x.ln_gamma::<S>();
    Digamma: |x| x.digamma::<S>();
    Trigamma: |x| x.trigamma::<S>();
}

/// 1/√2π.
const ROOT_2_PI_INVERSE: f64 = 0.398_942_280_401_432_7;

#[derive(Clone, Copy)]
struct Power;

impl<T: Real> Elementwise<T, 2> for Power {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, exponent]: [T; 2]) -> T {
        Math::pow::<S>(x, exponent)
    }
}

#[derive(Clone, Copy)]
struct PowerTo<T>(T);

impl<T: Real> Elementwise<T, 1> for PowerTo<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        Math::pow::<S>(x, self.0)
    }
}
