//! `pow`, `atan2`, `xlogy` and `ln_add_exp`: elementwise functions of two variables with costly kernels.

use crate::kernels::Write;
use crate::kernels::map::{Chain, map, scale};
use crate::kernels::reduce::sum;
use crate::kernels::special::{Pairing, apply_pairing};
use crate::ops::binary::result_shape;
use crate::ops::broadcast::broadcast;
use crate::ops::layout::Layout;
use crate::ops::zero_weights;
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var, View};

impl<'t, T: Real> Var<'t, T> {
    /// Raises this to the power of `exponent`, elementwise, with broadcasting and with the special cases of C's `pow`:
    /// x⁰ is 1, and a negative base gives NaN unless the exponent is an integer. The derivative with respect to the
    /// exponent is 0 where the base is 0 and the power is finite.
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn pow(self, exponent: Var<'t, T>) -> Var<'t, T> {
        let slopes = [Pairing::PowerToBase, Pairing::PowerToExponent];
        pair(Paired { name: "pow", value: Pairing::Power, slopes }, self, exponent)
    }

    /// The angle in radians, −π to π, of the point (`x`, this), elementwise, with broadcasting and with the special
    /// cases of C's `atan2`. At the origin, where it is not differentiable, and at infinity its derivatives are 0.
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn atan2(self, x: Var<'t, T>) -> Var<'t, T> {
        let slopes = [Pairing::AngleToHeight, Pairing::AngleToWidth];
        pair(Paired { name: "atan2", value: Pairing::Angle, slopes }, self, x)
    }

    /// x ln y of this x and `y`, elementwise, with broadcasting; 0 where x is 0, whatever y (NaN stays NaN), and so is the
    /// derivative by y. A cross-entropy of probabilities, −Σ x ln y, allows outcomes that never occur.
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn xlogy(self, y: Var<'t, T>) -> Var<'t, T> {
        let slopes = [Pairing::XLogYToFirst, Pairing::XLogYToSecond];
        pair(Paired { name: "xlogy", value: Pairing::XLogY, slopes }, self, y)
    }

    /// ln(eᵃ + eᵇ) of this and `other`, elementwise, with broadcasting and without overflow. Equal operands share the
    /// gradient evenly, also if infinite. A weight that is 0 in either, as in ln p + x, gets its derivative: see
    /// [`log_sum_exp`](Var::log_sum_exp).
    ///
    /// # Panics
    /// If the shapes cannot be broadcast.
    #[track_caller]
    pub fn ln_add_exp(self, other: Var<'t, T>) -> Var<'t, T> {
        let slopes = [Pairing::LnAddExpToFirst, Pairing::LnAddExpToSecond];
        let y = pair(Paired { name: "ln_add_exp", value: Pairing::LnAddExp, slopes }, self, other);
        zero_weights::with_weights(y, [self, other], true)
    }
}

#[track_caller]
fn pair<'t, T: Real>(paired: Paired, a: Var<'t, T>, b: Var<'t, T>) -> Var<'t, T> {
    let shape = result_shape(paired.name, a, b);
    a.tape().record(paired, &[a, b], [shape])[0]
}

/// Broadcast operands are copied to the result's shape: these functions cost more than a copy.
#[derive(Clone, Copy)]
struct Paired {
    name: &'static str,
    value: Pairing,
    /// The derivatives with respect to both.
    slopes: [Pairing; 2],
}

impl<T: Real> Operation<T> for Paired {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::ElementwisePair(self.name))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (operands, shape, len) = ([io.input(0), io.input(1)], io.output_shape(0), io.output(0).len());
        let operands = operands.map(|operand| repeated(operand, shape, || io.scratch(len)));
        apply_pairing(self.value, operands, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (inputs, shape) = ([io.input(0), io.input(1)], io.output(0).shape);
        let g = io.upstream(0).expect("the only output");
        let operands = inputs.map(|operand| repeated(operand, shape, || io.scratch(g.len())));
        let slopes = io.scratch(g.len());
        let parts = io.scratch(g.len());
        for (k, input) in inputs.iter().enumerate() {
            if !io.is_wanted(k) {
                continue;
            }
            apply_pairing(self.slopes[k], operands, slopes);
            map(Chain, [g, slopes], parts, Write::Store);
            let layout = broadcast(shape, [input.shape]);
            io.accumulate(k, |target, write| gather(&layout, parts, target, write));
        }
    }
}

/// The elements of an operand, repeated to the result's shape.
fn repeated<'a, T: Real>(x: View<'a, T>, shape: &[usize], room: impl FnOnce() -> &'a mut [T]) -> &'a [T] {
    if x.shape == shape {
        return x.data;
    }
    let out = room();
    repeat(&broadcast(shape, [x.shape]), x.data, out);
    out
}

/// Repeats an operand to the result's shape.
fn repeat<T: Real>(layout: &Layout<1>, x: &[T], out: &mut [T]) {
    for row in layout.all() {
        let out = &mut out[row.start..][..layout.row];
        match layout.strides[0] {
            0 => out.fill(x[row.offsets[0]]),
            _ => out.copy_from_slice(&x[row.offsets[0]..][..layout.row]),
        }
    }
}

/// The adjoint of `repeat`: sums over the repetitions of each element.
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
            write.put(part, target);
        } else {
            scale(T::ONE, parts, &mut target[row.offsets[0]..][..layout.row], write);
        }
    }
}
