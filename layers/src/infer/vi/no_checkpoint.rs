//! There are no checkpoints without the feature `files`.

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;

use crate::data::{Examples, Targets};
use crate::engine::Real;
use crate::infer::vi::agreement::Agreement;
use crate::infer::vi::early_stopping::EarlyStopping;
use crate::infer::vi::options::Options;
use crate::infer::vi::state::State;
use crate::infer::vi::training::Validation;
use crate::infer::vi::{Budget, DrawOptions, Epoch, TrainError};
use crate::model::Bayesian;
use crate::optim::Optimizer;

#[expect(dead_code, reason = "checkpoints read them")]
pub(super) struct Settings<'a> {
    pub(super) budget: Budget,
    pub(super) batch_size: usize,
    pub(super) shards: Option<usize>,
    pub(super) options: &'a Options,
    pub(super) draw: &'a DrawOptions,
    pub(super) early_stopping: Option<EarlyStopping>,
}

#[expect(dead_code, reason = "checkpoints read them")]
pub(super) struct Whereabouts {
    pub(super) first: usize,
    pub(super) begun: [usize; 2],
    pub(super) batches: usize,
}

pub(super) struct Store<'e>(Infallible, PhantomData<&'e ()>);

pub(super) enum Saved {}

impl Settings<'_> {
    /// There are several ranks only with files.
    pub(super) fn same_on_all_ranks<M: Bayesian, L, Y: Targets>(
        &self,
        _: Agreement<'_>,
        _: (&M, &impl Optimizer),
        _: (&L, &Examples<M::Scalar, Y>),
        _: Option<&Validation<'_, M::Scalar, Y>>,
        _: [usize; 2],
    ) -> Result<(), TrainError> {
        Ok(())
    }
}

impl<'e> Store<'e> {
    pub(super) fn open<T: Real, L, Y: Targets>(
        _: &Settings<'_>,
        _: &L,
        _: &Examples<T, Y>,
        _: Option<&Validation<'_, T, Y>>,
        _: Agreement<'e>,
    ) -> Result<Option<Self>, TrainError> {
        Ok(None)
    }

    pub(super) fn latest<M: Bayesian, O: Optimizer>(
        &mut self,
        _: &M,
        _: &O,
        _: [usize; 2],
    ) -> Result<Option<Saved>, TrainError> {
        match self.0 {}
    }

    pub(super) fn is_due_in_epoch(&self) -> bool {
        match self.0 {}
    }

    pub(super) fn is_due_after_epoch(&self, _: usize) -> bool {
        match self.0 {}
    }

    pub(super) fn keep_if_best<M: Bayesian>(&mut self, _: &M, _: &Epoch) -> Result<(), TrainError> {
        match self.0 {}
    }

    pub(super) fn save<M: Bayesian, O: Optimizer>(
        &mut self,
        _: &M,
        _: &O,
        _: &State<'_, M::Scalar>,
        _: Whereabouts,
        _: ([usize; 2], [f64; 2]),
    ) -> Result<(), TrainError> {
        match self.0 {}
    }
}

impl Saved {
    pub(super) fn resume<M: Bayesian, O: Optimizer>(
        &self,
        _: &mut M,
        _: &mut O,
        _: &mut State<'_, M::Scalar>,
        _: Whereabouts,
        _: impl FnOnce(&mut M, [usize; 2], usize) -> Option<[f64; 2]>,
    ) -> Result<[usize; 2], TrainError> {
        match *self {}
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
