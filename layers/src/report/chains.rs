//! Pictures of Markov chains: traces and rank plots of one element of a weight.

use std::ops::Deref;

use crate::engine::Real;
use crate::infer::chains::Chains;
use crate::model::Bayesian;
use crate::report::{Chart, Picture};

/// The traces of one element (from 0, row by row) of the weight of this name: its value at each draw, a line for each chain. Chains
/// that have converged look like noise around the same level.
///
/// # Panics
/// If the model has no such weight, or it has fewer elements.
#[track_caller]
pub fn traces<M: Deref<Target: Bayesian + Sized>>(chains: &Chains<M>, weight: &str, element: usize) -> Chart {
    let of_chains = values(chains, weight, element);
    let draws: Vec<f64> = (0..chains.draws_per_chain()).map(|draw| draw as f64).collect();
    let title = format!("Traces of {weight}, element {element}");
    let chart = Chart::new(&title).x("draw").y("value");
    let add = |chart: Chart, (index, values): (usize, &Vec<f64>)| chart.line(&format!("chain {index}"), &draws, values);
    of_chains.iter().enumerate().fold(chart, add)
}

/// Rank plots of one element of a weight (Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, section 4.4): for each chain, how many
/// of its draws have ranks in each of 20 intervals, among the draws of all chains. Chains that agree have flat plots.
///
/// # Panics
/// As [`traces`].
#[track_caller]
pub fn ranks<M: Deref<Target: Bayesian + Sized>>(chains: &Chains<M>, weight: &str, element: usize) -> Picture {
    const BINS: usize = 20;
    let of_chains = values(chains, weight, element);
    let all = of_chains.len() * chains.draws_per_chain();
    let counts = counts_of_ranks(&of_chains, BINS);
    let edges: Vec<f64> = (0..=BINS).map(|edge| (all * edge) as f64 / BINS as f64).collect();
    let even = chains.draws_per_chain() as f64 / BINS as f64;
    Picture::of(counts.iter().enumerate().map(|(index, counts)| {
        let title = format!("Ranks of {weight}, element {element}, in chain {index}");
        let chart = Chart::new(&title).x("rank among the draws of all chains").y("draws").bars("", &edges, counts);
        chart.dashed("even", &[0.0, all as f64], &[even, even])
    }))
}

/// How many draws of each chain have a rank in each of `bins` intervals. Equal draws take their mean rank.
fn counts_of_ranks(chains: &[Vec<f64>], bins: usize) -> Vec<Vec<f64>> {
    let mut sorted: Vec<f64> = chains.iter().flatten().copied().collect();
    sorted.sort_by(f64::total_cmp);
    let bin = |value: f64| {
        let below = sorted.partition_point(|other| other.total_cmp(&value).is_lt());
        let until = sorted.partition_point(|other| other.total_cmp(&value).is_le());
        // The middle of the ranks below..until, of sorted.len().
        ((below + until) * bins / (2 * sorted.len())).min(bins - 1)
    };
    let of_chain = |values: &Vec<f64>| {
        let mut counts = vec![0.0; bins];
        values.iter().for_each(|value| counts[bin(*value)] += 1.0);
        counts
    };
    chains.iter().map(of_chain).collect()
}

/// The draws of one element in each chain.
#[track_caller]
fn values<M: Deref<Target: Bayesian + Sized>>(chains: &Chains<M>, weight: &str, element: usize) -> Vec<Vec<f64>> {
    let entries = chains.all_weights()[0].entries();
    let Some(index) = entries.iter().position(|entry| entry.name.to_string() == weight) else {
        panic!("report: the model has no weight `{weight}`");
    };
    let elements = entries[index].tensor.len();
    assert!(element < elements, "report: element {element} (from 0) of `{weight}`, which has {elements}");
    let of_chain = |chain: usize| {
        let draws = chains.weights(chain).iter();
        draws.map(|weights| weights.entries()[index].tensor.data()[element].to_f64()).collect()
    };
    (0..chains.chains().len()).map(of_chain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_separate_chains_are_apart_and_ties_share_their_middle() {
        let counts = counts_of_ranks(&[vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0, 8.0]], 4);
        assert_eq!(counts, [[2.0, 2.0, 0.0, 0.0], [0.0, 0.0, 2.0, 2.0]]);
        let equal = counts_of_ranks(&[vec![1.0; 4], vec![1.0; 4]], 4);
        assert_eq!(equal, [[0.0, 0.0, 4.0, 0.0]; 2]);
    }
}
