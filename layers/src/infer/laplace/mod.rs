//! Laplace approximations: a normal posterior around a mode, from the curvature there.

mod blocks;
mod chosen;
mod curvature;
mod error;
mod factor;
mod fit;
mod fit_prior;
mod gauss_newton;
mod gradient;
mod groups;
mod hessian;
mod jacobian;
mod kronecker;
mod layout;
mod linear_algebra;
mod linearised;
mod maximum;
mod mode;
mod options;
mod output_hessian;
mod posterior;
mod prior;
mod richardson;

pub use error::LaplaceError;
pub use groups::PriorGroups;
pub use linearised::Linearised;
pub use options::Laplace;
pub use posterior::LaplacePosterior;
