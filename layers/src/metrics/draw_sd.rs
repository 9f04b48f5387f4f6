//! Standard deviation of each probability over posterior draws.

use super::probability_rows::{check_draws, mean_of_draws};
use crate::engine::Real;

/// The standard deviation over S posterior draws of every probability, about the mean of the S
/// (divided by S): (S, N, C) to (N, C).
///
/// # Panics
/// If `probabilities` are not `draws` tables of whole rows, or a row is not a distribution.
#[track_caller]
pub fn draw_sd<T: Real>(probabilities: &[T], draws: usize, classes: usize) -> Vec<f64> {
    let size = check_draws("draw_sd", probabilities, draws, classes);
    let mean = mean_of_draws(probabilities, draws, classes);
    let mut squares = vec![0.0; size];
    for draw in probabilities.chunks_exact(size) {
        for ((sum, p), mean) in squares.iter_mut().zip(draw).zip(&mean) {
            *sum += (p.to_f64() - mean).powi(2);
        }
    }
    squares.iter().map(|sum| (sum / draws as f64).sqrt()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_population_standard_deviation() {
        let draws = [0.25, 0.75, 0.75, 0.25];
        assert_eq!(draw_sd(&draws, 2, 2), [0.25, 0.25]);
    }
}
