//! `KlWeight`: the divergence's weight at each step of an epoch (1/M, 1/N, Blundell's halving, custom).

use std::fmt;
use std::sync::Arc;

/// The share wᵢ of the divergence that a step's loss carries, with Σ wᵢ = 1 over an epoch.
///
/// With each named variant, the mean loss over an epoch is the negative evidence lower bound; they differ in how they
/// distribute the divergence over the steps. If M is unknown, [`PerExample`](Self::PerExample) and
/// [`PerBatch`](Self::PerBatch) give mean NLL + KL/N, and the others are refused.
#[derive(Clone, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum KlWeight {
    /// wᵢ = m/N for a batch of m examples, so that each example carries 1/N of the divergence. A batch's loss is then
    /// mean NLL + KL/N, scaled by its size relative to the mean batch size.
    PerExample,

    /// wᵢ = 1/M, the same for each step: Graves 2011, "Practical Variational Inference for Neural Networks"; Blundell
    /// et al. 2015, "Weight Uncertainty in Neural Networks", eq. 8. With equal batches it equals
    /// [`PerExample`](Self::PerExample).
    #[default]
    PerBatch,

    /// wᵢ = 2^(M−i)/(2^M−1) for i = 1 to M, in each epoch: Blundell et al. 2015, eq. 9. An epoch's first step carries
    /// half of the divergence, and from about the twentieth step on almost nothing is left, so with large M the prior
    /// acts only in the first few steps of each epoch.
    Halving,

    /// A custom function of the step in its epoch, from 0, and of M: [`from_fn`](Self::from_fn). It cannot be serialised.
    #[cfg_attr(feature = "serde", serde(skip))]
    Custom(Arc<dyn Fn(usize, usize) -> f64 + Send + Sync>),
}

impl KlWeight {
    /// A custom weight: `share(step, steps)` for step `step` (from 0) of an epoch of `steps` steps. The loss estimates
    /// the bound if the weights of an epoch sum to 1. A weight that is negative or not finite is an error in
    /// [`Elbo::fit`](crate::Elbo::fit), which checks all weights of an epoch before the first step, and a panic in
    /// [`Objective::loss`](crate::Objective::loss).
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

    /// wᵢ for step `i` (from 0) of `steps`, with a batch of `batch` of the N examples.
    #[track_caller]
    pub(super) fn share(&self, i: usize, steps: usize, batch: usize, n: f64) -> f64 {
        match self {
            KlWeight::PerExample => batch as f64 / n,
            KlWeight::PerBatch => 1.0 / steps as f64,
            // 2^(M−i)/(2^M−1), written so that no power overflows.
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

    /// Checks that all weights of an epoch of `steps` steps are finite and at least 0.
    ///
    /// # Errors
    /// The first that is not, which only a custom function can return.
    pub(super) fn check(&self, steps: usize) -> Result<(), String> {
        match self {
            KlWeight::Custom(share) => (0..steps).try_for_each(|i| check_share(share(i, steps), i, steps)),
            _ => Ok(()),
        }
    }

    /// Panics for a weight that needs M.
    #[track_caller]
    pub(super) fn check_stream(&self) {
        let needs_m = matches!(self, KlWeight::Halving | KlWeight::Custom(_));
        assert!(
            !needs_m,
            "Objective::loss: {self:?} needs M, the number of batches per epoch; set it with `Objective::num_batches`"
        );
    }
}

fn check_share(share: f64, i: usize, steps: usize) -> Result<(), String> {
    if share >= 0.0 && share.is_finite() {
        return Ok(());
    }
    Err(format!(
        "your function's weight of the divergence must be finite and at least 0, got {share} for step {i} of an epoch \
         of {steps}"
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
