//! Fixed-size blocks of a slice, padded at its end.

use crate::engine::random::{BLOCK, Block};

/// The block of `x` that begins at element `from`: a part of `x`, or a copy in `end` if `x` ends within it. So every loop
/// over a block has a length known to the compiler, without a second loop for the remainder.
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
