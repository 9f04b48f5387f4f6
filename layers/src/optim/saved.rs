//! The settings of optimisers as serde writes and reads them: without the state of a training.

use serde::{Deserialize, Serialize};

use crate::optim;
use crate::optim::groups::{Groups, Rule};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adam {
    rate: f64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    automatic: bool,
    #[serde(default = "betas")]
    betas: [f64; 2],
    #[serde(default = "epsilon", skip_serializing_if = "is_epsilon")]
    epsilon: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    weight_decay: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    by_name: Vec<Rule>,
}

fn betas() -> [f64; 2] {
    optim::Adam::new(1.0).betas
}

fn epsilon() -> f64 {
    optim::Adam::new(1.0).epsilon
}

fn is_epsilon(x: &f64) -> bool {
    *x == epsilon()
}

fn is_zero(x: &f64) -> bool {
    *x == 0.0
}

impl From<optim::Adam> for Adam {
    fn from(adam: optim::Adam) -> Adam {
        let optim::Adam { rate, automatic, betas, epsilon, weight_decay, groups, .. } = adam;
        Adam { rate, automatic, betas, epsilon, weight_decay, by_name: groups.rules().to_vec() }
    }
}

impl TryFrom<Adam> for optim::Adam {
    type Error = String;

    fn try_from(Adam { rate, automatic, betas, epsilon, weight_decay, by_name }: Adam) -> Result<Self, String> {
        let mut adam = optim::Adam::new(1.0);
        adam.automatic = automatic;
        (adam.rate, adam.betas, adam.epsilon, adam.weight_decay) = (rate, betas, epsilon, weight_decay);
        adam.groups = Groups::from_rules(by_name);
        adam.check_settings()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sgd {
    rate: f64,
    #[serde(default)]
    momentum: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    weight_decay: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    by_name: Vec<Rule>,
}

impl From<optim::Sgd> for Sgd {
    fn from(sgd: optim::Sgd) -> Sgd {
        let optim::Sgd { rate, momentum, weight_decay, groups, .. } = sgd;
        Sgd { rate, momentum, weight_decay, by_name: groups.rules().to_vec() }
    }
}

impl TryFrom<Sgd> for optim::Sgd {
    type Error = String;

    fn try_from(Sgd { rate, momentum, weight_decay, by_name }: Sgd) -> Result<Self, String> {
        let mut sgd = optim::Sgd::new(1.0);
        (sgd.rate, sgd.momentum, sgd.weight_decay) = (rate, momentum, weight_decay);
        sgd.groups = Groups::from_rules(by_name);
        sgd.check_settings()
    }
}
