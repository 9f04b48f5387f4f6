//! `log_sum_exp` over axes, and `softmax` along one axis.

use crate::kernels::Write;
use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Chain, Elementwise, map};
use crate::ops::axes::resolve_one;
use crate::ops::max_min::Greatest;
use crate::ops::reduction::{Gather, Over, Runs, gather, record, record_with, spread};
use crate::ops::zero_weights::{self, OfZero, Weighted, ZeroShare};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// ln Σ eˣ over all elements, a scalar, without overflow; −∞ if there are none.
    ///
    /// A mixture with weights p and log-densities x is `x.log_sum_exp_weighted(p)`. Written as `(p.ln() + x).log_sum_exp()`
    /// it has the same value and derivatives, also by a weight that is exactly 0: eˣ / Σ, and not the 0 · ∞ of the chain
    /// rule. For this, the sum must be computed on the same tape and outside of a [`Tape::recompute`](crate::Tape::recompute)
    /// that it is an input of, and ln p may be added to, shifted by a number, reshaped and broadcast, but not sliced,
    /// joined, permuted or scaled: after these, the derivative by a weight that is 0 is 0.
    ///
    /// ```
    /// use elbo_engine::{Gradients, Tape, Tensor};
    ///
    /// let p: Tensor<f64> = Tensor::new([2], [0.0, 1.0]);
    /// let mut gradients = Gradients::of(&p);
    /// let tape = Tape::new();
    /// let x = tape.constant([2], |k| k as f64);
    /// (tape.param(&p).ln() + x).log_sum_exp().backward(&mut gradients);
    /// let expected = [(-1.0f64).exp(), 1.0];
    /// assert!(gradients.get("").unwrap().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15));
    /// ```
    #[track_caller]
    pub fn log_sum_exp(self) -> Var<'t, T> {
        log_sum_exp("log_sum_exp", self, Over::All)
    }

    /// ln Σ eˣ over `axes`, negative ones counted from the last; otherwise as [`log_sum_exp`](Var::log_sum_exp). The reduced axes
    /// are removed, or kept with length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub fn log_sum_exp_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        log_sum_exp("log_sum_exp_axes", self, Over::Axes(axes, keep))
    }

    /// eˣ / Σ eˣ along `axis` (negative: from the last): probabilities, without overflow. For log-probabilities use
    /// [`log_softmax`](Var::log_softmax), which stays exact where a probability underflows.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn softmax(self, axis: isize) -> Var<'t, T> {
        let axis = resolve_one("softmax", axis, self.shape());
        self.tape().record(Softmax { runs: Runs::along(self.shape(), axis) }, &[self], [self.shape()])[0]
    }
}

#[track_caller]
fn log_sum_exp<'t, T: Real>(name: &str, x: Var<'t, T>, over: Over<'_>) -> Var<'t, T> {
    let [y] = match zero_weights::find(x) {
        None => record(name, x, over, |runs| LogSumExp { runs }),
        Some(Weighted { weight, rest }) => record_with(name, x, &[weight, rest], over, |runs| LogSumExp { runs }),
    };
    y
}

/// If x is ln w + rest with weights w that may be 0, these follow as the second and third input.
#[derive(Clone, Copy)]
struct LogSumExp {
    runs: Runs,
}

impl<T: Real> Operation<T> for LogSumExp {
    fn name(&self) -> &'static str {
        "log_sum_exp"
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        Some(Description::Reduce("log_sum_exp", self.runs.axes(shapes[0])?))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let y = io.output(0);
        gather(Greatest, self.runs, x, y);
        gather(Logarithm, self.runs, x, y);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, y) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| spread(Share, self.runs, x, [y, g], target, write));
        if io.inputs() == 3 && io.is_wanted(1) {
            let open = io.scratch(x.len());
            map(OfZero, [io.input(1).data, io.input(2).data], open, Write::Store);
            io.accumulate(1, |target, write| spread(ZeroShare, self.runs, open, [y, g], target, write));
        }
    }
}

#[derive(Clone, Copy)]
struct Softmax {
    runs: Runs,
}

impl<T: Real> Operation<T> for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        let &[axis] = &self.runs.axes(shapes[0])?[..] else { return None };
        Some(Description::Softmax(axis))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let runs = x.len() / self.runs.length.max(1);
        let [max, total] = [io.scratch(runs), io.scratch(runs)];
        gather(Greatest, self.runs, x, max);
        total.copy_from_slice(max);
        gather(Total, self.runs, x, total);
        spread(Probability, self.runs, x, [max, total], io.output(0), Write::Store);
    }

    /// y (g − Σ g y).
    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let y = io.output(0).data;
        let g = io.upstream(0).expect("the only output");
        let products = io.scratch(y.len());
        let totals = io.scratch(y.len() / self.runs.length.max(1));
        map(Chain, [g, y], products, Write::Store);
        gather(Sum, self.runs, products, totals);
        io.accumulate(0, |target, write| {
            map(Chain, [g, y], target, write);
            spread(LessPart, self.runs, y, [totals, totals], target, Write::Add);
        });
    }
}

/// `x − about`; x itself if `about`, a maximum, is −∞, which avoids −∞ + ∞.
#[inline(always)]
pub(crate) fn minus_max<T: Real>(x: T, about: T) -> T {
    x - if about == T::from_f64(f64::NEG_INFINITY) { T::ZERO } else { about }
}

macro_rules! gathers {
    ($($(#[$doc:meta])* $rule:ident: |$x:ident, $about:ident| $term:expr, |$sum:ident| $finished:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $rule;

        #[allow(unused_variables)]
        impl<T: Real> Gather<T> for $rule {
            type State = f64;

            #[inline(always)]
            fn start(self) -> f64 {
                0.0
            }

            #[inline(always)]
            fn take<S: Simd>(self, sum: f64, $x: T, $about: T) -> f64 {
                sum + $term.to_f64()
            }

            #[inline(always)]
            fn merge(self, a: f64, b: f64) -> f64 {
                a + b
            }

            #[inline(always)]
            fn finish<S: Simd>(self, sum: f64, $about: T) -> T {
                let $sum = T::from_f64(sum);
                $finished
            }
        }
    )*};
}

gathers! {
    /// Sums of eˣ⁻ᵐ, with the maximum m, to ln Σ eˣ.
    Logarithm: |x, max| minus_max(x, max).exp::<S>(), |sum| if is_infinite(max) { max } else { max + sum.ln::<S>() };
    /// Sums of terms relative to eᵐ, to the logarithm of their sum.
    LogarithmOfTotal: |x, max| x, |sum| if is_infinite(max) { max } else { max + sum.ln::<S>() };
    Total: |x, max| minus_max(x, max).exp::<S>(), |sum| sum;
    Sum: |x, about| x, |sum| sum;
}

#[inline(always)]
fn is_infinite<T: Real>(x: T) -> bool {
    x.abs() == T::from_f64(f64::INFINITY)
}

/// g eˣ / Σ eˣ, from the logarithm of the sum.
#[derive(Clone, Copy)]
struct Share;

impl<T: Real> Elementwise<T, 3> for Share {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [x, y, g]: [T; 3]) -> T {
        g * minus_max(x, y).exp::<S>()
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [x, y, g]: [T; 3]) -> T {
        chain(g, minus_max(x, y).exp::<S>())
    }
}

#[derive(Clone, Copy)]
struct Probability;

impl<T: Real> Elementwise<T, 3> for Probability {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, max, total]: [T; 3]) -> T {
        (x - max).exp::<S>() / total
    }
}

#[derive(Clone, Copy)]
struct LessPart;

impl<T: Real> Elementwise<T, 3> for LessPart {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [y, total, _]: [T; 3]) -> T {
        -(y * total)
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [y, total, _]: [T; 3]) -> T {
        -chain(total, y)
    }
}
