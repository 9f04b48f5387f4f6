//! ln x in double precision with nine extra bits, as a sum of two numbers.
//!
//! As [`ln`](super::ln), but the first two terms of 2 artanh s = 2s + ⅔ s³ + s⁵ P(s²) and the quotient s are sums.

use super::exact::{two_product, two_sum};
use super::format::{Format, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// The polynomial P. Its error is 0.02 units of 2⁻⁶⁶ of the logarithm.
const P: [f64; 9] = [
    0.4,
    0.285_714_285_714_284_87,
    0.222_222_222_222_786_98,
    0.181_818_181_673_912_2,
    0.153_846_172_282_662_15,
    0.133_332_012_536_399_15,
    0.117_702_455_045_688_27,
    0.103_917_900_531_786_18,
    0.112_569_908_984_752_51,
];

/// ⅔: the rounded value and the remainder.
const TWO_THIRDS: (f64, f64) = (0.666_666_666_666_666_6, 3.700_743_415_417_188e-17);

/// The logarithm of a positive finite number: its rounded value, and the remainder. For other numbers the result is
/// unspecified, without a panic.
#[inline(always)]
pub(super) fn ln_pair<S: Simd>(x: f64) -> (f64, f64) {
    let subnormal = x < f64::NORMAL;
    let (m, k, _) = (if subnormal { x * f64::LIFT } else { x }).split();
    let k = if subnormal { k - f64::LIFT_EXPONENT } else { k };
    let f = m - 1.0;
    // s = f / (2 + f), where both the sum and the quotient are rounded.
    let denominator = 2.0 + f;
    let denominator_error = f - (denominator - 2.0);
    let s = f / denominator;
    let (product, product_error) = two_product::<S, f64>(s, denominator);
    let s_error = (((f - product) - product_error) - s * denominator_error) / denominator;
    // s² and s³ with their errors.
    let (z, z_error) = two_product::<S, f64>(s, s);
    let z_error = mul_add::<S, f64>(2.0 * s, s_error, z_error);
    let (cube, cube_error) = two_product::<S, f64>(z, s);
    let cube_error = cube_error + (z_error * s + z * s_error);
    let (third, third_error) = two_product::<S, f64>(cube, TWO_THIRDS.0);
    let third_error = third_error + (cube * TWO_THIRDS.1 + cube_error * TWO_THIRDS.0);
    let rest = mul_add::<S, f64>(cube * z, polynomial::<S, f64>(z, &P), third_error);
    // The product of k with the high part of ln 2 is exact.
    let (high, a) = two_sum(k * f64::LN_2_HIGH, 2.0 * s);
    let (high, b) = two_sum(high, third);
    let low = ((a + b) + 2.0 * s_error) + mul_add::<S, f64>(k, f64::LN_2_LOW, rest);
    two_sum(high, low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::dispatch::{Avx2, Portable};

    /// Logarithms accurate to 2⁻¹⁰⁶ (mpmath).
    const KNOWN: [(f64, f64, f64); 6] = [
        (0.75, -0.287_682_072_451_780_9, -2.607_160_616_442_564e-17),
        (1.000_000_1, 9.999_999_505_838_704e-8, 1.524_970_952_844_148_9e-24),
        (1.4999, 0.405_398_439_219_176_73, -1.579_204_444_830_598_7e-18),
        (3e-310, -712.702_766_539_486_1, 5.060_294_180_236_257e-14),
        (1e300, 690.775_527_898_213_7, 2.374_766_002_880_024_3e-14),
        (7.25, 1.981_001_468_866_583_3, 6.013_262_624_124_967e-17),
    ];

    #[test]
    fn both_parts_are_accurate() {
        for (x, high, low) in KNOWN {
            for (ours, rest) in [ln_pair::<Portable>(x), ln_pair::<Avx2>(x)] {
                let error = (ours - high) + (rest - low);
                assert!(
                    error.abs() <= 2f64.powi(-62) * high.abs(),
                    "ln {x:e} is {ours:e} + {rest:e}, off by {error:e}"
                );
            }
        }
    }
}
