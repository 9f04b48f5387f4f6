//! Pictures of a training, of predictions and of chains as SVG, a report of a run as one HTML file, and TensorBoard's event files.
//!
//! ```
//! use elbo::prelude::*;
//! use elbo::report::{self, Html};
//!
//! # let x: Tensor = Tensor::from_fn([64, 2], |i| (0.7 * i as f64).sin());
//! # let y = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
//! # let train: Examples = Examples::new(x, y)?;
//! # let folder = std::env::temp_dir().join("elbo-doc-report");
//! # std::fs::create_dir_all(&folder)?;
//! let mut model = Dense::new(2, 2);
//! let training = Elbo::new(Categorical).quiet().fit(&mut model, &train, Epochs(20))?;
//! let predictions = model.predict(&Categorical, train.inputs(), Draws(32));
//!
//! let calibration = report::reliability(&predictions.reliability(train.targets(), 10));
//! std::fs::write(folder.join("calibration.svg"), calibration.svg())?;
//! Html::new("A linear classifier")
//!     .text(&training.conclusion())
//!     .picture(report::training(&training))
//!     .picture(calibration)
//!     .write(folder.join("report.html"))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod chains;
mod chart;
mod curves;
mod html;
mod picture;
#[cfg(feature = "png")]
mod png;
mod predictions;
mod records;
mod svg;
mod tensor_board;
mod ticks;
mod weights;

pub use chains::{ranks, traces};
pub use chart::{Chart, Scale};
pub use curves::training;
pub use html::Html;
pub use picture::Picture;
#[cfg(feature = "png")]
pub use png::{Fonts, PngError};
pub use predictions::{bands, entropies, pit, reliability, risk_coverage};
pub use tensor_board::TensorBoard;
pub use weights::{draws, kl_by_weight, posterior, pruning, signal_to_noise};
