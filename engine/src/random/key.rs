//! `Key`: identifies a sequence of noise by a seed, a parameter's path, a step and a draw.

use super::Philox;

/// Identifies a sequence of noise: (seed, path, step, draw).
///
/// Different keys give independent sequences. A key is a plain value, which drawing does not change.
///
/// ```
/// # use elbo_engine::random::{Key, normals};
/// let key = Key::new(7).at("hidden").index(0).at("weight");
/// let (mut first, mut again) = ([0.0_f32; 100], [0.0_f32; 50]);
/// normals(key.step(3), 0, &mut first);
/// normals(key.step(3), 50, &mut again);
/// assert_eq!(first[50..], again);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    seed: u64,
    path: u64,
    step: u32,
    draw: u32,
}

impl Key {
    /// The key of `seed`, at the root, with step 0 and draw 0.
    #[must_use]
    pub const fn new(seed: u64) -> Key {
        Key { seed, path: 0, step: 0, draw: 0 }
    }

    /// Appends a field's name to the path.
    #[must_use]
    pub const fn at(self, name: &str) -> Key {
        self.extended(NAME, fnv_1a(name.as_bytes()))
    }

    /// Appends an index of an array, vector or tuple to the path. Indices differ from names: `at("1")` and `index(1)`
    /// are different.
    #[must_use]
    pub const fn index(self, index: usize) -> Key {
        self.extended(INDEX, index as u64)
    }

    /// Replaces the training step.
    ///
    /// # Panics
    ///
    /// If `step` needs more than 32 bits.
    #[must_use]
    pub const fn step(self, step: usize) -> Key {
        Key { step: word(step), ..self }
    }

    /// Replaces the draw within the step.
    ///
    /// # Panics
    ///
    /// If `draw` needs more than 32 bits.
    #[must_use]
    pub const fn draw(self, draw: usize) -> Key {
        Key { draw: word(draw), ..self }
    }

    /// The seed.
    #[must_use]
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// A hash of the names and indices of the path.
    #[must_use]
    pub const fn path_hash(self) -> u64 {
        self.path
    }

    /// The step set by the last [`step`](Key::step).
    #[must_use]
    pub const fn current_step(self) -> u32 {
        self.step
    }

    /// The draw set by the last [`draw`](Key::draw).
    #[must_use]
    pub const fn current_draw(self) -> u32 {
        self.draw
    }

    /// The generator of this key: its Philox key is a hash of seed and path, and its counters end in step and draw.
    #[inline]
    #[must_use]
    pub const fn philox(self) -> Philox {
        let key = mix(mix(self.seed.wrapping_add(SEED)) ^ self.path);
        Philox::new([key as u32, (key >> 32) as u32], [self.step, self.draw])
    }

    /// Each part is tagged with its kind and mixed in, so that the order of parts matters.
    const fn extended(self, kind: u64, part: u64) -> Key {
        Key { path: mix(mix(self.path.wrapping_add(kind)) ^ part), ..self }
    }
}

// The kinds of parts: the first 64 bits of the fractions of √2, √3 and √5.
const SEED: u64 = 0x6a09_e667_f3bc_c908;
const NAME: u64 = 0xbb67_ae85_84ca_a73b;
const INDEX: u64 = 0x3c6e_f372_fe94_f82b;

const fn word(number: usize) -> u32 {
    assert!(number as u64 <= u32::MAX as u64, "a step or draw must fit into 32 bits");
    number as u32
}

/// A bijection of 64 bits in which every input bit changes every output bit with probability near one half: variant 13
/// of D. Stafford, "Better bit mixing" (2011), as in SplitMix64.
const fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// The 64-bit hash of Fowler, Noll and Vo (variant 1a).
const fn fnv_1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    let mut i = 0;
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn different_paths_have_different_keys() {
        let mut seen = HashSet::new();
        let mut paths = 0;
        for seed in 0..20 {
            let root = Key::new(seed);
            for i in 0..50 {
                let (name, other) = (format!("layer{i}"), i.to_string());
                for key in [
                    root.index(i),
                    root.at(&name),
                    root.at(&other),
                    root.at(&name).index(i),
                    root.index(i).at(&name),
                    root.index(i).index(i + 1),
                    root.index(i + 1).index(i),
                    root.at("a").index(i),
                    root.at("b").index(i),
                    root.index(i).at(""),
                ] {
                    seen.insert(key.philox());
                    paths += 1;
                }
            }
        }
        assert_eq!(seen.len(), paths);
    }

    #[test]
    fn step_and_draw_are_set_and_not_added() {
        let key = Key::new(1).at("weight");
        assert_eq!(key.step(3).step(4), key.step(4));
        assert_ne!(key.step(1).philox(), key.draw(1).philox());
        assert_eq!((key.step(5).current_step(), key.draw(6).current_draw()), (5, 6));
    }

    #[test]
    fn names_are_hashed_by_fnv_1a() {
        // From the published test suite of the hash.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
