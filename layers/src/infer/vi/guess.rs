//! The bound of guessing: that of the best output that is the same for all examples.

use crate::data::{Examples, shuffle};
use crate::engine::random::normals;
use crate::engine::{Gradients, Key, Real, Tape, Tensor, Var};
use crate::infer::caught_panic::catch_alone;
use crate::likelihood::Likelihood;

/// Outputs that are computed at once; of more examples, as many as have them are drawn at random.
const ELEMENTS: usize = 1 << 16;

/// Steps at most. From a step of 0.1, 80 reach a million.
const STEPS: usize = 300;

/// The last steps, in which the NLL may not fall by more than this part: a likelihood may have no best output, as one of learned
/// noise for equal targets.
const LAST: (usize, f64) = (50, 1e-4);

/// [`bound_of_guessing`], if it can be computed: a user's likelihood may panic at outputs that no model has.
pub(super) fn guessing<T: Real, L: Likelihood<T>>(
    likelihood: &L,
    data: &Examples<T, L::Targets>,
    shape: &[usize],
    shared: bool,
) -> Option<f64> {
    // Such a panic could not be caught.
    if cfg!(panic = "abort") {
        return None;
    }
    let bound = catch_alone(shared, || bound_of_guessing(likelihood, data, shape));
    bound.ok().filter(|bound| bound.is_finite())
}

/// −N · NLL in nats of the best output of this shape, (features..), that is the same for all examples: a model without
/// weights has no divergence. NaN if the NLL has no minimum; for a mixture, the value at a local minimum. Rprop finds it
/// (Riedmiller and Braun 1993), whose steps depend on the slopes' signs only.
fn bound_of_guessing<T: Real, L: Likelihood<T>>(
    likelihood: &L,
    data: &Examples<T, L::Targets>,
    shape: &[usize],
) -> f64 {
    let mut output = Tensor::<T>::zeros(shape);
    // Not zero, where the components of a mixture would stay equal.
    normals(Key::new(0).at("guess"), 0, output.data_mut());
    output.data_mut().iter_mut().for_each(|y| *y *= T::from_f64(0.1));
    let at_once = (ELEMENTS / output.len().max(1)).max(1);
    let mut rows: Vec<usize> = (0..data.len()).collect();
    if rows.len() > at_once {
        shuffle(&mut rows, Key::new(0).at("guess"));
        rows.truncate(at_once);
    }
    let mut observed = data.observed().empty_like();
    data.observed().gather(&rows, &mut observed);

    let found = 4.0 * resolution::<T>();
    let mut gradients = Gradients::of(&output);
    let mut tape = Tape::new();
    let mut steps = vec![0.1_f64; output.len()];
    let mut slopes = vec![0.0_f64; output.len()];
    let (mut best, mut best_nll) = (output.clone(), f64::INFINITY);
    let (mut is_best, mut earlier) = (false, f64::INFINITY);
    for step in 0..STEPS {
        if step + LAST.0 == STEPS {
            earlier = best_nll;
        }
        tape.reset();
        let nll = observed.nll(likelihood, broadcast(&tape, &output, rows.len()));
        if !nll.nats().is_finite() {
            break;
        }
        if nll.nats() < best_nll {
            (best, best_nll) = (output.clone(), nll.nats());
        }
        nll.var().backward(&mut gradients);
        let mut is_found = true;
        let slope = gradients.at(0).expect("the only tensor");
        for (i, y) in output.data_mut().iter_mut().enumerate() {
            let (now, before) = (slope[i].to_f64(), slopes[i]);
            let turned = now * before < 0.0;
            // After a change of sign the element waits for one step.
            slopes[i] = if turned { 0.0 } else { now };
            steps[i] *= if turned { 0.5 } else { 1.0 } * if now * before > 0.0 { 1.2 } else { 1.0 };
            if slopes[i] != 0.0 {
                *y -= T::from_f64(steps[i].copysign(slopes[i]));
            }
            is_found &= now == 0.0 || steps[i] < found * (1.0 + y.to_f64().abs());
        }
        gradients.clear();
        if is_found {
            is_best = true;
            break;
        }
    }
    let is_steady = earlier - best_nll <= LAST.1 * (1.0 + best_nll.abs());
    if !is_best && !is_steady {
        return f64::NAN;
    }
    -(data.len() as f64) * mean_nll(likelihood, data, &best, at_once)
}

/// The distance from 1 to the next larger number.
fn resolution<T: Real>() -> f64 {
    if T::from_f64(1.0 + f64::from(f32::EPSILON) / 4.0) == T::ONE { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

/// The mean NLL of all examples, given one output for each, of `at_once` examples at a time.
fn mean_nll<T: Real, L: Likelihood<T>>(
    likelihood: &L,
    data: &Examples<T, L::Targets>,
    output: &Tensor<T>,
    at_once: usize,
) -> f64 {
    let mut observed = data.observed().empty_like();
    let mut tape = Tape::inference();
    let all: Vec<usize> = (0..data.len()).collect();
    let nlls = all.chunks(at_once).map(|rows| {
        data.observed().gather(rows, &mut observed);
        tape.reset();
        let nll = observed.nll(likelihood, broadcast(&tape, output, rows.len()));
        nll.nats() * rows.len() as f64 / data.len() as f64
    });
    nlls.sum()
}

/// The output of every one of `rows` examples.
fn broadcast<'t, T: Real>(tape: &'t Tape<T>, output: &'t Tensor<T>, rows: usize) -> Var<'t, T> {
    let shape: Vec<usize> = [rows].iter().chain(output.shape()).copied().collect();
    tape.param(output).broadcast_to(shape)
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Categorical, Gaussian, HeteroscedasticGaussian, Poisson};

    fn rows(count: usize) -> Tensor<f64> {
        Tensor::zeros([count, 1])
    }

    #[test]
    fn guessing_has_the_closed_forms_of_the_best_constants() {
        // The entropy of the classes' frequencies.
        let labels = (0..5000).map(|i| usize::from(i % 4 == 0)).collect();
        let bound = bound_of_guessing(&Categorical, &Examples::new(rows(5000), labels).unwrap(), &[2]);
        let expected = 1250.0 * 0.25f64.ln() + 3750.0 * 0.75f64.ln();
        assert!((bound - expected).abs() < 1e-5 * expected.abs(), "{bound} {expected}");

        // The mean of numbers that are far from 0, with a known sd; and mean and sd.
        let y = Tensor::from_fn([400, 1], |i| 1e5 + (i as f64 * 0.7).sin());
        let (mean, count) = (y.data().iter().sum::<f64>() / 400.0, 400.0);
        let variance = y.data().iter().map(|y| (y - mean).powi(2)).sum::<f64>() / count;
        let data = Examples::new(rows(400), y).unwrap();
        let of_sd = |sd: f64| -0.5 * count * ((std::f64::consts::TAU * sd * sd).ln() + variance / (sd * sd));
        let bound = bound_of_guessing(&Gaussian::new(2.0), &data, &[1]);
        assert!((bound - of_sd(2.0)).abs() < 1e-6 * bound.abs(), "{bound}");
        let standardised = Tensor::from_fn([400, 1], |i| data.targets().data()[i] - 1e5);
        let bound = bound_of_guessing(&HeteroscedasticGaussian, &Examples::new(rows(400), standardised).unwrap(), &[2]);
        assert!((bound - of_sd(variance.sqrt())).abs() < 1e-6 * bound.abs(), "{bound}");

        // The mean of counts.
        let counts = Tensor::from_fn([300, 1], |i| 1000.0 + (i % 7) as f64);
        let mean = counts.data().iter().sum::<f64>() / 300.0;
        let ln_p = |k: f64| k * mean.ln() - mean - statrs::function::gamma::ln_gamma(k + 1.0);
        let expected: f64 = counts.data().iter().copied().map(ln_p).sum();
        let bound = bound_of_guessing(&Poisson, &Examples::new(rows(300), counts).unwrap(), &[1]);
        assert!((bound - expected).abs() < 1e-6 * expected.abs(), "{bound} {expected}");
    }
}
