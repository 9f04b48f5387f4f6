//! MAP estimates, deep ensembles and pools: closed forms, what is learned, and the same bits for any number of threads.

use elbo::nn::{BatchNorm, Dropout};
use elbo::prelude::*;
use elbo::{Ensemble, Laplace, LaplaceError, LogJoint, Map, Pool, PriorGroups, TrainError};

use crate::common::{assert_near, parameters};

/// y = x w + b with noise of 0.3, and a weight that the prior pulls to 0.
fn line() -> Examples<f64, Tensor<f64>> {
    let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.37).sin() + if i % 2 == 0 { 0.2 } else { 0.0 });
    let y = Tensor::from_fn([40, 1], |row| {
        let [a, b] = [x.data()[2 * row], x.data()[2 * row + 1]];
        1.5 * a - 0.7 * b + 0.2 + 0.3 * (row as f64 * 1.3).cos()
    });
    Examples::new(x, y).unwrap()
}

fn linear() -> Dense<MeanField<f64>> {
    Dense::of(2, 1, MeanField::new, Normal::new(0.0, 0.5))
}

/// The maximum of the log joint density of `linear()` on `line()`: the solution of (XᵀX/σ² + I/s²) w = Xᵀy/σ².
fn ridge(data: &Examples<f64, Tensor<f64>>) -> Vec<f64> {
    let (x, y) = (data.inputs().data(), data.targets().data());
    let row = |i: usize| [x[2 * i], x[2 * i + 1], 1.0];
    let mut system = [[0.0; 4]; 3];
    for (j, equation) in system.iter_mut().enumerate() {
        equation[j] += 1.0 / 0.25;
        for (i, y) in y.iter().enumerate() {
            (0..3).for_each(|k| equation[k] += row(i)[j] * row(i)[k] / 0.09);
            equation[3] += row(i)[j] * y / 0.09;
        }
    }
    for pivot in 0..3 {
        for other in (0..3).filter(|&other| other != pivot) {
            let factor = system[other][pivot] / system[pivot][pivot];
            (0..4).for_each(|k| system[other][k] -= factor * system[pivot][k]);
        }
    }
    (0..3).map(|j| system[j][3] / system[j][j]).collect()
}

#[test]
fn the_estimate_of_a_linear_model_is_that_of_ridge_regression() {
    let (data, mut model, likelihood) = (line(), linear(), Gaussian::new(0.3));
    let before: Vec<f64> = model.weight.rho.data().to_vec();
    let mut map = Map::new(likelihood).quiet();
    let report = map.fit(&mut model, &data, UntilConverged::new()).unwrap();
    let expected = ridge(&data);
    assert_near(&model.mean_weights().flat(), &expected, 1e-6);
    // Nothing else is learned, and the report has the log joint density at the estimate.
    assert_eq!(model.weight.rho.data(), before);
    let density = LogJoint::new(&model, &likelihood, &data).value(&model.mean_weights());
    assert!((report.last().elbo - density).abs() < 1e-6, "{} {density}", report.last().elbo);
    assert!((report.last().kl + density + 40.0 * report.last().nll).abs() < 1e-6);
    assert!(report.is_converged() && report.guessing.is_none());
    let said = report.conclusion();
    assert!(said.starts_with("converged: the log joint density ") && !said.contains("ELBO"), "{said}");
    assert!(report.to_string().contains("ln p(y, w)"));
    let predicted = model.point_estimate().predict(&likelihood, data.inputs());
    let [a, b] = [0, 1].map(|i| data.inputs().data()[i] * expected[i]);
    assert!((predicted.mean()[0] - (a + b + expected[2])).abs() < 1e-6);
}

#[bayesian]
struct Net {
    first_prior: LearnedNormal,
    #[prior(self.first_prior)]
    weight: MeanField,
    norm: BatchNorm,
    dropout: Dropout,
    head: Dense,
    offset: Point,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        let x = self.norm.forward(x.linear(self.weight)).relu();
        self.head.forward(self.dropout.forward(x)) + self.offset
    }
}

fn net(rate: f64) -> Net {
    Net {
        first_prior: LearnedNormal::new(0.7),
        weight: MeanField::new([8, 2]),
        norm: BatchNorm::new(8),
        dropout: Dropout::new(rate),
        head: Dense::new(8, 2),
        offset: Point::new([2]),
    }
}

fn classes() -> Examples {
    let x = Tensor::from_fn([48, 2], |i| (i as f64 * 0.61).sin() * 2.0);
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] * point[1] > 0.0)).collect();
    Examples::new(x, labels).unwrap()
}

fn fitted(rate: f64) -> Net {
    let mut model = net(rate);
    Map::new(Categorical).seed(3).quiet().fit(&mut model, &classes(), Epochs(30)).unwrap();
    model
}

#[test]
fn deterministic_weights_and_buffers_are_learned_and_hyperparameters_are_not() {
    let (start, plain) = (net(0.0), fitted(0.0));
    assert_eq!(plain.first_prior.rho.data(), start.first_prior.rho.data());
    assert_ne!(plain.offset.0.data(), start.offset.0.data());
    assert_ne!(plain.norm.mean.0.data(), start.norm.mean.0.data());
    // Dropout makes noise in training, and none in predictions.
    let dropped = fitted(0.5);
    assert_ne!(parameters(&plain), parameters(&dropped));
    let predict = || dropped.point_estimate().predict(&Categorical, classes().inputs());
    assert_eq!(predict(), predict());
}

#[test]
fn validation_is_at_the_estimate() {
    let (train, held_out) = classes().split(0.75, 1).unwrap();
    let mut model = net(0.1);
    let mut map = Map::new(Categorical).seed(1).quiet();
    let report = map.training(&mut model, &train).validate(&held_out, Draws(7)).run(Epochs(5)).unwrap();
    let nll = model.point_estimate().predict(&Categorical, held_out.inputs()).nll(held_out.targets());
    assert!((report.last().validation_nll.unwrap() - nll).abs() < 1e-6);
}

#[test]
fn an_ensemble_averages_maps_with_their_own_seeds_and_buffers() {
    let data = classes();
    let fit = |threads: usize| {
        let ensemble = Ensemble::new(Categorical, 3).seed(3).threads(threads).quiet();
        ensemble.fit(|| net(0.2), &data, Epochs(10)).unwrap()
    };
    let (one, two) = (fit(1), fit(3));
    for (a, b) in one.models().iter().zip(two.models()) {
        assert_eq!(parameters(a), parameters(b));
    }
    let mut second = net(0.2);
    Map::new(Categorical).seed(4).quiet().fit(&mut second, &data, Epochs(10)).unwrap();
    assert_eq!(parameters(&one.models()[1]), parameters(&second));
    assert_ne!(parameters(&one.models()[0]), parameters(&second));

    let together = one.predict(&Categorical, data.inputs());
    let each: Vec<_> =
        one.models().iter().map(|model| model.point_estimate().predict(&Categorical, data.inputs())).collect();
    let mean: Vec<f64> =
        (0..together.mean().len()).map(|i| each.iter().map(|of| of.mean()[i]).sum::<f64>() / 3.0).collect();
    assert_near(together.mean(), &mean, 1e-6);
    // The same as a pool of the estimates.
    let pool = Pool::new(one.models().iter().map(PredictFromPosterior::point_estimate).collect());
    assert_eq!(pool.predict(&Categorical, data.inputs()), together);
    assert_eq!((pool.count(), one.count(), one.reports().len()), (3, 3, 3));
}

#[test]
fn an_ensemble_of_none_and_impossible_targets_are_errors() {
    let data = classes();
    let none = Ensemble::new(Categorical, 0).quiet().fit(|| net(0.0), &data, Epochs(1));
    assert!(matches!(none, Err(TrainError::Options(said)) if said.contains("at least one member")));
    let labels = Examples::new(data.inputs().clone(), vec![5; 48]).unwrap();
    let wrong = Ensemble::new(Categorical, 2).quiet().fit(|| net(0.0), &labels, Epochs(1));
    assert!(matches!(wrong, Err(TrainError::Targets(_))));
}

#[test]
#[should_panic(expected = "Pool: a member samples outputs in place of weights")]
fn a_pool_of_sampled_outputs_is_refused() {
    let model = Dense::new(2, 2);
    let _ = Pool::new(vec![SampledOutputs::new(&model, Draws(4))]);
}

type Layers = (Dense, Dropout, Dense);

fn through<'t>((first, dropout, last): <Layers as Bayesian>::Draw<'t>, x: Var<'t>) -> Var<'t> {
    last.forward(dropout.forward(first.forward(x).relu()))
}

#[test]
fn monte_carlo_dropout_averages_masks_at_the_estimate() {
    let data = classes();
    let mut model: Layers = (Dense::new(2, 16), Dropout::monte_carlo(0.5), Dense::new(16, 2));
    Map::new(Categorical).seed(5).quiet().fit_with(&mut model, &data, Epochs(40), through).unwrap();
    let at = model.point_estimate();
    let off = at.outputs_with(data.inputs(), through);
    let on = at.with_noise(Draws(4000)).outputs_with(data.inputs(), through);
    assert_eq!([off.draws(), on.draws()], [1, 4000]);
    // The head is linear, so that the mean over masks is the output without dropout.
    let within = on.mean().iter().zip(off.mean()).zip(on.sd()).all(|((on, off), sd)| {
        let error = sd / 4000f64.sqrt();
        (on - off).abs() < 5.0 * error
    });
    assert!(within, "{:?} {:?}", on.mean(), off.mean());
}

#[bayesian]
struct Scale {
    #[prior(LogNormalPrior(0.0, 1.0))]
    scale: LogNormal<f64>,
}

#[bayesian]
impl Scale {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        x * *self.scale
    }
}

#[test]
fn a_positive_weight_is_estimated_at_the_mode_of_its_logarithm() {
    let x = Tensor::<f64>::new([4, 1], [0.5, -1.0, 1.5, 0.8]);
    let y = Tensor::new([4, 1], [0.9, -0.4, 1.1, 1.3]);
    let data = Examples::new(x, y).unwrap();
    let mut model = Scale { scale: LogNormal::new([1]) };
    let before = parameters_of(&model);
    Map::new(Gaussian::new(1.0)).quiet().fit(&mut model, &data, UntilConverged::new()).unwrap();
    // −u²/2 − Σ (y − x eᵘ)²/2 is largest where −u + eᵘ Σ x (y − x eᵘ) = 0.
    let u = model.mean_weights().flat()[0].ln();
    let slope = -u
        + u.exp()
            * data.inputs().data().iter().zip(data.targets().data()).map(|(x, y)| x * (y - x * u.exp())).sum::<f64>();
    assert!(slope.abs() < 1e-5, "{u} {slope}");
    let after = parameters_of(&model);
    assert_eq!(before.len(), 2);
    assert_ne!(before[0], after[0]);
    assert_eq!(before[1], after[1]);

    const STEP: f64 = 2e-3;
    // Laplace's evidence of ln w, against ∫ p(y | u) p(u) du by the midpoint rule.
    let density = |u: f64| {
        let squares: f64 =
            data.inputs().data().iter().zip(data.targets().data()).map(|(x, y)| (y - x * u.exp()).powi(2)).sum();
        (-0.5 * (squares + u * u + 5.0 * std::f64::consts::TAU.ln())).exp()
    };
    let exact = (-4000..4000).map(|i| STEP * density((f64::from(i) + 0.5) * STEP)).sum::<f64>().ln();
    let laplace = Laplace::new(Gaussian::new(1.0)).full().hessian().fit(&model, &data).unwrap();
    assert!((laplace.log_evidence() - exact).abs() < 0.1, "{} {exact}", laplace.log_evidence());
}

fn parameters_of(model: &impl Bayesian<Scalar = f64>) -> Vec<Vec<f64>> {
    let mut all = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.push(tensor.data().to_vec()));
    all
}

#[bayesian]
struct Tanh {
    first: Dense<MeanField<f64>>,
    last: Dense<MeanField<f64>>,
}

#[bayesian]
impl Tanh {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.last.forward(self.first.forward(x).tanh())
    }
}

#[test]
fn no_prior_precision_is_fitted_to_an_indefinite_curvature() {
    let x = Tensor::<f64>::from_fn([30, 2], |i| (i as f64 * 0.7).sin() * 1.5);
    let labels = x.data().chunks(2).map(|x| usize::from(x[0] * x[1] > 0.1)).collect();
    let data = Examples::new(x, labels).unwrap();
    let mut net = Tanh { first: Dense::mean_field(2, 6), last: Dense::mean_field(6, 2) };
    Map::new(Categorical).seed(2).quiet().fit(&mut net, &data, Epochs(300)).unwrap();
    let posterior = Laplace::new(Categorical).full().hessian().fit(&net, &data).unwrap();
    for groups in [PriorGroups::One, PriorGroups::ByLayer] {
        let again = Laplace::new(Categorical).full().hessian().fit(&net, &data).unwrap();
        let refused = again.fit_prior(groups);
        assert!(matches!(refused, Err(LaplaceError::Indefinite { .. })), "{:?}", refused.map(|_| ()));
    }
    assert!(posterior.log_evidence().is_finite());
    let gauss_newton = Laplace::new(Categorical).full().fit(&net, &data).unwrap();
    assert!(gauss_newton.fit_prior(PriorGroups::ByLayer).is_ok());
}
