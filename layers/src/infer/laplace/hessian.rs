//! The Hessian of the negative log-likelihood, from differences of gradients on all data.

use crate::data::Examples;
use crate::engine::{Gradients, Real, Tape};
use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::blocks::Summed;
use crate::infer::laplace::curvature::Sum;
use crate::infer::laplace::mode::Mode;
use crate::infer::log_joint::LogJoint;
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Drawn, Model};
use crate::weights::Weights;

/// Sets the blocks to the Hessian of −Σ ln p(y | x, w), and returns the log-likelihood at the mode.
///
/// Each column is extrapolated from central differences of two steps, with an error of fourth order.
pub(super) fn hessian<M, L>(
    mode: &Mode<'_, M>,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    blocks: &mut [Summed],
) -> Result<f64, LaplaceError>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let joint = LogJoint::new(mode.model, likelihood, data);
    let step = if size_of::<M::Scalar>() == 8 { 1e-3 } else { 5e-2 };
    let chosen = &mode.chosen;
    let start: Vec<f64> = chosen.flat(&mode.weights).into_iter().map(Real::to_f64).collect();
    let difference = |element: usize, step: f64| {
        let moved = |step: f64| {
            let mut moved = mode.weights.clone();
            let x = |i: usize| start[i] + if i == element { step * start[i].abs().max(1.0) } else { 0.0 };
            chosen.set(&mut moved, |i| M::Scalar::from_f64(x(i)));
            let slopes = slopes(mode, &joint, &moved);
            (chosen.flat(&moved)[element].to_f64(), slopes)
        };
        let ((right, after), (left, before)) = (moved(step), moved(-step));
        after.into_iter().zip(before).map(|(a, b)| (b - a) / (right - left)).collect::<Vec<f64>>()
    };
    for element in 0..start.len() {
        let (coarse, fine) = (difference(element, step), difference(element, 0.5 * step));
        let column: Vec<f64> = fine.iter().zip(coarse).map(|(f, c)| f + (f - c) / 3.0).collect();
        if !column.iter().all(|x| x.is_finite()) {
            let (weight, _) = chosen.place(element);
            return Err(LaplaceError::NotFinite { what: format!("the gradient of `{}`", weight.name) });
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
    let terms = joint.terms(&mode.weights);
    Ok(terms.iter().find(|(name, _)| name == "likelihood").map_or(0.0, |(_, nats)| *nats))
}

/// The gradient of Σ ln p(y | x, w) with respect to the chosen weights: that of the joint density without the prior's.
fn slopes<M, L>(mode: &Mode<'_, M>, joint: &LogJoint<'_, M, L>, weights: &Weights<M::Scalar>) -> Vec<f64>
where
    M: Bayesian + Model + Sync,
    L: Likelihood<M::Scalar>,
    L::Targets: Sync + Send,
{
    let mut all = vec![M::Scalar::ZERO; weights.len()];
    joint.gradient(weights, &mut all);
    let mut prior = Gradients::of(weights);
    let tape = Tape::new();
    let net = mode.model.at(&tape, weights);
    let roots: Vec<_> = [net.log_prior().var(), net.log_jacobian()].into_iter().flatten().collect();
    let roots: Vec<_> = roots.into_iter().map(|root| (root, M::Scalar::ONE)).collect();
    tape.backward(&roots, &mut prior);
    let prior = prior.iter().flat_map(|(.., gradient)| gradient);
    let likelihood: Vec<f64> = all.iter().zip(prior).map(|(all, prior)| all.to_f64() - prior.to_f64()).collect();
    let mut first = 0;
    let mut chosen = Vec::with_capacity(mode.chosen.len());
    for (index, entry) in weights.entries().iter().enumerate() {
        if mode.chosen.weights.iter().any(|weight| weight.index == index) {
            chosen.extend_from_slice(&likelihood[first..][..entry.tensor.len()]);
        }
        first += entry.tensor.len();
    }
    chosen
}
