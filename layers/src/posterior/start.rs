//! Where parameters start: from their constructor, by a key, and by `fit`'s seed.

use crate::engine::Shape;
use crate::engine::random::normals;
use crate::engine::{Key, Parameters, Path, Real, Role, Tensor};
use crate::posterior::low_rank;
use crate::sampling::key_at;

/// Means as every constructor makes them, from N(0, 2/inputs): a function of the shape alone.
///
/// Which thread makes a weight, and after which others, must not matter, so weights of one shape start alike until
/// [`redraw_unchanged`] or [`Bayesian::initialise`](crate::Bayesian::initialise) draws them by their names.
#[track_caller]
pub(super) fn constructed_means<T: Real>(shape: impl Into<Shape>) -> Tensor<T> {
    let mut means = Tensor::zeros(shape);
    he_normal(constructor_key("means", means.shape()), &mut means);
    means
}

/// The loadings that the constructor of a [`LowRank`](crate::LowRank) makes, likewise.
#[track_caller]
pub(super) fn constructed_loadings<T: Real>(shape: [usize; 2]) -> Tensor<T> {
    let mut loadings = Tensor::zeros(shape);
    low_rank::load(constructor_key(low_rank::LOADINGS, &shape), &mut loadings);
    loadings
}

/// No path leads to this key: a field's name has no space.
fn constructor_key(what: &str, shape: &[usize]) -> Key {
    shape.iter().fold(Key::new(0).at("made by a constructor").at(what), |key, &axis| key.index(axis))
}

/// The parameter as its constructor made it, if that start is random.
fn constructed<T: Real>(path: &Path<'_>, role: Role, parameter: &Tensor<T>) -> Option<Tensor<T>> {
    match (role, parameter.shape()) {
        (Role::Scale, &[rank, elements]) if is_loadings(path) => Some(constructed_loadings([rank, elements])),
        // A vector starts at zero, by any key.
        (Role::Mean | Role::Point, [_, _, ..]) => Some(constructed_means(parameter.shape())),
        _ => None,
    }
}

/// Draws by `key` every parameter that is still as its constructor made it, as
/// [`Bayesian::initialise`](crate::Bayesian::initialise) does, and returns which these are, in the order of the walk.
///
/// What was trained, read from a file, set or initialised is something else than what the constructor made, so nothing
/// has to remember that.
pub(crate) fn redraw_unchanged<M: Parameters + ?Sized>(model: &mut M, key: Key) -> Vec<usize> {
    let mut unchanged = Vec::new();
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |path, role, parameter| {
        if constructed(path, role, parameter).is_some_and(|made| made == *parameter) {
            start(key_at(key, path), path, role, parameter);
            unchanged.push(index);
        }
        index += 1;
    });
    unchanged
}

/// Gives the parameters of these indices, which [`redraw_unchanged`] has drawn, back what their constructor made.
pub(crate) fn undo_redraw<M: Parameters + ?Sized>(model: &mut M, redrawn: &[usize]) {
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |path, role, parameter| {
        if let Some(made) = constructed(path, role, parameter).filter(|_| redrawn.binary_search(&index).is_ok()) {
            parameter.data_mut().copy_from_slice(made.data());
        }
        index += 1;
    });
}

/// Fills a weight of shape (outputs, inputs..) from N(0, 2/inputs), so that variances are kept from
/// layer to layer under a rectifier (He et al. 2015, eq. 10); a vector or scalar with zeros.
fn he_normal<T: Real>(key: Key, weight: &mut Tensor<T>) {
    let inputs: usize = match weight.shape() {
        [] | [_] => return weight.data_mut().fill(T::ZERO),
        [_, inputs @ ..] => inputs.iter().product(),
    };
    let sd = T::from_f64((2.0 / inputs.max(1) as f64).sqrt());
    normals(key, 0, weight.data_mut());
    weight.data_mut().iter_mut().for_each(|w| *w *= sd);
}

/// A parameter's start by this key, if it is random.
pub(crate) fn start<T: Real>(key: Key, path: &Path<'_>, role: Role, parameter: &mut Tensor<T>) {
    let is_matrix = parameter.shape().len() > 1;
    match role {
        Role::Mean => he_normal(key, parameter),
        Role::Point if is_matrix && !is_chosen(parameter.data()) => he_normal(key, parameter),
        Role::Scale if is_matrix && is_loadings(path) => low_rank::load(key, parameter),
        Role::Point | Role::Scale | Role::Buffer => {}
    }
}

fn is_loadings(path: &Path<'_>) -> bool {
    path.to_string().ends_with(low_rank::LOADINGS)
}

/// Whether a certain weight is what somebody chose to scale or to shift by: all of its elements are the same. A single
/// element always is, and may have been drawn, so of one 0 and 1 alone count as chosen.
fn is_chosen<T: Real>(elements: &[T]) -> bool {
    match elements {
        [only] => *only == T::ZERO || *only == T::ONE,
        _ => elements.windows(2).all(|pair| pair[0] == pair[1]),
    }
}
