//! The diagnosis as a JSON document.

use serde_json::{Value, json};

use super::{Diagnosis, DominantTerm, Parameter, TermGradients};

/// The JSON document. Infinity and NaN become null.
pub(super) fn text(diagnosis: &Diagnosis) -> String {
    let parameters: Vec<Value> = diagnosis.parameters.iter().map(|each| parameter(diagnosis, each)).collect();
    let value = json!({
        "examples": diagnosis.examples,
        "draws": diagnosis.draws,
        "nll": diagnosis.nll,
        "kl_to_nll": diagnosis.kl_to_nll(),
        "parameters": parameters,
        "total": parameter(diagnosis, &diagnosis.total),
        "findings": diagnosis.findings(),
    });
    format!("{value:#}\n")
}

fn parameter(diagnosis: &Diagnosis, parameter: &Parameter) -> Value {
    json!({
        "name": parameter.name,
        "weights": parameter.weights,
        "kl": parameter.kl,
        "kl_share": diagnosis.kl_share(parameter),
        "kl_per_weight": parameter.kl_per_weight(),
        "means": parameter.means.map(term_gradients),
        "scales": parameter.scales.map(term_gradients),
        "signal_to_noise": parameter.signal_to_noise,
        "effective": parameter.effective,
        "fallen_back": parameter.fallen_back,
    })
}

fn term_gradients(gradients: TermGradients) -> Value {
    json!({
        "elements": gradients.elements,
        "nll": gradients.nll(),
        "kl": gradients.kl(),
        "ratio": gradients.ratio(),
        "cosine": gradients.cosine(),
        "dominant": match gradients.dominant() {
            DominantTerm::Data => "data",
            DominantTerm::Prior => "prior",
        },
    })
}
