//! `Draws` as serde writes and reads it.

use serde::{Deserialize, Serialize};

use crate::samples;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Draws {
    count: usize,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    in_one_batch: bool,
}

impl From<samples::Draws> for Draws {
    fn from(draws: samples::Draws) -> Draws {
        Draws { count: draws.count, seed: draws.key.seed(), in_one_batch: draws.in_one_batch }
    }
}

impl TryFrom<Draws> for samples::Draws {
    type Error = String;

    fn try_from(Draws { count, seed, in_one_batch }: Draws) -> Result<Self, String> {
        let draws = samples::Draws::checked(count)?.seed(seed);
        Ok(if in_one_batch { draws.in_one_batch() } else { draws })
    }
}
