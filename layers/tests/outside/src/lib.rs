//! A test crate that depends on elbo under another name and extends it with its own types: an [operation](LogCosh), a [prior](Gumbel), a [posterior](Isotropic), the closed-form
//! divergences of both, a [layer](Smooth), and a [likelihood](Poisson).
//!
//! ```
//! use bayes::prelude::*;
//! use outside::{Gumbel, Isotropic, Smooth};
//!
//! #[bayesian]
//! struct Network {
//!     body: Smooth<Isotropic, Gumbel>,
//!     head: Dense<Isotropic, Gumbel>,
//! }
//!
//! #[bayesian]
//! impl Network {
//!     fn forward(&self, x: Var) -> Var {
//!         self.head.forward(self.body.forward(x))
//!     }
//! }
//!
//! let prior = Gumbel(1.0);
//! let head = Dense { weight: Isotropic::new([2, 4], 0.1), bias: Isotropic::new([2], 0.1), prior };
//! let network = Network { body: Smooth::new(3, 4, prior), head };
//! assert!(network.kl() > 0.0);
//! ```

mod divergence;
mod layer;
mod likelihood;
mod operation;
mod posterior;
mod prior;

pub use layer::{Smooth, SmoothDraw};
pub use likelihood::Poisson;
pub use operation::LogCosh;
pub use posterior::Isotropic;
pub use prior::Gumbel;
