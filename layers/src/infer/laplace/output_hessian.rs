//! The Fisher information of the outputs of each example, or the Hessian of its negative log-likelihood with respect to them.

use crate::data::{Observed, Targets};
use crate::engine::{Gradients, Real, Tape, Tensor};
use crate::infer::laplace::richardson::derivatives;
use crate::likelihood::Likelihood;

/// The Fisher information of the outputs, (rows, outputs, outputs), at these outputs, (rows, ..), if the likelihood has it in closed
/// form, and otherwise −∂² ln p/∂f²; times the examples' weights, and 0 where masked.
///
/// The derivatives are extrapolated from differences of the gradient, which are taken for all examples at once: exact to about
/// 1e-11 in `f64` and 1e-5 in `f32`, relative to its size. So they are where single elements of an example are masked.
pub(super) fn output_hessians<T, L>(likelihood: &L, observed: &Observed<T, L::Targets>, outputs: &Tensor<T>) -> Vec<f64>
where
    T: Real,
    L: Likelihood<T>,
{
    let (rows, axes) = (outputs.rows(), &outputs.shape()[1..]);
    let each = outputs.len() / rows;
    let closed_form = |row: &[T]| likelihood.fisher_information(row, axes).filter(|of| of.len() == each * each);
    let of_rows = || outputs.data().chunks_exact(each).map(closed_form).collect::<Option<Vec<_>>>();
    let mask = observed.mask();
    let is_by_example = mask.is_none_or(|mask| mask.len() == rows);
    let closed = if is_by_example { of_rows() } else { None };
    let (mut all, mask) = match closed {
        Some(of_rows) => (of_rows.concat(), mask),
        None => (by_differences(likelihood, observed, outputs), None),
    };
    for factors in [mask, observed.weights()].into_iter().flatten() {
        for (of_row, factor) in all.chunks_exact_mut(each * each).zip(factors.data()) {
            of_row.iter_mut().for_each(|x| *x *= factor.to_f64());
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
    fn differences_give_the_observed_hessian_of_a_scale() {
        // −ln p = ½ ((y − f)/s)² + ln s with s = e^g: ∂²/∂f² = e^−2g, ∂²/∂g² = 2 (y − f)² e^−2g, ∂²/∂f∂g = 2 (y − f) e^−2g.
        let (f, g, y) = (0.3, -0.4, 1.1);
        let outputs = Tensor::new([1, 2], [f, g]);
        let found = by_differences(&HeteroscedasticGaussian, &observed(1, Tensor::new([1, 1], [y])), &outputs);
        let s = f64::exp(-2.0 * g);
        for (found, exact) in found.iter().zip([s, 2.0 * (y - f) * s, 2.0 * (y - f) * s, 2.0 * (y - f).powi(2) * s]) {
            assert!((found - exact).abs() < 1e-9, "{found} {exact}");
        }
    }

    /// The mean over targets drawn from the likelihood of the Hessian by differences, beside the closed form.
    fn check_fisher<L>(likelihood: &L, row: [f64; 2])
    where
        L: Likelihood<f64, Targets = Tensor<f64>, Predictive = crate::metrics::Mixture<L>> + crate::Univariate + Clone,
    {
        const ROWS: usize = 4000;
        let outputs = Tensor::from_fn([ROWS, 2], |i| row[i % 2]);
        // Targets at equal steps of their distribution function.
        let y = Tensor::from_fn([ROWS, 1], |i| likelihood.quantile(&row, (i as f64 + 0.5) / ROWS as f64));
        let of_rows = by_differences(likelihood, &observed(ROWS, y), &outputs);
        let exact = likelihood.fisher_information(&row, &[2]).expect("a closed form");
        for (i, exact) in exact.iter().enumerate() {
            let mean = of_rows.iter().skip(i).step_by(4).sum::<f64>() / ROWS as f64;
            assert!((mean - exact).abs() < 0.01 * (1.0 + exact.abs()), "element {i}: {mean} {exact}");
        }
    }

    #[test]
    fn heads_have_the_blocks_of_their_likelihoods() {
        let heads = crate::Heads::new([2], HeteroscedasticGaussian).and([3], Categorical);
        let row = [0.3, -0.4, 1.0, 0.2, -0.5];
        let found = Likelihood::<f64>::fisher_information(&heads, &row, &[5]).expect("both have one");
        let scales =
            Likelihood::<f64>::fisher_information(&HeteroscedasticGaussian, &row[..2], &[2]).expect("it has one");
        let classes = Categorical.fisher_information(&row[2..], &[3]).expect("it has one");
        for (i, found) in found.iter().enumerate() {
            let exact = match [i / 5, i % 5] {
                [a, b] if a < 2 && b < 2 => scales[a * 2 + b],
                [a, b] if a >= 2 && b >= 2 => classes[(a - 2) * 3 + b - 2],
                _ => 0.0,
            };
            assert_eq!(*found, exact, "{i}");
        }
    }

    #[test]
    fn the_fisher_information_of_scales_is_the_expectation_of_the_hessian() {
        check_fisher(&HeteroscedasticGaussian, [0.3, -0.4]);
        check_fisher(&crate::LogNormalNoise, [0.3, -0.4]);
        check_fisher(&crate::StudentTNoise::new(5.0), [0.3, -0.4]);
        // Blocks of two elements each, and masked examples.
        let outputs = Tensor::new([2, 4], [0.1, 0.2, 0.5, -0.5, 0.1, 0.2, 0.5, -0.5]);
        let data = Examples::with_mask(Tensor::zeros([2, 1]), Tensor::zeros([2, 2]), Tensor::new([2], [1.0, 0.0]));
        let found = output_hessians(&HeteroscedasticGaussian, data.unwrap().observed(), &outputs);
        let exact = [f64::exp(-1.0), f64::exp(1.0), 2.0, 2.0];
        for (i, found) in found.iter().enumerate() {
            let exact = if i < 16 && i % 5 == 0 { exact[i / 5] } else { 0.0 };
            assert!((found - exact).abs() < 1e-12, "{i}: {found} {exact}");
        }
    }
}
