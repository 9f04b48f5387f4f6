//! Measures the gradients of both terms over all data, and the statistics of each weight's posterior.

use super::weight_statistics::{LearnedTensor, WeightStatistics, median};
use super::{Diagnose, Diagnosis, Parameter, TermGradients};
use crate::data::Examples;
use crate::engine::{Gradients, Path, Real, Role, Tape, Var};
use crate::estimator::Variance;
use crate::estimator::Weight;
use crate::infer::batch::Batch;
use crate::likelihood::Likelihood;
use crate::model::Model;
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
    M: Model + Bayesian<Scalar = T>,
    L: Likelihood<T>,
{
    let [mut nll, mut kl, mut log_sd] = [(); 3].map(|()| Gradients::of(model));
    let mut weights = weights(model, &mut log_sd);
    let mut joint = JointPosteriors::of(model, &weights);
    let mut on_tape = Batch::new(Tape::new(), data);
    let rows: Vec<usize> = (0..data.len()).collect();
    let draws = how.draws as f64;
    let mut nats = 0.0;
    for draw in 0..how.draws {
        for (batch, rows) in rows.chunks(how.batch_size).enumerate() {
            on_tape.gather(data, rows);
            let (net, mean) = on_tape.nll::<M>(likelihood, &Own, |tape| model.draw(tape, how.key.draw(draw)));
            let tape = &on_tape.tape;
            let share = rows.len() as f64 / (data.len() as f64 * draws);
            nats += share * mean.nats();
            tape.backward(&[(mean.var(), T::from_f64(share))], &mut nll);
            // The divergence belongs to the draw, so it counts once, not per batch.
            if batch == 0 {
                if let Some(sum) = net.kl().var() {
                    tape.backward(&[(sum, T::from_f64(1.0 / (n as f64 * draws)))], &mut kl);
                }
                let mut index = 0;
                net.walk(&Path::ROOT, &mut |_, weight| {
                    weights[index].kl += weight.kl_var().item() / draws;
                    index += 1;
                });
                joint.add_draw(tape, &net);
            }
        }
    }
    joint.finish(&mut weights, draws);
    let parts = Parts { nll, kl, log_sd };
    parts.diagnosis(how, n, nats, weights)
}

/// The figures of one weight of the model.
struct WeightRecord {
    name: String,
    elements: usize,
    kl: f64,
    /// Its posterior's statistics, unless it is deterministic.
    statistics: Option<WeightStatistics>,
    is_joint: bool,
    has_prior: bool,
}

/// Records of all weights; sets `log_sd` to the gradient of Σ ln σ over the weights with independent elements.
fn weights<T: Real, M: Bayesian<Scalar = T>>(model: &M, log_sd: &mut Gradients<T>) -> Vec<WeightRecord> {
    let tape = Tape::new();
    let net = model.draw(&tape, crate::engine::Key::new(0));
    let (mut found, mut sum) = (Vec::new(), Terms::new());
    net.walk(&Path::ROOT, &mut |path, weight| {
        let variance = weight.variance_var();
        let sd = match variance {
            Variance::Independent(variance) => {
                sum.add(variance.ln().sum() * 0.5);
                // A variance may be shared: one for all elements.
                let sd = numbers(variance.value()).map(f64::sqrt).collect::<Vec<_>>();
                (0..weight.mean_var().len()).map(|i| sd[i % sd.len()]).collect()
            }
            Variance::Joint | Variance::Zero => Vec::new(),
        };
        let mean = weight.mean_var();
        let is_certain = matches!(variance, Variance::Zero);
        let statistics = WeightStatistics { mean: numbers(mean.value()).collect(), sd, drawn_effective: None };
        found.push(WeightRecord {
            name: path.to_string(),
            elements: mean.len(),
            kl: 0.0,
            statistics: (!is_certain).then_some(statistics),
            is_joint: matches!(variance, Variance::Joint),
            has_prior: true,
        });
    });
    if let Some(sum) = sum.var() {
        sum.backward(log_sd);
    }
    found
}

/// Estimates from draws for the weights whose elements are dependent.
struct JointPosteriors<T: Real> {
    /// Their indices among all weights, and the indices of their means in the model's walk.
    places: Vec<(usize, usize)>,
    /// The gradient of ln p(w) with respect to the means, which is that with respect to w, since w − mean does not
    /// depend on the mean.
    log_prior: Gradients<T>,
    /// Σ (w − μ)² of each element, and Σ (w − μ) · ∂ln p/∂w, over the draws.
    squares: Vec<Vec<f64>>,
    products: Vec<f64>,
}

impl<T: Real> JointPosteriors<T> {
    fn of<M: Bayesian<Scalar = T>>(model: &M, weights: &[WeightRecord]) -> Self {
        let mut means = Vec::new();
        let mut index = 0;
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            if role == Role::Mean {
                means.push((path.to_string(), index, tensor.len()));
            }
            index += 1;
        });
        let place = |(i, weight): (usize, &WeightRecord)| {
            let mean = means.iter().find(|(name, _, len)| is_below(name, &weight.name) && *len == weight.elements)?;
            weight.is_joint.then_some((i, mean.1))
        };
        let places: Vec<_> = weights.iter().enumerate().filter_map(place).collect();
        let squares = places.iter().map(|&(weight, _)| vec![0.0; weights[weight].elements]).collect();
        JointPosteriors { products: vec![0.0; places.len()], squares, places, log_prior: Gradients::of(model) }
    }

    fn add_draw<'t>(&mut self, tape: &'t Tape<T>, net: &impl Drawn<'t, T>) {
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

    /// γ is the number of weights plus E\[(w − μ) · ∂ln p/∂w\]: when all deviations from the mean are scaled by e, ln q
    /// falls by the number of weights, and ln p changes by the expectation.
    fn finish(self, weights: &mut [WeightRecord], draws: f64) {
        for ((&(weight, _), squares), product) in self.places.iter().zip(&self.squares).zip(&self.products) {
            let elements = weights[weight].elements as f64;
            if let Some(statistics) = &mut weights[weight].statistics {
                statistics.sd = squares.iter().map(|square| (square / draws).sqrt()).collect();
                statistics.drawn_effective = Some(elements + product / draws);
            }
        }
    }
}

/// The gradients of both terms and of Σ ln σ.
struct Parts<T: Real> {
    nll: Gradients<T>,
    kl: Gradients<T>,
    log_sd: Gradients<T>,
}

impl<T: Real> Parts<T> {
    fn diagnosis(&self, how: &Diagnose, n: usize, nll: f64, weights: Vec<WeightRecord>) -> Diagnosis {
        // Group learned tensors by their weight; tensors of no weight are their own group.
        let mut groups: Vec<(WeightRecord, Vec<LearnedTensor>)> =
            weights.into_iter().map(|weight| (weight, Vec::new())).collect();
        for (name, role, gradient) in self.nll.iter() {
            let other = |gradients: &Gradients<T>| {
                gradients.get(name).map_or_else(|| vec![0.0; gradient.len()], |values| numbers(values).collect())
            };
            let learned = LearnedTensor {
                role,
                nll: numbers(gradient).collect(),
                kl: other(&self.kl),
                log_sd: other(&self.log_sd),
            };
            let owner = groups.iter_mut().filter(|(weight, _)| is_below(name, &weight.name));
            match owner.max_by_key(|(weight, _)| weight.name.len()) {
                Some((_, parts)) => parts.push(learned),
                None => {
                    let elements = gradient.len();
                    let own = WeightRecord {
                        name: name.to_owned(),
                        elements,
                        kl: 0.0,
                        statistics: None,
                        is_joint: false,
                        has_prior: false,
                    };
                    groups.push((own, vec![learned]));
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
    means: Option<TermGradients>,
    scales: Option<TermGradients>,
    ratios: Vec<f64>,
    effective: Option<f64>,
    fallen_back: usize,
    /// The number of weights with a known `fallen_back`.
    classified: usize,
}

impl Total {
    fn add(&mut self, weight: &WeightRecord, parts: &[LearnedTensor], n: f64) -> Parameter {
        let gradients = |is_scale: bool| {
            let parts = parts.iter().filter(|part| (part.role == Role::Scale) == is_scale);
            parts.map(|part| TermGradients::of(&part.nll, &part.kl)).reduce(TermGradients::and)
        };
        let join = |sum: Option<TermGradients>, more: Option<TermGradients>| {
            sum.into_iter().chain(more).reduce(TermGradients::and)
        };
        let (means, scales) = (gradients(false), gradients(true));
        let ratios: Option<Vec<f64>> =
            weight.statistics.as_ref().map(|statistics| statistics.signal_to_noise().collect());
        let counts = weight.statistics.as_ref().map(|statistics| statistics.effective_weights(parts, n));
        let effective = counts.as_ref().and_then(|counts| counts.effective);
        let fallen_back = counts.as_ref().and_then(|counts| counts.fallen_back);
        self.weights += if weight.has_prior { weight.elements } else { 0 };
        self.kl += weight.kl;
        self.means = join(self.means, means);
        self.scales = join(self.scales, scales);
        self.ratios.extend(ratios.iter().flatten());
        self.effective = self.effective.into_iter().chain(effective).reduce(|sum, more| sum + more);
        if let Some(fallen_back) = fallen_back {
            self.fallen_back += fallen_back;
            self.classified += weight.elements;
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
            fallen_back: (self.classified > 0).then(|| self.fallen_back as f64 / self.classified as f64),
        }
    }
}

/// Whether the tensor `name` belongs to the weight `weight`.
fn is_below(name: &str, weight: &str) -> bool {
    let rest = name.strip_prefix(weight);
    rest.is_some_and(|rest| weight.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

fn numbers<T: Real>(values: &[T]) -> impl Iterator<Item = f64> {
    values.iter().map(|value| value.to_f64())
}
