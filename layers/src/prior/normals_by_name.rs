//! The normal prior with a mean and a standard deviation for every element of every weight of a model, by name.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::sync::Arc;

use crate::distribution::elementwise::WithDensity;
use crate::engine::{Key, Path, Real, Var};
use crate::prior::{DrawnPrior, FixedPrior, Normal, Normals, Prior, PriorFor};
use crate::sampling::Cx;

/// A [`Normals`](struct@Normals) for each weight of a model, by the weight's name in the model (`hidden.0.weight`): one value
/// that serves as the prior of all layers, such as the posterior of an earlier model. Clones share their memory.
///
/// Yesterday's posterior as today's prior (variational continual learning: Nguyen et al. 2018, eq. 3):
///
/// ```
/// use elbo::prelude::*;
/// use elbo::NormalsByName;
///
/// #[bayesian]
/// struct Net {
///     body: Dense<MeanField, NormalsByName>,
///     head: Dense<MeanField, NormalsByName>,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> Var {
///         self.head.forward(self.body.forward(x).relu())
///     }
/// }
///
/// fn net(prior: &NormalsByName) -> Net {
///     let dense = |inputs, outputs| Dense::of(inputs, outputs, MeanField::new, prior.clone());
///     Net { body: dense(2, 8), head: dense(8, 2) }
/// }
///
/// let yesterday = net(&Normal(0.0, 1.0).into());
/// // .. trained on yesterday's data ..
/// let mut today = net(&NormalsByName::of_posterior(&yesterday));
/// today.copy_from(&yesterday);
/// assert!(today.kl() < 1e-9);
/// ```
///
/// Weights learned without a distribution, as means of the prior and of the posterior (MOPED: Krishnan, Subedar and Tickoo
/// 2020): [`NormalsByName::around`] and [`Bayesian::set_means`](crate::Bayesian::set_means).
///
/// The prior is not saved with the model: make it again from the earlier model, which is.
#[derive(Clone, Debug)]
pub struct NormalsByName {
    /// By name, in alphabetical order.
    weights: Arc<[(String, Normals)]>,
    /// The prior of all other weights.
    others: Option<Arc<Normals>>,
}

impl NormalsByName {
    /// The priors of the weights with these names. A weight of another name is an error.
    ///
    /// # Panics
    /// If a name occurs twice.
    #[track_caller]
    pub fn new(weights: impl IntoIterator<Item = (String, Normals)>) -> Self {
        let mut weights: Vec<_> = weights.into_iter().collect();
        weights.sort_by(|(a, _), (b, _)| a.cmp(b));
        if let Some(pair) = weights.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            panic!("NormalsByName: there are two priors for the weight `{}`", pair[0].0);
        }
        NormalsByName { weights: weights.into(), others: None }
    }

    /// Sets the prior of all weights that are not named.
    #[must_use]
    pub fn others(self, prior: Normal) -> Self {
        NormalsByName { others: Some(Arc::new(Normals::new(prior.mean(), prior.sd()))), ..self }
    }

    /// The names, in alphabetical order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.weights.iter().map(|(name, _)| &name[..])
    }

    /// The prior of the weight `name`.
    pub fn get(&self, name: &str) -> Option<&Normals> {
        self.find(|own| own.cmp(name))
    }

    /// The prior of the weight whose name `compare` finds equal.
    fn find(&self, compare: impl Fn(&str) -> Ordering) -> Option<&Normals> {
        let place = self.weights.binary_search_by(|(name, _)| compare(name)).ok();
        place.map(|place| &self.weights[place].1).or(self.others.as_deref())
    }

    /// The prior of the weight at `path`, of this shape.
    ///
    /// # Panics
    /// If there is none, or it has another shape.
    pub(crate) fn at(&self, path: &Path<'_>, shape: &[usize]) -> &Normals {
        let Some(normals) = self.find(|own| compare(own, path)) else {
            let known: Vec<String> = self.names().map(|name| format!("`{name}`")).collect();
            panic!(
                "NormalsByName: there is no prior for the weight `{path}`; the prior has {}. Make it from a model of the same \
                 structure, or set `others(..)`",
                known.join(", ")
            );
        };
        if let Some(own) = normals.shape().filter(|&own| own != shape) {
            panic!("NormalsByName: the prior of `{path}` has the shape {own:?}, but the weight has {shape:?}");
        }
        normals
    }
}

/// Compares a name with the text of a path, without an allocation.
fn compare(name: &str, path: &Path<'_>) -> Ordering {
    let mut rest = Rest { name: name.as_bytes(), order: Ordering::Equal };
    let _ = write!(rest, "{path}");
    rest.order.then(if rest.name.is_empty() { Ordering::Equal } else { Ordering::Greater })
}

/// The end of a name that is not yet compared, and the order of what is.
struct Rest<'a> {
    name: &'a [u8],
    order: Ordering,
}

impl Write for Rest<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let (start, rest) = self.name.split_at(self.name.len().min(text.len()));
        self.order = self.order.then(start.cmp(text.as_bytes()));
        self.name = rest;
        Ok(())
    }
}

/// This prior for every weight.
impl From<Normal> for NormalsByName {
    fn from(prior: Normal) -> Self {
        NormalsByName::new([]).others(prior)
    }
}

impl FixedPrior for NormalsByName {}

impl<T: Real> PriorFor<T> for NormalsByName {
    type Drawn<'t> = NormalsByNameDraw<'t>;

    fn draw_in<'t>(&'t self, _: Cx<'t, T>) -> NormalsByNameDraw<'t> {
        NormalsByNameDraw { all: self, one: None }
    }
}

/// A [`NormalsByName`] in a draw.
#[derive(Clone, Copy, Debug)]
pub struct NormalsByNameDraw<'t> {
    all: &'t NormalsByName,
    /// The prior of one weight.
    one: Option<&'t Normals>,
}

impl<'t> NormalsByNameDraw<'t> {
    /// The prior of the weight at `path`, of this shape.
    ///
    /// # Panics
    /// If there is none, or it has another shape.
    pub(crate) fn at(self, path: &Path<'_>, shape: &[usize]) -> &'t Normals {
        self.one.unwrap_or_else(|| self.all.at(path, shape))
    }
}

impl<'t, T: Real> DrawnPrior<'t, T> for NormalsByNameDraw<'t> {
    fn log_density_of(self, w: Var<'t, T>) -> Var<'t, T> {
        self.at(&Path::ROOT, w.shape()).log_density(w)
    }

    fn sample_of(self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        self.at(&Path::ROOT, shape).sample(shape, key)
    }

    fn for_weight(self, path: &Path<'_>, shape: &[usize]) -> Self {
        NormalsByNameDraw { one: Some(self.all.at(path, shape)), ..self }
    }

    fn description(self) -> String {
        "NormalsByName".to_owned()
    }

    fn elementwise<V: WithDensity<'t>>(self, shape: &[usize], visitor: V) -> Option<V::Output> {
        Prior::elementwise::<T, V>(self.at(&Path::ROOT, shape), shape, visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_compared_with_a_path_as_with_its_text() {
        let part = Path::ROOT.at("body");
        let body = part.index(10);
        let paths = [Path::ROOT, body.at("weight"), body.at("bias"), Path::ROOT.at("bo"), Path::ROOT.at("head"), body];
        for path in &paths {
            for name in ["", "b", "body", "body.1", "body.10", "body.10.weight", "body.10.weights", "head", "zero"] {
                assert_eq!(compare(name, path), name.cmp(&path.to_string()), "{name} {path}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "there are two priors for the weight `a`")]
    fn a_name_that_occurs_twice_is_refused() {
        NormalsByName::new(["a", "b", "a"].map(|name| (name.to_owned(), Normals::new(0.0, 1.0))));
    }
}
