//! The measuring: gradients of both terms over all data, and what the posterior is at each weight.

use super::spread::{Learned, Spread, median};
use super::{Diagnose, Diagnosis, Forces, Parameter};
use crate::data::Examples;
use crate::engine::{Gradients, Path, Real, Role, Tape, Var};
use crate::estimator::Variance;
use crate::estimator::Weight;
use crate::infer::batch::Batch;
use crate::likelihood::Likelihood;
use crate::model::Layer;
use crate::model::forward_by::Own;
use crate::model::{Bayesian, Drawn};
use crate::scalar_sum::Terms;

pub(super) fn measure<T, M, L>(
    how: &Diagnose,
    n: usize,
    model: &M,
    data: &Examples<T, L::Targets>,
    likelihood: &L,
) -> Diagnosis
where
    T: Real,
    M: Layer + Bayesian<Scalar = T>,
    L: Likelihood<T>,
{
    let [mut nll, mut kl, mut log_sd] = [(); 3].map(|()| Gradients::of(model));
    let mut weights = weights(model, &mut log_sd);
    let mut jointly = Jointly::of(model, &weights);
    let mut on_tape = Batch::new(Tape::new(), data);
    let rows: Vec<usize> = (0..data.len()).collect();
    let draws = how.draws as f64;
    let mut nats = 0.0;
    for draw in 0..how.draws {
        for (batch, rows) in rows.chunks(how.batch).enumerate() {
            on_tape.gather(data, rows);
            let (net, mean) = on_tape.nll::<M>(likelihood, &Own, |tape| model.draw(tape, how.key.draw(draw)));
            let tape = &on_tape.tape;
            let share = rows.len() as f64 / (data.len() as f64 * draws);
            nats += share * mean.nats();
            tape.backward(&[(mean.var(), T::from_f64(share))], &mut nll);
            // The divergence is the draw's, not the batch's.
            if batch == 0 {
                if let Some(sum) = net.kl().var() {
                    tape.backward(&[(sum, T::from_f64(1.0 / (n as f64 * draws)))], &mut kl);
                }
                let mut index = 0;
                net.walk(&Path::ROOT, &mut |_, weight| {
                    weights[index].kl += weight.kl_var().item() / draws;
                    index += 1;
                });
                jointly.see(tape, &net);
            }
        }
    }
    jointly.finish(&mut weights, draws);
    let parts = Parts { nll, kl, log_sd };
    parts.diagnosis(how, n, nats, weights)
}

/// A weight of the model, as it is found on the tape.
struct Found {
    name: String,
    elements: usize,
    kl: f64,
    /// What is known of it, unless it is certain.
    spread: Option<Spread>,
    is_joint: bool,
    has_prior: bool,
}

/// Every weight, with the gradient of Σ ln σ over those that are independent.
fn weights<T: Real, M: Bayesian<Scalar = T>>(model: &M, log_sd: &mut Gradients<T>) -> Vec<Found> {
    let tape = Tape::new();
    let net = model.draw(&tape, crate::engine::Key::new(0));
    let (mut found, mut sum) = (Vec::new(), Terms::new());
    net.walk(&Path::ROOT, &mut |path, weight| {
        let variance = weight.variance_var();
        let sd = match variance {
            Variance::Independent(variance) => {
                sum.add(variance.ln().sum() * 0.5);
                // A variance may be smaller than its weight's shape says: one for all.
                let sd = numbers(variance.value()).map(f64::sqrt).collect::<Vec<_>>();
                (0..weight.mean_var().len()).map(|i| sd[i % sd.len()]).collect()
            }
            Variance::Joint | Variance::Zero => Vec::new(),
        };
        let mean = weight.mean_var();
        let is_certain = matches!(variance, Variance::Zero);
        let spread = Spread { mean: numbers(mean.value()).collect(), sd, drawn_effective: None };
        found.push(Found {
            name: path.to_string(),
            elements: mean.len(),
            kl: 0.0,
            spread: (!is_certain).then_some(spread),
            is_joint: matches!(variance, Variance::Joint),
            has_prior: true,
        });
    });
    if let Some(sum) = sum.var() {
        sum.backward(log_sd);
    }
    found
}

/// What draws say of the weights whose elements depend on each other.
struct Jointly<T: Real> {
    /// Their places among all weights, and the places of their means in the model's walk.
    places: Vec<(usize, usize)>,
    /// The gradient of ln p(w), and so by w itself: a draw is its mean and something that does not depend on it.
    log_prior: Gradients<T>,
    /// Σ (w − μ)² of every element, and Σ (w − μ) · ∂ln p/∂w, over the draws.
    squares: Vec<Vec<f64>>,
    products: Vec<f64>,
}

impl<T: Real> Jointly<T> {
    fn of<M: Bayesian<Scalar = T>>(model: &M, weights: &[Found]) -> Self {
        let mut means = Vec::new();
        let mut index = 0;
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            if role == Role::Mean {
                means.push((path.to_string(), index, tensor.len()));
            }
            index += 1;
        });
        let place = |(i, weight): (usize, &Found)| {
            let mean = means.iter().find(|(name, _, len)| is_below(name, &weight.name) && *len == weight.elements)?;
            weight.is_joint.then_some((i, mean.1))
        };
        let places: Vec<_> = weights.iter().enumerate().filter_map(place).collect();
        let squares = places.iter().map(|&(weight, _)| vec![0.0; weights[weight].elements]).collect();
        Jointly { products: vec![0.0; places.len()], squares, places, log_prior: Gradients::of(model) }
    }

    fn see<'t>(&mut self, tape: &'t Tape<T>, net: &impl Drawn<'t, T>) {
        if self.places.is_empty() {
            return;
        }
        let (mut all, mut sum) = (Vec::new(), Terms::new());
        net.walk(&Path::ROOT, &mut |_, weight: Weight<'t, T>| all.push(weight));
        for &(weight, _) in &self.places {
            sum.add(all[weight].log_prior_var());
        }
        self.log_prior.clear();
        tape.backward(&[(sum.var().expect("there is a place"), T::ONE)], &mut self.log_prior);
        let sums = self.squares.iter_mut().zip(&mut self.products);
        for (&(weight, mean), (squares, product)) in self.places.iter().zip(sums) {
            let [value, centre]: [Var<'t, T>; 2] = [all[weight].value_var(), all[weight].mean_var()];
            let slopes = numbers(self.log_prior.at(mean).unwrap_or_default());
            let away = numbers(value.value()).zip(numbers(centre.value())).map(|(w, mean)| w - mean);
            for ((away, slope), square) in away.zip(slopes).zip(squares) {
                *square += away * away;
                *product += away * slope;
            }
        }
    }

    /// γ is the number of weights plus the expectation of (w − μ) · ∂ln p/∂w: ln q falls by that number while all
    /// deviations from the mean grow by e, and ln p changes by the rest.
    fn finish(self, weights: &mut [Found], draws: f64) {
        for ((&(weight, _), squares), product) in self.places.iter().zip(&self.squares).zip(&self.products) {
            let elements = weights[weight].elements as f64;
            if let Some(spread) = &mut weights[weight].spread {
                spread.sd = squares.iter().map(|square| (square / draws).sqrt()).collect();
                spread.drawn_effective = Some(elements + product / draws);
            }
        }
    }
}

/// The gradients, gathered.
struct Parts<T: Real> {
    nll: Gradients<T>,
    kl: Gradients<T>,
    log_sd: Gradients<T>,
}

impl<T: Real> Parts<T> {
    fn diagnosis(&self, how: &Diagnose, n: usize, nll: f64, weights: Vec<Found>) -> Diagnosis {
        // Learned tensors by the weight that they are of; the others stand for themselves.
        let mut groups: Vec<(Found, Vec<Learned>)> = weights.into_iter().map(|weight| (weight, Vec::new())).collect();
        for (name, role, gradient) in self.nll.iter() {
            let other = |gradients: &Gradients<T>| {
                gradients.get(name).map_or_else(|| vec![0.0; gradient.len()], |values| numbers(values).collect())
            };
            let learned =
                Learned { role, nll: numbers(gradient).collect(), kl: other(&self.kl), log_sd: other(&self.log_sd) };
            let owner = groups.iter_mut().filter(|(weight, _)| is_below(name, &weight.name));
            match owner.max_by_key(|(weight, _)| weight.name.len()) {
                Some((_, parts)) => parts.push(learned),
                None => {
                    let elements = gradient.len();
                    let alone = Found {
                        name: name.to_owned(),
                        elements,
                        kl: 0.0,
                        spread: None,
                        is_joint: false,
                        has_prior: false,
                    };
                    groups.push((alone, vec![learned]));
                }
            }
        }
        let n_examples = n as f64;
        let mut total = Total::default();
        let parameters = groups.iter().map(|(weight, parts)| total.add(weight, parts, n_examples)).collect();
        Diagnosis { examples: n, draws: how.draws, nll, parameters, total: total.finish() }
    }
}

/// The sums over all parameters.
#[derive(Default)]
struct Total {
    weights: usize,
    kl: f64,
    means: Option<Forces>,
    scales: Option<Forces>,
    ratios: Vec<f64>,
    effective: Option<f64>,
    fallen_back: usize,
    /// How many weights it is known of whether they have fallen back.
    told: usize,
}

impl Total {
    fn add(&mut self, weight: &Found, parts: &[Learned], n: f64) -> Parameter {
        let forces = |is_scale: bool| {
            let parts = parts.iter().filter(|part| (part.role == Role::Scale) == is_scale);
            parts.map(|part| Forces::of(&part.nll, &part.kl)).reduce(Forces::and)
        };
        let join = |sum: Option<Forces>, more: Option<Forces>| sum.into_iter().chain(more).reduce(Forces::and);
        let (means, scales) = (forces(false), forces(true));
        let ratios: Option<Vec<f64>> = weight.spread.as_ref().map(|spread| spread.signal_to_noise().collect());
        let held = weight.spread.as_ref().map(|spread| spread.held(parts, n));
        let effective = held.as_ref().and_then(|held| held.effective);
        let fallen_back = held.as_ref().and_then(|held| held.fallen_back);
        self.weights += if weight.has_prior { weight.elements } else { 0 };
        self.kl += weight.kl;
        self.means = join(self.means, means);
        self.scales = join(self.scales, scales);
        self.ratios.extend(ratios.iter().flatten());
        self.effective = self.effective.into_iter().chain(effective).reduce(|sum, more| sum + more);
        if let Some(fallen_back) = fallen_back {
            self.fallen_back += fallen_back;
            self.told += weight.elements;
        }
        Parameter {
            name: weight.name.clone(),
            weights: weight.elements,
            kl: weight.kl,
            means,
            scales,
            signal_to_noise: ratios.and_then(median),
            effective,
            fallen_back: fallen_back.map(|count| count as f64 / weight.elements as f64),
        }
    }

    fn finish(self) -> Parameter {
        Parameter {
            name: "all".to_owned(),
            weights: self.weights,
            kl: self.kl,
            means: self.means,
            scales: self.scales,
            signal_to_noise: median(self.ratios),
            effective: self.effective,
            fallen_back: (self.told > 0).then(|| self.fallen_back as f64 / self.told as f64),
        }
    }
}

/// Whether the tensor `name` is one of those of the weight `weight`.
fn is_below(name: &str, weight: &str) -> bool {
    let rest = name.strip_prefix(weight);
    rest.is_some_and(|rest| weight.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

fn numbers<T: Real>(values: &[T]) -> impl Iterator<Item = f64> {
    values.iter().map(|value| value.to_f64())
}
