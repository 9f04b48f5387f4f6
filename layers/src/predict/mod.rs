//! Prediction: a model's output averaged over draws of its weights.

mod classes;
mod draws;
mod predictive;
mod rows;

use std::sync::Mutex;

use classes::Sum;
pub use draws::Draws;
pub use predictive::Predictive;
use rows::{NotFinite, Rows};

use crate::metrics::{NormalMixture, Probabilities};
use crate::outputs::{By, Outputs, Own};
use crate::{Bayesian, Categorical, Gaussian, Layer, Tensor, Var};

/// Parts that a sum over draws is split into, whatever the number of threads.
const PARTS: usize = 16;

/// Monte Carlo prediction, for every model.
///
/// Rows are predicted independently of each other, some hundred at a time. A model whose forward couples the rows of a
/// batch (by a mean over them, say) is looked for where there are more rows than fit in one batch, by what some rows give in
/// batches of two sizes, and refused; [`Draws::in_one_batch`] predicts with such a model. Rows that happen to be alike hide
/// it.
pub trait Predict: Bayesian + Sync {
    /// The outputs of `draws` draws of the weights for every row of `x`.
    ///
    /// It runs on all threads of the current pool, each with a tape that does not record; rows are
    /// streamed, so that beside the result only some hundred rows of activations are held, or some
    /// megabytes if that is more. The result is the same for any number of threads.
    ///
    /// # Panics
    /// If `x` is a scalar, has no rows or holds a number that is not finite; if the model's output does not keep the rows
    /// in its first axis, couples them, or is not finite.
    #[track_caller]
    fn predict(&self, x: &Tensor<Self::Scalar>, draws: Draws) -> Predictive<Self::Scalar>
    where
        Self: Layer + Sized,
    {
        outputs_of_draws(self, &Own, x, draws)
    }

    /// [`predict`](Predict::predict) for a model whose `forward` has another name, or takes more than its inputs: `forward`
    /// says how outputs come from a draw of the model and the inputs, as in [`Elbo::fit_with`](crate::Elbo::fit_with).
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let (model, x) = (Dense::new(2, 2), Tensor::from_fn([16, 2], |i| (i as f64).sin()));
    /// let predictions = model.predict_with(&x, Draws(50), |net, x| net.forward(x * 0.5)).categorical();
    /// ```
    ///
    /// # Panics
    /// As [`predict`](Predict::predict).
    #[track_caller]
    fn predict_with<F>(&self, x: &Tensor<Self::Scalar>, draws: Draws, forward: F) -> Predictive<Self::Scalar>
    where
        Self: Sized,
        F: for<'t> Fn(Self::Draw<'t>, Var<'t, Self::Scalar>) -> Var<'t, Self::Scalar> + Sync,
    {
        outputs_of_draws(self, &By(forward), x, draws)
    }
}

impl<M: Bayesian + Sync> Predict for M {}

#[track_caller]
fn outputs_of_draws<M, F>(model: &M, forward: &F, x: &Tensor<M::Scalar>, draws: Draws) -> Predictive<M::Scalar>
where
    M: Bayesian + Sync,
    F: Outputs<M> + Sync,
{
    let rows = Rows::new(model, forward, x, draws);
    let width = rows.width;
    let mut outputs = Tensor::zeros([draws.count(), rows.count(), width]);
    let each = rows.count() * width;
    let places: Vec<Mutex<&mut [M::Scalar]>> = outputs.data_mut().chunks_mut(each.max(1)).map(Mutex::new).collect();
    let faults = rows.map_tasks(draws.count(), |tape, draw| {
        let mut place = places.get(draw).map(|place| place.lock().expect("of one task"));
        rows.for_each(tape, draw, |row, output| {
            if let Some(out) = &mut place {
                out[row * width..][..width].copy_from_slice(output);
            }
        })
        .err()
    });
    drop(places);
    if let Some(fault) = faults.iter().flatten().next() {
        fault.raise();
    }
    Predictive { outputs }
}

impl Categorical {
    /// Class probabilities averaged over draws of the weights, for every row of `x`:
    /// [`Predict::predict`] with the average taken on the way, so that no draw's outputs are kept.
    ///
    /// # Panics
    /// As [`Predict::predict`].
    #[track_caller]
    pub fn predict<M: Predict + Layer>(&self, model: &M, x: &Tensor<M::Scalar>, draws: Draws) -> Probabilities {
        let rows = Rows::new(model, &Own, x, draws);
        let new_sum = || Sum::new(rows.count(), rows.width);
        let part = draws.count().div_ceil(PARTS);
        let sums: Vec<Result<Sum, NotFinite>> = rows.map_tasks(draws.count().div_ceil(part), |tape, i| {
            let mut sum = new_sum();
            for draw in i * part..draws.count().min((i + 1) * part) {
                rows.for_each(tape, draw, |row, logits| sum.add(row, logits))?;
            }
            Ok(sum)
        });
        let mut total = new_sum();
        for sum in &sums {
            match sum {
                Ok(sum) => total.join(sum),
                Err(fault) => fault.raise(),
            }
        }
        total.finish(draws.count())
    }
}

impl Gaussian {
    /// Predicted observations for every row of `x`, by draws of the weights: [`Predict::predict`] with this noise.
    ///
    /// # Panics
    /// As [`Predict::predict`].
    #[track_caller]
    pub fn predict<M: Predict + Layer>(&self, model: &M, x: &Tensor<M::Scalar>, draws: Draws) -> NormalMixture {
        model.predict(x, draws).gaussian(self)
    }
}
