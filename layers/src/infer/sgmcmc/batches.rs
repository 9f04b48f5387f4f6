//! The rows of each step's minibatch.

use crate::engine::Key;

/// Draws minibatches: each step takes its rows without replacement, uniformly and independently of other steps.
///
/// Training visits all rows in turn instead. Here the noise of a gradient must not depend on that of the steps before it:
/// otherwise the chain's [`Temperature`](crate::Temperature) would not be what it seems.
pub(super) struct Batches {
    rows: Vec<usize>,
    size: usize,
}

impl Batches {
    /// Of `size` of `len` rows, at most all.
    pub(super) fn new(len: usize, size: usize) -> Self {
        Batches { rows: (0..len).collect(), size: size.min(len) }
    }

    /// Calls `work` with the rows of the batch with this key; all rows in their order if that is the batch.
    pub(super) fn with<R>(&mut self, key: Key, work: impl FnOnce(&[usize]) -> R) -> R {
        let (len, size) = (self.rows.len(), self.size);
        if size == len {
            return work(&self.rows);
        }
        // The first steps of Fisher and Yates's shuffle, undone afterwards, so that a batch depends on its key alone.
        let noise = key.at("batch").philox();
        let other = |place: usize| {
            let [low, high, ..] = noise.words(place as u64);
            let fraction = u128::from(high) << 32 | u128::from(low);
            place + ((fraction * (len - place) as u128) >> 64) as usize
        };
        (0..size).for_each(|place| self.rows.swap(place, other(place)));
        let result = work(&self.rows[..size]);
        (0..size).rev().for_each(|place| self.rows.swap(place, other(place)));
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_depends_on_its_key_alone_and_every_row_is_as_likely() {
        let (mut batches, key) = (Batches::new(10, 4), Key::new(5));
        let mut counts = [0usize; 10];
        for step in 0..20_000 {
            batches.with(key.step(step), |rows| {
                assert!((0..4).all(|i| (0..i).all(|j| rows[i] != rows[j])), "{rows:?}");
                rows.iter().for_each(|&row| counts[row] += 1);
            });
        }
        // A count has mean 8,000 and standard deviation 69.
        assert!(counts.iter().all(|&count| count.abs_diff(8000) < 350), "{counts:?}");
        let again = batches.with(key.step(7), <[usize]>::to_vec);
        assert_eq!(again, Batches::new(10, 4).with(key.step(7), <[usize]>::to_vec));
        assert_ne!(again, batches.with(key.step(8), <[usize]>::to_vec));
        assert_eq!(Batches::new(3, 64).with(key, <[usize]>::to_vec), [0, 1, 2]);
    }
}
