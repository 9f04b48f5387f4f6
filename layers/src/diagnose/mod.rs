//! [`diagnose`]: does the likelihood or the prior move each parameter? Gradient ratios, effective weights, advice.
//!
//! A divergence a thousand times the likelihood term says little about training: parameters move by gradients, not
//! values. So both terms are compared by their gradients, for each parameter, separately for means and scales.
//!
//! ```
//! use elbo::diagnose::diagnose;
//! use elbo::prelude::*;
//!
//! # let x: Tensor = Tensor::from_fn([40, 2], |i| (0.7 * i as f64).sin());
//! # let y = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
//! # let data = Examples::new(x, y)?;
//! let model = Dense::new(2, 2);
//! let diagnosis = diagnose(&model, &data, &Categorical);
//! println!("{diagnosis}");
//! assert_eq!(diagnosis.parameters.len(), 2); // the weight and the bias
//! let picture = diagnosis.svg();
//! # assert!(picture.starts_with("<svg"));
//! # Ok::<(), elbo::data::DataError>(())
//! ```

mod findings;
#[cfg(feature = "json")]
mod json;
mod measure;
mod svg;
mod table;
mod term_gradients;
mod weight_statistics;

pub use term_gradients::{DominantTerm, TermGradients};

use crate::data::Examples;
use crate::engine::{Key, Real};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::Model;
use crate::sampling::check_draws;

/// A weight has fallen back to its prior (posterior collapse) if its divergence is less than this many nats. For a
/// normal weight under a normal prior, that is a standard deviation of 0.79 times the prior's, or a mean a third of it
/// away.
pub const FALLEN_BACK: f64 = 0.05;

/// Diagnoses `model` on `data` with 8 draws of the weights. [`Diagnose`] has more options.
#[track_caller]
pub fn diagnose<T, M, L>(model: &M, data: &Examples<T, L::Targets>, likelihood: &L) -> Diagnosis
where
    T: Real,
    M: Model + Bayesian<Scalar = T>,
    L: Likelihood<T>,
{
    Diagnose::new().run(model, data, likelihood)
}

/// The options of a diagnosis.
///
/// Each draw of the weights is used for all of the data, a batch at a time, so that full-batch gradients are compared:
/// of the mean NLL and of KL/N, each averaged over the draws.
#[derive(Clone, Copy, Debug)]
pub struct Diagnose {
    examples: Option<usize>,
    draws: usize,
    batch_size: usize,
    key: Key,
}

impl Default for Diagnose {
    fn default() -> Self {
        Diagnose::new()
    }
}

impl Diagnose {
    /// The defaults: 8 draws, batches of 128, seed 0, and N the number of examples given.
    pub fn new() -> Self {
        Diagnose { examples: None, draws: 8, batch_size: 128, key: Key::new(0).at("diagnose") }
    }

    /// Sets N, the number of training examples, if the data are only a part of them.
    ///
    /// # Panics
    /// If it is 0; [`run`](Self::run) panics if it is less than the number of examples given.
    #[track_caller]
    pub fn examples(self, n: usize) -> Self {
        assert!(n > 0, "Diagnose: N, the number of training examples, must be positive");
        Diagnose { examples: Some(n), ..self }
    }

    /// Sets the number of draws of the weights.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("Diagnose", draws);
        Diagnose { draws, ..self }
    }

    /// Sets the number of examples on the tape at a time.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch_size(self, examples: usize) -> Self {
        assert!(examples > 0, "Diagnose: a batch must have at least one example, got 0");
        Diagnose { batch_size: examples, ..self }
    }

    /// Sets the seed of the draws.
    pub fn seed(self, seed: u64) -> Self {
        Diagnose { key: Key::new(seed).at("diagnose"), ..self }
    }

    /// Runs the diagnosis.
    ///
    /// # Panics
    /// If N is less than the number of examples, or the targets are impossible under the likelihood.
    #[track_caller]
    pub fn run<T, M, L>(&self, model: &M, data: &Examples<T, L::Targets>, likelihood: &L) -> Diagnosis
    where
        T: Real,
        M: Model + Bayesian<Scalar = T>,
        L: Likelihood<T>,
    {
        let n = self.examples.unwrap_or(data.len());
        assert!(
            n >= data.len(),
            "Diagnose: {} examples of N = {n}; N is the number of training examples, so it must be at least that",
            data.len()
        );
        measure::measure(self, n, model, data, likelihood)
    }
}

/// The result of a diagnosis. `Display` prints a table and the findings.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// N, the number of training examples.
    pub examples: usize,
    /// The number of draws of the weights that the figures are averaged over.
    pub draws: usize,
    /// The mean negative log-likelihood of the data, in nats per example.
    pub nll: f64,
    /// Each parameter, in the order of the model's walk.
    pub parameters: Vec<Parameter>,
    /// All parameters together.
    pub total: Parameter,
}

/// The figures of one weight, of one learned deterministic parameter, or of all together.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name, such as `hidden.0.weight`.
    pub name: String,
    /// The number of elements; in the total, only of those with a prior.
    pub weights: usize,
    /// The divergence in nats; 0 without a prior.
    pub kl: f64,
    /// The term gradients with respect to means and deterministic parameters.
    pub means: Option<TermGradients>,
    /// The term gradients with respect to scales, as parameterised: ρ with σ = softplus(ρ).
    pub scales: Option<TermGradients>,
    /// The signal-to-noise ratio: the median of |μ|/σ over the random weights. If the family's variances have no simple
    /// form, σ is estimated from the draws.
    pub signal_to_noise: Option<f64>,
    /// The effective number of random weights: γ = −Σ σ ∂KL/∂σ, the rate (in nats) at which the divergence falls with
    /// the logarithm of all standard deviations. Under N(m, s²) that is Σ (1 − σ²/s²), the k − α Tr A⁻¹ of MacKay 1992
    /// ("Bayesian Interpolation", section 4.3): a weight whose posterior is as wide as its prior counts 0, one
    /// determined by the data counts 1. For a model that has not converged it describes the current posterior, not the
    /// optimal one.
    pub effective: Option<f64>,
    /// The share of random weights that have fallen back to the prior: with a divergence below [`FALLEN_BACK`] nats
    /// from the normal prior that has the same gradients ∂KL/∂μ and ∂KL/∂σ. Under a normal prior that is the prior
    /// itself; under another prior it is its local normal approximation.
    pub fallen_back: Option<f64>,
}

impl Parameter {
    /// KL per weight, in nats.
    pub fn kl_per_weight(&self) -> f64 {
        self.kl / self.weights as f64
    }
}

impl Diagnosis {
    /// The ratio of the two terms in the loss: (KL/N) / NLL.
    pub fn kl_to_nll(&self) -> f64 {
        self.total.kl / self.examples as f64 / self.nll
    }

    /// This parameter's share of the divergence, between 0 and 1.
    pub fn kl_share(&self, parameter: &Parameter) -> f64 {
        parameter.kl / self.total.kl
    }

    /// Findings and advice from the figures, in sentences.
    pub fn findings(&self) -> Vec<String> {
        findings::findings(self)
    }

    /// The figures and findings as JSON; null for numbers that are not finite.
    #[cfg(feature = "json")]
    pub fn json(&self) -> String {
        json::text(self)
    }

    /// A bar chart of the gradient ratio of each parameter, as an SVG document.
    pub fn svg(&self) -> String {
        svg::svg(self)
    }
}
