//! `tril`, `triu` and `diagonal` of matrices.

use std::ops::Range;

use crate::kernels::Write;
use crate::ops::parts::for_each_part;
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The lower triangle of a matrix, or of each in a batch: elements above diagonal `diagonal` are set to zero.
    /// Diagonal 0 is the main one, positive ones are above.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn tril(self, diagonal: isize) -> Var<'t, T> {
        record_triangle("tril", self, Half { upper: false, diagonal })
    }

    /// The upper triangle: elements below diagonal `diagonal` are set to zero, as in [`tril`](Var::tril).
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn triu(self, diagonal: isize) -> Var<'t, T> {
        record_triangle("triu", self, Half { upper: true, diagonal })
    }

    /// The main diagonal of a square matrix, or of each in a batch: (.., n, n) to (.., n).
    ///
    /// # Panics
    /// If the last two axes differ in length.
    #[track_caller]
    pub fn diagonal(self) -> Var<'t, T> {
        match self.shape() {
            [batch @ .., n, m] if n == m => {
                let len = batch.len();
                self.tape().record(Diagonal, &[self], [&self.shape()[..=len]])[0]
            }
            shape => panic!("diagonal: a value of shape {shape:?}; expected square matrices (.., n, n)"),
        }
    }
}

#[track_caller]
fn record_triangle<'t, T: Real>(name: &str, x: Var<'t, T>, half: Half) -> Var<'t, T> {
    assert!(x.shape().len() >= 2, "{name}: a value of shape {:?}; expected matrices (.., rows, columns)", x.shape());
    x.tape().record(half, &[x], [x.shape()])[0]
}

#[derive(Clone, Copy)]
struct Half {
    upper: bool,
    diagonal: isize,
}

impl Half {
    /// The columns of a row that are kept.
    fn kept(self, row: usize, columns: usize) -> Range<usize> {
        let on_diagonal = (row as isize).saturating_add(self.diagonal);
        let bound = |column: isize| column.clamp(0, columns as isize) as usize;
        match self.upper {
            true => bound(on_diagonal)..columns,
            false => 0..bound(on_diagonal.saturating_add(1)),
        }
    }

    fn apply<T: Real>(self, x: &[T], shape: &[usize], out: &mut [T], write: Write) {
        let &[.., rows, columns] = shape else {
            unreachable!("checked when it was recorded");
        };
        for_each_part(out, columns, &|first, part| {
            for (i, out) in part.chunks_exact_mut(columns).enumerate() {
                let row = first + i;
                let kept = self.kept(row % rows, columns);
                let x = &x[row * columns..][..columns][kept.clone()];
                write.clear(&mut out[..kept.start]);
                write.clear(&mut out[kept.end..]);
                write.put_all(x, &mut out[kept]);
            }
        });
    }
}

impl<T: Real> Operation<T> for Half {
    fn name(&self) -> &'static str {
        if self.upper { "triu" } else { "tril" }
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        self.apply(x.data, x.shape, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, shape) = (io.upstream(0).expect("the only output"), io.input(0).shape);
        io.accumulate(0, |target, write| self.apply(g, shape, target, write));
    }
}

#[derive(Clone, Copy)]
struct Diagonal;

impl<T: Real> Operation<T> for Diagonal {
    fn name(&self) -> &'static str {
        "diagonal"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let n = x.shape[x.shape.len() - 1];
        let out = io.output(0);
        if n > 0 {
            for (x, out) in x.data.chunks_exact(n * n).zip(out.chunks_exact_mut(n)) {
                out.iter_mut().zip(x.iter().step_by(n + 1)).for_each(|(out, &x)| *out = x);
            }
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, shape) = (io.upstream(0).expect("the only output"), io.input(0).shape);
        let n = shape[shape.len() - 1];
        io.accumulate(0, |target, write| {
            write.clear(target);
            if n > 0 {
                for (g, target) in g.chunks_exact(n).zip(target.chunks_exact_mut(n * n)) {
                    target.iter_mut().step_by(n + 1).zip(g).for_each(|(target, &g)| *target += g);
                }
            }
        });
    }
}
