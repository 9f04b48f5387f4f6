//! Powers with a constant exponent.

use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::special::powers_to;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Raises every element to a constant power, with the special cases of C's `pow`.
    ///
    /// # Panics
    /// If the exponent is NaN or infinite.
    #[track_caller]
    pub fn powf(self, exponent: f64) -> Var<'t, T> {
        assert!(exponent.is_finite(), "powf: the exponent is {exponent}; expected a finite number");
        if exponent == 2.0 {
            return self.square();
        }
        self.tape().record(PowerTo { exponent }, &[self], [self.shape()])[0]
    }

    /// Raises every element to an integer power.
    #[track_caller]
    pub fn powi(self, exponent: i32) -> Var<'t, T> {
        self.powf(f64::from(exponent))
    }
}

#[derive(Clone, Copy)]
struct PowerTo {
    exponent: f64,
}

impl<T: Real> Operation<T> for PowerTo {
    fn name(&self) -> &'static str {
        "powf"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Elementwise("powf", vec![self.exponent]))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        powers_to(T::from_f64(self.exponent), io.input(0).data, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0).data;
        let g = io.upstream(0).expect("the only output");
        let slopes = io.scratch(x.len());
        powers_to(T::from_f64(self.exponent - 1.0), x, slopes);
        let exponent = T::from_f64(self.exponent);
        io.accumulate(0, |target, write| map(ToNumber { exponent }, [slopes, g], target, write));
    }
}

/// Multiplies a slope by the exponent; exponent 0 gives 0, even where x⁻¹ is infinite.
#[derive(Clone, Copy)]
struct ToNumber<T> {
    exponent: T,
}

impl<T: Real> Elementwise<T, 2> for ToNumber<T> {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [slope, g]: [T; 2]) -> T {
        if self.exponent == T::ZERO { T::ZERO } else { self.exponent * slope * g }
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [slope, g]: [T; 2]) -> T {
        if self.exponent == T::ZERO { T::ZERO } else { chain(g, self.exponent * slope) }
    }
}
