//! Rotary positions.

use crate::engine::{Real, Var};

/// Rotary positions (Su et al. 2021, "RoFormer", equation 34) of x (.., steps, features): at step t, features i and
/// i + features / 2 are rotated by the angle t / `base`^(2i / features). The product of a query and a key that were rotated so
/// depends on their steps through the distance only. The usual base is 10,000.
///
/// The pairs are those of GPT-NeoX and of Llama's weights at Hugging Face.
///
/// ```
/// use elbo::nn::rotary;
/// use elbo::prelude::*;
///
/// let tape = Tape::new();
/// let x = tape.constant([3, 4], |i| i as f32);
/// assert_eq!(rotary(x, 10_000.0).at(0, 0).value(), x.at(0, 0).value());
/// ```
///
/// # Panics
/// If `x` has fewer than two axes or an odd number of features, or if `base` is below 1 or not finite.
#[track_caller]
pub fn rotary<T: Real>(x: Var<'_, T>, base: f64) -> Var<'_, T> {
    check_base(base);
    let (&[.., steps, features], shape) = (x.shape(), x.shape()) else {
        panic!("rotary: got x of shape {:?}, expected (.., steps, features)", x.shape());
    };
    assert!(
        features % 2 == 0 && features > 0,
        "rotary: got x of shape {shape:?} with {features} features, expected (.., steps, features) with an even number"
    );
    let half = features / 2;
    // In double precision: an angle of many turns must keep its fraction.
    let angle = |i: usize| (i / half) as f64 * base.powf(-((i % half) as f64) / half as f64);
    let cos = x.tape().constant([steps, half], |i| T::from_f64(angle(i).cos()));
    let sin = x.tape().constant([steps, half], |i| T::from_f64(angle(i).sin()));
    let [a, b] = x.split(-1, [half, half]);
    Var::concat(&[a * cos - b * sin, b * cos + a * sin], -1)
}

/// Checks the base of rotary positions: angles are then finite.
#[track_caller]
pub(super) fn check_base(base: f64) {
    assert!(base >= 1.0 && base.is_finite(), "rotary: the base must be at least 1 and finite, got {base}");
}
