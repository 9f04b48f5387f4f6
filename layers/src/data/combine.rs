//! Joins data sets row by row, and several inputs of each example.

use super::{DataError, Examples, Labels, Observed, Targets};
use crate::engine::{Real, Tensor};

/// Targets that can be joined row by row. Implement it for targets of your own to use [`Examples::concat`].
pub trait Concat: Targets {
    /// The rows of all parts, in order; there is at least one part.
    ///
    /// # Errors
    /// What does not fit, if the rows of two parts have different shapes.
    fn concat(parts: &[&Self]) -> Result<Self, String>;
}

impl Concat for Vec<usize> {
    fn concat(parts: &[&Self]) -> Result<Self, String> {
        Ok(parts.iter().flat_map(|part| part.iter()).copied().collect())
    }
}

/// The shape of all rows together.
///
/// # Errors
/// If `shapes` is empty, or two parts have rows of different shapes.
fn joined_shape(shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let Some((first, others)) = shapes.split_first() else {
        return Err("expected at least one data set".to_owned());
    };
    if let Some(other) = others.iter().find(|other| other.get(1..) != first.get(1..)) {
        return Err(format!("shapes {first:?} and {other:?} differ after the first axis"));
    }
    let mut shape = first.to_vec();
    shape[0] = shapes.iter().map(|shape| shape[0]).sum();
    Ok(shape)
}

impl<T: Real> Concat for Tensor<T> {
    fn concat(parts: &[&Self]) -> Result<Self, String> {
        let shape = joined_shape(&parts.iter().map(|part| part.shape()).collect::<Vec<_>>())?;
        let mut data = Vec::with_capacity(shape.iter().product());
        parts.iter().for_each(|part| data.extend_from_slice(part.data()));
        Ok(Tensor::new(shape, data))
    }
}

impl Concat for Labels {
    fn concat(parts: &[&Self]) -> Result<Self, String> {
        let shape = joined_shape(&parts.iter().map(|part| part.shape()).collect::<Vec<_>>())?;
        Ok(Labels::new(shape, parts.iter().flat_map(|part| part.values()).copied().collect::<Vec<_>>()))
    }
}

macro_rules! tuples {
    ($(($($kind:ident $index:tt),+);)+) => {$(
        impl<$($kind: Concat),+> Concat for ($($kind,)+) {
            fn concat(parts: &[&Self]) -> Result<Self, String> {
                Ok(($($kind::concat(&parts.iter().map(|part| &part.$index).collect::<Vec<_>>())?,)+))
            }
        }
    )+};
}

tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}

impl<T: Real, Y: Concat> Examples<T, Y> {
    /// The examples of several data sets, one after the other. Weights and masks are kept; examples of a data set without
    /// them have the weight 1, and all their targets were observed.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let data: Examples = Examples::new(Tensor::from_fn([10, 2], |i| i as f64), (0..10).collect())?;
    /// let (first, second) = data.split(0.3, 1)?;
    /// assert_eq!(Examples::concat(&[&first, &second])?.len(), 10);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Rows`] if `parts` is empty, or the rows of two have different shapes, or masks of
    /// different shapes.
    pub fn concat(parts: &[&Self]) -> Result<Self, DataError> {
        if parts.is_empty() {
            return Err(DataError::Rows { problem: "concat: got 0 data sets, expected at least one".to_owned() });
        }
        let inputs: Vec<&Tensor<T>> = parts.iter().map(|part| part.inputs()).collect();
        let observed: Vec<&Observed<T, Y>> = parts.iter().map(|part| part.observed()).collect();
        let problem = |of: &str, problem: String| DataError::Rows { problem: format!("concat: {of}: {problem}") };
        let inputs = Tensor::concat(&inputs).map_err(|mistake| problem("inputs", mistake))?;
        let of = |part: &'static str| move |mistake| problem(part, mistake);
        let targets: Vec<&Y> = observed.iter().map(|part| part.targets()).collect();
        let targets = Y::concat(&targets).map_err(of("targets"))?;
        let weights = concat_or_ones(&observed, Observed::weights).map_err(of("weights"))?;
        let mask = concat_or_ones(&observed, Observed::mask).map_err(of("masks"))?;
        let joined = match mask {
            Some(mask) => Examples::with_mask(inputs, targets, mask)?,
            None => Examples::new(inputs, targets)?,
        };
        match weights {
            Some(weights) => {
                joined.with_weights(weights.data().iter().map(|weight| weight.to_f64()).collect::<Vec<_>>())
            }
            None => Ok(joined),
        }
    }
}

/// Several inputs of each example as one tensor, (examples, elements of all inputs), for [`Examples::new`]; a forward pass
/// takes them apart again.
///
/// ```
/// use elbo::data::{Examples, join_inputs};
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     image: Dense,
///     table: Dense,
///     head: Dense,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         let [image, table] = x.split(-1, [64, 3]);       // `image.reshape(..)` for a convolution
///         self.head.forward((self.image.forward(image) + self.table.forward(table)).relu())
///     }
/// }
/// # let (images, table) = (Tensor::from_fn([10, 8, 8], |i| (i as f64).sin()), Tensor::zeros([10, 3]));
/// # let labels = (0..10).map(|i| i % 2).collect();
/// let data = Examples::new(join_inputs(&[&images, &table])?, labels)?;   // (10, 8, 8) and (10, 3)
/// assert_eq!(data.inputs().shape(), [10, 67]);
/// # let mut net = Net { image: Dense::new(64, 4), table: Dense::new(3, 4), head: Dense::new(4, 2) };
/// Elbo::new(Categorical).quiet().fit(&mut net, &data, Epochs(2))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DataError::Rows`] if `inputs` is empty, one is a scalar, or they have different numbers of rows.
pub fn join_inputs<T: Real>(inputs: &[&Tensor<T>]) -> Result<Tensor<T>, DataError> {
    let shapes: Vec<&[usize]> = inputs.iter().map(|input| input.shape()).collect();
    let problem = || DataError::Rows {
        problem: format!("join_inputs: inputs of shapes {shapes:?} do not have one number of examples, the first axis"),
    };
    let rows = *shapes.first().and_then(|shape| shape.first()).ok_or_else(problem)?;
    if shapes.iter().any(|shape| shape.first() != Some(&rows)) {
        return Err(problem());
    }
    let widths: Vec<usize> = shapes.iter().map(|shape| shape[1..].iter().product()).collect();
    let mut joined = Vec::with_capacity(rows * widths.iter().sum::<usize>());
    for row in 0..rows {
        for (input, &width) in inputs.iter().zip(&widths) {
            joined.extend_from_slice(&input.data()[row * width..][..width]);
        }
    }
    Ok(Tensor::new([rows, widths.iter().sum()], joined))
}

/// The rows of a tensor that parts may have, with ones for the parts that have none; `None` if no part has one.
fn concat_or_ones<T: Real, Y: Targets>(
    parts: &[&Observed<T, Y>],
    of: impl Fn(&Observed<T, Y>) -> Option<&Tensor<T>>,
) -> Result<Option<Tensor<T>>, String> {
    let Some(first) = parts.iter().find_map(|part| of(part)) else {
        return Ok(None);
    };
    let with_ones = parts.iter().map(|part| {
        let shape = [&[part.targets().rows()], &first.shape()[1..]].concat();
        of(part).cloned().unwrap_or_else(|| Tensor::full(shape, 1.0))
    });
    let tensors: Vec<Tensor<T>> = with_ones.collect();
    Tensor::concat(&tensors.iter().collect::<Vec<_>>()).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other() {
        let of = |rows: usize, from: f64| {
            let x = Tensor::<f32>::from_fn([rows, 2], |i| from + i as f64);
            Examples::new(x.clone(), x).unwrap()
        };
        let joined = Examples::concat(&[&of(2, 0.0), &of(1, 10.0)]).unwrap();
        assert_eq!(joined.inputs(), &Tensor::new([3, 2], [0.0, 1.0, 2.0, 3.0, 10.0, 11.0]));
        assert_eq!(joined.targets(), joined.inputs());
    }

    #[test]
    fn weights_and_masks_are_kept() {
        let (x, y) = (Tensor::<f32>::zeros([2, 1]), Tensor::<f32>::zeros([2, 2]));
        let plain = Examples::new(x.clone(), y.clone()).unwrap();
        let weighted = plain.clone().with_weights([2.0, 3.0]).unwrap();
        let masked = Examples::with_mask(x, y, Tensor::new([2, 2], [1.0, 0.0, 1.0, 1.0])).unwrap();
        let joined = Examples::concat(&[&plain, &weighted, &masked]).unwrap();
        assert_eq!(joined.weights().unwrap().data(), [1.0, 1.0, 2.0, 3.0, 1.0, 1.0]);
        assert_eq!(joined.mask().unwrap().data(), [[1.0; 8].as_slice(), &[1.0, 0.0, 1.0, 1.0]].concat());
        assert!(Examples::concat(&[&plain, &plain]).unwrap().weights().is_none());
    }

    #[test]
    fn labels_and_tuples_are_joined() {
        let steps = Labels::new([2, 2], [1, 2, 3, 4]);
        let both = (vec![7, 8], steps.clone());
        let joined = Concat::concat(&[&both, &both]).unwrap();
        assert_eq!(joined, (vec![7, 8, 7, 8], Labels::new([4, 2], [1, 2, 3, 4, 1, 2, 3, 4])));
        assert!(Concat::concat(&[&steps, &Labels::new([1, 3], [1, 2, 3])]).is_err());
    }

    #[test]
    fn inputs_are_joined_row_by_row() {
        let (a, b) = (Tensor::<f32>::from_fn([2, 1, 2], |i| i as f64), Tensor::from_fn([2], |i| 10.0 + i as f64));
        assert_eq!(join_inputs(&[&a, &b]).unwrap(), Tensor::new([2, 3], [0.0, 1.0, 10.0, 2.0, 3.0, 11.0]));
        let message = join_inputs(&[&a, &Tensor::zeros([3, 1])]).unwrap_err().to_string();
        assert!(message.contains("[[2, 1, 2], [3, 1]] do not have one number of examples"), "{message}");
        assert!(join_inputs::<f32>(&[]).is_err());
    }

    #[test]
    fn other_shapes_are_refused() {
        let of = |width| Examples::new(Tensor::<f32>::zeros([2, width]), vec![0, 1]).unwrap();
        let message = Examples::concat(&[&of(2), &of(3)]).unwrap_err().to_string();
        assert_eq!(message, "concat: inputs: shapes [2, 2] and [2, 3] differ after the first axis");
        assert!(Examples::<f32>::concat(&[]).is_err());
    }
}
