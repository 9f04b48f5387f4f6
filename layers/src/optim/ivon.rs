//! The IVON optimiser: natural-gradient steps of mean-field normal posteriors.

use crate::distribution::log_scale::{inverse_softplus, softplus};
use crate::engine::{Gradients, Parameters, Path, Real, Role, Tape, Tensor};
use crate::model::{Bayesian, Drawn};
use crate::optim::{Optimizer, OptimizerState, State, check_factor, check_rate};
use crate::scalar::accepted;

/// IVON, the improved variational online Newton method (Shen et al. 2024, "Variational Learning is Effective for Large Deep
/// Networks", algorithm 1, arXiv 2402.17641), for models whose random weights are all [`MeanField`](crate::MeanField) under
/// normal priors:
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::Ivon;
/// # let train = Examples::new(Tensor::from_fn([64, 2], |i| (i as f64).sin()), vec![0; 64])?;
/// let mut model = Dense::new(2, 2).initial_sd(0.1);
/// Elbo::new(Categorical).optimizer(Ivon::new(0.1)).quiet().fit(&mut model, &train, Epochs(5))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Nothing else is to be set: the number of examples, the effective sample size λ of the paper, is that of the data
/// (divided by the factor of the divergence, if that is tempered), and the prior precision is the model's. The
/// estimated Hessian h is kept in the posterior's standard deviations, σ² = 1/(λ(h + δ)) with δ = 1/(λs²) under a prior
/// of standard deviation s: it starts where [`initial_sd`] says, at h + δ = 1/(λσ²). A step is the rate times the
/// momentum, times the ratio of the weight's present σ² to its initial one, so that rates are those of stochastic
/// gradient descent at first.
///
/// The Hessian's own rate, 1 − β₂, is 1e-3: h needs some thousand steps to find its place. It is estimated from the gradients
/// of σ, so it works with any estimator and any number of draws.
///
/// The divergence's weight must be the same at each step: the Hessian is kept in the standard deviations, and another
/// weight would change what they say of it. So [`Elbo::fit`](crate::Elbo::fit) refuses a warm-up, free nats,
/// `KlWeight::Halving`, and `KlWeight::PerExample` with batches of different sizes; [`Map`](crate::Map), which learns
/// no scales, refuses it altogether. Of a training loop of your own this is not checked. Clipping each element biases
/// the Hessian.
///
/// [`initial_sd`]: crate::MeanField::initial_sd
#[derive(Clone, Debug)]
pub struct Ivon {
    rate: f64,
    scale: f64,
    betas: [f64; 2],
    /// The product of β₁ over the steps so far.
    power: f64,
    /// The divergence's weight in the loss: 1/N unless the loss is tempered or warms up.
    kl_weight: f64,
    /// What [`Optimizer::begin`] has found of the model.
    weights: Vec<Pair>,
    /// For means the momentum; for ρ the initial 1/σ², 0 before the first step, and the next h + δ.
    state: State<2>,
}

/// The names of the state's tensors in a checkpoint: for means the momentum, for ρ the initial 1/σ²; and the next h + δ.
const STATE: [&str; 2] = ["momentum or initial precision", "next precision"];

/// A random weight.
#[derive(Clone, Debug)]
struct Pair {
    /// The indices of its means and of its ρ among all tensors.
    mean: usize,
    rho: usize,
    /// The prior's mean and precision of each element.
    prior: Vec<[f64; 2]>,
}

impl Ivon {
    /// IVON with this learning rate, β₁ = 0.9 and β₂ = 0.999. The paper's rates are around 0.1.
    ///
    /// # Panics
    /// If the rate is not positive and finite.
    #[track_caller]
    pub fn new(rate: f64) -> Self {
        accepted(check_rate("Ivon", rate));
        Ivon {
            rate,
            scale: 1.0,
            betas: [0.9, 0.999],
            power: 1.0,
            kl_weight: 0.0,
            weights: Vec::new(),
            state: State::default(),
        }
    }

    /// Sets β₁ and β₂, the decay rates of the momentum and of the Hessian's moving average.
    ///
    /// # Panics
    /// If one is not in [0, 1).
    #[track_caller]
    pub fn betas(self, beta1: f64, beta2: f64) -> Self {
        let fits = [beta1, beta2].iter().all(|beta| (0.0..1.0).contains(beta));
        assert!(fits, "Ivon: betas must be in [0, 1), got {beta1} and {beta2}");
        Ivon { betas: [beta1, beta2], ..self }
    }

    /// Sets the next h + δ of every weight, from the gradients of ρ.
    ///
    /// With P = 1/(λσ²) = h + δ and the gradient of the loss, NLL + KL/λ, with respect to σ: (∂loss/∂σ)/σ = ĥ − h, because
    /// ∂NLL/∂σ = ĝε, ĥ = ĝε/σ and ∂KL/∂σ = σ/s² − 1/σ. So the algorithm's h ← β₂h + (1 − β₂)ĥ + ½(1 − β₂)²(h − ĥ)²/P,
    /// needs this gradient only.
    fn next_precisions<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        let state = self.state.prepare("Ivon", self.rate, model, gradients);
        let (take, kl_weight) = (1.0 - self.betas[1], self.kl_weight);
        let (weights, mut index) = (&self.weights, 0);
        model.visit(&Path::ROOT, &mut |_, _, rho| {
            if weights.iter().any(|pair| pair.rho == index)
                && let Some(gradient) = gradients.at(index)
            {
                let [initial, next] = &mut state[index];
                let elements = initial.data_mut().iter_mut().zip(next.data_mut());
                for ((initial, next), (rho, slope)) in elements.zip(rho.data().iter().zip(gradient)) {
                    let (rho, slope) = (rho.to_f64(), slope.to_f64());
                    let sd = softplus(rho);
                    let precision = kl_weight / (sd * sd);
                    // dσ/dρ = sigmoid(ρ).
                    let change = take * slope * (1.0 + (-rho).exp()) / sd;
                    let changed = precision + change + 0.5 * change * change / precision;
                    if *initial == M::Scalar::ZERO {
                        *initial = M::Scalar::from_f64(1.0 / (sd * sd));
                    }
                    *next = M::Scalar::from_f64(changed);
                }
            }
            index += 1;
        });
    }
}

impl Optimizer for Ivon {
    /// # Panics
    /// If [`begin`](Optimizer::begin) was not called before the first step, as [`Elbo::fit`](crate::Elbo::fit) does.
    #[track_caller]
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        assert!(
            !self.weights.is_empty(),
            "Ivon: the priors and the number of examples are not known; call `begin(&model, examples)` before the first step, \
             or train with `Elbo::fit`"
        );
        let moves_scales = self.kl_weight > 0.0;
        if moves_scales {
            self.next_precisions(model, gradients);
        }
        let state = self.state.prepare("Ivon", self.rate, model, gradients);
        let (rate, keep) = (self.rate * self.scale, self.betas[0]);
        let power = self.power * keep;
        let (kl_weight, weights) = (self.kl_weight, &self.weights);
        gradients.step(model, |index, parameter, gradient| {
            let place = |of: fn(&Pair) -> usize| weights.iter().find(|pair| of(pair) == index);
            if let Some(pair) = place(|pair| pair.mean) {
                let precisions = &state[pair.rho];
                let steps: Vec<f64> = if moves_scales {
                    let [initial, next] = precisions.each_ref().map(Tensor::data);
                    initial
                        .iter()
                        .zip(next)
                        .map(|(initial, next)| kl_weight * initial.to_f64() / next.to_f64())
                        .collect()
                } else {
                    vec![1.0; parameter.len()]
                };
                let momentum = state[index][0].data_mut();
                for (i, (w, slope)) in parameter.iter_mut().zip(gradient).enumerate() {
                    let [mean, precision] = pair.prior[i];
                    let decay = kl_weight * precision * (w.to_f64() - mean);
                    // Of the likelihood alone.
                    let of_nll = std::mem::replace(slope, *w).to_f64() - decay;
                    let average = keep * momentum[i].to_f64() + (1.0 - keep) * of_nll;
                    momentum[i] = M::Scalar::from_f64(average);
                    *w = M::Scalar::from_f64(w.to_f64() - rate * steps[i] * (average / (1.0 - power) + decay));
                }
            } else {
                let is_scale = moves_scales && place(|pair| pair.rho).is_some();
                for (i, (rho, slope)) in parameter.iter_mut().zip(gradient).enumerate() {
                    let slope = std::mem::replace(slope, *rho);
                    // A frozen one has none.
                    if is_scale && slope != M::Scalar::ZERO {
                        let next = state[index][1].data()[i].to_f64();
                        *rho = M::Scalar::from_f64(inverse_softplus((kl_weight / next).sqrt()));
                    }
                }
            }
        });
        self.power = power;
    }

    #[track_caller]
    fn scale_rate(&mut self, factor: f64) {
        check_factor("Ivon", factor);
        self.scale = factor;
    }

    fn check<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        self.state.check("Ivon", self.rate, model)
    }

    fn begin<M: Bayesian>(&mut self, model: &M, examples: usize) -> Result<(), String> {
        self.kl_weight = 1.0 / examples.max(1) as f64;
        self.weights = pairs(model)?;
        Ok(())
    }

    fn needs_divergence(&self) -> bool {
        true
    }

    fn set_kl_weight(&mut self, weight: f64) {
        self.kl_weight = weight;
    }

    fn save_state<M: Parameters + ?Sized>(
        &self,
        model: &M,
        state: &mut OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let Ivon { rate, betas: [beta1, beta2], .. } = self;
        state.set_settings(format!("Ivon of rate {rate}, betas {beta1} and {beta2}"));
        state.set_number("scale", self.scale);
        state.set_number("beta1^steps", self.power);
        self.state.save("Ivon", model, STATE, state)
    }

    fn load_state<M: Parameters + ?Sized>(
        &mut self,
        model: &M,
        state: &OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let tensors = State::loaded(model, STATE, state)?;
        let (scale, power) = (state.number_to("scale", f64::MAX)?, state.number_to("beta1^steps", 1.0)?);
        (self.scale, self.power, self.state) = (scale, power, tensors);
        Ok(())
    }
}

/// The random weights of `model`, all of which must be `MeanField` under a normal prior, and all of its learned parameters
/// theirs.
fn pairs<M: Bayesian>(model: &M) -> Result<Vec<Pair>, String> {
    let mut names = Vec::new();
    let tape = Tape::inference();
    model.mean(&tape).walk(&Path::ROOT, &mut |path, weight| names.push((path.to_string(), weight.family())));
    if let Some((name, family)) = names.iter().find(|(_, family)| *family != "MeanField") {
        return Err(format!(
            "Ivon: the weight `{name}` has the posterior `{family}`, but only `MeanField` has the scales that Ivon learns; use \
             another optimiser, such as `Adam`"
        ));
    }
    let mut tensors = Vec::new();
    model.visit(&Path::ROOT, &mut |path, role, tensor| tensors.push((path.to_string(), role, tensor.len())));
    let index_of = |weight: &str, part: &str| {
        let name = if weight.is_empty() { part.to_owned() } else { format!("{weight}.{part}") };
        tensors.iter().position(|(tensor, ..)| *tensor == name)
    };
    let mut pairs = Vec::new();
    let slopes = [0.0, 1.0, 3.0].map(|w| prior_slopes(model, w));
    let mut first = 0;
    for (name, _) in &names {
        let (Some(mean), Some(rho)) = (index_of(name, "mean"), index_of(name, "rho")) else {
            return Err(format!("Ivon: the means and scales of the weight `{name}` cannot be found by their names"));
        };
        let prior = (first..first + tensors[mean].2).map(|i| normal(slopes.each_ref().map(|slopes| slopes[i])));
        let Some(prior) = prior.collect() else {
            return Err(format!(
                "Ivon: the prior of the weight `{name}` is not normal, so it has no precision to be added to the Hessian; use a \
                 `Normal` prior, or another optimiser, such as `Adam`"
            ));
        };
        first += tensors[mean].2;
        pairs.push(Pair { mean, rho, prior });
    }
    let is_known = |index| pairs.iter().any(|pair: &Pair| pair.mean == index || pair.rho == index);
    let other = |(index, (_, role, _)): &(usize, &(String, Role, usize))| role.is_learned() && !is_known(*index);
    match tensors.iter().enumerate().find(other) {
        Some((_, (name, ..))) => Err(format!(
            "Ivon: `{name}` is a parameter without a distribution, and Ivon learns random weights only; give it a posterior and \
             a prior, or use another optimiser, such as `Adam`"
        )),
        None if pairs.is_empty() => Err("Ivon: the model has no random weights".to_owned()),
        None => Ok(pairs),
    }
}

/// d ln p(w)/dw of each element at weights that are all `w`.
fn prior_slopes<M: Bayesian>(model: &M, w: f64) -> Vec<f64> {
    let mut weights = model.mean_weights();
    weights.visit_mut(&Path::ROOT, &mut |_, _, tensor| tensor.data_mut().fill(M::Scalar::from_f64(w)));
    let (tape, mut gradients) = (Tape::new(), Gradients::of(&weights));
    if let Some(log_prior) = model.at(&tape, &weights).log_prior().var() {
        log_prior.backward(&mut gradients);
    }
    gradients.iter().flat_map(|(.., slopes)| slopes.iter().map(|slope| slope.to_f64())).collect()
}

/// The mean and the precision of a normal density with these slopes of its logarithm at 0, 1 and 3; `None` if it is not one.
fn normal([at_0, at_1, at_3]: [f64; 3]) -> Option<[f64; 2]> {
    let precision = at_0 - at_1;
    let size = at_0.abs() + at_1.abs() + at_3.abs();
    let is_line = (at_3 - (at_0 - 3.0 * precision)).abs() <= 1e-5 * size;
    (is_line && precision > 0.0).then(|| [at_0 / precision, precision])
}
