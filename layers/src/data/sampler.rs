//! `Sampler`: rows with replacement, by weights, for classes of very different sizes.

use super::{DataError, Examples, Minibatch, Targets, parts};
use crate::engine::{Key, Real, Tensor};

/// Draws rows with replacement, each with a probability proportional to its weight; reproducible from a key.
///
/// Batches of equal classes change the likelihood: the model learns p(y | x) under equal class frequencies, and its
/// probabilities are calibrated for data of such frequencies only.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::data::Sampler;
/// # let labels = (0..100).map(|i| usize::from(i % 10 == 0)).collect();
/// # let data: Examples = Examples::new(Tensor::zeros([100, 2]), labels)?;
/// let sampler = Sampler::balanced(data.targets())?;                        // all classes equally often
/// for (x, y) in sampler.batches(&data, 32, Key::new(1).step(0)) {
///     // one step
/// #   assert_eq!((x.shape()[0], y.len()), (if y.len() == 32 { 32 } else { 4 }, y.len()));
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sampler {
    /// The sum of the weights up to each row.
    cumulative: Vec<f64>,
}

impl Sampler {
    /// A sampler by the rows' weights, which need not sum to 1.
    ///
    /// # Errors
    /// [`DataError::Rows`] if a weight is negative or not finite, or all are 0.
    pub fn new(weights: &[f64]) -> Result<Sampler, DataError> {
        let problem = |problem| Err(DataError::Rows { problem });
        if let Some(row) = weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite())) {
            return problem(format!("Sampler: row {row} (from 0) has weight {}; expected 0 or more", weights[row]));
        }
        // In units of the largest weight, so that the sum neither overflows nor underflows.
        let unit = weights.iter().copied().fold(0.0, f64::max);
        if unit == 0.0 {
            return problem(format!("Sampler: none of the {} rows has a positive weight", weights.len()));
        }
        let mut sum = 0.0;
        let cumulative = weights.iter().map(|weight| {
            sum += weight / unit;
            sum
        });
        Ok(Sampler { cumulative: cumulative.collect() })
    }

    /// A sampler of all classes equally often, however many rows each has.
    ///
    /// # Errors
    /// [`DataError::Rows`] if there are no labels.
    pub fn balanced(labels: &[usize]) -> Result<Sampler, DataError> {
        let mut weights = vec![0.0; labels.len()];
        for (_, rows) in parts::by_label(labels) {
            rows.iter().for_each(|&row| weights[row] = 1.0 / rows.len() as f64);
        }
        Sampler::new(&weights)
    }

    /// `count` rows, which depend only on the key.
    pub fn rows(&self, count: usize, key: Key) -> Vec<usize> {
        let noise = key.at("sampler").philox();
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        let row = |i: usize| {
            let [low, high, ..] = noise.words(i as u64);
            let fraction = (u64::from(high) << 32 | u64::from(low)) >> 11;
            // In [0, total); rounding may reach the end, which belongs to the last row with a weight.
            let at = total * (fraction as f64 / (1u64 << 53) as f64);
            let row = self.cumulative.partition_point(|&sum| sum <= at);
            if row < self.cumulative.len() { row } else { self.cumulative.partition_point(|&sum| sum < total) }
        };
        (0..count).map(row).collect()
    }

    /// As many examples as `data` has, in batches, for your own training loop. Use a key of another
    /// [`step`](Key::step) for each epoch.
    ///
    /// # Panics
    /// If `batch_size` is 0, if `data` has another number of rows than there are weights, or if examples have weights of
    /// their own or missing targets: use [`minibatches`](Sampler::minibatches).
    #[track_caller]
    pub fn batches<T: Real, Y: Targets>(
        &self,
        data: &Examples<T, Y>,
        batch_size: usize,
        key: Key,
    ) -> impl ExactSizeIterator<Item = (Tensor<T>, Y)> {
        data.assert_unweighted();
        self.minibatches(data, batch_size, key).map(Minibatch::into_pair)
    }

    /// [`batches`](Sampler::batches) with the examples' weights and mask.
    ///
    /// # Panics
    /// If `batch_size` is 0, or `data` has another number of rows than there are weights.
    #[track_caller]
    pub fn minibatches<T: Real, Y: Targets>(
        &self,
        data: &Examples<T, Y>,
        batch_size: usize,
        key: Key,
    ) -> impl ExactSizeIterator<Item = Minibatch<T, Y>> {
        assert!(batch_size > 0, "Sampler: a batch must have at least one example, got 0");
        assert!(
            data.len() == self.cumulative.len(),
            "Sampler: {} weights do not fit {} examples",
            self.cumulative.len(),
            data.len()
        );
        let rows = self.rows(data.len(), key);
        (0..rows.len().div_ceil(batch_size)).map(move |batch| {
            let rows = &rows[batch * batch_size..rows.len().min((batch + 1) * batch_size)];
            data.select(rows).into_minibatch()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_in_proportion_to_their_weights() {
        let weights = [0.0, 1e300, 3e300, 0.0, 6e300, 0.0];
        let rows = Sampler::new(&weights).unwrap().rows(100_000, Key::new(3));
        let count = |row| rows.iter().filter(|&&other| other == row).count() as f64;
        // Chi-squared with 2 degrees of freedom exceeds 13.8 with probability 0.001.
        let chi: f64 = [(1, 1e4), (2, 3e4), (4, 6e4)].map(|(row, n)| (count(row) - n).powi(2) / n).iter().sum();
        assert!(chi < 13.8, "{chi}");
        assert_eq!([0, 3, 5].map(count), [0.0; 3]);
    }

    #[test]
    fn rare_classes_are_as_frequent_as_others() {
        let labels: Vec<usize> = (0..1000).map(|i| usize::from(i < 10)).collect();
        let sampler = Sampler::balanced(&labels).unwrap();
        let rare = sampler.rows(10_000, Key::new(1)).iter().filter(|&&row| labels[row] == 1).count() as f64;
        // Four standard deviations.
        assert!((rare - 5000.0).abs() < 4.0 * 50.0, "{rare}");
        assert_eq!(sampler.rows(20, Key::new(1))[..], sampler.rows(99, Key::new(1))[..20]);
        assert_ne!(sampler.rows(20, Key::new(1)), sampler.rows(20, Key::new(2)));
    }

    #[test]
    fn weights_that_are_not_weights_are_refused() {
        for weights in [&[][..], &[0.0, 0.0], &[1.0, -1.0], &[f64::NAN], &[f64::INFINITY]] {
            assert!(Sampler::new(weights).is_err(), "{weights:?}");
        }
        assert!(Sampler::balanced(&[]).is_err());
        assert_eq!(Sampler::new(&[0.0, 5e-324]).unwrap().rows(3, Key::new(1)), [1, 1, 1]);
    }
}
