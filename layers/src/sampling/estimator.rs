//! `Estimator`: reparameterisation, local reparameterisation or Flipout; `Estimators` by weight name.

use crate::engine::{Key, Parameters, Path, Role};

/// How a linear map uses a random weight. If a weight is used linearly and once per example, all estimators have the
/// same expected loss and gradient; they differ in variance and cost.
///
/// Operations other than linear maps (`affine`, `linear`, `matmul`, convolutions) sample the weight once per draw,
/// whatever the estimator. So does a bias, unless the outputs of its linear map are sampled.
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
    /// It needs a posterior with independent elements, and a weight that is used once in a draw. If the elements are
    /// not normal, the outputs' mean and variance are exact, and their normality is an approximation that is good for
    /// sums of many terms.
    Local,
    /// Each example has its own perturbation: the shared one, multiplied by random signs per example, input and output
    /// (Wen et al. 2018, eq. 4). The signs depend only on the example, so a weight that is used again has the same
    /// value.
    ///
    /// A bias is drawn once for all examples. It needs a posterior that is symmetric about its mean in each element.
    Flipout,
}

/// Estimators by weight name, for weights that should use another estimator than the rest of their model.
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

/// The estimator of a named weight or part of a model.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: String,
    key: Key,
    pub(crate) estimator: Estimator,
}

/// Calls a visitor with the path of each weight of a model.
type EachWeight<'a> = dyn Fn(&mut dyn FnMut(&Path<'_>)) + 'a;

impl Estimators {
    /// One estimator for all weights.
    pub fn all(estimator: Estimator) -> Self {
        Estimators { others: estimator, named: Vec::new() }
    }

    /// Sets the estimator of the weight `name` (`hidden.0.weight`), or of all weights of the part `name` (`hidden`).
    /// The innermost name applies, and the last setting of a name. If the model has no weight or part of this name, a
    /// draw panics and a fit returns an error.
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

    /// The estimator set for exactly this path.
    pub(super) fn at(&self, place: &Path<'_>) -> Option<Estimator> {
        let place = key_at(Key::new(0), place);
        self.named.iter().rev().find(|named| named.key == place).map(|named| named.estimator)
    }

    /// Checks that `model` has a weight or part of each name.
    ///
    /// # Errors
    /// The first unknown name, and the names of the model's weights.
    pub(crate) fn check_names<M: Parameters + ?Sized>(&self, model: &M) -> Result<(), String> {
        self.check_names_of(&|visit| {
            let mut last: Option<String> = None;
            model.visit(&Path::ROOT, &mut |path, role, _| {
                let Some(weight) = path.parent().filter(|_| matches!(role, Role::Mean | Role::Scale)) else { return };
                // A weight's path is the parent of its mean's, which is its first parameter, or, without a learned mean, of its
                // scale's; its other parameters do not count.
                let name = weight.to_string();
                let is_of_last = last.as_ref().is_some_and(|last| {
                    name.strip_prefix(last)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || last.is_empty())
                });
                if role == Role::Mean || !is_of_last {
                    visit(weight);
                    last = Some(name);
                }
            });
        })
    }

    /// Not generic over the model, so that it is compiled once for all models.
    fn check_names_of(&self, each_weight: &EachWeight<'_>) -> Result<(), String> {
        let is_met = |named: &&Named| {
            let mut met = false;
            each_weight(&mut |weight| {
                let mut place = Some(weight);
                while let (false, Some(path)) = (met, place) {
                    met = key_at(Key::new(0), path) == named.key;
                    place = path.parent();
                }
            });
            met
        };
        let Some(named) = self.named.iter().find(|named| !is_met(named)) else { return Ok(()) };
        let mut names = Vec::new();
        each_weight(&mut |weight| names.push(format!("`{weight}`")));
        Err(format!(
            "an estimator is set for `{}`, but the model has no random weight or part of that name; its weights are {}",
            named.name,
            names.join(", ")
        ))
    }
}

/// The key of the path `name`, which depends only on the path.
pub(super) fn key_of(name: &str) -> Key {
    name.split('.').fold(Key::new(0), |key, segment| match segment.parse::<usize>() {
        Ok(index) => key.index(index),
        Err(_) => key.at(segment),
    })
}

/// The noise key of the field at `path`, as in [`Cx`](crate::Cx).
pub(crate) fn key_at(key: Key, path: &Path<'_>) -> Key {
    path.fold(key, Key::at, Key::index)
}
