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

impl<L> Heads<(Head<L>,)> {
    /// The first head: the shape of its output for one example, and its likelihood.
    pub fn new(shape: impl Into<Shape>, likelihood: L) -> Self {
        Heads { heads: (Head { shape: shape.into(), likelihood },) }
    }
}

fn width(shape: &Shape) -> usize {
    shape.iter().product()
}

/// Checks the shape of one example's joined output.
fn check_joined<const N: usize>(shapes: [&Shape; N], output: &[usize]) -> Result<(), String> {
    let widths = shapes.map(width);
    if output == [widths.iter().sum::<usize>()] {
        return Ok(());
    }
    Err(format!(
        "the model's joined output for one example has shape {output:?}, but the heads need {widths:?} elements; return a \
         tuple with an output for each head from `forward`, in the order of the heads"
    ))
}

/// The heads' parts of the joined output, each (examples, ..).
#[track_caller]
fn parts<'t, T: Real, const N: usize>(shapes: [&Shape; N], output: Var<'t, T>) -> [Var<'t, T>; N] {
    if let Err(mistake) = check_joined(shapes, output.shape().get(1..).unwrap_or_default()) {
        panic!("{mistake}");
    }
    let joined = output.split(-1, shapes.map(width));
    let examples = Shape::from(&output.shape()[..1]);
    std::array::from_fn(|head| {
        let mut shape = examples.clone();
        shapes[head].iter().for_each(|&length| shape.push(length));
        joined[head].reshape(shape)
    })
}

/// The heads' parts of the joined outputs of all draws.
#[track_caller]
fn parts_of_draws<T: Real, const N: usize>(shapes: [&Shape; N], outputs: &Outputs<T>) -> [Outputs<T>; N] {
    if let Err(mistake) = check_joined(shapes, outputs.axes()) {
        panic!("{mistake}");
    }
    let mut from = 0;
    shapes.map(|part| {
        let rows = outputs.tensor().data().chunks_exact(outputs.axes()[0]);
        let values: Vec<T> = rows.flat_map(|row| &row[from..from + width(part)]).copied().collect();
        from += width(part);
        let mut shape = Shape::from(&outputs.tensor().shape()[..2]);
        part.iter().for_each(|&length| shape.push(length));
        Outputs::new(Tensor::new(shape, values))
    })
}

/// The matrix with these square blocks, each with its number of rows, on its diagonal.
fn block_diagonal(blocks: &[(usize, Vec<f64>)]) -> Vec<f64> {
    let n = blocks.iter().map(|(rows, _)| rows).sum::<usize>();
    let (mut matrix, mut first) = (vec![0.0; n * n], 0);
    for (rows, block) in blocks {
        for (i, row) in block.chunks_exact((*rows).max(1)).enumerate() {
            matrix[(first + i) * n + first..][..*rows].copy_from_slice(row);
        }
        first += rows;
    }
    matrix
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
                let parts = parts([$(&self.heads.$index.shape),+], output);
                crate::model::ModelOutput::join([
                    $(self.heads.$index.likelihood.log_likelihood(parts[$index], &targets.$index)),+
                ])
            }

            #[track_caller]
            fn mean_nll<'t>(&self, output: Var<'t, T>, targets: &'t Self::Targets) -> MeanNll<'t, T> {
                let parts = parts([$(&self.heads.$index.shape),+], output);
                let means = [$(self.heads.$index.likelihood.mean_nll(parts[$index], &targets.$index)),+];
                let sum = means[1..].iter().fold(means[0].var(), |sum, mean| sum + mean.var());
                MeanNll::of_mean(sum, output.shape()[0])
            }

            #[track_caller]
            fn predictive(&self, outputs: &Outputs<T>) -> Self::Predictive {
                let parts = parts_of_draws([$(&self.heads.$index.shape),+], outputs);
                ($(self.heads.$index.likelihood.predictive(&parts[$index]),)+)
            }

            fn check(&self, output: &[usize], targets: &Self::Targets) -> Result<(), String> {
                check_joined([$(&self.heads.$index.shape),+], output)?;
                $(
                    let head = &self.heads.$index;
                    let named = |mistake| format!("head {} (from 0): {mistake}", $index);
                    head.likelihood.check(&head.shape, &targets.$index).map_err(named)?;
                )+
                Ok(())
            }

            fn takes_moments(&self) -> bool {
                $(Likelihood::<T>::takes_moments(&self.heads.$index.likelihood))||+
            }

            fn fisher_information(&self, output: &[T], _: &[usize]) -> Option<Vec<f64>> {
                let mut blocks = Vec::new();
                let mut rest = output;
                $(
                    let head = &self.heads.$index;
                    let (part, after) = rest.split_at_checked(width(&head.shape))?;
                    blocks.push((part.len(), head.likelihood.fisher_information(part, &head.shape)?));
                    rest = after;
                )+
                rest.is_empty().then(|| block_diagonal(&blocks))
            }

            fn allows(&self, mut output: &[T]) -> bool {
                $(
                    let head = &self.heads.$index;
                    let Some((part, rest)) = output.split_at_checked(width(&head.shape)) else {
                        return false;
                    };
                    if !head.likelihood.allows(part) {
                        return false;
                    }
                    output = rest;
                )+
                output.is_empty()
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
