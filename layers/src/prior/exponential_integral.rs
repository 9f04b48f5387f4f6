//! The exponential integral E₁(x) = ∫₁^∞ e^(−xt)/t dt, scaled, for x > 0.

/// Euler's constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// c with eˣ E₁(x) = 1/(x + c): the correction that makes 1/x right. It grows from 0 at zero to 1 at infinity.
///
/// In terms of c nothing cancels: ln(eˣ E₁(x)) = −ln(x + c), whose derivative is 1 − (x + c)/x = −c/x. It takes ln x
/// in addition to x, because x may have underflowed.
#[inline(always)]
pub(crate) fn correction(x: f64, ln_x: f64) -> f64 {
    if x < 1.0 { 1.0 / (x.exp() * small(x, ln_x)) - x } else { large(x) }
}

/// E₁ for x ≤ 1: −γ − ln x − Σₖ (−x)ᵏ/(k k!).
fn small(x: f64, ln_x: f64) -> f64 {
    let (mut power, mut sum) = (1.0, 0.0);
    for k in 1..=20 {
        let k = f64::from(k);
        power *= -x / k;
        sum += power / k;
    }
    -GAMMA - ln_x - sum
}

/// c for x ≥ 1, by the continued fraction eˣ E₁(x) = 1/(x + 1 − 1/(x + 3 − 4/(x + 5 − 9/(x + 7 − …)))), from the inside.
fn large(x: f64) -> f64 {
    // The relative error after n terms is about e^(−4 √(nx)).
    let terms = 8 + (90.0 / x) as u32;
    let mut inner = x + f64::from(2 * terms + 1);
    for k in (2..=terms).rev() {
        let k = f64::from(k);
        inner = x + (2.0 * k - 1.0) - k * k / inner;
    }
    1.0 - 1.0 / inner
}

#[cfg(test)]
mod tests {
    use super::*;

    /// x and c, computed in 40 digits and rounded.
    const KNOWN: [(f64, f64); 18] = [
        (1e-300, 0.001_448_858_947_168_749_2),
        (1e-20, 0.021_990_352_913_770_914),
        (1e-5, 0.091_432_540_439_450_93),
        (0.1, 0.396_365_969_549_558_33),
        (0.5, 0.583_528_528_985_311_6),
        (0.999, 0.676_739_923_143_124_1),
        (1.0, 0.676_875_028_178_700_8),
        (1.001, 0.677_009_992_892_658_7),
        (1.5, 0.730_864_744_478_61),
        (2.0, 0.767_563_799_989_169_2),
        (3.0, 0.815_574_361_941_772_1),
        (5.0, 0.867_780_953_162_186),
        (10.0, 0.921_402_235_720_234_7),
        (30.0, 0.969_590_911_350_721_2),
        (100.0, 0.990_287_667_080_860_2),
        (1e4, 0.999_900_029_987_007_1),
        (1e8, 0.999_999_990_000_000_3),
        (1e15, 0.999_999_999_999_999),
    ];

    #[test]
    fn the_correction_is_right_to_fourteen_digits() {
        for (x, exact) in KNOWN {
            let c = correction(x, x.ln());
            assert!((c / exact - 1.0).abs() < 1e-14, "{x}: {c} instead of {exact}");
        }
    }
}
