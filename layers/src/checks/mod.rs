//! Checks of a posterior, whatever the inference: is it the right one, does the model fit the data, did variational inference
//! work?
//!
//! | question | check | needs |
//! |---|---|---|
//! | Does the inference find the posterior, on data that the model itself has made? | [`Calibration`]: ranks of the true weights among the draws | a fit for each simulation |
//! | Does the model make data like those observed? | [`PredictiveCheck`]: statistics of replicated data | draws of the posterior |
//! | Is a variational posterior near the exact one? | [`VariationalCheck`]: k̂ of importance weights, and corrected moments | the model after training |
//!
//! ```
//! use elbo::checks::{PredictiveCheck, VariationalCheck};
//! use elbo::prelude::*;
//!
//! # let x = Tensor::from_fn([60, 1], |i| (i as f64 * 0.7).sin());
//! # let y = Tensor::from_fn([60, 1], |i| (i as f64 * 0.7).sin() + 0.3 * (i as f64 * 1.9).cos());
//! # let train = Examples::new(x, y)?;
//! let (mut model, likelihood) = (Dense::new(1, 1), Gaussian::new(0.3));
//! Elbo::new(likelihood).quiet().fit(&mut model, &train, Epochs(200))?;
//!
//! let fit = VariationalCheck::run(&model, &likelihood, &train, Draws(500))?;
//! println!("{fit}"); // k̂ with a verdict, ELBO and evidence, means and sds as fitted and as corrected
//!
//! let data = PredictiveCheck::new(&likelihood, &train).standard().run(&model.posterior(Draws(200)))?;
//! println!("{data}"); // each statistic: observed, replicated, p
//! # assert!(fit.elbo <= fit.log_evidence && data.statistics.len() == 5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calibration;
mod error;
mod one_draw;
mod predictive_check;
mod rank_statistics;
mod statistics;
mod uniformity;
mod variational_check;

pub use calibration::Calibration;
pub use error::CheckError;
pub use predictive_check::{PredictiveCheck, PredictiveStatistics, ReplicatedStatistic};
pub use rank_statistics::{RankStatistic, RankStatistics};
pub use statistics::{AsNumbers, max, mean, min, sd, zeros};
pub use variational_check::{ElementMoments, VariationalCheck};

use crate::engine::{Parameters, Path, Real};
use crate::weights::Weights;

/// The names of all elements of some weights, `name[index]`, in the order of their flat view.
fn element_names<T: Real>(weights: &Weights<T>) -> Vec<String> {
    let mut names = Vec::with_capacity(weights.len());
    weights.visit(&Path::ROOT, &mut |path, _, tensor| {
        names.extend((0..tensor.len()).map(|element| format!("{path}[{element}]")));
    });
    names
}

/// Weights as numbers in double precision.
fn flat<T: Real>(weights: &Weights<T>) -> Vec<f64> {
    weights.flat().into_iter().map(Real::to_f64).collect()
}
