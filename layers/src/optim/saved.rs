//! The settings of optimisers as serde writes and reads them: without the state of a training.

use serde::{Deserialize, Serialize};

use crate::optim;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adam {
    rate: f64,
    #[serde(default = "betas")]
    betas: [f64; 2],
}

fn betas() -> [f64; 2] {
    optim::Adam::new(1.0).betas
}

impl From<optim::Adam> for Adam {
    fn from(adam: optim::Adam) -> Adam {
        Adam { rate: adam.rate, betas: adam.betas }
    }
}

impl TryFrom<Adam> for optim::Adam {
    type Error = String;

    fn try_from(Adam { rate, betas }: Adam) -> Result<Self, String> {
        let mut adam = optim::Adam::new(1.0);
        (adam.rate, adam.betas) = (rate, betas);
        adam.check_settings()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sgd {
    rate: f64,
    #[serde(default)]
    momentum: f64,
}

impl From<optim::Sgd> for Sgd {
    fn from(sgd: optim::Sgd) -> Sgd {
        Sgd { rate: sgd.rate, momentum: sgd.momentum }
    }
}

impl TryFrom<Sgd> for optim::Sgd {
    type Error = String;

    fn try_from(Sgd { rate, momentum }: Sgd) -> Result<Self, String> {
        let mut sgd = optim::Sgd::new(1.0);
        (sgd.rate, sgd.momentum) = (rate, momentum);
        sgd.check_settings()
    }
}
