//! R̂, the potential scale reduction: whether chains agree.

use super::ranks::{folded, normal_scores};
use super::table::{Table, are_finite, is_constant, mean, variance};

/// The rank-normalised split R̂ of one scalar: how far the chains differ, relative to their spread. Near 1 they agree;
/// above 1.01, run longer or look for what keeps them apart (Vehtari et al. 2021, section 4).
///
/// It is the larger one of two values of [`r_hat_split`]: that of the draws' normal scores, which compares locations
/// and exists without a mean or a variance, and that of the scores of the distances from the median, which compares
/// scales. Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021, "Rank-normalization, folding, and localization: an
/// improved R̂", eq. 4 and section 4.
///
/// It is infinite if a chain never moves while its draws differ from those of another, however close they are. So is
/// it for a discrete scalar that takes only one value in a chain. It is NaN if all draws are equal or one is not
/// finite. A single chain has two halves to compare, but it cannot show that other starting points lead elsewhere: run
/// at least four.
///
/// `chains`: the draws of one scalar, a slice for each chain.
///
/// ```
/// # use elbo::metrics;
/// let one = [0.1, -1.2, 0.4, 1.5, -0.3, 0.8, -0.5, 0.2];
/// let other = [0.3, 1.1, -0.9, 0.2, -1.4, 0.6, 0.4, -0.1];
/// assert!(metrics::r_hat(&[&one, &other]) < 1.2);
/// assert!(metrics::r_hat(&[&one, &other.map(|x| x + 10.0)]) > 1.5);
/// ```
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn r_hat(chains: &[&[f64]]) -> f64 {
    let halves = Table::halves("r_hat", chains);
    if let Some(degenerate) = degenerate(&halves, chains) {
        return degenerate;
    }
    let bulk = of_chains(&halves.map(normal_scores));
    // NaN if all distances from the median are equal: the chains' scales cannot be compared then.
    let tails = of_chains(&halves.map(|values| normal_scores(&folded(values))));
    bulk.max(tails)
}

/// The split R̂ of one scalar: √((B/W + n − 1) / n) for the n draws of half a chain, where W is the mean variance
/// within the halves of chains and B is n times the variance of their means.
///
/// It assumes a finite variance and does not see chains that differ only in scale; [`r_hat`] does. Gelman, Carlin,
/// Stern, Dunson, Vehtari and Rubin 2013, *Bayesian Data Analysis*, section 11.4; Vehtari et al. 2021, eq. 1 to 4.
///
/// Infinite and NaN as [`r_hat`].
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn r_hat_split(chains: &[&[f64]]) -> f64 {
    let halves = Table::halves("r_hat_split", chains);
    degenerate(&halves, chains).unwrap_or_else(|| of_chains(&halves))
}

/// R̂ where the formula would give none, or a good one for a chain that is stuck near the middle of the others.
fn degenerate(halves: &Table, chains: &[&[f64]]) -> Option<f64> {
    if !are_finite(chains) || !halves.varies() {
        return Some(f64::NAN);
    }
    chains.iter().any(|chain| is_constant(chain)).then_some(f64::INFINITY)
}

fn of_chains(chains: &Table) -> f64 {
    let draws = chains.draws() as f64;
    let within = mean(&chains.chains().map(variance).collect::<Vec<f64>>());
    let between = draws * variance(&chains.means());
    ((between / within + draws - 1.0) / draws).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Key, normals};

    fn noise(chains: usize, draws: usize) -> Vec<Vec<f64>> {
        let of_chain = |chain| {
            let mut x = vec![0.0; draws];
            normals(Key::new(3).step(chain), 0, &mut x);
            x
        };
        (0..chains).map(of_chain).collect()
    }

    fn both(chains: &[Vec<f64>]) -> [f64; 2] {
        let chains: Vec<&[f64]> = chains.iter().map(Vec::as_slice).collect();
        [r_hat(&chains), r_hat_split(&chains)]
    }

    #[test]
    fn the_split_one_by_hand() {
        // Halves (0, 2) and (1, 5): W = (2 + 8) / 2, B = 2 · 2.
        assert!((r_hat_split(&[&[0.0, 2.0, 1.0, 5.0]]) - ((4.0f64 / 5.0 + 1.0) / 2.0).sqrt()).abs() < 1e-15);
    }

    #[test]
    fn independent_draws_are_good_and_a_shift_or_a_trend_is_not() {
        let mut chains = noise(4, 1000);
        assert!(both(&chains).iter().all(|r| *r < 1.005), "{:?}", both(&chains));
        // The means of 8 halves, 2 of them at 1: variance 3/14.
        let expected = (1.0f64 + 3.0 / 14.0).sqrt();
        chains[2].iter_mut().for_each(|x| *x += 1.0);
        assert!((both(&chains)[1] - expected).abs() < 0.02, "{:?}", both(&chains));
        let trend: Vec<Vec<f64>> = noise(4, 1000)
            .into_iter()
            .map(|chain| chain.iter().zip(0..).map(|(x, i)| x + 2e-3 * i as f64).collect())
            .collect();
        assert!(both(&trend).iter().all(|r| *r > 1.1), "{:?}", both(&trend));
    }

    #[test]
    fn only_ranks_see_a_difference_in_scale_and_stand_heavy_tails() {
        let mut chains = noise(4, 1000);
        chains[1].iter_mut().for_each(|x| *x *= 3.0);
        let [ranked, split] = both(&chains);
        assert!(ranked > 1.05 && split < 1.01, "{ranked}, {split}");
        // A Cauchy variable has no mean.
        let (above, below) = (noise(8, 1000), noise(8, 2000));
        let cauchy: Vec<Vec<f64>> =
            (0..4).map(|i| above[i].iter().zip(&below[i + 4][1000..]).map(|(x, y)| x / y).collect()).collect();
        assert!(both(&cauchy)[0] < 1.01, "{:?}", both(&cauchy));
    }

    #[test]
    fn a_chain_that_never_moves_is_not_good() {
        let mut chains = noise(4, 100);
        chains[3] = vec![0.1; 100];
        assert_eq!(both(&chains), [f64::INFINITY; 2]);
        assert_eq!(both(&[vec![0.1; 9], vec![0.3; 9]]), [f64::INFINITY; 2]);
        assert!(both(&[vec![0.1; 9], vec![0.1; 9]]).iter().all(|r| r.is_nan()));
        assert!(both(&[vec![0.1; 9]]).iter().all(|r| r.is_nan()));
        // Each moves once, between its halves.
        assert_eq!(both(&[[[0.1; 50], [0.3; 50]].concat()]), [f64::INFINITY; 2]);
    }

    #[test]
    fn without_finite_draws_there_is_none() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut chains = noise(2, 101);
            // The middle draw belongs to no half.
            chains[1][50] = bad;
            assert!(both(&chains).iter().all(|r| r.is_nan()));
        }
    }

    #[test]
    fn two_values_have_no_scale_to_compare() {
        let coin: Vec<f64> = noise(1, 400)[0].iter().map(|x| x.signum()).collect();
        assert!(both(&[coin])[0] < 1.05);
    }
}
