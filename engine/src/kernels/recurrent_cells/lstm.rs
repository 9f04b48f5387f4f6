//! The long short-term memory (LSTM) given the matrix products: the new state of one step, and the adjoint.

use std::ops::Range;

use super::rules::{NewCell, OfNewCell, OfSigmoid, OfTanh, Product, SigmoidOfSum, Tanh, TanhOfSum};
use super::{LSTM_KEPT, Step, row};
use crate::Real;
use crate::kernels::Write;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::{Kernel, Simd};
use crate::kernels::map::map_slices;
use crate::threads::Rows;

pub(super) struct Lstm<'a, T> {
    pub(super) at: Step,
    pub(super) rows: Range<usize>,
    /// Sums over the input, sums over the last output, the last cell.
    pub(super) inputs: [&'a [T]; 3],
    /// The output, the cell, the values kept for the adjoint.
    pub(super) outputs: (Rows<'a, T>, Rows<'a, T>, Rows<'a, T>),
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

pub(super) struct LstmBack<'a, T> {
    pub(super) at: Step,
    pub(super) rows: Range<usize>,
    /// The kept values, and the last cell.
    pub(super) values: [&'a [T]; 2],
    /// The adjoints of the output and of the cell.
    pub(super) adjoints: [&'a [T]; 2],
    /// The adjoints of the sums, and of the last cell.
    pub(super) outputs: (Rows<'a, T>, Rows<'a, T>),
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
            // First the total adjoint of the cell.
            map_slices::<S, _, _, 4>(OfNewCell, [of_out, o, tanh, of_cell], last, Write::Store);
            let (of_i, sums) = sums.split_at_mut(width);
            let (of_f, sums) = sums.split_at_mut(width);
            let (of_g, of_o) = sums.split_at_mut(width);
            map_slices::<S, _, _, 3>(OfSigmoid, [last, g, i], of_i, Write::Store);
            map_slices::<S, _, _, 3>(OfSigmoid, [last, cell, f], of_f, Write::Store);
            map_slices::<S, _, _, 3>(OfTanh, [last, i, g], of_g, Write::Store);
            map_slices::<S, _, _, 3>(OfSigmoid, [of_out, tanh, o], of_o, Write::Store);
            last.iter_mut().zip(f).for_each(|(last, &f)| *last = chain(*last, f));
        }
    }
}
