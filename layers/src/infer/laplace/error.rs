//! `LaplaceError`: why a Laplace approximation cannot be made.

use thiserror::Error;

use crate::infer::vi::TrainError;
use crate::weights::WeightsError;

/// Why a Laplace approximation cannot be made. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum LaplaceError {
    /// An option is out of range, contradicts another one, or names a weight that the model does not have.
    #[error("{0}")]
    Options(String),

    /// The model, the likelihood and the data do not fit.
    #[error(transparent)]
    Model(#[from] TrainError),

    /// A weight is outside of the support of its family.
    #[error(transparent)]
    Weights(#[from] WeightsError),

    /// The matrices would need too much memory.
    #[error(
        "the matrices of {what}, with {elements} rows, need {:.1} GiB, and at most {:.1} GiB are allowed; use `.kronecker()`, \
         `.diagonal()` or `.last_layer()`, or choose fewer weights with `.weights(..)`",
        *bytes as f64 / f64::from(1 << 30), *most as f64 / f64::from(1 << 30)
    )]
    Memory {
        /// The weights whose matrices they are.
        what: String,
        /// The number of rows of the largest matrix.
        elements: usize,
        /// Bytes that are needed.
        bytes: u128,
        /// Bytes that are allowed.
        most: u128,
    },

    /// The curvature of the negative log joint density is not positive definite.
    #[error(
        "the curvature is not positive definite at element {element} (from 0) of the weight `{weight}`, where it is \
         {value:e}: the means are not at a mode, the likelihood is not log-concave in the model's output, or neither data nor \
         prior determine the weight. Train by `Map` until it has converged, use the generalised Gauss-Newton matrix if this is \
         the Hessian, or give the weight a narrower prior"
    )]
    Curvature {
        /// The weight's name.
        weight: String,
        /// The element, from 0.
        element: usize,
        /// The pivot or eigenvalue, which must be positive.
        value: f64,
    },

    /// The curvature of the likelihood alone has a negative eigenvalue, so that no prior precision can be fitted.
    #[error(
        "the curvature of the likelihood is negative at element {element} (from 0) of the weight `{weight}` ({value:e}), so the \
         evidence grows without limit as the prior precision falls towards it. Use the generalised Gauss-Newton matrix of a \
         likelihood that is log-concave in the model's output, or set a precision (`prior_precision`)"
    )]
    Indefinite {
        /// The weight's name.
        weight: String,
        /// The element, from 0.
        element: usize,
        /// The pivot or eigenvalue.
        value: f64,
    },

    /// Differences of gradients do not give the Hessian.
    #[error(
        "the Hessian cannot be computed from differences of gradients: at element {element} (from 0) of the weight `{weight}` two \
         steps differ by {:.0} % of its scale. Use the generalised Gauss-Newton matrix, a model in f64, standardised inputs, or \
         activations without kinks", 100.0 * error
    )]
    Differences {
        /// The weight's name.
        weight: String,
        /// The element, from 0.
        element: usize,
        /// The largest difference of two steps in its column, relative to the diagonal of curvature and prior precision.
        error: f64,
    },

    /// The prior of a weight has no curvature that the approximation can use.
    #[error("the prior of the weight `{weight}` {mistake}")]
    Prior {
        /// The weight's name.
        weight: String,
        /// What is wrong, and what to do.
        mistake: String,
    },

    /// The output, the likelihood or a gradient is not finite at the mode.
    #[error("{what} is not finite at the means of the weights; check the data and the weights")]
    NotFinite {
        /// What is not finite.
        what: String,
    },

    /// No prior precision gives a finite criterion.
    #[error(
        "the {criterion} is not finite for any prior precision between {low:e} and {high:e}; check that the data are finite \
         and that the means are at a mode"
    )]
    PriorPrecision {
        /// The criterion: the log evidence or the held-out NLL.
        criterion: &'static str,
        /// The smallest precision that was tried.
        low: f64,
        /// The largest precision that was tried.
        high: f64,
    },
}

crate::engine::debug_as_display!(LaplaceError);
