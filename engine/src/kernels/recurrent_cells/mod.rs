//! Kernels of recurrent networks: gates and states, given the matrix products.
//!
//! As in [`special`](super::special), the loops are compiled in this crate, once for each scalar type.

mod gru;
mod lstm;
mod rules;

use std::ops::Range;

use gru::{Gru, GruBack};
use lstm::{Lstm, LstmBack};
use rules::TanhOfSum;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::map_slices;
use crate::threads::{GRAIN, Rows, Split, for_each_part};

/// One step of a batch of sequences.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The number of sequences: the first of those in the inputs' sums, if these have more.
    pub rows: usize,
    /// The width of the state.
    pub hidden: usize,
    /// The number of steps in the inputs' sums.
    pub steps: usize,
    /// The index of this step.
    pub step: usize,
}

impl Step {
    /// The sums over the input of row `n` for `gates` gates, from sums of shape (rows, steps, gates · hidden).
    #[inline(always)]
    fn sums<T>(self, sums: &[T], n: usize, gates: usize) -> &[T] {
        &sums[(n * self.steps + self.step) * gates * self.hidden..][..gates * self.hidden]
    }

    /// Sets this step of `target`, which has that shape, to `parts`, or adds them.
    pub(crate) fn put<T: Real>(self, parts: &[T], gates: usize, target: &mut [T], write: Write) {
        let width = gates * self.hidden;
        if write == Write::Store && parts.len() < target.len() {
            target.fill(T::ZERO);
        }
        for n in 0..self.rows {
            let target = &mut target[(n * self.steps + self.step) * width..][..width];
            write.put_all(&parts[n * width..][..width], target);
        }
    }

    /// Checks that outputs with these names and lengths have the given multiples of a state's elements: the loops rely
    /// on it when they write row by row.
    fn check(self, cell: &str, outputs: &[(&str, usize, usize)]) {
        for &(name, len, parts) in outputs {
            let expected = self.rows.checked_mul(self.hidden).and_then(|state| state.checked_mul(parts));
            assert!(
                Some(len) == expected,
                "{cell}: {name} of {len} elements; expected {} rows of {parts} · {}",
                self.rows,
                self.hidden
            );
        }
    }

    /// `output` as rows of `parts` numbers per element of a state.
    fn rows<T>(self, output: &mut [T], parts: usize) -> Rows<'_, T> {
        Rows::new(output, parts * self.hidden)
    }

    /// Calls `work` with ranges of rows and the corresponding rows of the outputs.
    fn split<P: Split>(self, outputs: P, work: &(dyn Fn(Range<usize>, P) + Sync)) {
        // A function of a gate costs about ten additions.
        for_each_part(outputs, self.rows, GRAIN.div_ceil((40 * self.hidden).max(1)), 1, work);
    }
}

/// The values per element that an LSTM keeps for its adjoint: the gates i, f, g, o and tanh c.
pub(crate) const LSTM_KEPT: usize = 5;

/// The values per element that a GRU keeps for its adjoint: r, z and n.
pub(crate) const GRU_KEPT: usize = 3;

/// A scalar type with these loops. Slices are row-major; sums have shape (rows, gates · hidden), those over the inputs
/// (rows, steps, gates · hidden), states (rows, hidden).
pub trait Cells: Sized {
    #[doc(hidden)]
    fn lstm(at: Step, inputs: [&[Self]; 3], outputs: [&mut [Self]; 3]);

    #[doc(hidden)]
    fn lstm_back(at: Step, values: [&[Self]; 2], adjoints: [&[Self]; 2], outputs: [&mut [Self]; 2]);

    #[doc(hidden)]
    fn gru(at: Step, inputs: [&[Self]; 3], outputs: [&mut [Self]; 2]);

    #[doc(hidden)]
    fn gru_back(at: Step, values: [&[Self]; 3], adjoint: &[Self], outputs: [&mut [Self]; 3]);

    #[doc(hidden)]
    fn rnn(at: Step, inputs: [&[Self]; 2], output: &mut [Self]);
}

macro_rules! cells {
    ($type:ident) => {
        impl Cells for $type {
            fn lstm(at: Step, inputs: [&[Self]; 3], [out, cell, kept]: [&mut [Self]; 3]) {
                let lens = [("an output", out.len(), 1), ("a cell", cell.len(), 1)];
                at.check("lstm", &[lens[0], lens[1], ("the kept values", kept.len(), LSTM_KEPT)]);
                let outputs = (at.rows(out, 1), at.rows(cell, 1), at.rows(kept, LSTM_KEPT));
                at.split(outputs, &|rows, outputs| dispatch(Lstm { at, rows, inputs, outputs }));
            }

            fn lstm_back(at: Step, values: [&[Self]; 2], adjoints: [&[Self]; 2], [sums, cell]: [&mut [Self]; 2]) {
                at.check("lstm_back", &[("adjoints of sums", sums.len(), 4), ("the cell's adjoint", cell.len(), 1)]);
                let outputs = (at.rows(sums, 4), at.rows(cell, 1));
                at.split(outputs, &|rows, outputs| dispatch(LstmBack { at, rows, values, adjoints, outputs }));
            }

            fn gru(at: Step, inputs: [&[Self]; 3], [out, kept]: [&mut [Self]; 2]) {
                at.check("gru", &[("an output", out.len(), 1), ("the kept values", kept.len(), GRU_KEPT)]);
                let outputs = (at.rows(out, 1), at.rows(kept, GRU_KEPT));
                at.split(outputs, &|rows, outputs| dispatch(Gru { at, rows, inputs, outputs }));
            }

            fn gru_back(at: Step, values: [&[Self]; 3], adjoint: &[Self], [of_x, of_h, last]: [&mut [Self]; 3]) {
                let of_sums = [of_x.len(), of_h.len()].map(|len| ("adjoints of sums", len, 3));
                at.check("gru_back", &[of_sums[0], of_sums[1], ("the last output's adjoint", last.len(), 1)]);
                let outputs = (at.rows(of_x, 3), at.rows(of_h, 3), at.rows(last, 1));
                at.split(outputs, &|rows, outputs| dispatch(GruBack { at, rows, values, adjoint, outputs }));
            }

            fn rnn(at: Step, inputs: [&[Self]; 2], output: &mut [Self]) {
                at.check("rnn", &[("an output", output.len(), 1)]);
                at.split(at.rows(output, 1), &|rows, output| dispatch(Rnn { at, rows, inputs, output }));
            }
        }
    };
}

cells!(f32);
cells!(f64);

struct Rnn<'a, T> {
    at: Step,
    rows: Range<usize>,
    /// Sums over the input, and over the last output.
    inputs: [&'a [T]; 2],
    output: Rows<'a, T>,
}

impl<T: Real> Kernel for Rnn<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self) {
        let width = self.at.hidden;
        let [from_x, from_h] = self.inputs;
        for (i, n) in self.rows.enumerate() {
            let sums = [self.at.sums(from_x, n, 1), row(from_h, n, width)];
            map_slices::<S, _, _, 2>(TanhOfSum, sums, self.output.row(i), Write::Store);
        }
    }
}

#[inline(always)]
fn row<T>(matrix: &[T], n: usize, width: usize) -> &[T] {
    &matrix[n * width..][..width]
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step = Step { rows: 3, hidden: 5, steps: 1, step: 0 };
    const STATE: usize = 15;

    /// Calls `cell` with outputs of these multiples of a state, one of which is too short or too long.
    fn with_wrong_outputs<const N: usize>(parts: [usize; N], name: &str, cell: impl Fn([&mut [f32]; N])) {
        for wrong in 0..N {
            for change in [-1, 1] {
                let mut outputs = parts.map(|parts| vec![0.0; parts * STATE]);
                outputs[wrong].resize((parts[wrong] * STATE).checked_add_signed(change).unwrap(), 0.0);
                let len = outputs[wrong].len();
                let call = || cell(outputs.each_mut().map(|output| &mut output[..]));
                let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).unwrap_err();
                let message = panic.downcast::<String>().unwrap();
                assert!(message.starts_with(name) && message.contains(&len.to_string()), "{message}");
            }
        }
    }

    #[test]
    fn outputs_of_other_lengths_are_rejected() {
        let x = [0.5_f32; 5 * STATE];
        let [one, three, four, five] = [1, 3, 4, 5].map(|parts| &x[..parts * STATE]);
        with_wrong_outputs([1, 1, 5], "lstm: ", |outputs| f32::lstm(STEP, [four, four, one], outputs));
        with_wrong_outputs([4, 1], "lstm_back: ", |outputs| f32::lstm_back(STEP, [five, one], [one, one], outputs));
        with_wrong_outputs([1, 3], "gru: ", |outputs| f32::gru(STEP, [three, three, one], outputs));
        with_wrong_outputs([3, 3, 1], "gru_back: ", |outputs| f32::gru_back(STEP, [three, three, one], one, outputs));
        with_wrong_outputs([1], "rnn: ", |[output]| f32::rnn(STEP, [one, one], output));
    }

    #[test]
    #[should_panic(expected = "rnn: ")]
    fn sizes_that_overflow_are_rejected() {
        f32::rnn(Step { rows: 1 << 32, hidden: 1 << 32, ..STEP }, [&[], &[]], &mut []);
    }
}
