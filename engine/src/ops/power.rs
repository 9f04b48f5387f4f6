//! Powers, to a number or to another variable.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::reduce::sum;
use crate::kernels::special::{powers, powers_to};
use crate::ops::binary::fitting_shape;
use crate::ops::broadcast::broadcast;
use crate::ops::layout::Layout;
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// This to the power of `exponent`, elementwise, with broadcasting and with the special cases of C's `pow`: x⁰ is 1,
    /// and a negative number has powers to integers only. The derivative with respect to an exponent is 0 where the base
    /// is 0 and the power finite.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn pow(self, exponent: Var<'t, T>) -> Var<'t, T> {
        let shape = fitting_shape("pow", self, exponent);
        self.tape().record(Power, &[self, exponent], [shape])[0]
    }

    /// This to the power of a number, with the special cases of C's `pow`.
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

    /// This to the power of an integer.
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

/// Of a slope that lacks the exponent; x⁰ has none, even where x⁻¹ is infinite.
#[derive(Clone, Copy)]
struct ToNumber<T> {
    exponent: T,
}

impl<T: Real> Elementwise<T, 2> for ToNumber<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [slope, g]: [T; 2]) -> T {
        if self.exponent == T::ZERO { T::ZERO } else { self.exponent * slope * g }
    }
}

/// Operands of other shapes than the result's are repeated in memory: a power costs more than a copy.
#[derive(Clone, Copy)]
struct Power;

impl<T: Real> Operation<T> for Power {
    fn name(&self) -> &'static str {
        "pow"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (operands, shape) = ([io.input(0), io.input(1)], io.output_shape(0));
        let elements = io.output(0).len();
        let [x, exponents] = operands.map(|operand| {
            if operand.shape == shape {
                return operand.data;
            }
            let repeated = io.scratch(elements);
            repeat(&broadcast(shape, [operand.shape]), operand.data, repeated);
            repeated
        });
        powers(x, exponents, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (operands, y) = ([io.input(0), io.input(1)], io.output(0));
        let g = io.upstream(0).expect("the only output");
        let [x, exponents] = operands.map(|operand| {
            if operand.shape == y.shape {
                return operand.data;
            }
            let repeated = io.scratch(g.len());
            repeat(&broadcast(y.shape, [operand.shape]), operand.data, repeated);
            repeated
        });
        let parts = io.scratch(g.len());
        if io.is_wanted(0) {
            let less_one = io.scratch(g.len());
            map(LessOne, [exponents], less_one, Write::Store);
            powers(x, less_one, parts);
            let lower = io.scratch(g.len());
            lower.copy_from_slice(parts);
            map(ToBase, [lower, exponents, g], parts, Write::Store);
            let layout = broadcast(y.shape, [operands[0].shape]);
            io.accumulate(0, |target, write| gather(&layout, parts, target, write));
        }
        if io.is_wanted(1) {
            map(ToExponent, [x, exponents, y.data, g], parts, Write::Store);
            let layout = broadcast(y.shape, [operands[1].shape]);
            io.accumulate(1, |target, write| gather(&layout, parts, target, write));
        }
    }
}

/// An operand repeated to the result's shape.
fn repeat<T: Real>(layout: &Layout<1>, x: &[T], out: &mut [T]) {
    for row in layout.all() {
        let out = &mut out[row.start..][..layout.row];
        match layout.strides[0] {
            0 => out.fill(x[row.offsets[0]]),
            _ => out.copy_from_slice(&x[row.offsets[0]..][..layout.row]),
        }
    }
}

/// The way back: the sum over the repetitions of each element.
fn gather<T: Real>(layout: &Layout<1>, parts: &[T], target: &mut [T], write: Write) {
    if layout.rows == 0 && write == Write::Store {
        target.fill(T::ZERO);
    }
    for row in layout.all() {
        let parts = &parts[row.start..][..layout.row];
        let write = if row.first[0] { write } else { Write::Add };
        if layout.strides[0] == 0 {
            let part = T::from_f64(sum(parts));
            let target = &mut target[row.offsets[0]];
            *target = if write == Write::Store { part } else { *target + part };
        } else {
            crate::kernels::map::scale(T::ONE, parts, &mut target[row.offsets[0]..][..layout.row], write);
        }
    }
}

#[derive(Clone, Copy)]
struct LessOne;

impl<T: Real> Elementwise<T, 1> for LessOne {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        x - T::ONE
    }
}

/// g · b · aᵇ⁻¹, from the power.
#[derive(Clone, Copy)]
struct ToBase;

impl<T: Real> Elementwise<T, 3> for ToBase {
    #[inline(always)]
    fn apply<S: Simd>(self, [lower, exponent, g]: [T; 3]) -> T {
        if exponent == T::ZERO { T::ZERO } else { g * (exponent * lower) }
    }
}

/// g · aᵇ · ln a.
#[derive(Clone, Copy)]
struct ToExponent;

impl<T: Real> Elementwise<T, 4> for ToExponent {
    #[inline(always)]
    fn apply<S: Simd>(self, [base, exponent, y, g]: [T; 4]) -> T {
        let part = g * (y * base.ln::<S>());
        if base == T::ZERO && exponent >= T::ZERO { T::ZERO } else { part }
    }
}
