//! Priors with hyperparameters: a learned scale, or a scale with its own posterior.

use elbo::engine::gradcheck;
use elbo::prelude::*;
use elbo::{Cx, Density, No, Path};

fn names<M: Bayesian>(model: &M) -> Vec<String> {
    let mut names = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
    names
}

fn numbers(len: usize, spread: f64) -> Tensor<f64> {
    Tensor::from_fn([len], |i| spread * (i as f64 * 1.7 + 0.3).sin())
}

fn weight(len: usize) -> MeanField<f64> {
    MeanField { mean: numbers(len, 0.8), rho: numbers(len, 1.5) }
}

/// A log-normal posterior, e to the power of a mean-field normal, as a user would write it for a positive weight.
struct Positive(MeanField<f64>);

impl Parameters for Positive {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut elbo::engine::Visitor<'_, 'a, f64>) {
        self.0.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut elbo::engine::VisitorMut<'_, f64>) {
        self.0.visit_mut(path, f);
    }
}

impl Posterior for Positive {
    type Local = No<Self>;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn sample<'t>(&'t self, cx: Cx<'t, f64>) -> Var<'t, f64> {
        self.0.sample(cx).exp()
    }

    fn mean<'t>(&'t self, tape: &'t Tape<f64>) -> Var<'t, f64> {
        let sd = tape.param(&self.0.rho).softplus();
        (tape.param(&self.0.mean) + sd.square() * 0.5).exp()
    }
}

impl Density for Positive {
    fn log_density<'t>(&'t self, w: Var<'t, f64>, cx: Cx<'t, f64>) -> Var<'t, f64> {
        let ln_w = w.ln();
        self.0.log_density(ln_w, cx) - ln_w.sum()
    }
}

#[bayesian]
struct Two<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>> {
    #[prior(self.scale)]
    first: Q,
    #[prior(self.scale)]
    second: Q,
    scale: P,
}

fn learned(sd: f64) -> Two<MeanField<f64>, LearnedNormal<f64>> {
    Two { first: weight(7), second: weight(3), scale: LearnedNormal(sd) }
}

fn hierarchical() -> Two<MeanField<f64>, HierarchicalNormal<Positive, MonteCarlo<HalfCauchy>>> {
    let sd = Positive(MeanField::with_sd(Tensor::new([], [-0.4]), 0.3));
    let scale = HierarchicalNormal(sd, MonteCarlo(HalfCauchy(1.0)));
    Two { first: weight(7), second: weight(3), scale }
}

#[test]
fn a_learned_scale_is_one_parameter_without_a_kl_term() {
    let model = learned(0.5);
    assert_eq!(names(&model), ["scale.rho", "first.mean", "first.rho", "second.mean", "second.rho"]);
    let terms: Vec<String> = model.kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(terms, ["first", "second"]);
    let fixed = |prior| model.first.kl(&prior) + model.second.kl(&prior);
    assert!((model.kl() - fixed(Normal(0.0, 0.5))).abs() < 1e-12);
    let tape = Tape::new();
    assert!((model.draw(&tape, Key::new(1)).kl().nats() - model.kl()).abs() < 1e-12);
    assert!(model.kl_is_exact());
}

#[test]
fn gradients_of_every_parameter_agree_with_differences() {
    for sd in [0.05, 1.0, 30.0] {
        gradcheck(&mut learned(sd), |tape, model| model.draw(tape, Key::new(1)).kl().var().unwrap())
            .assert_within(1e-7);
    }
    let report = gradcheck(&mut hierarchical(), |tape, model| {
        let draw = model.draw(tape, Key::new(1));
        draw.kl().var().unwrap() + (*draw.first).square().sum() * 0.1
    });
    report.assert_within(1e-7);
    let names: Vec<&str> = report.comparisons().iter().map(|comparison| &comparison.parameter[..]).collect();
    assert!(names.contains(&"scale.mean") && names.contains(&"scale.rho"), "{names:?}");
}

#[test]
fn points_and_estimates_learn_the_scale_too() {
    let prior = LearnedNormal(0.7);
    let mut points = Two { first: Point(numbers(5, 1.0)), second: Point(numbers(2, 2.0)), scale: prior.clone() };
    gradcheck(&mut points, |tape, model| model.draw(tape, Key::new(1)).kl().var().unwrap()).assert_within(1e-7);
    let fixed: f64 = [&points.first, &points.second].map(|point| Divergence::kl(point, &Normal(0.0, 0.7))).iter().sum();
    assert!((points.kl() - fixed).abs() < 1e-12);

    let mut estimated = Two { first: weight(4), second: weight(2), scale: MonteCarlo(prior) };
    assert_eq!(names(&estimated)[0], "scale.rho");
    gradcheck(&mut estimated, |tape, model| model.draw(tape, Key::new(1)).kl().var().unwrap()).assert_within(1e-7);
}

#[test]
fn training_finds_the_scale_of_the_weights() {
    // For point weights the best scale is their root mean square.
    let (first, second) = (numbers(40, 3.0), numbers(20, 3.0));
    let squares: f64 = first.data().iter().chain(second.data()).map(|w| w * w).sum();
    let mut model = Two { first: Point(first), second: Point(second), scale: LearnedNormal(1.0) };
    let (mut gradients, mut adam, mut tape) = (Gradients::of(&model), Adam::new(0.05), Tape::new());
    let before = [model.first.clone(), model.second.clone()];
    let put_back = |point: &mut Point<f64>, before: &Point<f64>| point.0.data_mut().copy_from_slice(before.0.data());
    for _ in 0..1500 {
        tape.reset();
        model.draw(&tape, Key::new(1)).kl().var().unwrap().backward(&mut gradients);
        adam.step(&mut model, &mut gradients);
        put_back(&mut model.first, &before[0]);
        put_back(&mut model.second, &before[1]);
    }
    let exact = (squares / 60.0).sqrt();
    assert!((model.scale.sd() / exact - 1.0).abs() < 1e-3, "{} instead of {exact}", model.scale.sd());
}

#[test]
fn a_scale_with_a_posterior_is_drawn_once_and_its_divergence_counts_once() {
    let model = hierarchical();
    assert_eq!(names(&model)[..2], ["scale.mean", "scale.rho"]);
    let tape = Tape::new();
    let draw = model.draw(&tape, Key::new(1));
    let mut terms = Vec::new();
    draw.each_kl(&Path::ROOT, &mut |path, nats| terms.push((path.to_string(), nats.item())));
    let names: Vec<&str> = terms.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["scale", "first", "second"]);

    // Given the scale drawn, the weights are under a fixed normal prior.
    let sd = draw.scale.sd.item();
    assert!((terms[1].1 - model.first.kl(&Normal(0.0, sd))).abs() < 1e-12);
    assert!((terms[2].1 - model.second.kl(&Normal(0.0, sd))).abs() < 1e-12);
    let ln_q = Normal(-0.4, 0.3);
    let tape_of_sd = Tape::<f64>::inference();
    let at = |x: f64| tape_of_sd.constant([], |_| x);
    let by_hand = ln_q.log_density(at(sd.ln())).item() - sd.ln() - HalfCauchy(1.0).log_density(at(sd)).item();
    assert!((terms[0].1 - by_hand).abs() < 1e-12, "{} {by_hand}", terms[0].1);
    assert!((draw.kl().nats() - terms.iter().map(|(_, nats)| nats).sum::<f64>()).abs() < 1e-12);
}

#[test]
fn a_random_scale_differs_between_draws() {
    let model = hierarchical();
    let tape = Tape::new();
    let several = model.draw(&tape, Drawing::new(Key::new(1)).draws(3));
    let kl = several.kl().var().unwrap();
    assert_eq!(kl.draws(), 3);
    assert_eq!(kl.value().len(), 3);
    for (i, nats) in kl.value().iter().enumerate() {
        let tape = Tape::new();
        let alone = model.draw(&tape, Key::new(1).draw(i)).kl().nats();
        assert!((nats - alone).abs() < 1e-12, "{i}: {nats} {alone}");
    }
}

#[test]
fn weights_start_with_the_priors_random_scale() {
    let model = hierarchical();
    let flat: Vec<f64> = (0..11).map(|i| 1.0 + f64::from(i)).collect();
    let (tape, mut weights) = (Tape::new(), model.mean_weights());
    weights.set_flat(&flat).unwrap();
    let draw = model.at(&tape, &weights);
    assert_eq!(draw.scale.sd.item(), 1.0);
    assert_eq!(draw.first.value(), &flat[1..8]);
    assert_eq!(draw.second.value(), &flat[8..]);
}

#[test]
fn dense_learns_the_scale_of_its_prior() {
    let mut layer = Dense::new(4, 3).prior(LearnedNormal(1.0));
    assert_eq!(names(&layer), ["prior.rho", "weight.mean", "weight.rho", "bias.mean", "bias.rho"]);
    let before = (layer.kl(), layer.prior.sd());
    let (mut gradients, mut adam, mut tape) = (Gradients::of(&layer), Adam::new(0.05), Tape::new());
    for step in 0..200 {
        tape.reset();
        layer.draw(&tape, Key::new(1).step(step)).kl().var().unwrap().backward(&mut gradients);
        adam.step(&mut layer, &mut gradients);
    }
    assert!(layer.kl() < before.0 && layer.prior.sd() < before.1, "{} {}", layer.kl(), layer.prior.sd());
    // A prior without hyperparameters adds no parameter.
    assert_eq!(names(&Dense::new(4, 3)), ["weight.mean", "weight.rho", "bias.mean", "bias.rho"]);
}

#[bayesian]
struct Tuple(
    #[prior(self.1)] MeanField<f64>,
    #[name("width")] LearnedNormal<f64>,
    Vec<Dense<MeanField<f64>, LearnedNormal<f64>>>,
);

#[test]
fn a_prior_is_named_like_any_parameter() {
    let layer = || Dense { weight: weight(1), bias: weight(1), prior: LearnedNormal(1.0) };
    let model = Tuple(weight(2), LearnedNormal(1.0), vec![layer(), layer()]);
    let names = names(&model);
    assert_eq!(names[..4], ["width.rho", "0.mean", "0.rho", "2.0.prior.rho"]);
    assert_eq!(names[8], "2.1.prior.rho");
    assert_eq!(model.num_parameters(), 1 + 4 + 2 * (1 + 4));
}

#[test]
fn every_rho_gives_finite_numbers_for_weights_at_their_mean() {
    for rho in [-1e4, -800.0, -40.0, 0.0, 50.0, 1e4] {
        let weight = MeanField { mean: Tensor::<f64>::zeros([2]), rho: Tensor::full([2], rho) };
        let mut scale = LearnedNormal(1.0);
        scale.rho = Tensor::full([], rho);
        let model = Two { first: weight.clone(), second: weight, scale };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let kl = model.draw(&tape, Key::new(1)).kl().var().unwrap();
        kl.backward(&mut gradients);
        // Posterior and prior are equal.
        assert!(kl.item().abs() < 1e-9 && model.kl().abs() < 1e-9, "{rho}: {kl:?}");
        assert_eq!(gradients.iter().count(), 5);
        assert!(gradients.iter().all(|(.., gradient)| gradient.iter().all(|g| g.abs() < 1e-9)), "{rho}");
    }
}

#[test]
fn a_hierarchical_divergence_is_estimated() {
    fn is_estimated<M: Bayesian<Exact = No<W>>, W>(_: &M) {}
    is_estimated(&hierarchical());
}
