//! The continuous ranked probability score of predictions over posterior draws.

use super::integrated_crps::{of_real, of_whole};
use super::weighted_normals::crps;
use crate::engine::Real;
use crate::metrics::number_targets::mean_of_counted;
use crate::metrics::{Mixture, NumberTargets, Unscaled};
use crate::predictive::Univariate;

impl<L: Univariate> Mixture<L> {
    /// The continuous ranked probability score ∫ (F(x) − 1\[x ≥ y\])² dx (Gneiting and Raftery 2007, eq. 20), averaged over all
    /// elements, in the targets' unit; lower is better. For one draw without noise it is the mean absolute error.
    ///
    /// For normal distributions it has a closed form, with a term for each pair of draws. For others it is integrated, to about
    /// 1e-9 of the prediction's standard deviation; for whole numbers it is summed.
    ///
    /// # Panics
    /// If there is not one finite target for each element.
    #[track_caller]
    pub fn crps<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        self.check("crps", targets);
        mean_of_counted(targets, self.crps_of_each(targets))
    }

    fn crps_of_each<Y: NumberTargets>(&self, targets: &Y) -> Vec<f64> {
        let numbers = targets.numbers().data();
        let weight = 1.0 / self.draws() as f64;
        let are_normal = self.of_draw(0, 0, |outputs| self.likelihood.normal(outputs)).is_some();
        self.each(|i| {
            let y = numbers[i].to_f64();
            if are_normal {
                let normal = |draw| self.of_draw(draw, i, |outputs| self.likelihood.normal(outputs));
                let components = (0..self.draws()).filter_map(normal).map(|[mean, sd]| (weight, mean, sd));
                return crps(components.collect::<Vec<_>>().into_iter(), y);
            }
            let (mean, sd) = self.moments(i);
            let (mean, scale) = if mean.is_finite() && sd.is_finite() && sd > 0.0 {
                (mean, sd)
            } else {
                // Distributions without moments, or all of whose mass is at one point.
                (y, 1.0 + y.abs())
            };
            if L::DISCRETE {
                return of_whole(y, mean, scale, |x| self.below(i, x));
            }
            of_real(y, scale.max((y - mean).abs()), |x| self.below(i, x))
        })
    }
}

impl<L: Univariate> Unscaled<L> {
    /// The continuous ranked probability score in the targets' unit, averaged over all elements: [`Mixture::crps`].
    ///
    /// # Panics
    /// If there is not one finite target for each element.
    #[track_caller]
    pub fn crps<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        let scaled = self.scale_targets("crps", targets);
        let scales = self.scaling().scale().iter().cycle();
        mean_of_counted(
            targets,
            self.scaled().crps_of_each(&scaled).into_iter().zip(scales).map(|(z, scale)| z * scale),
        )
    }
}
