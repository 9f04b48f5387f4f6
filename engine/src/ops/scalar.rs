//! Arithmetic operators with a plain number on one side, each a single elementwise operation.

use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::{Real, Var};

macro_rules! with_number {
    ($($trait:ident, $name:ident: |$x:ident, $number:ident| $right:expr, $left:expr;)*) => {$(
        impl<'t, T: Real> $trait<f64> for Var<'t, T> {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, $number: f64) -> Var<'t, T> {
                let $x = self;
                $right
            }
        }

        impl<'t, T: Real> $trait<Var<'t, T>> for f64 {
            type Output = Var<'t, T>;

            #[track_caller]
            fn $name(self, $x: Var<'t, T>) -> Var<'t, T> {
                let $number = self;
                $left
            }
        }
    )*};
}

// The number on the right, and on the left.
with_number! {
    Add, add: |x, n| x.scale_shift(1.0, n), x.scale_shift(1.0, n);
    Sub, sub: |x, n| x.scale_shift(1.0, -n), x.scale_shift(-1.0, n);
    Mul, mul: |x, n| x.scale_shift(n, 0.0), x.scale_shift(n, 0.0);
    Div, div: |x, n| x.scale_shift(1.0 / n, 0.0), x.recip().scale_shift(n, 0.0);
}

impl<'t, T: Real> Neg for Var<'t, T> {
    type Output = Var<'t, T>;

    #[track_caller]
    fn neg(self) -> Var<'t, T> {
        self.scale_shift(-1.0, 0.0)
    }
}
