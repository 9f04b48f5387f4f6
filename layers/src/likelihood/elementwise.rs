//! Likelihoods whose targets' elements are independent given the outputs: parameters as blocks of the outputs' last axis,
//! checks of shapes and of the support.

use crate::data::Targets;
use crate::engine::{Real, Shape, Tensor, Var};
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
}

/// Implements [`Likelihood`](crate::Likelihood) for types that are [`Elementwise`] with this number of parameters.
macro_rules! elementwise_likelihood {
    ($($name:ty: $count:literal),+ $(,)?) => {$(
        impl<T: $crate::engine::Real> $crate::likelihood::Likelihood<T> for $name {
            type Targets = $crate::engine::Tensor<T>;
            type Predictive = $crate::metrics::Mixture<Self>;

            /// # Panics
            /// If the shapes do not fit: there is no broadcasting.
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
    let fits = !output.shape().is_empty() && output.shape()[0] == targets.rows();
    let mistake = check_shape(L::NAME, &L::PARAMETERS, output.shape().get(1..).unwrap_or_default(), targets.shape());
    assert!(
        fits && mistake.is_ok(),
        "{}",
        mistake.err().unwrap_or_else(|| format!(
            "{}: {:?} is the shape of the outputs and {:?} that of the targets; expected as many examples",
            L::NAME,
            output.shape(),
            targets.shape()
        ))
    );
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

/// Checks the shape of one example's output and the support.
pub(super) fn check<T: Real, const N: usize, L: Elementwise<N>>(
    likelihood: &L,
    output: &[usize],
    targets: &Tensor<T>,
) -> Result<(), String> {
    check_shape(L::NAME, &L::PARAMETERS, output, targets.shape())?;
    check_support(L::NAME, L::SUPPORT, targets, |y| likelihood.supports(y))
}

/// Checks that an example's output has `parameters` for each element of a target. `targets` is the shape with the axis of
/// examples.
pub(super) fn check_shape(name: &str, parameters: &[&str], output: &[usize], targets: &[usize]) -> Result<(), String> {
    let each = targets.get(1..).unwrap_or_default();
    let mut expected: Shape = each.into();
    match (expected.last_mut(), parameters.len()) {
        (Some(last), count) => *last *= count,
        (None, 1) => {}
        (None, count) => expected.push(count),
    }
    if output == &expected[..] {
        return Ok(());
    }
    let needs = match parameters {
        [one] => format!("one output for each element of a target, its {one}"),
        [first, others @ ..] => format!(
            "{} outputs for each element of a target, in blocks along the last axis: first every {first}, then every {}",
            parameters.len(),
            others.join(", then every ")
        ),
        [] => "outputs".into(),
    };
    Err(format!(
        "the model's output for one example has shape {output:?}, but a target has {each:?}; {name} needs {needs}: shape \
         {expected:?}"
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
