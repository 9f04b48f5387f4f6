//! Tensors: owned, contiguous, row-major arrays.

use std::fmt;

use crate::memory::Aligned;
use crate::shape::checked_elements;
use crate::{Real, Shape};

/// An owned array of numbers: contiguous, row-major, aligned to a cache line.
///
/// Tensors hold parameters and data; results of operations live on the [`Tape`](crate::Tape).
///
/// ```
/// use elbo_engine::Tensor;
/// let x: Tensor = Tensor::from_fn([2, 3], |i| i as f64);
/// assert_eq!(x.shape(), &[2, 3][..]);
/// assert_eq!(x.data()[4], 4.0);
/// ```
#[derive(Clone)]
pub struct Tensor<T: Real = f32> {
    shape: Shape,
    data: Aligned<T>,
}

impl<T: Real> Tensor<T> {
    /// A tensor with these elements, row by row.
    ///
    /// # Panics
    /// If the number of elements is not the product of the shape's axes.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>, data: impl AsRef<[T]>) -> Self {
        let (shape, data) = (shape.into(), data.as_ref());
        assert!(
            shape.elements() == data.len(),
            "Tensor::new: shape {shape:?} holds {} elements, got {}",
            shape.elements(),
            data.len()
        );
        let mut tensor = Tensor::zeros(shape);
        tensor.data_mut().copy_from_slice(data);
        tensor
    }

    /// A tensor of zeros.
    ///
    /// # Panics
    /// If there is not enough memory; this holds for every function here that makes a tensor.
    #[track_caller]
    pub fn zeros(shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        match Aligned::zeros(shape.elements()) {
            Some(data) => Tensor { shape, data },
            None => too_large::<T>("Tensor", &shape),
        }
    }

    /// A tensor whose elements are all `value`.
    #[track_caller]
    pub fn full(shape: impl Into<Shape>, value: f64) -> Self {
        let mut tensor = Tensor::zeros(shape);
        tensor.data_mut().fill(T::from_f64(value));
        tensor
    }

    /// A tensor whose element `i`, counted row by row, is `value(i)`.
    #[track_caller]
    pub fn from_fn(shape: impl Into<Shape>, mut value: impl FnMut(usize) -> f64) -> Self {
        let mut tensor = Tensor::zeros(shape);
        for (i, element) in tensor.data_mut().iter_mut().enumerate() {
            *element = T::from_f64(value(i));
        }
        tensor
    }

    /// The lengths of the axes, outermost first.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The elements, row by row.
    pub fn data(&self) -> &[T] {
        self.data.as_slice()
    }

    /// The elements, row by row, for writing.
    pub fn data_mut(&mut self) -> &mut [T] {
        self.data.as_mut_slice()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data().len()
    }

    /// Whether there are no elements: an axis has length 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same elements under another shape of the same size.
    ///
    /// # Panics
    /// If the sizes differ.
    #[track_caller]
    pub fn reshaped(mut self, shape: impl Into<Shape>) -> Self {
        let shape = shape.into();
        assert!(
            shape.elements() == self.len(),
            "Tensor::reshaped: {:?} holds {} elements, {shape:?} holds {}",
            self.shape,
            self.len(),
            shape.elements()
        );
        self.shape = shape;
        self
    }

    /// Changes the length of the first axis and keeps the contents of the first rows; new rows are zero or hold earlier
    /// contents. Allocates only to grow beyond the largest size so far: a minibatch buffer uses it for the smaller last
    /// batch.
    ///
    /// # Panics
    /// If the tensor is a scalar, or there is not enough memory. The tensor is then unchanged.
    #[track_caller]
    pub fn resize_rows(&mut self, rows: usize) {
        assert!(!self.shape.is_empty(), "Tensor::resize_rows: a scalar has no rows");
        let before = std::mem::replace(&mut self.shape[0], rows);
        if !checked_elements(&self.shape).is_some_and(|len| self.data.resize(len)) {
            let asked = self.shape.clone();
            self.shape[0] = before;
            too_large::<T>("Tensor::resize_rows", &asked);
        }
    }

    /// The same values in another scalar type.
    pub fn cast<U: Real>(&self) -> Tensor<U> {
        let mut other = Tensor::zeros(&self.shape);
        for (to, &from) in other.data_mut().iter_mut().zip(self.data()) {
            *to = U::from_f64(from.to_f64());
        }
        other
    }
}

#[cold]
#[track_caller]
fn too_large<T: Real>(what: &str, shape: &Shape) -> ! {
    panic!("{what}: memory cannot hold the elements of shape {shape:?} in {}", T::NAME)
}

impl<T: Real> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.data() == other.data()
    }
}

impl<T: Real> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        write!(f, "Tensor<{}>{:?} ", T::NAME, self.shape)?;
        let mut list = f.debug_list();
        list.entries(self.data().iter().take(SHOWN));
        if self.len() > SHOWN {
            list.entry(&format_args!("…"));
        }
        list.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_is_aligned_to_a_cache_line() {
        for len in [1, 7, 100] {
            let tensor = Tensor::<f32>::zeros([len]);
            assert_eq!(tensor.data().as_ptr() as usize % 64, 0);
        }
    }

    #[test]
    #[should_panic(expected = "shape [2, 3] holds 6 elements, got 5")]
    fn a_wrong_number_of_elements_is_rejected() {
        Tensor::<f32>::new([2, 3], [0.0; 5]);
    }

    #[test]
    fn a_tensor_that_cannot_grow_stays_as_it_was() {
        // More elements than `usize` counts, more bytes, more than a vector may have, and more than the machine has.
        for rows in [usize::MAX, 1 << 62, 1 << 59, 1 << 44] {
            let mut tensor = Tensor::<f64>::full([3, 2], 7.0);
            let grown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| tensor.resize_rows(rows)));
            let message = *grown.unwrap_err().downcast::<String>().unwrap();
            assert!(message.contains("resize_rows") && message.contains(&format!("[{rows}, 2] in f64")), "{message}");
            assert_eq!((tensor.shape(), tensor.data()), (&[3, 2][..], &[7.0; 6][..]));
            tensor.resize_rows(4);
            assert_eq!((tensor.shape(), tensor.len()), (&[4, 2][..], 8));
        }
    }

    #[test]
    #[should_panic(expected = "Tensor: memory cannot hold the elements of shape [1099511627776, 16] in f32")]
    fn a_tensor_larger_than_memory_is_rejected() {
        Tensor::<f32>::zeros([1 << 40, 16]);
    }

    #[test]
    fn an_empty_tensor_has_a_shape() {
        let tensor = Tensor::<f64>::zeros([0, 4]);
        assert!(tensor.is_empty());
        assert_eq!(tensor.shape(), [0, 4]);
    }
}
