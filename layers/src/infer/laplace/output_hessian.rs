//! The Hessian of the negative log-likelihood with respect to the outputs, for each example.

use crate::data::{Observed, Targets};
use crate::engine::{Gradients, Real, Tape, Tensor};
use crate::infer::laplace::richardson::derivatives;
use crate::likelihood::Likelihood;

/// −∂² ln p/∂f², (rows, outputs, outputs), at these outputs, (rows, ..), times the examples' weights; 0 where masked.
///
/// It is the closed form of the likelihood, if it has one. Otherwise it is extrapolated from differences of the gradient,
/// which are taken for all examples at once: exact to about 1e-11 in `f64` and 1e-5 in `f32`, relative to its size.
pub(super) fn output_hessians<T, L>(likelihood: &L, observed: &Observed<T, L::Targets>, outputs: &Tensor<T>) -> Vec<f64>
where
    T: Real,
    L: Likelihood<T>,
{
    let rows = outputs.rows();
    let each = outputs.len() / rows;
    let closed_form = |row: &[T]| likelihood.output_hessian(row).filter(|hessian| hessian.len() == each * each);
    let of_rows = || outputs.data().chunks_exact(each).map(closed_form).collect::<Option<Vec<_>>>();
    let mut all = match observed.mask() {
        None => of_rows().map(|of_rows| of_rows.concat()),
        Some(_) => None,
    }
    .unwrap_or_else(|| by_differences(likelihood, observed, outputs));
    if let Some(weights) = observed.weights() {
        for (of_row, weight) in all.chunks_exact_mut(each * each).zip(weights.data()) {
            of_row.iter_mut().for_each(|x| *x *= weight.to_f64());
        }
    }
    all
}

fn by_differences<T, L>(likelihood: &L, observed: &Observed<T, L::Targets>, outputs: &Tensor<T>) -> Vec<f64>
where
    T: Real,
    L: Likelihood<T>,
{
    let rows = outputs.rows();
    let each = outputs.len() / rows;
    let mut all = vec![0.0; rows * each * each];
    for k in 0..each {
        let column = derivatives(|step| {
            let moved = |sign: f64| {
                let mut moved = outputs.clone();
                for row in moved.data_mut().chunks_exact_mut(each) {
                    let x = row[k].to_f64();
                    row[k] = T::from_f64(x + sign * step * x.abs().max(1.0));
                }
                moved
            };
            let (right, left) = (moved(1.0), moved(-1.0));
            let slopes = [&right, &left].map(|outputs| slopes(likelihood, observed, outputs));
            let width = |row: usize| right.data()[row * each + k].to_f64() - left.data()[row * each + k].to_f64();
            let difference = slopes[0].iter().zip(&slopes[1]).map(|(r, l)| r.to_f64() - l.to_f64());
            difference.enumerate().map(|(i, difference)| difference / width(i / each)).collect()
        });
        for (i, derivative) in column.iter().enumerate() {
            // The gradient is that of ln p. The two derivatives of a pair of outputs are averaged.
            let (row, j) = (i / each, i % each);
            let half = -0.5 * derivative.value;
            all[(row * each + k) * each + j] += half;
            all[(row * each + j) * each + k] += half;
        }
    }
    all
}

/// ∂ ln p/∂f, in the order of the outputs.
fn slopes<T, L>(likelihood: &L, observed: &Observed<T, L::Targets>, outputs: &Tensor<T>) -> Vec<T>
where
    T: Real,
    L: Likelihood<T>,
{
    let mut gradients = Gradients::of(outputs);
    let tape = Tape::new();
    observed.log_likelihood(likelihood, tape.param(outputs)).sum().backward(&mut gradients);
    gradients.at(0).expect("a backward pass sets every gradient").to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::likelihood::HeteroscedasticGaussian;
    use crate::prelude::*;

    fn observed<Y: Targets + Clone>(rows: usize, targets: Y) -> Observed<f64, Y> {
        Examples::new(Tensor::<f64>::zeros([rows, 1]), targets).unwrap().observed().clone()
    }

    #[test]
    fn differences_agree_with_closed_forms() {
        let logits = Tensor::from_fn([4, 3], |i| 3.0 * (i as f64).sin());
        let labels = observed(4, vec![0, 2, 1, 1]);
        let numbers = observed(4, Tensor::from_fn([4, 3], |i| f64::from(i % 2 == 0)));
        let pairs = [
            (output_hessians(&Categorical, &labels, &logits), by_differences(&Categorical, &labels, &logits)),
            (output_hessians(&Bernoulli, &numbers, &logits), by_differences(&Bernoulli, &numbers, &logits)),
            (
                output_hessians(&Gaussian::new(0.1), &numbers, &logits),
                by_differences(&Gaussian::new(0.1), &numbers, &logits),
            ),
        ];
        for (closed, found) in pairs {
            let largest = closed.iter().fold(0.0, |a: f64, x| a.max(x.abs()));
            for (closed, found) in closed.iter().zip(&found) {
                assert!((closed - found).abs() < 1e-10 * largest, "{closed} {found}");
            }
        }
    }

    #[test]
    fn outputs_that_are_scales_have_the_observed_hessian() {
        // −ln p = ½ ((y − f)/s)² + ln s with s = e^g: ∂²/∂f² = e^−2g, ∂²/∂g² = 2 (y − f)² e^−2g, ∂²/∂f∂g = 2 (y − f) e^−2g.
        let (f, g, y) = (0.3, -0.4, 1.1);
        let found = output_hessians(
            &HeteroscedasticGaussian,
            &observed(1, Tensor::new([1, 1], [y])),
            &Tensor::new([1, 2], [f, g]),
        );
        let s = f64::exp(-2.0 * g);
        for (found, exact) in found.iter().zip([s, 2.0 * (y - f) * s, 2.0 * (y - f) * s, 2.0 * (y - f).powi(2) * s]) {
            assert!((found - exact).abs() < 1e-9, "{found} {exact}");
        }
    }
}
