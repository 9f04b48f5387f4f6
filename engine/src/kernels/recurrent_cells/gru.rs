//! The gated recurrent unit (GRU) given the matrix products: the new state of one step, and the adjoint.

use std::ops::Range;

use super::rules::{Between, Chain, NewState, OfBetween, OfNewState, OfSigmoid, SigmoidOfSum};
use super::{GRU_KEPT, Step, row};
use crate::Real;
use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd};
use crate::kernels::map::map_slices;
use crate::threads::Rows;

pub(super) struct Gru<'a, T> {
    pub(super) at: Step,
    pub(super) rows: Range<usize>,
    /// Sums over the input, sums over the last output, the last output.
    pub(super) inputs: [&'a [T]; 3],
    /// The output, and the values kept for the adjoint.
    pub(super) outputs: (Rows<'a, T>, Rows<'a, T>),
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

pub(super) struct GruBack<'a, T> {
    pub(super) at: Step,
    pub(super) rows: Range<usize>,
    /// The kept values, sums over the last output, and the last output.
    pub(super) values: [&'a [T]; 3],
    pub(super) adjoint: &'a [T],
    /// The adjoints of the sums over the input, of those over the last output, and of the last output.
    pub(super) outputs: (Rows<'a, T>, Rows<'a, T>, Rows<'a, T>),
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
            map_slices::<S, _, _, 2>(Chain, [of_new, r], &mut of_h[2 * width..], Write::Store);
            map_slices::<S, _, _, 2>(Chain, [g, z], of_last, Write::Store);
        }
    }
}
