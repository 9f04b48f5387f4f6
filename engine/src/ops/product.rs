//! `prod`: products over all axes or some.

use crate::kernels::Write;
use crate::kernels::chain::{chain, unless_zero};
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::reduction::{Gather, Over, Runs, gather, record, spread};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The product of all elements, a scalar; 1 if there are none. The gradient is correct also where elements are
    /// zero.
    #[track_caller]
    pub fn prod(self) -> Var<'t, T> {
        let [y] = record("prod", self, Over::All, |runs| Product { runs });
        y
    }

    /// The products over `axes`, negative ones counted from the last; otherwise as [`prod`](Var::prod). The reduced axes are removed,
    /// or kept with length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub fn prod_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let [y] = record("prod_axes", self, Over::Axes(axes, keep), |runs| Product { runs });
        y
    }
}

#[derive(Clone, Copy)]
struct Product {
    runs: Runs,
}

impl<T: Real> Operation<T> for Product {
    fn name(&self) -> &'static str {
        "prod"
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        Some(Description::Reduce("prod", self.runs.axes(shapes[0])?))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        gather(Factors, self.runs, x, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0).data;
        let g = io.upstream(0).expect("the only output");
        let [zeros, others] = [io.scratch(g.len()), io.scratch(g.len())];
        gather(Zeros, self.runs, x, zeros);
        gather(NonZeroFactors, self.runs, x, others);
        let scaled = io.scratch(g.len());
        map(Times, [g, others], scaled, Write::Store);
        io.accumulate(0, |target, write| spread(WithoutOne, self.runs, x, [zeros, scaled], target, write));
    }
}

#[derive(Clone, Copy)]
struct Times;

impl<T: Real> Elementwise<T, 2> for Times {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [T; 2]) -> T {
        chain(a, b)
    }
}

/// The product of a run without the element x, from the number of zeros and the product of all nonzero elements.
#[derive(Clone, Copy)]
struct WithoutOne;

impl<T: Real> Elementwise<T, 3> for WithoutOne {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, zeros, others]: [T; 3]) -> T {
        let of_zero = if zeros == T::ONE { others } else { T::ZERO };
        let of_other = if zeros == T::ZERO { unless_zero(others, others / x) } else { T::ZERO };
        if x == T::ZERO { of_zero } else { of_other }
    }
}

macro_rules! gathers {
    ($($(#[$doc:meta])* $rule:ident: $start:expr, |$state:ident, $x:ident| $taken:expr, |$a:ident, $b:ident| $merged:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        struct $rule;

        impl<T: Real> Gather<T> for $rule {
            // In double precision: partial products may overflow where the total does not.
            type State = f64;

            #[inline(always)]
            fn start(self) -> f64 {
                $start
            }

            #[inline(always)]
            fn take<S: Simd>(self, $state: f64, x: T, _: T) -> f64 {
                let $x = x.to_f64();
                $taken
            }

            #[inline(always)]
            fn merge(self, $a: f64, $b: f64) -> f64 {
                $merged
            }

            #[inline(always)]
            fn finish<S: Simd>(self, state: f64, _: T) -> T {
                T::from_f64(state)
            }
        }
    )*};
}

gathers! {
    Factors: 1.0, |product, x| product * x, |a, b| a * b;
    NonZeroFactors: 1.0, |product, x| product * if x == 0.0 { 1.0 } else { x }, |a, b| a * b;
    Zeros: 0.0, |count, x| count + if x == 0.0 { 1.0 } else { 0.0 }, |a, b| a + b;
}
