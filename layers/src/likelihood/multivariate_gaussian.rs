//! The multivariate normal likelihood, with a covariance that is learned or an output.

use std::f64::consts::TAU;

use crate::engine::{Real, Tape, Tensor, Triangle, Var};
use crate::likelihood::{HeteroscedasticGaussian, Likelihood};
use crate::metrics::{Mixture, MixtureOfNormals};
use crate::predictive::Outputs;

/// p(y) = N(mean, LLᵀ) for targets of D elements that are correlated given the inputs, with the mean and the Cholesky
/// factor L of the covariance from the outputs.
///
/// Targets are (examples, D). An example has D + D(D + 1)/2 outputs: the D means; the logarithms of L's diagonal; and L
/// below the diagonal, row by row. Append a covariance that all examples share with
/// [`WithConstants`](crate::nn::WithConstants), from D(D + 1)/2 zeros (the identity). There is one term per example, so
/// masks are by example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MultivariateGaussian;

/// The number of outputs for targets of `d` elements.
fn num_outputs(d: usize) -> usize {
    d + d * (d + 1) / 2
}

/// D, from the number of outputs.
fn dimension(outputs: &[usize]) -> Result<usize, String> {
    let found = (outputs.len() == 1).then(|| (1..).take_while(|&d| num_outputs(d) <= outputs[0])).into_iter().flatten();
    found.last().filter(|&d| num_outputs(d) == outputs[0]).ok_or_else(|| {
        format!(
            "the model's output for one example has shape {outputs:?}; MultivariateGaussian needs D + D(D + 1)/2 outputs for \
             targets of D elements: 2, 5, 9, 14, .."
        )
    })
}

/// The place of every element of L, row by row, among (the diagonal, what is below it, 0).
fn places(d: usize) -> impl Iterator<Item = usize> {
    let below = d * (d - 1) / 2;
    (0..d * d).map(move |i| match (i / d, i % d) {
        (row, column) if row == column => row,
        (row, column) if row > column => d + row * (row - 1) / 2 + column,
        _ => d + below,
    })
}

/// The means (examples, D), ln of L's diagonal (examples, D), and L (examples, D, D).
fn parameters<'t, T: Real>(output: Var<'t, T>, d: usize) -> [Var<'t, T>; 3] {
    let examples = output.shape()[0];
    let [mean, ln_diagonal, below] = output.split(-1, [d, d, d * (d - 1) / 2]);
    let tape = output.tape();
    let zero = tape.constant([examples, 1], |_| T::ZERO);
    let parts = Var::concat(&[ln_diagonal.exp(), below, zero], -1);
    let mut places = places(d);
    let index = tape.alloc_slice(d * d, |_| places.next().expect("d² places"));
    [mean, ln_diagonal, parts.index_select(-1, index).reshape([examples, d, d])]
}

impl<T: Real> Likelihood<T> for MultivariateGaussian {
    type Targets = Tensor<T>;
    type Predictive = MixtureOfNormals;

    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        let axes = output.shape().get(1..).unwrap_or_default();
        if let Err(mistake) = check(axes, targets.shape()) {
            panic!("{mistake}");
        }
        let (examples, d) = (targets.shape()[0], targets.shape()[1]);
        let [mean, ln_diagonal, factor] = parameters(output, d);
        // Rows in units of the diagonal, which may underflow: the loss is then not finite, and nothing panics.
        let units = (-ln_diagonal).exp().reshape([examples, d, 1]);
        let distance = (output.tape().input(targets) - mean).reshape([examples, d, 1]) * units;
        let z = (factor * units).triangular_solve(distance, Triangle::LOWER.unit_diagonal());
        let squares = z.square().reshape([examples, d]).scale_shift(-0.5, -0.5 * TAU.ln());
        (squares - ln_diagonal).sum_axes(&[-1], false)
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> MixtureOfNormals {
        let d = match dimension(outputs.axes()) {
            Ok(d) => d,
            Err(mistake) => panic!("{mistake}"),
        };
        let tape = Tape::inference();
        let all = outputs.cast::<f64>().draws_and_rows();
        let [mean, _, factor] = parameters(tape.input(&all), d);
        let (draws, rows) = (outputs.draws(), outputs.rows());
        MixtureOfNormals::new(
            Tensor::new([draws, rows, d], mean.value()),
            Tensor::new([draws, rows, d, d], factor.value()),
        )
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        check(output, targets.shape())
    }
}

fn check(output: &[usize], targets: &[usize]) -> Result<(), String> {
    let d = dimension(output)?;
    match targets {
        [_, elements] if *elements == d => Ok(()),
        _ => Err(format!(
            "the model's output for one example has shape {output:?}, for targets of {d} elements, but targets have shape \
             {targets:?}; MultivariateGaussian needs targets (examples, D) and D + D(D + 1)/2 outputs"
        )),
    }
}

impl MixtureOfNormals {
    /// The distribution of each element on its own, with quantiles, intervals and the metrics of numbers.
    pub fn marginals(&self) -> Mixture<HeteroscedasticGaussian> {
        let (draws, rows, d) = (self.draws(), self.len(), self.width());
        let mut values = Vec::with_capacity(draws * rows * 2 * d);
        for (mean, factor) in self.of_draws() {
            values.extend_from_slice(mean);
            values.extend(factor.chunks_exact(d).map(|row| row.iter().map(|l| l * l).sum::<f64>().ln() / 2.0));
        }
        Mixture::new(HeteroscedasticGaussian, &Outputs::new(Tensor::new([draws, rows, 2 * d], values)))
    }
}
