//! Counts with additional zeros.

use crate::engine::{Real, Tensor, Var};
use crate::likelihood::Likelihood;
use crate::metrics::Mixture;
use crate::predictive::{Outputs, Univariate};

/// A likelihood of counts with additional zeros: 0 with probability π, otherwise as `L` says (Lambert 1992,
/// "Zero-Inflated Poisson Regression"). For [`Poisson`](crate::Poisson), [`NegativeBinomial`](crate::NegativeBinomial),
/// or a likelihood of your own with one term per element of a target.
///
/// An example has the outputs of `L`, then a block with the logit of π for each element of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZeroInflated<L>(pub L);

impl<L: Univariate> ZeroInflated<L> {
    /// The length of the last axis of the inner likelihood's outputs, and of the logits of π.
    fn blocks(&self, output: &[usize]) -> Result<[usize; 2], String> {
        let (last, each) = (output.last().copied().unwrap_or(1), self.0.num_outputs() + 1);
        if !last.is_multiple_of(each) || last == 0 {
            return Err(format!(
                "the model's output for one example has shape {output:?}; ZeroInflated needs {each} outputs for each \
                 element of a target, in blocks along the last axis: those of `{}`, then the logits of additional zeros",
                std::any::type_name::<L>()
            ));
        }
        let block = last / each;
        Ok([last - block, block])
    }
}

impl<T: Real, L> Likelihood<T> for ZeroInflated<L>
where
    L: Likelihood<T, Targets = Tensor<T>> + Univariate,
{
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;

    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        let sizes = match self.blocks(output.shape().get(1..).unwrap_or_default()) {
            Ok(sizes) => sizes,
            Err(mistake) => panic!("{mistake}"),
        };
        let [own, logit] = output.split(-1, sizes);
        let counts = self.0.log_likelihood(own, targets);
        assert!(
            counts.shape() == targets.shape(),
            "ZeroInflated: the log-likelihood of `{}` has shape {:?} for targets of shape {:?}; expected one term for each \
             element",
            std::any::type_name::<L>(),
            counts.shape(),
            targets.shape()
        );
        let logit = logit.reshape(targets.shape());
        let counted = (-logit).log_sigmoid() + counts;
        let is_zero = output.tape().input(targets).eq(0.0);
        is_zero.select(logit.log_sigmoid().ln_add_exp(counted), counted)
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(self.clone(), outputs)
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        let [own, _] = self.blocks(output)?;
        let mut inner = output.to_vec();
        if let Some(last) = inner.last_mut() {
            *last = own;
        }
        // The inner likelihood knows the shapes, among them whether one output per element is an axis of its own.
        if targets.shape().len() == 1 && own == 1 {
            inner.pop();
        }
        self.0.check(&inner, targets)
    }
}

impl<L: Univariate> Univariate for ZeroInflated<L> {
    const DISCRETE: bool = L::DISCRETE;

    fn num_outputs(&self) -> usize {
        self.0.num_outputs() + 1
    }

    fn mean(&self, outputs: &[f64]) -> f64 {
        let (own, logit) = split(outputs);
        self.0.mean(own) / (1.0 + logit.exp())
    }

    fn variance(&self, outputs: &[f64]) -> f64 {
        let (own, logit) = split(outputs);
        let counted = 1.0 / (1.0 + logit.exp());
        let zero = 1.0 / (1.0 + (-logit).exp());
        counted * (self.0.variance(own) + zero * self.0.mean(own).powi(2))
    }

    fn cdf(&self, outputs: &[f64], y: f64) -> f64 {
        let (own, logit) = split(outputs);
        if y < 0.0 {
            return self.0.cdf(own, y) / (1.0 + logit.exp());
        }
        1.0 / (1.0 + (-logit).exp()) + self.0.cdf(own, y) / (1.0 + logit.exp())
    }
}

fn split(outputs: &[f64]) -> (&[f64], f64) {
    let (logit, own) = outputs.split_last().expect("the logit of additional zeros");
    (own, *logit)
}
