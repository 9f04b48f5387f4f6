//! Convolutions over one, two and three spatial axes: plain and grouped, transposed, and depthwise-separable.

mod convolution;
mod separable;
mod transposed;

pub use crate::engine::PaddingMode;
pub use convolution::{Conv, Conv1d, Conv2d, Conv3d, ConvDraw};
pub use separable::{SeparableConv, SeparableConv1d, SeparableConv2d, SeparableConv3d, SeparableConvDraw};
pub use transposed::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, ConvTransposeDraw};

/// The channels and the outputs of each group.
///
/// # Panics
/// If they are not multiples of the number of groups.
#[track_caller]
fn per_group(layer: &str, [channels, outputs]: [usize; 2], groups: usize) -> [usize; 2] {
    assert!(
        groups > 0 && channels.is_multiple_of(groups) && outputs.is_multiple_of(groups),
        "{layer}: {channels} channels and {outputs} outputs in {groups} groups; expected multiples of the number of groups"
    );
    [channels / groups, outputs / groups]
}
