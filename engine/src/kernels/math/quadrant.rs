//! Argument reduction of sine and cosine, x = n π/2 + r with |r| ≤ π/4, and both functions of r. In double precision
//! for both formats.

use super::exact::two_sum;
use super::format::{Format, mul_add, polynomial};
use crate::kernels::dispatch::Simd;

/// The largest argument that is reduced exactly enough: the products of n with the parts of π/2 are exact.
pub(crate) const REDUCIBLE: f64 = 1e6;

/// π/2 in four parts; the first three have 33 bits.
const HALF_PI: [f64; 4] =
    [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_711_166_5e-21, 8.478_427_660_368_9e-32];

/// (sin r − r) / r³ in r². Its error is less than 0.001 units of 2⁻⁵³.
const SIN: [f64; 7] = [
    -0.166_666_666_666_666_66,
    0.008_333_333_333_333_331,
    -0.000_198_412_698_412_650_4,
    2.755_731_921_932_058e-6,
    -2.505_210_622_599_44e-8,
    1.605_853_059_664_595_3e-10,
    -7.586_636_882_825_062e-13,
];

/// (cos r − 1 + r²/2) / r⁴ in r². Its error is 0.01 units of 2⁻⁵³.
const COS: [f64; 6] = [
    0.041_666_666_666_666_664,
    -0.001_388_888_888_888_738_9,
    2.480_158_729_875_44e-5,
    -2.755_731_726_587_808e-7,
    2.087_614_504_941_318e-9,
    -1.138_254_464_534_910_8e-11,
];

/// (n mod 4, r) for |x| up to [`REDUCIBLE`]; r as a sum of two numbers.
#[inline(always)]
pub(super) fn reduce<S: Simd>(x: f64) -> (u64, (f64, f64)) {
    let rounded = mul_add::<S, f64>(x, std::f64::consts::FRAC_2_PI, f64::ROUND);
    let n = rounded - f64::ROUND;
    let [first, second, third, fourth] = HALF_PI;
    // The first difference is exact; the others cancel most where x is next to a multiple of π/2.
    let (r, a) = two_sum(x - n * first, -(n * second));
    let (r, b) = two_sum(r, -(n * third));
    (rounded.to_bits() & 3, two_sum(r, (a + b) - n * fourth))
}

/// sin (n π/2 + r).
#[inline(always)]
pub(super) fn sin_from<S: Simd>(quadrant: u64, (r, rest): (f64, f64)) -> f64 {
    let z = r * r;
    let half = 0.5 * z;
    let sin = r + mul_add::<S, f64>(r * z, polynomial::<S, f64>(z, &SIN), rest * (1.0 - half));
    let base = 1.0 - half;
    let cos = base + (((1.0 - base) - half) + mul_add::<S, f64>(z * z, polynomial::<S, f64>(z, &COS), -(r * rest)));
    let value = if quadrant & 1 == 0 { sin } else { cos };
    if quadrant & 2 == 0 { value } else { -value }
}
