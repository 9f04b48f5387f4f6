//! Draws a model's weights from their priors.

use crate::engine::{Key, Path, Real, Tape};
use crate::model::{Bayesian, Drawn};
use crate::sampling::key_at;
use crate::weights::{Entry, Weights, WeightsError};

/// Draws the weights of `model` from their priors: [`Bayesian::draw_from_prior`].
pub(super) fn draw_from_prior<M: Bayesian + ?Sized>(model: &M, key: Key) -> Result<Weights<M::Scalar>, WeightsError> {
    let mut weights = model.mean_weights();
    let mut tape = Tape::inference();
    // A weight is drawn given the hyperparameters before it, so the model is evaluated again after each weight.
    for index in 0..weights.entries().len() {
        tape.reset();
        let (mut at, mut drawn) = (0, None);
        model.at(&tape, &weights).walk(&Path::ROOT, &mut |path, weight| {
            if at == index {
                drawn = weight.sample_prior(key_at(key, path).at("prior"));
            }
            at += 1;
        });
        let Entry { name, space, .. } = &weights.entries()[index];
        let Some(drawn) = drawn else {
            return Err(WeightsError::Prior { name: name.to_string() });
        };
        // A positive number may round to 0.
        let is_outside = |&w: &f64| !space.contains(M::Scalar::from_f64(w).to_f64());
        if let Some(element) = drawn.iter().position(is_outside) {
            let (name, space) = (name.to_string(), *space);
            return Err(WeightsError::Space { name, element, value: drawn[element], space });
        }
        weights.set_entry(index, &drawn);
    }
    Ok(weights)
}
