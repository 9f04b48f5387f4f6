//! How random weights enter linear maps.

use crate::engine::{Key, Parameters, Path, Role};

/// How a random weight enters a linear map. Every estimator has the same expectation, of the loss and of its gradient,
/// where a weight has one linear use per example; they differ in variance and cost.
///
/// Anything but a linear map (`affine`, `linear`, `matmul`, a convolution) samples the weight, once per draw, whatever
/// the estimator; so does a bias, unless it belongs to a linear map whose outputs are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Estimator {
    /// The weight is sampled once per draw, by reparameterisation (Kingma and Welling 2014; Blundell et al. 2015), and
    /// shared by all examples.
    #[default]
    Sample,
    /// The outputs are sampled instead of the weight, from their normal distribution given the inputs (local
    /// reparameterisation: Kingma, Salimans and Welling 2015, eq. 6). Exact for one use per example; over positions (a
    /// convolution, a dense layer over time) it is the published approximation, which treats positions as independent.
    ///
    /// It needs a posterior with independent elements, and a weight that is used once in a draw. Where the elements are
    /// not normal, mean and variance of the outputs are exact, and that they are normal is an approximation: good for
    /// sums of many.
    Local,
    /// Every example has a perturbation of its own: the shared one with random signs by example, input and output (Wen
    /// et al. 2018, eq. 4). The signs belong to the example, so a weight that is used again is the same weight.
    ///
    /// A bias is drawn once for all examples. It needs a posterior that is symmetric about its mean in every element.
    Flipout,
}

/// Estimators by name: for weights that are to be estimated otherwise than the rest of their model.
///
/// ```
/// # use elbo::{Estimator, Estimators};
/// let estimators = Estimators::all(Estimator::Flipout).set("head", Estimator::Sample);
/// ```
#[derive(Clone, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(from = "crate::sampling::saved::Estimators", into = "crate::sampling::saved::Estimators")
)]
#[must_use]
pub struct Estimators {
    pub(crate) others: Estimator,
    pub(crate) named: Vec<Named>,
}

/// The estimator of a place.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    key: Key,
    pub(crate) estimator: Estimator,
}

impl Estimators {
    /// The same for every weight.
    pub fn all(estimator: Estimator) -> Self {
        Estimators { others: estimator, named: Vec::new() }
    }

    /// Another for the weight `name` (`hidden.0.weight`), or for all weights of the part `name` (`hidden`). The
    /// innermost name counts; of the same name said twice, the second. A draw of a model that has nothing of a name
    /// panics, and a fit is an error.
    pub fn set(mut self, name: &str, estimator: Estimator) -> Self {
        self.named.push(Named { name: name.to_owned(), key: key_of(name), estimator });
        self
    }

    pub(crate) fn has_names(&self) -> bool {
        !self.named.is_empty()
    }

    pub(crate) fn others(&self) -> Estimator {
        self.others
    }

    /// What was said of exactly this place.
    pub(super) fn at(&self, place: &Path<'_>) -> Option<Estimator> {
        let place = key_at(Key::new(0), place);
        self.named.iter().rev().find(|named| named.key == place).map(|named| named.estimator)
    }

    /// Whether every name is a place of `model`.
    ///
    /// # Errors
    /// The first that is not, and what there is.
    pub(crate) fn check_names<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        let is_met = |named: &&Named| {
            let mut met = false;
            model.visit(&Path::ROOT, &mut |path, role, _| {
                // A weight is where its mean is, and its parts are no weights.
                let mut place = path.parent().filter(|_| role == Role::Mean);
                while let (false, Some(path)) = (met, place) {
                    met = key_at(Key::new(0), path) == named.key;
                    place = path.parent();
                }
            });
            met
        };
        let Some(named) = self.named.iter().find(|named| !is_met(named)) else { return Ok(()) };
        let mut names = Vec::new();
        model.visit(&Path::ROOT, &mut |path, role, _| {
            if role == Role::Mean {
                names.extend(path.parent().map(|weight| format!("`{weight}`")));
            }
        });
        Err(format!(
            "an estimator is set for `{}`, but the model has neither a random weight nor a part of that name; its weights are {}",
            named.name,
            names.join(", ")
        ))
    }
}

/// The key of the place `name` in a model, of which only the path counts.
pub(super) fn key_of(name: &str) -> Key {
    name.split('.').fold(Key::new(0), |key, segment| match segment.parse::<usize>() {
        Ok(index) => key.index(index),
        Err(_) => key.at(segment),
    })
}

/// The key of the parameter at `path`: what [`Cx`](crate::Cx) gives the field there.
pub(crate) fn key_at(key: Key, path: &Path<'_>) -> Key {
    path.fold(key, Key::at, Key::index)
}
