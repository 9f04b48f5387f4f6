//! Scores of predicted numbers: RMSE, MAE, coverage of prediction intervals.

use crate::engine::Real;
use crate::metrics::number_targets::mean_of_counted;
use crate::metrics::{Mixture, NumberTargets};
use crate::predictive::Univariate;

/// Metrics. Targets are (N, ..), as in [`Examples::targets`](crate::data::Examples::targets); if some are missing,
/// [`Examples::observed`](crate::data::Examples::observed).
impl<L: Univariate> Mixture<L> {
    /// The root of the mean squared error of [`mean`](Mixture::mean), over all elements.
    ///
    /// # Panics
    /// If there is not one finite target for each element. All metrics below panic likewise.
    #[track_caller]
    pub fn rmse<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        self.check("rmse", targets);
        let errors = self.mean().into_iter().zip(targets.numbers().data());
        mean_of_counted(targets, errors.map(|(mean, y)| (mean - y.to_f64()).powi(2))).sqrt()
    }

    /// The mean absolute error of [`mean`](Mixture::mean), over all elements.
    #[track_caller]
    pub fn mae<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        self.check("mae", targets);
        let errors = self.mean().into_iter().zip(targets.numbers().data());
        mean_of_counted(targets, errors.map(|(mean, y)| (mean - y.to_f64()).abs()))
    }

    /// The share of targets within the central [`interval`](Mixture::interval) of this level: close to `level` for a
    /// calibrated model. For discrete targets it is larger, since no interval has exactly the given probability.
    #[track_caller]
    pub fn coverage<Y: NumberTargets>(&self, targets: &Y, level: f64) -> f64 {
        self.check("coverage", targets);
        assert!(level > 0.0 && level < 1.0, "coverage: the level must be between 0 and 1, got {level}");
        // Compare CDFs, so that no quantile has to be found. The lower end is the smallest y with cdf(y) ≥ tail, so y
        // is not below it if cdf(y) ≥ tail; the upper end is the smallest y with cdf(y) ≥ 1 − tail, so y is not above
        // it if the cdf just below y is less than 1 − tail.
        let tail = (1.0 - level) / 2.0;
        let numbers = targets.numbers().data();
        let within = self.each(|i| {
            let y = numbers[i].to_f64();
            let less = if L::DISCRETE { y - 1.0 } else { y.next_down() };
            f64::from(u8::from(self.below(i, y) >= tail && self.below(i, less) < 1.0 - tail))
        });
        mean_of_counted(targets, within)
    }

    #[track_caller]
    pub(crate) fn check<Y: NumberTargets>(&self, metric: &str, targets: &Y) {
        let targets = targets.numbers();
        let (rows, width) = (self.len(), self.width());
        assert!(
            targets.shape().first() == Some(&rows) && targets.len() == rows * width,
            "{metric}: targets of shape {:?} do not fit {rows} examples of {width} elements",
            targets.shape()
        );
        if let Some(at) = targets.data().iter().position(|y| !y.is_finite()) {
            panic!("{metric}: target {at} (from 0) is {}; drop it or fill the gap", targets.data()[at].to_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::engine::Tensor;
    use crate::{Gaussian, Outputs};

    fn predicted<const N: usize>(shape: [usize; 3], outputs: [f64; N], sd: f64) -> Mixture<Gaussian> {
        Mixture::new(Gaussian::new(sd), &Outputs::new(Tensor::new(shape, outputs)))
    }

    fn targets<const N: usize>(shape: [usize; 2], of: [f64; N]) -> Tensor<f64> {
        Tensor::new(shape, of)
    }

    #[test]
    fn one_draw_is_a_normal() {
        let predicted = predicted([1, 2, 1], [1.0, -2.0], 2.0);
        // Φ⁻¹(0.975) and the density at one standard deviation.
        let (low, high) = predicted.interval(0.95);
        assert!((high[0] - (1.0 + 2.0 * 1.959_963_984_540_054)).abs() < 1e-12, "{high:?}");
        assert!((low[1] - (-2.0 - 2.0 * 1.959_963_984_540_054)).abs() < 1e-12, "{low:?}");
        let expected = 2f64.ln() + 0.5 * TAU.ln() + 0.5;
        assert!((predicted.nll(&targets([2, 1], [3.0, 0.0])) - expected).abs() < 1e-14);
        assert_eq!(predicted.rmse(&targets([2, 1], [3.0, 0.0])), 2.0);
        assert_eq!(predicted.mae(&targets([2, 1], [3.0, -3.0])), 1.5);
    }

    #[test]
    fn the_elements_of_an_example_share_a_draw() {
        // Both elements near draw 0, or both near draw 1; one near each is unlikely.
        let predicted = predicted([2, 1, 2], [0.0, 0.0, 9.0, 9.0], 1.0);
        let together = TAU.ln() + 2f64.ln();
        assert!((predicted.nll(&targets([1, 2], [0.0, 0.0])) - together).abs() < 1e-12);
        assert!((predicted.nll(&targets([1, 2], [0.0, 9.0])) - (TAU.ln() + 40.5)).abs() < 1e-12);
    }

    #[test]
    fn a_mixture_s_quantiles_have_their_probability() {
        let predicted = predicted([3, 1, 1], [-3.0, 5.0, 0.5], 0.7);
        for probability in [1e-9, 0.1, 0.5, 0.77, 1.0 - 1e-9] {
            let quantile = predicted.quantile(probability)[0];
            assert!((predicted.below(0, quantile) - probability).abs() < 1e-12);
        }
    }

    #[test]
    fn coverage_is_the_share_of_targets_within_the_interval() {
        let predicted = predicted([1, 4, 1], [0.0; 4], 1.0);
        assert_eq!(predicted.coverage(&targets([4, 1], [0.0, 1.9, -1.9, 2.0]), 0.95), 0.75);
    }

    #[test]
    fn a_target_of_zero_density_under_all_draws_has_infinite_nll() {
        assert_eq!(predicted([1, 1, 1], [0.0], 1e-153).nll(&targets([1, 1], [1e10])), f64::INFINITY);
    }

    #[test]
    #[should_panic(expected = "coverage: target 1 (from 0) is NaN")]
    fn a_nan_target_is_refused() {
        predicted([1, 2, 1], [0.0; 2], 1.0).coverage(&targets([2, 1], [0.0, f64::NAN]), 0.5);
    }

    #[test]
    #[should_panic(expected = "rmse: targets of shape [3, 1] do not fit 2 examples of 1 elements")]
    fn an_extra_target_is_refused() {
        predicted([1, 2, 1], [0.0; 2], 1.0).rmse(&targets([3, 1], [0.0; 3]));
    }
}
