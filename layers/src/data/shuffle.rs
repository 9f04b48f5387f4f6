//! A random permutation of rows, and rows drawn with replacement, reproducible from a key.

use crate::engine::Key;

/// Shuffles `rows` in an order that depends only on `key`, the same on every machine. All orders are equally likely, up
/// to a bias below `rows.len()`/2⁶⁴.
///
/// Fisher and Yates 1938, in the form of Durstenfeld 1964 (*Algorithm 235: Random permutation*).
pub fn shuffle(rows: &mut [usize], key: Key) {
    // A separate path, so that these are not the bits of the key's normal noise.
    let noise = key.at("shuffle").philox();
    for last in (1..rows.len()).rev() {
        // The place among the first last + 1 rows.
        rows.swap(last, below(last + 1, noise.words(last as u64)));
    }
}

/// Sets each of `rows` to a row below their number, drawn independently and uniformly, as for a bootstrap sample. They depend only
/// on `key`.
pub(crate) fn resample(rows: &mut [usize], key: Key) {
    let (len, noise) = (rows.len(), key.at("resample").philox());
    rows.iter_mut().enumerate().for_each(|(place, row)| *row = below(len, noise.words(place as u64)));
}

/// ⌊f · `count`⌋ for the fraction f of 64 random bits.
fn below(count: usize, [low, high, ..]: [u32; 4]) -> usize {
    let fraction = u128::from(high) << 32 | u128::from(low);
    ((fraction * count as u128) >> 64) as usize
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
    fn resampled_rows_are_uniform_and_leave_some_out() {
        let mut count = [0usize; 10];
        for step in 0..2000 {
            let mut rows: Vec<usize> = (0..10).collect();
            resample(&mut rows, Key::new(2).step(step));
            rows.iter().for_each(|&row| count[row] += 1);
        }
        // Chi-squared with 9 degrees of freedom exceeds 27.9 with probability 0.001.
        let chi: f64 = count.iter().map(|&n| (n as f64 - 2000.0).powi(2) / 2000.0).sum();
        assert!(chi < 27.9, "{chi}");
        let mut rows: Vec<usize> = (0..1000).collect();
        resample(&mut rows, Key::new(3));
        rows.sort_unstable();
        rows.dedup();
        // 1 − 1/e of them on average.
        assert!((600..665).contains(&rows.len()), "{}", rows.len());
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
