//! A checksum of a data set, by which a checkpoint knows its data again.

use crate::engine::io::xxh64;
use crate::engine::{Real, Tensor};

/// A running checksum of numbers: the XXH64 of their little-endian words, in parts of some thousand.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checksum {
    hash: u64,
    bytes: Vec<u8>,
}

impl Checksum {
    const PART: usize = 1 << 15;

    pub(crate) fn add(&mut self, word: u64) {
        self.bytes.extend_from_slice(&word.to_le_bytes());
        if self.bytes.len() == Checksum::PART {
            self.hash = xxh64(&self.bytes, self.hash);
            self.bytes.clear();
        }
    }

    pub(crate) fn add_all(&mut self, words: &[usize]) {
        self.add(words.len() as u64);
        words.iter().for_each(|&word| self.add(word as u64));
    }

    /// The shape and the elements, whose value and sign count, whatever the scalar type.
    pub(crate) fn add_tensor<T: Real>(&mut self, tensor: &Tensor<T>) {
        self.add_all(tensor.shape());
        tensor.data().iter().for_each(|x| self.add(x.to_f64().to_bits()));
    }

    pub(crate) fn finish(self) -> u64 {
        xxh64(&self.bytes, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use crate::data::Examples;
    use crate::engine::Tensor;

    #[test]
    fn any_change_of_inputs_targets_weights_or_mask_changes_the_checksum() {
        let x = || Tensor::<f64>::from_fn([3, 2], |i| i as f64);
        let (y, labels) = (|| Tensor::<f64>::from_fn([3, 1], |i| 0.5 * i as f64), vec![0, 1, 2]);
        let of = |x: Tensor<f64>, y: Tensor<f64>| Examples::new(x, y).unwrap().checksum();
        let moved = |mut tensor: Tensor<f64>| {
            tensor.data_mut()[1] += 1e-12;
            tensor
        };
        let swapped = Tensor::from_fn([3, 2], |i| [2.0, 3.0, 0.0, 1.0, 4.0, 5.0][i]);
        let mut found = vec![
            of(x(), y()),
            of(moved(x()), y()),
            of(x(), moved(y())),
            of(swapped, y()),
            of(Tensor::new([3, 2, 1], x().data()), y()),
            Examples::new(x(), y()).unwrap().with_weights([1.0, 2.0, 1.0]).unwrap().checksum(),
            Examples::with_mask(x(), y(), Tensor::new([3], [1.0, 0.0, 1.0])).unwrap().checksum(),
            Examples::new(x(), labels.clone()).unwrap().checksum(),
            Examples::new(x(), vec![0, 2, 1]).unwrap().checksum(),
            Examples::new(x(), (labels, y())).unwrap().checksum(),
        ];
        assert_eq!(found[0], of(x(), y()));
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), 10);
    }
}
