//! `Tempering`: likelihood power, KL factor (β-VAE) and cold posterior.

/// Deliberate changes of the evidence lower bound's terms: generalised posteriors, the β-VAE's factor and cold
/// posteriors.
///
/// A likelihood power λ equals a KL factor 1/λ up to a factor of the whole loss, to which Adam is invariant and plain
/// gradient descent is not. Both exist because each leaves the other term in nats. A tempered posterior differs from
/// both: it tempers the prior too.
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
    /// Bayesian", where λ is the learning rate η). λ below 1 is robust to a misspecified model; λ above 1 counts each
    /// example more than once. [`SafeBayes`](crate::SafeBayes) chooses it.
    LikelihoodPower(f64),

    /// Σ NLL + β KL: Higgins et al. 2017, "beta-VAE". A β below 1 weights the likelihood more and leaves the prior
    /// unchanged.
    KlFactor(f64),

    /// The whole posterior to the power 1/T, p(w|D)^(1/T): the cold posterior for a temperature T below 1 (Wenzel et
    /// al. 2020, "How Good is the Bayes Posterior in Deep Neural Networks Really?", eq. 1), the warm posterior above 1.
    ///
    /// T times the divergence from it is, up to a constant, the expectation over q of T ln q(w) − ln p(D|w) − ln p(w),
    /// and so
    ///
    /// Σ NLL + T KL − (1 − T) ln p(w).
    ///
    /// At T = 1 it is the evidence lower bound; as T falls to 0, q shrinks to the maximum a posteriori. The last term
    /// is evaluated at the weights drawn ([`Drawn::log_prior`](crate::Drawn::log_prior)): unbiased, with noise that the
    /// other temperings do not have. It needs [`Objective::loss_of`](crate::Objective::loss_of), which takes the draw.
    Posterior(f64),
}

/// The factors of the bound's terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Factors {
    pub(super) likelihood: f64,
    pub(super) divergence: f64,
    /// The factor of −ln p(w).
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
