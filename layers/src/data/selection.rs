//! Parts of a data set: chosen rows, stratified splits, folds; and the rows of batches.

use super::parts::{self, Folds};
use super::{DataError, Examples, Targets, shuffle};
use crate::engine::{Key, Real};

impl<T: Real, Y: Targets> Examples<T, Y> {
    /// These rows, in this order; a row may occur several times.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let data: Examples = Examples::new(Tensor::from_fn([10, 2], |i| i as f64), (0..10).collect())?;
    /// assert_eq!(data.subset(&[7, 0, 7])?.targets(), &[7, 0, 7]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Rows`] if there are none, or one is out of range.
    pub fn subset(&self, rows: &[usize]) -> Result<Self, DataError> {
        parts::check(rows, self.len())?;
        Ok(self.select(rows))
    }

    /// `k` pairs of a training and a validation set, for cross-validation: the examples are shuffled by the seed and parted
    /// into `k` folds, whose sizes differ by at most one, and each fold is the validation set once. A pair is made when the
    /// iterator reaches it. Fit a [`Scaling`](super::Scaling) on each training set by itself.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let data: Examples = Examples::new(Tensor::from_fn([10, 2], |i| i as f64), (0..10).collect())?;
    /// for (train, validation) in data.folds(5, 1)? {
    ///     assert_eq!((train.len(), validation.len()), (8, 2));
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Rows`] unless 2 ≤ `k` ≤ examples.
    pub fn folds(&self, k: usize, seed: u64) -> Result<impl ExactSizeIterator<Item = (Self, Self)>, DataError> {
        let folds = Folds::new(self.len(), k, seed)?;
        Ok(folds.map(|(train, validation)| (self.select(&train), self.select(&validation))))
    }
}

impl<T: Real> Examples<T> {
    /// A split in which each class has the same share in both parts, as near as whole rows allow: each class is shuffled and
    /// split by itself. A class of one example is in one part only.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let labels = (0..100).map(|i| usize::from(i % 10 == 0)).collect();          // one in ten
    /// let data: Examples = Examples::new(Tensor::zeros([100, 2]), labels)?;
    /// let (train, test) = data.split_stratified(0.8, 1)?;
    /// assert_eq!(test.targets().iter().sum::<usize>(), 2);                        // two in twenty
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Split`] if one part would be empty.
    pub fn split_stratified(&self, fraction: f64, seed: u64) -> Result<(Self, Self), DataError> {
        let (first, second) = parts::split_stratified(self.targets(), fraction, seed)?;
        Ok((self.select(&first), self.select(&second)))
    }
}

/// The rows of shuffled minibatches, for data that are not in memory: those that [`Examples::batches`] gives for the same
/// key. A file larger than memory is read batch by batch, [ahead](super::prefetch) if you like:
///
/// ```
/// use elbo::data::{batch_rows, prefetch};
/// use elbo::engine::io::npy;
/// # use elbo::prelude::*;
/// # let folder = std::env::temp_dir().join(format!("elbo-batch-rows-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let (inputs, labels) = (folder.join("inputs.npy"), folder.join("labels.npy"));
/// # npy::write(&inputs, &Tensor::<f32>::from_fn([10, 3], |i| i as f64))?;
/// # npy::write(&labels, &Tensor::<f32>::from_fn([10], |i| i as f64))?;
/// let (file, labels) = (npy::Rows::open(&inputs)?, npy::labels(&labels)?);
/// let batches = batch_rows(file.len(), 4, Key::new(1).step(0)).map(|rows| {
///     let mut x = file.buffer::<f32>();
///     file.gather(&rows, &mut x)?;
///     Ok((x, rows.iter().map(|&row| labels[row]).collect::<Vec<_>>()))
/// });
/// std::thread::scope(|scope| {
///     for batch in prefetch(scope, batches, 2) {
///         let (x, y) = batch?;                          // one step
/// #       assert!((0..y.len()).all(|i| x.data()[3 * i] == 3.0 * y[i] as f32));
///     }
///     Ok::<(), elbo::engine::io::FileError>(())
/// })?;
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// If `batch_size` is 0.
#[track_caller]
pub fn batch_rows(rows: usize, batch_size: usize, key: Key) -> impl ExactSizeIterator<Item = Vec<usize>> {
    assert!(batch_size > 0, "batches: a batch must have at least one example, got 0");
    let mut order: Vec<usize> = (0..rows).collect();
    shuffle(&mut order, key.at("order"));
    (0..rows.div_ceil(batch_size))
        .map(move |batch| order[batch * batch_size..rows.min((batch + 1) * batch_size)].to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Tensor;

    #[test]
    fn rows_of_batches_are_those_of_the_examples() {
        let data: Examples = Examples::new(Tensor::zeros([23, 1]), (0..23).collect()).unwrap();
        let key = Key::new(4).step(2);
        let batches: Vec<Vec<usize>> = data.batches(5, key).map(|(_, labels)| labels).collect();
        assert_eq!(batches, batch_rows(23, 5, key).collect::<Vec<_>>());
    }

    #[test]
    fn a_row_out_of_range_is_refused() {
        let data: Examples = Examples::new(Tensor::zeros([3, 1]), vec![0; 3]).unwrap();
        let message = |rows: &[usize]| data.subset(rows).unwrap_err().to_string();
        assert_eq!(message(&[0, 3]), "row 3 (from 0) was chosen, but there are 3 rows");
        assert!(message(&[]).contains("no rows were chosen"));
    }
}
