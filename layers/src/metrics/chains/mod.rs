//! Diagnostics of Markov chains: convergence ([`r_hat`]), effective sample sizes ([`ess_bulk`], [`ess_tail`],
//! [`ess_mean`]), Monte Carlo standard errors ([`mcse_mean`], [`mcse_sd`]) and the exploration of energies
//! ([`e_bfmi`]).
//!
//! `chains` are the draws of one scalar, a slice for each chain, of equal lengths, without the warm-up. Diagnose many
//! scalars one by one: they are independent. Definitions follow Vehtari, Gelman, Simpson, Carpenter and Bürkner 2021,
//! "Rank-normalization, folding, and localization: an improved R̂", as Stan and ArviZ compute them. If a draw is not
//! finite, or all draws are equal, there is nothing to estimate and the result is NaN.

mod autocovariance;
mod e_bfmi;
mod ess;
mod fft;
mod mcse;
mod r_hat;
mod ranks;
mod table;

pub use e_bfmi::e_bfmi;
pub use ess::{ess_bulk, ess_mean, ess_tail};
pub use mcse::{mcse_mean, mcse_sd};
pub use r_hat::{r_hat, r_hat_split};
