//! `NumberTargets`: targets as the metrics of predicted numbers take them, with a mask or without.

use crate::data::Observed;
use crate::engine::{Real, Tensor};

/// Targets of predicted numbers, (N, ..): a tensor, or those of a data set of which some are missing,
/// [`Examples::observed`](crate::data::Examples::observed), whose masked targets do not count. Weights are not applied.
///
/// ```
/// # use elbo::prelude::*;
/// # let model = Dense::new(1, 2);
/// let x = Tensor::new([3, 1], [0.0, 1.0, 2.0]);
/// let y = Tensor::new([3, 2], [0.5, f32::NAN, 1.5, 3.0, 2.5, f32::NAN]);
/// let test = Examples::with_missing(x, y)?;
/// let predicted = model.predict(&Gaussian::new(0.5), test.inputs(), Draws(20));
/// println!("RMSE {:.2}, NLL {:.2} nats", predicted.rmse(test.observed()), predicted.nll(test.observed()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait NumberTargets {
    /// The type of the numbers.
    type Scalar: Real;

    /// The targets; a missing one has any finite value.
    fn numbers(&self) -> &Tensor<Self::Scalar>;

    /// 1 where a target was observed and 0 where it is missing, for each element or for each example; `None` if none is
    /// missing.
    fn mask(&self) -> Option<&Tensor<Self::Scalar>>;
}

impl<T: Real> NumberTargets for Tensor<T> {
    type Scalar = T;

    fn numbers(&self) -> &Tensor<T> {
        self
    }

    fn mask(&self) -> Option<&Tensor<T>> {
        None
    }
}

impl<T: Real> NumberTargets for Observed<T, Tensor<T>> {
    type Scalar = T;

    fn numbers(&self) -> &Tensor<T> {
        self.targets()
    }

    fn mask(&self) -> Option<&Tensor<T>> {
        self.mask()
    }
}

/// Targets in double precision.
pub(crate) struct InDouble {
    pub(crate) numbers: Tensor<f64>,
    mask: Option<Tensor<f64>>,
}

impl InDouble {
    pub(crate) fn of<Y: NumberTargets>(targets: &Y) -> InDouble {
        InDouble { numbers: targets.numbers().cast(), mask: targets.mask().map(Tensor::cast) }
    }
}

impl NumberTargets for InDouble {
    type Scalar = f64;

    fn numbers(&self) -> &Tensor<f64> {
        &self.numbers
    }

    fn mask(&self) -> Option<&Tensor<f64>> {
        self.mask.as_ref()
    }
}

/// Whether element i of the targets counts.
pub(crate) fn counted<Y: NumberTargets>(targets: &Y) -> impl Fn(usize) -> bool + Sync {
    let mask = targets.mask().map(|mask| (mask.data(), targets.numbers().len() / mask.len().max(1)));
    move |i| mask.is_none_or(|(mask, repeated)| mask[i / repeated] != Y::Scalar::ZERO)
}

/// The mean of numbers, one for each element of the targets, over those that count.
pub(super) fn mean_of_counted<Y: NumberTargets>(targets: &Y, numbers: impl IntoIterator<Item = f64>) -> f64 {
    let counts = counted(targets);
    let (mut sum, mut count) = (0.0, 0.0);
    for (i, number) in numbers.into_iter().enumerate() {
        if counts(i) {
            sum += number;
            count += 1.0;
        }
    }
    sum / count
}

#[cfg(test)]
mod tests {
    use crate::data::{Examples, Scaling};
    use crate::engine::Tensor;
    use crate::{Gaussian, Outputs};

    #[test]
    fn missing_targets_do_not_count() {
        let x = Tensor::<f64>::zeros([2, 1]);
        let outputs = Outputs::new(Tensor::<f64>::new([2, 2, 2], [0.0, 1.0, 2.0, 3.0, 0.5, 1.5, 2.5, 3.5]));
        let by_element = Examples::with_missing(x.clone(), Tensor::new([2, 2], [1.0, 9.0, f64::NAN, 3.0])).unwrap();
        let by_example =
            Examples::with_mask(x, Tensor::new([2, 2], [1.0, 9.0, 7.0, 3.0]), Tensor::new([2], [1.0, 0.0])).unwrap();
        let predicted = outputs.under(&Gaussian::new(2.0));
        // The means are 0.25, 1.25, 2.25, 3.25.
        let (a, b, c) = (0.75f64, 7.75f64, 0.25f64);
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        close(predicted.rmse(by_element.observed()), ((a * a + b * b + c * c) / 3.0).sqrt());
        close(predicted.mae(by_example.observed()), (a + b) / 2.0);
        close(predicted.coverage(by_element.observed(), 0.9), 2.0 / 3.0);
        // Of whole examples, it is that of the others alone.
        let first = Outputs::new(Tensor::<f64>::new([2, 1, 2], [0.0, 1.0, 0.5, 1.5])).under(&Gaussian::new(2.0));
        close(2.0 * predicted.nll(by_example.observed()), first.nll(&Tensor::<f64>::new([1, 2], [1.0, 9.0])));
        // In another unit, only what counts is scaled.
        let scaling = Scaling::fit(&Tensor::<f64>::new([3, 2], [0.0, 1.0, 4.0, 2.0, 8.0, 3.0]));
        let ln_scale: f64 = scaling.scale().iter().map(|scale| scale.ln()).sum();
        let in_unit = predicted.clone().unscaled(&scaling);
        let scaled = |y: f64, column: usize| (y - scaling.shift()[column]) / scaling.scale()[column];
        let first = first.nll(&Tensor::<f64>::new([1, 2], [scaled(1.0, 0), scaled(9.0, 1)]));
        close(2.0 * in_unit.nll(by_example.observed()), first + ln_scale);
    }
}
