//! Conversions from and to arrays of the crate `ndarray`.

use ::ndarray::{ArrayBase, ArrayD, Data, Dimension, IxDyn};

use crate::{Real, Tensor};

/// Copies the array's elements row by row, for any memory order.
///
/// ```
/// use elbo_engine::Tensor;
/// let array = ndarray::array![[1.0, 2.0], [3.0, 4.0]];
/// let tensor = Tensor::from(&array.t());
/// assert_eq!(tensor.data(), [1.0, 3.0, 2.0, 4.0]);
/// assert_eq!(ndarray::ArrayD::from(&tensor), array.t().into_dyn());
/// ```
impl<T: Real, S: Data<Elem = T>, D: Dimension> From<&ArrayBase<S, D>> for Tensor<T> {
    fn from(array: &ArrayBase<S, D>) -> Self {
        let mut tensor = Tensor::zeros(array.shape());
        tensor.data_mut().iter_mut().zip(array.iter()).for_each(|(to, &from)| *to = from);
        tensor
    }
}

/// Copies the elements, row by row.
impl<T: Real> From<&Tensor<T>> for ArrayD<T> {
    fn from(tensor: &Tensor<T>) -> Self {
        let shape = IxDyn(tensor.shape());
        ArrayD::from_shape_vec(shape, tensor.data().to_vec()).expect("as many elements as the shape holds")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_in_any_order_are_copied_row_by_row() {
        let array = ArrayD::from_shape_fn(IxDyn(&[2, 3, 4]), |i| (100 * i[0] + 10 * i[1] + i[2]) as f64);
        let view = array.view().permuted_axes(IxDyn(&[2, 0, 1]));
        let tensor = Tensor::from(&view);
        assert_eq!(tensor.shape(), [4, 2, 3]);
        assert_eq!(tensor.data()[..4], [0.0, 10.0, 20.0, 100.0]);
        assert_eq!(ArrayD::from(&tensor), view);
    }

    #[test]
    fn views_with_any_strides_of_either_type_are_copied() {
        let array = ::ndarray::Array2::from_shape_fn((4, 6), |(i, j)| (10 * i + j) as f32);
        let view = array.slice(::ndarray::s![..;-2, 1..;2]);
        let tensor = Tensor::from(&view);
        assert_eq!(tensor, Tensor::new([2, 3], [31.0, 33.0, 35.0, 11.0, 13.0, 15.0]));
        assert_eq!(ArrayD::from(&tensor), view.into_dyn());
        let column = Tensor::<f64>::from(&array.column(2).mapv(f64::from));
        assert_eq!(column, Tensor::new([4], [2.0, 12.0, 22.0, 32.0]));
        let repeated = Tensor::from(&array.row(1).broadcast((2, 6)).unwrap());
        assert_eq!(repeated.data()[..7], [10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 10.0]);
    }

    #[test]
    fn scalars_and_empty_arrays_are_tensors_too() {
        for shape in [&[][..], &[0, 3]] {
            let tensor = Tensor::<f32>::from(&ArrayD::<f32>::zeros(IxDyn(shape)));
            assert_eq!(tensor.shape(), shape);
            assert_eq!(ArrayD::from(&tensor).shape(), shape);
        }
    }
}
