//! Classes, from logits.

use crate::engine::{CrossEntropy, Reduction};
use crate::engine::{Real, Var};
use crate::likelihood::probabilities;
use crate::likelihood::{Likelihood, MeanNll};
use crate::metrics::Probabilities;
use crate::predictive::Outputs;

/// p(class) = softmax(output): outputs are logits (examples, .., classes), with the classes along the last axis; targets are
/// labels. For training and for log-likelihoods, outputs are (examples, classes).
///
/// A logit of −∞ rules its class out. A single logit says how probable one of two classes is: that is
/// [`Bernoulli`](crate::Bernoulli).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categorical;

impl Categorical {
    /// The mean cross-entropy of the labels.
    ///
    /// # Panics
    /// If `logits` are not (examples, classes) with one label for each example, or a label is out of range.
    #[track_caller]
    pub fn nll<'t, T: Real>(&self, logits: Var<'t, T>, labels: &'t [usize]) -> MeanNll<'t, T> {
        MeanNll::new(logits.cross_entropy(labels), labels.len())
    }
}

/// Why outputs with so many classes are none.
///
/// # Errors
/// If there are fewer than two.
fn check_classes(output: &[usize]) -> Result<(), String> {
    match output.last() {
        None => {
            Err("Categorical needs logits (examples, .., classes), and the model's output has no axis of classes"
                .into())
        }
        Some(0 | 1) => Err(format!(
            "Categorical needs a logit for each of two classes or more, and the model's output for one example has the shape \
             {output:?}; for yes or no with a single logit use `Bernoulli`, whose targets are 0 or 1 in a tensor of the \
             output's shape"
        )),
        Some(_) => Ok(()),
    }
}

impl<T: Real> Likelihood<T> for Categorical {
    type Targets = Vec<usize>;
    type Predictive = Probabilities;

    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Vec<usize>) -> Var<'t, T> {
        -output.cross_entropy_with(targets, CrossEntropy::new().reduction(Reduction::Each))
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Probabilities {
        if let Err(mistake) = check_classes(outputs.axes()) {
            panic!("{mistake}");
        }
        probabilities(outputs)
    }

    #[track_caller]
    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Vec<usize>) -> MeanNll<'t, T> {
        self.nll(output, targets)
    }

    fn check(&self, output: &[usize], targets: &Vec<usize>) -> Result<(), String> {
        check_classes(output)?;
        let &[classes] = output else {
            return Err(format!(
                "the model's output for one example has the shape {output:?}; with one label for each example, Categorical \
                 needs logits (examples, classes)"
            ));
        };
        match targets.iter().position(|&label| label >= classes) {
            Some(row) => Err(format!(
                "example {row} has the label {}, and the model's output has {classes} classes",
                targets[row]
            )),
            None => Ok(()),
        }
    }

    /// Every distribution has a class that is not ruled out.
    fn allows(&self, output: &[T]) -> bool {
        // The axis of classes is not known here; one number at least is.
        let ruled_out = |y: &T| y.to_f64() == f64::NEG_INFINITY;
        output.iter().all(|y| y.is_finite() || ruled_out(y)) && !output.iter().all(ruled_out)
    }
}
