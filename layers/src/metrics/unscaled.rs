//! `Unscaled`: a prediction of standardised targets, in the unit of the targets before.

use crate::data::Scaling;
use crate::engine::{Key, Real, Tensor};
use crate::metrics::number_targets::{InDouble, mean_of_counted};
use crate::metrics::{Mixture, NumberTargets};
use crate::predictive::Univariate;

/// A predictive distribution in the unit that the targets had before a [`Scaling`]: y = z · scale + shift, where z is what
/// the model predicts. Means and quantiles are mapped, standard deviations multiplied, and densities divided by the scale:
/// the NLL grows by Σ ln scale over the elements of an example.
///
/// Results are row-major (N, D), as those of [`Mixture`].
///
/// ```
/// # use elbo::{Gaussian, Outputs, Tensor};
/// # use elbo::data::Scaling;
/// # use elbo::metrics::Mixture;
/// let prices = Tensor::<f64>::new([4, 1], [100.0, 120.0, 140.0, 160.0]);
/// let scaling = Scaling::fit(&prices);                     // mean 130, sd √500
/// let outputs: Outputs<f64> = Outputs::new(Tensor::new([1, 1, 1], [1.0]));
/// let predicted = Mixture::new(Gaussian::new(0.5), &outputs).unscaled(&scaling);
/// assert_eq!(predicted.mean(), [130.0 + 500f64.sqrt()]);
/// assert_eq!(predicted.sd(), [0.5 * 500f64.sqrt()]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Unscaled<L> {
    mixture: Mixture<L>,
    scaling: Scaling,
}

impl<L: Univariate> Mixture<L> {
    /// The same prediction in the targets' unit before `scaling`, which was fitted on the training targets:
    /// [`Encoder::target_scaling`](crate::data::Encoder::target_scaling), or [`Scaling::fit`].
    ///
    /// # Panics
    /// If `scaling` has another number of columns than a target has elements, or if targets are whole numbers, which have no
    /// scale.
    #[track_caller]
    pub fn unscaled(self, scaling: &Scaling) -> Unscaled<L> {
        assert!(
            scaling.scale().len() == self.width(),
            "Mixture::unscaled: a scaling of {} columns does not fit targets of {} elements",
            scaling.scale().len(),
            self.width()
        );
        assert!(
            !L::DISCRETE,
            "Mixture::unscaled: {} predicts whole numbers, which cannot be scaled; train on raw targets",
            std::any::type_name::<L>()
        );
        Unscaled { mixture: self, scaling: scaling.clone() }
    }
}

impl<L: Univariate> Unscaled<L> {
    /// The number of examples.
    #[expect(clippy::len_without_is_empty, reason = "a prediction of no examples cannot be made")]
    pub fn len(&self) -> usize {
        self.mixture.len()
    }

    /// The number of elements of an example's target.
    pub fn width(&self) -> usize {
        self.mixture.width()
    }

    /// The prediction of scaled targets.
    pub fn scaled(&self) -> &Mixture<L> {
        &self.mixture
    }

    /// The scaling of the targets.
    pub fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    /// The predictive means, (N, D).
    pub fn mean(&self) -> Vec<f64> {
        self.mapped(self.mixture.mean())
    }

    /// The predictive standard deviations, (N, D): aleatoric and epistemic together.
    pub fn sd(&self) -> Vec<f64> {
        self.multiplied(self.mixture.sd())
    }

    /// The aleatoric part of [`sd`](Unscaled::sd), (N, D): [`Mixture::aleatoric_sd`].
    pub fn aleatoric_sd(&self) -> Vec<f64> {
        self.multiplied(self.mixture.aleatoric_sd())
    }

    /// The epistemic part of [`sd`](Unscaled::sd), (N, D): [`Mixture::epistemic_sd`].
    pub fn epistemic_sd(&self) -> Vec<f64> {
        self.multiplied(self.mixture.epistemic_sd())
    }

    /// The mean over draws of the likelihood's entropy in nats, (N, D): [`Mixture::expected_entropy`] plus ln scale.
    pub fn expected_entropy(&self) -> Option<Vec<f64>> {
        let mut entropy = self.mixture.expected_entropy()?;
        entropy.iter_mut().zip(self.scaling.scale().iter().cycle()).for_each(|(nats, scale)| *nats += scale.ln());
        Some(entropy)
    }

    /// The probability that an observation is at most `y`, (N, D).
    pub fn cdf(&self, y: f64) -> Vec<f64> {
        let (shift, scale) = (self.scaling.shift(), self.scaling.scale());
        self.mixture.each(|i| self.mixture.below(i, (y - shift[i % shift.len()]) / scale[i % scale.len()]))
    }

    /// The predictive quantiles, (N, D): [`Mixture::quantile`].
    ///
    /// # Panics
    /// If the probability is not in the open interval (0, 1).
    #[track_caller]
    pub fn quantile(&self, probability: f64) -> Vec<f64> {
        self.mapped(self.mixture.quantile(probability))
    }

    /// The central prediction interval of probability `level`: its lower and upper bounds, (N, D) each.
    ///
    /// # Panics
    /// If the level is not in the open interval (0, 1).
    #[track_caller]
    pub fn interval(&self, level: f64) -> (Vec<f64>, Vec<f64>) {
        let (lower, upper) = self.mixture.interval(level);
        (self.mapped(lower), self.mapped(upper))
    }

    /// `count` samples of the targets, (count, N, D): those of [`Mixture::samples`], mapped.
    ///
    /// # Panics
    /// If `count` is 0.
    #[track_caller]
    pub fn samples(&self, count: usize, key: Key) -> Tensor<f64> {
        let samples = self.mixture.samples(count, key);
        Tensor::new(samples.shape(), self.mapped(samples.data().to_vec()))
    }

    /// The root of the mean squared error of [`mean`](Unscaled::mean), over all elements.
    ///
    /// # Panics
    /// If there is not one finite target for each element. All metrics below panic likewise.
    #[track_caller]
    pub fn rmse<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        self.mixture.check("rmse", targets);
        mean_of_counted(targets, self.errors(targets.numbers()).map(|error| error * error)).sqrt()
    }

    /// The mean absolute error of [`mean`](Unscaled::mean), over all elements.
    #[track_caller]
    pub fn mae<Y: NumberTargets>(&self, targets: &Y) -> f64 {
        self.mixture.check("mae", targets);
        mean_of_counted(targets, self.errors(targets.numbers()).map(f64::abs))
    }

    /// The share of targets within the central [`interval`](Unscaled::interval) of this level.
    #[track_caller]
    pub fn coverage<Y: NumberTargets>(&self, targets: &Y, level: f64) -> f64 {
        self.mixture.coverage(&self.scale_targets("coverage", targets), level)
    }

    /// The targets, scaled in double precision.
    #[track_caller]
    pub(crate) fn scale_targets<Y: NumberTargets>(&self, metric: &str, targets: &Y) -> InDouble {
        self.mixture.check(metric, targets);
        let mut scaled = InDouble::of(targets);
        self.scaling.transform(&mut scaled.numbers);
        scaled
    }

    fn errors<T: Real>(&self, targets: &Tensor<T>) -> impl Iterator<Item = f64> {
        self.mean().into_iter().zip(targets.data()).map(|(mean, y)| mean - y.to_f64())
    }

    fn mapped(&self, mut z: Vec<f64>) -> Vec<f64> {
        for row in z.chunks_exact_mut(self.width()) {
            for ((z, shift), scale) in row.iter_mut().zip(self.scaling.shift()).zip(self.scaling.scale()) {
                *z = *z * scale + shift;
            }
        }
        z
    }

    fn multiplied(&self, mut sds: Vec<f64>) -> Vec<f64> {
        sds.iter_mut().zip(self.scaling.scale().iter().cycle()).for_each(|(sd, scale)| *sd *= scale);
        sds
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Gaussian, Outputs};

    const SHIFT: f64 = 40.0;
    const SCALE: f64 = 12.5;

    /// Three draws of two examples, scaled and in the unit of the targets.
    fn both() -> (Unscaled<Gaussian>, Mixture<Gaussian>) {
        let z = [0.3, -1.0, 0.1, -0.4, 0.5, -0.7];
        let scaling = Scaling::from_parts([SHIFT], [SCALE]).unwrap();
        let of = |sd: f64, outputs: [f64; 6]| {
            Mixture::new(Gaussian::new(sd), &Outputs::<f64>::new(Tensor::new([3, 2, 1], outputs)))
        };
        (of(0.2, z).unscaled(&scaling), of(0.2 * SCALE, z.map(|z| z * SCALE + SHIFT)))
    }

    #[track_caller]
    fn close(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-10 * b.abs().max(1.0)), "{a:?} {b:?}");
    }

    #[test]
    fn everything_is_as_if_predicted_in_the_unit_of_the_targets() {
        let (unscaled, direct) = both();
        close(&unscaled.mean(), &direct.mean());
        close(&unscaled.sd(), &direct.sd());
        close(&unscaled.aleatoric_sd(), &direct.aleatoric_sd());
        close(&unscaled.epistemic_sd(), &direct.epistemic_sd());
        close(&unscaled.expected_entropy().unwrap(), &direct.expected_entropy().unwrap());
        close(&unscaled.cdf(37.0), &direct.cdf(37.0));
        close(&unscaled.quantile(0.3), &direct.quantile(0.3));
        close(&unscaled.interval(0.9).1, &direct.interval(0.9).1);
        close(unscaled.samples(5, Key::new(2)).data(), direct.samples(5, Key::new(2)).data());
        let y = Tensor::<f64>::new([2, 1], [46.0, 20.0]);
        let pairs = [
            (unscaled.rmse(&y), direct.rmse(&y)),
            (unscaled.mae(&y), direct.mae(&y)),
            (unscaled.nll(&y), direct.nll(&y)),
            (unscaled.coverage(&y, 0.9), direct.coverage(&y, 0.9)),
        ];
        pairs.iter().for_each(|(a, b)| close(&[*a], &[*b]));
        close(&unscaled.log_likelihood(&y), &direct.log_likelihood(&y));
    }

    #[test]
    fn each_column_has_its_own_scale() {
        let outputs = Outputs::<f64>::new(Tensor::new([1, 1, 2], [1.0, -1.0]));
        let scaling = Scaling::from_parts([0.0, 100.0], [2.0, 10.0]).unwrap();
        let unscaled = Mixture::new(Gaussian::new(1.0), &outputs).unscaled(&scaling);
        assert_eq!((unscaled.mean(), unscaled.sd()), (vec![2.0, 90.0], vec![2.0, 10.0]));
        // −ln of a product of two densities at their means, 1/(√2π · scale) each.
        let expected = std::f64::consts::TAU.ln() + 20f64.ln();
        assert!((unscaled.nll(&Tensor::<f64>::new([1, 2], [2.0, 90.0])) - expected).abs() < 1e-12);
    }

    #[test]
    #[should_panic(expected = "Mixture::unscaled: a scaling of 2 columns does not fit targets of 1 elements")]
    fn a_scaling_of_other_targets_is_refused() {
        both().1.unscaled(&Scaling::by(2.0, 2));
    }
}
