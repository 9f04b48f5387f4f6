//! The autocovariance of chains, at one lag after the other.

use super::fft::{Complex, Fft};
use super::table::{Table, mean};

/// Lags that are computed one by one. Chains that mix well need only these; for more, the transform of all lags at
/// once takes less time.
const ONE_BY_ONE: usize = 128;

/// Sums that are computed side by side, so that processors can add several numbers at once.
const LANES: usize = 16;

/// The mean over chains of the autocovariance γ(t) = 1/n Σ_i (x_i − x̄) (x_{i+t} − x̄), where x̄ is the chain's mean.
pub(super) struct Autocovariance {
    /// The deviations from each chain's mean.
    centred: Table,
    /// γ at all lags, once they were asked for.
    all: Option<Vec<f64>>,
}

impl Autocovariance {
    pub(super) fn new(chains: &Table) -> Autocovariance {
        let centred = chains.map(|_| {
            let of_chain = |chain: &[f64]| {
                let mean = mean(chain);
                chain.iter().map(|x| x - mean).collect::<Vec<f64>>()
            };
            chains.chains().flat_map(of_chain).collect()
        });
        Autocovariance { centred, all: None }
    }

    /// γ at this lag, less than the number of draws.
    pub(super) fn at(&mut self, lag: usize) -> f64 {
        if lag < ONE_BY_ONE {
            return self.directly(lag);
        }
        if self.all.is_none() {
            self.all = Some(self.transformed());
        }
        self.all.as_ref().map_or(f64::NAN, |all| all[lag])
    }

    fn directly(&self, lag: usize) -> f64 {
        let sums = self.centred.chains().map(|chain| dot(&chain[..chain.len() - lag], &chain[lag..]));
        sums.sum::<f64>() / self.centred.values().len() as f64
    }

    /// γ at all lags: the power spectrum, transformed back.
    fn transformed(&self) -> Vec<f64> {
        let draws = self.centred.draws();
        // So many zeros follow the draws that no draw meets another across the end.
        let fft = Fft::new((2 * draws).next_power_of_two());
        let chains: Vec<&[f64]> = self.centred.chains().collect();
        let mut spectrum = vec![[0.0; 2]; fft.size()];
        // Two chains at once, as real and imaginary part: the real part of the sum over x_i times the conjugate of
        // x_{i+t} is the sum of both chains' products.
        for pair in chains.chunks(2) {
            let mut x: Vec<Complex> = vec![[0.0; 2]; fft.size()];
            for (part, chain) in pair.iter().enumerate() {
                x.iter_mut().zip(*chain).for_each(|(x, value)| x[part] = *value);
            }
            fft.forward(&mut x);
            spectrum.iter_mut().zip(&x).for_each(|(power, x)| power[0] += x[0] * x[0] + x[1] * x[1]);
        }
        // The spectrum is real, so the forward transform is the conjugate of the inverse one.
        fft.forward(&mut spectrum);
        let scale = 1.0 / (fft.size() as f64 * self.centred.values().len() as f64);
        spectrum[..draws].iter().map(|x| x[0] * scale).collect()
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_agree_at_all_lags() {
        for (count, draws) in [(1, 4), (3, 9), (2, 37), (3, 600)] {
            let values: Vec<f64> = (0..count * draws).map(|i| (i as f64).sin() + (0.1 * i as f64).cos()).collect();
            let chains: Vec<&[f64]> = values.chunks_exact(draws).collect();
            let mut both = Autocovariance::new(&Table::halves("test", &chains));
            let transformed = both.transformed();
            for (lag, of_transform) in transformed.into_iter().enumerate() {
                let direct = both.directly(lag);
                assert!((direct - of_transform).abs() < 1e-13, "{count} × {draws}, {lag}: {direct}, {of_transform}");
                assert!((direct - both.at(lag)).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn the_divisor_is_the_number_of_draws() {
        // Halves (0, 2) and (1, 5): variances 1 and 4, products at lag 1 −1 and −4.
        let mut of = Autocovariance::new(&Table::halves("test", &[&[0.0, 2.0, 1.0, 5.0]]));
        assert_eq!((of.at(0), of.at(1)), (2.5, -1.25));
    }
}
