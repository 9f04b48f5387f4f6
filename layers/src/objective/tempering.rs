//! Bounds with one term tempered.

/// A bound that is no longer the evidence lower bound, on purpose: one of its terms counts more or less than
/// probability says.
///
/// Up to a factor of the whole loss, which Adam does not see and plain gradient descent does, a likelihood's power λ is
/// a divergence's weight 1/λ. They are kept apart because each leaves the other term in nats.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Tempering {
    /// The evidence lower bound.
    #[default]
    None,

    /// λ Σ NLL + KL: the likelihood to the power λ, the generalised or "safe" posterior (Grünwald 2012, "The Safe
    /// Bayesian", where λ is the learning rate η). λ below 1 protects where the model is wrong; λ above 1 counts each
    /// example several times.
    LikelihoodPower(f64),

    /// Σ NLL + β KL: Higgins et al. 2017, "beta-VAE". A β below 1 sharpens the likelihood and leaves the prior as it
    /// is; a cold posterior sharpens both (Wenzel et al. 2020, "How Good is the Bayes Posterior in Deep Neural
    /// Networks Really?").
    KlFactor(f64),
}

impl Tempering {
    /// The factors of the likelihood term and of the divergence.
    pub(super) fn factors(self) -> (f64, f64) {
        match self {
            Tempering::None => (1.0, 1.0),
            Tempering::LikelihoodPower(power) => (power, 1.0),
            Tempering::KlFactor(weight) => (1.0, weight),
        }
    }

    #[track_caller]
    pub(super) fn check(self) {
        let (likelihood, divergence) = self.factors();
        for number in [likelihood, divergence] {
            assert!(number > 0.0 && number.is_finite(), "{self:?}: the factor must be positive and finite");
        }
    }
}
