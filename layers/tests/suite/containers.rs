//! Containers, activations, reshaping and up-sampling layers, and initial standard deviations of layers.

use elbo::engine::gradcheck;
use elbo::nn::{
    AdaptiveAvgPool, Elu, Embedding, Flatten, Gelu, GeluTanh, GenerativeLastLayer, GlobalAvgPool, GlobalMaxPool, Gru,
    Identity, LastLayer, LeakyRelu, LogSigmoid, LogSoftmax, Lstm, Parallel, Relu, Reshape, Residual, Rnn, Sequential,
    Sigmoid, Silu, Softmax, Softplus, StochasticDepth, Tanh, Upsample1d, Upsample2d, Upsample3d,
};
use elbo::prelude::*;
use elbo::{Layer, Path, Yes};

fn numbers<const N: usize>(shape: [usize; N]) -> Tensor {
    Tensor::from_fn(shape, |i| (i as f64 * 1.37).sin() * 2.0)
}

fn outputs<T: Real, M>(model: &M, x: &Tensor<T>) -> Tensor<T>
where
    M: Bayesian + Parameters<Scalar = T>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, T>, Out = Var<'t, T>>,
{
    let tape = Tape::inference();
    model.draw(&tape, Key::new(3)).forward(tape.input(x)).to_tensor()
}

fn tensors(model: &impl Parameters<Scalar = f32>) -> Vec<(String, Vec<f32>)> {
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, tensor| all.push((path.to_string(), tensor.data().to_vec())));
    all
}

#[test]
fn every_layer_sets_its_initial_standard_deviation_and_keeps_its_means() {
    fn check(what: &str, before: &impl Parameters<Scalar = f32>, after: &impl Parameters<Scalar = f32>) {
        let (old, new) = (tensors(before), tensors(after));
        let mut scales = 0;
        for ((name, old), (_, new)) in old.iter().zip(&new) {
            if name.ends_with("rho") {
                scales += 1;
                assert!(new.iter().all(|&rho| (f64::from(rho).exp().ln_1p() - 0.3).abs() < 1e-6), "{what}: {name}");
            } else {
                assert_eq!(old, new, "{what}: {name}");
            }
        }
        assert!(scales > 0, "{what}");
    }
    check("Dense", &Dense::new(3, 2), &Dense::new(3, 2).initial_sd(0.3));
    check("Embedding", &Embedding::new(5, 2), &Embedding::new(5, 2).initial_sd(0.3));
    check("Lstm", &Lstm::new(3, 2), &Lstm::new(3, 2).initial_sd(0.3));
    check("Gru", &Gru::new(3, 2), &Gru::new(3, 2).initial_sd(0.3));
    check("Rnn", &Rnn::new(3, 2), &Rnn::new(3, 2).initial_sd(0.3));
    let last = || LastLayer::of(3, 2, |shape| MeanField::new(shape), Normal(0.0, 1.0));
    check("LastLayer", &last(), &last().initial_sd(0.3));
    check("GenerativeLastLayer", &GenerativeLastLayer::new(3, 2), &GenerativeLastLayer::new(3, 2).initial_sd(0.3));
}

#[test]
fn a_sequence_is_its_layers_in_order() {
    let model = Sequential((Dense::new(3, 4), Relu::new(), Sequential(vec![Dense::new(4, 4), Dense::new(4, 4)])));
    let names: Vec<_> = model.kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.weight", "0.bias", "2.0.weight", "2.0.bias", "2.1.weight", "2.1.bias"]);
    let (x, tape) = (numbers([5, 3]), Tape::inference());
    let net = model.draw(&tape, Key::new(3));
    let (first, _, rest) = net.0;
    let mut y = first.forward(tape.input(&x)).relu();
    for layer in rest.0 {
        y = layer.forward(y);
    }
    assert_eq!(outputs(&model, &x).data(), y.value());
}

#[test]
fn branches_are_added_or_joined() {
    let x = numbers([5, 3]);
    let tanh = outputs(&Tanh::new(), &x);
    let sum: Vec<f32> = x.data().iter().zip(tanh.data()).map(|(x, y)| x + y).collect();
    assert_eq!(outputs(&Residual::new(Tanh::new()), &x).data(), sum);
    let joined = outputs(&Parallel::concat((Relu::new(), Tanh::new()), -1), &x);
    assert_eq!(joined.shape(), [5, 6]);
    let both = outputs(&Parallel::sum([Tanh::new(), Tanh::new()]), &x);
    assert!(both.data().iter().zip(tanh.data()).all(|(both, one)| *both == 2.0 * one));
}

#[test]
fn shapes_change_as_described() {
    let x = numbers([2, 3, 4]);
    assert_eq!(outputs(&Flatten::new(), &x).shape(), [2, 12]);
    assert_eq!(outputs(&Reshape::new([6, 2]), &x).shape(), [2, 6, 2]);
    let mean: f32 = x.data()[..4].iter().sum::<f32>() / 4.0;
    assert!((outputs(&GlobalAvgPool::new(), &x).data()[0] - mean).abs() < 1e-6);
    let largest = x.data()[..4].iter().copied().fold(f32::MIN, f32::max);
    assert_eq!(outputs(&GlobalMaxPool::new(), &x).data()[0], largest);
    let line = Tensor::new([1, 1, 3], [0.0, 1.0, 3.0]);
    assert_eq!(outputs(&Upsample1d::nearest([2]), &line).data(), [0.0, 0.0, 1.0, 1.0, 3.0, 3.0]);
    assert_eq!(outputs(&Upsample1d::linear([2]), &line).data(), [0.0, 0.25, 0.75, 1.5, 2.5, 3.0]);
}

#[test]
#[should_panic(expected = "Residual: the branch makes [5, 1] of x of shape [5, 3], and the shortcut [5, 3]")]
fn a_residual_does_not_broadcast() {
    outputs(&Residual::new(Dense::new(3, 1)), &numbers([5, 3]));
}

#[test]
#[should_panic(expected = "Softmax: axis -2 of x of shape [5, 3] would couple the examples")]
fn a_softmax_over_the_examples_is_refused() {
    outputs(&Softmax::new(-2), &numbers([5, 3]));
}

#[test]
#[should_panic(expected = "Parallel: axis -2 of x of shape [5, 3] would couple the examples")]
fn branches_are_not_joined_along_the_examples() {
    outputs(&Parallel::concat((Relu::new(), Relu::new()), -2), &numbers([5, 3]));
}

/// What an activation makes of numbers, and what a closed form says.
fn check_activation<M>(layer: &M, expected: impl Fn(f64) -> f64)
where
    M: Bayesian<Batch = Yes> + Parameters<Scalar = f64>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, f64>, Out = Var<'t, f64>>,
{
    let tape = Tape::inference();
    let x = Tensor::from_fn([4, 10], |i| (i as f64 - 19.5) / 4.0);
    let y = layer.draw(&tape, Key::new(1)).forward(tape.input(&x));
    for (&x, &y) in x.data().iter().zip(y.value()) {
        assert!(
            (y - expected(x)).abs() < 1e-12,
            "{layer:?} of {x}: {y}, expected {}",
            expected(x),
            layer = std::any::type_name::<M>()
        );
    }
}

#[test]
fn activations_are_the_functions_of_their_names() {
    let normal_cdf = |x: f64| 0.5 * libm::erfc(-x / std::f64::consts::SQRT_2);
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    check_activation(&Relu::new(), |x| x.max(0.0));
    check_activation(&LeakyRelu::new(0.01), |x| if x > 0.0 { x } else { 0.01 * x });
    check_activation(&Elu::new(1.5), |x| if x > 0.0 { x } else { 1.5 * x.exp_m1() });
    check_activation(&Gelu::new(), |x| x * normal_cdf(x));
    check_activation(&GeluTanh::new(), |x| {
        0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
    });
    check_activation(&Silu::new(), |x| x * sigmoid(x));
    check_activation(&Softplus::new(), |x| x.exp().ln_1p());
    check_activation(&Tanh::new(), f64::tanh);
    check_activation(&Sigmoid::new(), sigmoid);
    check_activation(&LogSigmoid::new(), |x| -(-x).exp().ln_1p());
    check_activation(&Identity::new(), |x| x);
}

#[test]
fn a_softmax_is_along_its_axis() {
    let x = Tensor::<f64>::from_fn([2, 3, 4], |i| (i as f64).sin());
    for axis in [1, 2, -1, -2] {
        let y = outputs(&Softmax::new(axis), &x);
        let tape = Tape::inference();
        let along = if axis < 0 { 3 + axis } else { axis };
        let sums = tape.input(&y).sum_axes(&[along], false);
        assert!(sums.value().iter().all(|sum| (sum - 1.0).abs() < 1e-12));
        let logs = outputs(&LogSoftmax::new(axis), &x);
        assert!(logs.data().iter().zip(y.data()).all(|(log, p)| (log - p.ln()).abs() < 1e-12));
    }
}

#[test]
fn pools_and_up_sampling_have_the_values_of_pytorch() {
    // torch.nn.functional.adaptive_avg_pool2d and interpolate of [[0, 1, 4], [9, 16, 25]].
    let x = Tensor::<f64>::from_fn([1, 1, 2, 3], |i| (i * i) as f64);
    assert_eq!(outputs(&AdaptiveAvgPool::<2, f64>::new([1, 2]), &x).data(), [6.5, 11.5]);
    let twice = outputs(&Upsample2d::linear([2, 1]), &x);
    assert_eq!(twice.data(), [0.0, 1.0, 4.0, 2.25, 4.75, 9.25, 6.75, 12.25, 19.75, 9.0, 16.0, 25.0]);
    let wider = outputs(&Upsample2d::nearest([1, 2]), &x);
    assert_eq!(wider.data(), [0.0, 0.0, 1.0, 1.0, 4.0, 4.0, 9.0, 9.0, 16.0, 16.0, 25.0, 25.0]);
    let cube = outputs(&Upsample3d::linear([3, 2, 1]), &Tensor::new([1, 1, 1, 2, 3], x.data()));
    assert_eq!(cube.shape(), [1, 1, 3, 4, 3]);
    assert!(cube.data().chunks(12).all(|slice| slice == twice.data()));
}

/// A network of every container, with random weights in the parts that have some.
fn network(rate: f64) -> impl Layer<Scalar = f64> + Bayesian<Batch = Yes> {
    let dense = |inputs, outputs| Dense::<MeanField<f64>>::mean_field(inputs, outputs).initial_sd(0.1);
    Sequential((
        dense(6, 8),
        Gelu::new(),
        Residual::new(StochasticDepth::new(Sequential((dense(8, 8), Silu::new())), rate)),
        Reshape::new([2, 4]),
        Parallel::concat((Elu::new(1.0), LeakyRelu::new(0.1)), 1),
        Upsample1d::linear([2]),
        Parallel::sum([Softmax::new(-1), Softmax::new(1)]),
        Flatten::new(),
        Residual::new(dense(32, 3)).shortcut(Parallel::sum(vec![dense(32, 3), dense(32, 3)])),
    ))
}

#[test]
fn gradients_of_a_network_of_containers_agree_with_differences() {
    // Differences are of values without dropped branches.
    let mut model = network(0.0);
    model.initialise(Key::new(4));
    gradcheck(&mut model, |tape, model| {
        let x = tape.constant([3, 6], |i| (i as f64 * 0.37).sin());
        let net = model.draw(tape, Key::new(5));
        Forward::forward(&net, x).square().sum() + net.kl().var().unwrap()
    })
    .assert_within(1e-6);
}

#[test]
fn a_network_of_containers_keeps_examples_apart_and_is_saved() {
    let mut model = network(0.2);
    model.initialise(Key::new(4));
    let x = Tensor::from_fn([5, 6], |i| (i as f64 * 0.37).sin());
    let reversed = Tensor::from_fn([5, 6], |i| x.data()[(4 - i / 6) * 6 + i % 6]);
    let [all, other] = [&x, &reversed].map(|x| model.outputs(x, Draws(3)));
    for draw in 0..3 {
        for row in 0..5 {
            let [a, b] =
                [(&all, row), (&other, 4 - row)].map(|(y, row)| &y.tensor().data()[(draw * 5 + row) * 3..][..3]);
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }
    #[cfg(feature = "files")]
    {
        let mut read = network(0.2);
        read.load_from_bytes("network", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(3)), all);
    }
}

#[test]
fn a_network_of_containers_without_noise_is_deterministic_and_no_rho_gives_nan() {
    let mut model = network(0.2);
    model.initialise(Key::new(4));
    let x = Tensor::from_fn([5, 6], |i| (i as f64 * 0.37).sin());
    for rho in [-1e4, -700.0, -40.0, 0.0, 40.0, 1e4] {
        model.visit_mut(&Path::ROOT, &mut |path, _, tensor| {
            if path.to_string().ends_with("rho") {
                tensor.data_mut().fill(rho);
            }
        });
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let net = model.draw(&tape, Key::new(1));
        let loss = Forward::forward(&net, tape.input(&x)).sum() + net.kl().var().unwrap();
        loss.backward(&mut gradients);
        assert!(loss.item().is_finite() && gradients.first_non_finite().is_none(), "{rho}");
        if rho <= -40.0 {
            let outputs = model.outputs(&x, Draws(2));
            let (first, second) = outputs.tensor().data().split_at(15);
            assert!(first.iter().zip(second).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }
}
