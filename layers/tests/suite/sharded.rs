//! Batches that are split into shards: the same training up to rounding, whatever noise a model has.

use elbo::nn::{
    Conv2d, DropConnect, Dropout, GaussianDropout, Lstm, Noise, Rank1Dense, StochasticDepth, VariationalDropout,
};
use elbo::prelude::*;
use elbo::{Model, Path, Shape, TrainError};

fn parameters<M: Parameters<Scalar = f64>>(model: &M) -> Vec<f64> {
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
    all
}

/// 51 examples: batches of 24 leave 3, of which 8 shards get 1, 0, 1, 0, 0, 1, 0 and 0.
fn data(shape: &[usize]) -> Examples<f64, Tensor<f64>> {
    let shape: Shape = [51].iter().chain(shape).copied().collect();
    let y = Tensor::from_fn([51, 2], |i| if i % 7 == 3 { f64::NAN } else { (i as f64 * 0.3).cos() });
    let weights: Vec<f64> = (0..51).map(|i| f64::from(i % 4)).collect();
    Examples::with_missing(Tensor::from_fn(shape, |i| (i as f64 * 0.7).sin()), y)
        .unwrap()
        .with_weights(weights)
        .unwrap()
}

/// Trains `model` with and without shards, and compares parameters and reports.
fn same<M>(what: &str, model: &M, inputs: &[usize], elbo: impl Fn() -> Elbo<Gaussian>)
where
    M: Model + Bayesian<Scalar = f64, Batch = elbo::Yes> + Clone + Send + Sync,
{
    let data = data(inputs);
    let trained = |shards: Option<usize>| {
        let (mut model, before) = (model.clone(), parameters(model));
        let mut elbo = elbo().optimizer(Sgd::new(0.002)).batch_size(24).quiet();
        let training = elbo.training(&mut model, &data);
        let report = match shards {
            Some(shards) => training.shards(shards).run(Epochs(3)),
            None => training.run(Epochs(3)),
        };
        let after = parameters(&model);
        assert!(before.iter().zip(&after).any(|(a, b)| (a - b).abs() > 1e-4), "{what}: nothing was trained");
        let report = report.unwrap();
        (after, report.epochs.iter().map(|epoch| [epoch.nll, epoch.kl, epoch.kl_weight]).collect::<Vec<_>>())
    };
    let (whole, expected) = trained(None);
    for shards in [1, 2, 5, 8] {
        let (parts, found) = trained(Some(shards));
        let pairs = whole.iter().zip(&parts).chain(expected.iter().flatten().zip(found.iter().flatten()));
        for (a, b) in pairs {
            assert!((a - b).abs() <= 1e-11 * a.abs().max(1.0), "{what} in {shards} shards: {a} {b}");
        }
    }
}

fn gaussian() -> Elbo<Gaussian> {
    Elbo::new(Gaussian::new(0.5)).estimator(Estimator::Sample)
}

#[bayesian]
#[derive(Clone)]
struct Mlp {
    hidden: Dense<MeanField<f64>>,
    head: Dense<MeanField<f64>>,
}

#[bayesian]
impl Mlp {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

/// Its width is not a multiple of the noise's blocks.
fn mlp() -> Mlp {
    Mlp { hidden: Dense::mean_field(3, 7).initial_sd(0.3), head: Dense::mean_field(7, 2).initial_sd(0.3) }
}

#[test]
fn every_estimator_has_the_whole_batch_s_noise() {
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        same(&format!("{estimator:?}"), &mlp(), &[3], || gaussian().estimator(estimator));
        same(&format!("{estimator:?}, pairs"), &mlp(), &[3], || gaussian().estimator(estimator).antithetic_pairs(2));
        same(&format!("{estimator:?}, accumulated"), &mlp(), &[3], || {
            gaussian().estimator(estimator).accumulate(2).draws(2).free_nats(0.5)
        });
    }
}

#[bayesian]
#[derive(Clone)]
struct Images {
    conv: Conv2d<MeanField<f64>>,
    head: Dense<MeanField<f64>>,
}

#[bayesian]
impl Images {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let x = self.conv.forward(x).relu();
        self.head.forward(x.reshape([x.shape()[0], 3 * 4 * 4]))
    }
}

#[test]
fn convolutions_have_the_whole_batch_s_noise() {
    let field = |shape: &[usize]| MeanField::new(shape);
    let conv = Conv2d::of(2, 3, [2, 2], field, Normal(0.0, 1.0)).initial_sd(0.2);
    let model = Images { conv, head: Dense::mean_field(48, 2).initial_sd(0.2) };
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        same(&format!("{estimator:?}"), &model, &[2, 5, 5], || gaussian().estimator(estimator));
    }
}

#[bayesian]
#[derive(Clone)]
struct Sequences {
    lstm: Lstm<MeanField<f64>>,
    dropout: Dropout<f64>,
    head: Dense<MeanField<f64>>,
}

#[bayesian]
impl Sequences {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let states = self.dropout.forward(self.lstm.forward(x));
        self.head.forward(states.mean_axes(&[1], false))
    }
}

#[test]
fn recurrent_layers_have_the_whole_batch_s_noise() {
    let lstm = Lstm::of(3, 4, MeanField::new, Normal(0.0, 1.0)).initial_sd(0.2);
    let model = Sequences { lstm, dropout: Dropout::new(0.3), head: Dense::mean_field(4, 2).initial_sd(0.2) };
    for estimator in [Estimator::Sample, Estimator::Flipout] {
        same(&format!("{estimator:?}"), &model, &[6, 3], || gaussian().estimator(estimator));
    }
}

#[bayesian]
#[derive(Clone)]
struct Noisy {
    connect: DropConnect<MeanField<f64>>,
    dropout: Dropout<f64>,
    branch: StochasticDepth<Dense<MeanField<f64>>>,
    gaussian: GaussianDropout<f64>,
    variational: VariationalDropout<f64>,
    noise: Noise<f64>,
    head: Rank1Dense<MeanField<f64>>,
}

#[bayesian]
impl Noisy {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let x = self.dropout.forward(self.connect.forward(x).tanh());
        let x = self.gaussian.forward(x + self.branch.forward(x));
        let x = self.variational.forward(self.dropout.forward(x));
        self.head.forward(x + self.noise.normal(x) * 0.1)
    }
}

#[test]
fn layers_with_noise_of_their_own_have_the_whole_batch_s_noise() {
    let normal = Normal(0.0, 1.0);
    let model = Noisy {
        connect: DropConnect::of(3, 5, 0.3, MeanField::new, normal),
        dropout: Dropout::new(0.2),
        branch: StochasticDepth::new(Dense::mean_field(5, 5), 0.4),
        gaussian: GaussianDropout::new(0.2),
        variational: VariationalDropout::new(5),
        noise: Noise::new(),
        head: Rank1Dense::of(5, 2, MeanField::new, normal),
    };
    for estimator in [Estimator::Sample, Estimator::Flipout] {
        same(&format!("{estimator:?}"), &model, &[3], || gaussian().estimator(estimator));
    }
}

#[test]
fn an_estimated_divergence_counts_once() {
    let prior = MonteCarlo(ScaleMixture::new([0.5, 0.5], [1.0, 0.1]));
    let model = Dense::of(3, 2, MeanField::<f64>::new, prior).initial_sd(0.3);
    same("mixture", &model, &[3], gaussian);
    same("mixture, path derivative", &model, &[3], || gaussian().path_derivative());
}

#[test]
fn an_infinite_loss_names_the_examples_and_undoes_the_step() {
    // The loss of example 3 is infinite as soon as the slope is not 0, which the other examples make it.
    let x = Tensor::from_fn([8, 1], |i| if i == 3 { 1e200 } else { 1.0 });
    let y = Tensor::from_fn([8, 1], |i| if i == 3 { 0.0 } else { 1.0 });
    let data = Examples::new(x, y).unwrap();
    let mut model = Dense::of(1, 1, |shape| Point(Tensor::<f64>::zeros(shape)), Normal(0.0, 1.0));
    let mut elbo = Elbo::new(Gaussian::new(1.0)).optimizer(Sgd::new(0.1)).batch_size(8).quiet();
    let error = elbo.training(&mut model, &data).shards(4).run(Epochs(3)).unwrap_err();
    let TrainError::NonFinite { step: 1, place, .. } = &error else { panic!("{error}") };
    let (named, row) = place.rsplit_once(", in examples ").expect("the examples").1.split_once("; ").expect("a row");
    assert_eq!(row, "the first whose own loss is not finite is example 3 (from 0) of the training set");
    let numbers: Vec<usize> = named.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers.len() == 2 && numbers[1] == numbers[0] + 1 && numbers[0].is_multiple_of(2), "{place}");
    assert_eq!(parameters(&model), [0.0, 0.0]);
}

#[test]
fn a_panic_names_the_examples() {
    let data = Examples::new(Tensor::from_fn([8, 1], |i| i as f64), Tensor::zeros([8, 1])).unwrap();
    let mut elbo = Elbo::new(Gaussian::new(1.0)).batch_size(8).quiet();
    let mut model = Dense::<MeanField<f64>>::mean_field(1, 1);
    let error = elbo.training(&mut model, &data).shards(2).run_with(Epochs(1), |net, x| {
        // Not in the trial before the first step, of a whole batch.
        assert!(x.shape()[0] == 8, "four rows");
        net.forward(x)
    });
    let Err(TrainError::Forward { message, inputs, .. }) = error else { panic!("{error:?}") };
    assert_eq!((message.as_str(), inputs), ("four rows (examples 0 to 3 (from 0) of the batch)", vec![4, 1]));
}

#[test]
#[should_panic(expected = "Training: a batch must have at least one shard, got 0")]
fn no_shards_are_refused() {
    let data = Examples::new(Tensor::<f32>::zeros([2, 1]), Tensor::zeros([2, 1])).unwrap();
    let _ = Elbo::new(Gaussian::new(1.0)).training(&mut Dense::new(1, 1), &data).shards(0);
}
