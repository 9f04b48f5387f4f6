//! `FeatureDensity`: the density of a network's features, by which unknown data are detected.

use std::collections::BTreeSet;
use std::f64::consts::TAU;

use super::CalibrationError;
use crate::engine::kernels::cholesky::{cholesky, scratch};
use crate::engine::{Real, Tensor};
use crate::metrics::log_mean_exp::log_mean_exp;

/// What is added to each variance, as a share of the mean variance within classes: features may be constant.
const JITTER: f64 = 1e-6;

/// The density of features as a mixture of a normal distribution for each class, with its frequency, mean and full covariance
/// (Gaussian discriminant analysis): data of low density are unknown (Lee et al. 2018, "A Simple Unified Framework for Detecting
/// Out-of-Distribution Samples and Adversarial Attacks"; Mukhoti et al. 2023, "Deep Deterministic Uncertainty"). Features are usually
/// the last hidden layer's values; the density is fitted to those of the training examples.
///
/// A million or so covariance elements are practical: D² numbers for each class, and D³ operations.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::calibration::FeatureDensity;
/// use elbo::metrics::Detection;
///
/// # let x = Tensor::from_fn([80, 2], |i| (i as f64 * 0.7).sin());
/// # let far = Tensor::from_fn([10, 2], |i| 8.0 + i as f64);
/// # let labels: Vec<usize> = x.data().chunks(2).map(|x| usize::from(x[0] > 0.1)).collect();
/// # let body = Dense::new(2, 4);
/// let features = |x: &Tensor| {
///     let tape = Tape::inference();
///     body.mean(&tape).forward(tape.input(x)).relu().to_tensor()
/// };
/// let density = FeatureDensity::fit(&features(&x), &labels)?;
/// let unlikely = |x: &Tensor| density.log_density(&features(x)).iter().map(|nats| -nats).collect::<Vec<f64>>();
/// let found = Detection::new(&unlikely(&far), &unlikely(&x));
/// # assert!(found.auroc > 0.9);
/// # Ok::<(), elbo::calibration::CalibrationError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureDensity {
    classes: Vec<Class>,
    width: usize,
}

/// The features of one class.
#[derive(Clone, Debug, PartialEq)]
struct Class {
    mean: Vec<f64>,
    /// The covariance's Cholesky factor, (D, D).
    factor: Vec<f64>,
    /// ln of the class's frequency over √det(2π covariance).
    normaliser: f64,
}

impl FeatureDensity {
    /// Fits the density to features (N, D) and their labels. Covariances are divided by the number of a class's examples; classes
    /// without examples have no part.
    ///
    /// # Errors
    /// [`CalibrationError`]: there are no examples or not one label for each, a feature is not finite, or a class has a single
    /// example.
    ///
    /// # Panics
    /// If features are not of shape (N, D).
    #[track_caller]
    pub fn fit<T: Real>(features: &Tensor<T>, labels: &[usize]) -> Result<Self, CalibrationError> {
        let (rows, width) = shape_of("FeatureDensity::fit", features);
        // Those that occur, so that a label of any size costs nothing.
        let classes: BTreeSet<usize> = labels.iter().copied().collect();
        super::check_labels(labels, rows, usize::MAX)?;
        if let Some(at) = features.data().iter().position(|x| !x.is_finite()) {
            let value = features.data()[at].to_f64();
            return Err(CalibrationError::NotFinite { what: "a feature", row: at / width.max(1), value });
        }
        let of_class = |class: usize| {
            let own = features.data().chunks_exact(width).zip(labels).filter(move |(_, label)| **label == class);
            own.map(|(row, _)| row)
        };
        let mut moments = Vec::new();
        for class in classes {
            let n = of_class(class).count();
            if n == 1 {
                let mistake = format!("FeatureDensity: class {class} has one example, which has no covariance");
                return Err(CalibrationError::Options(mistake));
            }
            if n > 1 {
                moments.push((n as f64, of_class(class).map(<[T]>::to_vec).collect::<Vec<_>>()));
            }
        }
        let mut within = 0.0;
        let fitted: Vec<(f64, Vec<f64>, Vec<f64>)> = moments
            .into_iter()
            .map(|(n, rows)| {
                let mean: Vec<f64> =
                    (0..width).map(|i| rows.iter().map(|row| row[i].to_f64()).sum::<f64>() / n).collect();
                let mut covariance = vec![0.0; width * width];
                for row in &rows {
                    let away: Vec<f64> = row.iter().zip(&mean).map(|(x, mean)| x.to_f64() - mean).collect();
                    for i in 0..width {
                        for j in 0..=i {
                            covariance[i * width + j] += away[i] * away[j] / n;
                        }
                    }
                }
                for i in 0..width {
                    for j in i + 1..width {
                        covariance[i * width + j] = covariance[j * width + i];
                    }
                }
                within += n * (0..width).map(|i| covariance[i * width + i]).sum::<f64>();
                (n, mean, covariance)
            })
            .collect();
        let jitter = JITTER * within / (rows * width) as f64;
        let class = |(n, mean, covariance): (f64, Vec<f64>, Vec<f64>)| {
            let mut factor = vec![0.0; width * width];
            let wrong = cholesky(&covariance, width, jitter, &mut factor, &mut vec![0.0; scratch(width)]);
            if wrong.is_err() {
                let mistake =
                    "FeatureDensity: all features of a class are constant, so they have no density".to_owned();
                return Err(CalibrationError::Options(mistake));
            }
            let half_log_det: f64 = (0..width).map(|i| factor[i * width + i].ln()).sum();
            let normaliser = (n / rows as f64).ln() - half_log_det - 0.5 * width as f64 * TAU.ln();
            Ok(Class { mean, factor, normaliser })
        };
        Ok(FeatureDensity { classes: fitted.into_iter().map(class).collect::<Result<_, _>>()?, width })
    }

    /// ln of the density of each row of features (N, D), in nats.
    ///
    /// # Panics
    /// If features have another width than those of the fit.
    #[track_caller]
    pub fn log_density<T: Real>(&self, features: &Tensor<T>) -> Vec<f64> {
        let (_, width) = shape_of("FeatureDensity::log_density", features);
        assert!(width == self.width, "FeatureDensity::log_density: {width} features for a density of {}", self.width);
        let mut z = vec![0.0; width];
        let rows = features.data().chunks_exact(width).map(|row| {
            let terms: Vec<f64> = self.classes.iter().map(|class| class.log_joint(row, &mut z)).collect();
            log_mean_exp(terms.iter().copied()) + (terms.len() as f64).ln()
        });
        rows.collect()
    }
}

impl Class {
    /// ln p(features, class), with `z` as working memory.
    fn log_joint<T: Real>(&self, row: &[T], z: &mut [f64]) -> f64 {
        let width = row.len();
        for i in 0..width {
            let of_row = &self.factor[i * width..][..width];
            let known: f64 = of_row[..i].iter().zip(&*z).map(|(l, z)| l * z).sum();
            z[i] = (row[i].to_f64() - self.mean[i] - known) / of_row[i];
        }
        self.normaliser - 0.5 * z.iter().map(|z| z * z).sum::<f64>()
    }
}

/// The rows and the width of features.
#[track_caller]
fn shape_of<T: Real>(what: &str, features: &Tensor<T>) -> (usize, usize) {
    match *features.shape() {
        [rows, width] if width > 0 => (rows, width),
        ref shape => panic!("{what}: features have shape {shape:?}; expected (examples, features)"),
    }
}
