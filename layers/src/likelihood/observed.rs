//! The log-likelihood of `Observed` targets: with weights and a mask.

use crate::data::{Observed, Targets};
use crate::engine::{Real, Shape, Var};
use crate::likelihood::{Likelihood, MeanNll, check_terms};

impl<T: Real, Y: Targets> Observed<T, Y> {
    /// The terms of the [log-likelihood](Likelihood::log_likelihood), in nats, 0 where masked. Weights are not applied.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn log_likelihood<'t, L>(&'t self, likelihood: &L, output: Var<'t, T>) -> Var<'t, T>
    where
        L: Likelihood<T, Targets = Y>,
    {
        let each = likelihood.log_likelihood(output, self.targets());
        check_terms::<L>(each.shape(), self.targets());
        let Some(mask) = self.mask() else {
            return each;
        };
        let shape = match self.mask_shape::<L>(each.shape()) {
            Ok(shape) => shape,
            Err(mistake) => panic!("{mistake}"),
        };
        let tape = output.tape();
        tape.input(mask).reshape(shape).select(each, tape.constant([], |_| T::ZERO))
    }

    /// The negative log-likelihood, in nats per example: the sum of all terms that are not masked, times the examples'
    /// weights, divided by the number of examples. A batch whose targets are all masked has 0 nats.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn nll<'t, L>(&'t self, likelihood: &L, output: Var<'t, T>) -> MeanNll<'t, T>
    where
        L: Likelihood<T, Targets = Y>,
    {
        if self.weights().is_none() && self.mask().is_none() {
            return likelihood.mean_nll(output, self.targets());
        }
        let mut each = self.log_likelihood(likelihood, output);
        let examples = self.targets().rows();
        if let Some(weights) = self.weights() {
            let weights = output.tape().input(weights).reshape(per_example(each.shape()));
            // An example of weight 0 does not count, even if its log-likelihood is infinite.
            each = weights.select(each * weights, output.tape().constant([], |_| T::ZERO));
        }
        MeanNll::from_log_likelihood(each, examples)
    }

    /// Checks whether outputs like this one, for some examples, can have these targets under `likelihood`.
    ///
    /// # Errors
    /// What does not fit, where, and what to do.
    ///
    /// # Panics
    /// If the likelihood panics.
    #[track_caller]
    pub(crate) fn check<'t, L>(&self, likelihood: &L, output: Var<'t, T>, batch: &'t Self) -> Result<(), String>
    where
        L: Likelihood<T, Targets = Y>,
    {
        let is_partly_masked = self.mask().is_some_and(|mask| mask.len() > self.targets().rows());
        likelihood.check(output.shape().get(1..).unwrap_or_default(), self.targets()).map_err(|mistake| {
            let note = "; masked targets have the value of an observed one of their column: if a target is only valid as \
                        a whole, mask whole examples";
            if is_partly_masked { mistake + note } else { mistake }
        })?;
        if batch.mask().is_some() {
            let each = likelihood.log_likelihood(output, batch.targets());
            batch.mask_shape::<L>(each.shape())?;
        }
        Ok(())
    }

    /// The shape in which the mask is broadcast to terms of shape `each`.
    fn mask_shape<L>(&self, each: &[usize]) -> Result<Shape, String> {
        let mask = self.mask().expect("checked by the caller");
        let (terms, examples) = (each.iter().product::<usize>(), self.targets().rows());
        if mask.len() == terms {
            return Ok(each.into());
        }
        if mask.len() == examples {
            return Ok(per_example(each));
        }
        Err(format!(
            "the mask has {} entries for each example, but the log-likelihood of `{}` has {} terms for each; mask whole \
             examples, by a mask of shape ({examples}) here",
            mask.len() / examples.max(1),
            std::any::type_name::<L>(),
            terms / examples.max(1)
        ))
    }
}

/// The shape of one number for each example, to be broadcast to `shape`.
fn per_example(shape: &[usize]) -> Shape {
    shape.iter().enumerate().map(|(axis, &length)| if axis == 0 { length } else { 1 }).collect()
}
