//! The kernel of the particles, its bandwidth, and the direction in which each particle moves.

use crate::engine::threads::map_tasks;

/// The radial basis function kernel k(x, x') = e^(−‖x − x'‖²/h) of some positions.
pub(super) struct Kernel {
    /// Squared distances, row by row below the diagonal: of (1, 0), of (2, 0), of (2, 1), ..
    squares: Vec<f64>,
    /// h.
    pub(super) bandwidth: f64,
}

impl Kernel {
    /// With this bandwidth, or that of the median heuristic: h = med²/ln n with the median distance of n positions, so
    /// that Σⱼ k(xᵢ, xⱼ) is about 1 without the particle itself (Liu and Wang 2016, section 5).
    pub(super) fn of(positions: &[Vec<f64>], bandwidth: Option<f64>) -> Self {
        let rows = map_tasks(
            positions.len(),
            || (),
            |(), i| positions[..i].iter().map(|other| squared_distance(&positions[i], other)).collect::<Vec<f64>>(),
        );
        let squares = rows.concat();
        let by_median = || median(&squares).map_or(1.0, |median| median * median / (positions.len() as f64).ln());
        // Not 0, so that its inverse is finite.
        let bandwidth = bandwidth.unwrap_or_else(by_median).max(f64::MIN_POSITIVE);
        Kernel { squares, bandwidth }
    }

    /// The first two particles at the same place.
    pub(super) fn first_equal(&self) -> Option<[usize; 2]> {
        let at = self.squares.iter().position(|&square| square == 0.0)?;
        let row = (1..).find(|row| row * (row + 1) / 2 > at).unwrap_or_default();
        Some([at - row * (row - 1) / 2, row])
    }

    fn value(&self, i: usize, j: usize) -> f64 {
        if i == j {
            return 1.0;
        }
        let [less, more] = [i.min(j), i.max(j)];
        (-self.squares[more * (more - 1) / 2 + less] / self.bandwidth).exp()
    }

    /// The direction of every particle, φ(xᵢ) = 1/n Σⱼ k(xⱼ, xᵢ) ∇ ln p(xⱼ) + ∇k(xⱼ, xᵢ), with the gradient of the
    /// kernel by xⱼ (Liu and Wang 2016, eq. 8). The first term moves particles to where the density is high; the second
    /// moves them apart.
    pub(super) fn directions(&self, positions: &[Vec<f64>], gradients: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (count, inverse) = (positions.len() as f64, 2.0 / self.bandwidth);
        map_tasks(
            positions.len(),
            || (),
            |(), i| {
                let mut direction = vec![0.0; positions[i].len()];
                for (j, (other, gradient)) in positions.iter().zip(gradients).enumerate() {
                    let k = self.value(i, j) / count;
                    // The gradient of the kernel, −2 (xⱼ − xᵢ) k/h, has no term of the particle itself.
                    let apart = if i == j { 0.0 } else { k * inverse };
                    let elements = direction.iter_mut().zip(gradient).zip(positions[i].iter().zip(other));
                    elements.for_each(|((sum, slope), (x, other))| *sum += k * slope + apart * (x - other));
                }
                direction
            },
        )
    }
}

fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The median distance, from squared distances; `None` without any.
fn median(squares: &[f64]) -> Option<f64> {
    let mut sorted = squares.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = |index: usize| sorted[index].sqrt();
    match sorted.len() {
        0 => None,
        len => Some(0.5 * (middle((len - 1) / 2) + middle(len / 2))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions() -> Vec<Vec<f64>> {
        (0..5).map(|i| (0..3).map(|e| ((3 * i + e) as f64 * 1.7).sin()).collect()).collect()
    }

    #[test]
    fn directions_are_those_of_the_definition_with_differences_of_the_kernel() {
        let (positions, h) = (positions(), 0.8);
        let gradients: Vec<Vec<f64>> = positions.iter().map(|x| x.iter().map(|x| 1.0 - 2.0 * x).collect()).collect();
        let kernel = |a: &[f64], b: &[f64]| (-squared_distance(a, b) / h).exp();
        let found = Kernel::of(&positions, Some(h)).directions(&positions, &gradients);
        for (x, found) in positions.iter().zip(found) {
            for (element, found) in found.into_iter().enumerate() {
                let terms = positions.iter().zip(&gradients).map(|(other, gradient)| {
                    let moved = |by: f64| {
                        let mut moved = other.clone();
                        moved[element] += by;
                        kernel(&moved, x)
                    };
                    kernel(other, x) * gradient[element] + (moved(1e-5) - moved(-1e-5)) / 2e-5
                });
                let expected = terms.sum::<f64>() / 5.0;
                assert!((found - expected).abs() < 1e-9, "{found} {expected}");
            }
        }
    }

    #[test]
    fn the_bandwidth_is_the_squared_median_distance_over_the_logarithm_of_the_count() {
        let line: Vec<Vec<f64>> = [0.0, 1.0, 3.0, 7.0].map(|x| vec![x, 2.0]).to_vec();
        // The distances are 1, 2, 3, 4, 6 and 7.
        let kernel = Kernel::of(&line, None);
        assert!((kernel.bandwidth - 3.5 * 3.5 / 4f64.ln()).abs() < 1e-12);
        assert!((kernel.value(1, 3) - (-36.0 / kernel.bandwidth).exp()).abs() < 1e-15);
        assert_eq!((kernel.value(3, 1), kernel.value(2, 2)), (kernel.value(1, 3), 1.0));
        assert_eq!(kernel.first_equal(), None);
        let two = Kernel::of(&[vec![1.0], vec![3.0]], None);
        assert!((two.bandwidth - 4.0 / 2f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn equal_positions_are_found_and_give_no_nan() {
        let mut positions = positions();
        positions[4] = positions[2].clone();
        assert_eq!(Kernel::of(&positions, None).first_equal(), Some([2, 4]));
        positions[1] = positions[0].clone();
        assert_eq!(Kernel::of(&positions, None).first_equal(), Some([0, 1]));
        let equal = vec![vec![0.5; 2]; 3];
        let directions = Kernel::of(&equal, None).directions(&equal, &vec![vec![1.0; 2]; 3]);
        assert!(directions.iter().flatten().all(|&x| (x - 1.0).abs() < 1e-15), "{directions:?}");
    }

    #[test]
    fn the_direction_of_one_particle_is_the_gradient() {
        let one = vec![vec![0.3, -2.0]];
        assert_eq!(Kernel::of(&one, None).directions(&one, &[vec![1.5, 0.25]]), [[1.5, 0.25]]);
    }
}
