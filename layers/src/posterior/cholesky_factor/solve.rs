//! Solves linear systems with a Cholesky factor, by substitution.

use super::row;
use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// L⁻¹ y with L of this diagonal and these elements below it: y of shape (rows) or (rows, columns).
pub(super) fn solve<'t, T: Real>(diagonal: Var<'t, T>, lower: Var<'t, T>, y: Var<'t, T>) -> Var<'t, T> {
    y.tape().record(Solve, &[diagonal, lower, y], [y.shape()])[0]
}

#[derive(Clone, Copy)]
struct Solve;

impl<T: Real> Operation<T> for Solve {
    fn name(&self) -> &'static str {
        "solve with a Cholesky factor"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (diagonal, lower, y) = (io.input(0).data, io.input(1).data, io.input(2).data);
        io.output(0).copy_from_slice(y);
        dispatch(Down { diagonal, lower, x: io.output(0) });
    }

    /// With U = L⁻ᵀ G: U to y, and −U Xᵀ to L.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (diagonal, lower, x) = (io.input(0).data, io.input(1).data, io.output(0).data);
        let columns = x.len() / diagonal.len().max(1);
        let u = io.scratch(x.len());
        u.copy_from_slice(io.upstream(0).expect("the only output"));
        dispatch(Up { diagonal, lower, u });
        let (u, at) = (&*u, |i: usize| i * columns..(i + 1) * columns);
        io.give(0, |i| -dot(&u[at(i)], &x[at(i)]));
        io.accumulate(1, |target, write| {
            let below = (0..diagonal.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
            for (target, (i, j)) in target.iter_mut().zip(below) {
                let part = -dot(&u[at(i)], &x[at(j)]);
                *target = if write == Write::Store { part } else { *target + part };
            }
        });
        io.give(2, |i| u[i]);
    }
}

/// Σ aᵢ bᵢ, in double precision.
#[inline(always)]
fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    T::from_f64(a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum())
}

/// x = L⁻¹ x, from the first row to the last.
struct Down<'a, T> {
    diagonal: &'a [T],
    lower: &'a [T],
    x: &'a mut [T],
}

impl<T: Real> Kernel for Down<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let columns = self.x.len() / self.diagonal.len().max(1);
        for (i, &diagonal) in self.diagonal.iter().enumerate() {
            let (before, rest) = self.x.split_at_mut(i * columns);
            let own = &mut rest[..columns];
            if let [own] = own {
                *own -= dot(row(self.lower, i), before);
            } else {
                for (&l, before) in row(self.lower, i).iter().zip(before.chunks_exact(columns.max(1))) {
                    own.iter_mut().zip(before).for_each(|(own, &x)| *own -= l * x);
                }
            }
            own.iter_mut().for_each(|x| *x /= diagonal);
        }
    }
}

/// u = L⁻ᵀ u, from the last row to the first.
struct Up<'a, T> {
    diagonal: &'a [T],
    lower: &'a [T],
    u: &'a mut [T],
}

impl<T: Real> Kernel for Up<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let columns = self.u.len() / self.diagonal.len().max(1);
        for (i, &diagonal) in self.diagonal.iter().enumerate().rev() {
            let (before, rest) = self.u.split_at_mut(i * columns);
            let own = &mut rest[..columns];
            own.iter_mut().for_each(|u| *u /= diagonal);
            for (&l, before) in row(self.lower, i).iter().zip(before.chunks_exact_mut(columns.max(1))) {
                before.iter_mut().zip(&*own).for_each(|(before, &u)| *before -= l * u);
            }
        }
    }
}
