//! `ExpectedCategorical`: classification on logits that are a mean and a variance, without sampling in training.

use crate::engine::random::normals;
use crate::engine::{CrossEntropy, Key, Real, Reduction, Tensor, Var};
use crate::likelihood::categorical::check_labels;
use crate::likelihood::{Likelihood, probabilities};
use crate::metrics::Probabilities;
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::predictive::{Outputs, Predictive};

/// Values of logits that are expanded at a time.
const AT_ONCE: usize = 1 << 20;

/// A lower bound of the expectation of ln softmax(f) over independent normal logits f with means m and variances v, as a
/// [`LastLayer`](crate::nn::LastLayer) gives them: m_y − ln Σ e^(m + v/2), by Jensen's inequality (Harrison, Willes and Snoek
/// 2024, without additional noise of the logits). The bound of [`Elbo`](crate::Elbo) stays a lower bound.
///
/// For C classes an example has C means, then C variances. Predictions average the softmax over draws of the logits, by
/// noise that is the same for all rows and at each call.
///
/// For a [`GenerativeLastLayer`](crate::nn::GenerativeLastLayer), whose logits are ln p(c, φ) of features φ, take
/// [`generative`](ExpectedCategorical::generative): the bound is the same, and m + v/2 = ln E p(c, φ) gives predictions
/// and the density of the features in closed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExpectedCategorical {
    /// Draws of the logits in predictions; `None` for a generative model, which needs none.
    draws: Option<usize>,
}

impl Default for ExpectedCategorical {
    fn default() -> Self {
        ExpectedCategorical { draws: Some(128) }
    }
}

impl ExpectedCategorical {
    /// With 128 draws of the logits in predictions.
    pub fn new() -> Self {
        ExpectedCategorical::default()
    }

    /// Sets the number of draws of the logits in predictions, for each draw of the model's other weights. They are antithetic
    /// pairs.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        assert!(draws > 0, "ExpectedCategorical: at least one draw of the logits is needed, got 0");
        ExpectedCategorical { draws: Some(draws) }
    }

    /// For the outputs of a [`GenerativeLastLayer`](crate::nn::GenerativeLastLayer): predictions are those of Bayes'
    /// rule with the posterior's expectation of each class's density, p(c | φ) ∝ E p(c, φ) = e^(m + v/2).
    pub fn generative() -> Self {
        ExpectedCategorical { draws: None }
    }

    /// ln p(φ) = ln Σ_c E p(c, φ), the log density of each row's features under the posterior, in nats for F features
    /// (so that it has their unit to the power −F): small for rows that are unlike all classes. It takes the outputs of
    /// a [`GenerativeLastLayer`](crate::nn::GenerativeLastLayer), and averages the density over their draws. Negated,
    /// it is a score of unknown data for [`auroc`](crate::metrics::auroc).
    ///
    /// # Panics
    /// If this is not [`generative`](ExpectedCategorical::generative), or the shape of the outputs does not fit.
    #[track_caller]
    pub fn log_density<T: Real>(&self, outputs: &Outputs<T>) -> Vec<f64> {
        assert!(
            self.draws.is_none(),
            "ExpectedCategorical::log_density: these logits have no density of features; take \
             `ExpectedCategorical::generative()` with a `GenerativeLastLayer`"
        );
        let (logits, rows) = (marginal_logits(outputs), outputs.rows());
        let classes = logits.axes()[0];
        let of_row = |row: usize| {
            let of_draws = (0..outputs.draws()).map(|draw| {
                let logits = &logits.tensor().data()[(draw * rows + row) * classes..][..classes];
                // The mean of C densities, times C.
                log_mean_exp(logits.iter().copied()) + (classes as f64).ln()
            });
            log_mean_exp(of_draws)
        };
        (0..rows).map(of_row).collect()
    }
}

/// The number of classes of an example's output.
fn classes(output: &[usize]) -> Result<usize, String> {
    match *output {
        [last] if last >= 4 && last % 2 == 0 => Ok(last / 2),
        _ => Err(format!(
            "the model's output for one example has shape {output:?}; ExpectedCategorical needs a mean, then a variance for each \
             of at least two classes: (2 classes)"
        )),
    }
}

/// m + v/2, the logits of the expected densities of a generative model: (draws, rows, classes).
#[track_caller]
fn marginal_logits<T: Real>(outputs: &Outputs<T>) -> Outputs<f64> {
    let classes = match classes(outputs.axes()) {
        Ok(classes) => classes,
        Err(mistake) => panic!("{mistake}"),
    };
    let rows = outputs.tensor().data().chunks_exact(2 * classes);
    let logits: Vec<f64> =
        rows.flat_map(|row| (0..classes).map(|c| row[c].to_f64() + 0.5 * row[classes + c].to_f64())).collect();
    Outputs::new(Tensor::new([outputs.draws(), outputs.rows(), classes], logits))
}

impl<T: Real> Likelihood<T> for ExpectedCategorical {
    type Targets = Vec<usize>;
    type Predictive = Probabilities;

    /// The bound of the expectation.
    ///
    /// # Panics
    /// If the shapes do not fit, or a label is out of range.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Vec<usize>) -> Var<'t, T> {
        let classes = match classes(output.shape().get(1..).unwrap_or_default()) {
            Ok(classes) => classes,
            Err(mistake) => panic!("{mistake}"),
        };
        let [mean, variance] = output.split(-1, [classes; 2]);
        let half = variance * 0.5;
        // The logit m + v/2 of the label enters its softmax, and only m its numerator.
        let bound = (mean + half).cross_entropy_with(targets, CrossEntropy::new().reduction(Reduction::Each));
        let of_label = (half * output.tape().one_hot(targets, classes)).sum_axes(&[-1], false);
        -(bound + of_label)
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Probabilities {
        let Some(samples) = self.draws else {
            return probabilities(&marginal_logits(outputs));
        };
        let classes = match classes(outputs.axes()) {
            Ok(classes) => classes,
            Err(mistake) => panic!("{mistake}"),
        };
        let (draws, rows) = (outputs.draws(), outputs.rows());
        let at_once = (AT_ONCE / (draws * samples * classes)).max(1);
        // The same for all rows, so that a row's prediction does not depend on the others.
        let noise: Vec<Vec<f64>> = (0..samples.div_ceil(2))
            .map(|pair| {
                let mut noise = vec![0.0; classes];
                normals(Key::new(0).at("logits").draw(pair), 0, &mut noise);
                noise
            })
            .collect();
        let parts = (0..rows).step_by(at_once).map(|from| {
            let range = from..rows.min(from + at_once);
            let mut logits = Vec::with_capacity(draws * samples * range.len() * classes);
            for draw in 0..draws {
                for sample in 0..samples {
                    let (noise, sign) = (&noise[sample / 2], if sample % 2 == 0 { 1.0 } else { -1.0 });
                    for row in range.clone() {
                        let of_row = &outputs.tensor().data()[(draw * rows + row) * 2 * classes..][..2 * classes];
                        logits.extend(noise.iter().enumerate().map(|(class, noise)| {
                            let [mean, variance] = [of_row[class], of_row[classes + class]].map(Real::to_f64);
                            mean + sign * variance.sqrt() * noise
                        }));
                    }
                }
            }
            let shape = [draws * samples, range.len(), classes];
            probabilities(&Outputs::<f64>::new(Tensor::new(shape, logits)))
        });
        Probabilities::join(parts.collect())
    }

    fn takes_moments(&self) -> bool {
        true
    }

    fn check(&self, output: &[usize], targets: &Vec<usize>) -> Result<(), String> {
        check_labels(targets, 1, classes(output)?, None)
    }
}
