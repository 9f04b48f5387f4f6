//! The Hessian of the negative log-likelihood, from differences of gradients on all data.

use crate::data::Examples;
use crate::engine::Real;
use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::blocks::{Structure, Summed};
use crate::infer::laplace::curvature::Sum;
use crate::infer::laplace::gauss_newton::gauss_newton;
use crate::infer::laplace::gradient::log_likelihood;
use crate::infer::laplace::mode::Mode;
use crate::infer::laplace::prior::Prior;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;

/// The larger step of an element, in units of its standard deviation where all others are given: in double and in single precision.
const STEP: [f64; 2] = [2e-3, 0.1];

/// The largest difference between the columns of the two steps and their extrapolation, in units of the curvature's scale.
const TOLERANCE: f64 = 0.1;

/// Sets the blocks to the Hessian of −Σ ln p(y | x, w).
///
/// Each column is extrapolated from central differences of two steps, with an error of fourth order. The steps are a part of the
/// standard deviation that the Gauss-Newton matrix and the prior give the element: within it the density changes by about half a
/// nat, whatever the scale of the inputs.
///
/// # Errors
/// [`LaplaceError::Differences`] if the steps do not agree; [`LaplaceError::NotFinite`].
pub(super) fn hessian<M, L>(
    mode: &Mode<'_, M>,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    prior: &Prior,
    blocks: &mut [Summed],
) -> Result<(), LaplaceError>
where
    M: Bayesian + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let chosen = &mode.chosen;
    let [in_double, in_single] = STEP;
    let share = if size_of::<M::Scalar>() == 8 { in_double } else { in_single };
    let start: Vec<f64> = chosen.flat(&mode.weights).into_iter().map(Real::to_f64).collect();
    let sds = sds(mode, likelihood, data, prior)?;
    let difference = |element: usize, step: f64| {
        let moved = |step: f64| {
            let mut moved = mode.weights.clone();
            let x = |i: usize| start[i] + if i == element { step } else { 0.0 };
            chosen.set(&mut moved, |i| M::Scalar::from_f64(x(i)));
            let (_, slopes) = log_likelihood(mode, likelihood, data, &moved);
            (chosen.flat(&moved)[element].to_f64(), slopes)
        };
        let ((right, after), (left, before)) = (moved(step), moved(-step));
        after.into_iter().zip(before).map(|(a, b)| (b - a) / (right - left)).collect::<Vec<f64>>()
    };
    for element in 0..start.len() {
        let (weight, place) = chosen.place(element);
        let step = share * sds[element];
        let (coarse, fine) = (difference(element, step), difference(element, 0.5 * step));
        let column: Vec<f64> = fine.iter().zip(&coarse).map(|(f, c)| f + (f - c) / 3.0).collect();
        if !column.iter().all(|x| x.is_finite()) {
            return Err(LaplaceError::NotFinite { what: format!("the gradient of `{}`", weight.name) });
        }
        let error = fine.iter().zip(&coarse).zip(&sds).map(|((f, c), sd)| (f - c).abs() * sd).fold(0.0, f64::max);
        let error = error * sds[element];
        if error > TOLERANCE {
            return Err(LaplaceError::Differences { weight: weight.name.clone(), element: place, error });
        }
        for block in &mut *blocks {
            let Some(j) = element.checked_sub(block.elements.start).filter(|j| *j < block.elements.len()) else {
                continue;
            };
            let (n, column) = (block.elements.len(), &column[block.elements.clone()]);
            match &mut block.sum {
                Sum::Dense(sum) => column.iter().enumerate().for_each(|(i, x)| {
                    // The two derivatives of a pair of elements are averaged.
                    sum[i * n + j] += 0.5 * x;
                    sum[j * n + i] += 0.5 * x;
                }),
                Sum::Diagonal(sum) => sum[j] = column[j],
                Sum::Kronecker { .. } => unreachable!("the options exclude Kronecker factors"),
            }
        }
    }
    Ok(())
}

/// The standard deviation of each element where all others are given, by the diagonal of the Gauss-Newton matrix and the prior's
/// precision; at most the larger of 1 and the element's size, where neither data nor prior determine it.
fn sds<M, L>(
    mode: &Mode<'_, M>,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    prior: &Prior,
) -> Result<Vec<f64>, LaplaceError>
where
    M: Bayesian + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let mut diagonals = Summed::all(Structure::Diagonal, &mode.chosen, &mode.layout)?;
    gauss_newton(mode, likelihood, data, &mut diagonals)?;
    let diagonal = diagonals.iter().flat_map(|block| match &block.sum {
        Sum::Diagonal(diagonal) => diagonal,
        _ => unreachable!("a diagonal was asked for"),
    });
    let sizes = mode.chosen.flat(&mode.weights).into_iter().map(|w| w.to_f64().abs().max(1.0));
    let sd = |((curvature, precision), size): ((&f64, &f64), f64)| (curvature.abs() + precision).powf(-0.5).min(size);
    Ok(diagonal.zip(&prior.precision).zip(sizes).map(sd).collect())
}
