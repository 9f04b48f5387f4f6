//! Censored and truncated normal likelihoods.

use std::f64::consts::TAU;

use crate::data::Targets;
use crate::engine::{Real, Tensor, Var};
use crate::likelihood::elementwise::{Elementwise, check_shape, elementwise_likelihood};
use crate::likelihood::log_space::ln_normal_interval;
use crate::likelihood::noise::{log_normal_density, normal_cdf};
use crate::likelihood::{HeteroscedasticGaussian, Likelihood};
use crate::metrics::Mixture;
use crate::predictive::{Outputs, Univariate};

/// Normal targets that are only known to lie below or above limits of the measurement: a target at `lower` stands for any
/// value of at most `lower`, one at `upper` for any of at least `upper` (Tobin 1958, "Estimation of Relationships for
/// Limited Dependent Variables"). Outputs are those of [`HeteroscedasticGaussian`]: means, then ln sd.
///
/// Predictions are of the value itself, not of its measurement: their quantiles may lie beyond the limits. For limits that
/// differ by example use [`IntervalCensored`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Censored {
    lower: f64,
    upper: f64,
}

/// Normal targets that can only be observed between limits: the normal density divided by the probability of the limits.
/// Outputs are those of [`HeteroscedasticGaussian`], for the distribution before truncation. Predictions are of observable
/// values, between the limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Truncated {
    lower: f64,
    upper: f64,
}

/// Normal targets of which an interval is known. Outputs are those of [`HeteroscedasticGaussian`].
///
/// For D elements targets are (examples, 2D): D lower ends, then D upper ends. Equal ends are an exact value. An open end
/// is [`OPEN`](IntervalCensored::OPEN) or its negative, because data must be finite: a right-censored survival time t is
/// (t, OPEN). Predictions are of the value itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IntervalCensored;

impl IntervalCensored {
    /// Numbers from here on are an open upper end; up to its negative, an open lower end.
    pub const OPEN: f64 = 1e30;
}

/// # Panics
/// If the limits are not in order.
#[track_caller]
fn check_limits(name: &str, lower: f64, upper: f64) {
    assert!(
        lower < upper,
        "{name}: the lower limit must be below the upper one, got {lower} and {upper}; make a missing limit infinite"
    );
}

impl Censored {
    /// With these limits; one may be infinite.
    ///
    /// # Panics
    /// If `lower` is not below `upper`.
    #[track_caller]
    pub fn new(lower: f64, upper: f64) -> Self {
        check_limits("Censored", lower, upper);
        Censored { lower, upper }
    }
}

impl Truncated {
    /// With these limits; one may be infinite.
    ///
    /// # Panics
    /// If `lower` is not below `upper`.
    #[track_caller]
    pub fn new(lower: f64, upper: f64) -> Self {
        check_limits("Truncated", lower, upper);
        Truncated { lower, upper }
    }

    /// The limits in standard deviations from the mean.
    fn ends(self, outputs: &[f64]) -> [f64; 2] {
        [self.lower, self.upper].map(|limit| (limit - outputs[0]) / outputs[1].exp())
    }
}

elementwise_likelihood!(Censored: 2, Truncated: 2);

impl Elementwise<2> for Censored {
    const NAME: &'static str = "Censored";
    const PARAMETERS: [&'static str; 2] = ["mean", "log standard deviation"];
    const SUPPORT: &'static str = "between the limits";

    fn supports(&self, y: f64) -> bool {
        // The limits in single precision may be a little beyond.
        y >= f64::from(self.lower as f32).min(self.lower) && y <= f64::from(self.upper as f32).max(self.upper)
    }

    fn log_density<'t, T: Real>(&self, [mean, ln_sd]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        let z = (y - mean) * (-ln_sd).exp();
        let [lower, upper] = [self.lower, self.upper].map(|limit| T::from_f64(limit).to_f64());
        let observed = log_normal_density(mean, ln_sd, y);
        y.le(lower).select(z.ln_normal_cdf(), y.ge(upper).select((-z).ln_normal_cdf(), observed))
    }
}

impl Univariate for Censored {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        HeteroscedasticGaussian.mean(outputs)
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        HeteroscedasticGaussian.variance(outputs)
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        HeteroscedasticGaussian.cdf(outputs, y)
    }

    fn normal(&self, outputs: &[f64]) -> Option<[f64; 2]> {
        HeteroscedasticGaussian.normal(outputs)
    }

    fn entropy(&self, outputs: &[f64]) -> Option<f64> {
        HeteroscedasticGaussian.entropy(outputs)
    }
}

impl Elementwise<2> for Truncated {
    const NAME: &'static str = "Truncated";
    const PARAMETERS: [&'static str; 2] = ["mean", "log standard deviation"];
    const SUPPORT: &'static str = "between the limits";

    fn supports(&self, y: f64) -> bool {
        y >= f64::from(self.lower as f32).min(self.lower) && y <= f64::from(self.upper as f32).max(self.upper)
    }

    fn log_density<'t, T: Real>(&self, [mean, ln_sd]: [Var<'t, T>; 2], y: Var<'t, T>) -> Var<'t, T> {
        let density = log_normal_density(mean, ln_sd, y);
        let inverse_sd = (-ln_sd).exp();
        let end = |limit: f64| (-mean).scale_shift(1.0, limit) * inverse_sd;
        let mass = match (self.lower.is_finite(), self.upper.is_finite()) {
            (true, true) => ln_normal_interval(end(self.lower), end(self.upper)),
            (true, false) => (-end(self.lower)).ln_normal_cdf(),
            (false, true) => end(self.upper).ln_normal_cdf(),
            (false, false) => return density,
        };
        density - mass
    }
}

/// Φ(high) − Φ(low), from the tails above 0.
fn probability(low: f64, high: f64) -> f64 {
    if low > 0.0 { normal_cdf(-low) - normal_cdf(-high) } else { normal_cdf(high) - normal_cdf(low) }
}

fn normal_density(z: f64) -> f64 {
    (-0.5 * z * z).exp() / TAU.sqrt()
}

/// Where the probability of the limits underflows, the distribution is nearly exponential at the limit that is nearer to
/// the mean: that limit, and its distance from the mean in standard deviations.
fn far_limit(limits: [f64; 2], [low, high]: [f64; 2]) -> (f64, f64) {
    if low > 0.0 { (limits[0], low) } else { (limits[1], high) }
}

impl Univariate for Truncated {
    fn num_outputs(&self) -> usize {
        2
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        let ([low, high], sd) = (self.ends(outputs), outputs[1].exp());
        let mass = probability(low, high);
        if mass > 0.0 {
            return outputs[0] + sd * (normal_density(low) - normal_density(high)) / mass;
        }
        let (limit, distance) = far_limit([self.lower, self.upper], [low, high]);
        limit + sd / distance
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        let ([low, high], sd) = (self.ends(outputs), outputs[1].exp());
        let mass = probability(low, high);
        if mass > 0.0 {
            let shift = (normal_density(low) - normal_density(high)) / mass;
            let of = |z: f64| if z.is_finite() { z * normal_density(z) } else { 0.0 };
            return sd * sd * (1.0 + (of(low) - of(high)) / mass - shift * shift);
        }
        let (_, distance) = far_limit([self.lower, self.upper], [low, high]);
        (sd / distance).powi(2)
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        match y {
            y if y < self.lower => 0.0,
            y if y >= self.upper => 1.0,
            y => {
                let ([low, high], z) = (self.ends(outputs), (y - outputs[0]) / outputs[1].exp());
                let mass = probability(low, high);
                if mass > 0.0 {
                    return probability(low, z) / mass;
                }
                let (limit, distance) = far_limit([self.lower, self.upper], [low, high]);
                let beyond = (-(distance * (y - limit) / outputs[1].exp())).exp();
                if low > 0.0 { 1.0 - beyond } else { beyond }
            }
        }
    }
}

impl<T: Real> Likelihood<T> for IntervalCensored {
    type Targets = Tensor<T>;
    type Predictive = Mixture<HeteroscedasticGaussian>;

    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        if let Err(mistake) = check_intervals(output.shape().get(1..).unwrap_or_default(), targets) {
            panic!("{mistake}");
        }
        let block = output.shape()[output.shape().len() - 1] / 2;
        let [mean, ln_sd] = output.split(-1, [block; 2]);
        let [low, high] = output.tape().input(targets).split(-1, [block; 2]);
        let (has_low, has_high, is_exact) = (low.gt(-Self::OPEN), high.lt(Self::OPEN), low.eq(high));
        let inverse_sd = (-ln_sd).exp();
        // An end that is open, or that is not below the other, is replaced in the forms that do not apply.
        let [below, above] = [high, low].map(|end| (end - mean) * inverse_sd);
        let zero = output.tape().constant([], |_| T::ZERO);
        let one = output.tape().constant([], |_| T::ONE);
        let is_interval = has_low * has_high * (-is_exact).scale_shift(1.0, 1.0);
        let between = ln_normal_interval(is_interval.select(above, zero), is_interval.select(below, one));
        let one_sided = has_high.select(has_high.select(below, zero).ln_normal_cdf(), {
            has_low.select(-above, zero).ln_normal_cdf()
        });
        let exact = log_normal_density(mean, ln_sd, is_exact.select(low, zero));
        is_exact.select(exact, is_interval.select(between, one_sided))
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<HeteroscedasticGaussian> {
        Mixture::new(HeteroscedasticGaussian, outputs)
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        check_intervals(output, targets)?;
        let (width, rows) = (targets.len() / targets.rows(), targets.data().chunks_exact(targets.shape()[1..].iter().product()));
        for (row, ends) in rows.enumerate() {
            let block = width / 2;
            if let Some(element) = (0..block).find(|&i| ends[i] > ends[i + block]) {
                return Err(format!(
                    "example {row}, element {element} (from 0) has the interval from {} to {}; the lower end must be at most \
                     the upper one",
                    ends[element].to_f64(),
                    ends[element + block].to_f64()
                ));
            }
        }
        Ok(())
    }
}

/// Checks that outputs and targets are both (2D) for an example.
fn check_intervals<T: Real>(output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
    let each = &targets.shape()[1..];
    match *each {
        [ends] if ends > 0 && ends % 2 == 0 => {
            check_shape("IntervalCensored", &["mean", "log standard deviation"], output, &[1, ends / 2])
        }
        _ => Err(format!(
            "a target has shape {each:?}; IntervalCensored needs (examples, 2D): D lower ends, then D upper ends"
        )),
    }
}
