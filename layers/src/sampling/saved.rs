//! `Estimators` as serde writes and reads them.

use serde::{Deserialize, Serialize};

use crate::sampling::{self, Estimator};

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Estimators {
    others: Estimator,
    #[serde(default)]
    named: Vec<(String, Estimator)>,
}

impl From<sampling::Estimators> for Estimators {
    fn from(estimators: sampling::Estimators) -> Estimators {
        let named = estimators.named.into_iter().map(|named| (named.name, named.estimator)).collect();
        Estimators { others: estimators.others, named }
    }
}

impl From<Estimators> for sampling::Estimators {
    fn from(Estimators { others, named }: Estimators) -> sampling::Estimators {
        named.iter().fold(sampling::Estimators::all(others), |all, (name, estimator)| all.set(name, *estimator))
    }
}
