//! The constant learning rate of the iterates, from the noise of minibatches' gradients and the largest curvature.

use crate::data::Examples;
use crate::engine::random::normals;
use crate::engine::{Gradients, Key, Real, Tape};
use crate::infer::batch::Batch;
use crate::infer::sgmcmc::largest_curvature;
use crate::infer::swag::point;
use crate::infer::vi::DrawOptions;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;
use crate::objective::{LossOptions, Objective};
use crate::sampling::StepRows;

/// The largest rate, in units of the inverse of the loss's largest curvature: descent is stable below 2.
const LARGEST: f64 = 0.5;

/// The most batches that are looked at.
const BATCHES: usize = 16;

/// Steps of the power iteration.
const ITERATIONS: usize = 8;

/// The learning rate at which the stationary distribution of stochastic gradient descent is nearest to the posterior, 2d/(N tr V)
/// with the covariance V of a minibatch's gradient of the mean loss (Mandt, Hoffman and Blei 2017, "Stochastic Gradient Descent
/// as Approximate Bayesian Inference", theorem 1), or the largest one that is stable, if that is smaller, as it is for networks.
/// `None` if neither is a positive number.
pub(super) fn rate<M, L>(
    model: &M,
    likelihood: &L,
    data: &Examples<M::Scalar, L::Targets>,
    batch_size: usize,
    forward: &impl Outputs<M>,
    is_frozen: impl Fn(&str) -> bool,
    key: Key,
) -> Option<f64>
where
    M: Bayesian + Clone,
    L: Likelihood<M::Scalar>,
{
    let mut model = model.clone();
    let mut losses = Losses::new(&model, likelihood, data, batch_size, forward, is_frozen);
    let (start, examples) = (point::read(&model), data.len() as f64);
    let (noise, moved) = losses.noise(&model);
    let mut direction = vec![0.0; start.len()];
    normals(key.at("curvature"), 0, &mut direction);
    direction.iter_mut().zip(&losses.moves).for_each(|(v, moves)| *v *= f64::from(u8::from(*moves)));
    let norm = direction.iter().map(|v| v * v).sum::<f64>().sqrt();
    direction.iter_mut().for_each(|v| *v /= norm);
    let ones = vec![1.0; start.len()];
    let curvature = largest_curvature(&start, &ones, &mut direction, ITERATIONS, |at, slopes| {
        point::write(&mut model, |i| at[i]);
        losses.slopes(&model, slopes);
        slopes.iter_mut().for_each(|slope| *slope *= -examples);
    });
    let best = 2.0 * moved as f64 / (examples * noise);
    let stable = LARGEST * examples / curvature.unwrap_or(0.0);
    Some(best.min(stable)).filter(|rate| *rate > 0.0 && rate.is_finite())
}

/// The gradient of the mean loss, −ln p(y, w | x)/N, on some equal batches.
struct Losses<'s, M: Bayesian, L: Likelihood<M::Scalar>, F> {
    likelihood: &'s L,
    data: &'s Examples<M::Scalar, L::Targets>,
    forward: &'s F,
    batches: Vec<Vec<usize>>,
    objective: Objective,
    draw: DrawOptions,
    batch: Batch<M::Scalar, L::Targets>,
    gradients: Gradients<M::Scalar>,
    /// The tensors of the estimate in the model's walk, and whether they move.
    tensors: Vec<(usize, bool)>,
    /// Whether each number of the estimate moves.
    moves: Vec<bool>,
}

impl<'s, M: Bayesian, L: Likelihood<M::Scalar>, F: Outputs<M>> Losses<'s, M, L, F> {
    fn new(
        model: &M,
        likelihood: &'s L,
        data: &'s Examples<M::Scalar, L::Targets>,
        batch_size: usize,
        forward: &'s F,
        is_frozen: impl Fn(&str) -> bool,
    ) -> Self {
        let all = data.len().div_ceil(batch_size);
        let objective = Objective::with_options(data.len(), all, LossOptions::of_point_estimate());
        let (gradients, tensors) = (Gradients::of(model), point::tensors(model, is_frozen));
        let sizes: Vec<usize> = gradients.tensors().map(|(_, shape)| shape.iter().product()).collect();
        let moves = tensors.iter().flat_map(|&(index, moves)| std::iter::repeat_n(moves, sizes[index])).collect();
        // Every n-th row, so that the batches of data in an order are alike.
        let rows = |batch: usize| (batch..data.len()).step_by(all).collect();
        Losses {
            likelihood,
            data,
            forward,
            batches: (0..all.min(BATCHES)).map(rows).collect(),
            objective,
            draw: DrawOptions::of_point_estimate(),
            batch: Batch::new(Tape::new(), data),
            gradients,
            tensors,
            moves,
        }
    }

    /// Adds the gradient of one batch's loss to `slopes`, times `factor`; 0 for numbers that do not move.
    fn add(&mut self, model: &M, batch: usize, factor: f64, slopes: &mut [f64]) {
        self.batch.gather(self.data, &self.batches[batch]);
        let draw = |tape| self.draw.draw(model, tape, Key::new(0), StepRows::ALL);
        let (net, nll) = self.batch.nll::<M>(self.likelihood, self.forward, draw);
        self.objective.loss_of(nll, &net, 0).backward(&mut self.gradients);
        let mut rest = slopes;
        for &(index, moves) in &self.tensors {
            let gradient = self.gradients.at(index).expect("a backward pass fills every learned tensor");
            let (part, after) = rest.split_at_mut(gradient.len());
            if moves {
                part.iter_mut().zip(gradient).for_each(|(slope, g)| *slope += factor * g.to_f64());
            }
            rest = after;
        }
        self.gradients.clear();
    }

    /// Sets `slopes` to the mean gradient of all batches.
    fn slopes(&mut self, model: &M, slopes: &mut [f64]) {
        slopes.fill(0.0);
        let count = self.batches.len();
        (0..count).for_each(|batch| self.add(model, batch, 1.0 / count as f64, slopes));
    }

    /// The trace of the covariance of a batch's gradient, and the number of elements that move.
    fn noise(&mut self, model: &M) -> (f64, usize) {
        let moved = self.moves.iter().filter(|moves| **moves).count();
        let [mut mean, mut one] = [vec![0.0; self.moves.len()], vec![0.0; self.moves.len()]];
        let mut squares = 0.0;
        for batch in 0..self.batches.len() {
            one.fill(0.0);
            self.add(model, batch, 1.0, &mut one);
            for (mean, value) in mean.iter_mut().zip(&one) {
                let before = value - *mean;
                *mean += before / (batch + 1) as f64;
                squares += before * (value - *mean);
            }
        }
        (squares / (self.batches.len().max(2) - 1) as f64, moved)
    }
}
