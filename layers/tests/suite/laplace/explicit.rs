//! Curvatures and predictions against Jacobians that are computed example by example, one output at a time.

use elbo::prelude::*;
use elbo::{Independent, Model};

use super::{assert_close, inverse, network, sines, with_sines};

/// The Jacobian of one row's outputs with respect to all weights, (outputs, weights), by a backward pass for each output.
pub(super) fn jacobian<M: Model<Scalar = f64>>(model: &M, x: &Tensor<f64>, row: usize, outputs: usize) -> Vec<f64>
where
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, f64>, Out = Var<'t, f64>>,
{
    let weights = model.mean_weights();
    let mut gradients = Gradients::of(&weights);
    let mut all = Vec::new();
    for k in 0..outputs {
        gradients.clear();
        let tape = Tape::new();
        let output = model.at(&tape, &weights).forward(tape.input_rows(x, row..row + 1));
        output.reshape([outputs]).at(0, k as isize).sum().backward(&mut gradients);
        all.extend(gradients.iter().flat_map(|(.., g)| g.iter().copied()));
    }
    all
}

/// diag(p) − p pᵀ at these logits.
fn softmax_hessian(logits: &[f64]) -> Vec<f64> {
    let total: f64 = logits.iter().map(|x| x.exp()).sum();
    let p: Vec<f64> = logits.iter().map(|x| x.exp() / total).collect();
    let n = p.len();
    (0..n * n).map(|i| if i / n == i % n { p[i / n] } else { 0.0 } - p[i / n] * p[i % n]).collect()
}

/// Σ Jᵀ H J over rows for elements `range` of the weights, for a categorical likelihood.
fn gauss_newton(jacobians: &[Vec<f64>], hessians: &[Vec<f64>], range: std::ops::Range<usize>, d: usize) -> Vec<f64> {
    let (n, mut sum) = (range.len(), vec![0.0; range.len() * range.len()]);
    for (jacobian, hessian) in jacobians.iter().zip(hessians) {
        let outputs = jacobian.len() / d;
        for c in 0..outputs {
            for k in 0..outputs {
                for i in 0..n {
                    for j in 0..n {
                        let [a, b] = [(c, i), (k, j)].map(|(c, i)| jacobian[c * d + range.start + i]);
                        sum[i * n + j] += a * hessian[c * outputs + k] * b;
                    }
                }
            }
        }
    }
    sum
}

/// Checks a full approximation of any model, and that predictions follow from covariance and Jacobians.
fn check<M>(model: &M, x: &Tensor<f64>, outputs: usize, precision: f64)
where
    M: Model<Scalar = f64> + Bayesian<Batch: Independent> + Sync,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t, f64>, Out = Var<'t, f64>>,
{
    let rows = x.shape()[0];
    let labels: Vec<usize> = (0..rows).map(|i| i * i % outputs).collect();
    let data = Examples::new(x.clone(), labels).unwrap();
    let d = model.mean_weights().len();
    let jacobians: Vec<Vec<f64>> = (0..rows).map(|row| jacobian(model, x, row, outputs)).collect();
    let tape = Tape::inference();
    let logits = model.mean(&tape).forward(tape.input(x)).to_tensor();
    let hessians: Vec<Vec<f64>> = logits.data().chunks(outputs).map(softmax_hessian).collect();
    let mut sum = gauss_newton(&jacobians, &hessians, 0..d, d);
    (0..d).for_each(|i| sum[i * d + i] += precision);
    let (covariance, log_determinant) = inverse(&sum, d);
    let full = Laplace::new(Categorical).full().fit(model, &data).unwrap();
    assert_close("full covariance", full.covariance().data(), &covariance, 1e-10);
    assert_close("ln det", &[full.log_determinant()], &[log_determinant], 1e-10);
    let diagonal = Laplace::new(Categorical).diagonal().fit(model, &data).unwrap();
    let variances: Vec<f64> = diagonal.sds().iter().flat_map(|(_, sds)| sds.iter().map(|sd| sd * sd)).collect();
    assert_close("variances", &variances, &(0..d).map(|i| 1.0 / sum[i * d + i]).collect::<Vec<f64>>(), 1e-10);

    for posterior in [full, diagonal, Laplace::new(Categorical).fit(model, &data).unwrap()] {
        let covariance = posterior.covariance();
        let variances: Vec<f64> = posterior.sds().iter().flat_map(|(_, sds)| sds.iter().map(|sd| sd * sd)).collect();
        assert_close("sds", &variances, &(0..d).map(|i| covariance.data()[i * d + i]).collect::<Vec<f64>>(), 1e-10);
        let (_, log_determinant) = inverse(covariance.data(), d);
        assert_close("ln det", &[posterior.log_determinant()], &[-log_determinant], 1e-10);
        let of_row = |jacobian: &Vec<f64>| -> Vec<f64> {
            let of_pair = |c: usize, k: usize| {
                (0..d * d)
                    .map(|i| jacobian[c * d + i / d] * covariance.data()[i] * jacobian[k * d + i % d])
                    .sum::<f64>()
            };
            (0..outputs * outputs).map(|i| of_pair(i / outputs, i % outputs)).collect()
        };
        let expected: Vec<f64> = jacobians.iter().flat_map(of_row).collect();
        assert_close("covariances of outputs", posterior.linearised(x).covariances(), &expected, 1e-10);

        // The same noise gives the weights of `samples` and the outputs of the linearised model.
        let (found, samples) = (posterior.outputs(x, Draws(3)), posterior.samples(Draws(3)));
        let start = model.mean_weights().flat();
        let of_draw = |weights: &Weights<f64>| -> Vec<f64> {
            let change: Vec<f64> = weights.flat().iter().zip(&start).map(|(w, m)| w - m).collect();
            let of_output = |of_output: &[f64]| of_output.iter().zip(&change).map(|(j, w)| j * w).sum::<f64>();
            let moved = jacobians.iter().flat_map(|jacobian| jacobian.chunks(d).map(of_output));
            logits.data().iter().zip(moved).map(|(f, moved)| f + moved).collect()
        };
        let expected: Vec<f64> = samples.weights().iter().flat_map(of_draw).collect();
        assert_close("outputs", found.tensor().data(), &expected, 1e-10);
    }
}

#[test]
fn a_network_of_two_layers_has_the_curvature_of_its_jacobians() {
    check(&network::<f64>([2, 4, 3], Normal(0.0, 1.25)), &sines([9, 2], 0.7), 3, 1.0 / (1.25 * 1.25));
}

#[test]
fn kronecker_factors_are_those_of_inputs_and_gradients() {
    let [inputs, hidden, outputs] = [2, 4, 3];
    let (model, x) = (network::<f64>([inputs, hidden, outputs], Normal(0.0, 1.0)), sines([9, 2], 0.7));
    let rows = 9;
    let data = Examples::new(x.clone(), (0..rows).map(|i| i % outputs).collect()).unwrap();
    let d = model.mean_weights().len();
    let jacobians: Vec<Vec<f64>> = (0..rows).map(|row| jacobian(&model, &x, row, outputs)).collect();
    let tape = Tape::inference();
    let logits = model.mean(&tape).forward(tape.input(&x)).to_tensor();
    let hessians: Vec<Vec<f64>> = logits.data().chunks(outputs).map(softmax_hessian).collect();
    let posterior = Laplace::new(Categorical).kronecker().fit(&model, &data).unwrap();
    let found = posterior.covariance();
    let (mut first, mut expected) = (0, vec![0.0; d * d]);
    for [width, features] in [[inputs, hidden], [hidden, outputs]] {
        let (weight, bias) =
            (first..first + width * features, first + width * features..first + (width + 1) * features);
        // The Jacobian of the bias is the adjoint g of the layer's outputs, and that of the weight is g aᵀ.
        let of_bias = gauss_newton(&jacobians, &hessians, bias.clone(), d);
        let mut of_inputs = vec![0.0; width * width];
        for jacobian in &jacobians {
            let a: Vec<f64> = (0..width).map(|i| jacobian[weight.start + i] / jacobian[bias.start]).collect();
            (0..width * width).for_each(|i| of_inputs[i] += a[i / width] * a[i % width]);
        }
        let n = weight.len();
        let mut precision: Vec<f64> = (0..n * n)
            .map(|i| {
                let [[o, i], [p, j]] = [i / n, i % n].map(|e| [e / width, e % width]);
                of_bias[o * features + p] * of_inputs[i * width + j] / rows as f64
            })
            .collect();
        (0..n).for_each(|i| precision[i * n + i] += 1.0);
        let mut of_bias = of_bias;
        (0..features).for_each(|i| of_bias[i * features + i] += 1.0);
        for (range, precision) in [(weight, precision), (bias, of_bias)] {
            let n = range.len();
            let (covariance, _) = inverse(&precision, n);
            for i in 0..n {
                expected[(range.start + i) * d + range.start..][..n].copy_from_slice(&covariance[i * n..][..n]);
            }
        }
        first += (width + 1) * features;
    }
    assert_close("Kronecker covariance", found.data(), &expected, 1e-10);
}

/// Uses of weights that are not one affine map of the examples: a weight (inputs, outputs), one used twice, a scale, a map of
/// several positions, and a bias that is not one of a map.
#[bayesian]
struct Others {
    #[prior(Normal(0.0, 1.0))]
    columns: MeanField<f64>,
    twice: Dense<MeanField<f64>>,
    #[prior(Normal(0.0, 1.0))]
    scale: MeanField<f64>,
    positions: Dense<MeanField<f64>>,
    #[prior(Normal(0.0, 1.0))]
    shift: MeanField<f64>,
}

#[bayesian]
impl Others {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        let rows = x.shape()[0];
        let hidden = (x.matmul(self.columns) * self.scale).tanh();
        let hidden = self.twice.forward(self.twice.forward(hidden).tanh());
        let parts = self.positions.forward(hidden.reshape([rows, 2, 2])).tanh();
        parts.sum_axes(&[1], false) + self.shift
    }
}

#[test]
fn weights_that_are_used_in_other_ways_have_the_curvature_of_their_jacobians() {
    let layer = |inputs, outputs| Dense::of(inputs, outputs, MeanField::new, Normal(0.0, 1.0));
    let model = with_sines(Others {
        columns: MeanField::new([3, 4]),
        twice: layer(4, 4),
        scale: MeanField::new([4]),
        positions: layer(2, 3),
        shift: MeanField::new([3]),
    });
    check(&model, &sines([7, 3], 0.7), 3, 1.0);
}

#[test]
fn results_have_the_same_bits_for_any_number_of_threads() {
    let model = network::<f64>([2, 4, 3], Normal(0.0, 1.0));
    let data = Examples::new(sines([700, 2], 0.7), (0..700).map(|i| i % 3).collect()).unwrap();
    let run = |threads: usize| {
        elbo::with_threads(threads, || {
            let posterior = Laplace::new(Categorical).fit(&model, &data).unwrap();
            (posterior.log_evidence(), posterior.outputs(data.inputs(), Draws(4)))
        })
    };
    assert_eq!(run(1), run(3));
}
