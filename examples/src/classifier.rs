//! The network that `digits` and `mnist` train.

use elbo::INITIAL_SD;
use elbo::prelude::*;

/// Two hidden layers with relu and a linear head: one logit per class.
#[bayesian]
pub struct Classifier {
    hidden: [Dense; 2],
    head: Dense,
}

impl Classifier {
    /// A network inputs-hidden-hidden-classes. Every weight and bias has a normal prior with mean 0 and standard deviation
    /// `prior_sd`, and the initial standard deviation `initial_sd`, or the constructor's, in place of which `fit` may choose one.
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
