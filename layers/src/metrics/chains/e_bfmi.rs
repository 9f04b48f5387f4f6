//! E-BFMI: whether Hamiltonian Monte Carlo explores the energies.

use super::table::mean;

/// The energy Bayesian fraction of missing information of one Hamiltonian Monte Carlo chain: Σ (E_i − E_{i−1})² /
/// Σ (E_i − Ē)².
///
/// Below about 0.3 the momentum's renewal changes the energy too little to reach the tails: look for a better
/// parametrisation, or run longer. Independent energies have 2. Betancourt 2016, "Diagnosing Suboptimal Cotangent
/// Disintegrations in Hamiltonian Monte Carlo".
///
/// `energies`: the Hamiltonian at the start of each transition, in nats. NaN if they are all equal or one is not
/// finite.
///
/// ```
/// # use elbo::metrics;
/// // Differences 2, −2, 2 and deviations ±1.
/// assert_eq!(metrics::e_bfmi(&[5.0, 7.0, 5.0, 7.0]), 3.0);
/// ```
///
/// # Panics
/// If there are fewer than two energies.
#[track_caller]
pub fn e_bfmi(energies: &[f64]) -> f64 {
    assert!(
        energies.len() >= 2,
        "e_bfmi: {} energies; pass one for each transition of a chain, at least 2",
        energies.len()
    );
    let centre = mean(energies);
    let jumps: f64 = energies.windows(2).map(|pair| (pair[1] - pair[0]).powi(2)).sum();
    let deviations: f64 = energies.iter().map(|energy| (energy - centre).powi(2)).sum();
    jumps / deviations
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Key, normals};

    #[test]
    fn correlated_energies_have_twice_one_minus_their_correlation() {
        let mut energies = vec![0.0; 50_000];
        normals(Key::new(1), 0, &mut energies);
        for i in 1..energies.len() {
            energies[i] += 0.9 * energies[i - 1];
        }
        let found = e_bfmi(&energies);
        assert!((found - 0.2).abs() < 0.01, "{found}");
    }

    #[test]
    fn energies_that_are_equal_or_not_finite_have_none() {
        assert!(e_bfmi(&[0.1; 3]).is_nan());
        assert!(e_bfmi(&[0.1, f64::INFINITY, 2.0]).is_nan() && e_bfmi(&[f64::NAN, 1.0]).is_nan());
    }

    #[test]
    #[should_panic(expected = "e_bfmi: 1 energies; pass one for each transition of a chain, at least 2")]
    fn one_energy_is_refused() {
        e_bfmi(&[1.0]);
    }
}
