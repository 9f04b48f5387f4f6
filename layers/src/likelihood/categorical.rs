//! Classes, from logits.

use crate::likelihood::{Likelihood, MeanNll};
use crate::{Real, Var};

/// p(class) = softmax(output): outputs are logits (examples, classes), targets are labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Categorical;

impl Categorical {
    /// The mean cross-entropy of the labels.
    ///
    /// # Panics
    /// If `logits` is no (examples, classes) with one label for each example, or a label is out of range.
    #[track_caller]
    pub fn nll<'t, T: Real>(&self, logits: Var<'t, T>, labels: &'t [usize]) -> MeanNll<'t, T> {
        MeanNll::new(logits.cross_entropy(labels), labels.len())
    }
}

impl<T: Real> Likelihood<T> for Categorical {
    type Targets = Vec<usize>;

    fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Vec<usize>) -> MeanNll<'t, T> {
        self.nll(output, targets)
    }

    fn check(&self, output: &[usize], targets: &Vec<usize>) -> Result<(), String> {
        let &[_, classes] = output else {
            return Err(format!("the model's output has {} axes; expected logits (examples, classes)", output.len()));
        };
        match targets.iter().position(|&label| label >= classes) {
            Some(row) => Err(format!(
                "example {row} has the label {}, and the model's output has {classes} classes",
                targets[row]
            )),
            None => Ok(()),
        }
    }
}
