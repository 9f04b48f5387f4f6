//! Likelihoods whose targets' elements are independent given the outputs: parameters as blocks of the outputs' last axis,
//! checks of shapes and of the support.

use crate::data::Targets;
use crate::engine::{Real, Shape, Tensor, Var};
use crate::likelihood::diagonal;
use crate::predictive::Univariate;

/// The log-density of one element, elementwise on the tape, with `N` parameters. [`elementwise_likelihood`] turns it into
/// a [`Likelihood`](crate::Likelihood).
pub(super) trait Elementwise<const N: usize>: Univariate {
    /// The likelihood's name, for messages.
    const NAME: &'static str;

    /// The parameters' names, for messages.
    const PARAMETERS: [&'static str; N];

    /// The values that a target can have, for messages: "targets must be ..".
    const SUPPORT: &'static str;

    /// Whether a target can have this value.
    fn supports(&self, y: f64) -> bool;

    /// ln p, all arguments in the shape of the targets.
    #[track_caller]
    fn log_density<'t, T: Real>(&self, parameters: [Var<'t, T>; N], y: Var<'t, T>) -> Var<'t, T>;

    /// The Fisher information of each of these parameters, if it has a closed form and is diagonal. Provided: `None`.
    fn fisher_information(&self, parameters: [f64; N]) -> Option<[f64; N]> {
        let _ = parameters;
        None
    }
}

/// Implements [`Likelihood`](crate::Likelihood) for types that are [`Elementwise`] with this number of parameters.
macro_rules! elementwise_likelihood {
    ($($name:ty: $count:literal),+ $(,)?) => {$(
        impl<T: $crate::engine::Real> $crate::likelihood::Likelihood<T> for $name {
            type Targets = $crate::engine::Tensor<T>;
            type Predictive = $crate::metrics::Mixture<Self>;

            /// # Panics
            /// If the shapes differ from those needed; shapes are not broadcast.
            #[track_caller]
            fn log_likelihood<'t>(
                &self,
                output: $crate::engine::Var<'t, T>,
                targets: &'t $crate::engine::Tensor<T>,
            ) -> $crate::engine::Var<'t, T> {
                let parameters = $crate::likelihood::elementwise::parameters::<T, $count, Self>(output, targets);
                $crate::likelihood::elementwise::Elementwise::<$count>::log_density(
                    self, parameters, output.tape().input(targets),
                )
            }

            #[track_caller]
            fn predictive(&self, outputs: &$crate::predictive::Outputs<T>) -> Self::Predictive {
                $crate::metrics::Mixture::new(self.clone(), outputs)
            }

            fn fisher_information(&self, output: &[T], axes: &[usize]) -> Option<Vec<f64>> {
                $crate::likelihood::elementwise::fisher_information::<T, $count, Self>(self, output, axes)
            }

            fn check(&self, output: &[usize], targets: &$crate::engine::Tensor<T>) -> Result<(), String> {
                $crate::likelihood::elementwise::check::<T, $count, Self>(self, output, targets)
            }
        }
    )+};
}
pub(super) use elementwise_likelihood;

/// The parameters of all elements, each in the targets' shape.
#[track_caller]
pub(super) fn parameters<'t, T: Real, const N: usize, L: Elementwise<N>>(
    output: Var<'t, T>,
    targets: &Tensor<T>,
) -> [Var<'t, T>; N] {
    let fits = |output: &[usize]| match output.split_first() {
        Some((&examples, output)) if examples == targets.rows() => {
            check_blocks(L::NAME, &L::PARAMETERS, output, targets.shape())
        }
        _ => Err(format!(
            "{}: {output:?} is the shape of the outputs and {:?} that of the targets; expected as many examples",
            L::NAME,
            targets.shape()
        )),
    };
    if let Err(mistake) = fits(output.shape()) {
        panic!("{mistake}");
    }
    if N == 1 {
        return [output; N];
    }
    let block = targets.shape()[1..].last().copied().unwrap_or(1);
    let mut parts = output.split(-1, [block; N]);
    for part in &mut parts {
        *part = part.reshape(targets.shape());
    }
    parts
}

/// The diagonal matrix of the parameters' Fisher information, in the order of one example's output, which has this shape.
pub(super) fn fisher_information<T: Real, const N: usize, L: Elementwise<N>>(
    likelihood: &L,
    output: &[T],
    axes: &[usize],
) -> Option<Vec<f64>> {
    let last = axes.last().copied().unwrap_or(1);
    let block = last / N;
    let mut elements = vec![0.0; output.len()];
    for (row, to) in output.chunks_exact(last).zip(elements.chunks_exact_mut(last)) {
        for element in 0..block {
            let of = likelihood.fisher_information(std::array::from_fn(|k| row[k * block + element].to_f64()))?;
            of.into_iter().enumerate().for_each(|(k, information)| to[k * block + element] = information);
        }
    }
    Some(diagonal(elements.into_iter()))
}

/// Checks the shape of one example's output and the support.
pub(super) fn check<T: Real, const N: usize, L: Elementwise<N>>(
    likelihood: &L,
    output: &[usize],
    targets: &Tensor<T>,
) -> Result<(), String> {
    check_blocks(L::NAME, &L::PARAMETERS, output, targets.shape())?;
    check_support(L::NAME, L::SUPPORT, targets, |y| likelihood.supports(y))
}

/// Checks that an example's output has a block of each of the parameters.
pub(super) fn check_blocks(name: &str, parameters: &[&str], output: &[usize], targets: &[usize]) -> Result<(), String> {
    check_shape(parameters.len(), output, targets, || match parameters {
        [one] => format!("{name} needs one output for each element of a target, its {one}"),
        [first, others @ ..] => format!(
            "{name} needs {} outputs for each element of a target, in blocks along the last axis: first every {first}, then \
             every {}",
            parameters.len(),
            others.join(", then every ")
        ),
        [] => format!("{name} needs outputs"),
    })
}

/// Checks that an example's output has `count` outputs for each element of a target, in blocks along the last axis.
/// `targets` is the shape with the axis of examples, and `needs` says what is needed.
pub(super) fn check_shape(
    count: usize,
    output: &[usize],
    targets: &[usize],
    needs: impl FnOnce() -> String,
) -> Result<(), String> {
    let each = targets.get(1..).unwrap_or_default();
    let mut expected: Shape = each.into();
    match expected.last_mut() {
        Some(last) => *last *= count,
        None if count > 1 => expected.push(count),
        None => {}
    }
    if output == &expected[..] {
        return Ok(());
    }
    Err(format!(
        "the model's output for one example has shape {output:?}, but a target has {each:?}; {}: shape {expected:?}",
        needs()
    ))
}

/// Checks that all targets are possible.
pub(super) fn check_support<T: Real>(
    name: &str,
    support: &str,
    targets: &Tensor<T>,
    supports: impl Fn(f64) -> bool,
) -> Result<(), String> {
    let Some(at) = targets.data().iter().position(|y| !supports(y.to_f64())) else {
        return Ok(());
    };
    let width = (targets.len() / targets.rows()).max(1);
    let element = if width > 1 { format!(", element {}", at % width) } else { String::new() };
    Err(format!(
        "example {}{element} (from 0) has the target {}, but {name}'s targets must be {support}",
        at / width,
        targets.data()[at].to_f64()
    ))
}

/// Whether `y` is a whole number of at least 0.
pub(super) fn is_count(y: f64) -> bool {
    y >= 0.0 && y.fract() == 0.0
}
