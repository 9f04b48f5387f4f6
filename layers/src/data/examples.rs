//! `Examples`: a data set of inputs and targets in memory, with splits and shuffled minibatches.

use std::ops::Range;

use super::targets::check_finite;
use super::{DataError, Scaling, Targets, shuffle};
use crate::engine::{Key, Real, Tensor};

/// A data set: inputs with their targets, row by row; at least one row, all values finite.
///
/// The first axis of `inputs` is the examples. Targets are labels (`Vec<usize>`) or numbers (`Tensor<T>`).
#[derive(Clone, Debug)]
pub struct Examples<T: Real = f32, Y: Targets = Vec<usize>> {
    inputs: Tensor<T>,
    targets: Y,
}

impl<T: Real, Y: Targets> Examples<T, Y> {
    /// Pairs inputs with their targets.
    ///
    /// # Errors
    /// If there are no rows, the numbers of rows differ, or a value is NaN or infinite: [`DataError::Empty`],
    /// [`DataError::RowsDiffer`], [`DataError::NotFinite`].
    ///
    /// # Panics
    /// If `inputs` is a scalar.
    #[track_caller]
    pub fn new(inputs: Tensor<T>, targets: Y) -> Result<Self, DataError> {
        let (rows, answers) = (inputs.rows(), targets.rows());
        if rows != answers {
            return Err(DataError::RowsDiffer { inputs: rows, targets: answers });
        }
        if inputs.is_empty() {
            return Err(DataError::Empty { what: format!("inputs of shape {:?}", inputs.shape()) });
        }
        check_finite("inputs", &inputs)?;
        targets.check()?;
        Ok(Examples { inputs, targets })
    }

    /// The number of examples, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.inputs.rows()
    }

    /// The inputs, (examples, ..).
    pub fn inputs(&self) -> &Tensor<T> {
        &self.inputs
    }

    /// The targets.
    pub fn targets(&self) -> &Y {
        &self.targets
    }

    /// Shuffles and splits into two data sets: the given fraction of the examples (rounded) and the rest. The same seed
    /// gives the same split on every machine.
    ///
    /// # Errors
    /// [`DataError::Split`] if one of them would be empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let rows = self.len();
        let first = (fraction * rows as f64).round();
        // Written so that NaN fails too.
        if !(first >= 1.0 && first <= (rows - 1) as f64) {
            return Err(DataError::Split { rows, fraction });
        }
        let mut order: Vec<usize> = (0..rows).collect();
        shuffle(&mut order, Key::new(seed).at("split"));
        let (first, second) = order.split_at(first as usize);
        Ok((self.select(first), self.select(second)))
    }

    /// Shuffled minibatches of `batch_size` examples, for your own training loop; the last batch holds the remaining
    /// examples. The order depends only on `key`: use a key of another [`step`](Key::step) for each epoch.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let data: Examples = Examples::new(Tensor::from_fn([10, 2], |i| i as f64), (0..10).collect())?;
    /// let sizes: Vec<usize> = data.batches(4, Key::new(1).step(0)).map(|(x, _)| x.shape()[0]).collect();
    /// assert_eq!(sizes, [4, 4, 2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[track_caller]
    pub fn batches(&self, batch_size: usize, key: Key) -> impl ExactSizeIterator<Item = (Tensor<T>, Y)> {
        assert!(batch_size > 0, "batches: a batch must have at least one example, got 0");
        let mut rows: Vec<usize> = (0..self.len()).collect();
        shuffle(&mut rows, key.at("order"));
        (0..self.len().div_ceil(batch_size)).map(move |batch| {
            let rows = &rows[batch * batch_size..self.len().min((batch + 1) * batch_size)];
            let (mut inputs, mut targets) = (self.inputs.empty_like(), self.targets.empty_like());
            self.gather(rows, &mut inputs, &mut targets);
            (inputs, targets)
        })
    }

    /// A range of the examples, in order.
    ///
    /// # Panics
    /// If the range is empty or out of bounds.
    #[track_caller]
    pub fn rows(&self, rows: Range<usize>) -> Self {
        let fits = rows.start < rows.end && rows.end <= self.len();
        assert!(fits, "Examples::rows: the range {rows:?} is empty or out of range for {} examples", self.len());
        self.select(&rows.collect::<Vec<_>>())
    }

    /// Scales the inputs.
    ///
    /// # Panics
    /// If `scaling` has another number of columns.
    #[track_caller]
    pub fn scaled(mut self, scaling: &Scaling) -> Self {
        scaling.transform(&mut self.inputs);
        self
    }

    /// Private, because an empty selection would give an empty data set.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let (mut inputs, mut targets) = (self.inputs.empty_like(), self.targets.empty_like());
        self.gather(rows, &mut inputs, &mut targets);
        Examples { inputs, targets }
    }

    /// Replaces the content of the two buffers by these rows.
    ///
    /// # Panics
    /// If a [`Targets`] implementation returns another number of rows.
    #[track_caller]
    pub(crate) fn gather(&self, rows: &[usize], inputs: &mut Tensor<T>, targets: &mut Y) {
        self.inputs.gather(rows, inputs);
        self.gather_targets(rows, targets);
    }

    /// [`gather`](Self::gather) for the targets only.
    #[track_caller]
    pub(crate) fn gather_targets(&self, rows: &[usize], targets: &mut Y) {
        self.targets.gather(rows, targets);
        assert!(
            targets.rows() == rows.len(),
            "`Targets::gather` of `{}` is wrong: {} rows were requested, but it returned {} rows",
            std::any::type_name::<Y>(),
            rows.len(),
            targets.rows()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ten() -> Examples {
        Examples::new(Tensor::from_fn([10, 1], |i| i as f64), (0..10).collect()).unwrap()
    }

    #[test]
    fn a_split_keeps_every_example_once_and_paired() {
        let (first, second) = ten().split(0.7, 5).unwrap();
        assert_eq!((first.len(), second.len()), (7, 3));
        let mut all: Vec<usize> = Vec::new();
        for part in [&first, &second] {
            for (x, &y) in part.inputs().data().iter().zip(part.targets()) {
                assert_eq!(*x as usize, y);
                all.push(y);
            }
        }
        assert_ne!(all, (0..10).collect::<Vec<_>>(), "not shuffled");
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn a_split_depends_on_the_seed_alone() {
        let of = |seed| ten().split(0.5, seed).unwrap().0.targets().clone();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn a_split_with_an_empty_part_is_refused() {
        for fraction in [0.0, 0.01, 0.99, 1.0, -1.0, 2.0, f64::NAN] {
            let error = ten().split(fraction, 1).unwrap_err();
            assert!(matches!(error, DataError::Split { rows: 10, .. }), "{error}");
        }
    }

    #[test]
    fn a_range_keeps_its_order() {
        let part = ten().rows(3..5);
        assert_eq!((part.inputs().data(), &part.targets()[..]), (&[3.0, 4.0][..], &[3, 4][..]));
    }

    #[test]
    #[should_panic(expected = "Examples::rows: the range 8..11 is empty or out of range for 10 examples")]
    fn a_range_out_of_bounds_is_refused() {
        ten().rows(8..11);
    }

    #[test]
    fn a_nan_is_found_by_row_and_column() {
        let mut x: Tensor = Tensor::zeros([3, 2]);
        x.data_mut()[5] = f32::NAN;
        let error = Examples::new(x, vec![0; 3]).unwrap_err().to_string();
        assert!(error.starts_with("inputs, row 2, column 1 (both from 0): NaN is not finite"), "{error}");
        let y: Tensor = Tensor::new([2, 1], [0.0, f32::INFINITY]);
        let error = Examples::new(Tensor::<f32>::zeros([2, 1]), y).unwrap_err().to_string();
        assert!(error.starts_with("targets, row 1, column 0 (both from 0): inf"), "{error}");
    }

    #[test]
    fn inputs_and_targets_must_have_as_many_rows() {
        let error = Examples::new(Tensor::<f32>::zeros([3, 2]), vec![0; 4]).unwrap_err().to_string();
        assert!(error.starts_with("3 rows of inputs, but 4 of targets"), "{error}");
    }

    #[test]
    fn an_empty_data_set_is_refused() {
        for shape in [[0, 4], [4, 0]] {
            let error = Examples::new(Tensor::<f32>::zeros(shape), vec![0; shape[0]]).unwrap_err();
            assert!(matches!(error, DataError::Empty { .. }), "{error}");
        }
    }
}
