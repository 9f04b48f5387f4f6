//! Measures the temperatures of a chain while it runs.

use crate::infer::chains::{Temperature, TemperatureEstimate};
use crate::infer::sgmcmc::integrator::State;

/// Blocks of successive draws whose means give the standard error.
const BLOCKS: usize = 16;

/// The temperatures of the steps between one draw and the next, and their means for each draw so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Thermometer {
    /// The sums of the steps since the last draw.
    kinetic: f64,
    configurational: f64,
    steps: f64,
    /// The means of each draw's steps.
    pub(super) kinetic_means: Vec<f64>,
    pub(super) configurational_means: Vec<f64>,
}

impl Thermometer {
    /// Before a step: `gradient` is ∇ ln p at the position, `centre` the position at the end of the warm-up.
    pub(super) fn step(&mut self, state: &State, centre: &[f64], gradient: &[f64]) {
        let count = state.position.len() as f64;
        let virial: f64 = state.position.iter().zip(centre).zip(gradient).map(|((u, c), slope)| (c - u) * slope).sum();
        self.configurational += virial / count;
        self.kinetic += state.momentum.iter().map(|p| p * p).sum::<f64>() / count;
        self.steps += 1.0;
    }

    /// After the last step of a draw.
    pub(super) fn draw(&mut self) {
        self.kinetic_means.push(self.kinetic / self.steps);
        self.configurational_means.push(self.configurational / self.steps);
        (self.kinetic, self.configurational, self.steps) = (0.0, 0.0, 0.0);
    }

    /// The sums since the last draw, for a checkpoint.
    #[cfg(feature = "files")]
    pub(super) fn sums(&self) -> [f64; 3] {
        [self.kinetic, self.configurational, self.steps]
    }

    #[cfg(feature = "files")]
    pub(super) fn set_sums(&mut self, sums: [f64; 3]) {
        [self.kinetic, self.configurational, self.steps] = sums;
    }

    /// The temperatures of all draws so far.
    pub(super) fn temperature(&self, target: f64, has_momentum: bool) -> Temperature {
        Temperature {
            target,
            kinetic: has_momentum.then(|| estimate(&self.kinetic_means)),
            configurational: estimate(&self.configurational_means),
        }
    }
}

/// The mean, and its standard error from the means of blocks (Flegal and Jones 2010, "batch means").
fn estimate(values: &[f64]) -> TemperatureEstimate {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let each = values.len().div_ceil(BLOCKS).max(1);
    let blocks: Vec<f64> = values.chunks_exact(each).map(|of| of.iter().sum::<f64>() / each as f64).collect();
    let count = blocks.len() as f64;
    let centre = blocks.iter().sum::<f64>() / count;
    let squares: f64 = blocks.iter().map(|block| (block - centre).powi(2)).sum();
    let standard_error = if blocks.len() < 2 { f64::NAN } else { (squares / (count - 1.0) / count).sqrt() };
    TemperatureEstimate { mean, standard_error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Key;
    use crate::engine::random::normals;

    #[test]
    fn blocks_give_the_standard_error_of_correlated_means() {
        // An autoregressive process with ρ = 0.8: the standard error of its mean over n is √((1 + ρ)/(1 − ρ)/n) sd.
        let (mut noise, mut values, mut x) = (vec![0.0; 20_000], Vec::new(), 0.0);
        normals(Key::new(3), 0, &mut noise);
        for e in noise {
            x = 0.8 * x + 0.6 * e;
            values.push(1.0 + x);
        }
        let TemperatureEstimate { mean, standard_error } = estimate(&values);
        let expected = (9.0 / 20_000f64).sqrt();
        assert!((standard_error / expected - 1.0).abs() < 0.5, "{standard_error} {expected}");
        assert!((mean - 1.0).abs() < 4.0 * expected, "{mean}");
        assert!(estimate(&[1.0]).standard_error.is_nan());
    }
}
