//! The network that `digits` and `mnist` train.

use elbo::INITIAL_SD;
use elbo::prelude::*;

/// Two hidden layers of rectified units and a linear head: one logit a class.
#[bayesian]
pub struct Classifier {
    hidden: [Dense; 2],
    head: Dense,
}

impl Classifier {
    /// Inputs to `hidden` to `hidden` to `classes`, every weight and bias under a normal prior of
    /// mean 0 and standard deviation `prior_sd`, and with the standard deviation `initial_sd` to begin with, or the
    /// library's.
    pub fn new(inputs: usize, hidden: usize, classes: usize, prior_sd: f64, initial_sd: Option<f64>) -> Self {
        let dense =
            |from, to| Dense::new(from, to).prior(Normal(0.0, prior_sd)).initial_sd(initial_sd.unwrap_or(INITIAL_SD));
        Classifier { hidden: [dense(inputs, hidden), dense(hidden, hidden)], head: dense(hidden, classes) }
    }
}

#[bayesian]
impl Classifier {
    /// Logits.
    pub fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        let x = first.forward(x).relu();
        let x = second.forward(x).relu();
        self.head.forward(x)
    }
}
