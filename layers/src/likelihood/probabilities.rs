//! Class probabilities from logits: the softmax averaged over draws, with logarithms of probabilities that underflow.

use crate::engine::Real;
use crate::engine::threads::map_tasks;
use crate::metrics::Probabilities;
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::predictive::Outputs;

/// Distributions in a task, whatever the number of threads.
const TOGETHER: usize = 64;

/// Below this, a mean of probabilities loses precision, and its logarithm is computed from the log-probabilities
/// instead.
const TINY: f64 = 1e-280;

/// The softmax of the last axis, averaged over draws.
///
/// # Panics
/// If all classes are excluded by logits of −∞, or a logit is NaN.
#[track_caller]
pub(crate) fn probabilities<T: Real>(outputs: &Outputs<T>) -> Probabilities {
    let (axes, classes) = outputs.axes().split_last().map_or((&[][..], 1), |(&classes, axes)| (axes, classes));
    let count = outputs.tensor().len() / outputs.draws() / classes;
    let parts = map_tasks(
        count.div_ceil(TOGETHER),
        || Sum::new(classes),
        |sum, task| {
            let mut part = Part::default();
            for at in task * TOGETHER..count.min((task + 1) * TOGETHER) {
                sum.average(outputs, at, count, &mut part);
            }
            part
        },
    );
    let mut whole = Part::default();
    for part in parts {
        whole.mean.extend(part.mean);
        whole.entropy.extend(part.entropy);
        whole.tiny.extend(part.tiny);
    }
    if let Some(at) = whole.entropy.iter().position(|entropy| entropy.is_nan()) {
        panic!("predict: every logit is −∞, or a logit is NaN, in distribution {at} (from 0) of some draw");
    }
    Probabilities::new(whole.mean, whole.entropy, classes, outputs.draws()).with_axes(axes).with_logarithms(whole.tiny)
}

/// The results for consecutive distributions.
#[derive(Default)]
struct Part {
    mean: Vec<f64>,
    entropy: Vec<f64>,
    /// Logarithms of means below [`TINY`], by their index among all means.
    tiny: Vec<(usize, f64)>,
}

/// The sums over draws for one distribution.
struct Sum {
    probabilities: Vec<f64>,
    exponentials: Vec<f64>,
}

impl Sum {
    fn new(classes: usize) -> Self {
        Sum { probabilities: vec![0.0; classes], exponentials: vec![0.0; classes] }
    }

    /// Averages distribution `at` of `count` over all draws, and appends it to `part`.
    fn average<T: Real>(&mut self, outputs: &Outputs<T>, at: usize, count: usize, part: &mut Part) {
        let (classes, draws) = (self.probabilities.len(), outputs.draws());
        let logits = |draw: usize| &outputs.tensor().data()[(draw * count + at) * classes..][..classes];
        self.probabilities.fill(0.0);
        let mut entropy = 0.0;
        for draw in 0..draws {
            entropy += self.add(logits(draw));
        }
        if self.probabilities.iter().any(|&sum| sum < TINY) {
            let totals: Vec<f64> = (0..draws).map(|draw| log_sum_exp(logits(draw))).collect();
            for (class, _) in self.probabilities.iter().enumerate().filter(|(_, sum)| **sum < TINY) {
                let of_draws = totals.iter().enumerate().map(|(draw, total)| logits(draw)[class].to_f64() - total);
                part.tiny.push((at * classes + class, log_mean_exp(of_draws)));
            }
        }
        part.mean.extend(self.probabilities.iter().map(|sum| sum / draws as f64));
        part.entropy.push(entropy / draws as f64);
    }

    /// Adds the probabilities of a draw, and returns their entropy.
    fn add<T: Real>(&mut self, logits: &[T]) -> f64 {
        let max = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        self.exponentials.iter_mut().zip(logits).for_each(|(e, x)| *e = (x.to_f64() - max).exp());
        let total: f64 = self.exponentials.iter().sum();
        let mut of_logits = 0.0;
        for ((sum, x), e) in self.probabilities.iter_mut().zip(logits).zip(&self.exponentials) {
            let p = e / total;
            *sum += p;
            // 0 ln 0 = 0, also for a logit of −∞.
            of_logits += if p > 0.0 { p * (x.to_f64() - max) } else { 0.0 };
        }
        total.ln() - of_logits
    }
}

fn log_sum_exp<T: Real>(logits: &[T]) -> f64 {
    let max = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
    max + logits.iter().map(|x| (x.to_f64() - max).exp()).sum::<f64>().ln()
}
