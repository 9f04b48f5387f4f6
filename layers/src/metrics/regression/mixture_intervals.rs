//! Interval scores, widths and R² of predictions over posterior draws.

use super::intervals::{check_level, score};
use crate::engine::Real;
use crate::metrics::number_targets::{counted, mean_of_counted};
use crate::metrics::{Mixture, NumberTargets, PredictedNumbers, Unscaled, r2};
use crate::predictive::Univariate;

/// The scores that need no more of a prediction than its means and intervals.
macro_rules! scores {
    ($($predicted:ident: $checked:expr;)+) => {$(
        impl<L: Univariate> $predicted<L> {
            /// The coefficient of determination of the means: [`r2`], of each element of a target by itself, averaged over the
            /// elements.
            ///
            /// # Panics
            /// If there is not one finite target for each element.
            #[track_caller]
            pub fn r2<Y: NumberTargets>(&self, targets: &Y) -> f64 {
                $checked(self).check("r2", targets);
                r2_of(&self.mean(), self.width(), targets)
            }

            /// The mean [interval score](crate::metrics::interval_score) of the central prediction intervals of this level, over
            /// all elements, in the targets' unit.
            ///
            /// # Panics
            /// If there is not one finite target for each element, or the level is not between 0 and 1.
            #[track_caller]
            pub fn interval_score<Y: NumberTargets>(&self, targets: &Y, level: f64) -> f64 {
                $checked(self).check("interval_score", targets);
                check_level("interval_score", level);
                let (lower, upper) = self.interval(level);
                let bounds = lower.into_iter().zip(upper).zip(targets.numbers().data());
                mean_of_counted(targets, bounds.map(|((low, high), y)| score([low, high], y.to_f64(), level)))
            }

            /// The mean width of the central prediction intervals of this level, over all elements, in the targets' unit.
            ///
            /// # Panics
            /// If the level is not between 0 and 1.
            #[track_caller]
            pub fn interval_width(&self, level: f64) -> f64 {
                let (lower, upper) = self.interval(level);
                crate::metrics::mean_width(&lower, &upper)
            }
        }

        impl<L: Univariate> PredictedNumbers for $predicted<L> {
            fn rows(&self) -> usize {
                self.len()
            }

            fn width(&self) -> usize {
                $predicted::width(self)
            }

            fn mean(&self) -> Vec<f64> {
                $predicted::mean(self)
            }

            fn sd(&self) -> Vec<f64> {
                $predicted::sd(self)
            }

            #[track_caller]
            fn interval(&self, level: f64) -> (Vec<f64>, Vec<f64>) {
                $predicted::interval(self, level)
            }
        }
    )+};
}

scores! {
    Mixture: std::convert::identity;
    Unscaled: Unscaled::scaled;
}

/// R² of each column, averaged.
fn r2_of<Y: NumberTargets>(mean: &[f64], width: usize, targets: &Y) -> f64 {
    let (counts, numbers) = (counted(targets), targets.numbers().data());
    let columns = (0..width).map(|column| {
        let places = (column..numbers.len()).step_by(width).filter(|&i| counts(i));
        let (predicted, observed): (Vec<f64>, Vec<f64>) = places.map(|i| (mean[i], numbers[i].to_f64())).unzip();
        if observed.is_empty() { f64::NAN } else { r2(&predicted, &observed) }
    });
    columns.sum::<f64>() / width as f64
}
