//! Losses of predictions and targets of one shape. The negative log-likelihoods include all constants, so they are in
//! nats and comparable with each other.

use crate::kernels::dispatch::{Portable, Simd};
use crate::kernels::math::Math;
use crate::kernels::math::stirling::minus_ln_1p;
use crate::ops::pointwise_loss::{Pointwise, Reduction, record};
use crate::{Real, Var};

macro_rules! table {
    ($($rule:ident $({ $($field:ident),* })?, $name:ident($count:literal): [$($x:ident),+] $value:expr, $slopes:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule {
            $($($field: f64,)*)?
        }

        #[allow(unused_variables)]
        impl<T: Real> Pointwise<T, $count> for $rule {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn value<S: Simd>(self, [$($x),+]: [T; $count]) -> T {
                $($(let $field = T::from_f64(self.$field);)*)?
                $value
            }

            #[inline(always)]
            fn slopes<S: Simd>(self, [$($x),+]: [T; $count]) -> [T; $count] {
                $($(let $field = T::from_f64(self.$field);)*)?
                $slopes
            }
        }
    )*};
}

table! {
    Squared, mse(2): [x, y] (x - y) * (x - y), {
        let twice = (x - y) + (x - y);
        [twice, -twice]
    };
    Absolute, l1(2): [x, y] (x - y).abs(), {
        let sign = sign(x - y);
        [sign, -sign]
    };
    Huber { delta }, huber(2): [x, y] {
        let size = (x - y).abs();
        let half = T::from_f64(0.5);
        if size <= delta { half * size * size } else { delta * (size - half * delta) }
    }, {
        let slope = if (x - y).abs() <= delta { x - y } else { delta * sign(x - y) };
        [slope, -slope]
    };
    // −ln p of the target, written with e^−|x|, so that a confident correct prediction keeps its digits.
    Binary, bce_with_logits(2): [x, y] {
        let positive = if x > T::ZERO { x } else { T::ZERO };
        let contradicted = if x > T::ZERO { T::ONE - y } else { y };
        certain(x, contradicted, positive - x * y) + (-x.abs()).softplus::<S>()
    }, {
        let tail = (-x.abs()).sigmoid::<S>();
        [if x > T::ZERO { (T::ONE - y) - tail } else { tail - y }, -x]
    };
    // Positive targets have the weight z.
    WeightedBinary, bce_with_logits(3): [x, y, z] {
        let weight = T::ONE + (z - T::ONE) * y;
        let negative = if x < T::ZERO { -x } else { T::ZERO };
        let contradicted = if x > T::ZERO { T::ONE - y } else { z * y };
        certain(x, contradicted, (T::ONE - y) * x + weight * negative) + weight * (-x.abs()).softplus::<S>()
    }, {
        let weight = T::ONE + (z - T::ONE) * y;
        let tail = weight * (-x.abs()).sigmoid::<S>();
        let positives = (-x).softplus::<S>();
        [if x > T::ZERO { (T::ONE - y) - tail } else { tail - z * y }, (z - T::ONE) * positives - x, y * positives]
    };
    // z is the variance.
    Gaussian { normaliser }, gaussian_nll(3): [x, y, z] {
        T::from_f64(0.5) * (z.ln::<S>() + (x - y) * (x - y) / z) + normaliser
    }, {
        let slope = (x - y) / z;
        [slope, -slope, T::from_f64(0.5) * (T::ONE / z - slope * slope)]
    };
    // z is the scale.
    StudentT { df, normaliser }, student_t_nll(3): [x, y, z] {
        let distance = (x - y) / z;
        T::from_f64(0.5) * (df + T::ONE) * (distance * distance / df).ln_1p::<S>() + z.ln::<S>() + normaliser
    }, {
        let distance = (x - y) / z;
        let pull = (df + T::ONE) * distance / (df + distance * distance);
        [pull / z, -(pull / z), (T::ONE - pull * distance) / z]
    };
    // z is the scale.
    StudentTOf, student_t_nll_with_df(4): [x, y, z, df] {
        let df = capped(df);
        let distance = (x - y) / z;
        let normaliser = 0.5 * Math::ln::<S>(df.to_f64() * std::f64::consts::PI) - ln_gamma_ratio::<S>(0.5 * df.to_f64());
        let spread = T::from_f64(0.5) * (df + T::ONE) * (distance * distance / df).ln_1p::<S>();
        spread + z.ln::<S>() + T::from_f64(normaliser)
    }, {
        let df = capped(df);
        let distance = (x - y) / z;
        let pull = (df + T::ONE) * distance / (df + distance * distance);
        // In double precision: with many degrees of freedom ln(1 + d²/ν) − (ν + 1)/ν · d²/(ν + d²) nearly cancels.
        let (df, square) = (df.to_f64(), distance.to_f64() * distance.to_f64());
        let share = square / (df + square);
        let spread = minus_ln_1p::<S>(-share, -Math::ln_1p::<S>(square / df)) - share / df;
        let of_df = 0.5 * (spread - ln_gamma_ratio_slope_rest::<S>(0.5 * df));
        [pull / z, -(pull / z), (T::ONE - pull * distance) / z, T::from_f64(of_df)]
    };
}

/// The part of a binary cross-entropy that is linear in the logit, at an infinite one: 0 if the target does not contradict
/// it at all, otherwise ∞.
#[inline(always)]
fn certain<T: Real>(logit: T, contradicted: T, linear: T) -> T {
    let infinity = T::from_f64(f64::INFINITY);
    let at_infinity = if contradicted == T::ZERO { T::ZERO } else { infinity };
    if logit.abs() == infinity { at_infinity } else { linear }
}

/// Degrees of freedom; very many as a number whose distribution is the same, the normal one.
#[inline(always)]
fn capped<T: Real>(df: T) -> T {
    let most = T::from_f64(MOST);
    // The comparison is false for NaN, which passes through.
    if df > most { most } else { df }
}

/// The most degrees of freedom that are computed with.
const MOST: f64 = 1e30;

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

/// ½ ln 2π.
const HALF_LN_TAU: f64 = 0.918_938_533_204_672_7;

impl<'t, T: Real> Var<'t, T> {
    /// The squared error (x − y)² for the `targets` y.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn mse(self, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Squared {}, [("predictions", self), ("targets", targets)], reduction)
    }

    /// The absolute error |x − y| for the `targets` y, with derivative 0 at 0.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn l1(self, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Absolute {}, [("predictions", self), ("targets", targets)], reduction)
    }

    /// P. Huber's loss ("Robust estimation of a location parameter", 1964): ½d² for distances d = |x − y| up to
    /// `delta`, and δ(d − ½δ) above. Divided by δ it is the smooth L1 loss.
    ///
    /// # Panics
    /// If the shapes differ (nothing is broadcast), or `delta` is not positive.
    #[track_caller]
    pub fn huber(self, targets: Var<'t, T>, delta: f64, reduction: Reduction) -> Var<'t, T> {
        assert!(delta > 0.0, "huber: delta must be positive, got {delta}");
        record(Huber { delta }, [("predictions", self), ("targets", targets)], reduction)
    }

    /// The binary cross-entropy of `targets` y in \[0, 1\] with the logits x, p = 1/(1 + e⁻ˣ), in nats: −y ln p − (1 −
    /// y) ln(1 − p), without overflow, and accurate for confident correct predictions. A logit may be infinite: the loss is
    /// then 0 if the target agrees, and ∞ otherwise.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn bce_with_logits(self, targets: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        record(Binary {}, [("predictions", self), ("targets", targets)], reduction)
    }

    /// [`bce_with_logits`](Var::bce_with_logits) with weights of positive targets: −w y ln p − (1 − y) ln(1 − p), with
    /// a weight w per position of the last axis. The mean divides by the number of elements.
    ///
    /// # Panics
    /// As [`bce_with_logits`](Var::bce_with_logits), and if the number of weights differs from the length of the last
    /// axis.
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
        record(WeightedBinary {}, [("predictions", self), ("targets", targets), ("weights", constant)], reduction)
    }

    /// −ln N(y; x, `variance`), in nats, of `targets` y with this as their mean: ½ (ln v + (x − y)²/v + ln 2π). The
    /// variance is not clamped: if it is 0 or negative, the loss is infinite or NaN.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn gaussian_nll(self, targets: Var<'t, T>, variance: Var<'t, T>, reduction: Reduction) -> Var<'t, T> {
        let rule = Gaussian { normaliser: HALF_LN_TAU };
        record(rule, [("predictions", self), ("targets", targets), ("variances", variance)], reduction)
    }

    /// −ln of Student's t-density with `df` degrees of freedom, in nats, of `targets` y with this as their location and
    /// a `scale` s > 0: −ln Γ((ν+1)/2) + ln Γ(ν/2) + ½ ln νπ + ln s + ½(ν+1) ln(1 + (x − y)²/(νs²)). More robust to
    /// outliers than [`gaussian_nll`](Var::gaussian_nll), its limit for large `df`.
    ///
    /// # Panics
    /// If the shapes differ (nothing is broadcast), or `df` is not positive and finite.
    #[track_caller]
    pub fn student_t_nll(self, targets: Var<'t, T>, scale: Var<'t, T>, df: f64, reduction: Reduction) -> Var<'t, T> {
        assert!(
            df > 0.0 && df.is_finite(),
            "student_t_nll: the degrees of freedom must be positive and finite, got {df}"
        );
        let df = capped(df);
        let normaliser = 0.5 * (df * std::f64::consts::PI).ln() - ln_gamma_ratio::<Portable>(0.5 * df);
        record(StudentT { df, normaliser }, [("predictions", self), ("targets", targets), ("scales", scale)], reduction)
    }
    /// [`student_t_nll`](Var::student_t_nll) with degrees of freedom ν > 0 per target, which may be learned: the
    /// derivative has digamma functions of ν/2 and (ν+1)/2, and is accurate however large ν is. It may be infinite.
    ///
    /// # Panics
    /// If the shapes differ: nothing is broadcast.
    #[track_caller]
    pub fn student_t_nll_with_df(
        self,
        targets: Var<'t, T>,
        scale: Var<'t, T>,
        df: Var<'t, T>,
        reduction: Reduction,
    ) -> Var<'t, T> {
        let others = [("predictions", self), ("targets", targets), ("scales", scale), ("degrees of freedom", df)];
        record(StudentTOf {}, others, reduction)
    }
}

/// ln Γ(x + ½) − ln Γ(x), accurate also for large x.
#[inline(always)]
fn ln_gamma_ratio<S: Simd>(x: f64) -> f64 {
    let near = Math::ln_gamma::<S>(x + 0.5) - Math::ln_gamma::<S>(x);
    let (inverse, square) = (1.0 / x, 1.0 / (x * x));
    let series = -1.0 / 8.0 + square * (1.0 / 192.0 + square * (-1.0 / 640.0 + square * (17.0 / 14_336.0)));
    let far = 0.5 * Math::ln::<S>(x) + inverse * series;
    if x < LARGE { near } else { far }
}

/// The derivative of `ln_gamma_ratio` without its first term, 1/2x.
#[inline(always)]
fn ln_gamma_ratio_slope_rest<S: Simd>(x: f64) -> f64 {
    let near = Math::digamma::<S>(x + 0.5) - Math::digamma::<S>(x) - 0.5 / x;
    let square = 1.0 / (x * x);
    let series = 1.0 / 8.0 + square * (-1.0 / 64.0 + square * (1.0 / 128.0 + square * (-17.0 / 2048.0)));
    if x < LARGE { near } else { square * series }
}

/// From here on, a difference of two functions related to Γ is computed by its expansion in 1/x, whose first omitted
/// term is below 1e-18 of it.
const LARGE: f64 = 64.0;
