//! `TruncatedNormal`: moments and distribution function of a truncated normal distribution, by quadrature.

use std::f64::consts::PI;
use std::sync::OnceLock;

use crate::likelihood::censored::Limits;
use crate::likelihood::noise::normal_cdf;

/// A normal distribution between limits. Far in the tail, or between narrow limits, closed forms cancel all their digits;
/// sums of positive terms do not.
pub(super) struct TruncatedNormal {
    limits: Limits,
    sd: f64,
    mean: f64,
    /// The limits, in standard deviations from the mean.
    low: f64,
    high: f64,
}

impl TruncatedNormal {
    /// Of the normal distribution with this mean and ln sd before truncation.
    pub(super) fn new(limits: Limits, mean: f64, ln_sd: f64) -> TruncatedNormal {
        // Within the range of doubles.
        let sd = ln_sd.clamp(-700.0, 700.0).exp();
        let [low, high] = [limits.lower, limits.upper].map(|limit| (limit - mean) / sd);
        TruncatedNormal { limits, sd, mean, low, high }
    }

    /// The mode within the limits: in standard deviations, and as a value.
    fn mode(&self) -> (f64, f64) {
        match (self.low > 0.0, self.high < 0.0) {
            (true, _) => (self.low, self.limits.lower),
            (_, true) => (self.high, self.limits.upper),
            _ => (0.0, self.mean),
        }
    }

    /// The range of values that count, in standard deviations from the mode: beyond, the density is below e⁻⁴⁰ of its
    /// maximum.
    fn reach(&self) -> [f64; 2] {
        let (mode, _) = self.mode();
        let most = 80.0 / (mode.abs() + mode.hypot(80f64.sqrt()));
        [(self.low - mode).max(-most), (self.high - mode).min(most)]
    }

    /// Mean and variance.
    pub(super) fn moments(&self) -> [f64; 2] {
        let (mode, value) = self.mode();
        if mode.is_infinite() {
            return [value, 0.0];
        }
        let reach = self.reach();
        // Deviations in units of the reach, whose squares stay within the range of doubles.
        let unit = reach[1] - reach[0];
        let weighted: [(f64, f64); NODES] = nodes(reach).map(|(u, weight)| (u, weight * density(mode, u)));
        let mass: f64 = weighted.iter().map(|(_, p)| p).sum();
        let mean = weighted.iter().map(|(u, p)| u * p).sum::<f64>() / mass;
        let variance = weighted.iter().map(|(u, p)| ((u - mean) / unit).powi(2) * p).sum::<f64>() / mass;
        [value + self.sd * mean, (self.sd * unit).powi(2) * variance]
    }

    /// The probability of at most `y`.
    pub(super) fn cdf(&self, y: f64) -> f64 {
        if y < self.limits.lower {
            return 0.0;
        }
        if y >= self.limits.upper || (self.mode().0.is_infinite() && y >= self.mode().1) {
            return 1.0;
        }
        let z = (y - self.mean) / self.sd;
        let mass = probability(self.low, self.high);
        if mass > 1e-3 {
            return probability(self.low, z) / mass;
        }
        let ((mode, value), [from, to]) = (self.mode(), self.reach());
        let at = ((y - value) / self.sd).clamp(from, to);
        let [below, above] =
            [[from, at], [at, to]].map(|range| (range[1] - range[0]) * average(range, |u| density(mode, u)));
        below / (below + above)
    }
}

/// φ(mode + u)/φ(mode).
fn density(mode: f64, u: f64) -> f64 {
    (-u * (mode + 0.5 * u)).exp()
}

/// Φ(high) − Φ(low), from the tails above 0.
fn probability(low: f64, high: f64) -> f64 {
    if low > 0.0 { normal_cdf(-low) - normal_cdf(-high) } else { normal_cdf(high) - normal_cdf(low) }
}

const NODES: usize = 64;

/// The mean of f over a range, by Gauss–Legendre quadrature. With 64 nodes, e^−x²/2 from −9 to 9 and e^−x from 0 to 40 have
/// all digits.
fn average(range: [f64; 2], f: impl Fn(f64) -> f64) -> f64 {
    nodes(range).into_iter().map(|(u, weight)| weight * f(u)).sum()
}

/// The nodes in a range, and their weights, which sum to 1.
fn nodes([from, to]: [f64; 2]) -> [(f64, f64); NODES] {
    let half = 0.5 * (to - from);
    gauss_legendre().map(|(x, weight)| {
        // From the nearer end, so that differences from it keep their digits.
        let u = if x < 0.0 { from + half * (1.0 + x) } else { to - half * (1.0 - x) };
        (u, 0.5 * weight)
    })
}

/// Nodes in (−1, 1) and their weights: Newton's method on the Legendre polynomial.
fn gauss_legendre() -> &'static [(f64, f64); NODES] {
    static RULE: OnceLock<[(f64, f64); NODES]> = OnceLock::new();
    RULE.get_or_init(|| {
        std::array::from_fn(|i| {
            let n = NODES as f64;
            let mut x = -(PI * (i as f64 + 0.75) / (n + 0.5)).cos();
            let mut slope = 0.0;
            for _ in 0..8 {
                let (mut p, mut before) = (1.0, 0.0);
                for k in 0..NODES {
                    let k = k as f64;
                    (p, before) = (((2.0 * k + 1.0) * x * p - k * before) / (k + 1.0), p);
                }
                slope = n * (x * p - before) / (x * x - 1.0);
                x -= p / slope;
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_integrates_polynomials_exactly() {
        for power in [0, 1, 2, 7, 40, 126, 127] {
            let found = average([0.0, 1.0], |x| x.powi(power));
            let exact = 1.0 / f64::from(power + 1);
            assert!((found - exact).abs() < 1e-14 * exact, "{power}: {found:e}");
        }
    }

    #[test]
    fn far_limits_make_an_exponential_and_narrow_ones_a_uniform_distribution() {
        // Expansions in 1/distance², whose next terms are below 1e-16.
        let far = TruncatedNormal::new(Limits { lower: 1e9, upper: f64::INFINITY }, 0.0, 0.0);
        assert_eq!(far.moments(), [1e9 + 1e-9, far.moments()[1]]);
        assert!((far.moments()[1] * 1e18 - 1.0).abs() < 1e-14);
        assert!((far.cdf(1e9 + 2f64.powi(-23)) - (1.0 - (-1e9 * 2f64.powi(-23)).exp())).abs() < 1e-14);
        let narrow = TruncatedNormal::new(Limits { lower: -1.0, upper: 3.0 }, 5.0, 600.0);
        let [mean, variance] = narrow.moments();
        assert!((mean - 1.0).abs() < 1e-14 && (variance - 16.0 / 12.0).abs() < 1e-14, "{mean} {variance}");
        assert!((narrow.cdf(2.0) - 0.75).abs() < 1e-15);
        // Limits beyond the squares of doubles, and beyond doubles.
        let above = |ln_sd| TruncatedNormal::new(Limits { lower: 1.0, upper: f64::INFINITY }, 0.0, ln_sd);
        assert_eq!(above(-360.0).moments(), [1.0, 0.0]);
        assert_eq!(above(-700.0).cdf(1.5), 1.0);
        let beyond = TruncatedNormal::new(Limits { lower: 1e10, upper: f64::INFINITY }, 0.0, -700.0);
        assert_eq!((beyond.moments(), beyond.cdf(1e10)), ([1e10, 0.0], 1.0));
    }
}
