//! The diagnosis as JSON.

use serde_json::{Value, json};

use super::{Diagnosis, Forces, Parameter, Winner};

/// JSON has no infinity and no NaN: such a number becomes null.
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
        "means": parameter.means.map(forces),
        "scales": parameter.scales.map(forces),
        "signal_to_noise": parameter.signal_to_noise,
        "effective": parameter.effective,
        "fallen_back": parameter.fallen_back,
    })
}

fn forces(forces: Forces) -> Value {
    json!({
        "elements": forces.elements,
        "nll": forces.nll(),
        "kl": forces.kl(),
        "ratio": forces.ratio(),
        "cosine": forces.cosine(),
        "winner": match forces.winner() {
            Winner::Data => "data",
            Winner::Prior => "prior",
        },
    })
}
