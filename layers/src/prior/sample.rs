//! Draws from priors, from the noise of a key.

use crate::distribution::uniform::uniform;
use crate::engine::Key;
use crate::engine::random::normals;

/// Elements of a weight of this shape, each `of` its index, a standard normal number and a uniform one in (0, 1).
pub(super) fn each(shape: &[usize], key: Key, of: impl Fn(usize, f64, f64) -> f64) -> Vec<f64> {
    let mut noise = vec![0.0; shape.iter().product()];
    normals(key.at("normal"), 0, &mut noise);
    let uniforms = key.at("uniform").philox();
    noise.iter().enumerate().map(|(i, &z)| of(i, z, uniform(&uniforms, i))).collect()
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_PI_2, PI};

    use super::*;
    use crate::engine::Tape;
    use crate::prior::{
        Cauchy, HalfCauchy, HalfNormal, Horseshoe, InverseGammaVariance, LaplacePrior, LogNormalPrior, LogUniform,
        Normal, Prior, ScaleMixture, StudentT,
    };

    /// The share of a prior's draws in parts of the line against the integral of its density there.
    #[track_caller]
    fn check<P: Prior>(prior: P) {
        const DRAWS: usize = 40_000;
        let draws = prior.sample(&[DRAWS], Key::new(3)).unwrap();
        let cuts = [-3.0, -1.1, -0.4, 0.0, 0.3, 0.9, 2.5];
        for ends in cuts.windows(2) {
            let share = draws.iter().filter(|w| ends[0] < **w && **w <= ends[1]).count() as f64 / DRAWS as f64;
            // The midpoints of a fine grid, which miss an integrable pole at 0.
            let (parts, width, tape) = (2000, ends[1] - ends[0], Tape::<f64>::inference());
            let at = |i: usize| ends[0] + (i as f64 + 0.5) / parts as f64 * width;
            let density = |i| prior.log_density(tape.constant([1], |_| at(i))).item().exp();
            let expected = (0..parts).map(density).sum::<f64>() * width / parts as f64;
            let error = (expected * (1.0 - expected) / DRAWS as f64).sqrt();
            let name = std::any::type_name::<P>();
            assert!((share - expected).abs() <= 4.5 * error + 1e-3 * expected, "{name}: {share} {expected}");
        }
    }

    #[test]
    fn draws_have_the_density_of_their_prior() {
        check(Normal(0.3, 0.8));
        check(LaplacePrior(0.2, 0.7));
        check(Cauchy(-0.2, 0.6));
        check(StudentT(3.0, 0.1, 0.9));
        check(StudentT(0.7, 0.1, 0.9));
        check(HalfNormal(1.2));
        check(HalfCauchy(0.5));
        check(LogNormalPrior(-0.1, 0.8));
        check(Horseshoe(0.4));
        check(InverseGammaVariance::new(1.5, 0.4));
        check(ScaleMixture([0.3, 0.5, 0.2], [1.5, 0.2, 0.7]));
        assert_eq!(LogUniform.sample(&[3], Key::new(1)), None);
    }

    #[test]
    fn normal_and_uniform_numbers_are_independent() {
        let products = each(&[20_000], Key::new(5), |_, z, u| z * (PI * u - FRAC_PI_2).sin());
        assert!((products.iter().sum::<f64>() / 20_000.0).abs() < 0.03);
    }
}
