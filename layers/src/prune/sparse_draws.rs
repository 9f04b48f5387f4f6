//! `SparseDraws`: draws of pruned weights whose zeros are skipped in predictions.

use std::fmt;
use std::ops::Deref;

use crate::engine::{Parameters, Tape};
use crate::model::Bayesian;
use crate::model::at_leaves::at_leaves;
use crate::samples::{DrawOf, KeptDraws, Samples, ScalarOf};
use crate::weights::{Leaves, SparseMaps};

/// A matrix with a larger share of elements that are not 0 is multiplied as a dense one, which is then faster: `prune` measures both.
const MOST: f64 = 0.3;

/// Draws whose linear maps skip the zeros of their weights: pruned draws, or any others with exact zeros.
///
/// Matrices (outputs, inputs) that [`Dense`](crate::Dense) and other layers use in `affine` or `linear`, and of which at least 70 % of
/// the elements are 0, are multiplied element by element; everything else is as in [`KeptDraws`]. The sums are the same, in another
/// order, so that results differ by rounding.
pub struct SparseDraws<M: Deref<Target: Parameters>> {
    draws: KeptDraws<M>,
    maps: Vec<SparseMaps<<M::Target as Parameters>::Scalar>>,
}

impl<M: Deref<Target: Bayesian + Sized>> SparseDraws<M> {
    /// Finds the sparse matrices of each draw.
    pub fn new(draws: KeptDraws<M>) -> Self {
        let tensors =
            |of: &crate::weights::Weights<_>| SparseMaps::of(of.entries().iter().map(|entry| &entry.tensor), MOST);
        let maps = draws.weights().iter().map(tensors).collect();
        SparseDraws { draws, maps }
    }

    /// The draws, with their zeros.
    pub fn draws(&self) -> &KeptDraws<M> {
        &self.draws
    }

    /// Whether some draw has a matrix that is sparse enough to gain from it.
    pub fn is_sparse(&self) -> bool {
        self.maps.iter().any(SparseMaps::is_any)
    }
}

impl<M: Deref<Target: Bayesian + Sized + Sync> + Sync> Samples for SparseDraws<M> {
    type Model = M::Target;

    fn model(&self) -> &M::Target {
        self.draws.model()
    }

    fn count(&self) -> usize {
        self.draws.count()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        let count = self.count();
        assert!(index < count, "Samples::draw: draw {index} (from 0) is out of range for {count} draws");
        at_leaves(self.model(), tape, &self.draws.weights()[index], Leaves::Sparse(&self.maps[index]))
    }

    fn in_one_batch(&self) -> bool {
        Samples::in_one_batch(&self.draws)
    }
}

impl<M: Deref<Target: Parameters>> fmt::Debug for SparseDraws<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SparseDraws").field("draws", &self.draws).finish_non_exhaustive()
    }
}
