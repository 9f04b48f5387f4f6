//! A model's outputs, row by row.

use std::ops::Range;

use super::thread_tape::ThreadTape;
use crate::data::Targets;
use crate::engine::threads::map_tasks;
use crate::engine::{Real, Tape, Tensor, Var};
use crate::model::Bayesian;
use crate::model::forward_by::Outputs;
use crate::samples::Samples;
use crate::samples::{DrawOf, ScalarOf};

/// Rows that are predicted at a time, times the draws that are made at once: as many as [`VALUES`] allows, between these.
const ROWS: [usize; 2] = [256, 1024];

/// Bytes that the values of rows may take on a thread's tape, or so many times what the weights take, before the tape is
/// reset for the next ones.
const VALUES: usize = 1 << 23;
const OF_WEIGHTS: usize = 4;

/// Rows that a model is tried on before it predicts many.
const TRIAL_ROWS: usize = 8;

/// How far, relative to the largest output, two evaluations of a row may differ by rounding.
const ROUNDING: f64 = 1e-3;

/// The inputs of a prediction, looked at before anything is predicted.
pub(super) struct RowBatches<'m, S: Samples, F> {
    samples: &'m S,
    forward: &'m F,
    x: &'m Tensor<ScalarOf<S>>,
    /// The shape of one row's output, where it was tried.
    axes: Option<Vec<usize>>,
    /// Rows predicted at a time.
    at_once: usize,
    /// Bytes on a tape, from which on its rows make room for others.
    full: usize,
}

/// What is wrong with an output.
pub(super) enum OutputError {
    /// It is infinite or NaN.
    NotFinite { row: usize, draw: usize },
    /// It has another shape than (rows, ..).
    Shape { found: Vec<usize>, rows: usize },
    /// It stands for another number of draws than were made.
    Draws { found: usize, made: usize },
}

impl<'m, S: Samples, F: Outputs<S::Model>> RowBatches<'m, S, F> {
    /// Looks at the inputs, and where they are many, at what the model makes of some.
    #[track_caller]
    pub(super) fn new(samples: &'m S, forward: &'m F, x: &'m Tensor<ScalarOf<S>>) -> Self {
        let rows = x.rows();
        assert!(rows > 0, "predict: there are no rows in an input of shape {:?}", x.shape());
        assert!(samples.count() > 0, "predict: there are no draws of the weights");
        if let Some(at) = x.data().iter().position(|x| !x.is_finite()) {
            let width = x.len() / rows;
            let (row, column, value) = (at / width, at % width, x.data()[at].to_f64());
            panic!("predict: row {row}, column {column} (both from 0) of the inputs is {value}");
        }
        let draws = samples.at_once().clamp(1, samples.count());
        let [least, most] = ROWS.map(|rows| (rows / draws).max(1));
        let mut looked_at = RowBatches { samples, forward, x, axes: None, at_once: rows, full: usize::MAX };
        if samples.in_one_batch() || rows <= least {
            return looked_at;
        }
        let tried = rows.min(TRIAL_ROWS);
        let [all, half] = [tried, (tried / 2).max(1)].map(|rows| looked_at.try_rows([tried, rows]));
        check_independent(&all, &half, least);
        let each = all.used.saturating_sub(half.used) / (tried - tried / 2);
        let weights = all.used.saturating_sub(each * tried);
        looked_at.full = if samples.serves_once() { 0 } else { VALUES.max(OF_WEIGHTS * weights) + weights };
        looked_at.at_once = (VALUES / each.max(1)).clamp(least, most);
        looked_at.axes = Some(all.axes);
        looked_at
    }

    /// Rows predicted at a time.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// Outputs of one row, where it is known.
    pub(super) fn width(&self) -> Option<usize> {
        self.axes.as_ref().map(|axes| axes.iter().product())
    }

    /// The shape of one row's output.
    #[track_caller]
    pub(super) fn axes(&self) -> Vec<usize> {
        self.axes.clone().unwrap_or_else(|| {
            let tape = Tape::inference();
            let net = self.samples.draw(&tape, 0);
            let output = self.forward.outputs(net, tape.input(self.x));
            output.shape().get(1..).unwrap_or_default().to_vec()
        })
    }

    pub(super) fn count_of_draws(&self) -> usize {
        self.samples.count()
    }

    /// What `work` makes of all draws, those that are made at once together, on all threads, each with a tape for
    /// [`for_each`](RowBatches::for_each).
    pub(super) fn map_groups<R: Send + Sync>(
        &self,
        work: impl Fn(&mut Tape<ScalarOf<S>>, Range<usize>) -> R + Sync,
    ) -> Vec<R>
    where
        F: Sync,
    {
        let (count, each) = (self.samples.count(), self.samples.at_once().max(1));
        let group = |index: usize| index * each..count.min((index + 1) * each);
        map_tasks(count.div_ceil(each), ThreadTape::take, |tape, index| work(tape, group(index)))
    }

    /// Calls `visit` with the outputs of some rows of `range` after the other, under the draws of a group, until one of them
    /// is wrong.
    pub(super) fn for_each(
        &self,
        tape: &mut Tape<ScalarOf<S>>,
        group: Range<usize>,
        range: Range<usize>,
        mut visit: impl FnMut(Range<usize>, Var<'_, ScalarOf<S>>) -> Result<(), OutputError>,
    ) -> Result<(), OutputError> {
        let mut from = range.start;
        tape.reset();
        let copy = {
            let net = self.samples.draw_for_rows(tape, group.start, from);
            from = self.until_full(tape, net, &group, from..range.end, &mut visit)?;
            // The tape is full, and what was drawn goes with what is on it.
            (from < range.end && group.len() == 1).then(|| self.samples.copy(&net)).flatten()
        };
        while from < range.end {
            tape.reset();
            let net = match &copy {
                Some(weights) => self.samples.model().at(tape, weights),
                None => self.samples.draw_for_rows(tape, group.start, from),
            };
            from = self.until_full(tape, net, &group, from..range.end, &mut visit)?;
        }
        Ok(())
    }

    /// The rows from which on there is no more room on the tape.
    fn until_full<'t>(
        &'t self,
        tape: &'t Tape<ScalarOf<S>>,
        net: DrawOf<'t, S>,
        group: &Range<usize>,
        range: Range<usize>,
        visit: &mut impl FnMut(Range<usize>, Var<'_, ScalarOf<S>>) -> Result<(), OutputError>,
    ) -> Result<usize, OutputError> {
        let mut from = range.start;
        loop {
            let rows = from..range.end.min(from + self.at_once);
            let output = self.forward.outputs(net, tape.input_rows(self.x, rows.clone()));
            check_shape(output, rows.len(), group.len())?;
            from = rows.end;
            visit(rows, output)?;
            if from == range.end || tape.memory().used > self.full {
                return Ok(from);
            }
        }
    }

    /// The outputs of the first `rows` of `tried` rows spread over the inputs, under the first draws of the weights.
    #[track_caller]
    fn try_rows(&self, [tried, rows]: [usize; 2]) -> TrialOutput<ScalarOf<S>> {
        let mut some = self.x.empty_like();
        self.x.gather(&(0..rows).map(|i| i * self.x.rows() / tried).collect::<Vec<_>>(), &mut some);
        let tape = Tape::inference();
        let net = self.samples.draw(&tape, 0);
        let output = self.forward.outputs(net, tape.input(&some));
        let made = self.samples.at_once().clamp(1, self.samples.count());
        if let Err(error) = check_shape(output, rows, made) {
            error.raise();
        }
        TrialOutput {
            values: output.value().to_vec(),
            draws: output.draws(),
            axes: output.shape()[1..].to_vec(),
            used: tape.memory().used,
        }
    }
}

/// What a model makes of some rows.
struct TrialOutput<T> {
    values: Vec<T>,
    draws: usize,
    /// The shape of one row's output.
    axes: Vec<usize>,
    /// Bytes that a tape holds for it.
    used: usize,
}

fn check_shape<T: Real>(output: Var<'_, T>, rows: usize, made: usize) -> Result<(), OutputError> {
    if output.shape().first() != Some(&rows) {
        return Err(OutputError::Shape { found: output.shape().to_vec(), rows });
    }
    if output.draws() != 1 && output.draws() != made {
        return Err(OutputError::Draws { found: output.draws(), made });
    }
    Ok(())
}

impl OutputError {
    #[track_caller]
    pub(super) fn raise(&self) -> ! {
        match self {
            OutputError::NotFinite { row, draw } => panic!(
                "predict: the model's output for row {row} is not finite under draw {draw}: a weight, or an operation on \
                 large inputs, overflowed"
            ),
            OutputError::Shape { found, rows } => panic!(
                "predict: the model's output has the shape {found:?} for {rows} rows of inputs; expected (rows, ..)"
            ),
            OutputError::Draws { found, made } => {
                panic!("predict: the model's output stands for {found} draws; expected {made}")
            }
        }
    }
}

/// Panics if rows have other outputs among all that were tried than among the first half, under one of the draws.
#[track_caller]
fn check_independent<T: Real>(all: &TrialOutput<T>, half: &TrialOutput<T>, at_once: usize) {
    let finite = all.values.iter().map(|y| y.to_f64().abs()).filter(|y| y.is_finite());
    let largest = finite.fold(0.0, f64::max);
    let differs = |(a, b): (&T, &T)| (a.to_f64() - b.to_f64()).abs() > ROUNDING * largest;
    let of_draws = |tried: &'_ TrialOutput<T>| (tried.values.len() / tried.draws).max(1);
    let pairs = all.values.chunks(of_draws(all)).zip(half.values.chunks(of_draws(half)));
    let coupled = pairs.into_iter().any(|(all, half)| half.iter().zip(all).any(differs));
    assert!(
        !coupled,
        "predict: in this model's forward the rows of a batch influence each other, and some {at_once} rows are predicted \
         at a time; say `Draws(..).in_one_batch()` if that is meant, or normalise each row by itself"
    );
}
