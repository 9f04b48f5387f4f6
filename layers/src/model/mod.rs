//! Models: the traits that `#[bayesian]` implements, containers of models, and the properties of a model's type.

pub(crate) mod at_leaves;
mod bayesian;
mod buffer;
mod compatibility;
mod containers;
mod draw_first;
mod draw_from_prior;
pub(crate) mod forward_by;
mod hierarchical_normal;
mod layer;
mod normals_by_name;
mod point;
pub(crate) mod properties_of_fields;
mod set_means;
mod summary;
mod weights;

pub use bayesian::{Bayesian, Drawn, Kl, KlEstimate, LogPrior};
pub use buffer::{Buffer, Saved};
pub use compatibility::{Allows, CompatibleWith, Flipout, FlippedByExample, Local, Sample, SampledByOutput};
pub(crate) use containers::tuples;
pub use draw_first::{DrawFirst, Undrawn};
pub use hierarchical_normal::{HierarchicalNormal, HierarchicalNormalDraw};
pub use layer::{Forward, Layer, LayerAt, Model, ModelAt, ModelOutput};
pub use summary::{Kind, SUMMARY_DRAWS, Summary, SummaryRow};
