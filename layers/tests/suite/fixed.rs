//! `Fixed`: a part of a model without randomness and without a prior, in every kind of inference.

use elbo::engine::gradcheck;
use elbo::nn::{Dropout, Fixed, LastLayer, Relu, Residual, Sequential};
use elbo::prelude::*;
use elbo::{ExpectedGaussian, Flipout, Kind, Laplace, Local, Map, Path, Swag, Yes};

use crate::common::assert_near;

type Double<Q = MeanField<f64>> = Dense<Q>;

/// A Bayesian last layer on a certain body.
#[bayesian]
#[derive(Clone)]
struct Net {
    body: Fixed<Double>,
    head: Double,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.head.forward(self.body.forward(x).tanh())
    }
}

/// The same with parameters in place of the body.
#[bayesian]
#[derive(Clone)]
struct Plain {
    weight: Point<f64>,
    bias: Point<f64>,
    head: Double,
}

#[bayesian]
impl Plain {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.head.forward(x.affine(self.weight, self.bias).tanh())
    }
}

fn numbers(shape: impl Into<elbo::Shape>) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| (0.7 * i as f64 + 0.3).sin() + 0.1)
}

fn dense(inputs: usize, outputs: usize) -> Double {
    Dense {
        weight: MeanField::with_sd(numbers([outputs, inputs]), 0.2),
        bias: MeanField::with_sd(numbers([outputs]), 0.3),
        ..Dense::mean_field(inputs, outputs)
    }
}

fn net() -> Net {
    Net { body: Fixed(dense(2, 5)), head: dense(5, 1) }
}

fn plain() -> Plain {
    Plain { weight: Point(numbers([5, 2])), bias: Point(numbers([5])), head: dense(5, 1) }
}

fn data() -> Examples<f64, Tensor<f64>> {
    let x = numbers([60, 2]);
    let y = Tensor::from_fn([60, 1], |i| x.data()[2 * i] - 0.5 * x.data()[2 * i + 1]);
    Examples::new(x, y).unwrap()
}

fn body(net: &Net) -> [&Tensor<f64>; 2] {
    [&net.body.0.weight.mean, &net.body.0.bias.mean]
}

#[test]
fn weights_are_their_means_with_gradients_and_without_a_divergence() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let mut net = net();
    is_independent(&net);
    let (tape, x) = (Tape::new(), numbers([7, 2]));
    let expected = net.body.0.mean(&tape).forward(tape.input(&x));
    for key in 0..3 {
        for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
            let draw = net.draw(&tape, Drawing::new(Key::new(key)).draws(2).estimator(estimator));
            assert_eq!(draw.body.forward(tape.input(&x)).value(), expected.value());
            assert!((draw.kl().nats() - net.head.kl()).abs() < 1e-9 * net.kl());
        }
    }
    assert_eq!(net.kl(), net.head.kl());
    assert_eq!(net.mean_weights().flat().len(), 6);
    gradcheck(&mut net, |tape, net| {
        let draw = net.draw(tape, Key::new(5));
        draw.forward(tape.constant([3, 2], |i| (i as f64 * 0.4).cos())).square().sum() + draw.kl().var().unwrap()
    })
    .assert_within(1e-7);
    let mut gradients = Gradients::of(&net);
    net.draw(&tape, Key::new(1)).forward(tape.input(&x)).sum().backward(&mut gradients);
    assert!(gradients.get("body.weight.rho").unwrap().iter().all(|&slope| slope == 0.0));
    assert!(gradients.get("body.weight.mean").unwrap().iter().all(|&slope| slope != 0.0));
}

#[test]
fn trainings_are_those_of_parameters_without_a_distribution() {
    let (mut net, mut plain, data) = (net(), plain(), data());
    let elbo = || Elbo::new(Gaussian::new(0.2)).optimizer(Adam::new(1e-2)).batch_size(20).quiet();
    elbo().fit(&mut net, &data, Epochs(4)).unwrap();
    elbo().fit(&mut plain, &data, Epochs(4)).unwrap();
    assert_ne!(*body(&net)[0], numbers([5, 2]), "the body learns");
    assert_eq!(body(&net), [&plain.weight.0, &plain.bias.0]);
    assert_eq!(net.head.weight.mean, plain.head.weight.mean);
    assert_eq!(net.outputs(data.inputs(), Draws(3)), plain.outputs(data.inputs(), Draws(3)));

    let map = || Map::new(Gaussian::new(0.2)).optimizer(Adam::new(1e-2)).quiet();
    map().fit(&mut net, &data, Epochs(3)).unwrap();
    map().fit(&mut plain, &data, Epochs(3)).unwrap();
    assert_eq!(body(&net), [&plain.weight.0, &plain.bias.0]);
    let swag = || Swag::new(Gaussian::new(0.2)).iterates(8).rank(4).quiet();
    assert!(swag().fit(&mut net, &data, Epochs(3)).is_ok());
}

#[test]
fn what_sets_random_weights_takes_the_body_as_given() {
    let (net, plain, data) = (net(), plain(), data());
    let gradient = |log_prior: Option<Var<'_, f64>>, y: Var<'_, f64>, gradients: &mut Gradients<f64>| {
        (y.square().sum() + log_prior.unwrap()).backward(gradients);
        gradients.iter().flat_map(|(.., slope)| slope.to_vec()).collect::<Vec<_>>()
    };
    let weights = net.mean_weights();
    let mut gradients = Gradients::of(&weights);
    let tape = Tape::new();
    let (draw, other) = (net.at(&tape, &weights), plain.at(&tape, &weights));
    let x = tape.input(data.inputs());
    let found = gradient(draw.log_prior().var(), draw.forward(x), &mut gradients);
    gradients.clear();
    assert_eq!(found, gradient(other.log_prior().var(), other.forward(x), &mut gradients));
    assert_eq!(found.len(), 6);

    let noise = Gaussian::new(0.2);
    let [ours, theirs] = [
        Laplace::new(noise).full().fit(&net, &data).unwrap().predict(&noise, data.inputs(), Draws(4)).mean(),
        Laplace::new(noise).full().fit(&plain, &data).unwrap().predict(&noise, data.inputs(), Draws(4)).mean(),
    ];
    assert_near(&ours, &theirs, 1e-10);
    #[cfg(feature = "mcmc")]
    {
        let nuts = || elbo::Nuts::new(noise).chains(2).warmup(20).draws(10).seed(3).quiet();
        let (ours, theirs) = (nuts().run(&net, &data).unwrap(), nuts().run(&plain, &data).unwrap());
        assert_eq!(ours.all_weights(), theirs.all_weights());
    }
}

#[test]
fn names_are_those_of_the_model_and_files_are_exchanged() {
    #[bayesian]
    #[derive(Clone)]
    struct Random {
        body: Double,
        head: Double,
    }
    let names = |model: &dyn Fn(&mut Vec<String>)| {
        let mut names = Vec::new();
        model(&mut names);
        names
    };
    let (net, random) = (net(), Random { body: dense(2, 5).initial_sd(0.5), head: dense(5, 1) });
    let ours = names(&|all| net.visit(&Path::ROOT, &mut |path, _, _| all.push(path.to_string())));
    assert_eq!(ours, names(&|all| random.visit(&Path::ROOT, &mut |path, _, _| all.push(path.to_string()))));
    let summary = net.summary();
    let deterministic: Vec<_> =
        summary.rows.iter().filter(|row| row.kind == Kind::Deterministic).map(|row| &row.name[..]).collect();
    assert_eq!(deterministic, ["body.weight.mean", "body.weight.rho", "body.bias.mean", "body.bias.rho"]);
    assert_eq!(summary.weights(), 6);
    #[cfg(feature = "files")]
    {
        let mut read = net.clone();
        read.load_from_bytes("random", random.save_to_bytes()).unwrap();
        assert_eq!(read.body.0.weight.sd(), random.body.weight.sd());
        let mut back = random;
        back.load_from_bytes("fixed", net.save_to_bytes()).unwrap();
        assert_eq!(back.body.weight.rho, net.body.0.weight.rho);
    }
}

#[test]
fn it_stands_in_containers_and_makes_any_family_certain() {
    let branch = Fixed(Sequential((dense(3, 4), Relu::new(), Dropout::monte_carlo(0.5), dense(4, 3))));
    let model = Sequential((Residual::new(branch.clone()), Fixed(Fixed(dense(3, 2)))));
    let x = numbers([6, 3]);
    let outputs = model.outputs(&x, Draws(2));
    let (first, second) = outputs.tensor().data().split_at(12);
    assert_eq!(first, second, "dropout is off");
    let tape = Tape::new();
    let net = model.draw(&tape, Key::new(1));
    assert!(net.kl().var().is_none());
    // The estimators that a family does not allow.
    let matrix = Fixed(Dense::<MatrixNormal<f64>>::of(3, 2, MatrixNormal::new, Normal(0.0, 1.0)));
    let expected = matrix.0.mean(&tape).forward(tape.input(&x));
    for y in [
        matrix.draw(&tape, Drawing::new(Key::new(1)).estimator(Local)).forward(tape.input(&x)),
        matrix.draw(&tape, Drawing::new(Key::new(1)).estimator(Flipout)).forward(tape.input(&x)),
    ] {
        assert_eq!(y.value(), expected.value());
    }
    let mut positive = Fixed(Dense::<LogNormal<f64>>::of(3, 2, LogNormal::new, Normal(0.0, 1.0)));
    gradcheck(&mut positive, |tape, model| {
        model.draw(tape, Key::new(5)).forward(tape.constant([3, 3], |i| (i as f64 * 0.4).cos())).square().sum()
    })
    .assert_within(1e-7);
    // A layer of moments has the variance 0.
    let last = Fixed(LastLayer::of(3, 1, |shape| MeanField::<f64>::new(shape), Normal(0.0, 1.0)));
    let moments = last.draw(&tape, Key::new(1)).forward(tape.input(&x));
    assert!(moments.value().chunks(2).all(|row| row[1] == 0.0));
    let targets = Tensor::full([6, 1], 0.3);
    let data = Examples::new(x.clone(), targets).unwrap();
    let mut last = last;
    Elbo::new(ExpectedGaussian::new(0.3)).quiet().fit(&mut last, &data, Epochs(2)).unwrap();
}

#[test]
fn examples_stay_apart_and_no_rho_is_read() {
    let (x, mut net) = (numbers([5, 2]), net());
    let reversed = Tensor::from_fn([5, 2], |i| x.data()[(4 - i / 2) * 2 + i % 2]);
    let [all, other] = [&x, &reversed].map(|x| net.outputs(x, Draws(3)));
    for (all, other) in all.tensor().data().chunks(5).zip(other.tensor().data().chunks(5)) {
        assert!(all.iter().zip(other.iter().rev()).all(|(a, b)| (a - b).abs() < 1e-12));
    }
    for rho in [-1e4, 0.0, 1e4, f64::NAN] {
        net.body.0.weight.rho.data_mut().fill(rho);
        assert_eq!(net.outputs(&x, Draws(3)), all);
    }
}
