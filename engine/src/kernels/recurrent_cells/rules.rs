//! The elementwise functions of gates and states, and their derivatives, in one table.

use crate::Real;
use crate::kernels::chain::{chain, unless_zero};
use crate::kernels::dispatch::Simd;
use crate::kernels::map::Elementwise;

macro_rules! table {
    ($($(#[$doc:meta])* $rule:ident($count:literal): |$($x:ident),+| $value:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $rule;

        impl<T: Real> Elementwise<T, $count> for $rule {
            #[inline(always)]
            fn apply<S: Simd>(self, [$($x),+]: [T; $count]) -> T {
                $value
            }
        }
    )*};
}

table! {
    SigmoidOfSum(2): |a, b| (a + b).sigmoid::<S>();
    TanhOfSum(2): |a, b| (a + b).tanh::<S>();
    Tanh(1): |x| x.tanh::<S>();
    Product(2): |a, b| a * b;
    Chain(2): |g, slope| chain(g, slope);
    NewCell(4): |i, f, g, cell| f * cell + i * g;
    /// The adjoint of the argument of a logistic function with value `y`, whose product with `factor` has the adjoint
    /// `g`.
    OfSigmoid(3): |g, factor, y| unless_zero(g, g * factor * (y * (T::ONE - y)));
    /// The adjoint of the argument of a hyperbolic tangent with value `y`, in the same way.
    OfTanh(3): |g, factor, y| unless_zero(g, g * factor * (T::ONE - y * y));
    OfNewCell(4): |of_out, o, tanh, of_cell| unless_zero(of_out, of_out * o * (T::ONE - tanh * tanh)) + of_cell;
    NewState(3): |x, r, h| (x + r * h).tanh::<S>();
    /// (1 − z) · new + z · last.
    Between(3): |new, z, last| new + z * (last - new);
    OfNewState(3): |g, z, new| unless_zero(g, g * (T::ONE - z) * (T::ONE - new * new));
    OfBetween(4): |g, last, new, z| unless_zero(g, g * (last - new) * (z * (T::ONE - z)));
}
