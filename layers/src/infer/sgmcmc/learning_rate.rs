//! The automatic learning rate: from the largest curvature of the log density, and the noise of a minibatch's gradient.

/// The largest variance by which a step may be off in the direction of the largest curvature, relative to the posterior's: from
/// the size of an Euler step, and from the noise of minibatches.
const BIAS: f64 = 0.025;

/// The square of the largest step of BAOA in units of the posterior's standard deviation in the direction of the largest
/// curvature; it is stable below 4.
const SQUARED_STEP: f64 = 0.25;

/// The heat of the position by a step h where no momentum is kept, in units of h²V: each step is then one without momenta of h²/2.
const OVERDAMPED_HEAT: f64 = 0.25;

/// The first step of a difference of gradients, in units of the scaled weights.
const FIRST_DIFFERENCE: f64 = 1e-3;

/// Sets `direction`, a unit vector, to one of large curvature of −ln p in coordinates scaled by `scales`, and returns that
/// curvature, by the power iteration with differences of gradients; `None` if it is not finite, or 0. `gradient` sets ∇ ln p.
pub(in crate::infer) fn largest_curvature(
    position: &[f64],
    scales: &[f64],
    direction: &mut [f64],
    iterations: usize,
    mut gradient: impl FnMut(&[f64], &mut [f64]),
) -> Option<f64> {
    let mut at = position.to_vec();
    let mut slopes = [vec![0.0; at.len()], vec![0.0; at.len()]];
    let mut curvature: f64 = 0.0;
    for iteration in 0..iterations {
        // A tenth of the standard deviation in this direction: small for the curvature, large for rounding.
        let step = if iteration == 0 { FIRST_DIFFERENCE } else { (0.1 / curvature.sqrt()).clamp(1e-6, 0.1) };
        for (sign, slopes) in [1.0, -1.0].into_iter().zip(&mut slopes) {
            let moved = position.iter().zip(scales).zip(&*direction).map(|((u, s), v)| u + sign * step * s * v);
            at.iter_mut().zip(moved).for_each(|(at, moved)| *at = moved);
            gradient(&at, slopes);
        }
        let [ahead, behind] = &slopes;
        let product = |i: usize| (behind[i] - ahead[i]) * scales[i] / (2.0 * step);
        curvature = (0..at.len()).map(|i| product(i).powi(2)).sum::<f64>().sqrt();
        if !(curvature > 0.0 && curvature.is_finite()) {
            return None;
        }
        direction.iter_mut().enumerate().for_each(|(i, v)| *v = product(i) / curvature);
    }
    Some(curvature)
}

/// What the automatic rate depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The largest curvature of −ln p.
    pub(super) curvature: f64,
    /// N/(batch size).
    pub(super) batches: f64,
    pub(super) temperature: f64,
    /// The share of the momentum that a step keeps; `None` without momenta.
    pub(super) kept: Option<f64>,
}

impl Limits {
    /// The learning rate divided by N.
    ///
    /// The variance of a minibatch's gradient is taken as (N/batch − 1) times the curvature, as where the likelihood is right
    /// (Fisher's information). A kick of variance h²V in each step makes the momentum's temperature T + h²V c²/(1 − c²), where
    /// c is the share that is kept; without momenta a step δ makes the position's T(1 + δV/2T)/(1 − δk/2).
    pub(super) fn rate(&self) -> f64 {
        let Limits { curvature, batches, temperature, kept } = *self;
        let noise = (batches - 1.0).max(0.0) / temperature;
        let largest = match kept {
            Some(kept) => {
                let heat = (kept * kept / (1.0 - kept * kept)).max(OVERDAMPED_HEAT);
                SQUARED_STEP.min(BIAS / (heat * noise))
            }
            None => BIAS.min(2.0 * BIAS / noise),
        };
        largest / curvature
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_power_iteration_finds_the_largest_curvature_in_scaled_coordinates() {
        // −ln p = ½ (9 a² + 100 b² + c²) + a b.
        let gradient = |at: &[f64], slopes: &mut [f64]| {
            slopes.copy_from_slice(&[-9.0 * at[0] - at[1], -100.0 * at[1] - at[0], -at[2]]);
        };
        let start = || vec![1.0 / 3f64.sqrt(); 3];
        let mut direction = start();
        let found = largest_curvature(&[1.0, 2.0, 3.0], &[1.0; 3], &mut direction, 10, gradient).unwrap();
        let exact = 54.5 + (45.5f64.powi(2) + 1.0).sqrt();
        assert!((found - exact).abs() < 1e-6, "{found} {exact}");
        let mut direction = start();
        let found = largest_curvature(&[1.0, 2.0, 3.0], &[1.0, 0.1, 5.0], &mut direction, 20, gradient).unwrap();
        assert!((found - 25.0).abs() < 1e-3, "{found}");
        assert_eq!(largest_curvature(&[1.0], &[1.0], &mut [1.0], 3, |_, slopes| slopes[0] = 0.0), None);
        assert_eq!(largest_curvature(&[1.0], &[1.0], &mut [1.0], 3, |_, slopes| slopes[0] = f64::NAN), None);
    }

    #[test]
    fn all_data_allow_the_largest_steps_and_minibatches_only_smaller_ones() {
        let limits = Limits { curvature: 4.0, batches: 1.0, temperature: 1.0, kept: Some(0.9) };
        assert_eq!(limits.rate(), SQUARED_STEP / 4.0);
        let heated = |limits: Limits| {
            let (rate, kept) = (limits.rate(), limits.kept.unwrap());
            rate * (limits.batches - 1.0) * limits.curvature * kept * kept / (1.0 - kept * kept)
        };
        let minibatches = Limits { batches: 20.0, ..limits };
        assert!((heated(minibatches) - BIAS).abs() < 1e-12);
        assert!((heated(Limits { temperature: 0.1, ..minibatches }) - 0.1 * BIAS).abs() < 1e-12);
        assert_eq!(Limits { kept: None, ..limits }.rate(), BIAS / 4.0);
        // Without memory a step of BAOA is one of half the rate without momenta.
        let [none, all] = [None, Some(0.0)].map(|kept| Limits { kept, batches: 200.0, ..limits }.rate());
        assert!((all / none - 2.0).abs() < 1e-12, "{all} {none}");
    }
}
