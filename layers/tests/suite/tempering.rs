//! Tempering, free nats and SafeBayes on models with known posteriors.

use crate::common::assert_near;
use elbo::prelude::*;
use elbo::{FixedNoise, SafeBayes, SafeBayesRow, Tempering};

/// y ~ N(w, s²) with weights w ~ N(0, t²), for which everything has a closed form.
#[bayesian]
struct Locations {
    #[prior(Normal(0.0, 1.5))]
    weight: MeanField<f64>,
}

#[bayesian]
impl Locations {
    /// Each example is a one-hot row that selects its weight.
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.linear(self.weight)
    }
}

const PRIOR_SD: f64 = 1.5;
const NOISE_SD: f64 = 0.7;
const WEIGHTS: usize = 3;

/// `examples` examples; the i-th selects weight i mod 3.
fn data(examples: usize) -> Examples<f64, Tensor<f64>> {
    let x = Tensor::from_fn([examples, WEIGHTS], |i| f64::from(i % WEIGHTS == i / WEIGHTS % WEIGHTS));
    let y = Tensor::from_fn([examples, 1], |i| (i as f64 * 2.3).sin() * 2.0 + 0.5);
    Examples::new(x, y).unwrap()
}

/// The posterior with the likelihood and the prior each raised to a power: means and standard deviations.
fn posterior(data: &Examples<f64, Tensor<f64>>, likelihood: f64, prior: f64) -> Locations {
    let precision = |of: usize| {
        let count = (0..data.len()).filter(|i| i % WEIGHTS == of).count() as f64;
        likelihood * count / NOISE_SD.powi(2) + prior / PRIOR_SD.powi(2)
    };
    let sum = |of: usize| data.targets().data().iter().skip(of).step_by(WEIGHTS).sum::<f64>();
    let mean = Tensor::from_fn([1, WEIGHTS], |i| likelihood * sum(i) / NOISE_SD.powi(2) / precision(i));
    let sd = Tensor::from_fn([1, WEIGHTS], |i| precision(i).sqrt().recip());
    Locations { weight: MeanField::with_sds(mean, &sd) }
}

/// The exact gradient of the expected loss at `model`: the loss is quadratic in the noise, and noise of ±1 has the mean
/// and mean square of a normal.
fn expected_gradient(model: &Locations, data: &Examples<f64, Tensor<f64>>, objective: &Objective) -> Vec<f64> {
    let mut gradients = Gradients::of(model);
    for sign in [1.0, -1.0] {
        let noise = FixedNoise::new().set("weight", Tensor::full([1, WEIGHTS], sign));
        let tape = Tape::new();
        let net = model.draw(&tape, Drawing::new(Key::new(0)).noise(&noise));
        let nll = Gaussian::new(NOISE_SD).nll(net.forward(tape.input(data.inputs())), data.targets());
        objective.loss_of(nll, &net, 0).backward(&mut gradients);
    }
    gradients.iter().flat_map(|(.., gradient)| gradient.iter().map(|g| g / 2.0)).collect()
}

/// The largest absolute value; NaN if any number is NaN.
fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |most: f64, number| if number.abs() <= most { most } else { number.abs() })
}

#[test]
fn the_optimum_is_the_tempered_posterior() {
    let data = data(40);
    let n = data.len();
    for t in [0.1, 0.5, 1.0, 2.5] {
        for (tempering, [likelihood, prior]) in [
            (Tempering::Posterior(t), [1.0 / t, 1.0 / t]),
            (Tempering::KlFactor(t), [1.0 / t, 1.0]),
            (Tempering::LikelihoodPower(t), [t, 1.0]),
        ] {
            let objective = Objective::new(n).tempering(tempering);
            let gradient = expected_gradient(&posterior(&data, likelihood, prior), &data, &objective);
            assert!(largest(&gradient) < 1e-12, "{tempering:?}: {gradient:?}");
            // It is not the optimum of another temperature.
            if t != 1.0 {
                let elsewhere = expected_gradient(&posterior(&data, 1.0, 1.0), &data, &objective);
                assert!(largest(&elsewhere) > 1e-3, "{tempering:?}: {elsewhere:?}");
            }
        }
        // A cold posterior keeps the exact posterior's means; a likelihood power does not.
        let [cold, exact] = [1.0 / t, 1.0].map(|power| posterior(&data, power, power).weight.mean);
        assert_near(cold.data(), exact.data(), 1e-12);
    }
}

#[test]
fn temperature_one_equals_no_tempering_bit_for_bit() {
    let data = data(12);
    let model = posterior(&data, 0.3, 1.0);
    let of = |tempering| expected_gradient(&model, &data, &Objective::new(12).tempering(tempering));
    assert_eq!(of(Tempering::Posterior(1.0)), of(Tempering::None));
    assert_ne!(of(Tempering::Posterior(0.5)), of(Tempering::KlFactor(0.5)));
}

#[test]
fn a_deterministic_weight_has_the_same_optimum_at_all_temperatures() {
    #[bayesian]
    struct Certain {
        #[prior(LaplacePrior(0.0, 0.5))]
        weight: Point<f64>,
    }
    let model = Certain { weight: Point(Tensor::new([2], [0.3, -2.0])) };
    let gradient = |t: f64| {
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let net = model.draw(&tape, Key::new(1));
        let nll = elbo::MeanNll::from_sum(net.weight.square().sum(), 1);
        Objective::new(1).tempering(Tempering::Posterior(t)).loss_of(nll, &net, 0).backward(&mut gradients);
        gradients.get("weight").unwrap().to_vec()
    };
    for t in [0.2, 4.0] {
        assert_near(&gradient(t), &gradient(1.0), 1e-14);
    }
}

#[test]
fn the_density_of_a_draw_under_its_priors_counts_each_weight_once() {
    type Scale = HierarchicalNormal<LogNormal<f64>, MonteCarlo<HalfCauchy>>;

    #[bayesian]
    struct Nested {
        #[prior(Normal(0.0, 1.5))]
        first: MeanField<f64>,
        layers: Vec<Dense<MeanField<f64>>>,
        maybe: Option<Dense<MeanField<f64>, Scale>>,
        free: Point<f64>,
    }
    let layer = Dense::mean_field(2, 2);
    let scale = HierarchicalNormal(
        LogNormal::with_log_moments(Tensor::full([], -0.4), &Tensor::full([], 0.2)),
        MonteCarlo(HalfCauchy(1.0)),
    );
    let model = Nested {
        first: MeanField::new([4]),
        layers: vec![Dense::mean_field(2, 3), Dense::mean_field(3, 2)],
        maybe: Some(Dense { weight: layer.weight, bias: layer.bias, prior: scale }),
        free: Point::new([5]),
    };
    let ln = |w: &f64, sd: f64| -0.5 * (w / sd).powi(2) - sd.ln() - 0.5 * std::f64::consts::TAU.ln();
    let tape = Tape::inference();
    for how in [Drawing::new(Key::new(2)), Drawing::new(Key::new(2)).draws(3)] {
        let net = model.draw(&tape, how);
        let draws = net.first.draws();
        let sum = |weight: Var<'_, f64>, sd: f64| weight.to_tensor().data().iter().map(|w| ln(w, sd)).sum::<f64>();
        let mut expected = sum(*net.first, 1.5);
        for layer in net.layers {
            expected += sum(*layer.weight, 1.0) + sum(*layer.bias, 1.0);
        }
        let maybe = net.maybe.unwrap();
        let scale = maybe.prior.sd.to_tensor();
        for (weight, each) in [(*maybe.weight, 4), (*maybe.bias, 2)] {
            let numbers = weight.to_tensor();
            let of_draws = numbers.data().chunks(each).zip(scale.data());
            expected += of_draws.flat_map(|(w, &sd)| w.iter().map(move |w| ln(w, sd))).sum::<f64>();
        }
        // ln of 2/(π (1 + s²)).
        expected += scale.data().iter().map(|s| (2.0 / std::f64::consts::PI / (1.0 + s * s)).ln()).sum::<f64>();
        let found = net.log_prior().nats();
        assert!((found - expected / draws as f64).abs() < 1e-12 * expected.abs(), "{found} {expected}");
    }
}

#[test]
fn the_gradient_of_the_log_prior_is_exact() {
    let mut model = Dense::<MeanField<f64>>::mean_field(3, 2).prior(LearnedNormal(0.8));
    for estimator in [Estimator::Sample, Estimator::Local] {
        let how = Drawing::new(Key::new(5)).estimator(estimator);
        elbo::engine::gradcheck(&mut model, |tape, model| model.draw(tape, how).log_prior().var().unwrap())
            .assert_within(1e-7);
    }
}

#[test]
fn divergences_below_the_free_nats_have_no_gradient_and_the_others_their_full_gradient() {
    // 3 · (¼ − 1 − ln ¼)/2 and so on: about 0.95 nats and 36.
    let weight = |mean: f64| MeanField::with_sd(Tensor::full([3], mean), 0.5);
    let near = Dense::<MeanField<f64>> { weight: weight(0.0), bias: weight(5.0), prior: Normal(0.0, 1.0) };
    let mut all = Gradients::of(&near);
    let mut free = Gradients::of(&near);
    for (nats, gradients) in [(0.0, &mut all), (2.0, &mut free)] {
        let tape = Tape::new();
        let net = near.draw(&tape, Key::new(1));
        let nll = elbo::MeanNll::from_sum(tape.constant([], |_| 0.0), 1);
        let loss = Objective::new(1).free_nats(nats).loss_of(nll, &net, 0);
        let (weight, bias) = (net.weight.kl().nats(), net.bias.kl().nats());
        assert!(weight < 2.0 && bias > 2.0, "{weight} {bias}");
        assert!((loss.value() - weight.max(nats) - bias).abs() < 1e-12);
        assert!((loss.kl().nats() - weight - bias).abs() < 1e-12, "the divergence itself is reported");
        loss.backward(gradients);
    }
    for name in ["weight.mean", "weight.rho"] {
        assert!(free.get(name).is_none_or(|gradient| gradient.iter().all(|g| *g == 0.0)), "{name}");
        assert!(all.get(name).is_some(), "{name}");
    }
    for name in ["bias.mean", "bias.rho"] {
        let gradient = free.get(name).unwrap();
        assert_eq!(gradient, all.get(name).unwrap(), "{name}");
        assert!(gradient.iter().all(|g| *g != 0.0), "{name}");
    }
}

#[test]
#[should_panic(expected = "Posterior(0.5) needs the log prior density of the draw; call `loss_of(nll, &net, step)` \
                           instead")]
fn the_divergence_alone_is_not_enough_for_a_cold_posterior() {
    let model = posterior(&data(3), 1.0, 1.0);
    let tape = Tape::new();
    let net = model.draw(&tape, Key::new(1));
    let nll = elbo::MeanNll::from_sum(tape.constant([], |_| 0.0), 1);
    let _ = Objective::new(1).tempering(Tempering::Posterior(0.5)).loss(nll, net.kl(), 0);
}

#[test]
#[should_panic(expected = "free nats must be at least 0 and finite, got -1")]
fn negative_free_nats_are_refused() {
    let _ = Objective::new(1).free_nats(-1.0);
}

/// The prequential loss in closed form: for each block, the expected −ln p(y|x, w) under the posterior given the earlier
/// blocks.
fn prequential(data: &Examples<f64, Tensor<f64>>, blocks: usize, rate: f64) -> SafeBayesRow {
    let (n, mut row) = (data.len(), SafeBayesRow { rate, r_log: 0.0, i_log: 0.0 });
    let first = n / blocks;
    for block in 1..blocks {
        let (from, to) = (block * n / blocks, (block + 1) * n / blocks);
        let q = posterior(&data.rows(0..from), rate, 1.0).weight;
        for i in from..to {
            // Each block starts at weight 0, because block sizes are multiples of three.
            let (mean, sd) = (q.mean.data()[i % WEIGHTS], q.sd().data()[i % WEIGHTS]);
            let square = (data.targets().data()[i] - mean).powi(2);
            let normaliser = NOISE_SD.ln() + 0.5 * std::f64::consts::TAU.ln();
            row.i_log += (0.5 * square / NOISE_SD.powi(2) + normaliser) / (n - first) as f64;
            row.r_log += (0.5 * (square + sd * sd) / NOISE_SD.powi(2) + normaliser) / (n - first) as f64;
        }
    }
    row
}

#[test]
fn safe_bayes_is_the_prequential_loss_of_the_closed_forms() {
    let data = data(30);
    let rates = [0.02, 0.1, 0.5, 1.0];
    let table = SafeBayes::over(&rates).blocks(5).draws(4000).choose(&Gaussian::new(NOISE_SD), &data, |seen, rate| {
        assert_eq!(seen.len() % 6, 0);
        Ok::<_, std::convert::Infallible>(posterior(seen, rate, 1.0))
    });
    let table = table.unwrap();
    assert_eq!(table.scored(), 24);
    let expected = rates.map(|rate| prequential(&data, 5, rate));
    for (row, expected) in table.rows().iter().zip(&expected) {
        assert!((row.i_log - expected.i_log).abs() < 1e-12, "{row:?} {expected:?}");
        // With 4,000 draws, the standard error is about 1 % of the term from the weights' variance.
        let added = expected.r_log - expected.i_log;
        assert!((row.r_log - expected.r_log).abs() < 0.1 * added, "{row:?} {expected:?}");
    }
    let least = |of: fn(&SafeBayesRow) -> f64| {
        expected.iter().min_by(|a, b| of(a).total_cmp(&of(b))).map(|row| row.rate).unwrap()
    };
    assert_eq!((table.rate(), table.rate_by_mean()), (least(|row| row.r_log), least(|row| row.i_log)));
    let text = table.to_string();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("of 24 scored") && text.contains(" <"), "{text}");
}

#[test]
fn safe_bayes_returns_the_error_of_training() {
    let failed = SafeBayes::over(&[1.0]).choose(&Gaussian::new(1.0), &data(8), |_, _| Err::<Locations, _>("no"));
    assert_eq!(failed.unwrap_err(), "no");
}

#[test]
#[should_panic(expected = "SafeBayes: a power must be positive and finite, got 0")]
fn a_power_of_zero_is_refused() {
    let _ = SafeBayes::over(&[1.0, 0.0]);
}

#[test]
#[should_panic(expected = "SafeBayes: 3 example(s) cannot be cut into 4 blocks")]
fn more_blocks_than_examples_are_refused() {
    let _ = SafeBayes::over(&[1.0]).choose(&Gaussian::new(1.0), &data(3), |_, _| Err::<Locations, _>(()));
}
