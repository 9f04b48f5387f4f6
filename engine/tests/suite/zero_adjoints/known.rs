//! Compositions in which the chain rule meets 0 · ∞, with their gradients by hand or by mpmath.

use elbo_engine::{Gradients, Real, Reduction, Tape, Tensor, Var};

use crate::common::assert_near;

/// The gradient of the sum of the function's elements.
fn gradient<T: Real>(x: &[f64], f: impl for<'t> Fn(Var<'t, T>) -> Var<'t, T>) -> Vec<f64> {
    let x: Tensor<T> = Tensor::from_fn([x.len()], |i| x[i]);
    let mut gradients = Gradients::of(&x);
    let tape = Tape::new();
    f(tape.param(&x)).sum().backward(&mut gradients);
    gradients.get("").unwrap().iter().map(|x| x.to_f64()).collect()
}

#[test]
fn the_branch_that_is_not_chosen_passes_on_nothing() {
    assert_eq!(gradient::<f64>(&[-1.0, -4.0], |x| x.gt(0.0).select(x.sqrt(), x)), [1.0, 1.0]);
    assert_eq!(gradient::<f64>(&[0.0, 4.0], |x| x.gt(0.0).select(x.sqrt(), x)), [1.0, 0.25]);
    assert_eq!(gradient::<f32>(&[100.0], |x| x.le(0.0).select(x.exp(), x + 1.0)), [1.0]);
    assert_eq!(
        gradient::<f64>(&[1.0, 1.0], |x| {
            let d = x.tape().constant([2], |i| [0.0, 1.0][i]);
            d.ne(0.0).select(x / d, d * 0.0)
        }),
        [0.0, 1.0]
    );
    assert_eq!(gradient::<f64>(&[0.0, 2.0], |d| d.ne(0.0).select(d.recip(), d * 0.0)), [0.0, -0.25]);
}

#[test]
fn a_row_that_is_dropped_passes_on_nothing() {
    assert_eq!(gradient::<f64>(&[-1.0, 0.5, 1.0], |x| x.ln_1p().slice(0, 1.., 1)), [0.0, 1.0 / 1.5, 0.5]);
    fn losses(x: Var<'_, f64>) -> Var<'_, f64> {
        let targets = x.tape().constant([2], |i| [f64::NAN, 0.0][i]);
        targets.eq(targets).select(x.mse(targets, Reduction::Each), targets.ne(targets) * 0.0)
    }
    assert_eq!(gradient::<f64>(&[0.5, 0.5], losses), [0.0, 1.0]);
    fn by_hand(x: Var<'_, f64>) -> Var<'_, f64> {
        let targets = x.tape().constant([2], |i| [f64::NAN, 0.0][i]);
        (x - targets).square() * targets.eq(targets)
    }
    assert_eq!(gradient::<f64>(&[0.5, 0.5], by_hand), [0.0, 1.0]);
}

#[test]
fn a_distance_of_zero_has_the_gradient_of_its_norm() {
    let y = [1.0, -2.0, 3.0];
    fn difference(x: Var<'_, f64>) -> Var<'_, f64> {
        x - x.tape().constant([3], |i| [1.0, -2.0, 3.0][i])
    }
    let zero = [0.0; 3];
    assert_eq!(gradient::<f64>(&y, |x| difference(x).norm()), zero);
    assert_eq!(gradient::<f64>(&y, |x| difference(x).square().sum().sqrt()), zero);
    assert_eq!(gradient::<f64>(&y, |x| (difference(x) * difference(x)).sum().sqrt()), zero);
    assert_eq!(gradient::<f64>(&y, |x| difference(x).powi(4).mean().powf(0.25)), zero);
    assert_eq!(gradient::<f64>(&y, |x| difference(x).abs().sum().sqrt()), zero);
    assert_eq!(gradient::<f64>(&y, |x| x.mse(x.tape().constant([3], |i| y[i]), Reduction::Mean).sqrt()), zero);
    assert_eq!(gradient::<f64>(&[2.0; 3], |x| x.variance(1).sqrt()), zero);
    assert_eq!(gradient::<f64>(&[-1.0, 0.0, -3.0], |x| x.relu().sqrt()), zero);
    assert_eq!(gradient::<f64>(&[-1.0, 4.0], |x| x.clamp(0.0, 9.0).sqrt()), [0.0, 0.25]);
    // Elsewhere it is the direction.
    assert_near(&gradient::<f64>(&[4.0, 2.0, 3.0], |x| difference(x).square().sum().sqrt()), &[0.6, 0.8, 0.0], 1e-15);
}

#[test]
fn an_adjoint_that_is_nan_is_not_hidden() {
    assert!(gradient::<f64>(&[-1.0], |x| x.relu() * f64::NAN)[0].is_nan());
    assert!(gradient::<f64>(&[0.0], |x| x.square() * f64::NAN)[0].is_nan());
    assert!(gradient::<f64>(&[f64::NAN], |x| x.square())[0].is_nan());
    assert_eq!(gradient::<f64>(&[0.0], |x| x.sqrt()), [f64::INFINITY]);
    assert_eq!(gradient::<f64>(&[0.0], |x| x.ln()), [f64::INFINITY]);
}

#[test]
fn an_entropy_of_probabilities_that_underflow_is_finite() {
    assert_eq!(gradient::<f64>(&[0.0, -1000.0, f64::NEG_INFINITY], |x| -x.softmax(0).xlogx().sum()), [0.0; 3]);
    let found =
        gradient::<f64>(&[0.0, 0.25, f64::INFINITY], |x| x.tape().constant([3], |i| [0.0, 0.5, 0.0][i]).xlogy(x).sum());
    assert_eq!(found, [0.0, 2.0, 0.0]);
}

/// The weights, and the log-densities of N(0.3; k, 1).
const WEIGHTS: [f64; 3] = [0.0, 0.5, 0.5];

fn log_densities<'t>(tape: &'t Tape<f64>) -> Var<'t, f64> {
    let half_ln_tau = 0.5 * std::f64::consts::TAU.ln();
    tape.constant([3], move |k| -0.5 * (0.3 - k as f64).powi(2) - half_ln_tau)
}

/// By mpmath.
const EXPECTED: [f64; 3] = [1.877_356_580_560_294_8, 1.537_049_566_998_035_3, 0.462_950_433_001_964_8];

#[test]
fn a_mixture_weight_of_zero_has_its_derivative_in_every_spelling() {
    type Spelling = (&'static str, for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>);
    let spellings: [Spelling; 20] = [
        ("weighted", |p, x| x.log_sum_exp_weighted(p)),
        ("weighted over an axis", |p, x| x.log_sum_exp_weighted_axes(p, &[-1], true)),
        ("weights first", |p, x| (p.ln() + x).log_sum_exp()),
        ("weights last", |p, x| (x + p.ln()).log_sum_exp()),
        ("over an axis", |p, x| (p.ln() + x).log_sum_exp_axes(&[0], false)),
        ("normalised", |p, x| (p.ln() - p.sum().ln().stop_gradient() + x).log_sum_exp()),
        ("less a term", |p, x| ((p.ln() + x * 2.0) - x).log_sum_exp()),
        ("shifted", |p, x| (p.ln() + 3.0 + x - 1.0).log_sum_exp() - 2.0),
        ("shifted on the left", |p, x| (5.0 + (p.ln() + x)).log_sum_exp()),
        ("reshaped", |p, x| (p.reshape([1, 3]).ln() + x.reshape([1, 3])).log_sum_exp_axes(&[1], false)),
        ("reshaped after", |p, x| (p.ln().reshape([3, 1]) + x.reshape([3, 1])).reshape([3]).log_sum_exp()),
        ("broadcast", |p, x| (p.ln().broadcast_to([2, 3]) + x).log_sum_exp_axes(&[1], false).mean()),
        ("broadcast by the sum", |p, x| (x.broadcast_to([4, 3]) + p.ln()).log_sum_exp_axes(&[1], false).mean()),
        ("axes apart", |p, x| {
            let z = p.ln().reshape([3, 1, 1]) + x.reshape([3, 1, 1]).broadcast_to([3, 2, 2]);
            z.log_sum_exp_axes(&[0, 2], false).mean()
        }),
        ("of a product", |p, x| {
            let one = p.tape().constant([3], |_| 1.0);
            ((p * one).ln() + x).log_sum_exp()
        }),
        ("two logarithms", |p, x| (p.ln() + (p + 1.0).stop_gradient().ln() - (p + 1.0).ln() + x).log_sum_exp()),
        ("pairs", |p, x| {
            let z = p.ln() + x;
            z.at(0, 1).ln_add_exp(z.at(0, 2)).ln_add_exp(p.at(0, 0).ln() + x.at(0, 0))
        }),
        ("exponentials", |p, x| (p.ln() + x).exp().sum().ln()),
        ("less the maximum", |p, x| {
            let max = (p.ln() + x).max().stop_gradient();
            (p.ln() + x - max).exp().sum().ln() + max
        }),
        ("probabilities", |p, x| (p * x.exp()).sum().ln()),
    ];
    for (name, f) in spellings {
        println!("{name}");
        let p = Tensor::new([3], WEIGHTS);
        let mut gradients = Gradients::of(&p);
        let tape = Tape::new();
        f(tape.param(&p), log_densities(&tape)).sum().backward(&mut gradients);
        let found = gradients.get("").unwrap();
        match name {
            // The normaliser's own derivative is left out, or this spelling has one more.
            "two logarithms" => assert_near(&found[..1], &EXPECTED[..1], 1e-14),
            _ => assert_near(found, &EXPECTED, 1e-14),
        }
    }
}

#[test]
fn a_weight_of_zero_changes_neither_the_value_nor_other_gradients() {
    let run = |first: f64, zero: bool| {
        let model = [Tensor::new([3], [first, 0.5, 0.5]), Tensor::new([2, 3], [0.3, -1.0, 2.0, 0.1, 4.0, -3.0])];
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        let [p, x] = model.each_ref().map(|tensor| tape.param(tensor));
        let y = if zero { p.ln() + x } else { p.ln().stop_gradient() + x }.log_sum_exp_axes(&[1], false);
        y.sum().backward(&mut gradients);
        (y.value().to_vec(), gradients.get("1").unwrap().to_vec())
    };
    assert_eq!(run(0.0, true), run(0.0, false));
    assert_eq!(run(0.1, true), run(0.1, false));
}

#[test]
fn weights_that_are_all_zero_and_densities_that_are_zero() {
    let slopes = |weights: [f64; 2], x: [f64; 2], weighted: bool| {
        gradient::<f64>(&weights, |p| {
            let x = p.tape().constant([2], |k| x[k]);
            if weighted { x.log_sum_exp_weighted(p) } else { (p.ln() + x).log_sum_exp() }
        })
    };
    for weighted in [false, true] {
        assert_eq!(slopes([0.0, 0.0], [1.0, 2.0], weighted), [f64::INFINITY; 2]);
        assert_eq!(slopes([0.0, 1.0], [f64::NEG_INFINITY, 2.0], weighted), [0.0, 1.0]);
        // A row that is not used.
        let unused = gradient::<f64>(&[0.0, 0.0], |p| {
            let x = p.tape().constant([2], |_| 1.0);
            let y = if weighted { x.log_sum_exp_weighted(p) } else { (p.ln() + x).log_sum_exp() };
            p.tape().constant([], |_| 0.0).select(y, p.sum())
        });
        assert_eq!(unused, [1.0, 1.0]);
    }
    let tape: Tape<f64> = Tape::new();
    let [zero, one] = [0.0, 1.0].map(|w| tape.constant([2], move |_| w));
    let x = tape.constant([2], |k| [1.0, f64::INFINITY][k]);
    assert_eq!(x.log_sum_exp_weighted(zero).item(), f64::NEG_INFINITY);
    assert_eq!(x.log_sum_exp_weighted(one).item(), f64::INFINITY);
    assert_eq!(x.log_sum_exp_weighted(tape.constant([2], |k| [2.0, 0.0][k])).item(), 1.0 + 2f64.ln());
    let none = tape.constant([2, 0], |_| 0.0);
    assert_eq!(none.log_sum_exp_weighted_axes(none, &[1], false).value(), [f64::NEG_INFINITY; 2]);
}

/// The search for a weight ends: in a long sum, and where a value is added to itself over and over.
#[test]
fn long_sums_with_a_weight_of_zero_are_not_searched_for_ever() {
    let sum = |doubled: bool| {
        gradient::<f64>(&WEIGHTS, |p| {
            let step = log_densities(p.tape()) * 1e-9;
            (0..20_000).fold(p.ln(), |z, i| if doubled && i < 900 { z + z } else { z + step }).log_sum_exp()
        })
    };
    for doubled in [false, true] {
        assert!(sum(doubled).iter().all(|slope| !slope.is_nan()));
    }
}

/// In several draws, and in a segment that is computed again.
#[test]
fn a_weight_of_zero_in_draws_and_in_a_segment() {
    let p = Tensor::new([3], WEIGHTS);
    let mut gradients = Gradients::of(&p);
    let tape = Tape::new();
    let x = log_densities(&tape);
    tape.recompute([tape.param(&p), x], |[p, x]| (p.ln() + x).log_sum_exp()).backward(&mut gradients);
    assert_near(gradients.get("").unwrap(), &EXPECTED, 1e-14);
    let draws = crate::common::draws_of(&tape, &[[0.0; 3], [0.0; 3]]);
    gradients.clear();
    (tape.param(&p).ln() + x + draws).log_sum_exp().backward(&mut gradients);
    assert_near(gradients.get("").unwrap(), &EXPECTED, 1e-14);
}
