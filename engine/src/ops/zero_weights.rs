//! The derivative by a mixture's weight that is exactly 0.
//!
//! ln Σ pₖ eˣᵏ has the derivative eˣᵏ / Σ by pₖ, also where pₖ is 0. Written as `(p.ln() + x).log_sum_exp()`, the chain rule
//! gives 0 · ∞ there: the sum does not change with ln pₖ = −∞, and ln p changes without bound. The finite product is lost,
//! because −∞ + xₖ = −∞ no longer contains xₖ.
//!
//! So exponentials look at how their argument was computed: if it is a sum that contains the logarithm of a weight that is
//! 0, they take the weight and the rest of the sum as further inputs, and pass the derivative to the weight directly. A
//! value is not changed by this, and neither is any other derivative. Sums may contain shifts by numbers, reshaped and
//! broadcast values, but not other operations.

use crate::kernels::Write;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::tape::Form;
use crate::{Adjoints, Evaluation, Operation, Real, Var};

/// A value as ln `weight` + `rest`, all of one shape. The rest has no gradient.
#[derive(Clone, Copy)]
pub(crate) struct Weighted<'t, T: Real> {
    pub(crate) weight: Var<'t, T>,
    pub(crate) rest: Var<'t, T>,
}

/// `x` as the logarithm of a weight that has a zero, plus a rest; `None` if it is not such a sum, or one of very many
/// operations.
#[track_caller]
pub(crate) fn find<'t, T: Real>(x: Var<'t, T>) -> Option<Weighted<'t, T>> {
    if has_zero(x, &mut Search::default()) { parts(x, &mut Search::default()) } else { None }
}

/// Operations that a search may still visit: a sum in a long loop must not take quadratic time, nor a deep stack.
struct Search {
    left: u32,
}

impl Default for Search {
    fn default() -> Self {
        Search { left: 64 }
    }
}

impl Search {
    /// The form and the inputs of the operation that produced `x`, if `x` is a sum that contains a logarithm.
    fn visit<'t, T: Real>(&mut self, x: Var<'t, T>) -> Option<(Form, [Var<'t, T>; 2])> {
        if !x.tape().has_ln(x) {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        x.tape().form_of(x)
    }
}

/// Whether a logarithm in the sum is that of a weight with a zero.
fn has_zero<T: Real>(x: Var<'_, T>, search: &mut Search) -> bool {
    match search.visit(x) {
        Some((Form::Ln, [weight, _])) => {
            let is_zero = |chunk: &[T]| chunk.iter().fold(false, |found, &w| found | (w == T::ZERO));
            weight.value().chunks(1024).any(is_zero)
        }
        Some((Form::Difference | Form::Shift(_) | Form::Reshape | Form::Broadcast, [x, _])) => has_zero(x, search),
        Some((Form::Sum, [a, b])) => has_zero(a, search) || has_zero(b, search),
        Some((Form::Other, _)) | None => false,
    }
}

#[track_caller]
fn parts<'t, T: Real>(x: Var<'t, T>, search: &mut Search) -> Option<Weighted<'t, T>> {
    let shape = x.shape();
    let (form, [a, b]) = search.visit(x)?;
    let Weighted { weight, rest } = match form {
        Form::Ln => Weighted { weight: a, rest: x.tape().constant(shape, |_| T::ZERO) },
        Form::Sum => match (parts(a, search), parts(b, search)) {
            (None, None) => return None,
            (Some(Weighted { weight, rest }), None) => Weighted { weight, rest: rest + b.stop_gradient() },
            (None, Some(Weighted { weight, rest })) => Weighted { weight, rest: a.stop_gradient() + rest },
            (Some(a), Some(b)) => Weighted { weight: a.weight * b.weight, rest: a.rest + b.rest },
        },
        Form::Difference => {
            let Weighted { weight, rest } = parts(a, search)?;
            Weighted { weight, rest: rest - b.stop_gradient() }
        }
        Form::Shift(number) => {
            let Weighted { weight, rest } = parts(a, search)?;
            Weighted { weight, rest: rest + number }
        }
        Form::Reshape => {
            let Weighted { weight, rest } = parts(a, search)?;
            Weighted { weight: weight.reshape(shape), rest: rest.reshape(shape) }
        }
        Form::Broadcast => parts(a, search)?,
        Form::Other => return None,
    };
    Some(Weighted { weight: repeated(weight, shape), rest: repeated(rest, shape) })
}

#[track_caller]
pub(crate) fn repeated<'t, T: Real>(x: Var<'t, T>, shape: &[usize]) -> Var<'t, T> {
    if x.shape() == shape { x } else { x.broadcast_to(shape) }
}

/// `y`, a sum of exponentials of `terms` that are broadcast to its shape, or its logarithm; the weights of the terms that
/// are 0 get their derivatives.
#[track_caller]
pub(crate) fn with_weights<'t, T: Real, const N: usize>(
    mut y: Var<'t, T>,
    terms: [Var<'t, T>; N],
    logarithm: bool,
) -> Var<'t, T> {
    for term in terms {
        if let Some(Weighted { weight, rest }) = find(term) {
            let (weight, rest) = (repeated(weight, y.shape()), repeated(rest, y.shape()));
            y = y.tape().record(WithWeight { logarithm }, &[y, weight, rest], [y.shape()])[0];
        }
    }
    y
}

/// The first input, whose derivative by a weight that is 0 is that of weight · e^rest, or of its logarithm.
#[derive(Clone, Copy)]
struct WithWeight {
    logarithm: bool,
}

impl<T: Real> Operation<T> for WithWeight {
    fn name(&self) -> &'static str {
        "weights that are 0"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let y = io.input(0).data;
        io.output(0).copy_from_slice(y);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let [weight, rest] = [1, 2].map(|k| io.input(k).data);
        let (y, g) = (io.output(0).data, io.upstream(0).expect("the only output"));
        io.accumulate(0, |target, write| crate::kernels::map::scale(T::ONE, g, target, write));
        if io.is_wanted(1) {
            let open = io.scratch(g.len());
            map(OfZero, [weight, rest], open, Write::Store);
            if self.logarithm {
                io.accumulate(1, |target, write| map(ZeroShare, [open, y, g], target, write));
            } else {
                io.accumulate(1, |target, write| map(ZeroTerm, [open, g], target, write));
            }
        }
    }
}

/// The rest of a term whose weight is 0; −∞ for other terms.
#[derive(Clone, Copy)]
pub(crate) struct OfZero;

impl<T: Real> Elementwise<T, 2> for OfZero {
    #[inline(always)]
    fn apply<S: Simd>(self, [weight, rest]: [T; 2]) -> T {
        if weight == T::ZERO { rest } else { T::from_f64(f64::NEG_INFINITY) }
    }
}

/// g e^rest / eʸ; 0 where the rest is −∞.
#[derive(Clone, Copy)]
pub(crate) struct ZeroShare;

impl<T: Real> Elementwise<T, 3> for ZeroShare {
    #[inline(always)]
    fn apply<S: Simd>(self, [rest, y, g]: [T; 3]) -> T {
        let part = chain(g, (rest - y).exp::<S>());
        if rest == T::from_f64(f64::NEG_INFINITY) { T::ZERO } else { part }
    }
}

/// g e^rest.
#[derive(Clone, Copy)]
struct ZeroTerm;

impl<T: Real> Elementwise<T, 2> for ZeroTerm {
    #[inline(always)]
    fn apply<S: Simd>(self, [rest, g]: [T; 2]) -> T {
        chain(g, rest.exp::<S>())
    }
}
