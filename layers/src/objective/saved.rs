//! Settings of the objective as serde writes and reads them.

use serde::{Deserialize, Serialize};

use crate::objective::{self, WarmUpShape};
use crate::saved::numbered;

numbered!(Tempering from objective::Tempering { None; LikelihoodPower, KlFactor, Posterior });

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarmUp {
    shape: WarmUpShape,
    period: usize,
    #[serde(default = "one")]
    growth: f64,
    #[serde(default = "once")]
    cycles: usize,
}

fn one() -> f64 {
    1.0
}

fn once() -> usize {
    1
}

impl From<objective::WarmUp> for WarmUp {
    fn from(objective::WarmUp { shape, period, growth, cycles }: objective::WarmUp) -> WarmUp {
        WarmUp { shape, period, growth, cycles }
    }
}

impl TryFrom<WarmUp> for objective::WarmUp {
    type Error = String;

    fn try_from(WarmUp { shape, period, growth, cycles }: WarmUp) -> Result<Self, String> {
        objective::WarmUp { shape, period, growth, cycles }.check()
    }
}
