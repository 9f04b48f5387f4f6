//! Predicted numbers, and how good they are.

use std::f64::consts::{SQRT_2, TAU};

use crate::Real;

/// Predictions of numbers by draws of the weights, with normal noise: each element of each example is an equal mixture of
/// the normals N(f, sd²), f being its output under one draw.
///
/// `targets` are row-major (N, D), one row an example. Units are those of the targets, but for likelihoods, in nats.
///
/// ```
/// # use elbo::metrics::NormalMixture;
/// // Two draws for one example of one element.
/// let predicted = NormalMixture::new(vec![-1.0, 1.0], 2, 1, 0.5);
/// assert_eq!(predicted.mean(), [0.0]);
/// assert_eq!(predicted.sd(), [1.25f64.sqrt()]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NormalMixture {
    means: Vec<f64>,
    draws: usize,
    width: usize,
    sd: f64,
}

impl NormalMixture {
    /// `means` is (S, N, D) row-major, for S draws; `sd` the standard deviation of the noise.
    ///
    /// # Panics
    /// If the sizes do not fit, there are no examples, a mean is not finite, or `sd` is not positive and finite.
    #[track_caller]
    pub fn new(means: Vec<f64>, draws: usize, width: usize, sd: f64) -> Self {
        assert!(
            draws > 0 && width > 0 && !means.is_empty() && means.len().is_multiple_of(draws * width),
            "NormalMixture: {} means are no {draws} draws of whole rows of {width}, at least one",
            means.len()
        );
        assert!(
            sd > 0.0 && sd.is_finite(),
            "NormalMixture: the noise's standard deviation must be positive and finite, got {sd}"
        );
        if let Some(at) = means.iter().position(|mean| !mean.is_finite()) {
            panic!("NormalMixture: mean {at} is {}", means[at]);
        }
        NormalMixture { means, draws, width, sd }
    }

    /// The number of examples.
    #[expect(clippy::len_without_is_empty, reason = "a prediction of no examples cannot be made")]
    pub fn len(&self) -> usize {
        self.elements() / self.width
    }

    /// Expected observations, (N, D).
    pub fn mean(&self) -> Vec<f64> {
        (0..self.elements()).map(|i| self.of_element(i).sum::<f64>() / self.draws as f64).collect()
    }

    /// Standard deviations of the observations, (N, D): of the noise and of the draws together.
    pub fn sd(&self) -> Vec<f64> {
        let spread = self.mean().into_iter().enumerate().map(|(i, mean)| {
            let squares: f64 = self.of_element(i).map(|f| (f - mean).powi(2)).sum();
            (self.sd * self.sd + squares / self.draws as f64).sqrt()
        });
        spread.collect()
    }

    /// The number that an observation is below with probability `probability`, (N, D).
    ///
    /// # Panics
    /// If the probability is not between 0 and 1, both excluded.
    #[track_caller]
    pub fn quantile(&self, probability: f64) -> Vec<f64> {
        assert!(
            probability > 0.0 && probability < 1.0,
            "quantile: the probability must lie between 0 and 1, got {probability}"
        );
        (0..self.elements()).map(|i| self.quantile_of(i, probability)).collect()
    }

    /// The central interval that holds an observation with probability `level`: its lower and its upper ends, (N, D) both.
    ///
    /// # Panics
    /// If the level is not between 0 and 1, both excluded.
    #[track_caller]
    pub fn interval(&self, level: f64) -> (Vec<f64>, Vec<f64>) {
        assert!(level > 0.0 && level < 1.0, "interval: the level must lie between 0 and 1, got {level}");
        (self.quantile((1.0 - level) / 2.0), self.quantile((1.0 + level) / 2.0))
    }

    /// The root of the mean squared error of [`mean`](NormalMixture::mean), over all elements.
    ///
    /// # Panics
    /// If there is not one target for each element, each finite. So do all metrics below.
    #[track_caller]
    pub fn rmse<T: Real>(&self, targets: &[T]) -> f64 {
        self.check("rmse", targets);
        let squares: f64 = self.mean().iter().zip(targets).map(|(mean, y)| (mean - y.to_f64()).powi(2)).sum();
        (squares / targets.len() as f64).sqrt()
    }

    /// The mean absolute error of [`mean`](NormalMixture::mean), over all elements.
    #[track_caller]
    pub fn mae<T: Real>(&self, targets: &[T]) -> f64 {
        self.check("mae", targets);
        let errors: f64 = self.mean().iter().zip(targets).map(|(mean, y)| (mean - y.to_f64()).abs()).sum();
        errors / targets.len() as f64
    }

    /// The negative log-likelihood of the predictive distribution in nats per example: −ln of the mean over draws of the
    /// density of all of an example's elements.
    #[track_caller]
    pub fn nll<T: Real>(&self, targets: &[T]) -> f64 {
        self.check("nll", targets);
        let normaliser = self.width as f64 * (self.sd.ln() + 0.5 * TAU.ln()) + (self.draws as f64).ln();
        let of_example = |(example, y): (usize, &[T])| {
            let exponent = |draw: usize| {
                let from = draw * self.elements() + example * self.width;
                let f = &self.means[from..from + self.width];
                f.iter().zip(y).map(|(f, y)| -0.5 * ((y.to_f64() - f) / self.sd).powi(2)).sum::<f64>()
            };
            let largest = (0..self.draws).map(exponent).fold(f64::NEG_INFINITY, f64::max);
            if largest == f64::NEG_INFINITY {
                return f64::INFINITY;
            }
            let sum: f64 = (0..self.draws).map(|draw| (exponent(draw) - largest).exp()).sum();
            normaliser - largest - sum.ln()
        };
        targets.chunks_exact(self.width).enumerate().map(of_example).sum::<f64>() / self.len() as f64
    }

    /// The share of targets within the central [`interval`](NormalMixture::interval) of this level: near `level`, if the
    /// model knows how sure it may be.
    #[track_caller]
    pub fn coverage<T: Real>(&self, targets: &[T], level: f64) -> f64 {
        self.check("coverage", targets);
        assert!(level > 0.0 && level < 1.0, "coverage: the level must lie between 0 and 1, got {level}");
        // By the distribution function: no quantile has to be found.
        let tail = (1.0 - level) / 2.0;
        let within = |(i, y): (usize, &T)| (tail..=1.0 - tail).contains(&self.below(i, y.to_f64()));
        targets.iter().enumerate().filter(|&pair| within(pair)).count() as f64 / targets.len() as f64
    }

    fn elements(&self) -> usize {
        self.means.len() / self.draws
    }

    /// An element's outputs under all draws.
    fn of_element(&self, i: usize) -> impl Iterator<Item = f64> {
        self.means.iter().skip(i).step_by(self.elements()).copied()
    }

    /// The probability that element `i` is below `y`.
    fn below(&self, i: usize, y: f64) -> f64 {
        let sum: f64 = self.of_element(i).map(|f| 0.5 * libm::erfc((f - y) / (self.sd * SQRT_2))).sum();
        sum / self.draws as f64
    }

    /// By halving what brackets it, down to the last bits.
    fn quantile_of(&self, i: usize, probability: f64) -> f64 {
        // Below and above all of the mixture's mass, as far as a double can tell.
        let mut low = self.of_element(i).fold(f64::INFINITY, f64::min) - 40.0 * self.sd;
        let mut high = self.of_element(i).fold(f64::NEG_INFINITY, f64::max) + 40.0 * self.sd;
        loop {
            let middle = low + 0.5 * (high - low);
            // Written so that a NaN ends it too.
            if !(middle > low && middle < high) {
                return middle;
            }
            if self.below(i, middle) < probability { low = middle } else { high = middle }
        }
    }

    #[track_caller]
    fn check<T: Real>(&self, metric: &str, targets: &[T]) {
        assert!(
            targets.len() == self.elements(),
            "{metric}: {} targets for {} examples of {} elements",
            targets.len(),
            self.len(),
            self.width
        );
        if let Some(at) = targets.iter().position(|y| !y.is_finite()) {
            panic!("{metric}: target {at} is {}", targets[at].to_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_draw_is_a_normal() {
        let predicted = NormalMixture::new(vec![1.0, -2.0], 1, 1, 2.0);
        // Φ⁻¹(0.975) and the density at one standard deviation.
        let (low, high) = predicted.interval(0.95);
        assert!((high[0] - (1.0 + 2.0 * 1.959_963_984_540_054)).abs() < 1e-12, "{high:?}");
        assert!((low[1] - (-2.0 - 2.0 * 1.959_963_984_540_054)).abs() < 1e-12, "{low:?}");
        let expected = 2f64.ln() + 0.5 * TAU.ln() + 0.5;
        assert!((predicted.nll(&[3.0, 0.0]) - expected).abs() < 1e-14);
        assert_eq!(predicted.rmse(&[3.0, 0.0]), 2.0);
        assert_eq!(predicted.mae(&[3.0, -3.0]), 1.5);
    }

    #[test]
    fn the_elements_of_an_example_share_a_draw() {
        // Both elements near draw 0, or both near draw 1; one near each is unlikely.
        let predicted = NormalMixture::new(vec![0.0, 0.0, 9.0, 9.0], 2, 2, 1.0);
        let together = TAU.ln() + 2f64.ln();
        assert!((predicted.nll(&[0.0, 0.0]) - together).abs() < 1e-12);
        assert!((predicted.nll(&[0.0, 9.0]) - (TAU.ln() + 40.5)).abs() < 1e-12);
    }

    #[test]
    fn a_mixture_s_quantiles_have_their_probability() {
        let predicted = NormalMixture::new(vec![-3.0, 5.0, 0.5], 3, 1, 0.7);
        for probability in [1e-9, 0.1, 0.5, 0.77, 1.0 - 1e-9] {
            let quantile = predicted.quantile(probability)[0];
            assert!((predicted.below(0, quantile) - probability).abs() < 1e-12);
        }
    }

    #[test]
    fn coverage_counts_what_lies_within() {
        let predicted = NormalMixture::new(vec![0.0; 4], 1, 1, 1.0);
        assert_eq!(predicted.coverage(&[0.0, 1.9, -1.9, 2.0], 0.95), 0.75);
    }

    #[test]
    fn what_no_draw_can_explain_is_infinitely_unlikely() {
        assert_eq!(NormalMixture::new(vec![0.0], 1, 1, 1e-160).nll(&[1.0]), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "coverage: target 1 is NaN")]
    fn a_target_that_is_no_number_is_refused() {
        NormalMixture::new(vec![0.0; 2], 1, 1, 1.0).coverage(&[0.0, f64::NAN], 0.5);
    }

    #[test]
    #[should_panic(expected = "rmse: 3 targets for 2 examples of 1 elements")]
    fn a_target_too_many_is_refused() {
        NormalMixture::new(vec![0.0; 2], 1, 1, 1.0).rmse(&[0.0; 3]);
    }
}
