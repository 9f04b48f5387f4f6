//! Jacobian-vector and Hessian-vector products (jvp, hvp) by finite differences along one direction of the parameters.
//!
//! The parameters take steps along the direction, so this works with every operation, also those of other crates, and
//! with every model, also sampled ones: a draw with the same key has the same noise at every step. Central differences
//! in steps that are halved are extrapolated to zero, element by element (C. J. F. Ridders, "Accurate computation of
//! F′(x) and F′(x)F″(x)", 1982). In double precision, ten digits or more are correct where the function is smooth;
//! [`Product::error`] estimates the error. `docs/decisions/016-products.md` explains why dual numbers are not used.
//!
//! The result is the derivative of the values: [`Var::stop_gradient`] and targets of a loss are not held constant here.
//! At a kink it is the mean of both sides.

use crate::{Gradients, Order, Parameters, Path, Tape, Var};

/// The first, largest step of a parameter, in units of the direction's largest element.
const STEP: f64 = 1e-2;

/// How often the step is halved.
const HALVINGS: usize = 6;

/// A derivative along a direction.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Product {
    /// The derivative of every element.
    pub values: Vec<f64>,
    /// An estimate of the largest error of an element, in units of the largest element. If it is far above 1e-9, the
    /// function is not smooth within a hundredth of the direction: near a kink, for example.
    pub error: f64,
}

/// J·v: the derivative of each element of `f`'s value as the parameters of `model` move along `direction`.
///
/// `direction` has one element per element of the learned parameters, in the order of the model's walk; `f` is as for
/// [`gradcheck`](crate::gradcheck()). Costs 14 forward passes. The model is restored bit for bit.
///
/// ```
/// use elbo_engine::{Tensor, jvp_by_differences};
///
/// let mut x = Tensor::new([2], [0.0, 1.0]);
/// let product = jvp_by_differences(&mut x, &[1.0, 3.0], |tape, x| tape.param(x).exp());
/// assert!((product.values[1] - 3.0 * 1f64.exp()).abs() < 1e-9);
/// ```
///
/// # Panics
/// If the length of `direction` differs from the number of learned elements, or if `f` panics.
#[track_caller]
pub fn jvp_by_differences<M, F>(model: &mut M, direction: &[f64], f: F) -> Product
where
    M: Parameters<Scalar = f64> + ?Sized,
    F: for<'t> Fn(&'t Tape<f64>, &'t M) -> Var<'t, f64>,
{
    along("jvp_by_differences", model, direction, &mut |model| {
        let tape = Tape::inference();
        f(&tape, model).value().to_vec()
    })
}

/// H·v: the derivative of the gradient of the scalar `f` as the parameters of `model` move along `direction`, the
/// Hessian times the direction. Both have one element per element of the learned parameters, in the order of the
/// model's walk.
///
/// `f` is as for [`gradcheck`](crate::gradcheck()). Costs 14 forward and backward passes. The model is restored bit for
/// bit.
///
/// ```
/// use elbo_engine::{Tensor, hvp_by_differences};
///
/// let mut x = Tensor::new([2], [1.0, 2.0]);
/// let product = hvp_by_differences(&mut x, &[1.0, 0.0], |tape, x| tape.param(x).prod().square());
/// // d²(ab)²/da² = 2b², d²(ab)²/da db = 4ab.
/// assert!((product.values[0] - 8.0).abs() < 1e-8 && (product.values[1] - 8.0).abs() < 1e-8);
/// ```
///
/// # Panics
/// If the length of `direction` differs from the number of learned elements, if the value of `f` does not have exactly
/// one element, or if `f` panics.
#[track_caller]
pub fn hvp_by_differences<M, F>(model: &mut M, direction: &[f64], f: F) -> Product
where
    M: Parameters<Scalar = f64> + ?Sized,
    F: for<'t> Fn(&'t Tape<f64>, &'t M) -> Var<'t, f64>,
{
    let mut gradients = Gradients::of(&*model);
    along("hvp_by_differences", model, direction, &mut |model| {
        gradients.clear();
        let tape = Tape::new();
        let value = f(&tape, model);
        assert!(
            value.len() == 1,
            "hvp_by_differences: the value has shape {:?}; take `.sum()` or `.mean()` of it first",
            value.shape()
        );
        value.backward(&mut gradients);
        gradients.iter().flat_map(|(.., gradient)| gradient.iter().copied()).collect()
    })
}

/// The derivative of `values` along the direction.
#[track_caller]
fn along<M: Parameters<Scalar = f64> + ?Sized>(
    name: &str,
    model: &mut M,
    direction: &[f64],
    values: &mut dyn FnMut(&M) -> Vec<f64>,
) -> Product {
    let start = learned(model);
    assert!(
        direction.len() == start.len(),
        "{name}: the direction has {} elements, and the model {} learned ones",
        direction.len(),
        start.len()
    );
    let unit = direction.iter().fold(0.0, |largest: f64, d| largest.max(d.abs()));
    // Check before anything moves: a model whose walks disagree could not be restored.
    Order::of(&*model).each_mut(model, |_, _, _| ());
    let moved = Moved { model, start };
    if unit == 0.0 {
        return Product { values: vec![0.0; values(moved.model).len()], error: 0.0 };
    }
    let mut best: Vec<(f64, f64)> = Vec::new();
    let mut before: Vec<Vec<f64>> = Vec::new();
    for row in 0..=HALVINGS {
        let step = STEP / f64::from(1 << row);
        let mut at = |step: f64| {
            set(moved.model, |i| moved.start[i] + step / unit * direction[i]);
            values(moved.model)
        };
        let (right, left) = (at(step), at(-step));
        let quotient = right.iter().zip(&left).map(|(r, l)| unit * (r - l) / (2.0 * step)).collect();
        // Richardson's extrapolation: the error is even in the step, and halving divides its next order by four each
        // time.
        let mut extrapolated = vec![quotient];
        let mut power = 1.0;
        best.resize(right.len(), (f64::NAN, f64::INFINITY));
        for (order, coarser) in before.iter().enumerate() {
            power *= 4.0;
            let finer: &Vec<f64> = &extrapolated[order];
            let next: Vec<f64> = finer.iter().zip(coarser).map(|(f, c)| f + (f - c) / (power - 1.0)).collect();
            for (i, best) in best.iter_mut().enumerate() {
                let error = (next[i] - finer[i]).abs().max((next[i] - coarser[i]).abs());
                if error < best.1 {
                    *best = (next[i], error);
                }
            }
            extrapolated.push(next);
        }
        before = extrapolated;
    }
    let largest = best.iter().fold(f64::MIN_POSITIVE, |largest, (value, _)| largest.max(value.abs()));
    let error = best.iter().fold(0.0, |error: f64, (_, of)| error.max(of / largest));
    Product { values: best.into_iter().map(|(value, _)| value).collect(), error }
}

/// A model whose parameters move, restored on drop.
struct Moved<'m, M: Parameters<Scalar = f64> + ?Sized> {
    model: &'m mut M,
    start: Vec<f64>,
}

impl<M: Parameters<Scalar = f64> + ?Sized> Drop for Moved<'_, M> {
    fn drop(&mut self) {
        let Moved { model, start } = self;
        let mut restore = || set(*model, |i| start[i]);
        if std::thread::panicking() {
            // Skipped while panicking: a walk that has changed meanwhile would panic again and abort.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(restore));
        } else {
            restore();
        }
    }
}

/// The elements of all learned parameters.
fn learned<M: Parameters<Scalar = f64> + ?Sized>(model: &M) -> Vec<f64> {
    let mut elements = Vec::new();
    model.visit(&Path::ROOT, &mut |_, role, tensor| {
        if role.is_learned() {
            elements.extend_from_slice(tensor.data());
        }
    });
    elements
}

/// Sets the `i`th of the learned parameters' elements to `value(i)`.
fn set<M: Parameters<Scalar = f64> + ?Sized>(model: &mut M, value: impl Fn(usize) -> f64) {
    let mut at = 0;
    Order::of(model).each_mut(model, |_, role, tensor| {
        if role.is_learned() {
            for element in tensor.data_mut() {
                *element = value(at);
                at += 1;
            }
        }
    });
}
