//! Copies between arrays of blocks, split over threads.

use crate::Real;
use crate::kernels::Write;
use crate::threads::{self, GRAIN, Rows};

/// Calls `work` with parts of `out`, possibly in parallel. Each part consists of whole blocks of `block` elements and
/// comes with the index of its first block.
pub(crate) fn for_each_part<T: Real>(out: &mut [T], block: usize, work: &(impl Fn(usize, &mut [T]) + Sync)) {
    if out.is_empty() {
        return;
    }
    let len = out.len();
    threads::for_each_part(Rows::new(out, 1), len, GRAIN, block, &|range, part| work(range.start / block, part.data));
}

/// The position of a range of elements within every block of an array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    /// The length of a block.
    pub(crate) block: usize,
    /// The first element of the range.
    pub(crate) start: usize,
}

impl Window {
    /// The whole of every block.
    pub(crate) fn whole(block: usize) -> Self {
        Window { block, start: 0 }
    }

    /// Copies or adds `len` elements from every block of `x` to the same block of `out`.
    pub(crate) fn copy<T: Real>(self, x: &[T], len: usize, to: Window, out: &mut [T], write: Write) {
        if len == 0 {
            return;
        }
        for_each_part(out, to.block, &|first, part| {
            for (i, block) in part.chunks_exact_mut(to.block).enumerate() {
                let x = &x[(first + i) * self.block + self.start..][..len];
                write.put_all(x, &mut block[to.start..][..len]);
            }
        });
    }

    /// Sets `len` elements of every block to zero.
    pub(crate) fn clear<T: Real>(self, len: usize, out: &mut [T]) {
        if len > 0 {
            out.chunks_exact_mut(self.block).for_each(|block| block[self.start..][..len].fill(T::ZERO));
        }
    }
}
