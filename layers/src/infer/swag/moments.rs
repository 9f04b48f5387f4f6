//! The moments of iterates: mean, diagonal variances, and the last deviations.

use std::collections::VecDeque;

use crate::engine::Real;

/// The moments of iterates that SWAG keeps (Maddox et al. 2019, algorithm 1).
#[derive(Clone, Debug)]
pub(super) struct Moments<T> {
    count: usize,
    rank: usize,
    mean: Vec<f64>,
    /// The sum of squared deviations from the mean, for each number.
    squares: Vec<f64>,
    /// The last iterates' deviations from the mean of the iterates up to each: the columns of D.
    deviations: VecDeque<Vec<T>>,
}

impl<T: Real> Moments<T> {
    /// Of no iterates yet, with at most `rank` deviations.
    pub(super) fn new(rank: usize) -> Self {
        Moments { count: 0, rank, mean: Vec::new(), squares: Vec::new(), deviations: VecDeque::new() }
    }

    /// Adds an iterate, of as many numbers as those before.
    pub(super) fn add(&mut self, iterate: &[f64]) {
        self.count += 1;
        self.mean.resize(iterate.len(), 0.0);
        self.squares.resize(iterate.len(), 0.0);
        let mut column = match self.deviations.len() {
            len if len < self.rank => Vec::with_capacity(iterate.len()),
            _ => self.deviations.pop_front().unwrap_or_default(),
        };
        column.clear();
        for ((value, mean), squares) in iterate.iter().zip(&mut self.mean).zip(&mut self.squares) {
            let before = value - *mean;
            *mean += before / self.count as f64;
            *squares += before * (value - *mean);
            column.push(T::from_f64(value - *mean));
        }
        if self.rank > 0 {
            self.deviations.push_back(column);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The mean of the iterates, θ̄.
    pub(super) fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// The number of deviations, K.
    pub(super) fn rank(&self) -> usize {
        self.deviations.len()
    }

    /// θ̄ + (Σ_diag/2)^½ z₁ + D z₂/√(2(K − 1)) for standard normal numbers z (eq. 1), of which z₂ has one for each deviation. With
    /// fewer than two deviations it is θ̄ + Σ_diag^½ z₁: SWAG-Diagonal.
    pub(super) fn at(&self, diagonal: &[f64], low_rank: &[f64]) -> Vec<f64> {
        let k = self.deviations.len();
        let (share, factor) = if k > 1 { (0.5, (0.5 / (k - 1) as f64).sqrt()) } else { (1.0, 0.0) };
        let spread = |squares: f64| (share * squares / self.count as f64).sqrt();
        let mut values: Vec<f64> = self.mean.clone();
        values.iter_mut().zip(&self.squares).zip(diagonal).for_each(|((w, s), z)| *w += spread(*s) * z);
        for (column, z) in self.deviations.iter().zip(low_rank) {
            values.iter_mut().zip(column).for_each(|(w, d)| *w += factor * z * d.to_f64());
        }
        values
    }

    /// The variance of each number under the approximation.
    pub(super) fn variances(&self) -> Vec<f64> {
        let k = self.deviations.len();
        let (share, factor) = if k > 1 { (0.5, 0.5 / (k - 1) as f64) } else { (1.0, 0.0) };
        let mut variances: Vec<f64> = self.squares.iter().map(|s| share * s / self.count as f64).collect();
        for column in &self.deviations {
            variances.iter_mut().zip(column).for_each(|(v, d)| *v += factor * d.to_f64().powi(2));
        }
        variances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Iterates of three numbers.
    fn iterates() -> Vec<[f64; 3]> {
        (0..7).map(|i| [f64::from(i).sin(), 0.3 * f64::from(i * i), (1.7 * f64::from(i)).cos() - 4.0]).collect()
    }

    /// ½ (Σ_diag + D Dᵀ/(K − 1)) by its definition, with the running means computed from scratch.
    fn covariance(iterates: &[[f64; 3]], rank: usize) -> [[f64; 3]; 3] {
        let mean_of = |part: &[[f64; 3]], i: usize| part.iter().map(|w| w[i]).sum::<f64>() / part.len() as f64;
        let variance = |i: usize| {
            let squares = iterates.iter().map(|w| w[i] * w[i]).sum::<f64>() / iterates.len() as f64;
            squares - mean_of(iterates, i).powi(2)
        };
        let columns: Vec<[f64; 3]> = (iterates.len() - rank..iterates.len())
            .map(|n| std::array::from_fn(|i| iterates[n][i] - mean_of(&iterates[..=n], i)))
            .collect();
        std::array::from_fn(|i| {
            std::array::from_fn(|j| {
                let low_rank: f64 = columns.iter().map(|d| d[i] * d[j]).sum();
                let diagonal = if i == j { variance(i) } else { 0.0 };
                0.5 * (diagonal + low_rank / (rank - 1) as f64)
            })
        })
    }

    #[test]
    fn draws_have_the_covariance_of_the_definition() {
        let (iterates, rank) = (iterates(), 4);
        let mut moments = Moments::<f64>::new(rank);
        iterates.iter().for_each(|iterate| moments.add(iterate));
        assert_eq!((moments.count(), moments.rank()), (7, rank));
        // The columns of the square root: the changes by one standard normal number at a time.
        let unit = |index: usize| {
            let [mut diagonal, mut low_rank] = [[0.0; 3].to_vec(), [0.0; 4].to_vec()];
            if index < 3 {
                diagonal[index] = 1.0
            } else {
                low_rank[index - 3] = 1.0
            }
            let at = moments.at(&diagonal, &low_rank);
            std::array::from_fn::<f64, 3, _>(|i| at[i] - moments.mean()[i])
        };
        let root: Vec<[f64; 3]> = (0..7).map(unit).collect();
        let wanted = covariance(&iterates, rank);
        for i in 0..3 {
            for j in 0..3 {
                let found: f64 = root.iter().map(|column| column[i] * column[j]).sum();
                assert!((found - wanted[i][j]).abs() < 1e-12, "{i} {j}: {found} {}", wanted[i][j]);
            }
            assert!((moments.variances()[i] - wanted[i][i]).abs() < 1e-12);
        }
    }

    #[test]
    fn without_deviations_the_diagonal_counts_whole() {
        let mut moments = Moments::<f64>::new(0);
        [1.0, 3.0].iter().for_each(|w| moments.add(&[*w]));
        assert_eq!(moments.at(&[1.0], &[]), [3.0]);
        assert_eq!(moments.variances(), [1.0]);
    }

    #[test]
    fn large_means_do_not_cancel_small_variances() {
        let mut moments = Moments::<f64>::new(0);
        (0..1000).for_each(|i| moments.add(&[1e8 + 1e-3 * f64::from(i % 2)]));
        assert!((moments.variances()[0] / 2.5e-7 - 1.0).abs() < 1e-3, "{:?}", moments.variances());
    }
}
