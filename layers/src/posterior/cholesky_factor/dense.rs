//! Expands a Cholesky factor to a dense matrix, for matrix products.

use super::row;
use crate::engine::kernels::Write;
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// The square matrix with this diagonal, these elements below it, and zeros above.
pub(super) fn dense<'t, T: Real>(diagonal: Var<'t, T>, lower: Var<'t, T>) -> Var<'t, T> {
    let rows = diagonal.len();
    diagonal.tape().record(Dense, &[diagonal, lower], [[rows, rows]])[0]
}

#[derive(Clone, Copy)]
struct Dense;

impl<T: Real> Operation<T> for Dense {
    fn name(&self) -> &'static str {
        "Cholesky factor"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (diagonal, lower) = (io.input(0).data, io.input(1).data);
        for (i, out) in io.output(0).chunks_exact_mut(diagonal.len().max(1)).enumerate() {
            out[..i].copy_from_slice(row(lower, i));
            out[i] = diagonal[i];
            out[i + 1..].fill(T::ZERO);
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (n, g) = (io.input(0).data.len(), io.upstream(0).expect("the only output"));
        io.give(0, |i| g[i * n + i]);
        io.accumulate(1, |target, write| {
            let mut rest = target;
            for i in 0..n {
                let (row, others) = rest.split_at_mut(i);
                let g = &g[i * n..][..i];
                match write {
                    Write::Store => row.copy_from_slice(g),
                    Write::Add => row.iter_mut().zip(g).for_each(|(target, &g)| *target += g),
                }
                rest = others;
            }
        });
    }
}
