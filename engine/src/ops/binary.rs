//! Elementwise operations of two variables, with broadcasting.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::reduce::sum_map;
use crate::ops::broadcast::{Layout, broadcast_shape};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

/// A function of two numbers and its two partial derivatives.
trait Binary<T: Real>: Copy + Sync {
    const NAME: &'static str;

    fn value(self, a: T, b: T) -> T;

    /// ∂/∂a and ∂/∂b.
    fn slopes(self, a: T, b: T) -> [T; 2];
}

macro_rules! table {
    ($($(#[$doc:meta])* $trait:ident, $name:ident, $rule:ident: |$a:ident, $b:ident| $value:expr, [$da:expr, $db:expr];)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule;

        #[allow(unused_variables)]
        impl<T: Real> Binary<T> for $rule {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn value(self, $a: T, $b: T) -> T {
                $value
            }

            #[inline(always)]
            fn slopes(self, $a: T, $b: T) -> [T; 2] {
                [$da, $db]
            }
        }

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

table! {
    /// Elementwise, with broadcasting.
    Add, add, Sum: |a, b| a + b, [T::ONE, T::ONE];
    /// Elementwise, with broadcasting.
    Sub, sub, Difference: |a, b| a - b, [T::ONE, -T::ONE];
    /// Elementwise, with broadcasting.
    Mul, mul, Product: |a, b| a * b, [b, a];
    /// Elementwise, with broadcasting.
    Div, div, Quotient: |a, b| a / b, [T::ONE / b, -a / (b * b)];
}

impl<'t, T: Real> Add<f64> for Var<'t, T> {
    type Output = Var<'t, T>;

    #[track_caller]
    fn add(self, shift: f64) -> Var<'t, T> {
        self.scale_shift(1.0, shift)
    }
}

impl<'t, T: Real> Sub<f64> for Var<'t, T> {
    type Output = Var<'t, T>;

    #[track_caller]
    fn sub(self, shift: f64) -> Var<'t, T> {
        self.scale_shift(1.0, -shift)
    }
}

impl<'t, T: Real> Mul<f64> for Var<'t, T> {
    type Output = Var<'t, T>;

    #[track_caller]
    fn mul(self, scale: f64) -> Var<'t, T> {
        self.scale_shift(scale, 0.0)
    }
}

impl<'t, T: Real> Div<f64> for Var<'t, T> {
    type Output = Var<'t, T>;

    #[track_caller]
    fn div(self, divisor: f64) -> Var<'t, T> {
        self.scale_shift(1.0 / divisor, 0.0)
    }
}

impl<'t, T: Real> Neg for Var<'t, T> {
    type Output = Var<'t, T>;

    #[track_caller]
    fn neg(self) -> Var<'t, T> {
        Var::neg(self)
    }
}

#[track_caller]
fn combine<'t, T: Real, F: Binary<T> + 't>(f: F, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let Some(shape) = broadcast_shape(a.shape(), b.shape()) else {
        panic!(
            "{}: the shapes {:?} and {:?} do not fit; from the last axis on, lengths must be equal or one of them 1",
            F::NAME,
            a.shape(),
            b.shape()
        );
    };
    a.tape().record(Combine(f), &[a, b], [shape])[0]
}

#[derive(Clone, Copy)]
struct Combine<F>(F);

impl<T: Real, F: Binary<T>> Operation<T> for Combine<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        let layout = Layout::new(io.output_shape(0), [a.shape, b.shape]);
        let out = io.output(0);
        layout.for_each(|row| {
            let out = &mut out[row.start..][..layout.row];
            let [a, b] = [(a.data, 0), (b.data, 1)].map(|(data, k)| &data[row.offsets[k]..]);
            let value = Value(self.0);
            match layout.moves {
                [true, true] => map(value, [&a[..layout.row], &b[..layout.row]], out, Write::Store),
                [true, false] => map(Fixed(value, [None, Some(b[0])]), [&a[..layout.row]], out, Write::Store),
                [false, true] => map(Fixed(value, [Some(a[0]), None]), [&b[..layout.row]], out, Write::Store),
                [false, false] => out.fill(self.0.value(a[0], b[0])),
            }
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (a, b) = (io.input(0), io.input(1));
        let shape = io.output(0).shape;
        let g = io.upstream(0).expect("the only output");
        let layout = Layout::new(shape, [a.shape, b.shape]);
        for k in 0..2 {
            io.accumulate(k, |target, write| {
                // An operand that is repeated gets the sum over its repetitions.
                if write == Write::Store && g.is_empty() {
                    target.fill(T::ZERO);
                }
                layout.for_each(|row| {
                    let g = &g[row.start..][..layout.row];
                    let [a, b] = [(a.data, 0), (b.data, 1)].map(|(data, k)| &data[row.offsets[k]..]);
                    let part = Part(self.0, k);
                    let target = &mut target[row.offsets[k]..];
                    let write = if row.first[k] { write } else { Write::Add };
                    if layout.moves[k] {
                        let target = &mut target[..layout.row];
                        match layout.moves {
                            [true, true] => map(part, [g, &a[..layout.row], &b[..layout.row]], target, write),
                            [true, false] => map(FixedPart(part, 1, b[0]), [g, &a[..layout.row]], target, write),
                            _ => map(FixedPart(part, 0, a[0]), [g, &b[..layout.row]], target, write),
                        }
                    } else {
                        let sum = match layout.moves {
                            [true, _] => sum_map(FixedPart(part, 1, b[0]), [g, &a[..layout.row]]),
                            [_, true] => sum_map(FixedPart(part, 0, a[0]), [g, &b[..layout.row]]),
                            _ => sum_map(part, [g, &a[..1], &b[..1]]),
                        };
                        let sum = T::from_f64(sum);
                        target[0] = if write == Write::Store { sum } else { target[0] + sum };
                    }
                });
            });
        }
    }
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<T: Real, F: Binary<T>> Elementwise<T, 2> for Value<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [T; 2]) -> T {
        self.0.value(a, b)
    }
}

/// A function of two numbers, one of which is the same along a row.
#[derive(Clone, Copy)]
struct Fixed<V, T>(V, [Option<T>; 2]);

impl<T: Real, V: Elementwise<T, 2>> Elementwise<T, 1> for Fixed<V, T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        let [a, b] = self.1;
        self.0.apply::<S>([a.unwrap_or(x), b.unwrap_or(x)])
    }
}

/// Upstream adjoint times the partial derivative with respect to operand `1`.
#[derive(Clone, Copy)]
struct Part<F>(F, usize);

impl<T: Real, F: Binary<T>> Elementwise<T, 3> for Part<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, a, b]: [T; 3]) -> T {
        g * self.0.slopes(a, b)[self.1]
    }
}

/// A [`Part`] whose operand `1` (0 or 1) is the same along a row.
#[derive(Clone, Copy)]
struct FixedPart<P, T>(P, usize, T);

impl<T: Real, P: Elementwise<T, 3>> Elementwise<T, 2> for FixedPart<P, T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, x]: [T; 2]) -> T {
        let (a, b) = if self.1 == 0 { (self.2, x) } else { (x, self.2) };
        self.0.apply::<S>([g, a, b])
    }
}
