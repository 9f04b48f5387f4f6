//! The tolerances within which a result matches the reference.

use elbo_engine::Real;

/// The largest error, in units of the scalar type's epsilon and of the largest element of the tensor (of each element
/// in cases of extreme values). The largest observed is 12.8 in f32 and 11.9 in f64, both in the gradient of
/// `inverse_5x5`, whose matrix has a condition number of 67; in all other cases it is 7.3.
const ROUNDINGS: f64 = 32.0;

/// Elements whose correct value changes when their inputs are rounded to f32: near a pole or a root, or outside the
/// range of f32. The values are mpmath's (1.4, with 50 digits) for the rounded inputs.
const RIGHT_IN_SINGLE: [(&str, usize, f64); 9] = [
    // 1e-6 away from the pole of ln(1 + x).
    ("log1p_extreme, value", 0, -13.802_318_989_382_47),
    ("log1p_extreme, gradient of log1p_extreme/x", 0, -1_036_744.711_800_937),
    // 1e-3 away from the roots of ln Γ, and 2e-16 from that of ψ.
    ("lgamma_extreme, value", 4, 5.780_310_802_754_651e-4),
    ("lgamma_extreme, value", 6, -5.764_204_947_818_381e-4),
    ("lgamma_extreme, value", 8, 4.230_760_449_814_654e-4),
    ("digamma_extreme, value", 4, -1.203_605_254_910_667e-8),
    // 1e300 and 1e100 are infinite, 1e-300 is 0.
    ("log1p_extreme, value", 8, f64::INFINITY),
    ("lgamma_extreme, value", 0, f64::INFINITY),
    ("lgamma_extreme, gradient of lgamma_extreme/x", 14, f64::INFINITY),
];

/// The tolerance for one tensor.
pub(crate) struct Tolerance {
    pub(crate) elementwise: bool,
    /// The absolute tolerance, added to the relative one.
    pub(crate) absolute: f64,
}

impl Tolerance {
    /// A message about the first wrong element of `ours`. If the correct value is outside the range of `T`, the
    /// infinity or zero with its sign is expected; all other non-finite values are errors.
    fn error<T: Real>(&self, what: &str, ours: &[T], reference: &[f64]) -> Option<String> {
        assert_eq!(ours.len(), reference.len(), "{what}");
        assert!(reference.iter().all(|x| x.is_finite()), "{what}: the reference is not finite");
        let single = T::NAME == "f32";
        let [epsilon, normal] =
            if single { [f32::EPSILON, f32::MIN_POSITIVE].map(f64::from) } else { [f64::EPSILON, f64::MIN_POSITIVE] };
        let largest = reference.iter().fold(0.0, |largest: f64, x| largest.max(x.abs()));
        ours.iter().zip(reference).enumerate().find_map(|(i, (&x, &reference))| {
            let own = RIGHT_IN_SINGLE.iter().find(|(case, element, _)| single && *case == what && *element == i);
            let right = own.map_or(reference, |&(.., right)| right);
            let scale = if self.elementwise { right.abs() } else { largest };
            // Subnormal numbers have a fixed spacing.
            let bound = ROUNDINGS * epsilon * scale + epsilon * normal + self.absolute;
            let near = right.is_finite() && (x.to_f64() - right).abs() <= bound;
            let held = T::from_f64(right).to_f64();
            (!near && x.to_f64() != held).then(|| {
                format!("{what}, element {i} in {}: {x:e} instead of {right:e}; the bound is {bound:e}", T::NAME)
            })
        })
    }

    #[track_caller]
    pub(crate) fn check<T: Real>(&self, what: &str, ours: &[T], reference: &[f64]) {
        let error = self.error(what, ours, reference);
        assert!(error.is_none(), "{}", error.unwrap_or_default());
    }
}

#[test]
fn a_wrong_nan_or_infinity_is_an_error() {
    fn rejected<T: Real>(what: &str, elementwise: bool, x: f64, reference: f64) -> bool {
        Tolerance { elementwise, absolute: 0.0 }.error(what, &[T::from_f64(x)], &[reference]).is_some()
    }
    for elementwise in [false, true] {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for right in [0.0, 1.0, -1e-300, 3e38, 1e300] {
                assert!(rejected::<f64>("case, value", elementwise, wrong, right), "{wrong} for {right} in f64");
                // Single precision holds 1e300 as an infinity.
                let held = wrong == f64::INFINITY && right == 1e300;
                assert_eq!(
                    rejected::<f32>("case, value", elementwise, wrong, right),
                    !held,
                    "{wrong} for {right} in f32"
                );
            }
        }
        assert!(rejected::<f32>("case, value", elementwise, 0.0, 1e300));
        assert!(!rejected::<f32>("case, value", elementwise, 0.0, -1e-300));
        for wrong in [f64::NAN, f64::NEG_INFINITY, 690.0] {
            assert!(rejected::<f32>("lgamma_extreme, value", elementwise, wrong, 690.775));
        }
        assert!(!rejected::<f32>("lgamma_extreme, value", elementwise, f64::INFINITY, 690.775));
        assert!(rejected::<f64>("lgamma_extreme, value", elementwise, f64::INFINITY, 690.775));
    }
}
