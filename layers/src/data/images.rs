//! Small grey images with labels.

use super::{DataError, Examples};
use crate::engine::{Real, Tensor};

/// Grey images of one size, a byte a pixel, each with its label: what MNIST and its likes are.
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

    /// Examples whose inputs are (images, height · width), each pixel divided by `divisor`.
    ///
    /// They are a copy, which takes four bytes a pixel as `f32` and eight as `f64`, beside the byte here: the 60,000
    /// images of MNIST take 188 MB. The limit of memory of the readers is for the images, not for this copy.
    ///
    /// # Errors
    /// [`DataError::Empty`] if there are no images, or they have no pixels.
    ///
    /// # Panics
    /// If `divisor` is not a positive number.
    #[track_caller]
    pub fn examples<T: Real>(&self, divisor: f64) -> Result<Examples<T>, DataError> {
        assert!(divisor > 0.0 && divisor.is_finite(), "Images::examples: {divisor} is no positive number");
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
