//! A model's outputs, row by row.

use crate::data::Targets;
use crate::engine::threads::map_tasks;
use crate::outputs::Outputs;
use crate::predict::Draws;
use crate::{Bayesian, Drawing, Real, Tape, Tensor};

/// Rows that are predicted at a time: as many as [`VALUES`] allows, between these.
const ROWS: [usize; 2] = [256, 1024];

/// Bytes that the values of rows may take on a thread's tape, or so many times what the weights take, before the weights
/// are drawn anew for the next ones.
const VALUES: usize = 1 << 23;
const OF_WEIGHTS: usize = 4;

/// Rows that a model is tried on before it predicts.
const TRIED: usize = 8;

/// How far, relative to the largest output, two evaluations of a row may differ by rounding.
const ROUNDING: f64 = 1e-3;

/// The inputs of a prediction, looked at before anything is predicted.
pub(super) struct Rows<'m, M: Bayesian, F> {
    model: &'m M,
    forward: &'m F,
    x: &'m Tensor<M::Scalar>,
    draws: Draws,
    /// Outputs of one row: the output's axes after the first.
    pub(super) width: usize,
    /// Rows predicted at a time.
    at_once: usize,
    /// Bytes on a tape, from which on its rows make room for others.
    full: usize,
}

/// An output that is infinite or NaN.
pub(super) struct NotFinite {
    row: usize,
    draw: usize,
}

impl<'m, M: Bayesian, F: Outputs<M>> Rows<'m, M, F> {
    /// Looks at the inputs, and at what the model makes of some rows.
    #[track_caller]
    pub(super) fn new(model: &'m M, forward: &'m F, x: &'m Tensor<M::Scalar>, draws: Draws) -> Self {
        let rows = x.rows();
        assert!(rows > 0, "predict: there are no rows in an input of shape {:?}", x.shape());
        if let Some(at) = x.data().iter().position(|x| !x.is_finite()) {
            let width = x.len() / rows;
            let (row, column, value) = (at / width, at % width, x.data()[at].to_f64());
            panic!("predict: row {row}, column {column} (both from 0) of the inputs is {value}");
        }
        let tried = rows.min(TRIED);
        let (output, used) = outputs_of_some(model, forward, x, draws, [tried, tried]);
        assert!(
            output.shape().first() == Some(&tried),
            "predict: the model's output has the shape {:?} for {tried} rows of inputs; expected (rows, ..)",
            output.shape()
        );
        let width = output.len() / tried;
        let (mut at_once, mut full) = (draws.rows_at_once(rows, ROWS[0]), usize::MAX);
        if rows > at_once {
            let (half, used_by_half) = outputs_of_some(model, forward, x, draws, [tried, tried / 2]);
            check_independent(&output, &half, at_once);
            let each = used.saturating_sub(used_by_half) / (tried - tried / 2);
            let weights = used.saturating_sub(each * tried);
            full = VALUES.max(OF_WEIGHTS * weights) + weights;
            at_once = (VALUES / each.max(1)).clamp(ROWS[0], ROWS[1]);
        }
        Rows { model, forward, x, draws, width, at_once, full }
    }

    pub(super) fn count(&self) -> usize {
        self.x.rows()
    }

    /// What `work` makes of every task in `0..tasks`, on all threads, each with a tape for [`for_each`](Rows::for_each).
    pub(super) fn map_tasks<R: Send + Sync>(
        &self,
        tasks: usize,
        work: impl Fn(&mut Tape<M::Scalar>, usize) -> R + Sync,
    ) -> Vec<R>
    where
        M: Sync,
        F: Sync,
    {
        map_tasks(tasks, Tape::inference, work)
    }

    /// Calls `visit` with every row's output under one draw of the weights, a part of the rows at a time, until one is
    /// not finite.
    pub(super) fn for_each(
        &self,
        tape: &mut Tape<M::Scalar>,
        draw: usize,
        mut visit: impl FnMut(usize, &[M::Scalar]),
    ) -> Result<(), NotFinite> {
        let mut from = 0;
        while from < self.count() {
            tape.reset();
            let net = self.model.draw(tape, Drawing::new(self.draws.key(draw)).without_kl());
            loop {
                let rows = from..self.count().min(from + self.at_once);
                let output = self.forward.outputs(net, tape.input_rows(self.x, rows.clone())).value();
                for (row, output) in rows.clone().zip(output.chunks_exact(self.width.max(1))) {
                    if !output.iter().all(|y| y.is_finite()) {
                        return Err(NotFinite { row, draw });
                    }
                    visit(row, output);
                }
                from = rows.end;
                if from == self.count() || tape.memory().used > self.full {
                    break;
                }
            }
        }
        Ok(())
    }
}

impl NotFinite {
    #[track_caller]
    pub(super) fn raise(&self) -> ! {
        panic!(
            "predict: the model's output for row {} is not finite under draw {}: a weight, or an operation on large \
             inputs, overflowed",
            self.row, self.draw
        )
    }
}

/// The outputs of the first `rows` of `tried` rows spread over the inputs, under the first draw of the weights, and what a
/// tape holds for them in bytes.
#[track_caller]
fn outputs_of_some<M: Bayesian, F: Outputs<M>>(
    model: &M,
    forward: &F,
    x: &Tensor<M::Scalar>,
    draws: Draws,
    [tried, rows]: [usize; 2],
) -> (Tensor<M::Scalar>, usize) {
    let mut some = x.empty_like();
    x.gather(&(0..rows).map(|i| i * x.rows() / tried).collect::<Vec<_>>(), &mut some);
    let tape = Tape::inference();
    let net = model.draw(&tape, Drawing::new(draws.key(0)).without_kl());
    let output = forward.outputs(net, tape.input(&some));
    assert!(output.draws() == 1, "predict: the model's output stands for {} draws; expected one", output.draws());
    (output.to_tensor(), tape.memory().used)
}

/// Panics if rows have other outputs among all of `tried` than among the first `half`.
#[track_caller]
fn check_independent<T: Real>(tried: &Tensor<T>, half: &Tensor<T>, at_once: usize) {
    let largest = tried.data().iter().map(|y| y.to_f64().abs()).fold(0.0, f64::max);
    let differs = |(a, b): (&T, &T)| (a.to_f64() - b.to_f64()).abs() > ROUNDING * largest;
    let coupled = half.data().iter().zip(tried.data()).any(differs);
    assert!(
        !coupled,
        "predict: in this model's forward the rows of a batch influence each other, and some {at_once} rows are predicted \
         at a time; say `Draws(..).in_one_batch()` if that is meant, or normalise each row by itself"
    );
}
