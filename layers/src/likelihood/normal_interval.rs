//! The probability of an interval under the normal distribution, on the tape, with all digits in the tails and for narrow
//! intervals.

use crate::engine::{Real, Var};
use crate::likelihood::log_space::{HALF_LN_TAU, ln_one_minus_exp};

/// An interval of a standard normal variable, mirrored where needed so that `near` is the end nearer to 0 and
/// near + far ≥ 0. Ends may be infinite.
///
/// With the hazard h(x) = φ(x)/Φ(−x) and the squares completed,
/// ln Φ(−near) − ln Φ(−far) = width (near + far)/2 + ln h(far) − ln h(near), which cancels nothing in the tail.
pub(super) struct NormalInterval<'t, T: Real> {
    is_mirrored: Var<'t, T>,
    near: Var<'t, T>,
    middle: Var<'t, T>,
    width: Var<'t, T>,
    ln_above_near: Var<'t, T>,
    ln_hazard_near: Var<'t, T>,
    /// The ratio of Φ(−near) to Φ(−far), as a logarithm.
    ln_ratio: Var<'t, T>,
    is_narrow: Var<'t, T>,
}

impl<'t, T: Real> NormalInterval<'t, T> {
    /// `width` is high − low > 0; the caller knows it more exactly than the ends' difference.
    pub(super) fn new(low: Var<'t, T>, high: Var<'t, T>, width: Var<'t, T>) -> Self {
        let is_mirrored = (low + high).lt(0.0);
        let (near, far) = (is_mirrored.select(-high, low), is_mirrored.select(-low, high));
        let middle = (near + far) * 0.5;
        // A difference of two probabilities has an error of about ε/width, the expansion around the middle one of
        // (middle · width)⁴/1920.
        let epsilon = if size_of::<T>() == 4 { f64::from(f32::EPSILON) } else { f64::EPSILON };
        let bound = epsilon.powf(0.2);
        let is_narrow = width.lt(bound) * (width * middle).lt(bound);
        let (ln_above_near, ln_hazard_near) = ((-near).ln_normal_cdf(), ln_hazard(near));
        let in_tail = width * middle + ln_hazard(far) - ln_hazard_near;
        let ln_ratio = near.gt(0.0).select(in_tail, ln_above_near - (-far).ln_normal_cdf());
        NormalInterval { is_mirrored, near, middle, width, ln_above_near, ln_hazard_near, ln_ratio, is_narrow }
    }

    /// The logarithm of its probability.
    pub(super) fn ln_probability(&self) -> Var<'t, T> {
        let narrow = self.width.ln() + self.curvature() - self.middle.square().scale_shift(0.5, HALF_LN_TAU);
        self.is_narrow.select(narrow, self.ln_above_near + ln_one_minus_exp(self.ln_ratio))
    }

    /// The log-density of a point `z` within the interval, which is `from_low` above the low end and `to_high` below the
    /// high one.
    pub(super) fn ln_density(&self, z: Var<'t, T>, from_low: Var<'t, T>, to_high: Var<'t, T>) -> Var<'t, T> {
        let distance = self.is_mirrored.select(to_high, from_low);
        let point = self.near + distance;
        let narrow = (self.width * 0.5 - distance) * (point + self.middle) * 0.5 - self.width.ln() - self.curvature();
        let ln_rest = ln_one_minus_exp(self.ln_ratio);
        let in_tail = self.ln_hazard_near - distance * (distance + self.near * 2.0) * 0.5 - ln_rest;
        let otherwise = z.square().scale_shift(-0.5, -HALF_LN_TAU) - self.ln_above_near - ln_rest;
        self.is_narrow.select(narrow, self.near.gt(0.0).select(in_tail, otherwise))
    }

    /// ln(∫ φ / (width · φ(middle))) of a narrow interval, to the second order.
    fn curvature(&self) -> Var<'t, T> {
        (self.middle.square().scale_shift(1.0, -1.0) * self.width.square() * (1.0 / 24.0)).ln_1p()
    }
}

/// ln φ(x)/Φ(−x).
fn ln_hazard<T: Real>(x: Var<'_, T>) -> Var<'_, T> {
    (-x).inverse_mills_ratio().ln()
}
