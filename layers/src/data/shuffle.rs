//! A random permutation of rows, reproducible from a key.

use crate::engine::Key;

/// Shuffles `rows` in an order that depends only on `key`, the same on every machine. All orders are equally likely, up
/// to a bias below `rows.len()`/2⁶⁴.
///
/// Fisher and Yates 1938, in the form of Durstenfeld 1964 (*Algorithm 235: Random permutation*).
pub fn shuffle(rows: &mut [usize], key: Key) {
    // A separate path, so that these are not the bits of the key's normal noise.
    let noise = key.at("shuffle").philox();
    for last in (1..rows.len()).rev() {
        let [low, high, ..] = noise.words(last as u64);
        let fraction = u128::from(high) << 32 | u128::from(low);
        // ⌊fraction/2⁶⁴ · (last + 1)⌋: the place among the first last + 1 rows.
        rows.swap(last, ((fraction * (last as u128 + 1)) >> 64) as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shuffled(len: usize, key: Key) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..len).collect();
        shuffle(&mut rows, key);
        rows
    }

    #[test]
    fn every_row_stays_once() {
        for len in [0, 1, 2, 3, 1000] {
            let mut rows = shuffled(len, Key::new(3));
            rows.sort_unstable();
            assert_eq!(rows, (0..len).collect::<Vec<_>>());
        }
    }

    #[test]
    fn all_orders_are_equally_likely() {
        const DRAWS: usize = 24_000;
        let mut count = std::collections::HashMap::new();
        for step in 0..DRAWS {
            *count.entry(shuffled(4, Key::new(1).step(step))).or_insert(0usize) += 1;
        }
        assert_eq!(count.len(), 24);
        // Chi-squared with 23 degrees of freedom exceeds 49.7 with probability 0.001.
        let expected = DRAWS as f64 / 24.0;
        let chi: f64 = count.values().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
        assert!(chi < 49.7, "{chi}");
    }
}
