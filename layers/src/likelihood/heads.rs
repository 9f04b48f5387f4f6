//! `Heads`: one likelihood for each head of a model with several outputs.

use crate::engine::{Real, Shape, Tensor, Var};
use crate::likelihood::{Likelihood, MeanNll};
use crate::predictive::Outputs;

/// The sum of several likelihoods, one for each head of a model with several outputs: given the outputs, their targets are
/// independent. Targets are a tuple, and predictions too.
///
/// The model's `forward` returns a tuple (or another [`ModelOutput`](crate::ModelOutput)); each head is given with the shape
/// of its output for one example, in the same order.
///
/// ```
/// use elbo::Heads;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     body: Dense,
///     size: Dense,
///     kind: Dense,
/// }
///
/// #[bayesian]
/// impl Net {
///     fn forward(&self, x: Var) -> (Var, Var) {
///         let x = self.body.forward(x).relu();
///         (self.size.forward(x), self.kind.forward(x))
///     }
/// }
/// # let x = Tensor::from_fn([32, 2], |i| (i as f64).sin());
/// # let (sizes, kinds) = (Tensor::from_fn([32, 1], |i| i as f64 / 32.0), (0..32).map(|i| i % 3).collect::<Vec<usize>>());
/// let data = Examples::new(x, (sizes, kinds))?;
/// let likelihood = Heads::new([1], Gaussian::new(0.1)).and([3], Categorical);
/// let mut model = Net { body: Dense::new(2, 8), size: Dense::new(8, 1), kind: Dense::new(8, 3) };
/// Elbo::new(likelihood.clone()).quiet().fit(&mut model, &data, Epochs(2))?;
/// let (size, kind) = model.predict(&likelihood, data.inputs(), Draws(8));
/// println!("{:.2} {:.2}", size.rmse(&data.targets().0), kind.accuracy(&data.targets().1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Heads<H> {
    heads: H,
}

/// The likelihood of a head, and the shape of its output for one example.
#[derive(Clone, Debug, PartialEq)]
pub struct Head<L> {
    shape: Shape,
    likelihood: L,
}

impl<L> Head<L> {
    fn width(&self) -> usize {
        self.shape.iter().product()
    }

    /// This head's part of the joined output, (examples, ..).
    #[track_caller]
    fn of<'t, T: Real>(&self, output: Var<'t, T>, from: usize) -> Var<'t, T> {
        let part = output.slice(-1, from as isize..(from + self.width()) as isize, 1);
        let mut shape = Shape::from(&output.shape()[..1]);
        self.shape.iter().for_each(|&length| shape.push(length));
        part.reshape(shape)
    }

    /// This head's part of the joined outputs.
    fn of_outputs<T: Real>(&self, outputs: &Outputs<T>, from: usize) -> Outputs<T> {
        let (total, width) = (outputs.axes()[0], self.width());
        let values: Vec<T> =
            outputs.tensor().data().chunks_exact(total).flat_map(|row| &row[from..from + width]).copied().collect();
        let mut shape = Shape::from(&outputs.tensor().shape()[..2]);
        self.shape.iter().for_each(|&length| shape.push(length));
        Outputs::new(Tensor::new(shape, values))
    }
}

impl<L> Heads<(Head<L>,)> {
    /// The first head: the shape of its output for one example, and its likelihood.
    pub fn new(shape: impl Into<Shape>, likelihood: L) -> Self {
        Heads { heads: (Head { shape: shape.into(), likelihood },) }
    }
}

/// Checks the width of one example's joined output.
fn check_width(widths: &[usize], output: &[usize]) -> Result<(), String> {
    if output == [widths.iter().sum::<usize>()] {
        return Ok(());
    }
    Err(format!(
        "the model's joined output for one example has shape {output:?}, but the heads need {widths:?} elements; return a \
         tuple with an output for each head from `forward`, in the order of the heads"
    ))
}

macro_rules! heads {
    ($(($($head:ident $index:tt),+);)+) => {$(
        impl<T: Real, $($head: Likelihood<T>),+> Likelihood<T> for Heads<($(Head<$head>,)+)> {
            type Targets = ($($head::Targets,)+);
            type Predictive = ($($head::Predictive,)+);

            /// # Panics
            /// If the shapes do not fit.
            #[track_caller]
            fn log_likelihood<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> Var<'t, T> {
                if let Err(mistake) = check_width(&self.widths(), output.shape().get(1..).unwrap_or_default()) {
                    panic!("{mistake}");
                }
                let mut from = 0;
                let terms = [$({
                    let head = &self.heads.$index;
                    let terms = head.likelihood.log_likelihood(head.of(output, from), &targets.$index);
                    from += head.width();
                    terms
                }),+];
                debug_assert_eq!(from, output.shape()[1]);
                crate::model::ModelOutput::join(terms)
            }

            #[track_caller]
            fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> MeanNll<'t, T> {
                if let Err(mistake) = check_width(&self.widths(), output.shape().get(1..).unwrap_or_default()) {
                    panic!("{mistake}");
                }
                let mut from = 0;
                let means = [$({
                    let head = &self.heads.$index;
                    let mean = head.likelihood.mean_nll(head.of(output, from), &targets.$index);
                    from += head.width();
                    mean
                }),+];
                debug_assert_eq!(from, output.shape()[1]);
                let sum = means[1..].iter().fold(means[0].var(), |sum, mean| sum + mean.var());
                MeanNll::of_mean(sum, output.shape()[0])
            }

            #[track_caller]
            fn predictive(&self, outputs: &Outputs<T>) -> Self::Predictive {
                if let Err(mistake) = check_width(&self.widths(), outputs.axes()) {
                    panic!("{mistake}");
                }
                let mut from = 0;
                let predictive = ($({
                    let head = &self.heads.$index;
                    let part = head.of_outputs(outputs, from);
                    from += head.width();
                    head.likelihood.predictive(&part)
                },)+);
                debug_assert_eq!(from, outputs.axes()[0]);
                predictive
            }

            fn check(&self, output: &[usize], targets: &Self::Targets) -> Result<(), String> {
                check_width(&self.widths(), output)?;
                $(
                    let head = &self.heads.$index;
                    let named = |mistake| format!("head {} (from 0): {mistake}", $index);
                    head.likelihood.check(&head.shape, &targets.$index).map_err(named)?;
                )+
                Ok(())
            }

            fn allows(&self, output: &[T]) -> bool {
                let mut from = 0;
                $(
                    let width = self.heads.$index.width();
                    if !output.get(from..from + width).is_some_and(|part| self.heads.$index.likelihood.allows(part)) {
                        return false;
                    }
                    from += width;
                )+
                from == output.len()
            }
        }

        impl<$($head),+> Heads<($(Head<$head>,)+)> {
            fn widths(&self) -> Vec<usize> {
                vec![$(self.heads.$index.width()),+]
            }
        }
    )+};
}

heads! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}

macro_rules! and {
    ($(($($head:ident $index:tt),+) $next:ident;)+) => {$(
        impl<$($head),+> Heads<($(Head<$head>,)+)> {
            /// Adds a head: the shape of its output for one example, and its likelihood.
            pub fn and<$next>(
                self,
                shape: impl Into<Shape>,
                likelihood: $next,
            ) -> Heads<($(Head<$head>,)+ Head<$next>,)> {
                let next = Head { shape: shape.into(), likelihood };
                Heads { heads: ($(self.heads.$index,)+ next,) }
            }
        }
    )+};
}

and! {
    (A 0) B;
    (A 0, B 1) C;
    (A 0, B 1, C 2) D;
}
