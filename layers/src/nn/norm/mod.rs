//! Normalisations: batch, group, instance, layer and root mean square, and filter response normalisation.

mod affine;
mod batch;
mod filter_response;
mod group;
mod instance;
mod layer;
mod root_mean_square;

pub use affine::Affine;
pub use batch::{BatchNorm, BatchNormDraw};
pub use filter_response::{FilterResponseNorm, FilterResponseNormDraw};
pub use group::{GroupNorm, GroupNormDraw};
pub use instance::{InstanceNorm, InstanceNormDraw};
pub use layer::{LayerNorm, LayerNormDraw};
pub use root_mean_square::{RmsNorm, RmsNormDraw};

/// The default of the constant that normalisations add to a variance.
const EPS: f64 = 1e-5;

/// # Panics
/// If `x` is not (examples, channels, ..).
#[track_caller]
fn check_channels(layer: &str, x: &[usize], channels: usize) {
    assert!(x.len() > 1 && x[1] == channels, "{layer}: x of shape {x:?}; expected (examples, {channels}, ..)");
}

/// # Panics
/// If `x` is not (examples, channels, space ..) with more than one element of space.
#[track_caller]
fn check_space(layer: &str, x: &[usize], channels: usize) {
    check_channels(layer, x, channels);
    assert!(
        x.len() > 2 && x[2..].iter().product::<usize>() != 1,
        "{layer}: x of shape {x:?}; expected (examples, {channels}, space ..) with more than one element of space, over which \
         each channel is normalised"
    );
}

/// # Panics
/// If the last axes of `x` are not `shape`, or no axis is left for the examples.
#[track_caller]
fn check_last(layer: &str, x: &[usize], shape: &[usize]) {
    let is_coupled = x == shape;
    assert!(
        x.ends_with(shape) && !is_coupled,
        "{layer}: x of shape {x:?} over axes {shape:?}{}; expected an axis of examples and then, at last, {shape:?}",
        if is_coupled { " would couple the examples of a batch" } else { "" }
    );
}

/// # Panics
/// If there are no axes.
#[track_caller]
fn check_axes(layer: &str, shape: &[usize]) {
    assert!(!shape.is_empty(), "{layer}: at least one axis is needed, got shape []");
}
