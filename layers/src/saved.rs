//! Settings as `serde` writes and reads them: the names in a file are these, whatever the types' own fields are called. What is
//! read goes through the same checks as in the constructors.
//!
//! A function of one's own, such as [`Schedule::of`](crate::Schedule::of), cannot be written.

use serde::{Deserialize, Serialize};

use crate::drawing::Estimator;
use crate::objective::WarmUpShape;
use crate::train::ScheduleShape;

/// An enum with one number in a variant is the same enum, unchecked.
macro_rules! numbered {
    ($name:ident { $($unit:ident),* ; $($variant:ident),* }) => {
        #[derive(Clone, Serialize, Deserialize)]
        pub(crate) enum $name {
            $($unit,)*
            $($variant(f64),)*
        }

        impl From<crate::$name> for $name {
            fn from(value: crate::$name) -> $name {
                match value {
                    $(crate::$name::$unit => $name::$unit,)*
                    $(crate::$name::$variant(number) => $name::$variant(number),)*
                }
            }
        }

        impl TryFrom<$name> for crate::$name {
            type Error = String;

            fn try_from(value: $name) -> Result<Self, String> {
                match value {
                    $($name::$unit => crate::$name::$unit,)*
                    $($name::$variant(number) => crate::$name::$variant(number),)*
                }
                .check()
            }
        }
    };
}

numbered!(Clip { ; Value, Norm, EachNorm });
numbered!(Tempering { None; LikelihoodPower, KlFactor, Posterior });

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

impl From<crate::WarmUp> for WarmUp {
    fn from(crate::WarmUp { shape, period, growth, cycles }: crate::WarmUp) -> WarmUp {
        WarmUp { shape, period, growth, cycles }
    }
}

impl TryFrom<WarmUp> for crate::WarmUp {
    type Error = String;

    fn try_from(WarmUp { shape, period, growth, cycles }: WarmUp) -> Result<Self, String> {
        crate::WarmUp { shape, period, growth, cycles }.check()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    shape: ScheduleShape,
    #[serde(default)]
    warm_up: usize,
}

impl From<crate::Schedule> for Schedule {
    fn from(crate::Schedule { shape, warm_up }: crate::Schedule) -> Schedule {
        Schedule { shape, warm_up }
    }
}

impl TryFrom<Schedule> for crate::Schedule {
    type Error = String;

    fn try_from(Schedule { shape, warm_up }: Schedule) -> Result<Self, String> {
        crate::Schedule { shape, warm_up }.check()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Adam {
    rate: f64,
    #[serde(default = "betas")]
    betas: [f64; 2],
}

fn betas() -> [f64; 2] {
    crate::Adam::new(1.0).decay
}

impl From<crate::Adam> for Adam {
    fn from(adam: crate::Adam) -> Adam {
        Adam { rate: adam.rate, betas: adam.decay }
    }
}

impl TryFrom<Adam> for crate::Adam {
    type Error = String;

    fn try_from(Adam { rate, betas }: Adam) -> Result<Self, String> {
        let mut adam = crate::Adam::new(1.0);
        (adam.rate, adam.decay) = (rate, betas);
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

impl From<crate::Sgd> for Sgd {
    fn from(sgd: crate::Sgd) -> Sgd {
        Sgd { rate: sgd.rate, momentum: sgd.momentum }
    }
}

impl TryFrom<Sgd> for crate::Sgd {
    type Error = String;

    fn try_from(Sgd { rate, momentum }: Sgd) -> Result<Self, String> {
        let mut sgd = crate::Sgd::new(1.0);
        (sgd.rate, sgd.momentum) = (rate, momentum);
        sgd.check_settings()
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draws {
    count: usize,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    in_one_batch: bool,
}

impl From<crate::Draws> for Draws {
    fn from(draws: crate::Draws) -> Draws {
        Draws { count: draws.count, seed: draws.key.seed(), in_one_batch: draws.in_one_batch }
    }
}

impl TryFrom<Draws> for crate::Draws {
    type Error = String;

    fn try_from(Draws { count, seed, in_one_batch }: Draws) -> Result<Self, String> {
        let draws = crate::Draws::checked(count)?.seed(seed);
        Ok(if in_one_batch { draws.in_one_batch() } else { draws })
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scaling {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl From<crate::data::Scaling> for Scaling {
    fn from(crate::data::Scaling { shift, scale }: crate::data::Scaling) -> Scaling {
        Scaling { shift, scale }
    }
}

impl TryFrom<Scaling> for crate::data::Scaling {
    type Error = String;

    fn try_from(Scaling { shift, scale }: Scaling) -> Result<Self, String> {
        if shift.len() != scale.len() {
            return Err(format!("Scaling: {} columns of shifts, but {} of scales", shift.len(), scale.len()));
        }
        for (column, (shift, scale)) in shift.iter().zip(&scale).enumerate() {
            if !shift.is_finite() {
                return Err(format!("Scaling: column {column} (from 0): the shift must be finite, got {shift}"));
            }
            if !(*scale > 0.0 && scale.is_finite()) {
                return Err(format!("Scaling: column {column} (from 0): the scale must be positive, got {scale}"));
            }
        }
        Ok(crate::data::Scaling { shift, scale })
    }
}

/// The estimators by name in the order in which they were set: of one name said twice, the second counts.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Estimators {
    others: Estimator,
    #[serde(default)]
    named: Vec<(String, Estimator)>,
}

impl From<crate::Estimators> for Estimators {
    fn from(estimators: crate::Estimators) -> Estimators {
        let named = estimators.named.into_iter().map(|named| (named.name, named.estimator)).collect();
        Estimators { others: estimators.others, named }
    }
}

impl From<Estimators> for crate::Estimators {
    fn from(Estimators { others, named }: Estimators) -> crate::Estimators {
        named.iter().fold(crate::Estimators::all(others), |all, (name, estimator)| all.set(name, *estimator))
    }
}
