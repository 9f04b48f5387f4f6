//! Prediction by the linearised model of a Laplace approximation.

use crate::data::{Examples, Targets};
use crate::engine::{Real, Tape, Tensor};
use crate::infer::laplace::LaplacePosterior;
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::predict::LogLikelihood;
use crate::predictive::Predictive;
use crate::samples::Draws;

/// The most bytes of outputs held at a time while predicting.
const OUTPUTS: usize = 1 << 26;

impl<M: Bayesian + Sync> LaplacePosterior<'_, M> {
    /// The predictive distribution of `likelihood` for every row of `x`, averaged over draws of the
    /// [outputs](LaplacePosterior::outputs) of the linearised model. For draws of the network itself use
    /// [`samples(draws).predict(..)`](LaplacePosterior::samples).
    ///
    /// # Panics
    /// As [`outputs`](LaplacePosterior::outputs).
    #[track_caller]
    pub fn predict<L>(&self, likelihood: &L, x: &Tensor<M::Scalar>, draws: Draws) -> L::Predictive
    where
        L: Likelihood<M::Scalar>,
    {
        let rows = x.rows();
        let each = draws.count() * self.num_outputs() * size_of::<M::Scalar>();
        let part = (OUTPUTS / each.max(1)).clamp(1, rows.max(1));
        let mut some = x.empty_like();
        let predicted = (0..rows.max(1)).step_by(part).map(|from| {
            x.gather(&(from..rows.min(from + part)).collect::<Vec<_>>(), &mut some);
            likelihood.predictive(&self.outputs(&some, draws))
        });
        L::Predictive::join(predicted.collect())
    }

    /// The log-likelihood of each example under each draw of the linearised model.
    ///
    /// # Errors
    /// [`TrainError::Targets`] if the targets are impossible under the likelihood.
    ///
    /// # Panics
    /// As [`outputs`](LaplacePosterior::outputs).
    #[track_caller]
    pub fn log_likelihood<L>(
        &self,
        likelihood: &L,
        data: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
    ) -> Result<LogLikelihood, TrainError>
    where
        L: Likelihood<M::Scalar>,
    {
        let outputs = self.outputs(data.inputs(), draws);
        likelihood.check(outputs.axes(), data.targets()).map_err(TrainError::Targets)?;
        let shape: Vec<usize> = outputs.tensor().shape()[1..].to_vec();
        let mut nats = Vec::with_capacity(draws.count() * data.len());
        for values in outputs.tensor().data().chunks_exact(outputs.tensor().len() / draws.count()) {
            let values = Tensor::new(&shape[..], values);
            let tape = Tape::inference();
            let terms = data.observed().log_likelihood(likelihood, tape.input(&values));
            let examples = terms.value().chunks_exact((terms.len() / data.len()).max(1));
            nats.extend(examples.map(|terms| terms.iter().map(|x| x.to_f64()).sum::<f64>()));
        }
        Ok(LogLikelihood::new(data.len(), nats))
    }
}
