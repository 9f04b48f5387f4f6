//! What follows a normalisation: a weight, a bias, or neither.

use crate::kernels::Write;
use crate::kernels::map::scale;
use crate::{Adjoints, Operand, Real, Var};

/// What normalised values are multiplied with and then shifted by: nothing, `()`; a weight, `(w,)`; or a weight and a
/// bias, `(w, b)`.
pub trait Scaling<'t, T: Real> {
    /// The weight and the bias, which comes with a weight only.
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

/// The operation's inputs: x, and the weight and the bias where there are some, which must have `shape`.
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
        "{name}: `Scaling::parts` gives a bias and no weight; for a bias alone give a weight of ones"
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

/// Something is added to a variance before its root is taken.
#[track_caller]
pub(crate) fn check_eps(name: &str, eps: f64) {
    assert!(eps.is_finite() && eps >= 0.0, "{name}: eps is {eps}; it must be a finite number of at least 0");
}

/// Passes on the adjoints of weight and bias, where there are some: `sums` holds the bias's and then the weight's.
pub(crate) fn pass_on<T: Real>(io: &mut Adjoints<'_, T>, sums: &[T]) {
    let (bias, weight) = sums.split_at(sums.len() / 2);
    for (k, sums) in [(1, weight), (2, bias)] {
        if k < io.inputs() {
            io.accumulate(k, |target, write: Write| scale(T::ONE, sums, target, write));
        }
    }
}

/// Whether the adjoint of a weight or of a bias is wanted.
pub(crate) fn is_wanted<T: Real>(io: &Adjoints<'_, T>) -> bool {
    (1..io.inputs()).any(|k| io.is_wanted(k))
}
