//! `IntervalCensored`: normal targets of which an interval is known.

use crate::data::Targets;
use crate::engine::{Real, Tensor, Var};
use crate::likelihood::elementwise::check_blocks;
use crate::likelihood::noise::log_normal_density;
use crate::likelihood::normal_interval::NormalInterval;
use crate::likelihood::{HeteroscedasticGaussian, Likelihood};
use crate::metrics::Mixture;
use crate::predictive::Outputs;

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
        let is_exact = low.eq(high);
        let exact = log_normal_density(mean, ln_sd, low);
        let infinity = |sign: f64| output.tape().constant([], move |_| T::from_f64(sign * f64::INFINITY));
        let low = low.gt(-Self::OPEN).select(low, infinity(-1.0));
        let high = high.lt(Self::OPEN).select(high, infinity(1.0));
        let inverse_sd = (-ln_sd).exp();
        let [from, to, width] = [low - mean, high - mean, high - low].map(|of| of * inverse_sd);
        is_exact.select(exact, NormalInterval::new(from, to, width).ln_probability())
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<HeteroscedasticGaussian> {
        Mixture::new(HeteroscedasticGaussian, outputs)
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        check_intervals(output, targets)?;
        let block = targets.len() / targets.rows() / 2;
        for (row, ends) in targets.data().chunks_exact(2 * block).enumerate() {
            let ends = |i: usize| (ends[i].to_f64(), ends[i + block].to_f64());
            let fits = |(low, high): (f64, f64)| low <= high && low < Self::OPEN && high > -Self::OPEN;
            if let Some(element) = (0..block).find(|&i| !fits(ends(i))) {
                let (low, high) = ends(element);
                return Err(format!(
                    "example {row}, element {element} (from 0) has the interval from {low} to {high}; the lower end must be at \
                     most the upper one, and only a lower end may be open below, only an upper end above"
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
            check_blocks("IntervalCensored", &["mean", "log standard deviation"], output, &[1, ends / 2])
        }
        _ => Err(format!(
            "a target has shape {each:?}; IntervalCensored needs (examples, 2D): D lower ends, then D upper ends"
        )),
    }
}
