//! Splits an input into batches of rows that fit on the tape, runs the forward on each, and checks that rows are
//! independent.

use std::ops::Range;

use super::thread_tape::ThreadTape;
use crate::data::Targets;
use crate::engine::threads::map_tasks;
use crate::engine::{Path, Real, Tape, Tensor, Var};
use crate::model::forward_by::Outputs;
use crate::model::{Bayesian, Drawn};
use crate::samples::Samples;
use crate::samples::{DrawOf, ScalarOf};

/// The least and the most rows predicted at a time, times the draws made at once; [`VALUES`] decides between them.
const ROWS: [usize; 2] = [256, 1024];

/// The tape is reset for the next rows once the values of rows take this many bytes, or [`OF_WEIGHTS`] times the bytes
/// of the weights.
const VALUES: usize = 1 << 23;
const OF_WEIGHTS: usize = 4;

/// Rows in the trial before many are predicted.
const TRIAL_ROWS: usize = 8;

/// The tolerance for rounding between two evaluations of a row, relative to the largest output.
const ROUNDING: f64 = 1e-3;

/// The inputs of a prediction, checked, with the sizes of its batches.
pub(super) struct RowBatches<'m, S: Samples, F> {
    samples: &'m S,
    forward: &'m F,
    x: &'m Tensor<ScalarOf<S>>,
    /// The shape of one row's output, if there was a trial.
    axes: Option<Vec<usize>>,
    /// Rows predicted at a time.
    at_once: usize,
    /// The number of bytes on a tape at which it is reset for the next rows.
    full: usize,
    /// Whether a layer may give the moments of its outputs.
    takes_moments: bool,
}

/// Why an output is invalid.
pub(super) enum OutputError {
    /// It is infinite or NaN.
    NotFinite { row: usize, draw: usize },
    /// Its shape is not (rows, ..).
    Shape { found: Vec<usize>, rows: usize },
    /// It has another number of draws than were made.
    Draws { found: usize, made: usize },
    /// It has variances, of the layer of this weight, and the likelihood does not take them.
    Moments { weight: String },
}

impl<'m, S: Samples, F: Outputs<S::Model>> RowBatches<'m, S, F> {
    /// Checks the inputs and, if there are many, runs a trial on some of them.
    #[track_caller]
    pub(super) fn new(samples: &'m S, forward: &'m F, x: &'m Tensor<ScalarOf<S>>) -> Self {
        let rows = x.rows();
        assert!(rows > 0, "predict: the input of shape {:?} has no rows", x.shape());
        assert!(samples.count() > 0, "predict: there are no draws of the weights");
        if let Some(at) = x.data().iter().position(|x| !x.is_finite()) {
            let width = x.len() / rows;
            let (row, column, value) = (at / width, at % width, x.data()[at].to_f64());
            panic!(
                "predict: row {row}, column {column} (both from 0) of the inputs is {value}; drop the row or fill \
                 the gap"
            );
        }
        let draws = samples.at_once().clamp(1, samples.count());
        let [least, most] = ROWS.map(|rows| (rows / draws).max(1));
        let mut checked =
            RowBatches { samples, forward, x, axes: None, at_once: rows, full: usize::MAX, takes_moments: true };
        if samples.in_one_batch() || rows <= least {
            return checked;
        }
        let tried = rows.min(TRIAL_ROWS);
        let [all, half] = [tried, (tried / 2).max(1)].map(|rows| checked.run_trial([tried, rows]));
        check_independent(&all, &half, least);
        let each = all.used.saturating_sub(half.used) / (tried - tried / 2);
        let weights = all.used.saturating_sub(each * tried);
        checked.full = if samples.serves_once() { 0 } else { VALUES.max(OF_WEIGHTS * weights) + weights };
        checked.at_once = (VALUES / each.max(1)).clamp(least, most);
        checked.axes = Some(all.axes);
        checked
    }

    /// For a likelihood that takes the moments of outputs, or does not.
    pub(super) fn taking_moments(self, takes_moments: bool) -> Self {
        RowBatches { takes_moments, ..self }
    }

    /// Rows predicted at a time.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// The number of outputs of one row, if there was a trial.
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

    /// The results of `work` for each group of draws that are made at once, on all threads, each with a tape for
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

    /// Calls `visit` with the outputs of each batch of rows of `range`, under the draws of `group`, until the first
    /// error.
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
            // The tape is full, and resetting it also drops the draw, so copy the weights if that is cheaper.
            (from < range.end && group.len() == 1).then(|| self.samples.copy(&net, group.start)).flatten()
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

    /// Visits rows until the tape is full or `range` ends, and returns the next row.
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
            if !self.takes_moments && rows.start == 0 && group.start == 0 {
                check_samples(&net)?;
            }
            from = rows.end;
            visit(rows, output)?;
            if from == range.end || tape.memory().used > self.full {
                return Ok(from);
            }
        }
    }

    /// The outputs of the first `rows` of `tried` rows, evenly spaced over the inputs, under the first group of draws.
    #[track_caller]
    fn run_trial(&self, [tried, rows]: [usize; 2]) -> TrialOutput<ScalarOf<S>> {
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

/// The result of a trial.
struct TrialOutput<T> {
    values: Vec<T>,
    draws: usize,
    /// The shape of one row's output.
    axes: Vec<usize>,
    /// Bytes used on the tape.
    used: usize,
}

/// Checks that no layer of `net`, after its forward, gave the moments of its outputs.
fn check_samples<'t, T: Real>(net: &impl Drawn<'t, T>) -> Result<(), OutputError> {
    let mut weight = None;
    net.walk(&Path::ROOT, &mut |path, of| {
        if weight.is_none() && of.gave_moments() {
            weight = Some(path.to_string());
        }
    });
    weight.map_or(Ok(()), |weight| Err(OutputError::Moments { weight }))
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
                "predict: the model's output for row {row} is not finite under draw {draw} (both from 0): a weight, or \
                 an operation on large inputs, overflowed"
            ),
            OutputError::Shape { found, rows } => panic!(
                "predict: the model's output has the shape {found:?} for {rows} rows of inputs; expected (rows, ..)"
            ),
            OutputError::Moments { weight } => panic!(
                "predict: the layer of the weight `{weight}` gives means and variances of its outputs, but the likelihood does \
                 not take variances; use `ExpectedGaussian` or `ExpectedCategorical`"
            ),
            OutputError::Draws { found, made } => {
                panic!("predict: the model's output has {found} draws; expected {made}")
            }
        }
    }
}

/// Panics if a row's output among all rows of the trial differs from that among the first half, under some draw.
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
        "predict: in this model's forward the rows of a batch influence each other, but rows are predicted in batches \
         of about {at_once}; use `Draws(..).in_one_batch()` if that is intended, or make the rows independent"
    );
}
