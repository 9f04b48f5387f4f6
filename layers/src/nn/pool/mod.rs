//! Layers that change the resolution of images and sequences: pooling and up-sampling.

mod global;
mod upsample;
mod windows;

pub use global::{
    AdaptiveAvgPool, AdaptiveAvgPoolDraw, GlobalAvgPool, GlobalAvgPoolDraw, GlobalMaxPool, GlobalMaxPoolDraw,
};
pub use upsample::{Upsample, Upsample1d, Upsample2d, Upsample3d, UpsampleDraw};
pub use windows::{
    AvgPool, AvgPool1d, AvgPool2d, AvgPool3d, AvgPoolDraw, MaxPool, MaxPool1d, MaxPool2d, MaxPool3d, MaxPoolDraw,
};
