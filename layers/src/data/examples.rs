//! `Examples`: a data set of inputs and targets in memory, with splits and shuffled minibatches.

use std::ops::Range;

#[cfg(any(feature = "files", test))]
use super::checksum::Checksum;
use super::targets::check_finite;
use super::{DataError, Minibatch, Observed, Scaling, Targets, batch_rows, parts};
use crate::engine::{Key, Real, Tensor};

/// A data set: inputs with their targets, row by row; at least one row, all values finite.
///
/// The first axis of `inputs` is the examples. Targets are labels (`Vec<usize>`), numbers (`Tensor<T>`), or a tuple of
/// several kinds; for several inputs see [`join_inputs`](super::join_inputs). Examples may have weights, and targets may be
/// missing:
///
/// ```
/// # use elbo::prelude::*;
/// let x: Tensor = Tensor::new([3, 1], [0.0, 1.0, 2.0]);
/// let y = Tensor::new([3, 2], [0.5, f32::NAN, 1.5, 3.0, 2.5, 5.0]);
/// let data = Examples::with_missing(x, y)?.with_weights([1.0, 1.0, 4.0])?;
/// assert_eq!(data.mask().unwrap().data(), [1.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Examples<T: Real = f32, Y: Targets = Vec<usize>> {
    all: Minibatch<T, Y>,
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
        Self::check_inputs(&inputs, &targets)?;
        targets.check()?;
        Ok(Examples { all: Minibatch { inputs, observed: Observed::new(targets) } })
    }

    /// Pairs inputs with targets of which some are missing: `mask` is 1 where a target was observed and 0 where it is
    /// missing. It has an entry for each element of the targets, or one for each example, with the examples along the
    /// first axis. A missing target may have any value; it is replaced by an observed one and does not count.
    ///
    /// A likelihood whose terms are sums over an example's elements, such as a multivariate normal density, can only
    /// mask whole examples; training refuses other masks.
    ///
    /// # Errors
    /// As [`new`](Examples::new), and [`DataError::Mask`] if the mask does not fit the targets or contains another
    /// number than 0 or 1.
    ///
    /// # Panics
    /// If `inputs` is a scalar.
    #[track_caller]
    pub fn with_mask(inputs: Tensor<T>, targets: Y, mask: Tensor<T>) -> Result<Self, DataError> {
        Self::check_inputs(&inputs, &targets)?;
        let observed = Observed::new(targets).with_mask(mask)?;
        observed.targets().check()?;
        Ok(Examples { all: Minibatch { inputs, observed } })
    }

    #[track_caller]
    fn check_inputs(inputs: &Tensor<T>, targets: &Y) -> Result<(), DataError> {
        let (rows, answers) = (inputs.rows(), targets.rows());
        if rows != answers {
            return Err(DataError::RowsDiffer { inputs: rows, targets: answers });
        }
        if inputs.is_empty() {
            return Err(DataError::Empty { what: format!("inputs of shape {:?}", inputs.shape()) });
        }
        check_finite("inputs", inputs)
    }

    /// Gives each example a weight, which multiplies its log-likelihood: an example with weight 3 counts as three equal
    /// ones, one with weight 0 not at all. N stays the number of examples, so the divergence counts once per epoch.
    /// Weights of mean 1 keep the balance between likelihood and prior.
    ///
    /// # Errors
    /// [`DataError::Weights`] if there is not one for each example, if one is negative, or if all are 0;
    /// [`DataError::NotFinite`].
    pub fn with_weights(self, weights: impl Into<Vec<f64>>) -> Result<Self, DataError> {
        let Minibatch { inputs, observed } = self.all;
        let weights = weights.into();
        let weights = Tensor::from_fn([weights.len()], |i| weights[i]);
        Ok(Examples { all: Minibatch { inputs, observed: observed.with_weights(weights)? } })
    }

    /// The examples' weights, (examples); `None` if they are all 1.
    pub fn weights(&self) -> Option<&Tensor<T>> {
        self.all.observed.weights()
    }

    /// The mask, (examples, ..): 1 where a target was observed and 0 where it is missing; `None` if none is missing.
    pub fn mask(&self) -> Option<&Tensor<T>> {
        self.all.observed.mask()
    }

    /// The targets with weights and mask.
    pub fn observed(&self) -> &Observed<T, Y> {
        &self.all.observed
    }

    /// The number of examples, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.all.inputs.rows()
    }

    /// The inputs, (examples, ..).
    pub fn inputs(&self) -> &Tensor<T> {
        &self.all.inputs
    }

    /// The targets. A missing target has the value of an observed one, which metrics would count: pass them
    /// [`observed`](Examples::observed) targets.
    pub fn targets(&self) -> &Y {
        self.all.observed.targets()
    }

    /// Shuffles and splits into two data sets: the given fraction of the examples (rounded) and the rest. The same seed
    /// gives the same split on every machine.
    ///
    /// # Errors
    /// [`DataError::Split`] if one of them would be empty.
    pub fn split(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let (first, second) = parts::split(self.len(), fraction, seed)?;
        Ok((self.select(&first), self.select(&second)))
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
    /// If `batch_size` is 0, or if examples have weights or missing targets, which pairs of inputs and targets would lose:
    /// use [`minibatches`](Examples::minibatches).
    #[track_caller]
    pub fn batches(&self, batch_size: usize, key: Key) -> impl ExactSizeIterator<Item = (Tensor<T>, Y)> {
        self.assert_unweighted();
        self.minibatches(batch_size, key).map(Minibatch::into_pair)
    }

    /// [`batches`](Examples::batches) with weights and mask, in the same order. [`Observed::nll`] takes them into
    /// account:
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let (x, y) = (Tensor::from_fn([10, 2], |i| i as f64), (0..10).map(|i| i % 2).collect());
    /// # let data: Examples = Examples::new(x, y)?.with_weights([2.0; 10])?;
    /// # let (model, tape) = (Dense::new(2, 2), Tape::new());
    /// for batch in data.minibatches(4, Key::new(1).step(0)) {
    ///     let net = model.draw(&tape, Key::new(2));
    ///     let nll = batch.observed().nll(&Categorical, net.forward(tape.input(batch.inputs())));
    ///     println!("{:.3} nats per example", nll.nats());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `batch_size` is 0.
    #[track_caller]
    pub fn minibatches(&self, batch_size: usize, key: Key) -> impl ExactSizeIterator<Item = Minibatch<T, Y>> {
        batch_rows(self.len(), batch_size, key).map(|rows| self.select(&rows).all)
    }

    /// A checksum of inputs, targets, weights and mask; without the targets, if their type has none.
    #[cfg(any(feature = "files", test))]
    pub(crate) fn checksum(&self) -> u64 {
        let mut checksum = Checksum::default();
        checksum.add_tensor(self.inputs());
        checksum.add(self.targets().checksum().unwrap_or(0));
        for tensor in [self.weights(), self.mask()] {
            match tensor {
                Some(tensor) => checksum.add_tensor(tensor),
                None => checksum.add(0),
            }
        }
        checksum.finish()
    }

    /// # Panics
    /// If examples have weights or missing targets.
    #[track_caller]
    pub(super) fn assert_unweighted(&self) {
        assert!(
            self.weights().is_none() && self.mask().is_none(),
            "batches: the examples have weights or missing targets, which (inputs, targets) would lose; use `minibatches`"
        );
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
        scaling.transform(&mut self.all.inputs);
        self
    }

    /// Private, because an empty selection would give an empty data set.
    #[track_caller]
    pub(super) fn select(&self, rows: &[usize]) -> Self {
        let mut all = self.all.empty_like();
        self.gather(rows, &mut all);
        Examples { all }
    }

    pub(super) fn into_minibatch(self) -> Minibatch<T, Y> {
        self.all
    }

    /// Empty buffers for minibatches.
    pub(crate) fn empty_minibatch(&self) -> Minibatch<T, Y> {
        self.all.empty_like()
    }

    /// Replaces the content of `into` by these rows.
    ///
    /// # Panics
    /// If a [`Targets`] implementation returns another number of rows.
    #[track_caller]
    pub(crate) fn gather(&self, rows: &[usize], into: &mut Minibatch<T, Y>) {
        self.all.gather(rows, into);
    }
}

impl<T: Real> Examples<T, Tensor<T>> {
    /// Pairs inputs with targets of which some are missing, where they are NaN:
    /// [`with_mask`](Examples::with_mask).
    ///
    /// # Errors
    /// As [`with_mask`](Examples::with_mask); an infinite target is an error.
    ///
    /// # Panics
    /// If `inputs` is a scalar.
    #[track_caller]
    pub fn with_missing(inputs: Tensor<T>, targets: Tensor<T>) -> Result<Self, DataError> {
        let is_nan = |y: T| y.to_f64().is_nan();
        if !targets.data().iter().any(|&y| is_nan(y)) {
            return Self::new(inputs, targets);
        }
        let mask = Tensor::from_fn(targets.shape(), |i| f64::from(u8::from(!is_nan(targets.data()[i]))));
        Self::with_mask(inputs, targets, mask)
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
