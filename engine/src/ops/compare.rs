//! Comparisons: masks that are 1 where the comparison holds and 0 elsewhere, without a gradient.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::binary::result_shape;
use crate::ops::broadcast::broadcast;
use crate::ops::broadcast_binary::{self, Binary, Value};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

/// The right-hand side of a comparison: a variable, with broadcasting, or a number.
#[derive(Clone, Copy, Debug)]
pub enum Comparand<'t, T: Real> {
    /// Another variable of the same tape.
    Var(Var<'t, T>),
    /// The same number everywhere.
    Number(f64),
}

impl<'t, T: Real> From<Var<'t, T>> for Comparand<'t, T> {
    fn from(x: Var<'t, T>) -> Self {
        Comparand::Var(x)
    }
}

impl<T: Real> From<f64> for Comparand<'_, T> {
    fn from(number: f64) -> Self {
        Comparand::Number(number)
    }
}

#[track_caller]
fn mask<'t, T: Real, F: Binary<T> + 't>(f: F, x: Var<'t, T>, other: Comparand<'t, T>) -> Var<'t, T> {
    match other {
        Comparand::Var(other) => {
            let shape = result_shape(F::NAME, x, other);
            x.tape().record(Between(f), &[x.stop_gradient(), other.stop_gradient()], [shape])[0]
        }
        Comparand::Number(number) => {
            x.tape().record(With(f, T::from_f64(number)), &[x.stop_gradient()], [x.shape()])[0]
        }
    }
}

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident, $rule:ident: |$a:ident, $b:ident| $holds:expr;)*) => {
        $(
            #[derive(Clone, Copy)]
            struct $rule;

            impl<T: Real> Binary<T> for $rule {
                const NAME: &'static str = stringify!($name);

                #[inline(always)]
                fn value(self, $a: T, $b: T) -> T {
                    if $holds { T::ONE } else { T::ZERO }
                }

                #[inline(always)]
                fn slopes(self, _: T, _: T) -> [T; 2] {
                    [T::ZERO; 2]
                }
            }
        )*

        impl<'t, T: Real> Var<'t, T> {
            $(
                $(#[$doc])*
                /// The result has no gradient.
                ///
                /// # Panics
                /// If the shapes cannot be broadcast.
                #[track_caller]
                pub fn $name(self, other: impl Into<Comparand<'t, T>>) -> Var<'t, T> {
                    mask($rule, self, other.into())
                }
            )*
        }
    };
}

table! {
    /// 1 where this is greater, 0 elsewhere and where either is NaN.
    gt, Greater: |a, b| a > b;
    /// 1 where this is greater or equal, 0 elsewhere and where either is NaN.
    ge, GreaterOrEqual: |a, b| a >= b;
    /// 1 where this is less, 0 elsewhere and where either is NaN.
    lt, Less: |a, b| a < b;
    /// 1 where this is less or equal, 0 elsewhere and where either is NaN.
    le, LessOrEqual: |a, b| a <= b;
    /// 1 where the two are equal, 0 elsewhere and where either is NaN.
    eq, Equal: |a, b| a == b;
    /// 1 where the two differ or either is NaN, 0 elsewhere.
    ne, Different: |a, b| a != b;
}

/// A comparison of two variables.
#[derive(Clone, Copy)]
struct Between<F>(F);

impl<T: Real, F: Binary<T>> Operation<T> for Between<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::ElementwisePair(F::NAME))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        if a.shape == b.shape {
            map(Value(self.0), [a.data, b.data], io.output(0), Write::Store);
            return;
        }
        let layout = broadcast(io.output_shape(0), [a.shape, b.shape]);
        broadcast_binary::forward(self.0, &layout, [a.data, b.data], io.output(0));
    }

    /// Never called: the inputs are constants.
    fn adjoint(&self, _: &mut Adjoints<'_, T>) {}
}

/// A comparison with a number.
#[derive(Clone, Copy)]
struct With<F, T>(F, T);

impl<T: Real, F: Binary<T>> Elementwise<T, 1> for With<F, T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.value(x, self.1)
    }
}

impl<T: Real, F: Binary<T>> Operation<T> for With<F, T> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Elementwise(F::NAME, vec![self.1.to_f64()]))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        map(*self, [io.input(0).data], io.output(0), Write::Store);
    }

    /// Never called: the input is a constant.
    fn adjoint(&self, _: &mut Adjoints<'_, T>) {}
}
