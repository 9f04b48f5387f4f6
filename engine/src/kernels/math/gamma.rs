//! Constants and helpers of the functions related to Γ, all in double precision for both formats.
//!
//! For 0 < x < 8 the recurrence leads to [¾, 9/4), where a polynomial is used; from 8 on, Stirling's series. Negative x
//! are reflected, with sin πx and cos πx from x mod 1, which is exact.

use std::f64::consts::PI;

use super::exact::two_product;
use super::format::Format;
use super::quadrant::sin_from;
use crate::kernels::dispatch::Simd;

/// From this x on, Stirling's series is used.
pub(super) const LARGE: f64 = 8.0;

/// The centre of the polynomials.
pub(super) const CENTER: f64 = 1.5;

/// Below this, the argument is shifted up by one instead of down.
pub(super) const LOW: f64 = 0.75;

/// sin πx and cos πx for x ≥ 0, up to the common sign for odd ⌊x⌉, which cancels in their products and quotients.
#[inline(always)]
pub(super) fn sin_cos_pi<S: Simd>(x: f64) -> (f64, f64) {
    // From here on all numbers are integers; adding it to a smaller number rounds to an integer.
    let large = 0.5 * f64::LIFT;
    let whole = if x < large { (x + large) - large } else { x };
    let f = x - whole;
    let (r, rest) = two_product::<S, f64>(f, PI);
    let r = (r, rest + f * PI_REST);
    // The polynomials are valid up to π/4; for larger |f|, up to ½, use the other function of the complement.
    let complement = 0.5 - f.magnitude();
    let (c, c_rest) = two_product::<S, f64>(complement, PI);
    let c = (c, c_rest + complement * PI_REST);
    let near = f.magnitude() <= 0.25;
    let sin_near = sin_from::<S>(0, if near { r } else { c });
    let cos_near = sin_from::<S>(1, if near { r } else { c });
    let (sin, cos) = if near { (sin_near, cos_near) } else { (cos_near.with_sign_of(f), sin_near) };
    (sin, cos)
}

/// π minus its rounded value.
const PI_REST: f64 = 1.224_646_799_147_353_2e-16;
