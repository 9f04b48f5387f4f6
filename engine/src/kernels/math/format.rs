//! `Format`: the constants and bit operations of `f32` and `f64` that the elementary functions need.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::log_softplus::Pieces;
use super::{erf, erfc, exp, ln, ln_1p, log_softplus};
use crate::kernels::dispatch::Simd;

/// An IEEE 754 binary format. The algorithms see integers of its width only as floats, so they are written once for
/// both widths.
pub trait Format:
    Copy
    + PartialOrd
    + Neg<Output = Self>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + 'static
{
    const ZERO: Self;
    const HALF: Self;
    const ONE: Self;
    const TWO: Self;
    const INFINITY: Self;
    const NAN: Self;
    /// The smallest positive normal number.
    const NORMAL: Self;
    /// 2ᵖ for a precision of p bits: it makes every subnormal number normal.
    const LIFT: Self;
    /// p, the exponent of [`LIFT`](Format::LIFT).
    const LIFT_EXPONENT: Self;
    /// 1.5 · 2ᵖ⁻¹. Adding it to a small number rounds to an integer, which is then in the lowest bits.
    const ROUND: Self;
    /// 2 to half the precision, plus one: used to split a significand into halves.
    const SPLIT: Self;
    const SQRT_HALF: Self;
    const LOG2_E: Self;
    /// ln 2, rounded to so few bits that its product with any exponent is exact.
    const LN_2_HIGH: Self;
    /// ln 2 − [`LN_2_HIGH`](Format::LN_2_HIGH).
    const LN_2_LOW: Self;

    /// See [`exp`](mod@exp).
    const EXP: &'static [Self];
    /// e to this power overflows, and e to its negative is zero, both with a wide margin.
    const EXP_LIMIT: Self;
    /// See [`ln`](mod@ln).
    const LN: &'static [Self];
    /// See [`ln_1p_unit`](super::ln_1p::ln_1p_unit).
    const LN_1P_UNIT: &'static [Self];
    /// See [`log_softplus`](mod@log_softplus).
    const LOG_SOFTPLUS: Pieces<Self>;
    /// From this x on, tanh rounds to one.
    const TANH_LIMIT: Self;
    /// See [`erf`](mod@erf).
    const ERF: &'static [Self];
    /// See [`erfc`](mod@erfc).
    const ERFC: erfc::Pieces<Self>;
    /// Φ(−x) rounds to zero from this x on.
    const NORMAL_CDF_LIMIT: Self;

    fn to_double(self) -> f64;
    fn of_double(x: f64) -> Self;
    fn magnitude(self) -> Self;
    fn square_root(self) -> Self;
    fn with_sign_of(self, sign: Self) -> Self;
    fn fused_mul_add(self, b: Self, c: Self) -> Self;

    /// 2ⁿ, where it is a normal number, for an integer n given as n + [`ROUND`](Format::ROUND).
    fn power(rounded: Self) -> Self;

    /// 2ᵃ, 2ᵇ and 2⁻ᵇ where a + b = n and a, b differ by at most one, for an integer n given as n +
    /// [`ROUND`](Format::ROUND). 2ⁿ itself need not be representable.
    fn halved_powers(rounded: Self) -> (Self, Self, Self);

    /// For a positive normal number: (m, k, 2¹⁻ᵏ) with self = m · 2ᵏ and 0.75 ≤ m < 1.5.
    fn split(self) -> (Self, Self, Self);
}

macro_rules! format {
    ($type:ident, $bits:ident, $table:ident, lift $lift:literal, ln2 $high:literal + $low:literal,
     split $split:literal, exp limit $exp_limit:literal, tanh limit $tanh_limit:literal,
     normal limit $normal_limit:literal) => {
        const _: () = {
            /// The position of the exponent's lowest bit.
            const SHIFT: u32 = $type::MANTISSA_DIGITS - 1;
            /// The bias of a stored exponent.
            const BIAS: $bits = ($type::MAX_EXP - 1) as $bits;
            /// 2ᵖ⁻¹: the lowest bit of numbers in [2ᵖ⁻¹, 2ᵖ) is the unit.
            const UNIT: $type = 0.5 * $lift;

            assert!($lift == (1u64 << $type::MANTISSA_DIGITS) as $type);

            impl Format for $type {
                const ZERO: Self = 0.0;
                const HALF: Self = 0.5;
                const ONE: Self = 1.0;
                const TWO: Self = 2.0;
                const INFINITY: Self = $type::INFINITY;
                const NAN: Self = $type::NAN;
                const NORMAL: Self = $type::MIN_POSITIVE;
                const LIFT: Self = $lift;
                const LIFT_EXPONENT: Self = $type::MANTISSA_DIGITS as $type;
                const ROUND: Self = 1.5 * UNIT;
                const SPLIT: Self = $split;
                const SQRT_HALF: Self = std::$type::consts::FRAC_1_SQRT_2;
                const LOG2_E: Self = std::$type::consts::LOG2_E;
                const LN_2_HIGH: Self = $high;
                const LN_2_LOW: Self = $low;

                const EXP: &'static [Self] = &exp::$table;
                const EXP_LIMIT: Self = $exp_limit;
                const LN: &'static [Self] = &ln::$table;
                const LN_1P_UNIT: &'static [Self] = &ln_1p::$table;
                const LOG_SOFTPLUS: Pieces<Self> = log_softplus::$table;
                const TANH_LIMIT: Self = $tanh_limit;
                const ERF: &'static [Self] = &erf::$table;
                const ERFC: erfc::Pieces<Self> = erfc::$table;
                const NORMAL_CDF_LIMIT: Self = $normal_limit;

                #[inline(always)]
                fn to_double(self) -> f64 {
                    f64::from(self)
                }

                #[inline(always)]
                fn of_double(x: f64) -> Self {
                    x as $type
                }

                #[inline(always)]
                fn magnitude(self) -> Self {
                    self.abs()
                }

                #[inline(always)]
                fn square_root(self) -> Self {
                    self.sqrt()
                }

                #[inline(always)]
                fn with_sign_of(self, sign: Self) -> Self {
                    self.copysign(sign)
                }

                #[inline(always)]
                fn fused_mul_add(self, b: Self, c: Self) -> Self {
                    self.mul_add(b, c)
                }

                #[inline(always)]
                fn power(rounded: Self) -> Self {
                    let exponent = rounded.to_bits().wrapping_sub(Self::ROUND.to_bits()).wrapping_add(BIAS);
                    Self::from_bits(exponent << SHIFT)
                }

                #[inline(always)]
                fn halved_powers(rounded: Self) -> (Self, Self, Self) {
                    // Twice the bias keeps the sum positive: before AVX-512 there is no arithmetic shift of 64-bit
                    // lanes.
                    let exponent = rounded.to_bits().wrapping_sub(Self::ROUND.to_bits()).wrapping_add(2 * BIAS);
                    let a = exponent >> 1;
                    let b = exponent.wrapping_sub(a);
                    let power = |biased: $bits| Self::from_bits(biased << SHIFT);
                    (power(a), power(b), power((2 * BIAS).wrapping_sub(b)))
                }

                #[inline(always)]
                fn split(self) -> (Self, Self, Self) {
                    // Half a unit of the exponent carries into it exactly if the significand is 1.5 or more.
                    let bits = self.to_bits();
                    let exponent = bits.wrapping_add(1 << (SHIFT - 1)) >> SHIFT;
                    let m = bits.wrapping_sub(exponent << SHIFT).wrapping_add(BIAS << SHIFT);
                    // A nonnegative integer stored in the significand of a number with `UNIT`'s exponent is converted
                    // by a subtraction.
                    let k = Self::from_bits(UNIT.to_bits() | exponent) - (UNIT + BIAS as $type);
                    let inverse = (2 * BIAS + 1).wrapping_sub(exponent) << SHIFT;
                    (Self::from_bits(m), k, Self::from_bits(inverse))
                }
            }
        };
    };
}

format!(
    f32, u32, F32, lift 16_777_216.0, ln2 0.693_115_23 + 3.194_618_3e-5,
    split 4_097.0, exp limit 130.0, tanh limit 10.0, normal limit 14.8
);
format!(
    f64, u64, F64, lift 9_007_199_254_740_992.0, ln2 0.693_147_180_369_123_8 + 1.908_214_929_270_587_7e-10,
    split 134_217_729.0, exp limit 800.0, tanh limit 20.0, normal limit 38.8
);

/// `a * b + c`, fused if level `S` has the instruction.
#[inline(always)]
pub(crate) fn mul_add<S: Simd, T: Format>(a: T, b: T, c: T) -> T {
    if S::FUSED { a.fused_mul_add(b, c) } else { a * b + c }
}

/// The polynomial with these coefficients, the constant first, by Horner's rule.
#[inline(always)]
pub(crate) fn polynomial<S: Simd, T: Format>(x: T, coefficients: &[T]) -> T {
    let (&last, rest) = coefficients.split_last().expect("a polynomial has a coefficient");
    rest.iter().rfold(last, |sum, &c| mul_add::<S, T>(sum, x, c))
}

/// ln 2 · `k` + `x` for an integer `k`, as accurate as `x`.
#[inline(always)]
pub(crate) fn add_exponent<S: Simd, T: Format>(k: T, x: T) -> T {
    mul_add::<S, T>(k, T::LN_2_HIGH, mul_add::<S, T>(k, T::LN_2_LOW, x))
}
