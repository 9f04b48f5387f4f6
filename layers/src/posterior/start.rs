//! Initial values of parameters: set by constructors, redrawn by a key or by `fit`'s seed.

use crate::engine::Shape;
use crate::engine::random::normals;
use crate::engine::{Key, Parameters, Path, Real, Role, Tensor};
use crate::posterior::low_rank;
use crate::sampling::key_at;

/// The means that constructors set, from N(0, 2/inputs): a function of the shape only.
///
/// They must not depend on the thread or on the order of construction, so weights of the same shape are equal until
/// [`redraw_unchanged`] or [`Bayesian::initialise`](crate::Bayesian::initialise) redraws them by their names.
#[track_caller]
pub(super) fn constructed_means<T: Real>(shape: impl Into<Shape>) -> Tensor<T> {
    let mut means = Tensor::zeros(shape);
    he_normal(constructor_key("means", means.shape()), &mut means);
    means
}

/// The loadings that the constructor of [`LowRank`](crate::LowRank) sets: a function of the shape only.
#[track_caller]
pub(super) fn constructed_loadings<T: Real>(shape: [usize; 2]) -> Tensor<T> {
    let mut loadings = Tensor::zeros(shape);
    low_rank::load(constructor_key(low_rank::LOADINGS, &shape), &mut loadings);
    loadings
}

/// A key that differs from those of all parameters, because a field's name cannot contain a space.
fn constructor_key(what: &str, shape: &[usize]) -> Key {
    shape.iter().fold(Key::new(0).at("made by a constructor").at(what), |key, &axis| key.index(axis))
}

/// The value that the constructor sets for this parameter, if it is random.
fn constructed<T: Real>(path: &Path<'_>, role: Role, parameter: &Tensor<T>) -> Option<Tensor<T>> {
    match (role, parameter.shape()) {
        (Role::Scale, &[rank, elements]) if is_loadings(path) => Some(constructed_loadings([rank, elements])),
        // Vectors start at zero for any key.
        (Role::Mean | Role::Point, [_, _, ..]) => Some(constructed_means(parameter.shape())),
        _ => None,
    }
}

/// Redraws by `key` every parameter that still has its constructor's value, as
/// [`Bayesian::initialise`](crate::Bayesian::initialise) does, and returns the indices of these in visiting order.
///
/// Parameters that were trained, read from a file, set or initialised differ from the constructor's value, so they need not
/// be marked. Those whose name `is_frozen` are kept.
pub(crate) fn redraw_unchanged<M: Parameters + ?Sized>(
    model: &mut M,
    key: Key,
    is_frozen: impl Fn(&str) -> bool,
) -> Vec<usize> {
    let mut unchanged = Vec::new();
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |path, role, parameter| {
        let is_unchanged = constructed(path, role, parameter).is_some_and(|made| made == *parameter);
        if is_unchanged && !is_frozen(&path.to_string()) {
            start(key_at(key, path), path, role, parameter);
            unchanged.push(index);
        }
        index += 1;
    });
    unchanged
}

/// Restores the constructor's values of the parameters with these indices, which [`redraw_unchanged`] has redrawn.
pub(crate) fn undo_redraw<M: Parameters + ?Sized>(model: &mut M, redrawn: &[usize]) {
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |path, role, parameter| {
        if let Some(made) = constructed(path, role, parameter).filter(|_| redrawn.binary_search(&index).is_ok()) {
            parameter.data_mut().copy_from_slice(made.data());
        }
        index += 1;
    });
}

/// Fills a weight of shape (outputs, inputs..) from N(0, 2/inputs), so that variances are preserved from
/// layer to layer with ReLU activations (He et al. 2015, eq. 10); a vector or scalar with zeros.
fn he_normal<T: Real>(key: Key, weight: &mut Tensor<T>) {
    let inputs: usize = match weight.shape() {
        [] | [_] => return weight.data_mut().fill(T::ZERO),
        [_, inputs @ ..] => inputs.iter().product(),
    };
    let sd = T::from_f64((2.0 / inputs.max(1) as f64).sqrt());
    normals(key, 0, weight.data_mut());
    weight.data_mut().iter_mut().for_each(|w| *w *= sd);
}

/// Sets a parameter to its initial value by this key, if that is random.
pub(crate) fn start<T: Real>(key: Key, path: &Path<'_>, role: Role, parameter: &mut Tensor<T>) {
    let is_matrix = parameter.shape().len() > 1;
    match role {
        Role::Mean if !is_affine(path, parameter.data()) => he_normal(key, parameter),
        Role::Point if is_matrix && !is_set_by_hand(parameter.data()) => he_normal(key, parameter),
        Role::Scale if is_matrix && is_loadings(path) => low_rank::load(key, parameter),
        Role::Mean | Role::Point | Role::Scale | Role::Buffer => {}
    }
}

/// Whether means are those of a normalisation's scale or shift before training: all are 1, or all are 0 and its name is `bias`.
/// In a layer normalisation over several axes they are matrices.
fn is_affine<T: Real>(path: &Path<'_>, means: &[T]) -> bool {
    let all = |value: T| means.iter().all(|&mean| mean == value);
    let name = path.to_string();
    let is_bias = name.strip_suffix("bias.mean").is_some_and(|before| before.is_empty() || before.ends_with('.'));
    all(T::ONE) || (is_bias && all(T::ZERO))
}

fn is_loadings(path: &Path<'_>) -> bool {
    path.to_string().ends_with(low_rank::LOADINGS)
}

/// Whether a deterministic weight was set by hand, as scales and shifts are: all of its elements are equal. A single
/// element, which may have been drawn, counts only if it is 0 or 1.
fn is_set_by_hand<T: Real>(elements: &[T]) -> bool {
    match elements {
        [only] => *only == T::ZERO || *only == T::ONE,
        _ => elements.windows(2).all(|pair| pair[0] == pair[1]),
    }
}
