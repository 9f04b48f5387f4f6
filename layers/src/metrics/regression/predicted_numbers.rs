//! `PredictedNumbers`: what conformal prediction needs of a prediction of numbers.

/// A prediction of numbers for some rows: means, standard deviations and intervals, row-major (N, D) with D elements in a
/// target. [`Mixture`](crate::metrics::Mixture) and [`Unscaled`](crate::metrics::Unscaled) are such; implement it for a
/// prediction of your own to make it [conformal](crate::calibration::ConformalIntervals).
pub trait PredictedNumbers {
    /// The number of rows, N.
    fn rows(&self) -> usize;

    /// The number of elements of a target, D.
    fn width(&self) -> usize;

    /// The means, (N, D).
    fn mean(&self) -> Vec<f64>;

    /// The standard deviations, (N, D).
    fn sd(&self) -> Vec<f64>;

    /// The lower and upper bounds of the central intervals of this probability, (N, D) each.
    fn interval(&self, level: f64) -> (Vec<f64>, Vec<f64>);
}
