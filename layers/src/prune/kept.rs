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
    /// [`PruneError::Family`] for a weight whose posterior family has no scale for each element, such as
    /// [`MatrixNormal`](crate::MatrixNormal); otherwise as [`zero`](Self::zero). The model is then unchanged.
    pub fn prune<M: Bayesian>(&self, model: &mut M) -> Result<(), PruneError> {
        let mut weights = model.mean_weights();
        self.zero(&mut weights)?;
        // The scale that belongs to each tensor's weight, and which weights have one, beside a mean, or need none.
        let (mut owners, mut has_scale) = (Vec::new(), vec![false; self.masks.len()]);
        let mut has_mean = has_scale.clone();
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            let name = path.to_string();
            let weight = match role {
                Role::Scale if name == "rho" => Some(""),
                Role::Scale => name.strip_suffix(".rho"),
                Role::Point => Some(&name[..]),
                Role::Mean | Role::Buffer => None,
            };
            let fits = |(known, mask): &(String, Vec<bool>)| weight == Some(&known[..]) && mask.len() == tensor.len();
            let owner = self.masks.iter().position(fits);
            if let Some(owner) = owner {
                has_scale[owner] = true;
                has_mean[owner] |= role == Role::Point;
            }
            let mean = match role {
                Role::Mean if name == "mean" => Some(""),
                Role::Mean => name.strip_suffix(".mean"),
                Role::Scale | Role::Point | Role::Buffer => None,
            };
            if let Some(owner) = self.masks.iter().position(|(known, _)| mean == Some(known)) {
                has_mean[owner] = true;
            }
            owners.push(owner.filter(|_| role == Role::Scale));
        });
        let has_removed = |mask: &[bool]| mask.iter().any(|is_kept| !is_kept);
        let wrong = self.masks.iter().zip(has_scale.iter().zip(&has_mean));
        let mut wrong = wrong.filter(|((_, mask), (scale, mean))| has_removed(mask) && !(**scale && **mean));
        if let Some(((name, _), _)) = wrong.next() {
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
