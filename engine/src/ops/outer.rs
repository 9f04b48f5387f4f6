//! The outer product of two vectors.

use crate::{Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The matrix of all products x\[i\] · `other`\[j\] of two vectors.
    ///
    /// # Panics
    /// If either is not a vector: nothing is flattened.
    #[track_caller]
    pub fn outer(self, other: Var<'t, T>) -> Var<'t, T> {
        let (&[rows], &[columns]) = (self.shape(), other.shape()) else {
            panic!("outer: values of shape {:?} and {:?}; expected two vectors", self.shape(), other.shape());
        };
        self.reshape([rows, 1]).matmul(other.reshape([1, columns]))
    }
}
