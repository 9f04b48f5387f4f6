//! Adam's steps of the particles along their directions.

/// β₁, and the largest β₂.
const BETAS: [f64; 2] = [0.9, 0.999];

/// At step t, β₂ is 1 − t^−0.8 until that exceeds the largest one, as in [`Adam::automatic`](crate::Adam::automatic).
const DECAY: f64 = 0.8;

const EPSILON: f64 = 1e-8;

/// The moments of all particles. Steps do not depend on the scale of the directions, as that of N.
pub(super) struct Adam {
    /// The learning rate of each element.
    rates: Vec<f64>,
    /// The moving averages of each particle's directions and of their squares.
    moments: Vec<[Vec<f64>; 2]>,
    steps: i32,
}

impl Adam {
    pub(super) fn new(rates: Vec<f64>, particles: usize) -> Self {
        let zeros = || vec![0.0; rates.len()];
        Adam { moments: (0..particles).map(|_| [zeros(), zeros()]).collect(), rates, steps: 0 }
    }

    /// Moves the positions, with `factor` times the learning rates.
    pub(super) fn step(&mut self, factor: f64, positions: &mut [Vec<f64>], directions: &[Vec<f64>]) {
        self.steps = self.steps.saturating_add(1);
        // β₂ is 0 at the first step, so the second moment has no bias.
        let [first_kept, second_kept] = [BETAS[0], BETAS[1].min(1.0 - f64::from(self.steps).powf(-DECAY))];
        let unbias = 1.0 / (1.0 - BETAS[0].powi(self.steps));
        for ((position, direction), [first, second]) in positions.iter_mut().zip(directions).zip(&mut self.moments) {
            let moments = first.iter_mut().zip(second);
            let elements = position.iter_mut().zip(direction).zip(&self.rates).zip(moments);
            for (((x, slope), rate), (first, second)) in elements {
                *first = first_kept * *first + (1.0 - first_kept) * slope;
                *second = second_kept * *second + (1.0 - second_kept) * slope * slope;
                *x += factor * rate * unbias * *first / (second.sqrt() + EPSILON);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_the_maximum_whatever_the_scale_of_the_density() {
        for scale in [1e-3, 1.0, 1e6] {
            let (mut adam, mut positions) = (Adam::new(vec![0.05, 0.02], 2), vec![vec![3.0, -1.0], vec![-2.0, 0.5]]);
            for step in 0..2000 {
                let directions: Vec<Vec<f64>> =
                    positions.iter().map(|x| vec![scale * (1.0 - x[0]), 40.0 * scale * (2.0 - x[1])]).collect();
                adam.step(1.0 - f64::from(step) / 2000.0, &mut positions, &directions);
            }
            assert!(positions.iter().all(|x| (x[0] - 1.0).abs() < 1e-3 && (x[1] - 2.0).abs() < 1e-3), "{positions:?}");
        }
        // The first step is as long as the learning rate.
        let (mut adam, mut positions) = (Adam::new(vec![0.05], 1), vec![vec![0.0]]);
        adam.step(0.5, &mut positions, &[vec![-7.0]]);
        assert!((positions[0][0] + 0.025).abs() < 1e-9);
    }
}
