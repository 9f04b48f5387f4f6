//! The steps of recurrent networks between their matrix products: gates and states.
//!
//! As in [`special`](super::special), the loops are compiled here, once for each number type.

use std::ops::Range;

use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map_slices};
use crate::threads::{GRAIN, Rows, Split, for_each_part};

/// One step of a batch of sequences.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The number of sequences.
    pub rows: usize,
    /// The width of the state.
    pub hidden: usize,
    /// The number of steps for which the inputs' sums are there.
    pub steps: usize,
    /// Which of them this is.
    pub step: usize,
}

impl Step {
    /// The sums that the input of row `n` gives to `gates` gates, from sums of shape (rows, steps, gates · hidden).
    #[inline(always)]
    fn sums<T>(self, sums: &[T], n: usize, gates: usize) -> &[T] {
        &sums[(n * self.steps + self.step) * gates * self.hidden..][..gates * self.hidden]
    }

    /// `target`, of the same shape, at this step: `parts`, or with these added.
    pub(crate) fn put<T: Real>(self, parts: &[T], gates: usize, target: &mut [T], write: Write) {
        let width = gates * self.hidden;
        if write == Write::Store && self.steps > 1 {
            target.fill(T::ZERO);
        }
        for n in 0..self.rows {
            let target = &mut target[(n * self.steps + self.step) * width..][..width];
            write.put_all(&parts[n * width..][..width], target);
        }
    }

    /// That outputs of these names and lengths have so many numbers for each element of a state: what the loops rely on,
    /// which write to them row by row.
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

    /// `output` as rows of so many numbers for each element of a state.
    fn rows<T>(self, output: &mut [T], parts: usize) -> Rows<'_, T> {
        Rows::new(output, parts * self.hidden)
    }

    /// Calls `work` with ranges of rows and these rows of the outputs.
    fn split<P: Split>(self, outputs: P, work: &(dyn Fn(Range<usize>, P) + Sync)) {
        // A function of a gate costs some ten additions.
        for_each_part(outputs, self.rows, GRAIN.div_ceil((40 * self.hidden).max(1)), 1, work);
    }
}

/// What a long short-term memory remembers of a row for its way back: the gates i, f, g, o and tanh c.
pub(crate) const LSTM_KEPT: usize = 5;

/// What a gated recurrent unit remembers of a row: r, z and n.
pub(crate) const GRU_KEPT: usize = 3;

/// A number type that has these loops. Slices are row-major; sums are of shape (rows, gates · hidden), those of the inputs
/// of shape (rows, steps, gates · hidden), states (rows, hidden).
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
                at.check("lstm", &[lens[0], lens[1], ("what is kept", kept.len(), LSTM_KEPT)]);
                let outputs = (at.rows(out, 1), at.rows(cell, 1), at.rows(kept, LSTM_KEPT));
                at.split(outputs, &|rows, outputs| dispatch(Lstm { at, rows, inputs, outputs }));
            }

            fn lstm_back(at: Step, values: [&[Self]; 2], adjoints: [&[Self]; 2], [sums, cell]: [&mut [Self]; 2]) {
                at.check("lstm_back", &[("adjoints of sums", sums.len(), 4), ("the cell's adjoint", cell.len(), 1)]);
                let outputs = (at.rows(sums, 4), at.rows(cell, 1));
                at.split(outputs, &|rows, outputs| dispatch(LstmBack { at, rows, values, adjoints, outputs }));
            }

            fn gru(at: Step, inputs: [&[Self]; 3], [out, kept]: [&mut [Self]; 2]) {
                at.check("gru", &[("an output", out.len(), 1), ("what is kept", kept.len(), GRU_KEPT)]);
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

struct Lstm<'a, T> {
    at: Step,
    rows: Range<usize>,
    /// Sums from the input, sums from the last output, the last cell.
    inputs: [&'a [T]; 3],
    /// The output, the cell, what is kept.
    outputs: (Rows<'a, T>, Rows<'a, T>, Rows<'a, T>),
}

impl<T: Real> Kernel for Lstm<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.at.hidden;
        let [from_x, from_h, cells] = self.inputs;
        let (mut out, mut new_cell, mut kept) = self.outputs;
        for (i, n) in self.rows.enumerate() {
            let (x, h, cell) = (self.at.sums(from_x, n, 4), row(from_h, n, 4 * width), row(cells, n, width));
            let (out, new_cell) = (out.row(i), new_cell.row(i));
            let (gates, tanh) = kept.row(i).split_at_mut(4 * width);
            for (from, to, is_candidate) in [(0, 2, false), (2, 3, true), (3, 4, false)] {
                let part = from * width..to * width;
                let (sums, gates) = ([&x[part.clone()], &h[part.clone()]], &mut gates[part]);
                match is_candidate {
                    true => map_slices::<S, _, _, 2>(TanhOfSum, sums, gates, Write::Store),
                    false => map_slices::<S, _, _, 2>(SigmoidOfSum, sums, gates, Write::Store),
                }
            }
            let [i, f, g, o] = [0, 1, 2, 3].map(|gate| &gates[gate * width..][..width]);
            map_slices::<S, _, _, 4>(NewCell, [i, f, g, cell], new_cell, Write::Store);
            map_slices::<S, _, _, 1>(Tanh, [new_cell], tanh, Write::Store);
            map_slices::<S, _, _, 2>(Product, [o, tanh], out, Write::Store);
        }
    }
}

struct LstmBack<'a, T> {
    at: Step,
    rows: Range<usize>,
    /// What was kept, and the last cell.
    values: [&'a [T]; 2],
    /// Of the output and of the cell.
    adjoints: [&'a [T]; 2],
    /// The adjoints of the sums, and of the last cell.
    outputs: (Rows<'a, T>, Rows<'a, T>),
}

impl<T: Real> Kernel for LstmBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.at.hidden;
        let ([kept, cells], [of_out, of_cell]) = (self.values, self.adjoints);
        let (mut sums, mut last) = self.outputs;
        for (at, n) in self.rows.enumerate() {
            let (kept, cell) = (row(kept, n, LSTM_KEPT * width), row(cells, n, width));
            let [i, f, g, o, tanh] = [0, 1, 2, 3, 4].map(|part| &kept[part * width..][..width]);
            let (of_out, of_cell) = (row(of_out, n, width), row(of_cell, n, width));
            let (sums, last) = (sums.row(at), last.row(at));
            // First the whole adjoint of the cell.
            map_slices::<S, _, _, 4>(OfNewCell, [of_out, o, tanh, of_cell], last, Write::Store);
            let (of_i, sums) = sums.split_at_mut(width);
            let (of_f, sums) = sums.split_at_mut(width);
            let (of_g, of_o) = sums.split_at_mut(width);
            map_slices::<S, _, _, 3>(OfSigmoid, [last, g, i], of_i, Write::Store);
            map_slices::<S, _, _, 3>(OfSigmoid, [last, cell, f], of_f, Write::Store);
            map_slices::<S, _, _, 3>(OfTanh, [last, i, g], of_g, Write::Store);
            map_slices::<S, _, _, 3>(OfSigmoid, [of_out, tanh, o], of_o, Write::Store);
            last.iter_mut().zip(f).for_each(|(last, &f)| *last *= f);
        }
    }
}

struct Gru<'a, T> {
    at: Step,
    rows: Range<usize>,
    /// Sums from the input, sums from the last output, the last output.
    inputs: [&'a [T]; 3],
    /// The output, and what is kept.
    outputs: (Rows<'a, T>, Rows<'a, T>),
}

impl<T: Real> Kernel for Gru<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.at.hidden;
        let [from_x, from_h, states] = self.inputs;
        let (mut out, mut kept) = self.outputs;
        for (i, n) in self.rows.enumerate() {
            let (x, h, last) = (self.at.sums(from_x, n, 3), row(from_h, n, 3 * width), row(states, n, width));
            let (gates, new) = kept.row(i).split_at_mut(2 * width);
            map_slices::<S, _, _, 2>(SigmoidOfSum, [&x[..2 * width], &h[..2 * width]], gates, Write::Store);
            let (r, z) = gates.split_at(width);
            map_slices::<S, _, _, 3>(NewState, [&x[2 * width..], r, &h[2 * width..]], new, Write::Store);
            map_slices::<S, _, _, 3>(Between, [new, z, last], out.row(i), Write::Store);
        }
    }
}

struct GruBack<'a, T> {
    at: Step,
    rows: Range<usize>,
    /// What was kept, sums from the last output, and the last output.
    values: [&'a [T]; 3],
    adjoint: &'a [T],
    /// The adjoints of the sums from the input, of those from the last output, and of the last output.
    outputs: (Rows<'a, T>, Rows<'a, T>, Rows<'a, T>),
}

impl<T: Real> Kernel for GruBack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let width = self.at.hidden;
        let [kept, from_h, states] = self.values;
        let (mut of_x, mut of_h, mut of_last) = self.outputs;
        for (i, n) in self.rows.enumerate() {
            let (kept, last, g) = (row(kept, n, GRU_KEPT * width), row(states, n, width), row(self.adjoint, n, width));
            let [r, z, new] = [0, 1, 2].map(|part| &kept[part * width..][..width]);
            let from_h = &row(from_h, n, 3 * width)[2 * width..];
            let (of_h, of_last) = (of_h.row(i), of_last.row(i));
            let (gates, of_new) = of_x.row(i).split_at_mut(2 * width);
            map_slices::<S, _, _, 3>(OfNewState, [g, z, new], of_new, Write::Store);
            map_slices::<S, _, _, 3>(OfSigmoid, [of_new, from_h, r], &mut gates[..width], Write::Store);
            map_slices::<S, _, _, 4>(OfBetween, [g, last, new, z], &mut gates[width..], Write::Store);
            of_h[..2 * width].copy_from_slice(gates);
            map_slices::<S, _, _, 2>(Product, [of_new, r], &mut of_h[2 * width..], Write::Store);
            map_slices::<S, _, _, 2>(Product, [g, z], of_last, Write::Store);
        }
    }
}

struct Rnn<'a, T> {
    at: Step,
    rows: Range<usize>,
    /// Sums from the input, and from the last output.
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

macro_rules! table {
    ($($(#[$doc:meta])* $rule:ident($count:literal): |$($x:ident),+| $value:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $rule;

        impl<T: Real> Elementwise<T, $count> for $rule {
            #[inline(always)]
            fn apply<S: Simd>(self, [$($x),+]: [T; $count]) -> T {
                $value
            }
        }
    )*};
}

table! {
    SigmoidOfSum(2): |a, b| (a + b).sigmoid::<S>();
    TanhOfSum(2): |a, b| (a + b).tanh::<S>();
    Tanh(1): |x| x.tanh::<S>();
    Product(2): |a, b| a * b;
    NewCell(4): |i, f, g, cell| f * cell + i * g;
    /// Of a sum in a logistic function `y` that is multiplied by `factor`, where the product's adjoint is `g`.
    OfSigmoid(3): |g, factor, y| g * factor * (y * (T::ONE - y));
    /// Of a sum in a hyperbolic tangent, likewise.
    OfTanh(3): |g, factor, y| g * factor * (T::ONE - y * y);
    OfNewCell(4): |of_out, o, tanh, of_cell| of_out * o * (T::ONE - tanh * tanh) + of_cell;
    NewState(3): |x, r, h| (x + r * h).tanh::<S>();
    /// (1 − z) · new + z · last.
    Between(3): |new, z, last| new + z * (last - new);
    OfNewState(3): |g, z, new| g * (T::ONE - z) * (T::ONE - new * new);
    OfBetween(4): |g, last, new, z| g * (last - new) * (z * (T::ONE - z));
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Step = Step { rows: 3, hidden: 5, steps: 1, step: 0 };
    const STATE: usize = 15;

    /// Calls `cell` with outputs of these multiples of a state, of which one is too short or too long.
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
    fn outputs_of_other_lengths_are_refused() {
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
    fn sizes_that_overflow_are_refused() {
        f32::rnn(Step { rows: 1 << 32, hidden: 1 << 32, ..STEP }, [&[], &[]], &mut []);
    }
}
