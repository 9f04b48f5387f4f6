//! The operation that finds the largest singular value of a matrix on the tape.

use super::lanczos::largest;
use crate::engine::{Adjoints, Evaluation, Operation, Real, Var};

/// Relative residual up to which a singular value is computed.
fn tolerance<T: Real>() -> f64 {
    if T::NAME == "f32" { 1e-4 } else { 1e-9 }
}

/// An upper end of the largest singular value of the matrix w in each draw: σ (1 + e), with the relative residual e of its
/// vectors. Differentiable as σ = uᵀ w v with constant u and v, which is the derivative of a simple singular value.
#[track_caller]
pub(super) fn largest_singular<'t, T: Real>(w: Var<'t, T>) -> Var<'t, T> {
    let &[rows, columns] = w.shape() else {
        panic!("SpectralNorm: `weight` has the shape {:?}; expected (outputs, inputs)", w.shape())
    };
    let shapes: [&[usize]; 3] = [&[rows], &[columns], &[]];
    let [left, right, excess] = w.tape().record_draws(w.draws(), Vectors, &[w], shapes).map(Var::stop_gradient);
    (left * w.matmul(right)).sum() * excess
}

/// u, v and 1 + e.
#[derive(Clone, Copy)]
struct Vectors;

impl<T: Real> Operation<T> for Vectors {
    fn name(&self) -> &'static str {
        "largest singular value"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let w = io.input(0);
        let elements: Vec<f64> = w.data.iter().map(|w| w.to_f64()).collect();
        let found = largest(&elements, [w.shape[0], w.shape[1]], tolerance::<T>());
        let excess = if found.residual == 0.0 { 0.0 } else { found.residual / found.value };
        // Rounding of uᵀ w v.
        let rounding = if T::NAME == "f32" { 1e-6 } else { 1e-14 };
        for (k, vector) in [(0, &found.left), (1, &found.right)] {
            io.output(k).iter_mut().zip(vector).for_each(|(to, &x)| *to = T::from_f64(x));
        }
        io.output(2)[0] = T::from_f64(1.0 + excess + rounding);
    }

    /// The vectors are constants.
    fn adjoint(&self, _: &mut Adjoints<'_, T>) {}
}
