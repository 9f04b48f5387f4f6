//! Vectorisable elementary functions: no branches, tables or calls, and one source for `f32` and `f64`. Rarely used
//! ones (arc tangents and ln Γ) are scalar calls of the crate `libm`.
//!
//! Errors, in units in the last place (ULP) of the result, at every level, over all inputs (subnormals included; NaN
//! gives NaN): at most 2 in `f32` and 4 in `f64`; [`tanh`](Math::tanh), [`sigmoid`](Math::sigmoid),
//! [`sinh`](Math::sinh), [`cosh`](Math::cosh), [`erfc`](Math::erfc) and [`normal_cdf`](Math::normal_cdf) at most 4 in
//! both; [`sin`](Math::sin), [`cos`](Math::cos) and [`pow`](Math::pow) at most 1. The functions related to Γ keep that
//! for positive x; for negative x, where their zeros lie close to their poles, the error is within 4 ULP of the greater
//! of the result and 1. These, ln Φ, sine, cosine, arc tangents and powers are computed in double precision for `f32`,
//! too.
//!
//! The polynomials were computed for this crate: each interpolates its function at Chebyshev nodes, in arithmetic of
//! 300 bits or more.

mod atan2;
mod cos;
mod cosh;
mod digamma;
#[cfg(test)]
mod double_double;
mod erf;
mod erfc;
mod exact;
mod exp;
mod exp_m1;
mod format;
mod gamma;
mod ln;
mod ln_1p;
mod ln_gamma;
mod ln_normal_cdf;
mod ln_pair;
mod log_product;
mod log_softplus;
mod normal_cdf;
mod pow;
mod quadrant;
mod sigmoid;
mod sin;
mod sinh;
mod softplus;
pub(crate) mod stirling;
mod tanh;
mod trigamma;
#[cfg(test)]
mod ulp;

use super::dispatch::Simd;
pub(crate) use format::{Format, polynomial};
pub(crate) use ln::ln_1p_reduced;
pub use log_product::LogProduct;
pub(crate) use quadrant::REDUCIBLE;

/// Elementary functions of `f32` and `f64`, for use inside [`Kernel::run`](super::dispatch::Kernel::run).
pub trait Math: Sized {
    /// `self * b + c`, rounded once if level `S` has the instruction, otherwise twice.
    fn mul_add<S: Simd>(self, b: Self, c: Self) -> Self;

    /// The absolute value.
    fn abs(self) -> Self;

    /// The square root, correctly rounded.
    fn sqrt(self) -> Self;

    /// eˣ.
    fn exp<S: Simd>(self) -> Self;

    /// eˣ − 1, accurate near zero.
    fn exp_m1<S: Simd>(self) -> Self;

    /// The natural logarithm: −∞ at zero, NaN below.
    fn ln<S: Simd>(self) -> Self;

    /// ln(1 + x), accurate near zero.
    fn ln_1p<S: Simd>(self) -> Self;

    /// (m, k) with `self` = m · 2ᵏ, 0.75 ≤ m < 1.5 and an integer k, for a positive normal number.
    fn parts(self) -> (Self, Self);

    /// ln(1 + eˣ), the map from an unconstrained parameter ρ to a standard deviation.
    fn softplus<S: Simd>(self) -> Self;

    /// [`softplus`](Math::softplus), given e^−|x|. A single loop over both steps is too long for a processor to overlap
    /// successive elements; two short loops are faster.
    fn softplus_with<S: Simd>(self, exponential: Self) -> Self;

    /// ln softplus(x), finite for every finite x: it approaches x where softplus itself underflows.
    fn log_softplus<S: Simd>(self) -> Self;

    /// 1 / (1 + e⁻ˣ), the derivative of [`softplus`](Math::softplus).
    fn sigmoid<S: Simd>(self) -> Self;

    /// The hyperbolic tangent.
    fn tanh<S: Simd>(self) -> Self;

    /// The error function 2/√π ∫₀ˣ e^−t² dt.
    fn erf<S: Simd>(self) -> Self;

    /// 1 − erf x, without cancellation.
    fn erfc<S: Simd>(self) -> Self;

    /// Φ(x), the distribution function of the standard normal distribution, without cancellation.
    fn normal_cdf<S: Simd>(self) -> Self;

    /// ln Φ(x), also where Φ(x) underflows.
    fn ln_normal_cdf<S: Simd>(self) -> Self;

    /// φ(x)/Φ(x), the derivative of ln Φ(x) and the inverse Mills ratio of −x: it approaches −x where Φ(x) underflows.
    fn inverse_mills<S: Simd>(self) -> Self;

    /// The derivative of [`inverse_mills`](Math::inverse_mills), without cancellation.
    fn inverse_mills_slope<S: Simd>(self) -> Self;

    /// sin x for |x| ≤ 10⁶; NaN for larger |x|, whose exact reduction is not implemented.
    fn sin<S: Simd>(self) -> Self;

    /// cos x for |x| ≤ 10⁶; NaN for larger |x|, whose exact reduction is not implemented.
    fn cos<S: Simd>(self) -> Self;

    /// ln |Γ(x)|: ∞ at zero and the negative integers.
    fn ln_gamma<S: Simd>(self) -> Self;

    /// ψ(x), the derivative of ln Γ(x): NaN at the negative integers, and −∞ at 0, ∞ at −0.
    fn digamma<S: Simd>(self) -> Self;

    /// ψ′(x), the second derivative of ln Γ(x): ∞ at zero and the negative integers.
    fn trigamma<S: Simd>(self) -> Self;

    /// The hyperbolic sine.
    fn sinh<S: Simd>(self) -> Self;

    /// The hyperbolic cosine.
    fn cosh<S: Simd>(self) -> Self;

    /// The arc tangent.
    fn atan<S: Simd>(self) -> Self;

    /// The angle of the point (`x`, `self`), with the special cases of C's `atan2`.
    fn atan2<S: Simd>(self, x: Self) -> Self;

    /// xʸ, with the special cases of C's `pow`.
    fn pow<S: Simd>(self, exponent: Self) -> Self;
}

impl<T: Format> Math for T {
    #[inline(always)]
    fn mul_add<S: Simd>(self, b: Self, c: Self) -> Self {
        format::mul_add::<S, T>(self, b, c)
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.magnitude()
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.square_root()
    }

    #[inline(always)]
    fn exp<S: Simd>(self) -> Self {
        exp::exp::<S, T>(self)
    }

    #[inline(always)]
    fn exp_m1<S: Simd>(self) -> Self {
        exp_m1::exp_m1::<S, T>(self)
    }

    #[inline(always)]
    fn ln<S: Simd>(self) -> Self {
        ln::ln::<S, T>(self)
    }

    #[inline(always)]
    fn ln_1p<S: Simd>(self) -> Self {
        ln_1p::ln_1p::<S, T>(self)
    }

    #[inline(always)]
    fn parts(self) -> (Self, Self) {
        let (m, k, _) = self.split();
        (m, k)
    }

    #[inline(always)]
    fn softplus<S: Simd>(self) -> Self {
        softplus::softplus::<S, T>(self)
    }

    #[inline(always)]
    fn softplus_with<S: Simd>(self, exponential: Self) -> Self {
        softplus::softplus_with::<S, T>(self, exponential)
    }

    #[inline(always)]
    fn log_softplus<S: Simd>(self) -> Self {
        log_softplus::log_softplus::<S, T>(self)
    }

    #[inline(always)]
    fn sigmoid<S: Simd>(self) -> Self {
        sigmoid::sigmoid::<S, T>(self)
    }

    #[inline(always)]
    fn tanh<S: Simd>(self) -> Self {
        tanh::tanh::<S, T>(self)
    }
    #[inline(always)]
    fn erf<S: Simd>(self) -> Self {
        erf::erf::<S, T>(self)
    }

    #[inline(always)]
    fn erfc<S: Simd>(self) -> Self {
        erfc::erfc::<S, T>(self)
    }

    #[inline(always)]
    fn normal_cdf<S: Simd>(self) -> Self {
        normal_cdf::normal_cdf::<S, T>(self)
    }

    #[inline(always)]
    fn ln_normal_cdf<S: Simd>(self) -> Self {
        ln_normal_cdf::ln_normal_cdf::<S, T>(self)
    }

    #[inline(always)]
    fn inverse_mills<S: Simd>(self) -> Self {
        ln_normal_cdf::inverse_mills::<S, T>(self)
    }

    #[inline(always)]
    fn inverse_mills_slope<S: Simd>(self) -> Self {
        ln_normal_cdf::inverse_mills_slope::<S, T>(self)
    }

    #[inline(always)]
    fn sin<S: Simd>(self) -> Self {
        sin::sin::<S, T>(self)
    }

    #[inline(always)]
    fn cos<S: Simd>(self) -> Self {
        cos::cos::<S, T>(self)
    }

    #[inline(always)]
    fn ln_gamma<S: Simd>(self) -> Self {
        ln_gamma::ln_gamma(self)
    }

    #[inline(always)]
    fn digamma<S: Simd>(self) -> Self {
        digamma::digamma::<S, T>(self)
    }

    #[inline(always)]
    fn trigamma<S: Simd>(self) -> Self {
        trigamma::trigamma::<S, T>(self)
    }

    #[inline(always)]
    fn sinh<S: Simd>(self) -> Self {
        sinh::sinh::<S, T>(self)
    }

    #[inline(always)]
    fn cosh<S: Simd>(self) -> Self {
        cosh::cosh::<S, T>(self)
    }

    #[inline(always)]
    fn atan<S: Simd>(self) -> Self {
        atan2::atan(self)
    }

    #[inline(always)]
    fn atan2<S: Simd>(self, x: Self) -> Self {
        atan2::atan2(self, x)
    }

    #[inline(always)]
    fn pow<S: Simd>(self, exponent: Self) -> Self {
        pow::pow::<S, T>(self, exponent)
    }
}
