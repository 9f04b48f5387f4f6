//! Regression that is linear in its weights under normal noise and normal priors: Laplace's approximation is exact.

use std::f64::consts::TAU;

use elbo::prelude::*;

use super::{assert_close, inverse, sines};

const ROWS: usize = 12;
const INPUTS: usize = 3;
const OUTPUTS: usize = 2;
const NOISE: f64 = 0.4;
const PRIOR: [f64; 2] = [0.3, 1.5];

/// The rows of x with a one.
fn design(x: &Tensor<f64>) -> Vec<Vec<f64>> {
    x.data().chunks(INPUTS).map(|row| row.iter().copied().chain([1.0]).collect()).collect()
}

/// The posterior of one output: covariance, (4, 4), mean, and ln p(y).
fn exact(x: &Tensor<f64>, y: &[f64]) -> (Vec<f64>, Vec<f64>, f64) {
    let (phi, n, [m, s]) = (design(x), INPUTS + 1, PRIOR);
    let mut precision = vec![0.0; n * n];
    let mut right = vec![m / (s * s); n];
    for (phi, y) in phi.iter().zip(y) {
        for i in 0..n {
            (0..n).for_each(|j| precision[i * n + j] += phi[i] * phi[j] / (NOISE * NOISE));
            right[i] += phi[i] * y / (NOISE * NOISE);
        }
    }
    (0..n).for_each(|i| precision[i * n + i] += 1.0 / (s * s));
    let (covariance, _) = inverse(&precision, n);
    let mean = (0..n).map(|i| (0..n).map(|j| covariance[i * n + j] * right[j]).sum()).collect();
    // y ~ N(Φ m, σ² + s² Φ Φᵀ).
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let marginal: Vec<f64> = (0..ROWS * ROWS)
        .map(|i| s * s * dot(&phi[i / ROWS], &phi[i % ROWS]) + if i / ROWS == i % ROWS { NOISE * NOISE } else { 0.0 })
        .collect();
    let (inverse, log_determinant) = inverse(&marginal, ROWS);
    let residuals: Vec<f64> = phi.iter().zip(y).map(|(phi, y)| y - m * phi.iter().sum::<f64>()).collect();
    let square: f64 = (0..ROWS * ROWS).map(|i| residuals[i / ROWS] * inverse[i] * residuals[i % ROWS]).sum();
    (covariance, mean, -0.5 * (square + log_determinant + ROWS as f64 * TAU.ln()))
}

#[test]
fn full_laplace_is_the_exact_posterior_evidence_and_prediction() {
    let (x, y) = (sines::<f64>([ROWS, INPUTS], 0.9), sines::<f64>([ROWS, OUTPUTS], 1.9));
    let of_output = |k: usize| y.data().iter().skip(k).step_by(OUTPUTS).copied().collect::<Vec<f64>>();
    let exact: Vec<_> = (0..OUTPUTS).map(|k| exact(&x, &of_output(k))).collect();
    let mut model: Dense<MeanField<f64>> = Dense::of(INPUTS, OUTPUTS, MeanField::new, Normal(PRIOR[0], PRIOR[1]));
    let mut weights = model.mean_weights();
    for (k, (_, mean, _)) in exact.iter().enumerate() {
        weights.get_mut("weight").unwrap()[k * INPUTS..][..INPUTS].copy_from_slice(&mean[..INPUTS]);
        weights.get_mut("bias").unwrap()[k] = mean[INPUTS];
    }
    model.set_means(&weights).unwrap();
    let data = Examples::new(x.clone(), y).unwrap();
    let evidence: f64 = exact.iter().map(|(.., evidence)| evidence).sum();
    let d = OUTPUTS * (INPUTS + 1);
    // The index of an element of the model's weights, by output and input; the bias is the last input.
    let place = |k: usize, i: usize| if i < INPUTS { k * INPUTS + i } else { OUTPUTS * INPUTS + k };
    let mut covariance = vec![0.0; d * d];
    for (k, (of_output, ..)) in exact.iter().enumerate() {
        for i in 0..=INPUTS {
            (0..=INPUTS).for_each(|j| covariance[place(k, i) * d + place(k, j)] = of_output[i * (INPUTS + 1) + j]);
        }
    }
    let test = sines::<f64>([5, INPUTS], 3.1);
    let variances: Vec<f64> = design(&test)
        .iter()
        .flat_map(|phi| {
            let of_output = |(of_output, ..): &(Vec<f64>, Vec<f64>, f64)| {
                let n = INPUTS + 1;
                (0..n * n).map(|i| phi[i / n] * of_output[i] * phi[i % n]).sum::<f64>()
            };
            exact.iter().map(of_output).collect::<Vec<f64>>()
        })
        .collect();
    let means: Vec<f64> = design(&test)
        .iter()
        .flat_map(|phi| exact.iter().map(|(_, m, _)| phi.iter().zip(m).map(|(a, b)| a * b).sum()).collect::<Vec<f64>>())
        .collect();

    let laplace = Laplace::new(Gaussian::new(NOISE)).full();
    for laplace in [laplace.clone(), laplace.clone().last_layer(), laplace.clone().weights(["*"]), laplace.hessian()] {
        let posterior = laplace.fit(&model, &data).unwrap();
        assert_close("covariance", posterior.covariance().data(), &covariance, 1e-9);
        assert_close("evidence", &[posterior.log_evidence()], &[evidence], 1e-9);
        let predicted = posterior.linearised(&test);
        assert_close("mean", predicted.means(), &means, 1e-9);
        assert_close("variance", &predicted.variances(), &variances, 1e-9);
        let sds: Vec<f64> = posterior.sds().into_iter().flat_map(|(_, sds)| sds).collect();
        assert_close("sd", &sds, &(0..d).map(|i| covariance[i * d + i].sqrt()).collect::<Vec<f64>>(), 1e-9);
    }

    // By draws: of the linearised model, and of the network, which is linear too.
    let posterior = Laplace::new(Gaussian::new(NOISE)).full().fit(&model, &data).unwrap();
    let (count, noise) = (4000, Gaussian::new(NOISE));
    for predicted in
        [posterior.predict(&noise, &test, Draws(count)), posterior.samples(Draws(count)).predict(&noise, &test)]
    {
        for (i, (found, sd)) in predicted.mean().iter().zip(predicted.sd()).enumerate() {
            let (error, of_sd) = ((variances[i] / count as f64).sqrt(), (0.5 / count as f64).sqrt());
            assert!((found - means[i]).abs() < 5.0 * error, "mean {i}: {found}, expected {}", means[i]);
            let total = (variances[i] + NOISE * NOISE).sqrt();
            assert!((sd / total - 1.0).abs() < 5.0 * of_sd, "sd {i}: {sd}, expected {total}");
        }
    }

    // In single precision, of which only the Jacobian and the likelihood are.
    let narrow = data.inputs().cast::<f32>();
    let data = Examples::new(narrow, data.targets().cast::<f32>()).unwrap();
    let mut model: Dense = Dense::of(INPUTS, OUTPUTS, MeanField::new, Normal(PRIOR[0], PRIOR[1]));
    let flat: Vec<f32> = weights.flat().into_iter().map(|x| x as f32).collect();
    let mut weights = model.mean_weights();
    weights.set_flat(&flat).unwrap();
    model.set_means(&weights).unwrap();
    let posterior = Laplace::new(Gaussian::new(NOISE)).full().fit(&model, &data).unwrap();
    assert_close("covariance in f32", posterior.covariance().data(), &covariance, 1e-5);
    assert_close("evidence in f32", &[posterior.log_evidence()], &[evidence], 1e-5);
}
