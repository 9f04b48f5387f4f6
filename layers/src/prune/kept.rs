//! `Kept`: which elements of a model's weights are kept, and the pruned models.

use std::ops::Deref;

use super::PruneError;
use crate::engine::{Order, Path, Real, Role};
use crate::model::Bayesian;
use crate::samples::KeptDraws;
use crate::weights::Weights;

/// Which elements of a model's random weights are kept. The others are 0 in the pruned models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    masks: Vec<(String, Vec<bool>)>,
}

/// The number ρ for which softplus(ρ), a standard deviation, is 0 in every scalar type, and ρ finite.
const NO_NOISE: f64 = -2000.0;

impl Kept {
    pub(super) fn new(masks: Vec<(String, Vec<bool>)>) -> Self {
        Kept { masks }
    }

    /// The weights' names, in the model's order, each with whether its elements are kept, row by row.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[bool])> {
        self.masks.iter().map(|(name, mask)| (&name[..], &mask[..]))
    }

    /// Whether the elements of the weight `name` are kept, row by row.
    pub fn get(&self, name: &str) -> Option<&[bool]> {
        self.masks.iter().find(|(known, _)| known == name).map(|(_, mask)| &mask[..])
    }

    /// The number of elements of all weights.
    pub fn elements(&self) -> usize {
        self.masks.iter().map(|(_, mask)| mask.len()).sum()
    }

    /// The number of elements that are removed.
    pub fn removed(&self) -> usize {
        self.masks.iter().flat_map(|(_, mask)| mask).filter(|is_kept| !**is_kept).count()
    }

    /// Sets the removed elements of `weights` to 0.
    ///
    /// # Errors
    /// [`WeightsError::Model`](crate::WeightsError::Model) if they are another model's;
    /// [`WeightsError::Space`](crate::WeightsError::Space) if an element cannot be 0, such as one that is positive: keep it, by
    /// [`SignalToNoise::only`](super::SignalToNoise::only). The weights are then unchanged.
    pub fn zero<T: Real>(&self, weights: &mut Weights<T>) -> Result<(), PruneError> {
        let mut zeroed = weights.constrained();
        zeroed.zero_where(&self.masks)?;
        *weights = if weights.is_unconstrained() { zeroed.unconstrained()? } else { zeroed };
        Ok(())
    }

    /// The pruned draws.
    ///
    /// # Errors
    /// As [`zero`](Self::zero).
    pub fn draws<M>(&self, draws: &KeptDraws<M>) -> Result<KeptDraws<M>, PruneError>
    where
        M: Deref<Target: Bayesian + Sized> + Clone,
    {
        let mut weights = draws.weights().to_vec();
        weights.iter_mut().try_for_each(|weights| self.zero(weights))?;
        Ok(draws.with_weights(weights))
    }

    /// The pruned network of the posterior's means, as a single draw.
    ///
    /// # Errors
    /// As [`zero`](Self::zero).
    pub fn mean_network<'m, M: Bayesian>(&self, model: &'m M) -> Result<KeptDraws<&'m M>, PruneError> {
        let mut weights = model.mean_weights();
        self.zero(&mut weights)?;
        Ok(KeptDraws::of(model, vec![weights])?)
    }

    /// Prunes a model's posterior: the removed elements are 0 with certainty in all of its draws. Their divergence from the prior
    /// becomes very large, so [`kl`](Bayesian::kl) and the bound mean nothing any more.
    ///
    /// # Errors
    /// [`PruneError::Family`] for a weight whose posterior family has no mean and no scale for each element, such as
    /// [`MatrixNormal`](crate::MatrixNormal) or the noise of a [`VariationalDropout`](crate::nn::VariationalDropout); otherwise as [`zero`](Self::zero). The model is then unchanged.
    pub fn prune<M: Bayesian>(&self, model: &mut M) -> Result<(), PruneError> {
        let mut weights = model.mean_weights();
        self.zero(&mut weights)?;
        // The weight that each scale belongs to, and which weights have a mean and a scale, or need neither.
        let (mut owners, mut has) = (Vec::new(), vec![[false; 2]; self.masks.len()]);
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            let name = path.to_string();
            let before = |part: &str| if name == part { Some("") } else { name.strip_suffix(part)?.strip_suffix('.') };
            let (weight, [is_mean, is_scale]) = match role {
                Role::Mean => (before("mean"), [true, false]),
                Role::Scale => (before("rho"), [false, true]),
                Role::Point => (Some(&name[..]), [true, true]),
                Role::Buffer => (None, [false, false]),
            };
            let fits = |(known, mask): &(String, Vec<bool>)| weight == Some(&known[..]) && mask.len() == tensor.len();
            let owner = self.masks.iter().position(fits);
            if let Some(owner) = owner {
                has[owner][0] |= is_mean;
                has[owner][1] |= is_scale;
            }
            owners.push(owner.filter(|_| role == Role::Scale));
        });
        let has_removed = |mask: &[bool]| mask.iter().any(|is_kept| !is_kept);
        let wrong = self.masks.iter().zip(has).find(|((_, mask), has)| has_removed(mask) && *has != [true, true]);
        if let Some(((name, _), _)) = wrong {
            return Err(PruneError::Family { name: name.clone() });
        }
        model.set_means(&weights)?;
        Order::of(model).each_mut(model, |index, _, tensor| {
            if let Some(owner) = owners[index] {
                let elements = tensor.data_mut().iter_mut().zip(&self.masks[owner].1);
                elements.filter(|(_, is_kept)| !**is_kept).for_each(|(rho, _)| *rho = M::Scalar::from_f64(NO_NOISE));
            }
        });
        Ok(())
    }
}
