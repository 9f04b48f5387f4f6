//! The checksum XXH64.

const PRIMES: [u64; 5] =
    [0x9e37_79b1_85eb_ca87, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9, 0x85eb_ca77_c2b2_ae63, 0x27d4_eb2f_1656_67c5];

/// The checksum XXH64 of these bytes with this seed (Collet, "xxHash fast digest algorithm", version 0.1.1, section "XXH64"). It
/// finds damage, not intent: it is not cryptographic. The checksum of a part as the seed of the next one gives a checksum of
/// both.
///
/// ```
/// assert_eq!(elbo_engine::io::xxh64(b"abc", 0), 0x44bc_2cf5_ad77_0999);
/// ```
pub fn xxh64(bytes: &[u8], seed: u64) -> u64 {
    let [first, second, third, fourth, fifth] = PRIMES;
    let (stripes, rest) = bytes.as_chunks::<32>();
    let mut hash = if stripes.is_empty() {
        seed.wrapping_add(fifth)
    } else {
        let mut lanes =
            [seed.wrapping_add(first).wrapping_add(second), seed.wrapping_add(second), seed, seed.wrapping_sub(first)];
        for stripe in stripes {
            for (lane, word) in lanes.iter_mut().zip(stripe.as_chunks::<8>().0) {
                *lane = round(*lane, u64::from_le_bytes(*word));
            }
        }
        let rotated = lanes.iter().zip([1, 7, 12, 18]).map(|(lane, by)| lane.rotate_left(by));
        let merged = rotated.fold(0u64, u64::wrapping_add);
        lanes.iter().fold(merged, |hash, lane| (hash ^ round(0, *lane)).wrapping_mul(first).wrapping_add(fourth))
    };
    hash = hash.wrapping_add(bytes.len() as u64);
    let (words, rest) = rest.as_chunks::<8>();
    for word in words {
        hash ^= round(0, u64::from_le_bytes(*word));
        hash = hash.rotate_left(27).wrapping_mul(first).wrapping_add(fourth);
    }
    let (halves, rest) = rest.as_chunks::<4>();
    for half in halves {
        hash ^= u64::from(u32::from_le_bytes(*half)).wrapping_mul(first);
        hash = hash.rotate_left(23).wrapping_mul(second).wrapping_add(third);
    }
    for byte in rest {
        hash ^= u64::from(*byte).wrapping_mul(fifth);
        hash = hash.rotate_left(11).wrapping_mul(first);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(second);
    hash = (hash ^ (hash >> 29)).wrapping_mul(third);
    hash ^ (hash >> 32)
}

fn round(lane: u64, word: u64) -> u64 {
    lane.wrapping_add(word.wrapping_mul(PRIMES[1])).rotate_left(31).wrapping_mul(PRIMES[0])
}

#[cfg(test)]
mod tests {
    use super::xxh64;

    #[test]
    fn it_is_that_of_the_reference_library() {
        // Values of the Python package `xxhash`.
        let bytes: Vec<u8> = (0..101).map(|i| (i * 7 % 256) as u8).collect();
        for (length, seed, expected) in REFERENCE {
            assert_eq!(xxh64(&bytes[..length], seed), expected, "{length} bytes, seed {seed}");
        }
    }

    const REFERENCE: [(usize, u64, u64); 8] = [
        (0, 0, 0xef46_db37_51d8_e999),
        (1, 0, 0xe934_a84a_db05_2768),
        (5, 1, 0x5b18_1dc1_6e13_a859),
        (14, 0, 0x8b3c_6f96_512c_86a1),
        (31, 9, 0x6d8b_b33b_8e9b_5b08),
        (32, 0, 0x91b0_cb09_31a8_c629),
        (63, 9223372036854775813, 0x7238_a690_2e68_951c),
        (101, 3, 0xdc3d_558c_4169_d63d),
    ];
}
