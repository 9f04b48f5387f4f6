//! The posterior by a normalising flow.

use elbo::prelude::*;
use elbo::{FixedNoise, Path, with_threads};

use crate::posteriors::checks::*;

/// A prior with ln p = 0, so that a divergence is ln q.
#[derive(Clone, Copy)]
struct Flat;

impl Prior for Flat {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        w.sum() * 0.0
    }
}

/// Couplings far from the identity.
fn flow<T: Real>(shape: &[usize]) -> Flow<T> {
    flow_of(shape, 0.8)
}

/// All parameters below `size`.
fn flow_of<T: Real>(shape: &[usize], size: f64) -> Flow<T> {
    let mut flow = Flow::with_hidden(shape, 4, 5);
    let mut i = 0;
    flow.visit_mut(&Path::ROOT, &mut |_, _, parameter| {
        parameter.data_mut().iter_mut().for_each(|x| {
            i += 1;
            *x = T::from_f64(size * number(i));
        });
    });
    flow
}

fn model(shape: &[usize]) -> One<Flow<f64>, MonteCarlo<Normal>> {
    One { weight: flow(shape), prior: MonteCarlo(Normal(0.2, 0.8)) }
}

#[test]
fn the_density_of_a_draw_is_that_of_the_inverse_map() {
    for shape in [[2, 1], [2, 3], [1, 5], [1, 1]] {
        let model = One { weight: flow::<f64>(&shape), prior: MonteCarlo(Flat) };
        for seed in 0..20 {
            let (tape, drawing) = (Tape::new(), Drawing::new(Key::new(seed)));
            // A path derivative inverts the map.
            let [by_noise, by_inverse] = [drawing, drawing.path_derivative()].map(|how| model.draw(&tape, how));
            assert_eq!(by_noise.weight.value(), by_inverse.weight.value());
            let [a, b] = [by_noise.kl().nats(), by_inverse.kl().nats()];
            assert!((a - b).abs() < 1e-10 * (1.0 + a.abs()), "{shape:?}: {a} {b}");
            // In one pass, in two, and of several draws.
            let normal = One { weight: model.weight.clone(), prior: MonteCarlo(Normal(0.1, 1.3)) };
            let one_pass = normal.draw(&tape, drawing).kl().nats();
            let several = normal.draw(&tape, drawing.draws(2)).kl().var().unwrap().value()[0];
            assert!((one_pass - several).abs() < 1e-10 * (1.0 + one_pass.abs()), "{one_pass} {several}");
        }
    }
}

#[test]
fn the_density_integrates_to_one() {
    let model = One { weight: flow_of::<f64>(&[2], 0.3), prior: MonteCarlo(Flat) };
    let mut weights = model.mean_weights();
    let (steps, width, mut total, mut tape) = (400, 0.03, 0.0, Tape::inference());
    let centre = weights.flat();
    for i in 0..steps * steps {
        let [x, y] = [i / steps, i % steps].map(|i| (i as f64 - 0.5 * steps as f64) * width);
        weights.set_flat(&[centre[0] + x, centre[1] + y]).unwrap();
        tape.reset();
        total += model.at(&tape, &weights).kl().nats().exp() * width * width;
    }
    assert!((total - 1.0).abs() < 1e-3, "{total}");
}

#[test]
fn gradients_agree_with_differences() {
    let noise = FixedNoise::new().set("weight", Tensor::from_fn([2, 3], |i| 0.5 * number(i + 3)));
    check_gradients(&mut model(&[2, 3]), noise, 1e-6);
    check_draws(&model(&[1, 5]));
}

/// w₁ from N(0, 1) and w₂ from N(w₁², 0.4²): a banana.
#[derive(Clone, Copy)]
struct Banana;

impl Prior for Banana {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        let [first, second] = w.split(0, [1, 1]);
        let away = (second - first.square()) * (1.0 / 0.4);
        (first.square() + away.square()).sum() * -0.5 - std::f64::consts::TAU.ln() - 0.4f64.ln()
    }
}

/// The divergence from the banana after a training, in nats.
fn fitted<Q: Divergence<MonteCarlo<Banana>, Scalar = f64>>(weight: Q) -> f64 {
    let mut model = One { weight, prior: MonteCarlo(Banana) };
    let (mut tape, mut gradients, mut adam) = (Tape::new(), Gradients::of(&model), Adam::new(1e-2));
    for step in 0..1500 {
        if step == 1000 {
            adam = Adam::new(1e-3);
        }
        tape.reset();
        let net = model.draw(&tape, Drawing::new(Key::new(1).step(step)).draws(16));
        net.kl().var().unwrap().backward(&mut gradients);
        adam.step(&mut model, &mut gradients);
    }
    model.kl_estimate(Key::new(2), 4000).mean
}

#[test]
fn it_fits_a_banana_better_than_independent_normals() {
    let [normals, flow] =
        [fitted(MeanField::new([2]).initial_sd(0.5)), fitted(Flow::with_hidden([2], 4, 16).initial_sd(0.5))];
    assert!(normals > 0.3, "{normals}");
    assert!(flow.abs() < 0.3 * normals, "{flow} {normals}");
}

#[test]
fn a_new_flow_is_close_to_a_new_mean_field_normal() {
    let (flow, normal) = (Flow::<f64>::new([3, 4], 4), MeanField::<f64>::new([3, 4]));
    assert_eq!(flow.base.mean, normal.mean);
    let [flow, normal] = [
        One { weight: flow, prior: MonteCarlo(Normal(0.0, 1.0)) }.draw_weights(Key::new(1)),
        One { weight: normal, prior: MonteCarlo(Normal(0.0, 1.0)) }.draw_weights(Key::new(1)),
    ];
    assert_close(&flow.flat(), &normal.flat(), 1e-3, "a draw");
}

#[test]
fn the_mean_is_that_of_its_draws() {
    let model = model(&[2, 2]);
    let drawn = samples(&model);
    let mean = model.mean_weights().flat();
    for (i, mean) in mean.iter().enumerate() {
        let values: Vec<f64> = drawn.iter().skip(i).step_by(4).copied().collect();
        let n = values.len() as f64;
        let exact = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|w| (w - exact).powi(2)).sum::<f64>() / n).sqrt();
        // 64 fixed draws.
        assert!((mean - exact).abs() < 4.0 * sd / 8.0, "{i}: {mean} {exact} ± {sd}");
    }
}

#[test]
fn extreme_parameters_stay_finite() {
    fn check<T: Real>() {
        for size in [-1e4, -100.0, 0.0, 100.0, 1e4] {
            for only in ["rho", "hidden_weight", "hidden_bias", "weight", "bias", "mean", ""] {
                let mut model = One { weight: flow::<T>(&[2, 3]), prior: MonteCarlo(Normal(0.0, 1.0)) };
                model.visit_mut(&Path::ROOT, &mut |path, _, parameter| {
                    if path.to_string().ends_with(only) {
                        parameter.data_mut().fill(T::from_f64(size));
                    }
                });
                let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
                let net = model.draw(&tape, Key::new(1));
                (net.weight.sum() + net.kl().var().unwrap()).backward(&mut gradients);
                assert!(net.kl().nats().is_finite(), "{only} {size}: {}", net.kl().nats());
                assert!(gradients.first_non_finite().is_none(), "{only} {size}: {:?}", gradients.first_non_finite());
            }
        }
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn layers_of_it_train_with_the_same_bits_for_any_number_of_threads_and_are_saved() {
    let make = || Dense::of(3, 2, |shape| Flow::<f32>::new(shape, 2), MonteCarlo(Normal(0.0, 1.0)));
    let x = Tensor::from_fn([50, 3], number);
    let y = Tensor::from_fn([50, 2], |i| number(3 * i));
    let data = Examples::new(x.clone(), y).unwrap();
    let trained = |threads: usize| {
        let mut model = make();
        Elbo::new(Gaussian::new(0.3)).threads(threads).quiet().fit(&mut model, &data, Epochs(5)).unwrap();
        model
    };
    let (one, two) = (trained(1), trained(2));
    let outputs = with_threads(1, || one.outputs(&x, Draws(3)));
    assert_eq!(outputs, two.outputs(&x, Draws(3)));
    assert_eq!(KeptDraws::new(&one, Draws(3)).outputs(&x), outputs);
    #[cfg(feature = "files")]
    {
        let mut read = make();
        read.load_from_bytes("flow", one.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(3)), outputs);
    }
}

#[test]
#[should_panic(expected = "Flow: coupling 1 has the shapes")]
fn couplings_of_other_shapes_are_refused() {
    let mut model = model(&[2, 3]);
    model.weight.couplings[1].bias = Tensor::zeros([4]);
    model.draw(&Tape::new(), Key::new(1)).weight.value();
}

#[test]
#[should_panic(expected = "Flow: at least one coupling is needed, got 0")]
fn a_flow_without_couplings_is_refused() {
    Flow::<f32>::new([2, 3], 0);
}
