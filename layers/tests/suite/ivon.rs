//! IVON: its authors' first steps, the exact posterior of a linear model, and what it refuses.

use elbo::prelude::*;
use elbo::{FixedNoise, Ivon, LogUniform, Schedule};

#[bayesian]
#[derive(Clone)]
struct Linear {
    #[prior(self.prior)]
    w: MeanField<f64>,
    #[skip]
    prior: Normal,
}

#[bayesian]
impl Linear {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let inputs = self.w.shape()[0];
        x.matmul((*self.w).reshape([inputs, 1]))
    }
}

#[test]
fn the_first_steps_are_those_of_the_authors_library() {
    let case: serde_json::Value = serde_json::from_str(include_str!("../reference/ivon_steps.json")).unwrap();
    let number = |key: &str| case[key].as_f64().unwrap();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let (x, y) = (Tensor::new([6, 3], numbers(&case["x"])), Tensor::new([6, 1], numbers(&case["y"])));
    let (prior_sd, rows) = (number("prior_sd"), 6.0);
    let sd = (rows * number("hess") + 1.0 / prior_sd.powi(2)).powf(-0.5);
    let w = MeanField::with_sd(Tensor::new([3], numbers(&case["means"])), sd);
    let mut model = Linear { w, prior: Normal(0.0, prior_sd) };
    let mut ivon = Ivon::new(number("rate")).betas(number("beta1"), number("beta2"));
    ivon.begin(&model, 6).unwrap();
    let (likelihood, objective) = (Gaussian::new(number("sd")), Objective::new(6));
    let mut gradients = Gradients::of(&model);
    for (step, expected) in case["steps"].as_array().unwrap().iter().enumerate() {
        let noise = FixedNoise::new().set("w", Tensor::new([3], numbers(&case["noise"][step])));
        let tape = Tape::new();
        let net = model.draw(&tape, Drawing::new(Key::new(0)).noise(&noise));
        let nll = likelihood.nll(net.forward(tape.input(&x)), &y);
        objective.loss(nll, net.kl(), step).backward(&mut gradients);
        drop(tape);
        ivon.step(&mut model, &mut gradients);
        crate::common::assert_near(model.w.mean.data(), &numbers(&expected["mean"]), 1e-12);
        crate::common::assert_near(model.w.sd().data(), &numbers(&expected["sd"]), 1e-12);
    }
}

/// A regression on two inputs, and the best mean-field posterior under N(0.5, 2²) with noise of 0.5: means and standard
/// deviations.
fn regression() -> (Examples<f64, Tensor<f64>>, [f64; 2], [f64; 2]) {
    let x =
        Tensor::from_fn([40, 2], |i| (1.3 * i as f64).sin() + if i % 2 == 1 { (0.8 * i as f64).cos() } else { 0.0 });
    let y = Tensor::from_fn([40, 1], |i| x.data()[2 * i] - 0.5 * x.data()[2 * i + 1] + 0.4 * (2.3 * i as f64).sin());
    let (mut p, mut b) = ([[0.25, 0.0], [0.0, 0.25]], [0.125; 2]);
    for (x, y) in x.data().chunks(2).zip(y.data()) {
        for i in 0..2 {
            b[i] += x[i] * y * 4.0;
            (0..2).for_each(|j| p[i][j] += x[i] * x[j] * 4.0);
        }
    }
    let determinant = p[0][0] * p[1][1] - p[0][1] * p[1][0];
    let mean = [(p[1][1] * b[0] - p[0][1] * b[1]) / determinant, (p[0][0] * b[1] - p[1][0] * b[0]) / determinant];
    (Examples::new(x, y).unwrap(), mean, [p[0][0].powf(-0.5), p[1][1].powf(-0.5)])
}

fn model() -> Linear {
    Linear { w: MeanField::with_sd(Tensor::zeros([2]), 0.1), prior: Normal(0.5, 2.0) }
}

#[test]
fn it_finds_the_best_mean_field_posterior_of_a_linear_model() {
    let (data, mean, sd) = regression();
    let mut linear = model();
    let ivon = Ivon::new(0.1).betas(0.9, 0.99);
    let elbo = Elbo::new(Gaussian::new(0.5)).optimizer(ivon).schedule(Schedule::cosine(1500));
    elbo.batch_size(20).draws(4).quiet().fit(&mut linear, &data, Epochs(750)).unwrap();
    for i in 0..2 {
        let (found, found_sd) = (linear.w.mean.data()[i], linear.w.sd().data()[i]);
        assert!((found - mean[i]).abs() < 0.1 * sd[i], "{found} {}", mean[i]);
        assert!((found_sd / sd[i] - 1.0).abs() < 0.1, "{found_sd} {}", sd[i]);
    }
}

#[test]
fn training_in_two_calls_is_training_in_one() {
    let (data, ..) = regression();
    let elbo = || Elbo::new(Gaussian::new(0.5)).optimizer(Ivon::new(0.05)).batch_size(16).seed(4).quiet();
    let (mut once, mut twice) = (model(), model());
    elbo().fit(&mut once, &data, Epochs(6)).unwrap();
    let mut first = elbo();
    first.fit(&mut twice, &data, Epochs(2)).unwrap();
    // The optimiser's state, its number of steps too, is in its copy.
    first.clone().fit(&mut twice, &data, Epochs(4)).unwrap();
    assert_eq!(once.w.mean.data(), twice.w.mean.data());
    assert_eq!(once.w.rho.data(), twice.w.rho.data());
    assert_ne!(once.w.rho.data(), model().w.rho.data());
}

#[test]
fn other_posteriors_and_priors_are_refused_before_the_first_step() {
    let x: Tensor = Tensor::from_fn([8, 2], |i| i as f64 / 16.0);
    let data = Examples::new(x, Tensor::zeros([8, 1])).unwrap();
    fn said<M: elbo::Model + Bayesian<Scalar = f32> + Send + Sync>(
        mut model: M,
        data: &Examples<f32, Tensor>,
    ) -> String {
        let mut elbo = Elbo::new(Gaussian::new(1.0)).optimizer(Ivon::new(0.1)).quiet();
        elbo.fit(&mut model, data, Epochs(1)).unwrap_err().to_string()
    }
    let family = said(Dense::of(2, 1, FullCovariance::new, Normal(0.0, 1.0)), &data);
    assert!(family.contains("the weight `weight` has the posterior `FullCovariance`"), "{family}");
    let prior = said(Dense::new(2, 1).prior(LogUniform), &data);
    assert!(prior.contains("the prior of the weight `weight` is not normal"), "{prior}");
    let point = Ivon::new(0.1).begin(&elbo::nn::WithConstants::new(Dense::new(2, 1), [0.0]), 8).unwrap_err();
    assert!(point.contains("`constants` is a parameter without a distribution"), "{point}");
    let learned = said(Dense::new(2, 1).prior(LearnedNormal(1.0)), &data);
    assert!(learned.contains("`prior.rho`"), "{learned}");
}

#[test]
fn losses_without_the_same_divergence_in_each_step_are_refused() {
    let (data, ..) = regression();
    let elbo = || Elbo::new(Gaussian::new(0.5)).optimizer(Ivon::new(0.05)).batch_size(16).quiet();
    let said = |mut elbo: Elbo<Gaussian, Ivon>| elbo.fit(&mut model(), &data, Epochs(1)).unwrap_err().to_string();
    assert!(said(elbo().warm_up(WarmUp::linear(10))).contains("a warm-up changes the divergence's weight"));
    assert!(said(elbo().free_nats(0.1)).contains("free nats take the divergence of some weights out of the loss"));
    assert!(said(elbo().kl_weight(KlWeight::Halving)).contains("KlWeight::Halving gives it another weight"));
    // Of 40 examples in batches of 16 the last has 8.
    assert!(said(elbo().kl_weight(KlWeight::PerExample)).contains("KlWeight::PerExample gives it another weight"));
    elbo().batch_size(20).kl_weight(KlWeight::PerExample).fit(&mut model(), &data, Epochs(1)).unwrap();
    elbo().tempering(Tempering::KlFactor(0.5)).fit(&mut model(), &data, Epochs(1)).unwrap();
    let map = Map::new(Gaussian::new(0.5)).optimizer(Ivon::new(0.05)).quiet().fit(&mut model(), &data, Epochs(1));
    assert!(map.unwrap_err().to_string().contains("a point estimate (`Map`) has no divergence"));
}

#[test]
fn a_tempered_divergence_divides_the_effective_sample_size() {
    let (data, ..) = regression();
    // The best mean-field posterior under half of the divergence: precisions Σx²/(sd² · 0.5) + 1/s².
    let sd = [0, 1].map(|i| {
        let squares: f64 = data.inputs().data().chunks(2).map(|x| x[i] * x[i]).sum();
        (squares * 4.0 / 0.5 + 0.25).powf(-0.5)
    });
    let mut linear = model();
    let elbo = Elbo::new(Gaussian::new(0.5)).optimizer(Ivon::new(0.1).betas(0.9, 0.99));
    let elbo = elbo.tempering(Tempering::KlFactor(0.5)).schedule(Schedule::cosine(1500)).batch_size(20).draws(4);
    elbo.quiet().fit(&mut linear, &data, Epochs(750)).unwrap();
    for (found, sd) in linear.w.sd().data().iter().zip(sd) {
        assert!((found / sd - 1.0).abs() < 0.1, "{found} {sd}");
    }
}
