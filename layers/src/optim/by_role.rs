//! The learning rates of `Adam::automatic`, by the parameters' roles.

use crate::engine::Role;

/// The largest rate of means.
pub(super) const MEANS: f64 = 0.03;

/// The rate of a matrix of means, times the root of its number of inputs.
const MEANS_OF_MATRIX: f64 = 0.12;

/// The rate of scales in the form ρ, those of priors too: a learned prior follows its weights.
const SCALES: f64 = 0.048;

/// The rate of everything else: deterministic weights, parts of covariance matrices.
const OTHERS: f64 = 0.01;

/// Whether a parameter of this name is a ρ, of which the scale is softplus(ρ).
fn is_rho(name: &str) -> bool {
    name == "rho" || name.ends_with(".rho")
}

/// The learning rate of the parameter of this name, role and shape, (outputs, inputs..) for a matrix.
pub(super) fn rate(name: &str, role: Role, shape: &[usize]) -> Option<f64> {
    Some(match (role, shape) {
        (Role::Mean, [_, inputs @ ..]) if !inputs.is_empty() => {
            let inputs: usize = inputs.iter().product();
            (MEANS_OF_MATRIX / (inputs.max(1) as f64).sqrt()).min(MEANS)
        }
        (Role::Mean, _) => MEANS,
        (Role::Scale | Role::Point, _) if is_rho(name) => SCALES,
        _ => OTHERS,
    })
}
