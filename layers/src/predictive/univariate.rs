//! The distribution of one number, given a model's outputs for it.

/// What a likelihood says of one element of a target, given the outputs that a draw of the weights has for it. Elements are
/// independent of each other, given the outputs.
///
/// Computed in double precision, whatever the model's number type is. Units are those of the targets.
pub trait Univariate: Clone + Sync {
    /// Outputs for each element. They lie next to each other: along the last axis of the model's output, where they are
    /// several.
    const OUTPUTS: usize = 1;

    /// Whether targets are whole numbers.
    const DISCRETE: bool = false;

    /// The mean of the element.
    fn mean(&self, outputs: &[f64]) -> f64;

    /// Its variance.
    fn variance(&self, outputs: &[f64]) -> f64;

    /// The probability that it is at most `y`.
    fn cdf(&self, outputs: &[f64], y: f64) -> f64;

    /// The least `y` that it is at most with probability `probability`. Provided: found from the distribution function.
    fn quantile(&self, outputs: &[f64], probability: f64) -> f64 {
        let (mean, sd) = (self.mean(outputs), self.variance(outputs).sqrt());
        // Some distributions have no mean.
        let around = if mean.is_finite() { mean } else { 0.0 };
        invert([around, around], sd, Self::DISCRETE, probability, |y| self.cdf(outputs, y))
    }

    /// Its entropy in nats; `None` where it has no closed form, as is provided.
    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        let _ = outputs;
        None
    }
}

/// How often the search for a bracket goes on: beyond the range of doubles.
const WIDENED: usize = 1100;

/// The least y with `cdf(y)` at least `probability`, down to the last bits; of `discrete` numbers, a whole one. The search
/// begins around `from`, in steps of `sd`.
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
        // Written so that a NaN goes on.
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
        // Written so that a NaN ends it too.
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
    fn an_inverse_is_found_from_far_away() {
        let logistic = |y: f64| 1.0 / (1.0 + (1e3 - y).exp());
        for probability in [1e-12, 0.3, 1.0 - 1e-12] {
            let y = invert([0.0, 0.0], 1.0, false, probability, logistic);
            assert!((logistic(y) / probability - 1.0).abs() < 1e-9, "{y}");
        }
    }

    #[test]
    fn a_jump_is_where_it_reaches_the_probability() {
        // 0 with probability ½, above it an exponential.
        let cdf = |y: f64| if y < 0.0 { 0.0 } else { 1.0 - 0.5 * (-y).exp() };
        let of = |probability| invert([0.5, 0.5], 1.0, false, probability, cdf);
        assert_eq!([of(0.1), of(0.5)], [0.0, 0.0]);
        assert!((of(0.75) - 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn whole_numbers_are_the_least_that_reach_it() {
        // 0 with probability ¼, 1 with ½, 2 with ¼.
        let cdf = |y: f64| if y < 0.0 { 0.0 } else { [0.25, 0.75, 1.0][(y as usize).min(2)] };
        let of = |probability| invert([1.0, 1.0], 0.7, true, probability, cdf);
        assert_eq!([0.1, 0.25, 0.26, 0.75, 0.76].map(of), [0.0, 0.0, 1.0, 1.0, 2.0]);
    }
}
