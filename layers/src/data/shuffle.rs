//! Random orders.

use crate::Key;

/// Puts `rows` into a random order that depends on `key` alone: every order is equally likely, and
/// the same on every machine.
///
/// Fisher and Yates 1938 in Durstenfeld's form (1964, Algorithm 235).
pub fn shuffle(rows: &mut [usize], key: Key) {
    todo!()
}
