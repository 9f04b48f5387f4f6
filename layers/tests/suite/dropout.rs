//! Layers that make noise without weights: dropout and latent noise.

use elbo::nn::{Dropout, Noise};
use elbo::prelude::*;
use elbo::with_threads;

#[bayesian]
#[derive(Clone)]
struct Net {
    hidden: Dense,
    dropout: Dropout,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.dropout.forward(self.hidden.forward(x).tanh()))
    }
}

fn net(dropout: Dropout) -> Net {
    Net { hidden: Dense::new(2, 32), dropout, head: Dense::new(32, 1) }
}

fn inputs(rows: usize) -> Tensor {
    Tensor::from_fn([rows, 2], |i| (i as f64 * 0.37).sin())
}

#[test]
fn the_rate_is_the_share_of_zeros_and_the_mean_stays() {
    let (dropout, ones) = (Dropout::<f64>::new(0.3), Tensor::full([200, 500], 1.0));
    let tape = Tape::new();
    let draw = dropout.draw(&tape, Key::new(1));
    let [first, second] = [0, 1].map(|_| draw.forward(tape.input(&ones)).value().to_vec());
    let zeros = first.iter().filter(|&&x| x == 0.0).count() as f64;
    // Four standard errors of 100,000 elements.
    assert!((zeros / 1e5 - 0.3).abs() < 4.0 * (0.21f64 / 1e5).sqrt(), "{zeros}");
    assert!(first.iter().all(|&x| x == 0.0 || (x - 1.0 / 0.7).abs() < 1e-15));
    assert_ne!(first, second, "each call has its own noise");
    let other = dropout.draw(&tape, Key::new(2)).forward(tape.input(&ones)).value().to_vec();
    assert_ne!(first, other);
    let again = dropout.draw(&tape, Key::new(1)).forward(tape.input(&ones)).value().to_vec();
    assert_eq!(first, again);
}

#[test]
fn training_has_the_same_bits_for_any_number_of_threads() {
    let x = inputs(300);
    let y = Tensor::from_fn([300, 1], |i| f64::from(x.data()[2 * i]));
    let data = Examples::new(x, y).unwrap();
    let trained = |threads: usize| {
        let mut model = net(Dropout::new(0.5));
        let mut elbo = Elbo::new(Gaussian::new(0.3)).threads(threads).batch_size(64).quiet();
        elbo.fit(&mut model, &data, Epochs(3)).unwrap();
        model.mean_weights().flat()
    };
    let one = trained(1);
    assert_eq!(one, trained(2));
    assert_eq!(one, trained(7));
    let mut without = net(Dropout::new(0.0));
    Elbo::new(Gaussian::new(0.3)).batch_size(64).quiet().fit(&mut without, &data, Epochs(3)).unwrap();
    assert_ne!(one, without.mean_weights().flat(), "dropout must change training");
}

#[test]
fn predictions_are_without_noise_unless_asked_for() {
    let x = inputs(40);
    let plain = |dropout| {
        let mut model = net(dropout);
        model.initialise(Key::new(3));
        model.predict(&Gaussian::new(0.1), &x, Draws(16))
    };
    let (off, training_only) = (plain(Dropout::new(0.0)), plain(Dropout::new(0.4)));
    assert_eq!(off, training_only);
    let on = plain(Dropout::monte_carlo(0.4));
    assert!(on.epistemic_sd()[5] > 3.0 * off.epistemic_sd()[5]);
    assert_eq!(on, plain(Dropout::monte_carlo(0.4)));
}

#[test]
fn a_draw_s_mask_is_the_same_for_kept_draws_threads_and_parts_of_the_rows() {
    let mut model = net(Dropout::monte_carlo(0.4));
    model.initialise(Key::new(3));
    let x = inputs(1000);
    let all = model.outputs(&x, Draws(6));
    assert_eq!(all, KeptDraws::new(&model, Draws(6)).outputs(&x));
    assert_eq!(all, with_threads(1, || model.outputs(&x, Draws(6))));
    let part = Tensor::new([7, 2], &x.data()[1000..1014]);
    let some = model.outputs(&part, Draws(6));
    for draw in 0..6 {
        for row in 0..7 {
            let (a, b) = (all.tensor().data()[draw * 1000 + 500 + row], some.tensor().data()[draw * 7 + row]);
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

#[test]
fn given_weights_and_means_are_without_noise() {
    let model = net(Dropout::monte_carlo(0.4));
    let (tape, x) = (Tape::new(), inputs(4));
    let weights = model.mean_weights();
    let at = model.at(&tape, &weights).forward(tape.input(&x)).value().to_vec();
    let mean = model.mean(&tape).forward(tape.input(&x)).value().to_vec();
    let without = net(Dropout::new(0.0));
    let plain = without.mean(&tape).forward(tape.input(&x)).value().to_vec();
    assert_eq!((&at, &mean), (&plain, &plain));
}

#[test]
fn latent_noise_is_standard_normal_and_differs_by_example_in_training() {
    let noise = Noise::<f64>::new();
    let like = Tensor::zeros([20_000, 2]);
    let tape = Tape::new();
    let z = noise.draw(&tape, Key::new(1)).normal(tape.input(&like)).value().to_vec();
    let n = z.len() as f64;
    let (mean, variance) = (z.iter().sum::<f64>() / n, z.iter().map(|z| z * z).sum::<f64>() / n);
    assert!(mean.abs() < 4.0 / n.sqrt() && (variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{mean} {variance}");
    let tape = Tape::inference();
    let key = Key::new(1);
    assert!(noise.draw(&tape, key).normal(tape.input(&like)).value().iter().all(|&z| z == 0.0));
    let shared = noise.in_predictions();
    let z = shared.draw(&tape, key).normal(tape.input(&like)).value();
    assert!(z[0] != 0.0 && z.chunks(2).all(|row| row == &z[..2]));
}

#[test]
#[should_panic(expected = "Dropout: the rate must be in [0, 1), got 1")]
fn a_rate_of_one_is_refused() {
    Dropout::<f32>::new(1.0);
}
