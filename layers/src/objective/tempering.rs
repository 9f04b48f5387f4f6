//! Bounds with one term tempered, or both.

/// A bound that is no longer the evidence lower bound, on purpose: its terms count more or less than probability says.
///
/// Up to a factor of the whole loss, which Adam does not see and plain gradient descent does, a likelihood's power λ is
/// a divergence's weight 1/λ. They are kept apart because each leaves the other term in nats. A tempered posterior is
/// neither: it tempers the prior too.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::objective::saved::Tempering", into = "crate::objective::saved::Tempering")
)]
#[non_exhaustive]
pub enum Tempering {
    /// The evidence lower bound.
    #[default]
    None,

    /// λ Σ NLL + KL: the likelihood to the power λ, the generalised or "safe" posterior (Grünwald 2012, "The Safe
    /// Bayesian", where λ is the learning rate η). λ below 1 protects where the model is wrong; λ above 1 counts each
    /// example several times. [`SafeBayes`](crate::SafeBayes) chooses it.
    LikelihoodPower(f64),

    /// Σ NLL + β KL: Higgins et al. 2017, "beta-VAE". A β below 1 sharpens the likelihood and leaves the prior as it
    /// is.
    KlFactor(f64),

    /// The whole posterior to the power 1/T, p(w|D)^(1/T): the cold posterior for a temperature T below 1 (Wenzel et al.
    /// 2020, "How Good is the Bayes Posterior in Deep Neural Networks Really?", eq. 1), the warm one above.
    ///
    /// T times the divergence from it is, but for a constant, the expectation over q of T ln q(w) − ln p(D|w) − ln p(w),
    /// and so
    ///
    /// Σ NLL + T KL − (1 − T) ln p(w).
    ///
    /// At T = 1 it is the evidence lower bound; as T falls to 0, q shrinks to the maximum a posteriori. The last term is
    /// taken at the weights drawn ([`Drawn::log_prior`](crate::Drawn::log_prior)): unbiased, and noise that the other
    /// temperings do not have. [`Objective::loss_of`](crate::Objective::loss_of) knows the draw it needs.
    Posterior(f64),
}

/// What the terms of the bound are multiplied with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    pub(super) likelihood: f64,
    pub(super) divergence: f64,
    /// Of −ln p(w).
    pub(super) log_prior: f64,
}

impl Tempering {
    pub(super) fn factors(self) -> Factors {
        let bound = Factors { likelihood: 1.0, divergence: 1.0, log_prior: 0.0 };
        match self {
            Tempering::None => bound,
            Tempering::LikelihoodPower(likelihood) => Factors { likelihood, ..bound },
            Tempering::KlFactor(divergence) => Factors { divergence, ..bound },
            Tempering::Posterior(t) => Factors { divergence: t, log_prior: 1.0 - t, ..bound },
        }
    }

    /// # Errors
    /// If its number is not positive and finite.
    pub(crate) fn check(self) -> Result<Self, String> {
        let Factors { likelihood, divergence, .. } = self.factors();
        let fits = [likelihood, divergence].iter().all(|&number| number > 0.0 && number.is_finite());
        if fits { Ok(self) } else { Err(format!("{self:?}: the factor must be positive and finite")) }
    }
}
