//! SWAG and multi-SWAG: a closed form, the statistics of each draw, what is drawn, errors, and the same bits for any number of
//! threads.

use elbo::nn::BatchNorm;
use elbo::prelude::*;
use elbo::{Adam, Map, MultiSwag, Swag, SwagPosterior, TrainError};

use crate::common::{assert_near, parameters};

/// 400 rows of two inputs and a constant, y = 1.5 a − 0.7 b + 0.2 with noise of 0.5.
fn line() -> Examples<f64, Tensor<f64>> {
    let x = Tensor::from_fn([400, 2], |i| (i as f64 * 12.9898).sin() * 1.4);
    let y = Tensor::from_fn([400, 1], |row| {
        let [a, b] = [x.data()[2 * row], x.data()[2 * row + 1]];
        1.5 * a - 0.7 * b + 0.2 + 0.7 * (row as f64 * 78.233).sin()
    });
    Examples::new(x, y).unwrap()
}

#[test]
fn the_iterates_of_a_linear_model_spread_as_its_posterior_does() {
    let (data, noise) = (line(), 0.5);
    let mut model = Dense::of(2, 1, MeanField::<f64>::new, Normal::new(0.0, 1.0));
    let swag = Swag::new(Gaussian::new(noise)).iterates(400).rank(100).quiet();
    let swag = swag.fit(&mut model, &data, UntilConverged::new()).unwrap();
    // The posterior's precision is XᵀX/σ² + I, nearly diagonal.
    let squares = |column: usize| data.inputs().data().chunks(2).map(|row| row[column].powi(2)).sum::<f64>();
    let exact = [squares(0), squares(1), 400.0].map(|squares| (squares / (noise * noise) + 1.0).sqrt().recip());
    let found: Vec<f64> = swag.sds().into_iter().flat_map(|(_, sds)| sds).collect();
    let ratios: Vec<f64> = found.iter().zip(exact).map(|(found, exact)| found / exact).collect();
    assert!(ratios.iter().all(|ratio| (0.8..1.25).contains(ratio)), "{ratios:?}");
    // The average of the iterates is the estimate, within its error.
    let mut map = Dense::of(2, 1, MeanField::<f64>::new, Normal::new(0.0, 1.0));
    Map::new(Gaussian::new(noise)).quiet().fit(&mut map, &data, UntilConverged::new()).unwrap();
    for ((average, estimate), exact) in model.mean_weights().flat().iter().zip(map.mean_weights().flat()).zip(exact) {
        assert!((average - estimate).abs() < 0.5 * exact, "{average} {estimate} {exact}");
    }
    // Draws have the covariance that is said.
    let many = swag.clone().redraw(data.inputs(), Draws(4000));
    for (index, sd) in found.iter().enumerate() {
        let drawn: Vec<f64> = many.models().iter().map(|model| model.mean_weights().flat()[index]).collect();
        let mean = drawn.iter().sum::<f64>() / 4000.0;
        let variance = drawn.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / 3999.0;
        assert!((variance.sqrt() / sd - 1.0).abs() < 0.05, "{} {sd}", variance.sqrt());
    }
}

#[bayesian]
#[derive(Clone)]
struct Net {
    first: Dense,
    norm: BatchNorm,
    head: Dense,
    /// Counts the forward passes: a buffer that has no fixed point.
    passes: Buffer,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.passes.update(self.passes.var() + 1.0);
        self.head.forward(self.norm.forward(self.first.forward(x)).tanh())
    }
}

fn net() -> Net {
    Net { first: Dense::new(2, 8), norm: BatchNorm::new(8), head: Dense::new(8, 2), passes: Buffer(Tensor::zeros([1])) }
}

fn classes() -> Examples {
    let x = Tensor::from_fn([48, 2], |i| (i as f64 * 0.61).sin() * 2.0);
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] * point[1] > 0.0)).collect();
    Examples::new(x, labels).unwrap()
}

fn fitted(threads: usize) -> SwagPosterior<Net> {
    let swag = Swag::new(Categorical).seed(3).threads(threads).iterates(12).rank(6).draws(5).batch_size(12).quiet();
    swag.fit(&mut net(), &classes(), Epochs(20)).unwrap()
}

/// The mean over four batches of the batch's means and unbiased variances of the first layer's outputs.
fn statistics(model: &Net) -> [Vec<f32>; 2] {
    let data = classes();
    let tape = Tape::inference();
    let outputs = model.mean(&tape).first.forward(tape.input(data.inputs()));
    let (mut means, mut variances) = (vec![0.0; 8], vec![0.0; 8]);
    for batch in outputs.value().chunks(12 * 8) {
        for channel in 0..8 {
            let of: Vec<f64> = batch.chunks(8).map(|row| f64::from(row[channel])).collect();
            let mean = of.iter().sum::<f64>() / 12.0;
            means[channel] += mean / 4.0;
            variances[channel] += of.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 11.0 / 4.0;
        }
    }
    [means, variances].map(|values: Vec<f64>| values.into_iter().map(|v| v as f32).collect())
}

#[test]
fn each_draw_has_the_statistics_of_its_own_weights() {
    let swag = fitted(2);
    let all = swag.models().iter().chain([swag.mean()]);
    for model in all {
        let [means, variances] = statistics(model);
        assert_near(model.norm.mean.0.data(), &means, 2e-5);
        assert_near(model.norm.variance.0.data(), &variances, 2e-4);
        assert_eq!(model.passes.0.data(), swag.mean().passes.0.data());
    }
    assert_ne!(swag.models()[0].norm.mean.0.data(), swag.models()[1].norm.mean.0.data());
    let predicted = swag.predict(&Categorical, classes().inputs());
    assert_eq!((swag.count(), swag.rank(), swag.iterates()), (5, 6, 12));
    assert!(predicted.accuracy(classes().targets()) > 0.6);
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let [one, two] = [1, 2].map(fitted);
    for (a, b) in one.models().iter().zip(two.models()) {
        assert_eq!(parameters(a), parameters(b));
    }
    assert_eq!(one.learning_rate(), two.learning_rate());
}

#[test]
fn the_struct_becomes_the_average_and_frozen_weights_and_scales_stay() {
    let data = classes();
    let mut model = net();
    model.initialise(Key::new(7));
    let (head, scales) = (model.head.weight.mean.clone(), model.first.weight.rho.clone());
    let map = Map::new(Categorical).optimizer(Adam::automatic().freeze("head")).quiet();
    let swag = Swag::of(map).iterates(8).draws(3).fit(&mut model, &data, Epochs(10)).unwrap();
    assert_eq!(parameters(&model), parameters(swag.mean()));
    for drawn in swag.models() {
        assert_eq!(drawn.head.weight.mean.data(), head.data());
        assert_eq!(drawn.first.weight.rho.data(), scales.data());
        assert_ne!(drawn.first.weight.mean.data(), swag.mean().first.weight.mean.data());
        assert_ne!(drawn.norm.weight.0.data(), swag.mean().norm.weight.0.data());
    }
    let frozen = swag.sds().into_iter().find(|(name, _)| name == "head.weight.mean").unwrap().1;
    assert!(frozen.iter().all(|sd| *sd == 0.0));
}

#[test]
fn multi_swag_pools_members_with_seeds_of_their_own() {
    let data = classes();
    let swag = Swag::new(Categorical).seed(3).iterates(12).rank(6).draws(5).batch_size(12).quiet();
    let pool = MultiSwag::of(swag, 2).threads(2).fit(net, &data, Epochs(20)).unwrap();
    assert_eq!(pool.count(), 10);
    assert_eq!(parameters(&pool.members()[0].models()[4]), parameters(&fitted(1).models()[4]));
    assert_ne!(parameters(pool.members()[0].mean()), parameters(pool.members()[1].mean()));
    let none = MultiSwag::new(Categorical, 0).quiet().fit(net, &data, Epochs(1));
    assert!(
        matches!(none, Err(TrainError::Options(said)) if said == "MultiSwag: at least one member is needed, got 0")
    );
}

#[test]
fn options_out_of_range_are_errors() {
    let data = classes();
    let said = |swag: Swag<Categorical>| match swag.quiet().fit(&mut net(), &data, Epochs(1)) {
        Err(TrainError::Options(said)) => said,
        other => panic!("{other:?}"),
    };
    let new = || Swag::new(Categorical);
    assert_eq!(said(new().learning_rate(0.0)), "Swag: the learning rate must be positive and finite, got 0");
    assert_eq!(said(new().batch_size(0)), "Swag: a batch must have at least one example, got 0");
    assert_eq!(said(new().every(Epochs(0))), "Swag: there must be at least one epoch between iterates, got 0");
    assert_eq!(said(new().iterates(1)), "Swag: at least two iterates are needed for a variance, got 1");
    assert_eq!(said(new().draws(0)), "Swag: at least one draw is needed, got 0");
    let diverges = new().learning_rate(1e6).quiet().fit(&mut net(), &data, Epochs(1));
    assert!(matches!(diverges, Err(TrainError::NonFinite { .. })), "{diverges:?}");
}
