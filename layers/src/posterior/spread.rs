//! The standard deviations from which `fit` starts if it chooses them.

use crate::distribution::log_scale::{inverse_softplus, softplus};
use crate::engine::{Parameters, Path, Real, Role};
use crate::posterior::INITIAL_SD;

/// The standard deviation of the elements of a matrix, times the root of its number of inputs: the noise that they add to an
/// output is then a tenth of the inputs' root mean square, for any number of inputs.
const OF_MATRIX: f64 = 0.1;

/// The standard deviation of other elements.
const OF_OTHERS: f64 = 0.05;

/// Sets the standard deviation of every weight that still has its constructor's, [`INITIAL_SD`], which is too small for the
/// gradient of its logarithm to be seen: to 0.1/√n for a matrix with n inputs, and to 0.05 for others. Returns the indices of
/// these parameters in visiting order, with their elements before.
///
/// Those whose name `is_frozen` are kept.
pub(crate) fn spread_unchanged<M: Parameters + ?Sized>(
    model: &mut M,
    is_frozen: impl Fn(&str) -> bool,
) -> Vec<(usize, M::Scalar)> {
    let mut spread = Vec::new();
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |path, role, parameter| {
        let name = path.to_string();
        let first = parameter.data().first().copied();
        let sd = match (first, parameter.shape()) {
            (Some(first), shape) if role == Role::Scale && (name == "rho" || name.ends_with(".rho")) => {
                start(softplus(first.to_f64()), shape)
            }
            _ => None,
        };
        if let (Some(sd), Some(first)) = (sd, first)
            && parameter.data().iter().all(|&rho| rho == first)
            && !is_frozen(&name)
        {
            parameter.data_mut().fill(M::Scalar::from_f64(inverse_softplus(sd)));
            spread.push((index, first));
        }
        index += 1;
    });
    spread
}

/// The start of parameters of this shape, (outputs, inputs..) for a matrix, whose constructor set `sd`.
fn start(sd: f64, shape: &[usize]) -> Option<f64> {
    let is = |constructed: f64| (sd / constructed - 1.0).abs() < 1e-5;
    match shape {
        [_, inputs @ ..] if is(INITIAL_SD) && !inputs.is_empty() => {
            Some(OF_MATRIX / (inputs.iter().product::<usize>().max(1) as f64).sqrt())
        }
        _ if is(INITIAL_SD) => Some(OF_OTHERS),
        // The factors of a `MatrixNormal`, whose product is a covariance's factor.
        _ if is(INITIAL_SD.sqrt()) => Some(OF_OTHERS.sqrt()),
        _ => None,
    }
}

/// Restores the elements that [`spread_unchanged`] has replaced.
pub(crate) fn undo_spread<M: Parameters + ?Sized>(model: &mut M, spread: &[(usize, M::Scalar)]) {
    let mut spread = spread.iter().peekable();
    let mut index = 0;
    model.visit_mut(&Path::ROOT, &mut |_, _, parameter| {
        if let Some(&(_, before)) = spread.next_if(|(place, _)| *place == index) {
            parameter.data_mut().fill(before);
        }
        index += 1;
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::posterior::{FullCovariance, MatrixNormal, MeanField};

    #[test]
    fn only_standard_deviations_of_constructors_are_set() {
        let mut model = (
            (MeanField::<f32>::new([3, 25]), MeanField::<f32>::new([3])),
            (MeanField::<f32>::new([3, 25]).initial_sd(0.3), FullCovariance::<f32>::new([4])),
            MatrixNormal::<f32>::new([2, 3]),
        );
        fn sds(model: &impl Parameters<Scalar = f32>) -> Vec<f64> {
            let mut sds = Vec::new();
            model.visit(&Path::ROOT, &mut |path, role, x| {
                if role == Role::Scale && path.to_string().ends_with("rho") {
                    sds.push((softplus(x.data()[0].into()) * 1e4).round() / 1e4);
                }
            });
            sds
        }
        let before = sds(&model);
        let spread = spread_unchanged(&mut model, |name| name == "0.1.rho");
        assert_eq!(sds(&model), [0.02, 0.0067, 0.3, 0.05, 0.2236, 0.2236]);
        undo_spread(&mut model, &spread);
        assert_eq!(sds(&model), before);
    }
}
