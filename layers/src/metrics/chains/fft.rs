//! The discrete Fourier transform of complex numbers, for a power of two.

use std::f64::consts::TAU;

/// A complex number: its real and its imaginary part.
pub(super) type Complex = [f64; 2];

/// The transforms of this many numbers.
pub(super) struct Fft {
    /// e^(−2πi k / n) for k below n/2.
    turns: Vec<Complex>,
    size: usize,
}

impl Fft {
    /// # Panics
    /// If `size` is not a power of two.
    pub(super) fn new(size: usize) -> Fft {
        assert!(size.is_power_of_two(), "the transform of {size} numbers; expected a power of two");
        let turn = |k: usize| {
            let (sin, cos) = (-TAU * k as f64 / size as f64).sin_cos();
            [cos, sin]
        };
        Fft { turns: (0..size / 2).map(turn).collect(), size }
    }

    /// How many numbers it transforms.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Replaces x by X_k = Σ_j x_j e^(−2πi jk / n).
    pub(super) fn forward(&self, x: &mut [Complex]) {
        assert_eq!(x.len(), self.size);
        let unused = usize::BITS - self.size.trailing_zeros();
        for i in 0..x.len() {
            let mirrored = i.reverse_bits().checked_shr(unused).unwrap_or(0);
            if i < mirrored {
                x.swap(i, mirrored);
            }
        }
        // Pairs of transforms of `half` numbers become one of twice as many (Cooley and Tukey 1965).
        let mut half = 1;
        while half < self.size {
            let stride = self.size / (2 * half);
            for both in x.chunks_exact_mut(2 * half) {
                let (even, odd) = both.split_at_mut(half);
                for ((a, b), turn) in even.iter_mut().zip(odd).zip(self.turns.iter().step_by(stride)) {
                    let turned = [b[0] * turn[0] - b[1] * turn[1], b[0] * turn[1] + b[1] * turn[0]];
                    *b = [a[0] - turned[0], a[1] - turned[1]];
                    *a = [a[0] + turned[0], a[1] + turned[1]];
                }
            }
            half *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_sum_over_turned_numbers() {
        for size in [1, 2, 4, 8, 64] {
            let x: Vec<Complex> = (0..size).map(|i| [(i as f64).sin(), (3.0 * i as f64).cos()]).collect();
            let mut transformed = x.clone();
            Fft::new(size).forward(&mut transformed);
            for (k, found) in transformed.iter().enumerate() {
                let term = |(j, x): (usize, &Complex)| {
                    let (sin, cos) = (-TAU * (j * k) as f64 / size as f64).sin_cos();
                    [x[0] * cos - x[1] * sin, x[0] * sin + x[1] * cos]
                };
                let sum = x.iter().enumerate().map(term).fold([0.0; 2], |a, b| [a[0] + b[0], a[1] + b[1]]);
                assert!((found[0] - sum[0]).hypot(found[1] - sum[1]) < 1e-12, "{size}, {k}: {found:?}, {sum:?}");
            }
        }
    }
}
