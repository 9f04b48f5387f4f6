//! The model that answers, and its replacement.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::Predictor;

/// A predictor, and which one it is.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) predictor: Predictor,
    /// 1 at the start, and one more after each reload.
    pub(super) number: u64,
    pub(super) loaded: SystemTime,
}

/// The model that answers new requests. Requests that wait keep theirs.
#[derive(Debug)]
pub(super) struct Current(RwLock<(Arc<Model>, Option<String>)>);

impl Current {
    pub(super) fn new(predictor: Predictor) -> Self {
        Current(RwLock::new((Arc::new(Model { predictor, number: 1, loaded: SystemTime::now() }), None)))
    }

    /// The model that answers, and why a newer file could not be loaded.
    pub(super) fn get(&self) -> (Arc<Model>, Option<String>) {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn model(&self) -> Arc<Model> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    pub(super) fn replace(&self, predictor: Predictor) {
        let mut current = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let number = current.0.number + 1;
        *current = (Arc::new(Model { predictor, number, loaded: SystemTime::now() }), None);
    }

    /// Keeps the model, and says why.
    pub(super) fn keep(&self, mistake: String) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).1 = Some(mistake);
    }
}
