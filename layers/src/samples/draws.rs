//! `Draws`: the number of posterior draws to average over, and their seed.

use crate::engine::Key;
use crate::scalar::accepted;

/// The number of posterior draws to average over, and their seed.
///
/// Make one with `Draws::new(64)`, or with the function of the same name: `Draws(64)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::samples::saved::Draws", into = "crate::samples::saved::Draws"))]
#[must_use]
pub struct Draws {
    pub(crate) count: usize,
    pub(crate) key: Key,
    pub(crate) in_one_batch: bool,
}

/// Short for [`Draws::new`](Draws::new()).
///
/// # Panics
/// Where [`Draws::new`](Draws::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `Draws(64)`")]
#[track_caller]
pub fn Draws(count: usize) -> Draws {
    Draws::new(count)
}

impl Draws {
    /// `count` draws of the weights, with seed 0.
    ///
    /// # Panics
    /// If it is 0, or more than 2³².
    #[track_caller]
    pub fn new(count: usize) -> Self {
        accepted(Draws::checked(count))
    }

    /// # Errors
    /// If the number is 0, or more than 2³².
    pub(crate) fn checked(count: usize) -> Result<Draws, String> {
        // The index of a draw has 32 bits.
        let most = 1u64 << 32;
        match count as u64 {
            0 => Err("Draws: at least one draw is needed, got 0".to_owned()),
            draws if draws > most => Err(format!("Draws: at most {most} draws are possible, got {count}")),
            _ => Ok(Draws { count, key: Key::new(0).at("predict"), in_one_batch: false }),
        }
    }

    /// Sets the seed.
    pub fn seed(self, seed: u64) -> Self {
        Draws { key: Key::new(seed).at("predict"), ..self }
    }

    /// Predicts all rows in one batch, for a forward in which the rows of a batch influence each other.
    pub fn in_one_batch(self) -> Self {
        Draws { in_one_batch: true, ..self }
    }

    /// The number of draws.
    #[must_use]
    pub fn count(self) -> usize {
        self.count
    }

    /// The noise key of a draw.
    pub(crate) fn key(self, draw: usize) -> Key {
        self.key.draw(draw)
    }

    pub(crate) fn are_in_one_batch(self) -> bool {
        self.in_one_batch
    }
}
