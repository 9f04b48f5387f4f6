//! An array viewed along one axis, as blocks of contiguous runs; copies of whole runs and their adjoint.

use crate::Real;
use crate::kernels::Write;
use crate::ops::parts::for_each_part;

/// An array viewed along one axis: blocks of `length` consecutive runs of `inner` elements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AxisView {
    pub(crate) length: usize,
    pub(crate) inner: usize,
}

impl AxisView {
    pub(crate) fn new(shape: &[usize], axis: usize) -> Self {
        AxisView { length: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// The number of elements of a block.
    pub(crate) fn block(self) -> usize {
        self.length * self.inner
    }

    /// Sets run `i` of `count` in every block of `out` to run `source(i)` of the same block of `x` (which this
    /// describes), or adds it.
    pub(crate) fn pick<T: Real>(
        self,
        x: &[T],
        count: usize,
        source: impl Fn(usize) -> usize + Sync,
        out: &mut [T],
        write: Write,
    ) {
        for_each_part(out, self.inner, &|first, part| {
            let (mut block, mut i) = (first / count, first % count);
            for run in part.chunks_exact_mut(self.inner) {
                let from = (block * self.length + source(i)) * self.inner;
                write.put_all(&x[from..from + self.inner], run);
                i += 1;
                if i == count {
                    (block, i) = (block + 1, 0);
                }
            }
        });
    }

    /// The adjoint of `pick`: adds run `i` of `count` in every block of `g` to run `place(i)` of the same block of
    /// `target` (which this describes); `None` skips it. Runs that receive nothing are set to zero when the target is
    /// stored.
    pub(crate) fn scatter_runs<T: Real>(
        self,
        g: &[T],
        count: usize,
        place: impl Fn(usize) -> Option<usize> + Sync,
        target: &mut [T],
        write: Write,
    ) {
        write.clear(target);
        for_each_part(target, self.block(), &|first, part| {
            for (block, target) in part.chunks_exact_mut(self.block()).enumerate() {
                for i in 0..count {
                    let Some(place) = place(i) else { continue };
                    let from = ((first + block) * count + i) * self.inner;
                    Write::Add.put_all(&g[from..from + self.inner], &mut target[place * self.inner..][..self.inner]);
                }
            }
        });
    }
}
