//! `Real`: the scalar types of tensors, `f32` and `f64`.

use std::fmt::{Debug, Display, LowerExp};
use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::kernels::conv::Convolve;
use crate::kernels::gemm::Gemm;
use crate::kernels::math::Math;
use crate::kernels::recurrent_cells::Cells;
use crate::kernels::special::Special;
use crate::random::Noise;

/// A scalar type: `f32` (the default everywhere) or `f64` (for checking gradients).
///
/// Generic code compiles from the same source for both, so a result in `f64` checks the code for `f32`.
///
/// Other types cannot implement it: some of its supertraits have no public path. Code that hands out memory as numbers
/// relies on that.
pub trait Real:
    Math
    + Noise
    + Gemm
    + Special
    + Cells
    + Convolve
    + Copy
    + Default
    + PartialEq
    + PartialOrd
    + Debug
    + Display
    + LowerExp
    + Send
    + Sync
    + Sum
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + 'static
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// A positive number, 2⁻⁵⁰ or 2⁻⁴⁸⁰, whose square times the rounding unit is not subnormal: arithmetic with subnormal numbers
    /// is slow.
    const TINY: Self;
    /// The type's name as Rust writes it.
    const NAME: &'static str;

    /// The nearest value to `x`.
    fn from_f64(x: f64) -> Self;

    /// The same value in double precision.
    fn to_f64(self) -> f64;

    /// Whether it is neither infinite nor NaN.
    fn is_finite(self) -> bool;

    /// Whether it is NaN.
    fn is_nan(self) -> bool;
}

macro_rules! real {
    ($type:ty, tiny $tiny:expr) => {
        impl Real for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const TINY: Self = $tiny;
            const NAME: &'static str = stringify!($type);

            #[inline(always)]
            fn from_f64(x: f64) -> Self {
                x as $type
            }

            #[inline(always)]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }

            #[inline(always)]
            fn is_finite(self) -> bool {
                <$type>::is_finite(self)
            }

            #[inline(always)]
            fn is_nan(self) -> bool {
                <$type>::is_nan(self)
            }
        }
    };
}

// Powers of two, by their exponents' bits.
real!(f32, tiny f32::from_bits((127 - 50) << 23));
real!(f64, tiny f64::from_bits((1023 - 480) << 52));
