//! `Univariate`: the distribution of one target element given the model's outputs: mean, variance, CDF, quantiles.

/// A likelihood's distribution of one element of a target, given the outputs of one draw. Elements are independent
/// given the outputs.
///
/// It is computed in double precision, whatever the model's scalar type. Units are those of the targets.
pub trait Univariate: Clone + Sync {
    /// Whether targets are whole numbers.
    const DISCRETE: bool = false;

    /// Whether some real targets have a probability instead of a density, such as those at a limit of
    /// [`Censored`](crate::Censored).
    const HAS_POINT_MASSES: bool = false;

    /// The number of outputs for each element, the distribution's parameters. If several, the last axis of the model's
    /// output has as many blocks: the first parameter of all elements, then the second of all, and so on. Provided: 1.
    fn num_outputs(&self) -> usize {
        1
    }

    /// The mean of the element.
    fn mean(&self, outputs: &[f64]) -> f64;

    /// Its variance.
    fn variance(&self, outputs: &[f64]) -> f64;

    /// The probability that it is at most `y`.
    fn cdf(&self, outputs: &[f64], y: f64) -> f64;

    /// The quantile: the smallest `y` with `cdf(y)` of at least `probability`. Provided: by bisection of
    /// [`cdf`](Self::cdf).
    fn quantile(&self, outputs: &[f64], probability: f64) -> f64 {
        let (mean, sd) = (self.mean(outputs), self.variance(outputs).sqrt());
        // Some distributions have no mean.
        let around = if mean.is_finite() { mean } else { 0.0 };
        invert([around, around], sd, Self::DISCRETE, probability, |y| self.cdf(outputs, y))
    }

    /// The mean and the standard deviation, if the distribution is normal: quantiles of mixtures are then found faster.
    /// Provided: `None`.
    fn normal(&self, outputs: &[f64]) -> Option<[f64; 2]> {
        let _ = outputs;
        None
    }

    /// Its entropy in nats; `None` if it has no closed form. Provided: `None`.
    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        let _ = outputs;
        None
    }
}

/// The most doublings in the search for a bracket: enough for the range of doubles.
const WIDENED: usize = 1100;

/// The smallest y with `cdf(y)` of at least `probability`, to the last bits; a whole number if `discrete`. The search
/// starts at the bracket `from`, in steps of `sd`.
pub(crate) fn invert(from: [f64; 2], sd: f64, discrete: bool, probability: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let [mut low, mut high] = from;
    let start = if sd > 0.0 && sd.is_finite() { sd } else { 1.0 };
    let mut step = start;
    for _ in 0..WIDENED {
        if cdf(low) < probability {
            break;
        }
        low -= step;
        step *= 2.0;
    }
    step = start;
    for _ in 0..WIDENED {
        // Written so that NaN continues the search.
        if cdf(high) >= probability {
            break;
        }
        high += step;
        step *= 2.0;
    }
    if discrete {
        (low, high) = (low.floor(), high.ceil());
    }
    loop {
        let middle = low + 0.5 * (high - low);
        let middle = if discrete { middle.floor() } else { middle };
        // Written so that NaN ends the loop too.
        if !(middle > low && middle < high) {
            return high;
        }
        if cdf(middle) < probability { low = middle } else { high = middle }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_far_from_the_start_is_found() {
        let logistic = |y: f64| 1.0 / (1.0 + (1e3 - y).exp());
        for probability in [1e-12, 0.3, 1.0 - 1e-12] {
            let y = invert([0.0, 0.0], 1.0, false, probability, logistic);
            assert!((logistic(y) / probability - 1.0).abs() < 1e-9, "{y}");
        }
    }

    #[test]
    fn a_quantile_at_a_jump_is_the_jump() {
        // 0 with probability ½, above it an exponential.
        let cdf = |y: f64| if y < 0.0 { 0.0 } else { 1.0 - 0.5 * (-y).exp() };
        let of = |probability| invert([0.5, 0.5], 1.0, false, probability, cdf);
        assert_eq!([of(0.1), of(0.5)], [0.0, 0.0]);
        assert!((of(0.75) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn a_discrete_quantile_is_the_smallest_whole_number_that_reaches_the_probability() {
        // 0 with probability ¼, 1 with ½, 2 with ¼.
        let cdf = |y: f64| if y < 0.0 { 0.0 } else { [0.25, 0.75, 1.0][(y as usize).min(2)] };
        let of = |probability| invert([1.0, 1.0], 0.7, true, probability, cdf);
        assert_eq!([0.1, 0.25, 0.26, 0.75, 0.76].map(of), [0.0, 0.0, 1.0, 1.0, 2.0]);
    }
}
