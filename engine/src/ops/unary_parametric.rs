//! Elementwise functions of one variable with parameters: `leaky_relu`, `elu` and `clamp`.

use crate::kernels::dispatch::Simd;
use crate::ops::unary::{Unary, apply};
use crate::{Real, Var};

macro_rules! table {
    ($($rule:ident($name:literal: $($number:ident),+) |$x:ident, $y:ident| $value:expr, $slope:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule<T> {
            $($number: T,)+
        }

        // Rules bind variables that they do not use, which keeps the table readable.
        #[allow(unused_variables)]
        impl<T: Real> Unary<T> for $rule<T> {
            const NAME: &'static str = $name;

            fn numbers(self) -> Vec<f64> {
                vec![$(self.$number.to_f64()),+]
            }

            #[inline(always)]
            fn value<S: Simd>(self, $x: T) -> T {
                let $rule { $($number),+ } = self;
                $value
            }

            #[inline(always)]
            fn slope<S: Simd>(self, $x: T, $y: T) -> T {
                let $rule { $($number),+ } = self;
                $slope
            }
        }
    )*};
}

table! {
    LeakyRelu("leaky_relu": negative)
        |x, y| if x < T::ZERO { negative * x } else { x },
        if x <= T::ZERO { negative } else { T::ONE };
    Elu("elu": alpha)
        |x, y| if x <= T::ZERO { alpha * x.exp_m1::<S>() } else { x },
        if x <= T::ZERO { alpha * x.exp::<S>() } else { T::ONE };
    Clamp("clamp": low, high)
        |x, y| clamped(x, low, high),
        if x <= low || x >= high { T::ZERO } else { T::ONE };
}

#[inline(always)]
fn clamped<T: Real>(x: T, low: T, high: T) -> T {
    // Both comparisons are false for NaN, which passes through.
    let x = if x < low { low } else { x };
    if x > high { high } else { x }
}

impl<'t, T: Real> Var<'t, T> {
    /// x for positive x and `slope` · x for negative x, with derivative `slope` at 0.
    ///
    /// # Panics
    /// If the slope is NaN or infinite.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Var<'t, T> {
        assert!(slope.is_finite(), "leaky_relu: the slope must be finite, got {slope}");
        apply(LeakyRelu { negative: T::from_f64(slope) }, self)
    }

    /// x for positive x and `alpha` (eˣ − 1) for negative x (Clevert et al. 2016), with derivative `alpha` at 0.
    ///
    /// # Panics
    /// If `alpha` is NaN or infinite.
    #[track_caller]
    pub fn elu(self, alpha: f64) -> Var<'t, T> {
        assert!(alpha.is_finite(), "elu: alpha must be finite, got {alpha}");
        apply(Elu { alpha: T::from_f64(alpha) }, self)
    }

    /// x clamped to \[`low`, `high`\]; either bound may be infinite. The derivative is 1 between the bounds, and 0 on
    /// them and outside.
    ///
    /// # Panics
    /// If `low` is greater than `high`, or either is NaN.
    #[track_caller]
    pub fn clamp(self, low: f64, high: f64) -> Var<'t, T> {
        assert!(low <= high, "clamp: the bound low must not exceed high, got {low} and {high}");
        apply(Clamp { low: T::from_f64(low), high: T::from_f64(high) }, self)
    }
}
