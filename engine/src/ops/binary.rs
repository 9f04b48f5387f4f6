//! Elementwise operations on two variables, with broadcasting: arithmetic, maximum and minimum.

use std::ops::{Add, Div, Mul, Sub};

use crate::kernels::Write;
use crate::kernels::map::map;
use crate::ops::broadcast::{broadcast, broadcast_shape};
use crate::ops::broadcast_binary::{self, Backward, Binary, Part, Value};
use crate::tape::Form;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

macro_rules! rule {
    ($name:ident, $rule:ident: |$a:ident, $b:ident| $value:expr, $slopes:expr $(, $form:ident)?) => {
        #[derive(Clone, Copy)]
        struct $rule;

        // Rules bind variables that they do not use, which keeps the tables readable.
        #[allow(unused_variables)]
        impl<T: Real> Binary<T> for $rule {
            const NAME: &'static str = stringify!($name);
            $(
                const FORM: Form = Form::$form;
                // Only sums and differences have a form.
                const CONSTANT_SLOPES: bool = true;
            )?

            #[inline(always)]
            fn value(self, $a: T, $b: T) -> T {
                $value
            }

            #[inline(always)]
            fn slopes(self, $a: T, $b: T) -> [T; 2] {
                $slopes
            }
        }
    };
}

macro_rules! operators {
    ($($(#[$doc:meta])* $trait:ident, $name:ident, $rule:ident:
       |$a:ident, $b:ident| $value:expr, $slopes:expr $(, $form:ident)?;)*) => {$(
        rule! { $name, $rule: |$a, $b| $value, $slopes $(, $form)? }

        $(#[$doc])*
        impl<'t, T: Real> $trait for Var<'t, T> {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, other: Var<'t, T>) -> Var<'t, T> {
                combine($rule, self, other)
            }
        }
    )*};
}

operators! {
    /// Elementwise, with broadcasting.
    Add, add, Sum: |a, b| a + b, [T::ONE, T::ONE], Sum;
    /// Elementwise, with broadcasting.
    Sub, sub, Difference: |a, b| a - b, [T::ONE, -T::ONE], Difference;
    /// Elementwise, with broadcasting.
    Mul, mul, Product: |a, b| a * b, [b, a];
    /// Elementwise, with broadcasting.
    Div, div, Quotient: |a, b| a / b, [T::ONE / b, -(a / b) / b];
}

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident, $rule:ident: |$a:ident, $b:ident| $value:expr, $slopes:expr;)*) => {
        $(rule! { $name, $rule: |$a, $b| $value, $slopes })*

        impl<'t, T: Real> Var<'t, T> {
            $(
                $(#[$doc])*
                ///
                /// # Panics
                /// If the shapes cannot be broadcast.
                #[track_caller]
                pub fn $name(self, other: Var<'t, T>) -> Var<'t, T> {
                    combine($rule, self, other)
                }
            )*
        }
    };
}

methods! {
    /// The elementwise maximum, with broadcasting; NaN if either is NaN. Equal operands each get half of the gradient.
    maximum, Maximum: |a, b| greater(a, b), shares(a, b);
    /// The elementwise minimum, with broadcasting; NaN if either is NaN. Equal operands each get half of the gradient.
    minimum, Minimum: |a, b| -greater(-a, -b), shares(b, a);
}

#[inline(always)]
fn greater<T: Real>(a: T, b: T) -> T {
    // The comparison is false if b is NaN, which is then the result; a NaN in a is returned too.
    let greater = if a > b { a } else { b };
    if a.is_nan() { a } else { greater }
}

/// The shares of the gradient of a and b: the greater one gets all.
#[inline(always)]
fn shares<T: Real>(a: T, b: T) -> [T; 2] {
    let half = T::from_f64(0.5);
    let not_less = if a > b { T::ONE } else { half };
    let a_share = if a < b { T::ZERO } else { not_less };
    [a_share, T::ONE - a_share]
}

#[track_caller]
fn combine<'t, T: Real, F: Binary<T> + 't>(f: F, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let shape = result_shape(F::NAME, a, b);
    a.tape().record(Combine(f), &[a, b], [shape])[0]
}

/// The shape that two operands of `name` are broadcast to.
///
/// # Panics
/// If they cannot be broadcast.
#[track_caller]
pub(crate) fn result_shape<T: Real>(name: &str, a: Var<'_, T>, b: Var<'_, T>) -> Shape {
    let Some(shape) = broadcast_shape(a.shape(), b.shape()) else {
        panic!(
            "{name}: the shapes {:?} and {:?} cannot be broadcast; counted from the last axis, lengths must be equal or one of them 1",
            a.shape(),
            b.shape()
        );
    };
    shape
}

#[derive(Clone, Copy)]
struct Combine<F>(F);

impl<T: Real, F: Binary<T>> Operation<T> for Combine<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn form(&self) -> Form {
        F::FORM
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::ElementwisePair(F::NAME))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        let shape = io.output_shape(0);
        let out = io.output(0);
        if a.shape == b.shape {
            map(Value(self.0), [a.data, b.data], out, Write::Store);
            return;
        }
        broadcast_binary::forward(self.0, &broadcast(shape, [a.shape, b.shape]), [a.data, b.data], out);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let operands = [io.input(0), io.input(1)];
        let g = io.upstream(0).expect("the only output");
        let [a, b] = operands.map(|operand| operand.data);
        if operands[0].shape == operands[1].shape {
            io.accumulate(0, |target, write| map(Part::<_, 0>(self.0), [g, a, b], target, write));
            io.accumulate(1, |target, write| map(Part::<_, 1>(self.0), [g, a, b], target, write));
            return;
        }
        let layout = broadcast(io.output(0).shape, operands.map(|operand| operand.shape));
        let backward = Backward { f: self.0, layout: &layout, operands: [a, b], g };
        io.accumulate(0, |target, write| backward.to_operand::<0>(target, write));
        io.accumulate(1, |target, write| backward.to_operand::<1>(target, write));
    }
}
