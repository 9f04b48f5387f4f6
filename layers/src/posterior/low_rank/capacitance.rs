//! Determinant and linear solves with the capacitance matrix I + S of a low-rank covariance, S = V Vᵀ of shape (rank, rank).
//! S is positive semidefinite, so every pivot of the Cholesky factor is at least 1 and the factorisation cannot fail.

use crate::engine::kernels::Write;
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// ½ ln det(I + S), a scalar.
pub(super) fn half_log_det<'t, T: Real>(s: Var<'t, T>) -> Var<'t, T> {
    let scalar: &[usize] = &[];
    s.tape().record(HalfLogDet, &[s], [scalar])[0]
}

/// (I + S)⁻¹ v.
pub(super) fn solve<'t, T: Real>(s: Var<'t, T>, v: Var<'t, T>) -> Var<'t, T> {
    s.tape().record(Solve, &[s, v], [v.shape()])[0]
}

/// Writes the lower Cholesky factor of I + S into the lower triangle of `l`; sums in double precision.
pub(super) fn factorise<T: Real>(s: &[T], rank: usize, l: &mut [T]) {
    for i in 0..rank {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i * rank + k].to_f64() * l[j * rank + k].to_f64()).sum();
            let rest = s[i * rank + j].to_f64() - dot;
            l[i * rank + j] = T::from_f64(match i == j {
                // A smaller pivot is a rounding error.
                true => (1.0 + rest).max(1.0).sqrt(),
                false => rest / l[j * rank + j].to_f64(),
            });
        }
    }
}

/// ½ ln det(L Lᵀ).
pub(super) fn half_log_det_of<T: Real>(l: &[T], rank: usize) -> f64 {
    (0..rank).map(|i| l[i * rank + i].to_f64().ln()).sum()
}

/// x = (L Lᵀ)⁻¹ x.
fn solve_in_place<T: Real>(l: &[T], x: &mut [T]) {
    let rank = x.len();
    for i in 0..rank {
        let dot: f64 = (0..i).map(|k| l[i * rank + k].to_f64() * x[k].to_f64()).sum();
        x[i] = T::from_f64((x[i].to_f64() - dot) / l[i * rank + i].to_f64());
    }
    for i in (0..rank).rev() {
        let dot: f64 = (i + 1..rank).map(|k| l[k * rank + i].to_f64() * x[k].to_f64()).sum();
        x[i] = T::from_f64((x[i].to_f64() - dot) / l[i * rank + i].to_f64());
    }
}

#[derive(Clone, Copy)]
struct HalfLogDet;

impl<T: Real> Operation<T> for HalfLogDet {
    fn name(&self) -> &'static str {
        "half log-determinant of I + S"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let s = io.input(0);
        let l = io.scratch(s.data.len());
        factorise(s.data, s.shape[0], l);
        io.output(0)[0] = T::from_f64(half_log_det_of(l, s.shape[0]));
    }

    /// ½ (I + S)⁻¹.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let s = io.input(0);
        let rank = s.shape[0];
        let half = T::from_f64(0.5) * io.upstream(0).expect("the only output")[0];
        let (l, column) = (io.scratch(rank * rank), io.scratch(rank));
        factorise(s.data, rank, l);
        io.accumulate(0, |target, write| {
            for (i, row) in target.chunks_exact_mut(rank).enumerate() {
                column.fill(T::ZERO);
                column[i] = half;
                solve_in_place(l, column);
                put(row, column.iter().copied(), write);
            }
        });
    }
}

#[derive(Clone, Copy)]
struct Solve;

impl<T: Real> Operation<T> for Solve {
    fn name(&self) -> &'static str {
        "solve with I + S"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (s, v) = (io.input(0), io.input(1).data);
        let l = io.scratch(s.data.len());
        factorise(s.data, v.len(), l);
        io.output(0).copy_from_slice(v);
        solve_in_place(l, io.output(0));
    }

    /// With y = (I + S)⁻¹ g: y to v, and −y xᵀ to S.
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (s, x) = (io.input(0).data, io.output(0).data);
        let (l, y) = (io.scratch(s.len()), io.scratch(x.len()));
        factorise(s, x.len(), l);
        y.copy_from_slice(io.upstream(0).expect("the only output"));
        solve_in_place(l, y);
        io.accumulate(0, |target, write| {
            for (row, &y) in target.chunks_exact_mut(x.len()).zip(y.iter()) {
                put(row, x.iter().map(|&x| -(y * x)), write);
            }
        });
        io.give(1, |i| y[i]);
    }
}

fn put<T: Real>(target: &mut [T], values: impl Iterator<Item = T>, write: Write) {
    match write {
        Write::Store => target.iter_mut().zip(values).for_each(|(target, value)| *target = value),
        Write::Add => target.iter_mut().zip(values).for_each(|(target, value)| *target += value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gradcheck;
    use crate::{Tape, Tensor};

    #[test]
    fn two_by_two_agrees_with_the_exact_result() {
        // I + S = [[3, 1], [1, 2]]: determinant 5, inverse [[2, −1], [−1, 3]]/5.
        let s = Tensor::new([2, 2], [2.0, 1.0, 1.0, 1.0]);
        let v = Tensor::new([2], [1.0, -4.0]);
        let tape = Tape::<f64>::new();
        let s = tape.input(&s);
        assert!((half_log_det(s).item() - 0.5 * 5f64.ln()).abs() < 1e-15);
        let x = solve(s, tape.input(&v)).value();
        assert!((x[0] - 1.2).abs() < 1e-15 && (x[1] + 2.6).abs() < 1e-15, "{x:?}");
    }

    #[test]
    fn gradients_agree_with_differences() {
        for rank in [1, 2, 5] {
            let mut model = [
                Tensor::from_fn([rank, 7], |i| (i as f64 * 1.7).sin()),
                Tensor::from_fn([rank], |i| (i as f64 + 0.3).cos()),
            ];
            fn gram(v: Var<'_, f64>) -> Var<'_, f64> {
                v.linear(v)
            }
            gradcheck(&mut model, |tape, [v, _]| half_log_det(gram(tape.param(v))) * 0.3).assert_within(1e-8);
            gradcheck(&mut model, |tape, [v, x]| solve(gram(tape.param(v)), tape.param(x))).assert_within(1e-8);
        }
    }

    #[test]
    fn a_singular_s_is_supported() {
        // Equal loadings of any size: det(I + S) = 1 + rank · 7 · size².
        for size in [1e-3, 1.0, 1e3, 1e8] {
            let v = Tensor::<f64>::full([4, 7], size);
            let tape = Tape::new();
            let v = tape.input(&v);
            let exact = 0.5 * (28.0 * size.powi(2)).ln_1p();
            let found = half_log_det(v.linear(v)).item();
            // For large S the identity is lost in rounding, as in the determinant of any such matrix.
            let lost = 1e-15 * 28.0 * size.powi(2);
            assert!((found - exact).abs() <= 1e-14 + lost.min(40.0), "{size}: {found} {exact}");
        }
    }
}
