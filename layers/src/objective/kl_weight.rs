//! How the divergence is shared out among the steps of an epoch.

use std::fmt;
use std::sync::Arc;

/// The share wᵢ of the divergence that a step's loss carries, with Σ wᵢ = 1 over an epoch.
///
/// The named ones all have the same mean over an epoch, the evidence lower bound. They differ in how the divergence's
/// force is spread over its steps. Where M is not known, [`PerExample`](Self::PerExample) and
/// [`PerBatch`](Self::PerBatch) are mean NLL + KL/N, and the others are refused.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum KlWeight {
    /// wᵢ = m/N for a batch of m examples, so that each example carries 1/N of the divergence. A batch's loss is then
    /// mean NLL + KL/N, times its size over that of the average batch.
    PerExample,

    /// wᵢ = 1/M, the same at each step: Graves 2011, "Practical Variational Inference for Neural Networks"; Blundell et
    /// al. 2015, "Weight Uncertainty in Neural Networks", eq. 8. With batches of one size it is
    /// [`PerExample`](Self::PerExample).
    #[default]
    PerBatch,

    /// wᵢ = 2^(M−i)/(2^M−1) for i = 1 to M, again in each epoch: Blundell et al. 2015, eq. 9. An epoch's first
    /// step carries half of the divergence, and from about the twentieth on it is all but absent: the prior leads before
    /// the data are seen, and where M is large it acts in short blows.
    Halving,

    /// Your own function of the step in its epoch, from 0, and of M. See [`from_fn`](Self::from_fn).
    Custom(Arc<dyn Fn(usize, usize) -> f64 + Send + Sync>),
}

impl KlWeight {
    /// Your own share for a step of an epoch, counted from 0, of so many steps. The loss is an estimate of the bound
    /// if the shares of an epoch add up to 1. One that is negative or not finite is an error of
    /// [`Elbo::fit`](crate::Elbo::fit), which asks for all of an epoch's before its first step, and makes
    /// [`Objective::loss`](crate::Objective::loss) panic.
    ///
    /// ```
    /// use elbo::{KlWeight, Objective};
    /// // The whole divergence at each tenth step.
    /// let weight = KlWeight::from_fn(|step, steps| if step % 10 == 0 { 1.0 / steps.div_ceil(10) as f64 } else { 0.0 });
    /// let objective = Objective::new(1000).num_batches(50).kl_weight(weight);
    /// ```
    pub fn from_fn(share: impl Fn(usize, usize) -> f64 + Send + Sync + 'static) -> Self {
        KlWeight::Custom(Arc::new(share))
    }

    /// wᵢ for step `i` of `steps`, from 0, with `batch` of N examples.
    #[track_caller]
    pub(super) fn share(&self, i: usize, steps: usize, batch: usize, n: f64) -> f64 {
        match self {
            KlWeight::PerExample => batch as f64 / n,
            KlWeight::PerBatch => 1.0 / steps as f64,
            // 2^(M−i)/(2^M−1), without a power that overflows.
            KlWeight::Halving => power_of_half(i + 1) / (1.0 - power_of_half(steps)),
            KlWeight::Custom(share) => {
                let share = share(i, steps);
                if let Err(mistake) = check_share(share, i, steps) {
                    panic!("Objective::loss: {mistake}");
                }
                share
            }
        }
    }

    /// Whether the shares of an epoch of `steps` steps are numbers, and none is negative.
    ///
    /// # Errors
    /// The first that is not: only a function of one's own has such.
    pub(super) fn check(&self, steps: usize) -> Result<(), String> {
        match self {
            KlWeight::Custom(share) => (0..steps).try_for_each(|i| check_share(share(i, steps), i, steps)),
            _ => Ok(()),
        }
    }

    /// Refuses what has no meaning without M.
    #[track_caller]
    pub(super) fn check_stream(&self) {
        let needs_m = matches!(self, KlWeight::Halving | KlWeight::Custom(_));
        assert!(!needs_m, "Objective::loss: {self:?} needs M; say it by `Objective::num_batches`");
    }
}

fn check_share(share: f64, i: usize, steps: usize) -> Result<(), String> {
    if share >= 0.0 && share.is_finite() {
        return Ok(());
    }
    Err(format!(
        "your weight of the divergence must not be negative and must be finite, got {share} for step {i} of an epoch of \
         {steps}"
    ))
}

fn power_of_half(exponent: usize) -> f64 {
    (-(exponent as f64)).exp2()
}

impl fmt::Debug for KlWeight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KlWeight::PerExample => "KlWeight::PerExample",
            KlWeight::PerBatch => "KlWeight::PerBatch",
            KlWeight::Halving => "KlWeight::Halving",
            KlWeight::Custom(_) => "KlWeight::from_fn",
        })
    }
}
