//! `model.kl_terms()` of a model with an estimated divergence.
use elbo::prelude::*;

fn terms(layer: &Dense<MeanField, MonteCarlo<Normal>>) -> Vec<(String, f64)> {
    layer.kl_terms()
}

fn main() {}
