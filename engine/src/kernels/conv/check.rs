//! Argument checks of the convolution kernels.

use super::Geometry;
use crate::kernels::window::sizes;

/// Checks that the sizes agree with each other and with the slices; returns the numbers of elements, places and taps.
/// All offsets are computed from these sizes.
#[track_caller]
pub(super) fn check<T>(name: &str, g: &Geometry, x: &[T], w: &[T], y: &[T]) -> [usize; 3] {
    assert!(g.groups > 0, "{name}: no groups of channels in {g:?}");
    for axis in g.axes {
        assert!(
            axis.is_consistent(),
            "{name}: {} places of {} taps are 0, have stride or dilation 0, or exceed the padded input along {axis:?}",
            axis.output,
            axis.kernel
        );
    }
    let [elements, places, taps] = sizes(g.axes);
    // Counts that overflow do not match any slice.
    let is = |len: usize, factors: [usize; 4]| factors.into_iter().try_fold(1, usize::checked_mul) == Some(len);
    assert!(
        is(x.len(), [g.batch, g.groups, g.channels, elements])
            && is(w.len(), [g.groups, g.outputs, g.channels, taps])
            && is(y.len(), [g.batch, g.groups, g.outputs, places]),
        "{name}: {} elements, {} weights and {} outputs do not match {g:?}",
        x.len(),
        w.len(),
        y.len()
    );
    [elements, places, taps]
}

#[track_caller]
pub(super) fn check_bias<T>(name: &str, channels: usize, bias: Option<&[T]>) {
    if let Some(bias) = bias {
        assert!(bias.len() == channels, "{name}: a bias of {} elements for {channels} channels", bias.len());
    }
}

/// Checks that there is as much scratch memory as required.
#[track_caller]
pub(in crate::kernels) fn check_scratch<T>(name: &str, scratch: &[T], needed: usize) {
    assert!(
        scratch.len() >= needed,
        "{name}: the scratch memory has {} elements, and {needed} are needed",
        scratch.len()
    );
}
