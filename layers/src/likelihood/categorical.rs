//! The categorical likelihood: class labels, with logits as outputs (softmax cross-entropy).

use crate::engine::{CrossEntropy, Reduction};
use crate::engine::{Real, Var};
use crate::likelihood::probabilities;
use crate::likelihood::{Likelihood, MeanNll};
use crate::metrics::Probabilities;
use crate::predictive::Outputs;

/// p(class) = softmax(output): outputs are logits (examples, .., classes), with the classes along the last axis;
/// targets are labels. Training and log-likelihoods need outputs of shape (examples, classes).
///
/// A logit of −∞ excludes its class. For binary classification with a single logit use [`Bernoulli`](crate::Bernoulli).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categorical;

impl Categorical {
    /// The mean cross-entropy of the labels.
    ///
    /// # Panics
    /// If `logits` are not (examples, classes) with one label for each example, or a label is out of range.
    #[track_caller]
    pub fn nll<'t, T: Real>(&self, logits: Var<'t, T>, labels: &'t [usize]) -> MeanNll<'t, T> {
        MeanNll::of_mean(logits.cross_entropy(labels), labels.len())
    }
}

/// Checks that there are at least two classes.
///
/// # Errors
/// If there are fewer than two.
fn check_classes(output: &[usize]) -> Result<(), String> {
    match output.last() {
        None => {
            Err("Categorical needs logits (examples, .., classes), but the model's output has no axis of classes"
                .into())
        }
        Some(0 | 1) => Err(format!(
            "Categorical needs a logit for each of at least two classes, but the model's output for one example has \
             shape {output:?}; for binary classification with a single logit use `Bernoulli`, with targets 0 or 1 in a \
             tensor of the output's shape"
        )),
        Some(_) => Ok(()),
    }
}

/// Checks that labels, `each` for an example, are below the number of classes.
pub(super) fn check_labels(
    labels: &[usize],
    each: usize,
    classes: usize,
    ignored: Option<usize>,
) -> Result<(), String> {
    let is_wrong = |&label: &usize| label >= classes && Some(label) != ignored;
    let Some(at) = labels.iter().position(is_wrong) else {
        return Ok(());
    };
    let step = if each > 1 { format!(", step {}", at % each) } else { String::new() };
    Err(format!(
        "example {}{step} (from 0) has the label {}, but the model's output has {classes} classes, 0 to {}",
        at / each,
        labels[at],
        classes - 1
    ))
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
                "the model's output for one example has shape {output:?}; with one label for each example, Categorical \
                 needs logits (examples, classes)"
            ));
        };
        check_labels(targets, 1, classes, None)
    }

    /// diag(p) − p pᵀ, whose diagonal p (1 − p) is precise for p near 1.
    fn output_hessian(&self, logits: &[T]) -> Option<Vec<f64>> {
        let n = logits.len();
        let largest = logits.iter().map(|x| x.to_f64()).fold(f64::NEG_INFINITY, f64::max);
        let exponentials: Vec<f64> = logits.iter().map(|x| (x.to_f64() - largest).exp()).collect();
        let total: f64 = exponentials.iter().sum();
        let p: Vec<f64> = exponentials.iter().map(|e| e / total).collect();
        let mut hessian: Vec<f64> = (0..n * n).map(|i| -p[i / n] * p[i % n]).collect();
        for i in 0..n {
            let others: f64 = p.iter().enumerate().filter(|&(j, _)| j != i).map(|(_, p)| p).sum();
            hessian[i * n + i] = p[i] * others;
        }
        Some(hessian)
    }

    /// An output is valid if at least one class is not excluded by a logit of −∞.
    fn allows(&self, output: &[T]) -> bool {
        // The axis of classes is not known here, so only check that some logit is finite.
        let ruled_out = |y: &T| y.to_f64() == f64::NEG_INFINITY;
        output.iter().all(|y| y.is_finite() || ruled_out(y)) && !output.iter().all(ruled_out)
    }
}
