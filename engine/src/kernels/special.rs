//! Costly elementwise functions along slices, compiled in this crate for both scalar types.
//!
//! Generic code is compiled again in every crate that uses it. These loops have hundreds of instructions per SIMD
//! level; here they are compiled once.

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::math::Math;

/// A function of one variable.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Function {
    /// The sine of an angle in radians, of any magnitude.
    Sin,
    /// The cosine of an angle in radians, of any magnitude.
    Cos,
    /// The error function.
    Erf,
    /// 1 − erf x.
    Erfc,
    /// 2/√π e^−x², the derivative of the error function.
    ErfSlope,
    /// x Φ(x) with the standard normal distribution function Φ.
    Gelu,
    /// The derivative Φ(x) + x φ(x) of `Gelu`.
    GeluSlope,
    /// ln |Γ(x)|.
    LnGamma,
    /// The derivative of ln Γ(x).
    Digamma,
    /// The second derivative of ln Γ(x).
    Trigamma,
    /// ln Φ(x).
    LnNormalCdf,
    /// φ(x)/Φ(x), the derivative of ln Φ(x).
    InverseMills,
    /// The second derivative of ln Φ(x).
    InverseMillsSlope,
    /// The hyperbolic sine.
    Sinh,
    /// The hyperbolic cosine.
    Cosh,
    /// The arc tangent.
    Atan,
    /// 1/(1 + x²), the derivative of the arc tangent.
    AtanSlope,
}

/// A function of two variables a and b.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Pairing {
    /// aᵇ.
    Power,
    /// The derivative b aᵇ⁻¹ of aᵇ with respect to a.
    PowerToBase,
    /// The derivative aᵇ ln a of aᵇ with respect to b; 0 where a is 0 and the power finite.
    PowerToExponent,
    /// The angle of the point (b, a).
    Angle,
    /// The derivative of the angle with respect to a.
    AngleToHeight,
    /// The derivative of the angle with respect to b.
    AngleToWidth,
    /// ln(eᵃ + eᵇ).
    LnAddExp,
    /// The derivative eᵃ/(eᵃ + eᵇ) of ln(eᵃ + eᵇ) with respect to a.
    LnAddExpToFirst,
    /// The derivative of ln(eᵃ + eᵇ) with respect to b.
    LnAddExpToSecond,
    /// a ln b; 0 where a is 0.
    XLogY,
    /// The derivative ln b of a ln b with respect to a.
    XLogYToFirst,
    /// The derivative a/b of a ln b with respect to b; 0 where a is 0.
    XLogYToSecond,
}

/// A scalar type with these loops.
pub trait Special: Sized {
    #[doc(hidden)]
    fn along(function: Function, x: &[Self], out: &mut [Self]);

    #[doc(hidden)]
    fn along_both(function: Pairing, operands: [&[Self]; 2], out: &mut [Self]);

    #[doc(hidden)]
    fn powers_to(exponent: Self, x: &[Self], out: &mut [Self]);
}

/// `out[i] = function(x[i])`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub(crate) fn apply<T: Real>(function: Function, x: &[T], out: &mut [T]) {
    T::along(function, x, out);
}

/// `out[i] = function(a[i], b[i])`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub(crate) fn apply_pairing<T: Real>(function: Pairing, operands: [&[T]; 2], out: &mut [T]) {
    T::along_both(function, operands, out);
}

/// `out[i] = x[i]` to the power of `exponent`.
///
/// # Panics
/// If the lengths differ.
#[track_caller]
pub(crate) fn powers_to<T: Real>(exponent: T, x: &[T], out: &mut [T]) {
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
                    Function::LnNormalCdf => map(LnNormalCdf, [x], out, Write::Store),
                    Function::InverseMills => map(InverseMills, [x], out, Write::Store),
                    Function::InverseMillsSlope => map(InverseMillsSlope, [x], out, Write::Store),
                    Function::Sinh => map(Sinh, [x], out, Write::Store),
                    Function::Cosh => map(Cosh, [x], out, Write::Store),
                    Function::Atan => map(Atan, [x], out, Write::Store),
                    Function::AtanSlope => map(AtanSlope, [x], out, Write::Store),
                }
            }

            fn along_both(function: Pairing, operands: [&[Self]; 2], out: &mut [Self]) {
                match function {
                    Pairing::Power => map(Power, operands, out, Write::Store),
                    Pairing::PowerToBase => map(PowerToBase, operands, out, Write::Store),
                    Pairing::PowerToExponent => map(PowerToExponent, operands, out, Write::Store),
                    Pairing::Angle => map(Angle, operands, out, Write::Store),
                    Pairing::AngleToHeight => map(AngleToHeight, operands, out, Write::Store),
                    Pairing::AngleToWidth => map(AngleToWidth, operands, out, Write::Store),
                    Pairing::XLogY => map(XLogY, operands, out, Write::Store),
                    Pairing::XLogYToFirst => map(XLogYToFirst, operands, out, Write::Store),
                    Pairing::XLogYToSecond => map(XLogYToSecond, operands, out, Write::Store),
                    Pairing::LnAddExp => map(LnAddExp, operands, out, Write::Store),
                    Pairing::LnAddExpToFirst => map(LnAddExpToFirst, operands, out, Write::Store),
                    Pairing::LnAddExpToSecond => {
                        map(LnAddExpToFirst, [operands[1], operands[0]], out, Write::Store);
                    }
                }
            }

            fn powers_to(exponent: Self, x: &[Self], out: &mut [Self]) {
                map(PowerTo(exponent), [x], out, Write::Store);
            }
        }
    };
}

special!(f32);
special!(f64);

/// Calls `visit` with the positions and values of elements that are too large for the kernels of sine and cosine: they
/// are computed by the standard library, one by one.
fn each_large<T: Real>(x: &[T], mut visit: impl FnMut(usize, f64)) {
    for (i, x) in x.iter().enumerate() {
        if Real::to_f64(*x).abs() > crate::kernels::math::REDUCIBLE {
            visit(i, x.to_f64());
        }
    }
}

macro_rules! table {
    ($($rule:ident($count:literal): |$($x:ident),+| $value:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule;

        impl<T: Real> Elementwise<T, $count> for $rule {
            #[inline(always)]
            fn apply<S: Simd>(self, [$($x),+]: [T; $count]) -> T {
                $value
            }
        }
    )*};
}

table! {
    Sin(1): |x| x.sin::<S>();
    Cos(1): |x| x.cos::<S>();
    Erf(1): |x| x.erf::<S>();
    Erfc(1): |x| x.erfc::<S>();
    ErfSlope(1): |x| T::from_f64(std::f64::consts::FRAC_2_SQRT_PI) * (-(x * x)).exp::<S>();
    Gelu(1): |x| x * x.normal_cdf::<S>();
    GeluSlope(1): |x| {
        let density = T::from_f64(ROOT_2_PI_INVERSE) * (T::from_f64(-0.5) * (x * x)).exp::<S>();
        x.normal_cdf::<S>() + x * density
    };
    LnGamma(1): |x| x.ln_gamma::<S>();
    Digamma(1): |x| x.digamma::<S>();
    Trigamma(1): |x| x.trigamma::<S>();
    LnNormalCdf(1): |x| x.ln_normal_cdf::<S>();
    InverseMills(1): |x| x.inverse_mills::<S>();
    InverseMillsSlope(1): |x| x.inverse_mills_slope::<S>();
    Sinh(1): |x| x.sinh::<S>();
    Cosh(1): |x| x.cosh::<S>();
    Atan(1): |x| x.atan::<S>();
    AtanSlope(1): |x| T::ONE / (T::ONE + x * x);
    Power(2): |a, b| Math::pow::<S>(a, b);
    PowerToBase(2): |a, b| {
        let slope = b * Math::pow::<S>(a, b - T::ONE);
        if b == T::ZERO { T::ZERO } else { slope }
    };
    PowerToExponent(2): |a, b| {
        let slope = Math::pow::<S>(a, b) * a.ln::<S>();
        if a == T::ZERO && b >= T::ZERO { T::ZERO } else { slope }
    };
    Angle(2): |height, width| Math::atan2::<S>(height, width);
    AngleToHeight(2): |height, width| width_over_square(height, width);
    AngleToWidth(2): |height, width| -width_over_square(width, height);
    LnAddExp(2): |a, b| {
        let difference = (a - b).abs();
        let greater = if a > b { a } else { b };
        // The difference of equal infinities would be NaN.
        let added = if a == b { T::from_f64(std::f64::consts::LN_2) } else { (-difference).softplus::<S>() };
        greater + added
    };
    XLogY(2): |a, b| {
        let value = a * b.ln::<S>();
        if a == T::ZERO && !b.is_nan() { T::ZERO } else { value }
    };
    XLogYToFirst(2): |_a, b| b.ln::<S>();
    XLogYToSecond(2): |a, b| {
        let slope = a / b;
        if a == T::ZERO && !b.is_nan() { T::ZERO } else { slope }
    };
    LnAddExpToFirst(2): |a, b| if a == b { T::from_f64(0.5) } else { (a - b).sigmoid::<S>() };
}

/// 1/√2π.
const ROOT_2_PI_INVERSE: f64 = 0.398_942_280_401_432_7;

/// x/(x² + y²), without overflow of the squares; 0 at the origin and at infinity.
#[inline(always)]
fn width_over_square<T: Real>(y: T, x: T) -> T {
    let greater = if y.abs() > x.abs() { y.abs() } else { x.abs() };
    let (height, width) = (y / greater, x / greater);
    let slope = width / (width * width + height * height) / greater;
    let flat = greater == T::ZERO || greater == T::from_f64(f64::INFINITY);
    if flat && !x.is_nan() && !y.is_nan() { T::ZERO } else { slope }
}

#[derive(Clone, Copy)]
struct PowerTo<T>(T);

impl<T: Real> Elementwise<T, 1> for PowerTo<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        Math::pow::<S>(x, self.0)
    }
}
