//! Blocks of slices.

use crate::engine::random::{BLOCK, Block};

/// The block of `x` from element `from` on: a part of `x`, or, where `x` ends within it, a copy in `end`.
/// So every loop over a block has a length known to the compiler, and there is one of each.
#[inline(always)]
pub(super) fn block_of<'a, T: Copy>(x: &'a [T], from: usize, end: &'a mut Block<T>) -> &'a [T; BLOCK] {
    let rest = &x[from..];
    match rest.first_chunk() {
        Some(whole) => whole,
        None => {
            end[..rest.len()].copy_from_slice(rest);
            end
        }
    }
}
