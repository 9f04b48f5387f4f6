//! `Linearised`: the normal distribution of a linearised model's outputs, and closed-form class probabilities.

use std::f64::consts::PI;

/// The outputs of a linearised model for some rows: independent normal distributions, in double precision.
///
/// It is the result of [`LaplacePosterior::linearised`](crate::LaplacePosterior::linearised).
#[derive(Clone, Debug, PartialEq)]
pub struct Linearised {
    rows: usize,
    outputs: usize,
    means: Vec<f64>,
    covariances: Vec<f64>,
}

impl Linearised {
    pub(super) fn new(rows: usize, outputs: usize, means: Vec<f64>, covariances: Vec<f64>) -> Self {
        Linearised { rows, outputs, means, covariances }
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of outputs of a row.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The means, (rows, outputs): the outputs at the mode.
    pub fn means(&self) -> &[f64] {
        &self.means
    }

    /// The covariances, (rows, outputs, outputs).
    pub fn covariances(&self) -> &[f64] {
        &self.covariances
    }

    /// The variances, (rows, outputs): the epistemic part of a prediction's variance.
    pub fn variances(&self) -> Vec<f64> {
        let of_row =
            |covariance: &[f64]| -> Vec<f64> { (0..self.outputs).map(|k| covariance[k * self.outputs + k]).collect() };
        self.covariances.chunks_exact((self.outputs * self.outputs).max(1)).flat_map(of_row).collect()
    }

    /// The class probabilities of [`Categorical`](crate::Categorical), (rows, outputs), without sampling: the softmax of fₖ /
    /// √(1 + π/8 vₖ), with the mean f and the variance v of each logit (MacKay 1992, "The evidence framework applied to
    /// classification networks"; Lu, Ie and Sha 2020). Covariances between logits are neglected.
    ///
    /// # Panics
    /// If there are fewer than two outputs: of one, the softmax is 1.
    #[track_caller]
    pub fn softmax_probit(&self) -> Vec<f64> {
        let outputs = self.outputs;
        assert!(
            outputs > 1,
            "softmax_probit: at least two outputs are needed, got {outputs}; use `sigmoid_probit` for a logit"
        );
        let scaled = self.scaled();
        let softmax = |row: &[f64]| {
            let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let exponentials: Vec<f64> = row.iter().map(|x| (x - largest).exp()).collect();
            let total: f64 = exponentials.iter().sum();
            exponentials.into_iter().map(move |e| e / total)
        };
        scaled.chunks_exact(self.outputs.max(1)).flat_map(softmax).collect()
    }

    /// The probabilities of 1 of [`Bernoulli`](crate::Bernoulli), (rows, outputs), without sampling: the sigmoid of
    /// f / √(1 + π/8 v) for each output (MacKay 1992, eq. 10).
    pub fn sigmoid_probit(&self) -> Vec<f64> {
        self.scaled().iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect()
    }

    fn scaled(&self) -> Vec<f64> {
        self.means.iter().zip(self.variances()).map(|(f, v)| f / (1.0 + PI / 8.0 * v).sqrt()).collect()
    }
}
