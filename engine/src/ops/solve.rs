//! `triangular_solve` and `solve`: systems of linear equations.

use crate::kernels::Write;
use crate::kernels::chain::all_zero;
use crate::kernels::gemm::{Matrix, gemm};
use crate::kernels::lu;
use crate::kernels::reduce::all_finite;
use crate::kernels::triangular_solve::Triangular;
use crate::ops::batch::{for_each_pair, square, transpose, which};
use crate::ops::broadcast::broadcast_shape;
use crate::{Adjoints, Evaluation, Operation, Real, Shape, Var, View};

/// The triangle of a square matrix that a triangular system uses; the rest is not read.
///
/// ```
/// use elbo_engine::{Tape, Tensor, Triangle};
///
/// let l: Tensor = Tensor::new([2, 2], [2.0, f32::NAN, 1.0, 4.0]);
/// let b = Tensor::new([2, 1], [2.0, 9.0]);
/// let tape = Tape::new();
/// let x = tape.input(&l).triangular_solve(tape.input(&b), Triangle::LOWER);
/// assert_eq!(x.value(), [1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Triangle {
    upper: bool,
    transposed: bool,
    unit_diagonal: bool,
}

impl Triangle {
    /// The diagonal and everything below.
    pub const LOWER: Triangle = Triangle { upper: false, transposed: false, unit_diagonal: false };

    /// The diagonal and everything above.
    pub const UPPER: Triangle = Triangle { upper: true, ..Triangle::LOWER };

    /// The transpose of this triangle: `Triangle::LOWER.transposed()` solves Lᵀ x = b.
    #[must_use]
    pub const fn transposed(self) -> Self {
        Triangle { transposed: !self.transposed, ..self }
    }

    /// Treats the diagonal as ones and does not read it.
    #[must_use]
    pub const fn unit_diagonal(self) -> Self {
        Triangle { unit_diagonal: true, ..self }
    }

    fn of<T>(self, data: &[T], n: usize) -> Triangular<'_, T> {
        let Triangle { upper, transposed, unit_diagonal } = self;
        Triangular { data, stride: n, n, upper, transposed, unit_diagonal }
    }

    /// Whether element (i, j) of the matrix is read.
    fn reads(self, i: usize, j: usize) -> bool {
        if i == j { !self.unit_diagonal } else { self.upper == (i < j) }
    }
}

impl<'t, T: Real> Var<'t, T> {
    /// Solves A x = `b`, with A a triangle of this square matrix. `b` is a matrix (n, columns) or a vector (n); axes
    /// before the last two are batches and broadcast, as in [`matmul`](Var::matmul).
    ///
    /// Elements outside of the triangle are not read and have gradient zero.
    ///
    /// # Panics
    /// If the shapes cannot be broadcast, or a matrix has a zero on its diagonal, so that x is not finite.
    #[track_caller]
    pub fn triangular_solve(self, b: Var<'t, T>, triangle: Triangle) -> Var<'t, T> {
        solve(System::Triangular(triangle), self, b)
    }

    /// Solves A x = `b`, with A this square matrix, by LU decomposition with partial pivoting. Shapes are those of
    /// [`triangular_solve`](Var::triangular_solve).
    ///
    /// # Panics
    /// If the shapes cannot be broadcast, or a matrix is singular (a pivot is exactly 0), so that x is not finite. The
    /// message names the matrix of the batch and the pivot.
    #[track_caller]
    pub fn solve(self, b: Var<'t, T>) -> Var<'t, T> {
        solve(System::General, self, b)
    }
}

/// The structure of the matrix.
#[derive(Clone, Copy)]
pub(crate) enum System {
    General,
    Triangular(Triangle),
}

impl System {
    fn name(self) -> &'static str {
        match self {
            System::General => "solve",
            System::Triangular(_) => "triangular_solve",
        }
    }

    pub(crate) fn scratch(self, n: usize) -> usize {
        match self {
            System::General => n * n + lu::scratch(n),
            System::Triangular(_) => Triangular::<f64>::scratch(n),
        }
    }

    /// The first pivot that is exactly 0.
    #[cold]
    fn zero_pivot<T: Real>(self, a: &[T], n: usize) -> Option<usize> {
        let mut factors = a.to_vec();
        match self {
            System::General => {
                lu::eliminate(&mut factors, n, 0, &mut [], &mut vec![T::ZERO; lu::scratch(n)]);
            }
            System::Triangular(triangle) if triangle.unit_diagonal => return None,
            System::Triangular(_) => {}
        }
        factors.iter().step_by(n + 1).position(|&pivot| pivot == T::ZERO)
    }

    /// Replaces `x`, which holds b, by the solution; of the transposed system if `transposed`.
    pub(crate) fn apply<T: Real>(
        self,
        a: &[T],
        n: usize,
        transposed: bool,
        columns: usize,
        x: &mut [T],
        scratch: &mut [T],
    ) {
        match self {
            System::General => {
                let (factors, working) = scratch.split_at_mut(n * n);
                if transposed {
                    transpose(a, n, factors)
                } else {
                    factors.copy_from_slice(a)
                }
                lu::eliminate(factors, n, columns, x, working);
            }
            System::Triangular(triangle) => {
                let triangle = if transposed { triangle.transposed() } else { triangle };
                triangle.of(a, n).solve(columns, x, scratch);
            }
        }
    }
}

#[track_caller]
fn solve<'t, T: Real>(system: System, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let name = system.name();
    let n = square(name, a.shape());
    if b.shape() == [n] {
        let x = solve(system, a, b.reshape([n, 1]));
        return x.reshape(&x.shape()[..x.shape().len() - 1]);
    }
    let Some(sizes) = Sizes::new(a.shape(), b.shape()) else {
        panic!(
            "{name}: matrices of shape {:?} and right-hand sides of shape {:?}; expected (.., {n}, {n}) and \
             (.., {n}, columns) or ({n}), with leading axes that broadcast",
            a.shape(),
            b.shape()
        );
    };
    let shape: Shape = sizes.batch.iter().copied().chain([n, sizes.columns]).collect();
    let x = a.tape().record(Solve { system }, &[a, b], [shape])[0];
    check_regular(name, system, a, x);
    x
}

/// # Panics
/// If the solution `x` is not finite because a matrix is singular.
#[track_caller]
pub(crate) fn check_regular<T: Real>(name: &str, system: System, a: Var<'_, T>, x: Var<'_, T>) {
    if all_finite(x.value()) {
        return;
    }
    let n = square(name, a.shape());
    // Other reasons are a number that is not finite in the operands, or overflow: they pass through, as everywhere.
    let singular = a.value().chunks_exact(n * n).enumerate().find_map(|(i, a)| Some((i, system.zero_pivot(a, n)?)));
    if let Some((index, pivot)) = singular {
        let matrix = which(&a.shape()[..a.shape().len() - 2], index % (a.len() / (n * n)));
        panic!(
            "{name}: {matrix} is singular: pivot {pivot} is 0; if it should not be, two of its rows or columns depend on \
             each other: remove one, or add a small number to the diagonal"
        );
    }
}

/// The sizes and batches of matrices and right-hand sides.
struct Sizes<'a> {
    n: usize,
    columns: usize,
    batch: Shape,
    batches: [&'a [usize]; 2],
}

impl<'a> Sizes<'a> {
    fn new(a: &'a [usize], b: &'a [usize]) -> Option<Self> {
        let ([a_batch @ .., n, _], [b_batch @ .., rows, columns]) = (a, b) else {
            return None;
        };
        let batch = broadcast_shape(a_batch, b_batch)?;
        (rows == n).then_some(Sizes { n: *n, columns: *columns, batch, batches: [a_batch, b_batch] })
    }

    fn of<T>(a: View<'a, T>, b: View<'a, T>) -> Self {
        Sizes::new(a.shape, b.shape).expect("checked when it was recorded")
    }
}

#[derive(Clone, Copy)]
struct Solve {
    system: System,
}

impl<T: Real> Operation<T> for Solve {
    fn name(&self) -> &'static str {
        self.system.name()
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        let Sizes { n, columns, batch, batches } = Sizes::of(a, b);
        let (square, len) = (n * n, n * columns);
        let working = io.scratch(self.system.scratch(n));
        let out = io.output(0);
        for_each_pair(&batch, batches, &mut |i, [j, k], _| {
            let x = &mut out[i * len..][..len];
            x.copy_from_slice(&b.data[k * len..][..len]);
            self.system.apply(&a.data[j * square..][..square], n, false, columns, x, working);
        });
    }

    /// The adjoint of b is u = A⁻ᵀ g, that of A is −u xᵀ (M. Giles, "Collected matrix derivative results", 2008).
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (a, b, x) = (io.input(0), io.input(1), io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        let Sizes { n, columns, batch, batches } = Sizes::of(a, b);
        let (square, len) = (n * n, n * columns);
        let working = io.scratch(self.system.scratch(n));
        let u = io.scratch(g.len());
        u.copy_from_slice(g);
        for_each_pair(&batch, batches, &mut |i, [j, _], _| {
            let u = &mut u[i * len..][..len];
            // The adjoint of a system that is not used is 0, even if its solution is infinite or NaN.
            if !all_zero(u) {
                self.system.apply(&a.data[j * square..][..square], n, true, columns, u, working);
            }
        });
        let clear = |target: &mut [T], write| {
            // An empty product writes no part of the target.
            if g.is_empty() && write == Write::Store {
                target.fill(T::ZERO);
            }
        };
        io.accumulate(1, |target, write| {
            clear(target, write);
            for_each_pair(&batch, batches, &mut |i, [_, k], [_, first]| {
                let write = if first { write } else { Write::Add };
                write.put_all(&u[i * len..][..len], &mut target[k * len..][..len]);
            });
        });
        if !io.is_wanted(0) {
            return;
        }
        let outer = io.scratch(square);
        io.accumulate(0, |target, write| {
            clear(target, write);
            for_each_pair(&batch, batches, &mut |i, [j, _], [first, _]| {
                let target = &mut target[j * square..][..square];
                let write = if first { write } else { Write::Add };
                if all_zero(&g[i * len..][..len]) {
                    write.clear(target);
                    return;
                }
                let [x, u] = [x, &*u].map(|part| Matrix::new(&part[i * len..][..len], n, columns));
                match self.system {
                    System::Triangular(triangle) if triangle.transposed => gemm(x, u.t(), outer, Write::Store),
                    _ => gemm(u, x.t(), outer, Write::Store),
                }
                for (place, (target, &part)) in target.iter_mut().zip(&*outer).enumerate() {
                    let is_read = match self.system {
                        System::General => true,
                        System::Triangular(triangle) => triangle.reads(place / n, place % n),
                    };
                    let part = if is_read { -part } else { T::ZERO };
                    write.put(part, target);
                }
            });
        });
    }
}
