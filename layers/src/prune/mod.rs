//! Pruning by signal to noise: the weights whose posterior mean is small beside its standard deviation are set to 0
//! (Graves 2011; Blundell et al. 2015, section 5.1).
//!
//! [`SignalToNoise`] has |μ|/σ of every weight, from the posterior in the struct or from any samples; [`Kept`] is a choice of weights,
//! which makes pruned draws, a pruned mean network, or a pruned struct, and lists them for a sparse file. [`SparseDraws`] predicts with
//! pruned draws without multiplying by their zeros.
//!
//! ```
//! use elbo::prelude::*;
//! use elbo::prune::{SignalToNoise, SparseDraws};
//!
//! # let x = Tensor::from_fn([64, 4], |i| (i as f64 * 0.7).sin());
//! # let labels: Vec<usize> = x.data().chunks(4).map(|x| usize::from(x[0] > 0.1)).collect();
//! # let mut model = Dense::new(4, 2);
//! # Elbo::new(Categorical).quiet().fit(&mut model, &Examples::new(x.clone(), labels.clone())?, Epochs(5))?;
//! let ratios = SignalToNoise::of(&model)?;
//! for point in ratios.curve(&[0.0, 0.5, 0.75], |kept| {
//!     Ok(kept.mean_network(&model)?.predict(&Categorical, &x).error(&labels))
//! })? {
//!     println!("{:.0} % removed: error {:.3}", 100.0 * point.removed, point.value);
//! }
//! let kept = ratios.remove(0.75)?;
//! let draws = kept.draws(&KeptDraws::new(&model, Draws(20)))?; // exactly 0 where a weight was removed
//! let predictions = SparseDraws::new(draws).predict(&Categorical, &x);
//! # assert_eq!(kept.removed(), 7);
//! # assert_eq!(predictions.len(), 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod kept;
mod signal_to_noise;
mod sparse_draws;

pub use error::PruneError;
pub use kept::Kept;
pub use signal_to_noise::{PruningPoint, SignalToNoise};
pub use sparse_draws::SparseDraws;
