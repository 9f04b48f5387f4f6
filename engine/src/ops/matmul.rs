//! Matrix products by NumPy's rules: the last two axes are matrices, the leading ones are batches.

use crate::kernels::Write;
use crate::kernels::gemm::{Matrix, gemm};
use crate::ops::batch::for_each_pair;
use crate::ops::broadcast::broadcast_shape;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var, View};

/// `a · b`; see [`Var::matmul`].
#[track_caller]
pub(crate) fn matmul<'t, T: Real>(a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let Some(product) = Product::new(a.shape(), b.shape()) else {
        panic!(
            "matmul: the shapes {:?} and {:?} do not match; the last axis of the first must be as long as the second-to-last \
             of the second (or the only one of a vector), and leading axes must broadcast",
            a.shape(),
            b.shape()
        );
    };
    a.tape().record(Matmul, &[a, b], [product.shape])[0]
}

/// The sizes and batches of a product of two operands.
struct Product {
    m: usize,
    k: usize,
    n: usize,
    /// The broadcast batch axes of both, after rows were merged if one matrix serves all.
    batch: Shape,
    a_batch: Shape,
    b_batch: Shape,
    shape: Shape,
}

impl Product {
    fn new(a: &[usize], b: &[usize]) -> Option<Self> {
        // A vector is a row on the left and a column on the right; its axis is removed afterwards.
        let (a_batch, m, k) = match a {
            [] => return None,
            &[k] => (&[][..], None, k),
            [batch @ .., m, k] => (batch, Some(*m), *k),
        };
        let (b_batch, inner, n) = match b {
            [] => return None,
            &[k] => (&[][..], k, None),
            [batch @ .., k, n] => (batch, *k, Some(*n)),
        };
        if inner != k {
            return None;
        }
        let batch = broadcast_shape(a_batch, b_batch)?;
        let shape: Shape = batch.iter().copied().chain(m).chain(n).collect();
        let (m, n) = (m.unwrap_or(1), n.unwrap_or(1));
        let is_shared = b_batch.iter().all(|&length| length == 1) && batch[..] == *a_batch;
        Some(if is_shared {
            // One right-hand matrix for all: the batch becomes more rows.
            let m = m * batch.elements();
            let none = Shape::default;
            Product { m, k, n, batch: none(), a_batch: none(), b_batch: none(), shape }
        } else {
            Product { m, k, n, batch, a_batch: a_batch.into(), b_batch: b_batch.into(), shape }
        })
    }

    /// Calls `visit` for each product with its index, the index of each operand's matrix, and whether that matrix occurs for
    /// the first time.
    fn for_each(&self, mut visit: impl FnMut(usize, [usize; 2], [bool; 2])) {
        for_each_pair(&self.batch, [&self.a_batch, &self.b_batch], &mut visit);
    }
}

#[derive(Clone, Copy)]
struct Matmul;

impl<T: Real> Operation<T> for Matmul {
    fn name(&self) -> &'static str {
        "matmul"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Matmul)
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        let p = product(a, b);
        let out = io.output(0);
        p.for_each(|i, [j, l], _| {
            let out = &mut out[i * p.m * p.n..][..p.m * p.n];
            gemm(part(a, j, p.m, p.k), part(b, l, p.k, p.n), out, Write::Store);
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        let output = io.output(0);
        let g = View { data: io.upstream(0).expect("the only output"), shape: output.shape };
        let p = product(a, b);
        io.accumulate(0, |target, write| {
            clear_unreached(g, target, write);
            p.for_each(|i, [j, l], [first, _]| {
                let target = &mut target[j * p.m * p.k..][..p.m * p.k];
                let write = if first { write } else { Write::Add };
                gemm(part(g, i, p.m, p.n), part(b, l, p.k, p.n).t(), target, write);
            });
        });
        io.accumulate(1, |target, write| {
            clear_unreached(g, target, write);
            p.for_each(|i, [j, l], [_, first]| {
                let target = &mut target[l * p.k * p.n..][..p.k * p.n];
                let write = if first { write } else { Write::Add };
                gemm(part(a, j, p.m, p.k).t(), part(g, i, p.m, p.n), target, write);
            });
        });
    }
}

fn product<T>(a: View<'_, T>, b: View<'_, T>) -> Product {
    Product::new(a.shape, b.shape).expect("checked when it was recorded")
}

/// Matrix `i` of a batch.
fn part<T>(view: View<'_, T>, i: usize, rows: usize, columns: usize) -> Matrix<'_, T> {
    Matrix::new(&view.data[i * rows * columns..][..rows * columns], rows, columns)
}

/// Clears the target of an empty product, which no part of the sum writes.
fn clear_unreached<T: Real>(g: View<'_, T>, target: &mut [T], write: Write) {
    if g.data.is_empty() && write == Write::Store {
        target.fill(T::ZERO);
    }
}
