//! Layers of a spectral-normalised neural Gaussian process (SNGP): a dense layer with a bounded spectral norm, and an output layer
//! that approximates a Gaussian process by random features.

mod lanczos;
mod largest_singular;
mod random_feature_gp;
mod spectral_norm;

pub use random_feature_gp::{RandomFeatureGp, RandomFeatureGpDraw};
pub use spectral_norm::{SpectralNorm, SpectralNormDraw};
