//! The continuous ranked probability score by integration of a distribution function.

use crate::predictive::invert;

/// Quadrature stops when a part's error estimate is below this share of the distribution's scale.
const TOLERANCE: f64 = 1e-10;

/// The most halvings of the interval of integration, at a jump of the distribution function.
const DEPTH: usize = 44;

/// The most whole numbers whose distribution function is summed one by one.
const WHOLE: f64 = 65_536.0;

/// The probability outside of the range over which whole numbers are summed, on each side.
const TAIL: f64 = 1e-10;

/// ∫ F² below y plus ∫ (1 − F)² above it, by adaptive quadrature, where `scale` is the size of a typical deviation.
pub(super) fn of_real(y: f64, scale: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    // Half-lines are mapped to [0, 1) by x = y ± scale · t/(1 − t).
    let side = |direction: f64, squared: &dyn Fn(f64) -> f64| {
        let integrand = |t: f64| {
            let rest = 1.0 - t;
            scale / (rest * rest) * squared(y + direction * scale * (t / rest)).powi(2)
        };
        adaptive(&integrand, 0.0, 1.0, TOLERANCE * scale, DEPTH)
    };
    side(-1.0, &cdf) + side(1.0, &|x| 1.0 - cdf(x))
}

/// The same for whole numbers, on which the distribution function is a sum. `mean` is near the middle, and `scale` is as for
/// real numbers. If there are very many between the tails, only every few of them are summed.
pub(super) fn of_whole(y: f64, mean: f64, scale: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let low = invert([mean, mean], scale, true, TAIL, &cdf).min(y.floor());
    let high = invert([mean, mean], scale, true, 1.0 - TAIL, &cdf).max(y.ceil());
    let stride = ((high - low) / WHOLE).ceil().max(1.0);
    let steps = ((high - low) / stride).ceil() as usize;
    let each = (0..=steps).map(|step| {
        // The distribution function is constant from x to x + 1, and nearly so to x + stride.
        let (x, end) = (low + step as f64 * stride, low + (step + 1) as f64 * stride);
        let below = cdf(x + 0.5 * (stride - 1.0));
        let before = (y.min(end) - x).max(0.0);
        before * below.powi(2) + (stride - before) * (1.0 - below).powi(2)
    });
    each.sum()
}

/// Abscissas of the 15-point Gauss–Kronrod rule (Piessens et al. 1983), and its weights; every second point belongs to the
/// 7-point Gauss rule too, whose weights follow.
const POINTS: [f64; 8] = [
    0.991_455_371_120_812_6,
    0.949_107_912_342_758_5,
    0.864_864_423_359_769_1,
    0.741_531_185_599_394_4,
    0.586_087_235_467_691_1,
    0.405_845_151_377_397_2,
    0.207_784_955_007_898_47,
    0.0,
];
const KRONROD: [f64; 8] = [
    0.022_935_322_010_529_224,
    0.063_092_092_629_978_55,
    0.104_790_010_322_250_18,
    0.140_653_259_715_525_92,
    0.169_004_726_639_267_9,
    0.190_350_578_064_785_4,
    0.204_432_940_075_298_89,
    0.209_482_141_084_727_83,
];
const GAUSS: [f64; 4] =
    [0.129_484_966_168_869_7, 0.279_705_391_489_276_64, 0.381_830_050_505_118_9, 0.417_959_183_673_469_4];

/// ∫ f from `low` to `high`: both rules on the interval, and on its halves if they differ by more than `tolerance`.
fn adaptive(f: &impl Fn(f64) -> f64, low: f64, high: f64, tolerance: f64, depth: usize) -> f64 {
    let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
    let (mut kronrod, mut gauss) = (0.0, 0.0);
    for (i, (point, weight)) in POINTS.iter().zip(KRONROD).enumerate() {
        let value = if *point == 0.0 { f(middle) } else { f(middle - half * point) + f(middle + half * point) };
        kronrod += weight * value;
        gauss += if i % 2 == 1 { GAUSS[i / 2] * value } else { 0.0 };
    }
    let is_good = ((kronrod - gauss) * half).abs() <= tolerance;
    if is_good || depth == 0 {
        return kronrod * half;
    }
    let halves = [[low, middle], [middle, high]];
    halves.map(|[low, high]| adaptive(f, low, high, 0.5 * tolerance, depth - 1)).iter().sum()
}
