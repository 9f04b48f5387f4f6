//! Joins data sets row by row.

use super::{DataError, Examples, Targets};
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

impl<T: Real, Y: Concat> Examples<T, Y> {
    /// The examples of several data sets, one after the other.
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
    /// [`DataError::Rows`] if there are no parts, or the rows of two have different shapes.
    pub fn concat(parts: &[&Self]) -> Result<Self, DataError> {
        if parts.is_empty() {
            return Err(DataError::Rows { problem: "concat: there are no data sets to join".to_owned() });
        }
        let inputs: Vec<&Tensor<T>> = parts.iter().map(|part| part.inputs()).collect();
        let targets: Vec<&Y> = parts.iter().map(|part| part.targets()).collect();
        let problem = |of: &str, problem: String| DataError::Rows { problem: format!("concat: {of}: {problem}") };
        let inputs = Tensor::concat(&inputs).map_err(|mistake| problem("inputs", mistake))?;
        Examples::new(inputs, Y::concat(&targets).map_err(|mistake| problem("targets", mistake))?)
    }
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
    fn other_shapes_are_refused() {
        let of = |width| Examples::new(Tensor::<f32>::zeros([2, width]), vec![0, 1]).unwrap();
        let message = Examples::concat(&[&of(2), &of(3)]).unwrap_err().to_string();
        assert_eq!(message, "concat: inputs: shapes [2, 2] and [2, 3] differ after the first axis");
        assert!(Examples::<f32>::concat(&[]).is_err());
    }
}
