//! Stein variational gradient descent: particles that repel each other.

mod adam;
mod builder;
mod error;
mod fit;
mod kernel;
mod options;
mod particles;

pub use builder::Svgd;
pub use error::SvgdError;
pub use particles::Particles;
