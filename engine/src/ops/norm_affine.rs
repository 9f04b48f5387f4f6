//! The optional weight and bias that follow a normalisation.

use crate::kernels::Write;
use crate::kernels::map::scale;
use crate::{Adjoints, Operand, Real, Var};

/// The affine map after a normalisation: none, `()`; a weight, `(w,)`; or a weight and a bias, `(w, b)`.
pub trait Scaling<'t, T: Real> {
    /// The weight and the bias; a bias requires a weight.
    fn parts(self) -> [Option<Var<'t, T>>; 2];
}

impl<'t, T: Real> Scaling<'t, T> for () {
    fn parts(self) -> [Option<Var<'t, T>>; 2] {
        [None, None]
    }
}

impl<'t, T: Real, W: Operand<'t, T>> Scaling<'t, T> for (W,) {
    fn parts(self) -> [Option<Var<'t, T>>; 2] {
        [Some(self.0.var()), None]
    }
}

impl<'t, T: Real, W: Operand<'t, T>, B: Operand<'t, T>> Scaling<'t, T> for (W, B) {
    fn parts(self) -> [Option<Var<'t, T>>; 2] {
        [Some(self.0.var()), Some(self.1.var())]
    }
}

/// The operation's inputs: x, and the weight and bias if given, which must have `shape`.
#[track_caller]
pub(crate) fn inputs<'t, T: Real>(
    name: &str,
    x: Var<'t, T>,
    scaling: impl Scaling<'t, T>,
    shape: &[usize],
) -> smallvec::SmallVec<[Var<'t, T>; 3]> {
    let mut inputs = smallvec::smallvec![x];
    let parts = scaling.parts();
    assert!(
        !matches!(parts, [None, Some(_)]),
        "{name}: `Scaling::parts` returned a bias without a weight; use a weight of ones"
    );
    for (what, part) in ["weight", "bias"].into_iter().zip(parts) {
        if let Some(part) = part {
            assert!(
                part.shape() == shape,
                "{name}: x of shape {:?} needs a {what} of shape {shape:?}, and it has shape {:?}",
                x.shape(),
                part.shape()
            );
            inputs.push(part);
        }
    }
    inputs
}

/// Checks `eps`, which is added to a variance before its root is taken.
#[track_caller]
pub(crate) fn check_eps(name: &str, eps: f64) {
    assert!(eps.is_finite() && eps >= 0.0, "{name}: eps must be finite and at least 0, got {eps}");
}

/// Accumulates the adjoints of weight and bias, if given: `sums` holds the bias's and then the weight's.
pub(crate) fn accumulate_scaling<T: Real>(io: &mut Adjoints<'_, T>, sums: &[T]) {
    let (bias, weight) = sums.split_at(sums.len() / 2);
    for (k, sums) in [(1, weight), (2, bias)] {
        if k < io.inputs() {
            io.accumulate(k, |target, write: Write| scale(T::ONE, sums, target, write));
        }
    }
}

/// Whether the adjoint of the weight or the bias is wanted.
pub(crate) fn is_wanted<T: Real>(io: &Adjoints<'_, T>) -> bool {
    (1..io.inputs()).any(|k| io.is_wanted(k))
}
