//! What the two terms of the bound do to a model: [`diagnose`] and its [`Diagnosis`].
//!
//! A loss of a thousand for the divergence and of one for the likelihood says little about training. What moves a
//! parameter is its gradient, and the divergence's is small wherever a weight is many of its standard deviations away
//! from nothing. So both terms are measured by their forces, apart for means and for scales, parameter by parameter.
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
//! let (json, picture) = (diagnosis.json(), diagnosis.svg());
//! # assert!(json.starts_with('{') && picture.starts_with("<svg"));
//! # Ok::<(), elbo::data::DataError>(())
//! ```

mod findings;
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
use crate::model::Layer;
use crate::sampling::check_draws;

/// A weight counts as fallen back to its prior if it is less than this many nats away from it: so is a normal weight
/// under a normal prior whose standard deviation is 0.79 of the prior's, or whose mean is a third of it away.
pub const FALLEN_BACK: f64 = 0.05;

/// Diagnoses `model` on `data`, as it stands, with 8 draws of the weights: [`Diagnose`] says more.
#[track_caller]
pub fn diagnose<T, M, L>(model: &M, data: &Examples<T, L::Targets>, likelihood: &L) -> Diagnosis
where
    T: Real,
    M: Layer + Bayesian<Scalar = T>,
    L: Likelihood<T>,
{
    Diagnose::new().run(model, data, likelihood)
}

/// How a model is diagnosed.
///
/// Each draw of the weights is held through all of the data, a batch at a time, so that what is compared are gradients of
/// the full batch: of the mean NLL, and of KL/N, each averaged over the draws.
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
    /// With 8 draws, 128 examples on the tape at a time, seed 0, and N the number of examples given.
    pub fn new() -> Self {
        Diagnose { examples: None, draws: 8, batch_size: 128, key: Key::new(0).at("diagnose") }
    }

    /// With N examples to train on, of which the data are a part.
    ///
    /// # Panics
    /// If there are none; [`run`](Self::run), if they are fewer than are given.
    #[track_caller]
    pub fn examples(self, n: usize) -> Self {
        assert!(n > 0, "Diagnose: N, the number of training examples, must be positive");
        Diagnose { examples: Some(n), ..self }
    }

    /// With so many draws of the weights.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("Diagnose", draws);
        Diagnose { draws, ..self }
    }

    /// With so many examples on the tape at a time.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn batch_size(self, examples: usize) -> Self {
        assert!(examples > 0, "Diagnose: a batch must have at least one example, got 0");
        Diagnose { batch_size: examples, ..self }
    }

    /// With another seed of the draws.
    pub fn seed(self, seed: u64) -> Self {
        Diagnose { key: Key::new(seed).at("diagnose"), ..self }
    }

    /// Measures.
    ///
    /// # Panics
    /// If N was given and is less than the number of examples, or the likelihood cannot explain the data.
    #[track_caller]
    pub fn run<T, M, L>(&self, model: &M, data: &Examples<T, L::Targets>, likelihood: &L) -> Diagnosis
    where
        T: Real,
        M: Layer + Bayesian<Scalar = T>,
        L: Likelihood<T>,
    {
        let n = self.examples.unwrap_or(data.len());
        assert!(
            n >= data.len(),
            "Diagnose: {} examples of N = {n}; N is the number of training examples, of which these are all or a part",
            data.len()
        );
        measure::measure(self, n, model, data, likelihood)
    }
}

/// What the two terms of the bound do to a model. It prints as a table, with what follows from it in words.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// N, the number of training examples.
    pub examples: usize,
    /// How many draws of the weights the figures are means over.
    pub draws: usize,
    /// The mean negative log-likelihood of the data, in nats per example.
    pub nll: f64,
    /// Every parameter, in the order of the model's walk.
    pub parameters: Vec<Parameter>,
    /// All of them together.
    pub total: Parameter,
}

/// One weight of the model, or one learned value that is none, or all together.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The name, such as `hidden.0.weight`.
    pub name: String,
    /// How many numbers are random, or learned and certain; of all together, those that have a prior.
    pub weights: usize,
    /// The divergence in nats; 0 of what has none.
    pub kl: f64,
    /// The forces on means, and on what is learned and certain.
    pub means: Option<TermGradients>,
    /// The forces on scales, in the parameters that they are held in: ρ with σ = softplus(ρ).
    pub scales: Option<TermGradients>,
    /// The signal-to-noise ratio: the median of |μ|/σ over the random weights. Where the variances of a posterior family
    /// have no simple form, σ is that of the draws.
    pub signal_to_noise: Option<f64>,
    /// The effective number of random weights, as the prior sees it: γ = −Σ σ ∂KL/∂σ, by how many nats the divergence
    /// falls while all standard deviations grow by a common factor e, if it went on as it begins. Under N(m, s²) that is
    /// Σ (1 − σ²/s²), the k − α Tr A⁻¹ of MacKay 1992 ("Bayesian Interpolation", section 4.3): a weight whose posterior
    /// is as wide as its prior counts nothing, one that the data have settled counts 1. Of a model that has not
    /// converged it says where the posterior stands, not where the data want it.
    pub effective: Option<f64>,
    /// The share of random weights that have fallen back to the prior: that are less than [`FALLEN_BACK`] nats away from
    /// the normal prior that would exert the forces ∂KL/∂μ and ∂KL/∂σ on them. Under a normal prior that is the prior;
    /// under another it is the normal that looks like it from where the weight is.
    pub fallen_back: Option<f64>,
}

impl Parameter {
    /// KL per weight, in nats.
    pub fn kl_per_weight(&self) -> f64 {
        self.kl / self.weights as f64
    }
}

impl Diagnosis {
    /// How many times the NLL the divergence is in the loss: (KL/N) / NLL.
    pub fn kl_to_nll(&self) -> f64 {
        self.total.kl / self.examples as f64 / self.nll
    }

    /// This parameter's share of the divergence, between 0 and 1.
    pub fn kl_share(&self, parameter: &Parameter) -> f64 {
        parameter.kl / self.total.kl
    }

    /// What follows from the figures, in sentences.
    pub fn findings(&self) -> Vec<String> {
        findings::findings(self)
    }

    /// The figures and the sentences as JSON; null where there is no finite number.
    pub fn json(&self) -> String {
        json::text(self)
    }

    /// The ratio of the two forces for every parameter, as an SVG document.
    pub fn svg(&self) -> String {
        svg::svg(self)
    }
}
