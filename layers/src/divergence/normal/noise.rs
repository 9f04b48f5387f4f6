//! Where ε comes from, and blocks of the slices beside it.

use crate::engine::random::{BLOCK, Block, Philox};
use crate::{Cx, MeanField, Real};

/// The source of ε, forward and backward alike.
#[derive(Clone, Copy)]
pub(super) enum Noise<'t, T> {
    None,
    Source(Philox),
    Given(&'t [T]),
}

impl<'t, T: Real> Noise<'t, T> {
    pub(super) fn of(q: &MeanField<T>, cx: Cx<'t, T>) -> Self {
        match cx.fixed_noise(q.mean.shape()) {
            Some(noise) => Noise::Given(noise.data()),
            None => Noise::Source(cx.key().philox()),
        }
    }

    /// ε from element `start` on, which begins a block; past the end of a given one, zero.
    #[inline(always)]
    pub(super) fn block(&self, start: usize) -> Block<T> {
        match self {
            Noise::None => Block::of(T::ZERO),
            Noise::Source(source) => T::block(source, (start / BLOCK) as u64),
            Noise::Given(noise) => {
                let mut block = Block::of(T::ZERO);
                let rest = &noise[start..];
                let len = BLOCK.min(rest.len());
                block[..len].copy_from_slice(&rest[..len]);
                block
            }
        }
    }
}

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
