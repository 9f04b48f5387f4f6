//! Layers with noise of their own: dropout of elements, weights and branches, and latent noise.

mod drop_connect;
mod dropout;
mod gaussian_dropout;
mod noise;
pub(super) mod source;
mod stochastic_depth;
mod variational_dropout;

pub use drop_connect::{DropConnect, DropConnectDraw};
pub use dropout::{Dropout, DropoutDraw};
pub use gaussian_dropout::{GaussianDropout, GaussianDropoutDraw};
pub use noise::{Noise, NoiseDraw};
pub use stochastic_depth::{StochasticDepth, StochasticDepthDraw};
pub use variational_dropout::{VariationalDropout, VariationalDropoutDraw};
