//! Computes a minibatch's negative log-likelihood under a draw of a model: gathers the rows, runs the forward.

use crate::data::{Examples, Minibatch, Observed, Targets};
use crate::engine::{Path, Real, Tape, Var};
use crate::infer::vi::TrainError;
use crate::likelihood::{Likelihood, MeanNll};
use crate::model::forward_by::Outputs;
use crate::model::{Bayesian, Drawn};

/// Checks that the likelihood takes moments if a layer of `net`, after its forward, gives those of its outputs.
///
/// # Errors
/// The layer's weight, and what to do.
pub(crate) fn check_moments<'t, T: Real, L: Likelihood<T>>(
    likelihood: &L,
    net: &impl Drawn<'t, T>,
) -> Result<(), TrainError> {
    let mut found = None;
    net.walk(&Path::ROOT, &mut |path, weight| {
        if found.is_none() && weight.gave_moments() {
            found = Some(path.to_string());
        }
    });
    match found {
        Some(name) if !likelihood.takes_moments() => Err(TrainError::Options(format!(
            "the layer of the weight `{name}` gives means and variances of its outputs, as a variational last layer does, but the \
             likelihood `{}` does not take variances; use `ExpectedGaussian` or `ExpectedCategorical`, or implement \
             `Likelihood::takes_moments` for your own",
            std::any::type_name::<L>()
        ))),
        _ => Ok(()),
    }
}

/// A tape, and the buffers that a batch's rows are gathered into. They are reused: only the first batch of a size
/// allocates.
pub(crate) struct Batch<T: Real, Y> {
    pub(crate) tape: Tape<T>,
    rows: Minibatch<T, Y>,
}

/// A draw of a model on a tape, and its outputs for a batch.
pub(crate) type Outcome<'t, M, V> = (<M as Bayesian>::Draw<'t>, V);

impl<T: Real, Y: Targets> Batch<T, Y> {
    /// Makes empty buffers for batches of `data`.
    pub(crate) fn new(tape: Tape<T>, data: &Examples<T, Y>) -> Self {
        Batch { tape, rows: data.empty_minibatch() }
    }

    /// Gathers rows into the buffers and resets the tape.
    ///
    /// # Panics
    /// If a [`Targets`] implementation returns another number of rows.
    #[track_caller]
    pub(crate) fn gather(&mut self, data: &Examples<T, Y>, rows: &[usize]) {
        data.gather(rows, &mut self.rows);
        self.tape.reset();
    }

    /// Makes a draw with `draw`, and returns it with the outputs of `forward` for the gathered rows.
    #[track_caller]
    pub(crate) fn outputs<'t, M: Bayesian<Scalar = T>>(
        &'t self,
        forward: &impl Outputs<M>,
        draw: impl FnOnce(&'t Tape<T>) -> M::Draw<'t>,
    ) -> Outcome<'t, M, Var<'t, T>> {
        let net = draw(&self.tape);
        (net, forward.outputs(net, self.tape.input(self.rows.inputs())))
    }

    /// Makes a draw with `draw`, and returns it with the mean negative log-likelihood of the gathered rows.
    #[track_caller]
    pub(crate) fn nll<'t, M: Bayesian<Scalar = T>>(
        &'t self,
        likelihood: &impl Likelihood<T, Targets = Y>,
        forward: &impl Outputs<M>,
        draw: impl FnOnce(&'t Tape<T>) -> M::Draw<'t>,
    ) -> Outcome<'t, M, MeanNll<'t, T>> {
        let (net, output) = self.outputs::<M>(forward, draw);
        (net, self.nll_of(likelihood, output))
    }

    /// The mean negative log-likelihood of the gathered rows, given their outputs.
    #[track_caller]
    pub(crate) fn nll_of<'t>(
        &'t self,
        likelihood: &impl Likelihood<T, Targets = Y>,
        output: Var<'t, T>,
    ) -> MeanNll<'t, T> {
        self.rows.observed().nll(likelihood, output)
    }

    /// The gathered targets.
    pub(crate) fn observed(&self) -> &Observed<T, Y> {
        self.rows.observed()
    }
}
