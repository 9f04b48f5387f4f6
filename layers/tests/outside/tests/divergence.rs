//! Tests of the user-defined prior, posterior and closed-form divergences against quadrature and estimates.

use bayes::engine::{Tensor, gradcheck};
use bayes::prelude::*;
use bayes::{No, Yes};
use outside::{Gumbel, Isotropic};

/// Three means of both signs, and a shared standard deviation.
fn isotropic() -> Isotropic<f64> {
    Isotropic { mean: Tensor::new([3], [0.4, -1.1, 2.0]), log_sd: Tensor::full([1], 0.6_f64.ln()) }
}

/// The same distribution.
fn mean_field() -> MeanField<f64> {
    MeanField::with_sd(isotropic().mean, 0.6)
}

/// KL(N(mean, 0.6²) ‖ p) by the trapezoidal rule, which converges faster than any power for a smooth integrand that
/// vanishes at both ends.
fn by_quadrature(log_prior: impl Fn(f64) -> f64) -> f64 {
    let (sd, steps, reach) = (0.6_f64, 4000, 12.0);
    let step = 2.0 * reach / f64::from(steps);
    let of_mean = |mean: f64| -> f64 {
        let at = |i: i32| {
            let z = -reach + step * f64::from(i);
            let log_q = -0.5 * z * z - sd.ln() - 0.5 * std::f64::consts::TAU.ln();
            (log_q.exp() * sd * step) * (log_q - log_prior(mean + sd * z))
        };
        (0..=steps).map(at).sum()
    };
    isotropic().mean.data().iter().copied().map(of_mean).sum()
}

fn log_gumbel(w: f64) -> f64 {
    let z = w / 1.3;
    -z - (-z).exp() - 1.3_f64.ln()
}

fn log_normal(w: f64) -> f64 {
    -0.5 * ((w - 0.2) / 0.9).powi(2) - 0.9_f64.ln() - 0.5 * std::f64::consts::TAU.ln()
}

#[test]
fn the_closed_forms_are_the_integrals() {
    let (gumbel, normal) = (by_quadrature(log_gumbel), by_quadrature(log_normal));
    assert!((isotropic().kl(&Gumbel(1.3)) - gumbel).abs() < 1e-10);
    assert!((mean_field().kl(&Gumbel(1.3)) - gumbel).abs() < 1e-10);
    assert!((isotropic().kl(&Normal(0.2, 0.9)) - normal).abs() < 1e-10);
}

#[test]
fn the_log_density_of_the_prior_is_its_formula() {
    let (tape, w) = (Tape::<f64>::new(), Tensor::new([3], [-1.0, 0.0, 2.5]));
    let expected: f64 = w.data().iter().copied().map(log_gumbel).sum();
    assert!((Gumbel(1.3).log_density(tape.input(&w)).item() - expected).abs() < 1e-12);
}

#[test]
#[should_panic(expected = "the scale must be positive and finite, got 0")]
fn a_prior_without_a_scale_is_refused() {
    let _ = Gumbel(0.0);
}

/// A model of one weight with any posterior family and any prior.
#[bayesian]
struct Weighted<Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    #[prior(self.prior)]
    weight: Q,
    prior: P,
}

fn on_the_tape<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(weight: Q, prior: P) -> f64 {
    let (tape, model) = (Tape::new(), Weighted { weight, prior });
    model.draw(&tape, Key::new(1)).kl().nats()
}

#[test]
fn a_model_of_them_has_the_same_divergence_with_a_tape_and_without() {
    let without = Weighted { weight: isotropic(), prior: Gumbel(1.3) }.kl();
    assert!((without - by_quadrature(log_gumbel)).abs() < 1e-10);
    assert!((on_the_tape(isotropic(), Gumbel(1.3)) - without).abs() < 1e-12);
    assert!((on_the_tape(mean_field(), Gumbel(1.3)) - without).abs() < 1e-12);
}

#[test]
fn the_gradients_are_the_slopes_of_the_divergences() {
    fn check<Q: Divergence<Gumbel, Scalar = f64>>(weight: Q) {
        let report = gradcheck(&mut Weighted { weight, prior: Gumbel(1.3) }, |tape, model| {
            model.draw(tape, Key::new(2)).kl().var().expect("a random weight")
        });
        report.assert_within(1e-7);
    }
    check(isotropic());
    check(mean_field());
}

#[test]
fn what_has_no_closed_form_is_estimated_and_the_type_says_so() {
    fn is_closed<M: Bayesian<Exact = Yes>>(_: &M) {}
    fn is_estimated<M: Bayesian<Exact = No<W>>, W>(_: &M) {}

    is_closed(&Weighted { weight: isotropic(), prior: Gumbel(1.3) });
    let estimated = Weighted { weight: isotropic(), prior: MonteCarlo(Gumbel(1.3)) };
    is_estimated(&estimated);
    let (mut sum, mut squares, draws) = (0.0, 0.0, 4000);
    for draw in 0..draws {
        let tape = Tape::new();
        let nats = estimated.draw(&tape, Key::new(3).step(draw)).kl().nats();
        sum += nats;
        squares += nats * nats;
    }
    let n = f64::from(u32::try_from(draws).expect("few draws"));
    let mean = sum / n;
    let error = ((squares / n - mean * mean) / n).sqrt();
    assert!((mean - by_quadrature(log_gumbel)).abs() < 4.0 * error, "{mean} within {error}");
    assert!(error < 0.05, "four standard errors say something: {error}");
}

#[test]
fn every_estimator_takes_the_posterior() {
    let layer =
        Dense { weight: Isotropic::<f64>::new([4, 3], 0.2), bias: Isotropic::new([4], 0.2), prior: Gumbel(1.0) };
    let x = Tensor::from_fn([5, 3], |i| if i % 2 == 0 { 0.5 } else { -0.25 });
    let mut outputs = Vec::new();
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let tape = Tape::new();
        let draw = layer.draw(&tape, Drawing::new(Key::new(4)).estimator(estimator));
        let kl = draw.kl().nats();
        assert!((kl - layer.kl()).abs() < 1e-12, "{estimator:?}");
        outputs.push(draw.forward(tape.input(&x)).value().to_vec());
    }
    assert!(outputs.iter().all(|output| output.len() == 20));
    assert!(outputs[0] != outputs[1] && outputs[1] != outputs[2], "three ways to sample");
}

#[test]
fn the_same_key_draws_the_same_weight_and_another_key_another() {
    let (tape, model) = (Tape::new(), Weighted { weight: isotropic(), prior: Gumbel(1.0) });
    let draw = |seed| model.draw(&tape, Key::new(seed)).weight.value().to_vec();
    assert_eq!(draw(5), draw(5));
    assert_ne!(draw(5), draw(6));
}
