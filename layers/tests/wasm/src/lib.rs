//! Trains a network on the digits and tests it, behind an interface that needs no bindings: two functions without
//! arguments that return numbers.

use std::sync::OnceLock;

use elbo::data::digits;
use elbo::prelude::*;

static TABLE: &[u8] = include_bytes!("../../../../examples/data/digits.csv.gz");

#[bayesian]
struct Network {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}

/// Accuracy and mean negative log-likelihood on the test part, after two epochs.
fn figures() -> [f64; 2] {
    static FIGURES: OnceLock<[f64; 2]> = OnceLock::new();
    *FIGURES.get_or_init(|| {
        let images = digits::from_bytes("digits.csv.gz", TABLE).expect("the table is whole");
        let (train, test) = images.examples(16.0).and_then(|all| all.split(0.8, 1)).expect("both parts have examples");
        let mut model = Network { hidden: Dense::new(64, 32), head: Dense::new(32, 10) };
        // Two threads: where none can be started, `fit` works on the calling one.
        let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).batch_size(32).threads(2);
        let report = elbo.fit(&mut model, &train, Epochs(2)).expect("training goes well");
        assert_eq!(report.last().seconds.is_nan(), cfg!(target_family = "wasm"));
        let predictions = model.predict(&Categorical, test.inputs(), Draws(16));
        [predictions.accuracy(test.targets()), predictions.nll(test.targets())]
    })
}

/// The share of the test images that are recognised.
#[unsafe(no_mangle)]
pub extern "C" fn accuracy() -> f64 {
    figures()[0]
}

/// The mean negative log-likelihood of the test images, in nats.
#[unsafe(no_mangle)]
pub extern "C" fn nll() -> f64 {
    figures()[1]
}
