//! Importance sampling and what it estimates: Pareto-smoothed importance weights ([`psis`]), leave-one-out
//! cross-validation from one posterior ([`loo`]), and the widely applicable information criterion ([`waic`]).

mod generalised_pareto;
mod loo;
mod pointwise;
mod psis;
mod waic;

pub use loo::{Loo, loo, loo_with_r_eff};
pub use psis::{Psis, psis, psis_with_r_eff};
pub use waic::{Waic, waic};
