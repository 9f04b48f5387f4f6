//! `log_sum_exp_weighted`: logarithms of sums of exponentials with weights that may be 0.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map, scale};
use crate::ops::binary::result_shape;
use crate::ops::log_sum_exp::{LogarithmOfTotal, minus_max};
use crate::ops::max_min::Greatest;
use crate::ops::reduction::{Over, Runs, gather, record_with, spread};
use crate::ops::zero_weights::{ZeroShare, repeated};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// ln Σ w eˣ over all elements with `weights` w, which broadcast with x: the log-density of a mixture with weights w
    /// and log-densities x, without overflow. Weights may be 0, where the derivative by the weight is eˣ / Σ w eˣ as
    /// elsewhere, and x may be anything but NaN. −∞ if all weights are 0, NaN if Σ is negative.
    ///
    /// ```
    /// use elbo_engine::{Tape, Tensor};
    ///
    /// let tape = Tape::<f64>::new();
    /// let (w, x) = (tape.constant([3], |k| [0.0, 1.0, 3.0][k]), tape.constant([3], |k| [800.0, 700.0, 700.0][k]));
    /// assert!((x.log_sum_exp_weighted(w).item() - (700.0 + 4f64.ln())).abs() < 1e-12);
    /// ```
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn log_sum_exp_weighted(self, weights: Var<'t, T>) -> Var<'t, T> {
        weighted("log_sum_exp_weighted", self, weights, Over::All)
    }

    /// ln Σ w eˣ over `axes` of the broadcast shape, negative ones counted from the last; otherwise as
    /// [`log_sum_exp_weighted`](Var::log_sum_exp_weighted). The reduced axes are removed, or kept with length 1 if `keep`
    /// is set.
    ///
    /// # Panics
    /// If the shapes cannot be broadcast, or an axis is out of range, or repeated.
    #[track_caller]
    pub fn log_sum_exp_weighted_axes(self, weights: Var<'t, T>, axes: &[isize], keep: bool) -> Var<'t, T> {
        weighted("log_sum_exp_weighted_axes", self, weights, Over::Axes(axes, keep))
    }
}

#[track_caller]
fn weighted<'t, T: Real>(name: &str, x: Var<'t, T>, weights: Var<'t, T>, over: Over<'_>) -> Var<'t, T> {
    let shape = result_shape(name, x, weights);
    let [x, weights] = [repeated(x, &shape), repeated(weights, &shape)];
    let [y] = record_with(name, x, &[weights], over, |runs| WeightedLogSumExp { runs });
    y
}

/// ln Σ w eˣ.
#[derive(Clone, Copy)]
struct WeightedLogSumExp {
    runs: Runs,
}

impl<T: Real> Operation<T> for WeightedLogSumExp {
    fn name(&self) -> &'static str {
        "log_sum_exp_weighted"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let [x, weights] = [0, 1].map(|k| io.input(k).data);
        let [counting, terms] = [io.scratch(x.len()), io.scratch(x.len())];
        let runs = io.output(0).len();
        let max = io.scratch(runs);
        map(Counting, [x, weights], counting, Write::Store);
        gather(Greatest, self.runs, counting, max);
        spread(Exponential, self.runs, counting, [max, max], terms, Write::Store);
        map(Term, [weights, terms], counting, Write::Store);
        let y = io.output(0);
        y.copy_from_slice(max);
        gather(LogarithmOfTotal, self.runs, counting, y);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let [x, weights] = [0, 1].map(|k| io.input(k).data);
        let (y, g) = (io.output(0).data, io.upstream(0).expect("the only output"));
        let shares = io.scratch(x.len());
        spread(ZeroShare, self.runs, x, [y, g], shares, Write::Store);
        io.accumulate(0, |target, write| map(WeightedShare, [weights, shares], target, write));
        io.accumulate(1, |target, write| scale(T::ONE, shares, target, write));
    }
}

/// x, and −∞ where the weight is 0.
#[derive(Clone, Copy)]
struct Counting;

impl<T: Real> Elementwise<T, 2> for Counting {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, weight]: [T; 2]) -> T {
        if weight == T::ZERO { T::from_f64(f64::NEG_INFINITY) } else { x }
    }
}

/// eˣ⁻ᵐ, with the maximum m.
#[derive(Clone, Copy)]
struct Exponential;

impl<T: Real> Elementwise<T, 3> for Exponential {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, max, _]: [T; 3]) -> T {
        minus_max(x, max).exp::<S>()
    }
}

/// The product of a weight and a term; 0 if the weight is 0, whatever the term.
#[derive(Clone, Copy)]
struct Term;

impl<T: Real> Elementwise<T, 2> for Term {
    #[inline(always)]
    fn apply<S: Simd>(self, [weight, term]: [T; 2]) -> T {
        if weight == T::ZERO { T::ZERO } else { weight * term }
    }
}

/// The adjoint of x from that of its weight: 0 if that or the weight is 0, whatever the other one.
#[derive(Clone, Copy)]
struct WeightedShare;

impl<T: Real> Elementwise<T, 2> for WeightedShare {
    #[inline(always)]
    fn apply<S: Simd>(self, [weight, share]: [T; 2]) -> T {
        let part = weight * share;
        if (weight == T::ZERO) | (share == T::ZERO) { T::ZERO } else { part }
    }
}
