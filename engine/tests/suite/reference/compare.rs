//! When a result counts as the reference's.

use elbo_engine::Real;

/// The largest error, in units of the number type's epsilon and of the largest element of the tensor (of each element
/// in cases of extreme values). The largest seen is 12.8 in f32 and 11.9 in f64, both in the gradient of `inverse_5x5`,
/// whose matrix has a condition number of 67; in all other cases it is 7.3.
const ROUNDINGS: f64 = 32.0;

/// Elements whose inputs, rounded to f32, have another right value: beside a pole, a root, or out of the range of f32.
/// The values are mpmath's (1.4, with 50 digits) of the rounded inputs.
const RIGHT_IN_SINGLE: [(&str, usize, f64); 9] = [
    // 1e-6 beside the pole of ln(1 + x).
    ("log1p_extreme, value", 0, -13.802_318_989_382_47),
    ("log1p_extreme, gradient of log1p_extreme/x", 0, -1_036_744.711_800_937),
    // 1e-3 beside the roots of ln Γ, and 2e-16 beside that of ψ.
    ("lgamma_extreme, value", 4, 5.780_310_802_754_651e-4),
    ("lgamma_extreme, value", 6, -5.764_204_947_818_381e-4),
    ("lgamma_extreme, value", 8, 4.230_760_449_814_654e-4),
    ("digamma_extreme, value", 4, -1.203_605_254_910_667e-8),
    // 1e300 and 1e100 are infinite, 1e-300 is 0.
    ("log1p_extreme, value", 8, f64::INFINITY),
    ("lgamma_extreme, value", 0, f64::INFINITY),
    ("lgamma_extreme, gradient of lgamma_extreme/x", 14, f64::INFINITY),
];

/// How far the results of one tensor may be from the reference.
pub(crate) struct Tolerance {
    pub(crate) elementwise: bool,
    /// Allowed besides what is relative.
    pub(crate) absolute: f64,
}

impl Tolerance {
    /// The first element of `ours` that is wrong, in words. A right value outside the range of `T` has to give the
    /// infinity or the zero of its sign; besides that, nothing that is not finite passes.
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
            // Subnormal numbers are a fixed step apart.
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
    fn refused<T: Real>(what: &str, elementwise: bool, x: f64, reference: f64) -> bool {
        Tolerance { elementwise, absolute: 0.0 }.error(what, &[T::from_f64(x)], &[reference]).is_some()
    }
    for elementwise in [false, true] {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for right in [0.0, 1.0, -1e-300, 3e38, 1e300] {
                assert!(refused::<f64>("case, value", elementwise, wrong, right), "{wrong} for {right} in f64");
                // Single precision holds 1e300 as an infinity.
                let held = wrong == f64::INFINITY && right == 1e300;
                assert_eq!(
                    refused::<f32>("case, value", elementwise, wrong, right),
                    !held,
                    "{wrong} for {right} in f32"
                );
            }
        }
        assert!(refused::<f32>("case, value", elementwise, 0.0, 1e300));
        assert!(!refused::<f32>("case, value", elementwise, 0.0, -1e-300));
        for wrong in [f64::NAN, f64::NEG_INFINITY, 690.0] {
            assert!(refused::<f32>("lgamma_extreme, value", elementwise, wrong, 690.775));
        }
        assert!(!refused::<f32>("lgamma_extreme, value", elementwise, f64::INFINITY, 690.775));
        assert!(refused::<f64>("lgamma_extreme, value", elementwise, f64::INFINITY, 690.775));
    }
}
