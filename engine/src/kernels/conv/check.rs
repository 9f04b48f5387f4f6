//! What convolutions check at their entry.

use super::Geometry;
use crate::kernels::window::sizes;

/// Elements, places and taps of sizes that agree with each other and with the slices. What is computed from these sizes
/// rests on it: offsets, and the largest of them.
#[track_caller]
pub(super) fn check<T>(name: &str, g: &Geometry, x: &[T], w: &[T], y: &[T]) -> [usize; 3] {
    assert!(g.groups > 0, "{name}: no group of channels in {g:?}");
    for axis in g.axes {
        assert!(
            axis.is_consistent(),
            "{name}: {} places of {} taps are none, stand still or reach beyond the padded input along {axis:?}",
            axis.output,
            axis.kernel
        );
    }
    let [elements, places, taps] = sizes(g.axes);
    // Counts that overflow are those of no slice.
    let is = |len: usize, factors: [usize; 4]| factors.into_iter().try_fold(1, usize::checked_mul) == Some(len);
    assert!(
        is(x.len(), [g.batch, g.groups, g.channels, elements])
            && is(w.len(), [g.groups, g.outputs, g.channels, taps])
            && is(y.len(), [g.batch, g.groups, g.outputs, places]),
        "{name}: {} elements with a weight of {} and an output of {} in {g:?}",
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

/// That there is as much scratch memory as the function said that it needs.
#[track_caller]
pub(in crate::kernels) fn check_scratch<T>(name: &str, scratch: &[T], needed: usize) {
    assert!(scratch.len() >= needed, "{name}: {} numbers of scratch memory, and {needed} are needed", scratch.len());
}
