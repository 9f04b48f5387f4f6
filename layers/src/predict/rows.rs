//! A model's outputs, row by row.

use crate::data::Targets;
use crate::outputs::Outputs;
use crate::predict::Draws;
use crate::{Bayesian, Real, Tape, Tensor};

/// Rows of a data set that are on a thread's tape at a time.
const ROWS: usize = 256;

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
        let output = outputs_of_some(model, forward, x, draws, [tried, tried]);
        assert!(
            output.shape().first() == Some(&tried),
            "predict: the model's output has the shape {:?} for {tried} rows of inputs; expected (rows, ..)",
            output.shape()
        );
        let width = output.len() / tried;
        if rows > draws.rows_at_once(rows, ROWS) {
            check_independent(&output, &outputs_of_some(model, forward, x, draws, [tried, tried / 2]));
        }
        Rows { model, forward, x, draws, width }
    }

    pub(super) fn count(&self) -> usize {
        self.x.rows()
    }

    /// Calls `visit` with every row's output under one draw of the weights, a part of the rows at a time, until one is
    /// not finite.
    pub(super) fn for_each(&self, draw: usize, mut visit: impl FnMut(usize, &[M::Scalar])) -> Result<(), NotFinite> {
        let mut tape = Tape::inference();
        let (mut batch, mut indices) = (self.x.empty_like(), Vec::new());
        let at_once = self.draws.rows_at_once(self.count(), ROWS);
        for from in (0..self.count()).step_by(at_once) {
            indices.clear();
            indices.extend(from..self.count().min(from + at_once));
            self.x.gather(&indices, &mut batch);
            tape.reset();
            let net = self.model.draw(&tape, self.draws.key(draw));
            let output = self.forward.outputs(net, tape.input(&batch)).value();
            if self.width == 0 {
                continue;
            }
            for (i, output) in output.chunks_exact(self.width).enumerate() {
                if !output.iter().all(|y| y.is_finite()) {
                    return Err(NotFinite { row: from + i, draw });
                }
                visit(from + i, output);
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

/// The outputs of the first `rows` of `tried` rows spread over the inputs, under the first draw of the weights.
#[track_caller]
fn outputs_of_some<M: Bayesian, F: Outputs<M>>(
    model: &M,
    forward: &F,
    x: &Tensor<M::Scalar>,
    draws: Draws,
    [tried, rows]: [usize; 2],
) -> Tensor<M::Scalar> {
    let mut some = x.empty_like();
    x.gather(&(0..rows).map(|i| i * x.rows() / tried).collect::<Vec<_>>(), &mut some);
    let tape = Tape::inference();
    forward.outputs(model.draw(&tape, draws.key(0)), tape.input(&some)).to_tensor()
}

/// Panics if rows have other outputs among all of `tried` than among the first `half`.
#[track_caller]
fn check_independent<T: Real>(tried: &Tensor<T>, half: &Tensor<T>) {
    let largest = tried.data().iter().map(|y| y.to_f64().abs()).fold(0.0, f64::max);
    let differs = |(a, b): (&T, &T)| (a.to_f64() - b.to_f64()).abs() > ROUNDING * largest;
    let coupled = half.data().iter().zip(tried.data()).any(differs);
    assert!(
        !coupled,
        "predict: in this model's forward the rows of a batch influence each other, and {ROWS} rows are predicted at a \
         time; say `Draws(..).in_one_batch()` if that is meant, or normalise each row by itself"
    );
}
