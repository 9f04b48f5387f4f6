//! Differences of probabilities by their logarithms, on the tape.

use std::f64::consts::LN_2;

use crate::engine::{Real, Var};

/// ½ ln 2π.
pub(super) const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

/// ln(1 − e^(−x)) for x > 0.
pub(super) fn ln_one_minus_exp<'t, T: Real>(x: Var<'t, T>) -> Var<'t, T> {
    // Each form keeps its digits on its side of ln 2; the arguments of the other are replaced by a harmless one.
    let is_small = x.lt(LN_2);
    let one = x.tape().constant([], |_| T::ONE);
    let small = (-(-is_small.select(x, one)).exp_m1()).ln();
    let large = (-(-is_small.select(one, x)).exp()).ln_1p();
    is_small.select(small, large)
}
