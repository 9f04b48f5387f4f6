//! The variation ratio: the share of draws that disagree with the most voted class.

use super::probability_rows::{check_draws, top};
use crate::engine::Real;

/// Each example's variation ratio: 1 − (votes of the most voted class)/S, where each of the S
/// posterior draws votes for its most probable class (the first on ties). (S, N, C) to N.
///
/// Freeman 1965, *Elementary Applied Statistics*; Gal 2016, *Uncertainty in Deep Learning*.
///
/// # Panics
/// If `probabilities` are not `draws` tables of whole rows, or a row is not a distribution.
#[track_caller]
pub fn variation_ratio<T: Real>(probabilities: &[T], draws: usize, classes: usize) -> Vec<f64> {
    let size = check_draws("variation_ratio", probabilities, draws, classes);
    let mut votes = vec![0usize; size];
    for draw in probabilities.chunks_exact(size) {
        for (votes, row) in votes.chunks_exact_mut(classes).zip(draw.chunks_exact(classes)) {
            votes[top(row).0] += 1;
        }
    }
    let most = votes.chunks_exact(classes).map(|votes| votes.iter().max().copied().unwrap_or(0));
    most.map(|most| (draws - most) as f64 / draws as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dissenter_of_four_is_a_quarter() {
        let draws = [0.9, 0.1, 0.8, 0.2, 0.3, 0.7, 0.6, 0.4];
        assert_eq!(variation_ratio(&draws, 4, 2), [0.25]);
    }
}
