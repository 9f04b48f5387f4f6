//! SWAG: a normal distribution around the average of stochastic gradient descent's iterates, and several of them.

mod fit;
mod moments;
mod multi;
mod point;
mod posterior;
mod rate;
mod statistics;

pub use fit::Swag;
pub use multi::MultiSwag;
pub use posterior::SwagPosterior;
