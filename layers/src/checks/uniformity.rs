//! Tests whether ranks are uniform: χ², and the simultaneous band of their empirical distribution function.

use statrs::function::gamma::{gamma_ur, ln_gamma};

/// Tests of `simulations` ranks, each in 0..=`draws`, for uniformity.
pub(super) struct Uniformity {
    simulations: usize,
    draws: usize,
    /// For each rank i from 1: for each count c of ranks below i, 2 min(P(C ≤ c), P(C ≥ c)), with C ~ Bin(simulations, i /
    /// (draws + 1)).
    tails: Vec<Vec<f64>>,
    ln_factorials: Vec<f64>,
}

impl Uniformity {
    pub(super) fn new(simulations: usize, draws: usize) -> Self {
        let ln_factorials: Vec<f64> = (0..=simulations).map(|n| ln_gamma(n as f64 + 1.0)).collect();
        let mut test = Uniformity { simulations, draws, tails: Vec::new(), ln_factorials };
        test.tails = (1..=draws).map(|rank| test.tails_below(rank)).collect();
        test
    }

    /// ln P(C = c) for C ~ Bin(n, p).
    fn ln_binomial(&self, n: usize, p: f64, c: usize) -> f64 {
        let ln_choose = self.ln_factorials[n] - self.ln_factorials[c] - self.ln_factorials[n - c];
        ln_choose + c as f64 * p.ln() + (n - c) as f64 * (-p).ln_1p()
    }

    fn tails_below(&self, rank: usize) -> Vec<f64> {
        let (n, p) = (self.simulations, rank as f64 / (self.draws + 1) as f64);
        let probabilities: Vec<f64> = (0..=n).map(|c| self.ln_binomial(n, p, c).exp()).collect();
        let mut tails = vec![0.0; n + 1];
        let (mut below, mut above) = (0.0, 0.0);
        for c in 0..=n {
            below += probabilities[c];
            tails[c] = 2.0 * below;
        }
        for c in (0..=n).rev() {
            above += probabilities[c];
            tails[c] = tails[c].min(2.0 * above);
        }
        tails
    }

    /// The p value of the empirical distribution function of these ranks against its simultaneous band: the probability that
    /// that of uniform ranks has somewhere a pointwise p value as small as the smallest of these. Exact, by the Markov chain
    /// of the counts: Säilynoja, Bürkner and Vehtari 2022, "Graphical test for discrete uniformity and its applications in
    /// goodness-of-fit evaluation and multiple sample comparison".
    pub(super) fn ecdf_p(&self, ranks: &[usize]) -> f64 {
        let mut counts = vec![0usize; self.draws + 1];
        ranks.iter().for_each(|&rank| counts[rank] += 1);
        let (mut below, mut smallest) = (0, f64::INFINITY);
        for (tails, count) in self.tails.iter().zip(&counts) {
            below += count;
            smallest = smallest.min(tails[below]);
        }
        // Both tails of a symmetric distribution are equal, but for rounding.
        (1.0 - self.stays_above(smallest * (1.0 + 1e-9))).clamp(0.0, 1.0)
    }

    /// The probability that the pointwise p values of uniform ranks are all above `limit`.
    fn stays_above(&self, limit: f64) -> f64 {
        let n = self.simulations;
        let mut reached = vec![0.0; n + 1];
        reached[0] = 1.0;
        let mut from = 0..=0;
        for (rank, tails) in self.tails.iter().enumerate() {
            // A simulation whose rank is at least `rank` has exactly this rank with probability `p`.
            let p = 1.0 / (self.draws + 1 - rank) as f64;
            let Some(first) = tails.iter().position(|&tail| tail > limit) else { return 0.0 };
            let last = tails.iter().rposition(|&tail| tail > limit).unwrap_or(first);
            let mut next = vec![0.0; n + 1];
            for before in from.filter(|&before| reached[before] > 0.0) {
                for (count, next) in next.iter_mut().enumerate().take(last + 1).skip(first.max(before)) {
                    *next += reached[before] * self.ln_binomial(n - before, p, count - before).exp();
                }
            }
            (reached, from) = (next, first..=last);
        }
        reached.iter().sum()
    }

    /// The p value of Pearson's χ² over bins of equally many ranks, each with at least `BIN` expected.
    pub(super) fn chi_squared_p(&self, ranks: &[usize]) -> f64 {
        const BIN: usize = 5;
        let values = self.draws + 1;
        // The most bins of equal width.
        let most = (self.simulations / BIN).min(values);
        let Some(bins) = (2..=most).rev().find(|bins| values.is_multiple_of(*bins)) else {
            return f64::NAN;
        };
        let mut counts = vec![0usize; bins];
        ranks.iter().for_each(|&rank| counts[rank * bins / values] += 1);
        let expected = self.simulations as f64 / bins as f64;
        let chi_squared: f64 = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
        // The function is not defined at 0.
        if chi_squared == 0.0 { 1.0 } else { gamma_ur((bins - 1) as f64 / 2.0, chi_squared / 2.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::uniform::uniform;
    use crate::engine::Key;

    /// Ranks whose distribution function is u^`power`.
    fn ranks(seed: u64, simulations: usize, draws: usize, power: f64) -> Vec<usize> {
        let noise = Key::new(seed).philox();
        let rank = |i| (uniform(&noise, i).powf(1.0 / power) * (draws + 1) as f64) as usize;
        (0..simulations).map(rank).collect()
    }

    #[test]
    fn p_values_of_uniform_ranks_are_uniform() {
        let test = Uniformity::new(60, 19);
        const SETS: usize = 2000;
        let mut below = [[0usize; 2]; 3];
        for seed in 0..SETS {
            let ranks = ranks(seed as u64, 60, 19, 1.0);
            for (level, below) in [0.01, 0.05, 0.3].iter().zip(&mut below) {
                below[0] += usize::from(test.ecdf_p(&ranks) <= *level);
                below[1] += usize::from(test.chi_squared_p(&ranks) <= *level);
            }
        }
        for (level, below) in [0.01, 0.05, 0.3].iter().zip(below) {
            let error = (level * (1.0 - level) / SETS as f64).sqrt();
            // The ECDF's p value is exact but discrete, so it may be a little conservative.
            let [ecdf, chi_squared] = below.map(|below| below as f64 / SETS as f64);
            assert!(ecdf <= level + 3.5 * error && ecdf > 0.7 * level - 3.5 * error, "{level}: {ecdf}");
            assert!((chi_squared - level).abs() < 4.0 * error + 0.15 * level, "{level}: {chi_squared}");
        }
    }

    #[test]
    fn the_probability_of_staying_inside_is_that_of_all_sets_of_ranks() {
        // 4 ranks among 3 values: all 81 sets.
        let test = Uniformity::new(4, 2);
        let sets: Vec<[usize; 4]> = (0..81).map(|i| [i % 3, i / 3 % 3, i / 9 % 3, i / 27]).collect();
        let smallest = |ranks: &[usize; 4]| {
            let below = |rank| ranks.iter().filter(|r| **r < rank).count();
            (1..=2).map(|rank| test.tails[rank - 1][below(rank)]).fold(f64::INFINITY, f64::min)
        };
        for ranks in &sets {
            let limit = smallest(ranks);
            let as_extreme = sets.iter().filter(|other| smallest(other) <= limit + 1e-12).count();
            let found = test.ecdf_p(ranks);
            assert!((found - as_extreme as f64 / 81.0).abs() < 1e-12, "{ranks:?}: {found} {as_extreme}");
        }
    }

    #[test]
    fn ranks_that_are_not_uniform_are_found() {
        let test = Uniformity::new(200, 63);
        for power in [0.6, 1.7] {
            let skewed = ranks(1, 200, 63, power);
            assert!(test.ecdf_p(&skewed) < 1e-4 && test.chi_squared_p(&skewed) < 1e-3, "{power}");
        }
        let equal: Vec<usize> = (0..200).map(|i| i * 64 / 200).collect();
        assert!(test.ecdf_p(&equal) > 0.99 && test.chi_squared_p(&equal) > 0.99);
        assert!(test.ecdf_p(&[0; 200]) < 1e-12);
        // A prime number of values, and too few simulations, have no bins.
        assert!(Uniformity::new(200, 100).chi_squared_p(&[0; 200]).is_nan());
    }
}
