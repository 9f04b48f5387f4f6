//! `RankStatistics`: the ranks of true weights among posterior draws, with p values and a verdict.

use std::fmt;

use super::uniformity::Uniformity;
use crate::engine::threads::map_tasks;

/// The probability with which an exact posterior is called a wrong one.
const LEVEL: f64 = 0.01;

/// Rows that are printed at most.
const SHOWN: usize = 12;

/// The ranks of a [`Calibration`](crate::checks::Calibration). Prints as a table, the least uniform ranks first, with a verdict.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RankStatistics {
    /// The number of simulations, each with one rank of every statistic.
    pub simulations: usize,
    /// The number of posterior draws among which a rank is taken, from 0 to this number.
    pub draws: usize,
    /// One for each element of the weights, in the order of [`Weights::flat`](crate::Weights::flat), and `log likelihood`.
    pub statistics: Vec<RankStatistic>,
}

/// The ranks of one element of the weights.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RankStatistic {
    /// The element, `name[index]`, or `log likelihood`.
    pub name: String,
    /// In each simulation the number of draws below the true value.
    pub ranks: Vec<usize>,
    /// The p value of Pearson's χ² over bins of ranks; NaN if there are too few simulations or the number of possible ranks has
    /// no divisor.
    pub chi_squared_p: f64,
    /// The p value of the ranks' empirical distribution function against its simultaneous band.
    pub ecdf_p: f64,
}

impl RankStatistics {
    /// From the names of the statistics and their ranks.
    pub(super) fn new(simulations: usize, draws: usize, ranks: Vec<(String, Vec<usize>)>) -> Self {
        let test = Uniformity::new(simulations, draws);
        let p_values =
            map_tasks(ranks.len(), || (), |(), at| [test.chi_squared_p(&ranks[at].1), test.ecdf_p(&ranks[at].1)]);
        let statistics = ranks
            .into_iter()
            .zip(p_values)
            .map(|((name, ranks), [chi_squared_p, ecdf_p])| RankStatistic { name, ranks, chi_squared_p, ecdf_p });
        RankStatistics { simulations, draws, statistics: statistics.collect() }
    }

    /// The smallest p value of all statistics, multiplied by their number (Bonferroni's correction for several tests): a p
    /// value for the inference as a whole, at most 1. It is that of the empirical distribution functions.
    pub fn p(&self) -> f64 {
        let smallest = self.statistics.iter().map(|statistic| statistic.ecdf_p).fold(1.0, f64::min);
        (smallest * self.statistics.len() as f64).min(1.0)
    }

    /// Whether the ranks are those of an exact posterior, as far as these simulations can tell: [`p`](RankStatistics::p) is at
    /// least 0.01.
    pub fn is_good(&self) -> bool {
        self.p() >= LEVEL
    }

    /// In words: whether the inference finds the posterior, and how it fails.
    pub fn verdict(&self) -> String {
        let (p, simulations) = (self.p(), self.simulations);
        if p >= LEVEL {
            return format!(
                "good: ranks are uniform (p {p:.2} over {} statistics), as those of an exact posterior, in {simulations} \
                 simulations; errors that need more simulations to be seen may remain",
                self.statistics.len()
            );
        }
        let limit = LEVEL / self.statistics.len() as f64;
        let bad = self.statistics.iter().filter(|statistic| statistic.ecdf_p < limit).count();
        let worst = self.by_p()[0];
        format!(
            "wrong: the ranks of {bad} of {} statistics are not uniform (p {p:.1e}); of `{}` {}",
            self.statistics.len(),
            worst.name,
            worst.shape(self.draws)
        )
    }

    /// The statistics, that with the smallest p value first.
    fn by_p(&self) -> Vec<&RankStatistic> {
        let mut all: Vec<&RankStatistic> = self.statistics.iter().collect();
        all.sort_by(|a, b| a.ecdf_p.total_cmp(&b.ecdf_p));
        all
    }
}

impl RankStatistic {
    /// How these ranks differ most from uniform ones among `draws` draws: their mean, or their distance from the middle.
    fn shape(&self, draws: usize) -> &'static str {
        let places = self.ranks.iter().map(|&rank| (rank as f64 + 0.5) / (draws + 1) as f64 - 0.5);
        let count = self.ranks.len() as f64;
        let (mut mean, mut square) = (0.0, 0.0);
        for place in places {
            mean += place / count;
            square += place * place / count;
        }
        // A z statistic: uniform ranks have the variance 1/12. Ranks that pile up at one end have shifted, not spread.
        let shift = mean * (12.0 * count).sqrt();
        let spread = match [12.0 * square - 1.0, 12.0 * (square - mean * mean) - 1.0] {
            [_, about_mean] if about_mean > 0.0 => about_mean,
            [about_middle, _] => about_middle.min(0.0),
        };
        let spread = spread * (count / 0.8).sqrt();
        match (shift.abs() > spread.abs(), shift > 0.0, spread > 0.0) {
            (true, true, _) => "they are too high: its draws are too small",
            (true, false, _) => "they are too low: its draws are too large",
            (false, _, true) => {
                "too many are near the ends: its posterior is too narrow, or its draws depend on each other"
            }
            (false, _, false) => "too many are in the middle: its posterior is too wide",
        }
    }
}

impl fmt::Display for RankStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.by_p();
        let (shown, hidden) = shown.split_at(SHOWN.min(shown.len()));
        let width = shown.iter().map(|statistic| statistic.name.chars().count()).max().unwrap_or(0).max(9);
        writeln!(f, "{} simulations, ranks among {} draws", self.simulations, self.draws)?;
        writeln!(f, "{:width$} {:>10} {:>10} {:>10}", "statistic", "mean rank", "p (χ²)", "p (ECDF)")?;
        for RankStatistic { name, ranks, chi_squared_p, ecdf_p } in shown {
            let mean = ranks.iter().sum::<usize>() as f64 / ranks.len() as f64;
            writeln!(f, "{name:width$} {mean:>10.1} {chi_squared_p:>10.2e} {ecdf_p:>10.2e}")?;
        }
        if !hidden.is_empty() {
            writeln!(f, "and {} statistics with larger p values", hidden.len())?;
        }
        write!(f, "{}", self.verdict())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rank: impl Fn(usize) -> usize) -> RankStatistics {
        let ranks: Vec<usize> = (0..160).map(|i| rank(i % 16)).collect();
        let uniform = (0..160).map(|i| i % 16).collect();
        RankStatistics::new(160, 15, vec![("a[0]".to_owned(), uniform), ("a[1]".to_owned(), ranks)])
    }

    #[test]
    fn the_verdict_says_how_ranks_differ() {
        let uniform = of(|i| i);
        assert!(uniform.is_good() && uniform.verdict().starts_with("good") && uniform.p() == 1.0);
        let says = |ranks: RankStatistics, what: &str| {
            let shown = ranks.to_string();
            assert!(
                !ranks.is_good() && shown.contains("wrong") && shown.contains(what) && shown.contains("`a[1]`"),
                "{shown}"
            );
        };
        says(of(|i| 8 + i / 2), "draws are too small");
        says(of(|i| i / 2), "draws are too large");
        says(of(|i| if i < 8 { i / 3 } else { 15 - i / 6 }), "too narrow");
        says(of(|i| 6 + i / 4), "too wide");
    }
}
