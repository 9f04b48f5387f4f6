//! The network that several benches share.

use elbo::prelude::*;

/// Two hidden layers with relu.
#[bayesian]
pub(crate) struct Classifier {
    hidden: [Dense; 2],
    head: Dense,
}

#[bayesian]
impl Classifier {
    pub(crate) fn forward(&self, x: Var) -> Var {
        let [first, second] = self.hidden;
        let x = first.forward(x).relu();
        let x = second.forward(x).relu();
        self.head.forward(x)
    }
}

/// 784-width-width-10.
pub(crate) fn classifier(width: usize) -> Classifier {
    Classifier { hidden: [Dense::new(784, width), Dense::new(width, width)], head: Dense::new(width, 10) }
}
