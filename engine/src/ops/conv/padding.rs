//! Padding of convolutions that the kernels do not do themselves: other contents than zeros, and other numbers of elements
//! before an axis than after it.

use smallvec::SmallVec;

use crate::ops::conv::settings::Convolution;
use crate::{Padding, Real, Var};

/// The contents of the padding of a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PaddingMode {
    /// Zeros.
    #[default]
    Zeros,
    /// The input mirrored at its first and last element: [`Padding::Reflect`].
    Reflect,
    /// The first or last element, repeated: [`Padding::Replicate`].
    Replicate,
    /// The input continued periodically: [`Padding::Circular`].
    Circular,
}

impl<const D: usize> Convolution<D> {
    /// x and the settings of a convolution of it with symmetric padding by zeros, which computes the same: x with the
    /// padding added, where the kernels do not do that themselves.
    ///
    /// # Panics
    /// If x is too small for the padding, or padding that keeps lengths has a stride.
    #[track_caller]
    pub(super) fn padded<'t, T: Real>(mut self, x: Var<'t, T>, w: &[usize]) -> (Var<'t, T>, Self) {
        let (shape, [_, _, kernel @ ..]) = (x.shape(), w) else { return (x, self) };
        if shape.len() != D + 2 || kernel.len() != D || kernel.contains(&0) {
            // Reported with the other shapes.
            return (x, self);
        }
        let mut margins: SmallVec<[[usize; 2]; 5]> = SmallVec::from_elem([0, 0], D + 2);
        for axis in 0..D {
            margins[2 + axis] = if self.is_same {
                assert!(
                    self.stride == [1; D],
                    "convolve: `same` padding has a stride of {:?}; expected 1 along every axis",
                    self.stride
                );
                let total = self.dilation[axis].saturating_mul(kernel[axis] - 1);
                [total / 2, total - total / 2]
            } else {
                [self.padding[axis]; 2]
            };
        }
        if self.mode == PaddingMode::Zeros && margins.iter().all(|[before, after]| before == after) {
            self.padding = std::array::from_fn(|axis| margins[2 + axis][0]);
            return (x, self);
        }
        let mode = match self.mode {
            PaddingMode::Zeros => Padding::Constant(0.0),
            PaddingMode::Reflect => Padding::Reflect,
            PaddingMode::Replicate => Padding::Replicate,
            PaddingMode::Circular => Padding::Circular,
        };
        if mode != Padding::Constant(0.0) {
            for (axis, &[before, after]) in margins.iter().enumerate().skip(2) {
                let (longest, length) = (before.max(after), shape[axis]);
                let most = match mode {
                    Padding::Reflect => length.saturating_sub(1),
                    Padding::Circular => length,
                    _ => usize::MAX * usize::from(length > 0),
                };
                assert!(
                    longest <= most,
                    "convolve: x of shape {shape:?} cannot be padded by {longest} elements of {mode:?} along spatial axis {}; \
                     expected at most {most}",
                    axis - 2
                );
            }
        }
        self.padding = [0; D];
        (x.pad(&margins, mode), self)
    }
}
