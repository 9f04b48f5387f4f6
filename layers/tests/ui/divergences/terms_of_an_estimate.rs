//! Nor are its terms.
use elbo::prelude::*;

fn terms(layer: &Dense<MeanField, MonteCarlo<Normal>>) -> Vec<(String, f64)> {
    layer.kl_terms()
}

fn main() {}
