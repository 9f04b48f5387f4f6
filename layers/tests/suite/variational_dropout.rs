//! Variational dropout: the divergence against its integral, moments of the noise, estimators, training.

use elbo::nn::VariationalDropout;
use elbo::prelude::*;
use elbo::{Path, Yes};

use crate::common::assert_near;

use crate::common::panics::panics;

/// −ln σ + E ln |1 + σε| of one element of N(1, σ²), up to the constant by which it tends to 0 as σ → ∞: (γ + ln 2)/2, the mean of
/// −ln |ε|.
fn exact(sd: f64) -> f64 {
    // The integral in t = ln |1 + σε| has no singularity.
    let (steps, low, high) = (400_000, -60.0, (1.0 + 12.0 * sd).ln());
    let width = (high - low) / f64::from(steps);
    let density = |w: f64| (-0.5 * ((w - 1.0) / sd).powi(2)).exp() / (sd * std::f64::consts::TAU.sqrt());
    let mean: f64 = (0..steps)
        .map(|i| {
            let t = low + (f64::from(i) + 0.5) * width;
            t * t.exp() * (density(t.exp()) + density(-t.exp())) * width
        })
        .sum();
    0.5 * (0.577_215_664_901_532_9 + 2f64.ln()) - sd.ln() + mean
}

fn with_sd(mut layer: VariationalDropout<f64>, sd: f64) -> VariationalDropout<f64> {
    // softplus⁻¹.
    layer.noise.rho.data_mut().fill(sd.exp_m1().ln());
    layer
}

#[test]
fn the_divergence_is_within_a_hundredth_of_a_nat_of_the_integral() {
    for sd in [0.03, 0.1, 0.3, 0.5, 1.0, 2.0, 5.0] {
        for (layer, parameters) in [(VariationalDropout::new(3), 3), (VariationalDropout::shared(3), 1)] {
            let layer = with_sd(layer, sd);
            assert_eq!(layer.num_parameters(), parameters);
            let (found, expected) = (layer.kl(), 3.0 * exact(sd));
            assert!((found - expected).abs() < 0.03, "{sd}: {found} {expected}");
            let tape = Tape::new();
            assert!((layer.draw(&tape, Key::new(1)).kl().nats() - found).abs() < 1e-12 * (1.0 + found.abs()));
        }
    }
    assert!(!VariationalDropout::<f64>::new(2).kl_is_exact());
}

#[test]
fn noise_has_the_mean_and_the_variance() {
    let (n, sd, draws) = (30, 0.5, 300);
    // As many examples as features, so that noise over the wrong axis is seen.
    let x = Tensor::full([n, n], 2.0);
    for layer in [VariationalDropout::new(n), VariationalDropout::shared(n)] {
        let layer = with_sd(layer, sd);
        for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
            let (mut sum, mut squares) = (0.0, 0.0);
            for draw in 0..draws {
                let tape = Tape::new();
                let drawing = Drawing::new(Key::new(3).draw(draw)).estimator(estimator);
                let y = layer.draw(&tape, drawing).forward(tape.input(&x)).value();
                assert!(y[..n].windows(2).any(|pair| pair[0] != pair[1]), "features have noise of their own");
                assert_eq!(y[..n] == y[n..2 * n], estimator == Estimator::Sample, "{estimator:?}");
                sum += y[..n].iter().sum::<f64>();
                squares += y[..n].iter().map(|y| (y - 2.0).powi(2)).sum::<f64>();
            }
            let count = (n * draws) as f64;
            let (mean, variance) = (sum / count, squares / count);
            assert!((mean - 2.0).abs() < 4.0 * 2.0 * sd / count.sqrt(), "{estimator:?}: {mean}");
            assert!((variance / (4.0 * sd * sd) - 1.0).abs() < 4.0 * (2.0 / count).sqrt(), "{estimator:?}: {variance}");
        }
        let tape = Tape::new();
        let _ = layer.draw(&tape, Drawing::new(Key::new(1)).estimator(Local));
        assert_eq!(layer.mean(&tape).forward(tape.input(&x)).value(), x.data());
        // σ → 0.
        let certain = with_sd(layer.clone(), 1e-12);
        let (tape, key) = (Tape::new(), Key::new(1));
        assert_near(certain.draw(&tape, key).forward(tape.input(&x)).value(), x.data(), 1e-10);
    }
    let rate = VariationalDropout::<f64>::shared(4).initial_rate(0.5);
    assert!((rate.noise.variances().data()[0] - 1.0).abs() < 1e-12);
}

#[test]
fn gradients_agree_with_differences() {
    let x = Tensor::from_fn([4, 3], |i| (0.7 * i as f64).sin());
    for layer in [VariationalDropout::<f64>::new(3), VariationalDropout::shared(3)] {
        for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
            let loss = |layer: &VariationalDropout<f64>, gradients: Option<&mut Gradients<f64>>| {
                let tape = Tape::new();
                let net = layer.draw(&tape, Drawing::new(Key::new(2)).estimator(estimator));
                let loss = net.forward(tape.input(&x)).tanh().sum() + net.kl().var().unwrap();
                if let Some(gradients) = gradients {
                    loss.backward(gradients);
                }
                loss.item()
            };
            let mut gradients = Gradients::of(&layer);
            loss(&layer, Some(&mut gradients));
            for i in 0..layer.noise.rho.len() {
                let [above, below] = [1e-5, -1e-5].map(|step| {
                    let mut layer = layer.clone();
                    layer.noise.rho.data_mut()[i] += step;
                    loss(&layer, None)
                });
                let (found, expected) = (gradients.get("noise.rho").unwrap()[i], (above - below) / 2e-5);
                assert!((found - expected).abs() < 1e-7 * (1.0 + expected.abs()), "{estimator:?}: {found} {expected}");
            }
        }
    }
}

#[bayesian]
#[derive(Clone)]
struct Net {
    hidden: Dense<Point>,
    dropout: VariationalDropout,
    head: Dense<Point>,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.dropout.forward(self.hidden.forward(x).tanh()))
    }
}

fn net(dropout: VariationalDropout) -> Net {
    let dense = |inputs, outputs| Dense::of(inputs, outputs, Point::new, Normal(0.0, 1.0));
    Net { hidden: dense(2, 8), dropout, head: dense(8, 1) }
}

#[test]
fn it_trains_with_the_same_bits_for_any_number_of_threads_and_is_saved() {
    fn is_independent<M: Bayesian<Batch = Yes>>(_: &M) {}
    let x = Tensor::from_fn([120, 2], |i| (0.7 * i as f64 + 0.3).sin());
    let y = Tensor::from_fn([120, 1], |i| f64::from(x.data()[2 * i]));
    let data = Examples::new(x.clone(), y).unwrap();
    let trained = |threads: usize| {
        let mut model = net(VariationalDropout::new(8));
        Elbo::new(Gaussian::new(0.3))
            .threads(threads)
            .batch_size(40)
            .quiet()
            .fit(&mut model, &data, Epochs(10))
            .unwrap();
        model
    };
    let model = trained(1);
    is_independent(&model);
    let all = |model: &Net| {
        let mut all = Vec::new();
        model.visit(&Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
        all
    };
    assert_eq!(all(&model), all(&trained(3)));
    assert_ne!(model.dropout.noise.rho, net(VariationalDropout::new(8)).dropout.noise.rho);
    let outputs = model.outputs(&x, Draws(5));
    assert_eq!(KeptDraws::new(&model, Draws(5)).outputs(&x), outputs);
    // A row alone.
    let row = model.outputs(&Tensor::new([1, 2], &x.data()[14..16]), Draws(5));
    for draw in 0..5 {
        assert_near(&[outputs.tensor().data()[draw * 120 + 7]], &[row.tensor().data()[draw]], 1e-6);
    }
    #[cfg(feature = "files")]
    {
        let mut read = net(VariationalDropout::new(8));
        read.load_from_bytes("net", model.save_to_bytes()).unwrap();
        assert_eq!(read.outputs(&x, Draws(5)), outputs);
    }
}

#[test]
fn its_noise_has_a_name_for_estimators() {
    let model = net(VariationalDropout::shared(8));
    let tape = Tape::new();
    let set = |name: &str| Estimators::all(Estimator::Sample).set(name, Estimator::Local);
    for name in ["dropout", "dropout.noise"] {
        let estimators = set(name);
        let tape = Tape::new();
        model.draw(&tape, Drawing::new(Key::new(1)).estimators(&estimators));
    }
    let unknown = set("dropout.noise.rho");
    let words = ["an estimator is set for `dropout.noise.rho`", "its weights are `dropout.noise`"];
    panics(&words, || model.draw(&tape, Drawing::new(Key::new(1)).estimators(&unknown)));
    // Parts of a covariance are no weights.
    let full = Dense::of(3, 2, |shape| FullCovariance::<f32>::new(shape), Normal(0.0, 1.0));
    let unknown = set("weight.factor");
    let words = ["its weights are `weight`, `bias`"];
    panics(&words, || full.draw(&tape, Drawing::new(Key::new(1)).estimators(&unknown)));
}

#[test]
fn no_scale_gives_nan() {
    for rho in [-1e4, -1e2, 1e2, 1e4] {
        for dropout in [VariationalDropout::new(8), VariationalDropout::shared(8)] {
            let mut model = net(dropout);
            model.dropout.noise.rho.data_mut().fill(rho);
            let (tape, x) = (Tape::new(), Tensor::full([3, 2], 0.5));
            let net = model.draw(&tape, Key::new(1));
            let mut gradients = Gradients::of(&model);
            (net.forward(tape.input(&x)).sum() + net.kl().var().unwrap()).backward(&mut gradients);
            assert!(net.kl().nats().is_finite() && model.kl().is_finite(), "{rho}");
            assert!(gradients.first_non_finite().is_none(), "{rho}: {:?}", gradients.first_non_finite());
        }
    }
}

#[test]
fn mistakes_are_reported_at_the_callers_line() {
    let tape = Tape::new();
    let x = tape.constant([3, 1], |_| 1.0);
    let layer = VariationalDropout::<f64>::new(3);
    let draw = layer.draw(&tape, Key::new(1));
    panics(&["VariationalDropout: `noise` has the shape [3]", "[3, 1]; expected (.., 3)"], || draw.forward(x));
    let words = ["VariationalDropout: the rate must be in (0, 1), got 1"];
    panics(&words, || VariationalDropout::<f64>::new(3).initial_rate(1.0));
    panics(&["DropoutNoise: the rate must be in (0, 1), got 0"], || elbo::DropoutNoise::<f64>::new([3], 0.0));
}
