//! Options of the categorical likelihood: class weights, label smoothing, an ignored label, labels at every step; and soft
//! labels.

use std::marker::PhantomData;

use crate::data::{Labels, Targets};
use crate::engine::{CrossEntropy, Reduction};
use crate::engine::{Real, Tensor, Var};
use crate::likelihood::categorical::check_labels;
use crate::likelihood::elementwise::check_support;
use crate::likelihood::{Categorical, Likelihood};
use crate::metrics::Probabilities;
use crate::predictive::Outputs;

/// [`Categorical`] with options; start from one of its methods, such as
/// [`class_weights`](Categorical::class_weights). `Y` is the type of the targets: `Vec<usize>`, one label per example, or
/// [`Labels`], one for each step of each example.
///
/// Options change the fit, not the predictions: those are the softmax of the outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct CategoricalWith<Y = Vec<usize>> {
    weights: Option<Vec<f64>>,
    smoothing: f64,
    ignored: Option<usize>,
    targets: PhantomData<fn(Y)>,
}

/// Targets that are class labels, one or several per example.
pub trait LabelTargets: Targets + Sync {
    /// The labels, row by row.
    fn labels(&self) -> &[usize];

    /// The axes of one example's labels: empty for one label.
    fn axes(&self) -> &[usize];
}

impl LabelTargets for Vec<usize> {
    fn labels(&self) -> &[usize] {
        self
    }

    fn axes(&self) -> &[usize] {
        &[]
    }
}

impl LabelTargets for Labels {
    fn labels(&self) -> &[usize] {
        self.values()
    }

    fn axes(&self) -> &[usize] {
        &self.shape()[1..]
    }
}

impl Categorical {
    fn with(self) -> CategoricalWith {
        CategoricalWith { weights: None, smoothing: 0.0, ignored: None, targets: PhantomData }
    }

    /// Multiplies the log-likelihood of every example by the weight of its class, as for unbalanced classes. N stays the
    /// number of examples, so the divergence counts once; weights of mean 1 over the examples keep its share.
    ///
    /// # Panics
    /// If a weight is negative or not finite.
    #[track_caller]
    pub fn class_weights(self, weights: impl Into<Vec<f64>>) -> CategoricalWith {
        self.with().class_weights(weights)
    }

    /// Label smoothing (Szegedy et al. 2016, "Rethinking the Inception Architecture", section 7): the label counts
    /// 1 − `smoothing`, and every class, the label's included, `smoothing`/C.
    ///
    /// # Panics
    /// If `smoothing` is not in [0, 1).
    #[track_caller]
    pub fn label_smoothing(self, smoothing: f64) -> CategoricalWith {
        self.with().label_smoothing(smoothing)
    }

    /// Examples with this label have a log-likelihood of 0; the label may be out of range.
    pub fn ignore_label(self, label: usize) -> CategoricalWith {
        self.with().ignore_label(label)
    }

    /// For a label at every step of an example: targets are [`Labels`] (examples, steps ..), outputs (examples, steps ..,
    /// classes).
    pub fn each_step(self) -> CategoricalWith<Labels> {
        self.with().each_step()
    }
}

impl<Y> CategoricalWith<Y> {
    /// See [`Categorical::class_weights`].
    ///
    /// # Panics
    /// If a weight is negative or not finite.
    #[track_caller]
    pub fn class_weights(mut self, weights: impl Into<Vec<f64>>) -> Self {
        let weights = weights.into();
        if let Some(class) = weights.iter().position(|&weight| !(weight >= 0.0 && weight.is_finite())) {
            panic!(
                "Categorical: class {class} has the weight {}; weights must be finite and not negative",
                weights[class]
            );
        }
        self.weights = Some(weights);
        self
    }

    /// See [`Categorical::label_smoothing`].
    ///
    /// # Panics
    /// If `smoothing` is not in [0, 1).
    #[track_caller]
    pub fn label_smoothing(mut self, smoothing: f64) -> Self {
        assert!((0.0..1.0).contains(&smoothing), "Categorical: label smoothing must be in [0, 1), got {smoothing}");
        self.smoothing = smoothing;
        self
    }

    /// See [`Categorical::ignore_label`].
    pub fn ignore_label(mut self, label: usize) -> Self {
        self.ignored = Some(label);
        self
    }

    /// See [`Categorical::each_step`].
    pub fn each_step(self) -> CategoricalWith<Labels> {
        let CategoricalWith { weights, smoothing, ignored, targets: _ } = self;
        CategoricalWith { weights, smoothing, ignored, targets: PhantomData }
    }
}

/// The number of classes of an example's output with labels of shape `axes`.
fn classes_of(output: &[usize], axes: &[usize]) -> Result<usize, String> {
    match output.split_last() {
        Some((&classes, steps)) if steps == axes && classes >= 2 => Ok(classes),
        _ => Err(mismatch(output, axes)),
    }
}

fn mismatch(output: &[usize], axes: &[usize]) -> String {
    let hint = match (output, axes) {
        ([_, .., _], []) => "; for a label at every step use `Categorical.each_step()` with `Labels`",
        ([] | [0 | 1], []) => "; for binary classification with a single logit use `Bernoulli`",
        _ => "",
    };
    format!(
        "the model's output for one example has shape {output:?} and its labels {axes:?}; Categorical needs a logit for \
         each of at least two classes, along the last axis, for each label{hint}"
    )
}

impl<T: Real, Y: LabelTargets> Likelihood<T> for CategoricalWith<Y> {
    type Targets = Y;
    type Predictive = Probabilities;

    /// # Panics
    /// If the shapes do not fit, or a label is out of range.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Y) -> Var<'t, T> {
        let shape = output.shape();
        let classes = match classes_of(shape.get(1..).unwrap_or_default(), targets.axes()) {
            Ok(classes) => classes,
            Err(mistake) => panic!("{mistake}"),
        };
        let mut options = CrossEntropy::new().reduction(Reduction::Each).label_smoothing(self.smoothing);
        if let Some(weights) = &self.weights {
            options = options.class_weights(output.tape().alloc_slice(weights.len(), |class| weights[class]));
        }
        if let Some(label) = self.ignored {
            options = options.ignore(label);
        }
        let labels = targets.labels();
        let each = output.reshape([labels.len(), classes]).cross_entropy_with(labels, options);
        -each.reshape(&shape[..shape.len() - 1])
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Probabilities {
        Categorical.predictive(outputs)
    }

    fn check(&self, output: &[usize], targets: &Y) -> Result<(), String> {
        let classes = classes_of(output, targets.axes())?;
        if let Some(weights) = self.weights.as_ref().filter(|weights| weights.len() != classes) {
            return Err(format!("there are {} class weights for {classes} classes; give one for each", weights.len()));
        }
        let each = targets.axes().iter().product::<usize>().max(1);
        check_labels(targets.labels(), each, classes, self.ignored)
    }

    /// An output is valid if at least one class is not excluded by a logit of −∞.
    fn allows(&self, output: &[T]) -> bool {
        Categorical.allows(output)
    }
}

/// Categorical targets that are distributions over classes, such as the votes of several annotators: Σ_c q_c ln p_c in nats,
/// with q from the targets and p = softmax(output), both (examples, .., classes). Its maximum is −H(q), not 0.
///
/// Targets of 0 and 1 are labels, with the same values as [`Categorical`]'s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SoftCategorical;

impl<T: Real> Likelihood<T> for SoftCategorical {
    type Targets = Tensor<T>;
    type Predictive = Probabilities;

    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Tensor<T>) -> Var<'t, T> {
        assert!(
            output.shape() == targets.shape() && output.shape().len() > 1,
            "SoftCategorical: outputs of shape {:?} and targets of shape {:?} must both be (examples, .., classes)",
            output.shape(),
            targets.shape()
        );
        let targets = output.tape().input(targets);
        // Where q is 0, ln p may be −∞.
        let zero = output.tape().constant([], |_| T::ZERO);
        let terms = targets.select(targets * output.log_softmax(-1), zero);
        terms.sum_axes(&[-1], false)
    }

    #[track_caller]
    fn predictive(&self, outputs: &Outputs<T>) -> Probabilities {
        Categorical.predictive(outputs)
    }

    fn check(&self, output: &[usize], targets: &Tensor<T>) -> Result<(), String> {
        let each = &targets.shape()[1..];
        let Some(&classes) = each.last().filter(|&&classes| classes >= 2 && output == each) else {
            return Err(format!(
                "the model's output for one example has shape {output:?}, but a target has {each:?}; SoftCategorical needs a \
                 logit and a probability for each of at least two classes, along the last axis"
            ));
        };
        check_support("SoftCategorical", "probabilities, at least 0", targets, |q| q >= 0.0)?;
        let tolerance = 1e-5;
        let wrong = |q: &[T]| (q.iter().map(|q| q.to_f64()).sum::<f64>() - 1.0).abs() > tolerance;
        match targets.data().chunks_exact(classes).position(wrong) {
            Some(at) => {
                let row = at * targets.rows() * classes / targets.len();
                Err(format!("the probabilities of example {row} (from 0) do not sum to 1; normalise the targets"))
            }
            None => Ok(()),
        }
    }

    fn allows(&self, output: &[T]) -> bool {
        Categorical.allows(output)
    }
}
