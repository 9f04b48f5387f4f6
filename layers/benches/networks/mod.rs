//! The classifier 784-width-width-10 that several benches time.

use elbo::prelude::*;

/// With relu after each hidden layer.
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
