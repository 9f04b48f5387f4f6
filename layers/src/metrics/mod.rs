//! Metrics of predictions: accuracy, NLL, Brier score, calibration (ECE), uncertainty decomposition, coverage, CRPS, detection of
//! unknown data, selective prediction; and [`Bootstrap`] intervals of all of them. Metrics of classifiers are functions of plain
//! slices, so they score predictions from any source: `probabilities` are row-major (N, C), one row an example, each row a
//! distribution over the C classes; `labels` are N class indices from 0; several posterior draws are row-major (S, N, C). Sums are
//! taken in `f64`, logarithms are natural (nats). [`Probabilities`] is a prediction of classes, with the metrics that need only the
//! mean over draws as methods; [`Mixture`] is a prediction of numbers, with the metrics of regression; functions of slices score
//! numbers from elsewhere.
//!
//! Diagnostics of posterior samples are functions of plain slices too. Of Markov chains: [`r_hat`], the effective
//! sample sizes [`ess_bulk`], [`ess_tail`] and [`ess_mean`], the Monte Carlo standard errors [`mcse_mean`] and
//! [`mcse_sd`], and [`e_bfmi`]. They take the draws of one scalar after warm-up, a slice for each chain: diagnose many
//! scalars one by one. Of importance weights: [`psis`]. Of a model, from pointwise log-likelihoods: leave-one-out
//! cross-validation, [`loo()`], and [`waic()`].
//!
//! Sizes that do not fit, a label out of range and a row that is not a distribution (logits, NaN, a transposed table)
//! are programming errors: they panic at the caller's line.
//!
//! ```
//! # use elbo::metrics;
//! let probabilities = [0.9, 0.1, /* */ 0.4, 0.6, /* */ 0.7, 0.3];
//! let labels = [0, 1, 1];
//! assert_eq!(metrics::error(&probabilities, 2, &labels), 1.0 / 3.0);
//! let nll = metrics::nll(&probabilities, 2, &labels);
//! assert!((nll - -(0.9f64.ln() + 0.6f64.ln() + 0.3f64.ln()) / 3.0).abs() < 1e-15);
//! ```

mod accuracy;
mod adaptive_ece;
mod bootstrap;
mod brier;
mod brier_decomposition;
mod chains;
mod classwise_ece;
mod confusion;
mod detection;
mod draw_sd;
mod ece;
mod entropy;
mod importance;
pub(crate) mod log_mean_exp;
mod mixture;
mod mixture_of_normals;
mod mixture_scores;
mod mutual_information;
mod nll;
mod normal_mixture;
pub(crate) mod number_targets;
mod probabilities;
mod probability_rows;
mod regression;
mod reliability;
mod sample_targets;
mod selective;
mod unscaled;
mod variation_ratio;

pub use accuracy::{accuracy, error};
pub use adaptive_ece::adaptive_ece;
pub use bootstrap::{Bootstrap, BootstrapError, Interval, SelectRows};
pub use brier::brier;
pub use brier_decomposition::BrierDecomposition;
pub use chains::{e_bfmi, ess_bulk, ess_mean, ess_tail, mcse_mean, mcse_sd, r_hat, r_hat_split};
pub use classwise_ece::classwise_ece;
pub use confusion::{Average, Confusion};
pub use detection::{Detection, Uncertainty, aupr, aupr_trapezoid, auroc, fpr_at_tpr, fpr95};
pub use draw_sd::draw_sd;
pub use ece::{ece, mce};
pub use entropy::{entropy, expected_entropy};
pub use importance::{Loo, Psis, Waic, loo, loo_with_r_eff, psis, psis_with_r_eff, waic};
pub use mixture::Mixture;
pub use mixture_of_normals::MixtureOfNormals;
pub use mutual_information::mutual_information;
pub use nll::nll;
pub use number_targets::NumberTargets;
pub use probabilities::Probabilities;
pub use probability_rows::{confidence, mean_of_draws};
pub use regression::{PitHistogram, PredictedNumbers, WeightedNormals};
pub use regression::{
    coverage, crps_normal, crps_samples, crps_samples_fair, interval_score, mae, mean_width, r2, rmse,
};
pub use reliability::{Bin, Reliability};
pub use selective::{Accepted, RiskCoverage};
pub use unscaled::Unscaled;
pub use variation_ratio::variation_ratio;
