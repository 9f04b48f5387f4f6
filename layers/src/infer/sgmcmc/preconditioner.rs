//! The diagonal preconditioner of RMSprop, adapted in the warm-up and then held.

/// The weight of the newest squared gradient in their running mean.
const RATE: f64 = 0.01;

/// What is added to the root of the mean square, relative to its largest element, so that a weight with no gradient does not
/// take all of the steps.
const FLOOR: f64 = 1e-3;

/// The running mean of the squared gradients of ln p by element, as in RMSprop and Adam.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct MeanSquares {
    pub(super) sums: Vec<f64>,
    /// The sum of the weights of all squares so far, as Adam's bias correction.
    pub(super) weight: f64,
}

impl MeanSquares {
    pub(super) fn new(count: usize) -> Self {
        MeanSquares { sums: vec![0.0; count], weight: 0.0 }
    }

    pub(super) fn add(&mut self, gradient: &[f64]) {
        self.weight += RATE * (1.0 - self.weight);
        self.sums.iter_mut().zip(gradient).for_each(|(sum, slope)| *sum += RATE * (slope * slope - *sum));
    }

    /// The factor s of each element, so that s² is proportional to 1/(λ + √V) (Li, Chen, Carlson and Carin 2016, eq. 7) with
    /// mean 1; `None` before the first gradient that is not 0.
    pub(super) fn scales(&self) -> Option<Vec<f64>> {
        let roots: Vec<f64> = self.sums.iter().map(|sum| (sum / self.weight).sqrt()).collect();
        let largest = roots.iter().copied().fold(0.0, f64::max);
        if !(largest > 0.0 && largest.is_finite()) {
            return None;
        }
        let squares: Vec<f64> = roots.iter().map(|root| 1.0 / (FLOOR * largest + root)).collect();
        let mean = squares.iter().sum::<f64>() / squares.len() as f64;
        Some(squares.iter().map(|square| (square / mean).sqrt()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_follow_the_root_of_the_mean_square_and_have_mean_square_one() {
        let mut squares = MeanSquares::new(3);
        assert_eq!(squares.scales(), None);
        for step in 0..2000 {
            let sign = if step % 2 == 0 { 1.0 } else { -1.0 };
            squares.add(&[sign * 4.0, sign, 0.0]);
        }
        let scales = squares.scales().unwrap();
        assert!((scales.iter().map(|s| s * s).sum::<f64>() / 3.0 - 1.0).abs() < 1e-12);
        let ratio = (scales[1] / scales[0]).powi(2);
        assert!((ratio - 4.004 / 1.004).abs() < 1e-9, "{ratio}");
        // The bias of the first steps is corrected.
        let mut first = MeanSquares::new(1);
        first.add(&[3.0]);
        assert!((first.sums[0] / first.weight - 9.0).abs() < 1e-12);
    }
}
