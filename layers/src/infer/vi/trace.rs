//! The bound over the steps of a training, and its slope.

use std::ops::Range;

use crate::infer::vi::Rise;

/// Blocks of steps that are kept at most; then each two become one.
const BLOCKS: usize = 512;

/// The number of means that a slope is fitted to. Each covers many steps, so that they are almost independent of each
/// other, as the standard error assumes.
const MEANS: usize = 16;

/// The means of the bound's estimates over blocks of steps of equal length.
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "files", derive(serde::Serialize, serde::Deserialize))]
pub(in crate::infer) struct Trace {
    /// They are a tensor of a checkpoint.
    #[cfg_attr(feature = "files", serde(skip))]
    means: Vec<f64>,
    /// Steps of a block.
    length: usize,
    /// The sum and the number of the estimates since the last block.
    #[cfg_attr(feature = "files", serde(with = "crate::checkpoint::exact"))]
    sum: f64,
    count: usize,
}

/// The slope of the bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slope {
    /// Nats per step.
    pub(super) per_step: f64,
    /// Its standard error.
    pub(super) standard_error: f64,
    /// The mean of the bound in nats.
    pub(super) mean: f64,
}

impl Trace {
    /// Adds the estimate of a step.
    pub(in crate::infer) fn push(&mut self, elbo: f64) {
        self.length = self.length.max(1);
        self.sum += elbo;
        self.count += 1;
        if self.count < self.length {
            return;
        }
        self.means.push(self.sum / self.count as f64);
        (self.sum, self.count) = (0.0, 0);
        if self.means.len() == BLOCKS {
            self.means = self.means.chunks(2).map(|pair| (pair[0] + pair[1]) / 2.0).collect();
            self.length *= 2;
        }
    }

    #[cfg(feature = "files")]
    pub(super) fn means(&self) -> &[f64] {
        &self.means
    }

    /// With these means.
    ///
    /// # Errors
    /// If they cannot be those of a training of `steps` steps.
    #[cfg(feature = "files")]
    pub(super) fn with_means(self, means: Vec<f64>, steps: usize) -> Result<Self, String> {
        let all = means.len().checked_mul(self.length).and_then(|whole| whole.checked_add(self.count));
        if means.len() >= BLOCKS || all != Some(steps) || self.count > self.length {
            return Err(format!("the trace of the bound is not one of {steps} steps"));
        }
        Ok(Trace { means, ..self })
    }

    /// The rise over the last tenth of the steps.
    pub(in crate::infer) fn rise(&self) -> Option<Rise> {
        let steps = self.means.len() * self.length + self.count;
        let slope = self.slope(steps - steps / 10..steps)?;
        let [per_thousand, standard_error] = [slope.per_step, slope.standard_error].map(|slope| 1000.0 * slope);
        Some(Rise { per_thousand, standard_error, steps })
    }

    /// The slope over these steps, counted from the first one; `None` if they are fewer than eight blocks.
    pub(super) fn slope(&self, steps: Range<usize>) -> Option<Slope> {
        let length = self.length.max(1);
        let blocks = self.means.get(steps.start.div_ceil(length)..(steps.end / length).min(self.means.len()))?;
        let each = blocks.len().div_ceil(MEANS).max(1);
        let means: Vec<f64> = blocks.rchunks_exact(each).map(|of| of.iter().sum::<f64>() / each as f64).collect();
        if means.len() < MEANS / 2 {
            return None;
        }
        // From the last mean to the first.
        let count = means.len() as f64;
        let mean = means.iter().sum::<f64>() / count;
        let place = |i: usize| ((count - 1.0) / 2.0 - i as f64) * (each * length) as f64;
        let squares: f64 = (0..means.len()).map(|i| place(i).powi(2)).sum();
        let per_step = means.iter().enumerate().map(|(i, of)| place(i) * (of - mean)).sum::<f64>() / squares;
        let rest: f64 = means.iter().enumerate().map(|(i, of)| (of - mean - per_step * place(i)).powi(2)).sum();
        Some(Slope { per_step, standard_error: (rest / (count - 2.0) / squares).sqrt(), mean })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Key;
    use crate::engine::random::normals;

    #[test]
    fn a_line_has_its_slope_and_noise_has_its_standard_error() {
        let mut line = Trace::default();
        (0..5000).for_each(|step| line.push(0.25 * step as f64 - 7.0));
        let slope = line.slope(1000..5000).unwrap();
        assert!((slope.per_step - 0.25).abs() < 1e-12 && slope.standard_error < 1e-12, "{slope:?}");
        assert_eq!(line.slope(4990..5000), None);
        assert_eq!(Trace::default().slope(0..10), None);

        // The standard error of a line through n values with noise of sd 1 is √(12/n³).
        let (mut within, expected) = (0, (12.0 / 3000f64.powi(3)).sqrt());
        for seed in 0..200 {
            let (mut noise, mut noise_trace) = (vec![0.0; 3000], Trace::default());
            normals(Key::new(seed), 0, &mut noise);
            noise.iter().for_each(|&e: &f64| noise_trace.push(e));
            let slope = noise_trace.slope(0..3000).unwrap();
            within += usize::from(slope.per_step.abs() < 2.0 * slope.standard_error);
            assert!(slope.per_step.abs() < 5.0 * expected, "{slope:?} {expected}");
        }
        // 2 standard errors of Student's t with 14 degrees of freedom cover 93.5 %.
        assert!((174..=198).contains(&within), "{within} of 200");
    }
}
