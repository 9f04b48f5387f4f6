//! `Stream`: a key's bits as a sequential generator with `rand`'s traits.

use std::convert::Infallible;

use rand_core::{SeedableRng, TryRng};

use super::{Key, Philox};

/// A sequential generator of uniform bits: `rand`'s traits over a [`Key`], for shuffles and uniform numbers.
///
/// It is independent of the normals of the same key. It is not cryptographically secure.
///
/// ```
/// # use elbo_engine::random::{Key, Stream};
/// use rand::seq::SliceRandom;
///
/// let mut order: Vec<usize> = (0..100).collect();
/// order.shuffle(&mut Stream::new(Key::new(7).at("order").step(2)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    source: Philox,
    index: u64,
    words: [u32; 4],
    used: usize,
}

impl Stream {
    /// The stream of `key`, from its start.
    #[must_use]
    pub const fn new(key: Key) -> Stream {
        // A separate path, so that the words differ from those of the key's normals.
        let source = key.at("stream").philox();
        Stream { source, index: 0, words: [0; 4], used: 4 }
    }

    fn next_word(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.words = self.source.words(self.index);
            self.index = self.index.wrapping_add(1);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }
}

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.next_word())
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let (low, high) = (self.next_word(), self.next_word());
        Ok(u64::from(high) << 32 | u64::from(low))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for bytes in out.chunks_mut(4) {
            bytes.copy_from_slice(&self.next_word().to_le_bytes()[..bytes.len()]);
        }
        Ok(())
    }
}

impl SeedableRng for Stream {
    type Seed = [u8; 8];

    fn from_seed(seed: [u8; 8]) -> Stream {
        Stream::new(Key::new(u64::from_le_bytes(seed)))
    }

    fn seed_from_u64(seed: u64) -> Stream {
        Stream::new(Key::new(seed))
    }
}

#[cfg(test)]
mod tests {
    use rand_core::Rng;

    use super::*;

    #[test]
    fn a_stream_gives_the_words_of_its_counters_in_order() {
        let key = Key::new(9).step(1);
        let source = key.at("stream").philox();
        let mut stream = Stream::new(key);
        for index in 0..5 {
            for word in source.words(index) {
                assert_eq!(stream.next_u32(), word);
            }
        }
    }

    #[test]
    fn bytes_and_long_words_are_little_endian_words() {
        let mut words = Stream::seed_from_u64(4);
        let mut bytes = [0; 11];
        Stream::seed_from_u64(4).fill_bytes(&mut bytes);
        let want: Vec<u8> = (0..3).flat_map(|_| words.next_u32().to_le_bytes()).collect();
        assert_eq!(bytes, want[..11]);
        let mut words = Stream::seed_from_u64(4);
        let (low, high) = (u64::from(words.next_u32()), u64::from(words.next_u32()));
        assert_eq!(Stream::seed_from_u64(4).next_u64(), high << 32 | low);
    }
}
