//! `Table`: the draws of chains of equal length.

/// The fewest draws that a chain may have: two in each half.
const FEWEST: usize = 4;

/// The draws of chains of equal length, chain by chain.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    values: Vec<f64>,
    draws: usize,
}

impl Table {
    /// The first and the last half of each chain as chains of their own, so that a trend within a chain shows as a
    /// difference between chains. The middle one of an odd number of draws is left out.
    ///
    /// # Panics
    /// Unless there is a chain, all are of equal lengths, and have at least four draws.
    #[track_caller]
    pub(super) fn halves(what: &str, chains: &[&[f64]]) -> Table {
        check(what, chains);
        let half = chains[0].len() / 2;
        let of_chain = |chain: &&[f64]| [&chain[..half], &chain[chain.len() - half..]].concat();
        Table { values: chains.iter().flat_map(of_chain).collect(), draws: half }
    }

    pub(super) fn chains(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.draws)
    }

    /// Draws in each chain.
    pub(super) fn draws(&self) -> usize {
        self.draws
    }

    /// The draws of all chains.
    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    /// The table of a function of all values.
    pub(super) fn map(&self, of: impl FnOnce(&[f64]) -> Vec<f64>) -> Table {
        Table { values: of(&self.values), draws: self.draws }
    }

    /// Whether some draws differ.
    pub(super) fn varies(&self) -> bool {
        !is_constant(&self.values)
    }

    /// The mean of each chain.
    pub(super) fn means(&self) -> Vec<f64> {
        self.chains().map(mean).collect()
    }
}

/// Panics unless there is a chain, all are of equal lengths, and have at least four draws.
#[track_caller]
pub(super) fn check(what: &str, chains: &[&[f64]]) {
    let Some(first) = chains.first() else {
        panic!("{what}: no chains; pass one slice of draws for each chain");
    };
    for (chain, draws) in chains.iter().enumerate() {
        assert!(
            draws.len() == first.len(),
            "{what}: chain {chain} (from 0) has {} draws, but chain 0 has {}; cut them to equal lengths",
            draws.len(),
            first.len()
        );
    }
    assert!(
        first.len() >= FEWEST,
        "{what}: each chain has {} draws; at least {FEWEST} are needed, two in each half",
        first.len()
    );
}

/// Whether all draws are finite, those of no half included.
pub(super) fn are_finite(chains: &[&[f64]]) -> bool {
    chains.iter().all(|chain| chain.iter().all(|x| x.is_finite()))
}

/// Whether all values are equal.
pub(super) fn is_constant(values: &[f64]) -> bool {
    values.iter().all(|x| *x == values[0])
}

/// The mean: of equal values exactly that value, so that their variance is exactly 0.
pub(super) fn mean(values: &[f64]) -> f64 {
    values[0] + values.iter().map(|x| x - values[0]).sum::<f64>() / values.len() as f64
}

/// The sample variance, with the divisor n − 1.
pub(super) fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (values.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_draw_of_an_odd_number_is_left_out() {
        let table = Table::halves("test", &[&[1.0, 2.0, 3.0, 4.0, 5.0], &[6.0, 7.0, 8.0, 9.0, 10.0]]);
        let halves: Vec<&[f64]> = table.chains().collect();
        assert_eq!(halves, [[1.0, 2.0], [4.0, 5.0], [6.0, 7.0], [9.0, 10.0]]);
    }

    #[test]
    fn equal_values_have_no_variance() {
        assert_eq!((mean(&[0.1; 7]), variance(&[0.1; 7])), (0.1, 0.0));
    }

    #[test]
    #[should_panic(expected = "r_hat: no chains; pass one slice of draws for each chain")]
    fn no_chains_are_refused() {
        Table::halves("r_hat", &[]);
    }

    #[test]
    #[should_panic(expected = "r_hat: chain 1 (from 0) has 5 draws, but chain 0 has 4; cut them to equal lengths")]
    fn chains_of_different_lengths_are_refused() {
        Table::halves("r_hat", &[&[0.0; 4], &[0.0; 5]]);
    }

    #[test]
    #[should_panic(expected = "r_hat: each chain has 3 draws; at least 4 are needed")]
    fn short_chains_are_refused() {
        Table::halves("r_hat", &[&[0.0; 3]]);
    }
}
