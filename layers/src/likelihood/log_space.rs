//! Differences of probabilities by their logarithms, on the tape.

use std::f64::consts::LN_2;

use crate::engine::{Real, Var};

/// ln(1 − e^(−x)) for x > 0.
pub(super) fn ln_one_minus_exp<'t, T: Real>(x: Var<'t, T>) -> Var<'t, T> {
    // Each form keeps its digits on its side of ln 2; the arguments of the other are replaced by a harmless one.
    let is_small = x.lt(LN_2);
    let one = x.tape().constant([], |_| T::ONE);
    let small = (-(-is_small.select(x, one)).exp_m1()).ln();
    let large = (-(-is_small.select(one, x)).exp()).ln_1p();
    is_small.select(small, large)
}

/// ln(Φ(high) − Φ(low)) for low < high, with the standard normal distribution function Φ.
pub(super) fn ln_normal_interval<'t, T: Real>(low: Var<'t, T>, high: Var<'t, T>) -> Var<'t, T> {
    // Above 0, the probabilities of the mirrored interval keep their digits.
    let is_above = low.gt(0.0);
    let (from, to) = (is_above.select(-high, low), is_above.select(-low, high));
    let (less, more) = (from.ln_normal_cdf(), to.ln_normal_cdf());
    more + ln_one_minus_exp(more - less)
}
