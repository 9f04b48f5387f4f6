//! What `fit` chooses if nothing is set: rates by role, start, estimator, schedule, length; and what its report says.

use elbo::prelude::*;
use elbo::{Likelihood, MixtureDensity, Model, Parameters, Path, Role};

use crate::common::{classifier, examples, parameters};

/// A linear model without a bias.
#[bayesian]
struct Linear<Q: Divergence<Normal, Scalar = f64>> {
    #[prior(Normal(0.0, 1.0))]
    weight: Q,
}

#[bayesian]
impl<Q: Divergence<Normal, Scalar = f64>> Linear<Q> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x.linear(self.weight)
    }
}

/// 60 rows of two correlated inputs, and a noise of sd 0.5.
fn linear_data() -> Examples<f64, Tensor<f64>> {
    let x = |i: usize, j: usize| ((i * 7 + 1) as f64 * 0.37).sin() + j as f64 * ((i * 5 + 2) as f64 * 0.61).cos();
    let y = |i: usize| 0.8 * x(i, 0) - 0.4 * x(i, 1) + 0.5 * ((i * 11 + 3) as f64 * 1.7).sin();
    Examples::new(Tensor::from_fn([60, 2], |i| x(i / 2, i % 2)), Tensor::from_fn([60, 1], y)).unwrap()
}

/// The exact posterior of [`linear_data`] under N(0, 1) and noise 0.5: means, and the precision matrix.
fn exact() -> ([f64; 2], [[f64; 2]; 2]) {
    let data = linear_data();
    let (mut p, mut b) = ([[1.0, 0.0], [0.0, 1.0]], [0.0; 2]);
    for (x, y) in data.inputs().data().chunks(2).zip(data.targets().data()) {
        for i in 0..2 {
            b[i] += x[i] * y / 0.25;
            (0..2).for_each(|j| p[i][j] += x[i] * x[j] / 0.25);
        }
    }
    let det = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    ([(p[1][1] * b[0] - p[0][1] * b[1]) / det, (p[0][0] * b[1] - p[1][0] * b[0]) / det], p)
}

#[test]
fn nothing_set_reaches_the_exact_posterior() {
    let (means, p) = exact();
    let mut model = Linear { weight: MeanField::new([1, 2]) };
    let report = Elbo::new(Gaussian::new(0.5)).quiet().fit(&mut model, &linear_data(), UntilConverged::new()).unwrap();
    assert!(report.is_converged(), "{}", report.conclusion());
    for i in 0..2 {
        // The best independent normals have the exact means, and sds by the diagonal of the precision.
        let sd = p[i][i].powf(-0.5);
        let (found, of_sd) = (model.weight.mean.data()[i], model.weight.sd().data()[i]);
        assert!((found - means[i]).abs() < 0.15 * sd, "mean {i}: {found} {} sd {sd}", means[i]);
        assert!((of_sd / sd - 1.0).abs() < 0.05, "sd {i}: {of_sd} {sd}");
    }

    let mut model = Linear { weight: FullCovariance::new([1, 2]) };
    Elbo::new(Gaussian::new(0.5)).quiet().fit(&mut model, &linear_data(), UntilConverged::new()).unwrap();
    let det = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let variance = p[1][1] / det;
    let factor = &model.weight.factor;
    let first = (factor.rho.data()[0].exp() + 1.0).ln();
    assert!((model.weight.mean.data()[0] - means[0]).abs() < 0.15 * variance.sqrt());
    assert!((first / variance.sqrt() - 1.0).abs() < 0.1, "{first} {}", variance.sqrt());
}

#[test]
fn a_bound_that_the_old_defaults_left_below_guessing_is_above_it() {
    let (x, labels) = examples(1500, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let bound = |adam: Option<Adam>| {
        let mut model = classifier(4, 24, 2);
        let elbo = Elbo::new(Categorical).seed(3).quiet();
        let mut elbo = adam.map_or(elbo.clone(), |adam| elbo.optimizer(adam));
        let report = elbo.fit(&mut model, &data, Epochs(80)).unwrap();
        (elbo.evaluate(&model, &data, Draws(64)).unwrap().elbo, report)
    };
    let (chosen, report) = bound(None);
    let (fixed, below) = bound(Some(Adam::new(1e-3)));
    let guessing = report.guessing.unwrap();
    assert!(chosen > guessing && guessing > fixed, "{chosen} {guessing} {fixed}");
    assert!(!report.conclusion().contains("the weights cost"), "{}", report.conclusion());
    assert!(below.conclusion().contains("the weights cost more than they explain"), "{}", below.conclusion());
}

#[test]
fn training_ends_within_its_limit() {
    let (x, labels) = examples(100, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    for limit in [0, 1, 2, 3, 31] {
        let mut elbo = Elbo::new(Categorical).quiet();
        let report = elbo.fit(&mut classifier(4, 3, 2), &data, UntilConverged::within(Epochs(limit))).unwrap();
        assert!(report.epochs.len() <= limit && !report.is_converged(), "{limit} {}", report.epochs.len());
        assert!(limit == 0 || report.epochs.len() + 2 >= limit, "{limit} {}", report.epochs.len());
    }
    // The rate falls to 0, unless there is a schedule; then training ends where it would begin to fall.
    let mut elbo = Elbo::new(Categorical).quiet();
    let report = elbo.fit(&mut classifier(4, 3, 2), &data, UntilConverged::within(Epochs(300))).unwrap();
    let factors: Vec<f64> = report.epochs.iter().map(|epoch| epoch.rate_factor).collect();
    assert!(factors[0] < 0.1 && factors[99] == 1.0 && factors[101] < 1.0 && factors[299] < 1e-3, "{factors:?}");
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).schedule(Schedule::constant()).quiet();
    let report = elbo.fit(&mut classifier(4, 3, 2), &data, UntilConverged::new()).unwrap();
    assert!(report.epochs.iter().all(|epoch| epoch.rate_factor == 1.0));
    assert!(report.is_converged() && report.epochs.len() < 60_000, "{}", report.epochs.len());
}

/// A weight that is used twice, one whose inputs have positions, one with dependent elements, and two that are used once.
#[bayesian]
struct Mixed {
    first: Dense,
    twice: Dense,
    #[prior(Normal(0.0, 1.0))]
    full: FullCovariance,
    positions: Dense,
    head: Dense,
}

#[bayesian]
impl Mixed {
    fn forward(&self, x: Var) -> Var {
        let x = self.first.forward(x).relu();
        let x = self.twice.forward(self.twice.forward(x).relu());
        let x = x.linear(self.full).relu();
        let rows = x.shape()[0];
        let x = self.positions.forward(x.reshape([rows, 2, 2])).reshape([rows, 4]);
        self.head.forward(x)
    }
}

fn mixed() -> Mixed {
    Mixed {
        first: Dense::new(4, 4),
        twice: Dense::new(4, 4),
        full: FullCovariance::new([4, 4]),
        positions: Dense::new(2, 2),
        head: Dense::new(4, 2),
    }
}

/// A weight that is not normal.
#[bayesian]
struct Positive {
    #[prior(LogNormalPrior(0.0, 1.0))]
    weight: LogNormal,
}

#[bayesian]
impl Positive {
    fn forward(&self, x: Var) -> Var {
        x.linear(self.weight)
    }
}

/// Two rows for each example.
#[bayesian]
struct Folded(Dense);

#[bayesian]
impl Folded {
    fn forward(&self, x: Var) -> Var {
        let rows = x.shape()[0];
        self.0.forward(x.reshape([2 * rows, 2])).reshape([rows, 4])
    }
}

fn trained<M: Model<Scalar = f32> + Send + Sync>(mut model: M, elbo: Elbo<Categorical>) -> Vec<u32> {
    let (x, labels) = examples(40, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    elbo.clone().fit(&mut model, &data, Epochs(3)).unwrap();
    parameters(&model).iter().map(|x| x.to_bits()).collect()
}

#[test]
fn local_reparameterisation_is_chosen_where_it_is_exact() {
    let elbo = || Elbo::new(Categorical).seed(2).quiet();
    let estimators = Estimators::default().set("first", Estimator::Local).set("head", Estimator::Local);
    assert!(trained(mixed(), elbo()) == trained(mixed(), elbo().estimators(estimators)));
    let whole = || classifier(4, 5, 2);
    let chosen = trained(whole(), elbo());
    assert!(chosen == trained(whole(), elbo().estimator(Estimator::Local)));
    assert!(chosen != trained(whole(), elbo().estimator(Estimator::Sample)));
    // Not for weights that are not normal, nor where an example has several rows.
    let positive = || Positive { weight: LogNormal::new([2, 4]) };
    assert!(trained(positive(), elbo()) == trained(positive(), elbo().estimator(Estimator::Sample)));
    let folded = || Folded(Dense::new(2, 2));
    assert!(trained(folded(), elbo()) == trained(folded(), elbo().estimator(Estimator::Sample)));
    // With an optimiser of one's own nothing is chosen.
    let own = || elbo().optimizer(Adam::new(1e-3));
    assert!(trained(whole(), own()) == trained(whole(), own().estimator(Estimator::Sample).batch_size(128)));
}

#[test]
fn the_first_step_of_each_parameter_is_its_rate() {
    let mut model =
        (Dense::new(400, 2), (Dense::of(4, 2, MeanField::new, LearnedNormal(1.0)), Tensor::<f32>::full([3], 1.0)));
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let mut loss: Option<Var> = None;
    model.visit(&Path::ROOT, &mut |_, _, tensor| {
        let sum = tape.param(tensor).sum();
        loss = Some(loss.map_or(sum, |loss| loss + sum));
    });
    loss.unwrap().backward(&mut gradients);
    let before = collect(&model);
    Adam::automatic().step(&mut model, &mut gradients);
    for ((name, role, before), (_, _, after)) in before.iter().zip(collect(&model)) {
        let rate = match (&name[..], role) {
            ("0.weight.mean", _) => 0.12 / 20.0,
            (_, Role::Mean) => 0.03,
            (name, _) if name.ends_with("rho") => 0.048,
            _ => 0.01,
        };
        assert!((f64::from(before - after) / rate - 1.0).abs() < 1e-4, "{name}: {before} {after}");
    }
}

fn collect(model: &impl Parameters<Scalar = f32>) -> Vec<(String, Role, f32)> {
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |path, role, tensor| all.push((path.to_string(), role, tensor.data()[0])));
    all
}

#[test]
fn a_start_that_fails_is_undone() {
    // Noise so small that the first loss is infinite.
    let y = Tensor::from_fn([20, 1], |i| 1e30 * i as f64);
    let data = Examples::new(Tensor::from_fn([20, 4], |i| i as f64), y).unwrap();
    let mut model = Dense::new(4, 1);
    let before = parameters(&model);
    let error = Elbo::new(Gaussian::new(1e-15)).quiet().fit(&mut model, &data, Epochs(5)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 0, .. }), "{error}");
    assert_eq!(parameters(&model), before);
}

#[test]
fn guessing_finds_the_components_of_a_mixture() {
    let y = Tensor::from_fn([200, 1], |i| if i % 2 == 0 { 3.0 } else { -3.0 } + 0.1 * (i as f64).sin());
    let data = Examples::new(Tensor::<f32>::zeros([200, 1]), y).unwrap();
    fn guess(
        likelihood: impl Likelihood<f32, Targets = Tensor> + Send,
        outputs: usize,
        data: &Examples<f32, Tensor>,
    ) -> f64 {
        Elbo::new(likelihood).quiet().fit(&mut Dense::new(1, outputs), data, Epochs(1)).unwrap().guessing.unwrap()
    }
    let one = guess(elbo::HeteroscedasticGaussian, 2, &data);
    let two = guess(MixtureDensity::new(2), 6, &data);
    // Two narrow modes are found: ln(sd of one) − ln(sd of each) nats a row better, less ln 2.
    assert!(two > one + 200.0 * (3f64.ln() - 0.5 - 2f64.ln()), "{one} {two}");
}

#[test]
fn early_stopping_works_under_a_large_limit_and_a_second_call_goes_on() {
    let (x, labels) = examples(600, 4, 2);
    let (train, held_out) = Examples::new(x, labels).unwrap().split(0.8, 1).unwrap();
    let mut model = classifier(4, 6, 2);
    let mut elbo = Elbo::new(Categorical).seed(1).quiet();
    let training = elbo.training(&mut model, &train).validate(&held_out, Draws(4));
    let report = training.early_stopping(Monitor::ValidationNll, 60).run(Epochs(100_000)).unwrap();
    let best = report.epochs[report.best.unwrap() - 1];
    assert!(best.validation_nll.unwrap() < 0.5, "{best:?}");
    assert!(!report.conclusion().contains("converged"), "{}", report.conclusion());

    let before = elbo.evaluate(&model, &train, Draws(32)).unwrap().elbo;
    elbo.fit(&mut model, &train, Epochs(1500)).unwrap();
    let after = elbo.evaluate(&model, &train, Draws(32)).unwrap().elbo;
    assert!(after > before, "{before} {after}");
}

#[test]
fn several_draws_and_accumulated_batches_are_trained_too() {
    let (x, labels) = examples(600, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let guessing = -600.0 * 2f64.ln();
    for elbo in [
        Elbo::new(Categorical).draws(3),
        Elbo::new(Categorical).accumulate(2),
        Elbo::new(Categorical).antithetic_pairs(1),
    ] {
        let mut model = classifier(4, 6, 2);
        let mut elbo = elbo.quiet();
        elbo.fit(&mut model, &data, Epochs(400)).unwrap();
        let bound = elbo.evaluate(&model, &data, Draws(32)).unwrap().elbo;
        assert!(bound > 0.9 * guessing, "{bound} {guessing}");
    }
    // One row.
    let one = Examples::new(Tensor::<f32>::full([1, 4], 1.0), vec![0]).unwrap();
    assert!(
        Elbo::new(Categorical).quiet().fit(&mut Dense::new(4, 2), &one, Epochs(300)).unwrap().last().elbo.is_finite()
    );
}
