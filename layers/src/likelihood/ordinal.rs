//! The ordinal likelihood: ordered classes, by a cumulative logit model.

use crate::engine::{Indices, Real, Tensor, Var};
use crate::likelihood::categorical::check_labels;
use crate::likelihood::log_space::ln_one_minus_exp;
use crate::likelihood::{Likelihood, probabilities};
use crate::metrics::Probabilities;
use crate::predictive::Outputs;

/// Ordered classes 0 to C − 1, such as grades: p(class ≤ k) = σ(cₖ − η), with a location η and increasing cut points c₀ < ..
/// < c₍C₋₂₎ (McCullagh 1980, "Regression Models for Ordinal Data", the proportional odds model).
///
/// An example has C outputs: η, c₀, and the logarithms of the C − 2 distances between cut points. Append cut points that
/// all examples share, and that are learned, with [`WithConstants`](crate::nn::WithConstants). Targets are labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ordinal;

/// Checks the shape of an example's output.
///
/// # Errors
/// If it is not one axis of at least two outputs.
fn check_outputs(output: &[usize]) -> Result<(), String> {
    match output {
        &[classes] if classes >= 2 => Ok(()),
        _ => Err(format!(
            "the model's output for one example has shape {output:?}; Ordinal needs (classes) with at least two classes: \
             the location, the first cut point, and the logarithms of the distances between cut points"
        )),
    }
}

impl Ordinal {
    /// ln p of all classes, (examples, classes).
    fn log_probabilities<'t, T: Real>(output: Var<'t, T>) -> Var<'t, T> {
        let classes = output.shape()[1];
        let [location, first, log_distances] = output.split(-1, [1, 1, classes - 2]);
        let distances = log_distances.exp();
        let cuts = Var::concat(&[first, distances], -1).cumsum(-1) - location;
        // ln p(≤ k) and ln p(> k) at each cut point.
        let (below, above) = (cuts.log_sigmoid(), (-cuts).log_sigmoid());
        let lowest = below.slice(-1, ..1, 1);
        let highest = above.slice(-1, -1.., 1);
        if classes == 2 {
            return Var::concat(&[lowest, highest], -1);
        }
        // σ(a) − σ(b) = σ(a) σ(−b) (1 − e^(b − a)), whose logarithm does not cancel.
        let between = below.slice(-1, 1.., 1) + above.slice(-1, ..-1, 1) + ln_one_minus_exp(distances);
        Var::concat(&[lowest, between, highest], -1)
    }
}

impl<T: Real> Likelihood<T> for Ordinal {
    type Targets = Vec<usize>;
    type Predictive = Probabilities;

    /// # Panics
    /// If the output is not (examples, classes), or a label is out of range.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Vec<usize>) -> Var<'t, T> {
        if let Err(mistake) = check_outputs(output.shape().get(1..).unwrap_or_default()) {
            panic!("{mistake}");
        }
        Self::log_probabilities(output).gather(-1, Indices::new([targets.len(), 1], targets))
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Probabilities {
        if let Err(mistake) = check_outputs(outputs.axes()) {
            panic!("{mistake}");
        }
        let tape = crate::engine::Tape::inference();
        let all = outputs.cast::<f64>().draws_and_rows();
        let logarithms = Self::log_probabilities(tape.input(&all));
        let logits = Tensor::new(outputs.tensor().shape(), logarithms.value());
        probabilities(&Outputs::new(logits))
    }

    fn check(&self, output: &[usize], targets: &Vec<usize>) -> Result<(), String> {
        check_outputs(output)?;
        check_labels(targets, 1, output[0], None)
    }
}
