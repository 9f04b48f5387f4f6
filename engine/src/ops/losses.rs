//! Losses of predictions and targets of one shape. Those that are negative log-likelihoods hold all their constants, so
//! that they are in nats and can be compared with each other.

use crate::kernels::dispatch::{Portable, Simd};
use crate::ops::count_losses::{HALF_LN_TAU, ln_gamma};
use crate::ops::loss::{Pointwise, Reduction, record};
use crate::{Real, Var};

macro_rules! table {
    ($($rule:ident $({ $($field:ident),* })?, $name:ident: [$x:ident, $y:ident, $z:ident] $value:expr, $slopes:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule {
            $($($field: f64,)*)?
        }

        #[allow(unused_variables)]
        impl<T: Real> Pointwise<T> for $rule {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn value<S: Simd>(self, [$x, $y, $z]: [T; 3]) -> T {
                $($(let $field = T::from_f64(self.$field);)*)?
                $value
            }

            #[inline(always)]
            fn slopes<S: Simd>(self, [$x, $y, $z]: [T; 3]) -> [T; 3] {
                $($(let $field = T::from_f64(self.$field);)*)?
                $slopes
            }
        }
    )*};
}

table! {
    Squared, mse: [x, y, z] (x - y) * (x - y), {
        let twice = (x - y) + (x - y);
        [twice, -twice, T::ZERO]
    };
    Absolute, l1: [x, y, z] (x - y).abs(), {
        let sign = sign(x - y);
        [sign, -sign, T::ZERO]
    };
    Huber { delta }, huber: [x, y, z] {
        let size = (x - y).abs();
        let half = T::from_f64(0.5);
        if size <= delta { half * size * size } else { delta * (size - half * delta) }
    }, {
        let slope = if (x - y).abs() <= delta { x - y } else { delta * sign(x - y) };
        [slope, -slope, T::ZERO]
    };
    // −ln of the chance of the target: written with e^−|x|, so that a confident right answer loses no digits.
    Binary, bce_with_logits: [x, y, z] {
        let positive = if x > T::ZERO { x } else { T::ZERO };
        (positive - x * y) + (-x.abs()).softplus::<S>()
    }, {
        let tail = (-x.abs()).sigmoid::<S>();
        [if x > T::ZERO { (T::ONE - y) - tail } else { tail - y }, -x, T::ZERO]
    };
    // Positive targets count z times.
    WeightedBinary, bce_with_logits: [x, y, z] {
        let weight = T::ONE + (z - T::ONE) * y;
        let negative = if x < T::ZERO { -x } else { T::ZERO };
        ((T::ONE - y) * x + weight * negative) + weight * (-x.abs()).softplus::<S>()
    }, {
        let weight = T::ONE + (z - T::ONE) * y;
        let tail = weight * (-x.abs()).sigmoid::<S>();
        let positives = (-x).softplus::<S>();
        [if x > T::ZERO { (T::ONE - y) - tail } else { tail - z * y }, (z - T::ONE) * positives - x, y * positives]
    };
    // z is the variance.
    Gaussian { normaliser }, gaussian_nll: [x, y, z] {
        T::from_f64(0.5) * (z.ln::<S>() + (x - y) * (x - y) / z) + normaliser
    }, {
        let slope = (x - y) / z;
        [slope, -slope, T::from_f64(0.5) * (T::ONE / z - slope * slope)]
    };
    // z is the scale.
    StudentT { df, normaliser }, student_t_nll: [x, y, z] {
        let distance = (x - y) / z;
        T::from_f64(0.5) * (df + T::ONE) * (distance * distance / df).ln_1p::<S>() + z.ln::<S>() + normaliser
    }, {
        let distance = (x - y) / z;
        let pull = (df + T::ONE) * distance / (df + distance * distance);
        [pull / z, -(pull / z), (T::ONE - pull * distance) / z]
    };
}

#[inline(always)]
fn sign<T: Real>(x: T) -> T {
    if x > T::ZERO {
        T::ONE
    } else if x < T::ZERO {
        -T::ONE
    } else {
        // Zero, or NaN.
        x
    }
}

impl<'t, T: Real> Var<'t, T> {
    /// The squared distance (x − y)² to the `targets` y.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn mse(self, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Squared {}, self, [("targets", targets)], reduction)
    }

    /// The distance |x − y| to the `targets` y, with derivative 0 at 0.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn l1(self, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Absolute {}, self, [("targets", targets)], reduction)
    }

    /// P. Huber's loss ("Robust estimation of a location parameter", 1964): ½d² up to a distance d = |x − y| of `delta`,
    /// and on from there the straight line δ(d − ½δ). Divided by δ it is the smooth L1 loss.
    ///
    /// # Panics
    /// If the shapes differ (nothing is broadcast), or `delta` is not positive.
    #[track_caller]
    pub fn huber(self, targets: Var<'t, T>, delta: f64, reduction: Reduction) -> Var<'t, T> {
        assert!(delta > 0.0, "huber: the distance delta must be positive, got {delta}");
        record(Huber { delta }, self, [("targets", targets)], reduction)
    }

    /// The binary cross-entropy of `targets` y in \[0, 1\] under the probabilities 1/(1 + e⁻ˣ), in nats:
    /// −y ln p − (1 − y) ln(1 − p), without overflow, and accurate where a confident answer is right.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn bce_with_logits(self, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Binary {}, self, [("targets", targets)], reduction)
    }

    /// [`bce_with_logits`](Var::bce_with_logits) where positive targets count more or less: −w y ln p − (1 − y) ln(1 − p),
    /// with a weight w for every position of the last axis. The mean divides by the number of elements.
    ///
    /// # Panics
    /// As [`bce_with_logits`](Var::bce_with_logits), and if there is not one weight for each position of the last axis.
    #[track_caller]
    pub fn bce_with_logits_weighted(
        self,
        targets: Var<'t, T>,
        positive_weights: &[f64],
        reduction: Reduction,
    ) -> Var<'t, T> {
        let weights = positive_weights.len();
        assert!(
            self.shape().last() == Some(&weights),
            "bce_with_logits: logits of shape {:?} and {weights} weights of positive targets; expected one for each \
             position of the last axis",
            self.shape()
        );
        let constant = self.tape().constant(self.shape(), |i| T::from_f64(positive_weights[i % weights]));
        record(WeightedBinary {}, self, [("targets", targets), ("weights", constant)], reduction)
    }

    /// −ln N(y; x, `variance`), in nats, of `targets` y with this as their mean: ½ (ln v + (x − y)²/v + ln 2π). No floor is
    /// put under the variance: where it is 0 or negative, the loss is infinite or NaN.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn gaussian_nll(self, targets: Var<'t, T>, variance: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        let rule = Gaussian { normaliser: HALF_LN_TAU };
        record(rule, self, [("targets", targets), ("variances", variance)], reduction)
    }

    /// −ln of Student's t-density with `df` degrees of freedom, in nats, of `targets` y with this as their location and a
    /// `scale` s > 0: −ln Γ((ν+1)/2) + ln Γ(ν/2) + ½ ln νπ + ln s + ½(ν+1) ln(1 + (x − y)²/(νs²)). Outliers pull less
    /// than under [`gaussian_nll`](Var::gaussian_nll), which it tends to as `df` grows.
    ///
    /// # Panics
    /// If the shapes differ (nothing is broadcast), or `df` is not positive and finite.
    #[track_caller]
    pub fn student_t_nll(self, targets: Var<'t, T>, scale: Var<'t, T>, df: f64, reduction: Reduction) -> Var<'t, T> {
        assert!(
            df > 0.0 && df.is_finite(),
            "student_t_nll: the degrees of freedom must be positive and finite, got {df}"
        );
        let normaliser = 0.5 * (df * std::f64::consts::PI).ln() - ln_gamma_ratio(0.5 * df);
        record(StudentT { df, normaliser }, self, [("targets", targets), ("scales", scale)], reduction)
    }
}

/// ln Γ(x + ½) − ln Γ(x), also where both are large.
fn ln_gamma_ratio(x: f64) -> f64 {
    if x < 1e4 {
        return ln_gamma::<Portable>(x + 0.5) - ln_gamma::<Portable>(x);
    }
    // The expansion in 1/x of the difference, whose next term is below 1e-17 here.
    0.5 * x.ln() - 1.0 / (8.0 * x) + 1.0 / (192.0 * x.powi(3))
}
