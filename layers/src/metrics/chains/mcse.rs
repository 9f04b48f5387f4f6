//! Monte Carlo standard errors: how far an estimate from chains may be off for want of draws.

use super::ess::ess_mean;
use super::table::{check, mean, variance};

/// The Monte Carlo standard error of one scalar's posterior mean, in the scalar's unit: the standard deviation of its
/// draws over the root of [`ess_mean`]. Vehtari et al. 2021, section 3.2.
///
/// Report no more digits of the mean than it supports. NaN if all draws are equal or one is not finite.
///
/// `chains`: the draws of one scalar, a slice for each chain.
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn mcse_mean(chains: &[&[f64]]) -> f64 {
    check("mcse_mean", chains);
    (variance(&chains.concat()) / ess_mean(chains)).sqrt()
}

/// The Monte Carlo standard error of one scalar's posterior standard deviation σ, in the scalar's unit.
///
/// That of the variance, from the squared distances d from the mean over all draws: √((E d² − (E d)²) / ESS(d)),
/// divided by the derivative 2σ of σ². It assumes no normal distribution, but a finite fourth moment. NaN if all draws
/// are equal, one is not finite, or all have the same distance.
///
/// `chains`: the draws of one scalar, a slice for each chain.
///
/// # Panics
/// If `chains` is empty, or the chains have different lengths or fewer than 4 draws.
#[track_caller]
pub fn mcse_sd(chains: &[&[f64]]) -> f64 {
    check("mcse_sd", chains);
    let centre = mean(&chains.concat());
    let squares = chains.iter().map(|chain| chain.iter().map(|x| (x - centre).powi(2)).collect());
    let squares: Vec<Vec<f64>> = squares.collect();
    let all = squares.concat();
    let variance = mean(&all);
    // The divisor is S here, as in ArviZ, though it is S − 1 in the mean's error.
    let spread = mean(&all.iter().map(|d| (d - variance).powi(2)).collect::<Vec<f64>>());
    let ess = ess_mean(&squares.iter().map(Vec::as_slice).collect::<Vec<_>>());
    (spread / ess / variance / 4.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Key, normals};

    #[test]
    fn errors_for_independent_normals_are_those_of_theory() {
        let mut x = vec![0.0; 20_000];
        normals(Key::new(5), 0, &mut x);
        x.iter_mut().for_each(|x| *x = 7.0 + 3.0 * *x);
        let chains: Vec<&[f64]> = x.chunks_exact(5000).collect();
        // σ / √S and σ / √(2S).
        let [of_mean, of_sd] = [mcse_mean(&chains) / (3.0 / 20_000f64.sqrt()), mcse_sd(&chains) / (3.0 / 200.0)];
        assert!((of_mean - 1.0).abs() < 0.05, "{of_mean}");
        assert!((of_sd - 1.0).abs() < 0.05, "{of_sd}");
    }

    #[test]
    fn without_spread_there_is_none() {
        assert!(mcse_mean(&[&[0.1; 8]]).is_nan() && mcse_sd(&[&[0.1; 8]]).is_nan());
    }

    #[test]
    #[should_panic(expected = "mcse_sd: each chain has 2 draws")]
    fn short_chains_are_refused_by_name() {
        mcse_sd(&[&[0.0; 2]]);
    }
}
