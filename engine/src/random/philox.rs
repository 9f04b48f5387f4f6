//! Philox 4x32-10, the counter-based generator of J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw, "Parallel
//! random numbers: as easy as 1, 2, 3" (SC 2011).

/// Ten rounds of multiplication and exclusive or map a 128-bit counter to 128 random bits.
///
/// The counter of number `i` is (low half of `i`, high half of `i`, step, draw).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Philox {
    /// The key of every round, in the width in which [`words`](Philox::words) computes.
    keys: [[u64; 2]; ROUNDS],
    suffix: [u32; 2],
}

/// The number of counters that are encrypted together: a 512-bit register of words.
pub(super) const LANES: usize = 16;

const ROUNDS: usize = 10;
const MULTIPLIERS: [u64; 2] = [0xd251_1f53, 0xcd9e_8d57];
/// The increments of the key per round: the fractions of the golden ratio and of √3.
const WEYL: [u32; 2] = [0x9e37_79b9, 0xbb67_ae85];

impl Philox {
    /// The generator of `key`, for counters whose upper half is `suffix`.
    #[inline]
    #[must_use]
    pub const fn new(key: [u32; 2], suffix: [u32; 2]) -> Philox {
        let mut keys = [[0; 2]; ROUNDS];
        let mut round = 0;
        while round < ROUNDS {
            let grown = round as u32;
            keys[round] = [
                key[0].wrapping_add(WEYL[0].wrapping_mul(grown)) as u64,
                key[1].wrapping_add(WEYL[1].wrapping_mul(grown)) as u64,
            ];
            round += 1;
        }
        Philox { keys, suffix }
    }

    /// The four words of counter `index`.
    #[inline(always)]
    #[must_use]
    pub fn words(&self, index: u64) -> [u32; 4] {
        // The words stay in 64 bits with arbitrary upper halves, which affect neither the 32-bit multiplication nor the
        // lower half of the exclusive or: so a vector of them needs no shuffle before the last round.
        let mut x = [index, index >> 32, u64::from(self.suffix[0]), u64::from(self.suffix[1])];
        for key in &self.keys {
            let even = (x[0] & LOW) * MULTIPLIERS[0];
            let odd = (x[2] & LOW) * MULTIPLIERS[1];
            x = [(odd >> 32) ^ x[1] ^ key[0], odd, (even >> 32) ^ x[3] ^ key[1], even];
        }
        x.map(|word| word as u32)
    }

    /// The words of the [`LANES`] counters from `index` on: all first words, all second words, and so on.
    #[inline(always)]
    pub(super) fn lanes(&self, index: u64) -> [[u32; LANES]; 4] {
        let mut words = [[0; LANES]; 4];
        let [first, second, third, fourth] = &mut words;
        for lane in 0..LANES {
            [first[lane], second[lane], third[lane], fourth[lane]] = self.words(index.wrapping_add(lane as u64));
        }
        words
    }
}

const LOW: u64 = 0xffff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines `philox4x32 10` of `kat_vectors` in Random123 1.14: counter, key, result.
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];

    #[test]
    fn the_known_answers_of_random123_are_reproduced() {
        for ([low, high, step, draw], key, want) in KNOWN {
            let index = u64::from(high) << 32 | u64::from(low);
            let philox = Philox::new(key, [step, draw]);
            assert_eq!(philox.words(index), want);
            assert_eq!(philox.lanes(index).map(|words| words[0]), want);
        }
    }

    #[test]
    fn lanes_are_consecutive_counters() {
        let philox = Philox::new([1, 2], [3, 4]);
        let start = u64::from(u32::MAX) - 5;
        let lanes = philox.lanes(start);
        for lane in 0..LANES {
            assert_eq!(lanes.map(|words| words[lane]), philox.words(start + lane as u64));
        }
    }
}
