//! The two Bayesian networks of posteriordb, `mnist_100-nn_rbm1bJ10` and `mnist-nn_rbm1bJ100`: model, data, and log-density.
//!
//! The model is that of Lampinen and Vehtari 2001 ("Bayesian approach for neural networks: review and case studies"): a hidden layer
//! of tanh units; the logit of the first class is 1, and the others are learned.

mod quantities;

use std::path::Path;

pub use quantities::{Quantity, quantities};

use elbo::data::idx;
use elbo::engine::{Gradients, Key, Tape};
use elbo::prelude::*;
use elbo::{HierarchicalNormal, InverseGammaVariance, Prior, Weights};

use crate::Failure;
use crate::mnist::CLASSES;

/// ν of both scaled inverse χ² priors.
const NU: f64 = 0.5;

/// The prior of a standard deviation σ under which σ² is scaled inverse χ² with ν = ½ degrees of freedom and the scale
/// (0.05/n^(1/ν))², for a layer with n inputs.
#[derive(Clone, Copy, Debug)]
pub struct LayerSd {
    variance: InverseGammaVariance,
}

impl LayerSd {
    /// For a layer with this many inputs.
    pub fn new(inputs: usize) -> Self {
        let scale = 0.05 / (inputs as f64).powf(1.0 / NU);
        LayerSd { variance: InverseGammaVariance::new(NU / 2.0, NU * scale * scale / 2.0) }
    }
}

impl Prior for LayerSd {
    /// p(σ) = p(ln σ)/σ.
    fn log_density<'t, T: Real>(&self, sd: Var<'t, T>) -> Var<'t, T> {
        let ln_sd = sd.ln();
        self.variance.log_density(ln_sd) - ln_sd.sum()
    }

    fn description(&self) -> String {
        format!("LayerSd({})", self.variance.description())
    }
}

/// N(0, σ²) with a random σ.
type Layer = HierarchicalNormal<LogNormal<f64>, MonteCarlo<LayerSd>>;

/// The network, with posteriordb's names. The flat order of its weights is that of Stan, whose matrices are transposed.
#[bayesian]
pub struct Network {
    /// σ of the weights of the hidden layer.
    pub sigma_alpha: Layer,
    /// σ of the weights of the last layer.
    pub sigma_beta: Layer,
    /// (hidden units, pixels).
    #[prior(self.sigma_alpha)]
    pub alpha: MeanField<f64>,
    /// (classes − 1, hidden units).
    #[prior(self.sigma_beta)]
    pub beta: MeanField<f64>,
    /// The biases of the hidden units.
    #[prior(Normal(0.0, 1.0))]
    pub alpha1: MeanField<f64>,
    /// The biases of all classes but the first.
    #[prior(Normal(0.0, 1.0))]
    pub beta1: MeanField<f64>,
}

impl Network {
    /// A network with these numbers of inputs and hidden units.
    pub fn new(inputs: usize, hidden: usize) -> Self {
        let sigma = |inputs| HierarchicalNormal::new(LogNormal::new([1]), MonteCarlo(LayerSd::new(inputs)));
        Network {
            sigma_alpha: sigma(inputs),
            sigma_beta: sigma(hidden),
            alpha: MeanField::new([hidden, inputs]),
            beta: MeanField::new([CLASSES - 1, hidden]),
            alpha1: MeanField::new([hidden]),
            beta1: MeanField::new([CLASSES - 1]),
        }
    }

    /// Weights to start a chain from: ln σ_alpha ~ N(−6.5, 0.5²) and ln σ_beta ~ N(0, 0.5²), so that inputs up to 255 neither
    /// saturate the units nor leave them unused, and the rest from the prior given these.
    pub fn start(&self, seed: u64, chain: usize) -> Weights<f64> {
        let key = |index: usize| Key::new(seed).index(chain).index(index);
        let normal = |sd: f64, count: usize, index: usize| {
            Normal::new(0.0, sd).sample(&[count], key(index)).expect("a normal prior has samples")
        };
        let ln_sd = normal(0.5, 2, 0);
        let sd = [(ln_sd[0] - 6.5).exp(), ln_sd[1].exp()];
        let mut weights = self.mean_weights();
        let scales = [("alpha", sd[0]), ("beta", sd[1]), ("alpha1", 1.0), ("beta1", 1.0)];
        for (index, (name, scale)) in (1..).zip(scales) {
            let to = weights.get_mut(name).expect("the network has this weight");
            let values = normal(scale, to.len(), index);
            to.copy_from_slice(&values);
        }
        for (name, value) in ["sigma_alpha", "sigma_beta"].into_iter().zip(sd) {
            weights.get_mut(name).expect("the network has this weight")[0] = value;
        }
        weights
    }
}

#[bayesian]
impl Network {
    /// The logits, (examples, classes).
    pub fn forward(&self, x: Var<f64>) -> Var<f64> {
        let hidden = x.affine(*self.alpha, *self.alpha1).tanh();
        let others = hidden.affine(*self.beta, *self.beta1);
        let first = others.tape().constant([others.shape()[0], 1], |_| 1.0);
        Var::concat(&[first, others], 1)
    }
}

/// ln p(labels, u) in nats for the unconstrained numbers u of the weights, with ln σ for σ, all constants, and its gradient in
/// the flat order of the weights. Weights may be constrained or not.
///
/// # Panics
/// If the weights are not those of the network, or the data do not fit it.
pub fn log_density(network: &Network, data: &Examples<f64>, weights: &Weights<f64>) -> (f64, Vec<f64>) {
    let weights = weights.unconstrained().expect("standard deviations are positive");
    let tape = Tape::new();
    let mut gradients = Gradients::of(&weights);
    let net = network.at(&tape, &weights);
    let nll = Categorical.nll(net.forward(tape.input(data.inputs())), data.targets());
    let rows = data.len() as f64;
    let densities = [net.log_prior().var(), net.log_jacobian()].into_iter().flatten();
    let terms: Vec<_> = std::iter::once((nll.var(), -rows)).chain(densities.map(|term| (term, 1.0))).collect();
    tape.backward(&terms, &mut gradients);
    let value = terms.iter().map(|(term, factor)| factor * Var::item(*term)).sum();
    (value, gradients.iter().flat_map(|(.., slopes)| slopes.iter().copied()).collect())
}

/// The first `rows` images of a part of MNIST, `train` or `t10k`, with pixels from 0 to 255 and labels from 0 to 9. In posteriordb
/// (`mnist_100`) pixels are the same and labels are from 1 to 10; its standardisation covers ten pixels, which are 0 in all images.
///
/// # Errors
/// If a file is missing or damaged, or has fewer images.
pub fn images(data: &Path, part: &str, rows: usize) -> Result<Examples<f64>, Failure> {
    let all: Examples<f64> = idx::load(data.join("mnist"), part, CLASSES)?.examples(1.0)?;
    match all.len() {
        known if rows > known => Err(Failure::Input(format!("{part}: there are {known} images, not {rows}"))),
        _ => Ok(all.rows(0..rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> (Network, Examples<f64>) {
        let x = Tensor::from_fn([12, 6], |i| 100.0 * ((i * i) as f64 * 0.37).sin());
        (Network::new(6, 3), Examples::new(x, (0..12).map(|i| i % CLASSES).collect()).unwrap())
    }

    #[test]
    fn the_gradient_is_that_of_central_differences() {
        let (network, data) = small();
        let at = network.start(1, 0).unconstrained().unwrap();
        let (_, gradient) = log_density(&network, &data, &at);
        let flat = at.flat();
        assert_eq!(gradient.len(), flat.len());
        for (element, slope) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let (mut weights, mut flat) = (at.clone(), flat.clone());
                flat[element] += by;
                weights.set_flat(&flat).unwrap();
                log_density(&network, &data, &weights).0
            };
            // Weights of the hidden layer have a standard deviation of about e^(−6.5).
            let step = 1e-7;
            let found = (moved(step) - moved(-step)) / (2.0 * step);
            assert!((found - slope).abs() < 1e-4 * slope.abs().max(10.0), "{element}: {found}, not {slope}");
        }
    }

    #[test]
    fn the_quantities_do_not_depend_on_the_order_and_the_signs_of_hidden_units() {
        let (network, data) = small();
        let first = network.start(2, 0);
        let mut second = first.clone();
        // Units 0 and 2 change places, and change their signs.
        let [alpha, beta, alpha1] = ["alpha", "beta", "alpha1"].map(|name| first.get(name).unwrap());
        for (to, from) in [(0, 2), (2, 0)] {
            for i in 0..6 {
                second.get_mut("alpha").unwrap()[6 * to + i] = -alpha[6 * from + i];
            }
            for class in 0..CLASSES - 1 {
                second.get_mut("beta").unwrap()[3 * class + to] = -beta[3 * class + from];
            }
            second.get_mut("alpha1").unwrap()[to] = -alpha1[from];
        }
        assert_ne!(first, second);
        let of = |weights: Weights<f64>| quantities(&network, [&data, &data], &vec![weights; 4], 4);
        for (one, other) in of(first).iter().flatten().zip(of(second).iter().flatten()) {
            assert_eq!(one.name, other.name);
            assert!((one.mean - other.mean).abs() < 1e-9 * one.mean.abs().max(1.0), "{}", one.name);
        }
    }

    #[test]
    fn the_prior_of_a_standard_deviation_is_a_density() {
        // ∫ p(σ) dσ over ln σ, by the midpoint rule: the upper tail falls as σ^(−½).
        let prior = LayerSd::new(1);
        let (from, to, steps) = (-6.0, 40.0, 4600);
        let width = (to - from) / f64::from(steps);
        let mass: f64 = (0..steps)
            .map(|step| {
                let sd = (from + (f64::from(step) + 0.5) * width).exp();
                let tape = Tape::new();
                (Var::item(prior.log_density(tape.constant([1], |_| sd))) + sd.ln()).exp() * width
            })
            .sum();
        assert!((mass - 1.0).abs() < 1e-6, "{mass}");
    }
}
