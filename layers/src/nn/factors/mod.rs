//! Layers that share a matrix and differ by vectors: a random rank-1 factor, or one for each member of an ensemble.

mod batch_ensemble;
mod rank1_conv;
mod rank1_dense;
mod turn;

pub use batch_ensemble::{BatchEnsemble, BatchEnsembleDraw, EnsembleMember, EnsembleMemberDraw};
pub use rank1_conv::{Rank1Conv, Rank1Conv1d, Rank1Conv2d, Rank1Conv3d, Rank1ConvDraw};
pub use rank1_dense::{Rank1Dense, Rank1DenseDraw};

use crate::engine::{Real, Var};

/// The standard deviation of the default prior of rank-1 factors, whose mean is 1.
const FACTOR_SD: f64 = 0.1;

/// Checks that a bias has one element for each output: nothing is broadcast.
#[track_caller]
fn check_bias<T: Real>(layer: &str, bias: Var<'_, T>, outputs: usize) {
    assert!(bias.shape() == [outputs], "{layer}: `bias` has the shape {:?}; expected [{outputs}]", bias.shape());
}
