//! Settings by parameter name: frozen parameters, learning rates, weight decay, AdamW; and averages of parameters.

use std::ops::ControlFlow;

use elbo::nn::BatchNorm;
use elbo::prelude::*;
use elbo::{Ema, Path, TrainError};

#[bayesian]
#[derive(Clone)]
struct Net {
    body: [Dense; 2],
    norm: BatchNorm,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        let [first, second] = self.body;
        let h = second.forward(first.forward(x).relu());
        self.head.forward(self.norm.forward(h).relu())
    }
}

fn net() -> Net {
    Net { body: [Dense::new(2, 4), Dense::new(4, 4)], norm: BatchNorm::new(4), head: Dense::new(4, 2) }
}

fn data() -> Examples {
    let x = Tensor::from_fn([48, 2], |i| (i as f64 * 0.7).sin());
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    Examples::new(x, labels).unwrap()
}

/// All tensors by name.
fn tensors<M: Parameters<Scalar = T>, T: Real>(model: &M) -> Vec<(String, Vec<T>)> {
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, tensor| all.push((path.to_string(), tensor.data().to_vec())));
    all
}

/// The names of the tensors that differ.
fn changed<M: Parameters<Scalar = T>, T: Real>(before: &M, after: &M) -> Vec<String> {
    let pairs = tensors(before).into_iter().zip(tensors(after));
    pairs.filter(|(before, after)| before != after).map(|(before, _)| before.0).collect()
}

fn fit(optimizer: impl Optimizer + Send) -> Vec<String> {
    let mut model = net();
    let before = model.clone();
    let mut elbo = Elbo::new(Categorical).optimizer(optimizer).batch_size(16).clip(Clip::Norm(1.0)).quiet();
    elbo.fit(&mut model, &data(), Epochs(2)).unwrap();
    changed(&before, &model)
}

fn is_of(part: &str) -> impl Fn(&String) -> bool {
    move |name: &String| name.starts_with(part)
}

#[test]
fn nothing_moves_a_frozen_parameter_not_even_its_start() {
    for changed in [
        fit(Adam::new(1e-2).weight_decay(0.1).freeze("body.*").freeze("norm")),
        fit(Sgd::new(1e-2).momentum(0.9).weight_decay(0.1).freeze("body.*").freeze("norm")),
        // The last setting that matches applies.
        fit(Adam::new(1e-2).freeze("*").unfreeze("head")),
    ] {
        assert_eq!(changed, ["head.weight.mean", "head.weight.rho", "head.bias.mean", "head.bias.rho"]);
    }
    // Without it, everything changes, the running statistics too.
    let all = fit(Adam::new(1e-2));
    assert!(all.iter().any(is_of("body.0")) && all.iter().any(is_of("norm")), "{all:?}");
    let scales = fit(Adam::new(1e-2).freeze("*.rho"));
    assert!(!scales.is_empty() && scales.iter().all(|name| !name.ends_with(".rho")), "{scales:?}");
}

#[test]
fn frozen_gradients_do_not_count_in_a_clipped_norm() {
    // The gradient of `a` is 1000 times that of `b`. If it counted, clipping would shrink the step of `b`.
    #[bayesian]
    struct Two {
        a: Point<f64>,
        b: Point<f64>,
    }
    #[bayesian]
    impl Two {
        fn forward(&self, x: Var<f64>) -> Var<f64> {
            x * (self.a * 1000.0 + self.b)
        }
    }
    let point = |x| Point(Tensor::full([1], x));
    let data = Examples::new(Tensor::<f64>::full([1, 1], 1.0), Tensor::full([1, 1], 0.0)).unwrap();
    let run = |sgd: Sgd, a: f64| {
        let mut model = Two { a: point(a), b: point(0.25) };
        let gaussian = Gaussian::new(1.0);
        let mut elbo = Elbo::new(gaussian).optimizer(sgd).clip(Clip::Norm(10.0)).quiet();
        elbo.fit(&mut model, &data, Epochs(1)).unwrap();
        (model.a.0.data()[0], model.b.0.data()[0])
    };
    let (a, b) = run(Sgd::new(0.1).freeze("a"), 0.0);
    assert_eq!(a, 0.0);
    assert!((b - (0.25 - 0.1 * 0.25)).abs() < 1e-12, "{b}");
    let (_, clipped) = run(Sgd::new(0.1), 0.0);
    assert!((clipped - 0.25).abs() < 1e-3, "{clipped}");
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_with_the_nearest_names() {
    let fails = |adam: Adam| {
        let mut model = net();
        let before = tensors(&model);
        let error = Elbo::new(Categorical).optimizer(adam).quiet().fit(&mut model, &data(), Epochs(1)).unwrap_err();
        assert!(matches!(error, TrainError::Options(_)));
        assert_eq!(tensors(&model), before);
        error.to_string()
    };
    let error = fails(Adam::new(1e-3).freeze("bdy.*"));
    assert!(
        error.starts_with("Adam: `freeze` of `bdy.*` matches no parameter of the model; the nearest names are `body.")
    );
    let error = fails(Adam::new(1e-3).rate_of("haed.wieght", 1e-2));
    assert!(
        error.contains("the learning rate of `haed.wieght` matches no parameter") && error.contains("`head.weight`")
    );
    let error = fails(Adam::new(1e-3).weight_decay_of("*.rho", 1e-2));
    assert!(error.contains("matches only scales and buffers"), "{error}");
    let error = fails(Adam::new(1e-3).rate_of("head", 1e-60));
    assert!(error.contains("1e-60 is 0 in f32"), "{error}");
}

#[test]
#[should_panic(expected = "Sgd: `freeze` of `c` matches no parameter of the model")]
fn a_step_of_ones_own_loop_checks_patterns_too() {
    let mut model = (Point(Tensor::<f32>::full([2], 1.0)), Point(Tensor::<f32>::full([2], 1.0)));
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    (tape.param(&model.0.0) * tape.param(&model.1.0)).sum().backward(&mut gradients);
    drop(tape);
    Sgd::new(0.1).freeze("c").step(&mut model, &mut gradients);
}

/// One parameter of f64 for each start, and steps with the gradients 3θ² + θ.
fn trained(mut optimizer: impl Optimizer, starts: [f64; 3], steps: usize) -> [f64; 3] {
    let mut model = starts.map(|start| Point(Tensor::<f64>::full([1], start)));
    let mut gradients = Gradients::of(&model);
    for _ in 0..steps {
        let tape = Tape::new();
        let [a, b, c] = model.each_ref().map(|point| tape.param(&point.0));
        [a, b, c]
            .map(|x| (x * x * x + x.square() * 0.5).sum())
            .into_iter()
            .reduce(|a, b| a + b)
            .unwrap()
            .backward(&mut gradients);
        drop(tape);
        optimizer.step(&mut model, &mut gradients);
    }
    model.map(|point| point.0.data()[0])
}

/// PyTorch's `torch.optim.AdamW`, written out: decay first, with the current learning rate, and ε outside of the root of the
/// corrected second moment.
fn adam_w(start: f64, steps: i32, rate: f64, decay: f64, epsilon: f64) -> f64 {
    let (mut theta, mut m, mut v) = (start, 0.0, 0.0);
    for t in 1..=steps {
        let g = 3.0 * theta * theta + theta;
        theta *= 1.0 - rate * decay;
        m = 0.9 * m + (1.0 - 0.9) * g;
        v = 0.999 * v + (1.0 - 0.999) * g * g;
        let denominator = f64::sqrt(v) / (1.0 - 0.999f64.powi(t)).sqrt() + epsilon;
        theta -= rate / (1.0 - 0.9f64.powi(t)) * m / denominator;
    }
    theta
}

#[test]
fn adam_w_is_pytorchs_with_rates_decays_and_epsilon() {
    let starts = [2.0, -0.4, 0.7];
    let adam = Adam::new(0.05).weight_decay(0.1).epsilon(1e-3).rate_of("1", 0.02).weight_decay_of("2", 0.0);
    let found = trained(adam, starts, 40);
    let expected =
        [adam_w(2.0, 40, 0.05, 0.1, 1e-3), adam_w(-0.4, 40, 0.02, 0.1, 1e-3), adam_w(0.7, 40, 0.05, 0.0, 1e-3)];
    for (found, expected) in found.into_iter().zip(expected) {
        assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    }
    // Decay and ε change the result.
    assert!((expected[0] - adam_w(2.0, 40, 0.05, 0.0, 1e-3)).abs() > 1e-3);
    assert!((expected[0] - adam_w(2.0, 40, 0.05, 0.1, 1e-8)).abs() > 1e-6);
}

#[test]
fn the_decay_of_sgd_enters_the_gradient() {
    let sgd = Sgd::new(0.05).momentum(0.5).weight_decay(0.1).rate_of("1", 0.02).freeze("2");
    let by_hand = |start: f64, rate: f64| {
        let (mut theta, mut v) = (start, 0.0);
        for _ in 0..20 {
            v = 0.5 * v + 3.0 * theta * theta + theta + 0.1 * theta;
            theta -= rate * v;
        }
        theta
    };
    let [a, b, c] = trained(sgd, [0.3, 0.2, 0.1], 20);
    assert!((a - by_hand(0.3, 0.05)).abs() < 1e-12 && (b - by_hand(0.2, 0.02)).abs() < 1e-12, "{a} {b}");
    assert_eq!(c, 0.1);
}

#[test]
fn decay_does_not_act_on_scales() {
    // Without data, with the prior's divergence only from the steps: a gradient of zero moves nothing but by decay.
    let mut model = Dense::of(2, 2, |shape| MeanField::<f64>::with_sd(Tensor::full(shape, 1.0), 0.5), Normal(0.0, 1.0));
    let before = model.clone();
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let net = model.draw(&tape, Key::new(1));
    (net.forward(tape.constant([1, 2], |_| 1.0)).sum() * 0.0).backward(&mut gradients);
    drop(tape);
    Adam::new(0.1).weight_decay(0.5).step(&mut model, &mut gradients);
    assert_eq!(model.weight.rho, before.weight.rho);
    assert!(model.weight.mean.data().iter().all(|mean| (mean - 0.95).abs() < 1e-15));
}

#[test]
fn invalid_settings_are_refused() {
    let refused = |why: &str, make: fn() -> Adam| {
        let message = *std::panic::catch_unwind(make).unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains(why), "{message}");
    };
    refused("epsilon must be positive and finite, got 0", || Adam::new(1e-3).epsilon(0.0));
    refused("the weight decay must be finite and at least 0, got -1", || Adam::new(1e-3).weight_decay(-1.0));
    refused("the learning rate must be positive and finite, got 0 for `a.*`", || Adam::new(1e-3).rate_of("a.*", 0.0));
    refused("at least 0, got NaN for `b`", || Adam::new(1e-3).weight_decay_of("b", f64::NAN));
}

#[test]
fn an_average_is_copied_swapped_and_of_one_model() {
    let mut model = net();
    let mut seen: Vec<Net> = Vec::new();
    let mut ema = Ema::new(0.5);
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2).freeze("body.0")).batch_size(16).quiet();
    let data = data();
    let training = elbo.training(&mut model, &data).on_epoch_end(|_, model| {
        ema.update(model);
        seen.push(model.clone());
        ControlFlow::Continue(())
    });
    training.run(Epochs(3)).unwrap();
    assert_eq!(ema.updates(), 3);
    let [first, second, third] = [0, 1, 2].map(|i| tensors(&seen[i]));
    let last = tensors(&model);
    ema.swap(&mut model);
    for (i, (name, found)) in tensors(&model).into_iter().enumerate() {
        for (j, found) in found.into_iter().enumerate() {
            let [a, b, c] = [&first, &second, &third].map(|all| f64::from(all[i].1[j]));
            let expected =
                if name == "norm.mean" || name == "norm.variance" { c } else { 0.25 * a + 0.25 * b + 0.5 * c };
            assert!((f64::from(found) - expected).abs() < 1e-6, "{name}: {found} {expected}");
            if name.starts_with("body.0") {
                assert_eq!(f64::from(found), c);
            }
        }
    }
    let names: Vec<String> = tensors(&ema).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, last.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    let averaged = tensors(&model);
    ema.swap(&mut model);
    assert_eq!(tensors(&model), last);
    ema.copy_to(&mut model);
    assert_eq!(tensors(&model), averaged);

    let refused = |why: &str, act: &mut dyn FnMut()| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).unwrap_err();
        let message = panic.downcast::<String>().unwrap();
        assert!(message.contains(why), "{message}");
    };
    refused("`weight.mean` of shape [2, 2], where the average has `body.0.weight.mean` of shape [4, 2]", &mut || {
        ema.update(&Dense::new(2, 2));
    });
    refused("nothing was averaged yet", &mut || Ema::new(0.9).copy_to(&mut Dense::new(2, 2)));
    let mut swapped = ema.clone();
    swapped.swap(&mut model);
    refused("call `swap` again first", &mut || swapped.update(&model));
}

#[test]
fn a_setting_for_all_parameters_applies_after_the_first_step_too() {
    let mut model = Dense::new(1, 1).initial_sd(0.1);
    let mut adam = Adam::new(1e-9).weight_decay_of("bias", 0.0);
    let mut step = |adam: &mut Adam| {
        let mut gradients = Gradients::of(&model);
        let (tape, x) = (Tape::new(), Tensor::full([1, 1], 1.0));
        model.draw(&tape, Key::new(1)).forward(tape.input(&x)).sum().backward(&mut gradients);
        adam.step(&mut model, &mut gradients);
        let all = tensors(&model);
        (all[0].1[0], all[2].1[0])
    };
    let (weight, bias) = step(&mut adam);
    let mut adam = adam.weight_decay(1e8);
    let (decayed, kept) = step(&mut adam);
    assert!((decayed / weight - 0.9).abs() < 1e-6 && (kept - bias).abs() < 1e-6, "{weight} {decayed}, {bias} {kept}");
}
