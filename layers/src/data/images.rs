//! `Images`: grey-scale images with labels, as IDX files and the digits table contain them.

use super::{DataError, Examples};
use crate::engine::{Real, Tensor};

/// Grey-scale images of equal size with labels, one byte per pixel, such as MNIST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    pub(super) pixels: Vec<u8>,
    pub(super) shape: [usize; 3],
    pub(super) labels: Vec<usize>,
}

impl Images {
    /// The number of images, their height and their width.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// All pixels: image by image, row by row.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Each image's label.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Converts to [`Examples`] with inputs of shape (images, height · width), each pixel divided by `divisor`.
    ///
    /// This copies the pixels, with four bytes per pixel in `f32` and eight in `f64`: 188 MB for the 60,000 images of
    /// MNIST in `f32`. The readers' memory limit does not include this copy.
    ///
    /// # Errors
    /// [`DataError::Empty`] if there are no images, or they have no pixels.
    ///
    /// # Panics
    /// If `divisor` is not positive and finite.
    #[track_caller]
    pub fn examples<T: Real>(&self, divisor: f64) -> Result<Examples<T>, DataError> {
        assert!(
            divisor > 0.0 && divisor.is_finite(),
            "Images::examples: the divisor must be positive and finite, got {divisor}"
        );
        let [images, height, width] = self.shape;
        let inputs = Tensor::from_fn([images, height * width], |i| f64::from(self.pixels[i]) / divisor);
        Examples::new(inputs, self.labels.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_becomes_a_row() {
        let images = Images { pixels: vec![0, 8, 16, 4, 2, 1], shape: [2, 1, 3], labels: vec![7, 0] };
        let examples: Examples = images.examples(16.0).unwrap();
        assert_eq!(examples.inputs(), &Tensor::new([2, 3], [0.0, 0.5, 1.0, 0.25, 0.125, 0.0625]));
        assert_eq!(examples.targets(), &[7, 0]);
    }
}
