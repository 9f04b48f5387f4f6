//! One step of Langevin dynamics in scaled, unconstrained coordinates: Euler-Maruyama and BAOA.

/// The state of a chain: where it is, and its momentum, whose mass is 1; empty for a sampler without momenta.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    pub(super) position: Vec<f64>,
    pub(super) momentum: Vec<f64>,
}

/// How far, how warm and with which memory a step moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    /// The learning rate divided by N, δ.
    pub(super) rate: f64,
    /// 0 for a step without noise.
    pub(super) temperature: f64,
    /// The share e^(−friction) of the momentum that a step keeps.
    pub(super) kept: f64,
}

impl Step {
    /// The step in time, √δ, in units of the scaled weights.
    pub(super) fn size(&self) -> f64 {
        self.rate.sqrt()
    }

    /// Moves by ∇ ln p at the position, with standard normal noise. `scales` has a factor s for each element, by which it is
    /// measured.
    pub(super) fn take(&self, state: &mut State, scales: &[f64], gradient: &[f64], noise: &[f64]) {
        let State { position, momentum } = state;
        let of = position.iter_mut().zip(scales).zip(gradient.iter().zip(noise));
        if momentum.is_empty() {
            // Welling and Teh 2011, eq. 4, with ε = 2δ: u += δ s² ∇ + √(2δT) s ξ.
            let sd = (2.0 * self.rate * self.temperature).sqrt();
            for ((u, s), (slope, noise)) in of {
                *u += s * (self.rate * s * slope + sd * noise);
            }
            return;
        }
        // Leimkuhler and Matthews 2013 call it BAOAB, which starts half a kick later: kick (B), half a drift (A),
        // the Ornstein-Uhlenbeck process of the momentum (O), half a drift (A).
        let (h, sd) = (self.size(), (self.temperature * (1.0 - self.kept * self.kept)).sqrt());
        for (((u, s), (slope, noise)), p) in of.zip(momentum) {
            *p += h * s * slope;
            *u += 0.5 * h * s * *p;
            *p = self.kept * *p + sd * noise;
            *u += 0.5 * h * s * *p;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stationary covariance of (position, momentum) on U = ½ k u², from the linear map that `take` is, applied to the
    /// position, the momentum and the noise one at a time.
    fn stationary(step: Step, k: f64, s: f64, has_momentum: bool) -> [[f64; 2]; 2] {
        let image = |u: f64, p: f64, noise: f64| {
            let mut state = State { position: vec![u], momentum: if has_momentum { vec![p] } else { Vec::new() } };
            step.take(&mut state, &[s], &[-k * u], &[noise]);
            [state.position[0], state.momentum.first().copied().unwrap_or(0.0)]
        };
        let (a, b, noise) = (image(1.0, 0.0, 0.0), image(0.0, 1.0, 0.0), image(0.0, 0.0, 1.0));
        let map = [[a[0], if has_momentum { b[0] } else { 0.0 }], [a[1], if has_momentum { b[1] } else { 0.0 }]];
        let mut covariance = [[0.0; 2]; 2];
        for _ in 0..100_000 {
            let before = covariance;
            for i in 0..2 {
                for j in 0..2 {
                    covariance[i][j] = noise[i] * noise[j];
                    for m in 0..2 {
                        for n in 0..2 {
                            covariance[i][j] += map[i][m] * before[m][n] * map[j][n];
                        }
                    }
                }
            }
        }
        covariance
    }

    #[track_caller]
    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-10, "{found} is not {expected}");
    }

    #[test]
    fn baoa_has_the_exact_variances_of_a_harmonic_oscillator_at_any_stable_step() {
        for (k, rate, kept, temperature, s) in [
            (1.0, 0.01, 0.9, 1.0, 1.0),
            (4.0, 0.9, 0.5, 1.0, 1.0),
            (2.5, 1.5, 0.99, 0.3, 1.0),
            (9.0, 0.2, 0.0, 2.0, 0.5),
        ] {
            let step = Step { rate, temperature, kept };
            let covariance = stationary(step, k, s, true);
            // BAOA is BAOAB seen half a kick earlier. There p has variance T(1 − h²k/4) and is independent of u, so that
            // before the half kick −hku/2 it has variance T, and covariance hT/2 with u.
            close(covariance[0][0], temperature / k);
            close(covariance[1][1], temperature);
            close(covariance[0][1] / s, 0.5 * step.size() * temperature);
        }
    }

    #[test]
    fn langevin_steps_have_their_known_bias() {
        for (k, rate, s) in [(1.0, 0.01, 1.0), (3.0, 0.2, 1.0), (3.0, 0.2, 0.5)] {
            let covariance = stationary(Step { rate, temperature: 1.0, kept: 0.0 }, k, s, false);
            close(covariance[0][0], 1.0 / (k * (1.0 - 0.5 * rate * s * s * k)));
        }
    }
}
