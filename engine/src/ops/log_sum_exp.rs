//! `log_sum_exp` over axes, and `softmax` along one axis.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::axes::resolve_one;
use crate::ops::max_min::Greatest;
use crate::ops::reduction::{Gather, Over, Runs, gather, record, spread};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// ln Σ eˣ over all elements, a scalar, without overflow; −∞ if there are none.
    #[track_caller]
    pub fn log_sum_exp(self) -> Var<'t, T> {
        let [y] = record("log_sum_exp", self, Over::All, |runs| LogSumExp { runs });
        y
    }

    /// ln Σ eˣ over `axes`, negative ones counted from the last; otherwise as [`log_sum_exp`](Var::log_sum_exp). The reduced axes
    /// are removed, or kept with length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub fn log_sum_exp_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let [y] = record("log_sum_exp_axes", self, Over::Axes(axes, keep), |runs| LogSumExp { runs });
        y
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

#[derive(Clone, Copy)]
struct LogSumExp {
    runs: Runs,
}

impl<T: Real> Operation<T> for LogSumExp {
    fn name(&self) -> &'static str {
        "log_sum_exp"
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
        map(Product, [y, g], products, Write::Store);
        gather(Sum, self.runs, products, totals);
        io.accumulate(0, |target, write| {
            map(Product, [y, g], target, write);
            spread(LessPart, self.runs, y, [totals, totals], target, Write::Add);
        });
    }
}

/// `x − about`; x itself if `about`, a maximum, is −∞, which avoids −∞ + ∞.
#[inline(always)]
fn minus_max<T: Real>(x: T, about: T) -> T {
    x - if about == T::from_f64(f64::NEG_INFINITY) { T::ZERO } else { about }
}

macro_rules! gathers {
    ($($(#[$doc:meta])* $rule:ident: |$x:ident, $about:ident| $term:expr, |$sum:ident| $finished:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $rule;

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
    #[inline(always)]
    fn apply<S: Simd>(self, [x, y, g]: [T; 3]) -> T {
        g * minus_max(x, y).exp::<S>()
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
struct Product;

impl<T: Real> Elementwise<T, 2> for Product {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [T; 2]) -> T {
        a * b
    }
}

#[derive(Clone, Copy)]
struct LessPart;

impl<T: Real> Elementwise<T, 3> for LessPart {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, total, _]: [T; 3]) -> T {
        -(y * total)
    }
}
