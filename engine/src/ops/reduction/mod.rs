//! Reductions over axes: arrays as runs, which are folded (`gather`) and broadcast again (`spread`).

mod gather;
mod spread;

use std::ops::Range;

pub(crate) use gather::{Gather, gather};
pub(crate) use spread::spread;

use smallvec::SmallVec;

use crate::ops::axes::{reduced_shape, resolve};
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Operation, Real, Shape, Var};

/// Runs of `length` elements with stride `inner`; a block holds `inner` adjacent runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Runs {
    pub(crate) length: usize,
    pub(crate) inner: usize,
}

impl Runs {
    /// The runs along one axis, counted from the front.
    pub(crate) fn along(shape: &[usize], axis: usize) -> Runs {
        Runs { length: shape[axis], inner: shape[axis + 1..].iter().product() }
    }

    /// The runs along `axes`, or `None` if the axes are not adjacent.
    fn along_all(shape: &[usize], axes: &[usize]) -> Option<Runs> {
        let length = axes.iter().map(|&axis| shape[axis]).product();
        let long = || (0..shape.len()).filter(|&axis| shape[axis] != 1);
        let Some(last) = long().rfind(|axis| axes.contains(axis)) else {
            return Some(Runs { length, inner: 1 });
        };
        let before = long().take_while(|&axis| axis <= last).skip_while(|axis| !axes.contains(axis));
        let together = before.clone().all(|axis| axes.contains(&axis));
        together.then(|| Runs { length, inner: shape[last + 1..].iter().product() })
    }

    /// The axes of a value of this shape that the runs go along; at least one, if it has any.
    pub(crate) fn axes(self, shape: &[usize]) -> Option<Vec<usize>> {
        let product = |axes: Range<usize>| shape[axes].iter().product::<usize>();
        let end = (0..=shape.len()).rev().find(|&end| product(end..shape.len()) == self.inner)?;
        let start = (0..=end).rev().find(|&start| (start < end || end == 0) && product(start..end) == self.length)?;
        Some((start..end).collect())
    }

    /// Elements of a block.
    pub(crate) fn block(self) -> usize {
        self.length * self.inner
    }

    /// Calls `visit` with ranges of blocks and the corresponding parts of `out`, possibly in parallel: `out` has
    /// equally many elements for each block.
    pub(crate) fn for_each_blocks<'a, T: Real>(
        self,
        runs: usize,
        (out, each): (&'a mut [T], usize),
        visit: &(dyn Fn(Range<usize>, Rows<'a, T>) + Sync),
    ) {
        if runs > 0 {
            let grain = GRAIN.div_ceil(self.block().max(1));
            for_each_part(Rows::new(out, each), runs / self.inner, grain, 1, visit);
        }
    }

    /// The range of elements of some blocks.
    pub(crate) fn elements(self, blocks: &Range<usize>) -> Range<usize> {
        blocks.start * self.block()..blocks.end * self.block()
    }

    /// The range of runs of some blocks.
    pub(crate) fn runs(self, blocks: &Range<usize>) -> Range<usize> {
        blocks.start * self.inner..blocks.end * self.inner
    }
}

/// The axes of a reduction, and whether they are kept with length 1.
#[derive(Clone, Copy)]
pub(crate) enum Over<'a> {
    All,
    Axes(&'a [isize], bool),
}

impl Over<'_> {
    /// The axes as sorted, non-negative numbers.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub(crate) fn resolve(self, name: &str, shape: &[usize]) -> Shape {
        match self {
            Over::All => (0..shape.len()).collect(),
            Over::Axes(axes, _) => resolve(name, axes, shape),
        }
    }

    fn keep(self) -> bool {
        matches!(self, Over::Axes(_, true))
    }
}

/// Records an operation along runs, each of whose outputs has one element per run. Axes that are not adjacent are first
/// permuted together.
///
/// # Panics
/// If an axis is out of range, or repeated.
#[track_caller]
pub(crate) fn record<'t, T: Real, O: Operation<T> + Copy + 't, const N: usize>(
    name: &str,
    x: Var<'t, T>,
    over: Over<'_>,
    operation: impl FnOnce(Runs) -> O,
) -> [Var<'t, T>; N] {
    record_with(name, x, &[], over, operation)
}

/// [`record`] for an operation that has further inputs, of x's shape.
#[track_caller]
pub(crate) fn record_with<'t, T: Real, O: Operation<T> + Copy + 't, const N: usize>(
    name: &str,
    x: Var<'t, T>,
    others: &[Var<'t, T>],
    over: Over<'_>,
    operation: impl FnOnce(Runs) -> O,
) -> [Var<'t, T>; N] {
    let axes = over.resolve(name, x.shape());
    let shape = reduced_shape(x.shape(), &axes, over.keep());
    let mut inputs: SmallVec<[Var<'t, T>; 3]> = [x].into_iter().chain(others.iter().copied()).collect();
    let runs = match Runs::along_all(x.shape(), &axes) {
        Some(runs) => runs,
        None => {
            let kept = (0..x.shape().len()).filter(|axis| !axes.contains(axis));
            let order: SmallVec<[isize; 6]> = kept.chain(axes.iter().copied()).map(|axis| axis as isize).collect();
            let length = axes.iter().map(|&axis| x.shape()[axis]).product();
            for input in &mut inputs {
                *input = input.permute(&order);
            }
            Runs { length, inner: 1 }
        }
    };
    x.tape().record(operation(runs), &inputs, [(); N].map(|()| &shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_that_lie_together_are_runs() {
        let runs = |axes: &[usize]| Runs::along_all(&[2, 1, 3, 4, 1], axes);
        assert_eq!(runs(&[2]), Some(Runs { length: 3, inner: 4 }));
        assert_eq!(runs(&[0, 2]), Some(Runs { length: 6, inner: 4 }));
        assert_eq!(runs(&[2, 3]), Some(Runs { length: 12, inner: 1 }));
        assert_eq!(runs(&[0, 1, 2, 3, 4]), Some(Runs { length: 24, inner: 1 }));
        assert_eq!(runs(&[0, 3]), None);
        assert_eq!(runs(&[1]), Some(Runs { length: 1, inner: 1 }));
        assert_eq!(runs(&[]), Some(Runs { length: 1, inner: 1 }));
        assert_eq!(Runs::along_all(&[], &[]), Some(Runs { length: 1, inner: 1 }));
    }
}
