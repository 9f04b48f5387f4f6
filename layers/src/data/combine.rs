//! Joins data sets row by row.

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

impl<T: Real> Concat for Tensor<T> {
    fn concat(parts: &[&Self]) -> Result<Self, String> {
        let Some((first, others)) = parts.split_first() else {
            return Err("there is no part".to_owned());
        };
        if let Some(other) = others.iter().find(|other| other.shape().get(1..) != first.shape().get(1..)) {
            return Err(format!("shapes {:?} and {:?} differ after the first axis", first.shape(), other.shape()));
        }
        let mut shape = first.shape().to_vec();
        shape[0] = parts.iter().map(|part| part.rows()).sum();
        let mut data = Vec::with_capacity(shape.iter().product());
        parts.iter().for_each(|part| data.extend_from_slice(part.data()));
        Ok(Tensor::new(shape, data))
    }
}

impl Concat for Labels {
    fn concat(parts: &[&Self]) -> Result<Self, String> {
        let Some((first, others)) = parts.split_first() else {
            return Err("there is no part".to_owned());
        };
        if let Some(other) = others.iter().find(|other| other.shape()[1..] != first.shape()[1..]) {
            return Err(format!("shapes {:?} and {:?} differ after the first axis", first.shape(), other.shape()));
        }
        let mut shape = first.shape().to_vec();
        shape[0] = parts.iter().map(|part| part.rows()).sum();
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
    /// [`DataError::Rows`] if there are no parts, or the rows of two have different shapes, or masks of
    /// different shapes.
    pub fn concat(parts: &[&Self]) -> Result<Self, DataError> {
        if parts.is_empty() {
            return Err(DataError::Rows { problem: "concat: there are no data sets to join".to_owned() });
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
    fn other_shapes_are_refused() {
        let of = |width| Examples::new(Tensor::<f32>::zeros([2, width]), vec![0, 1]).unwrap();
        let message = Examples::concat(&[&of(2), &of(3)]).unwrap_err().to_string();
        assert_eq!(message, "concat: inputs: shapes [2, 2] and [2, 3] differ after the first axis");
        assert!(Examples::<f32>::concat(&[]).is_err());
    }
}
