//! `LinearMaps`: notes the inputs of a model's linear maps, and gives their outputs a gradient.

use std::cell::RefCell;

use crate::engine::{Real, Tensor, Var};

/// The linear maps x · Wᵀ + b and x · W of a forward pass, in its order. An offset of zero that is added to a map's output has
/// the adjoint of that output as its gradient, for each example by itself.
#[derive(Debug)]
pub(crate) struct LinearMaps<T: Real> {
    offsets: Vec<Option<Tensor<T>>>,
    noted: RefCell<Vec<LinearMap<T>>>,
}

/// A linear map that was noted. Values are identified by their addresses.
#[derive(Clone, Debug)]
pub(crate) struct LinearMap<T: Real> {
    pub(crate) weight: usize,
    pub(crate) bias: Option<usize>,
    /// Whether the weight is (inputs, outputs), as in x · W.
    pub(crate) is_transposed: bool,
    /// x, (.., inputs).
    pub(crate) input: Tensor<T>,
    /// The shape of the output, (.., outputs).
    pub(crate) shape: Vec<usize>,
    pub(crate) output: usize,
}

impl<T: Real> LinearMaps<T> {
    /// With these offsets for the maps in the order of the forward pass; maps without one are only noted.
    pub(crate) fn new(offsets: Vec<Option<Tensor<T>>>) -> Self {
        LinearMaps { offsets, noted: RefCell::default() }
    }

    /// The offsets.
    pub(crate) fn offsets(&self) -> &Vec<Option<Tensor<T>>> {
        &self.offsets
    }

    /// The maps of the forward pass.
    pub(crate) fn into_noted(self) -> Vec<LinearMap<T>> {
        self.noted.into_inner()
    }

    /// Notes the map of x by a weight to y, and returns y with its offset.
    #[track_caller]
    pub(crate) fn note<'t>(
        &'t self,
        [weight, x, y]: [Var<'t, T>; 3],
        bias: Option<Var<'t, T>>,
        is_transposed: bool,
    ) -> Var<'t, T> {
        let mut noted = self.noted.borrow_mut();
        let y = match self.offsets.get(noted.len()) {
            Some(Some(offset)) => y + y.tape().param(offset),
            _ => y,
        };
        noted.push(LinearMap {
            weight: address(weight),
            bias: bias.map(address),
            is_transposed,
            input: x.to_tensor(),
            shape: y.shape().to_vec(),
            output: address(y),
        });
        y
    }
}

/// What identifies a value of a tape, or of another one that borrows the same tensor.
pub(crate) fn address<T: Real>(value: Var<'_, T>) -> usize {
    value.value().as_ptr() as usize
}
