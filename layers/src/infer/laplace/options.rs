//! `Laplace`: the options of a Laplace approximation, and its fit.

use std::sync::Arc;

use crate::data::Examples;
use crate::engine::{Real, Var};
use crate::infer::laplace::blocks::Structure;
use crate::infer::laplace::chosen::Choice;
use crate::infer::laplace::fit::{Method, fit};
use crate::infer::laplace::{LaplaceError, LaplacePosterior};
use crate::likelihood::Likelihood;
use crate::model::forward_by::{AnyOutputs, By, Own};
use crate::model::{Bayesian, Model};
use crate::properties::Independent;
use crate::spans::span;

/// Laplace's approximation (MacKay 1992; Daxberger et al. 2021, "Laplace Redux"): the posterior is a normal distribution
/// around a mode, whose precision is the curvature of −ln p(y, w | x) there. It needs a model whose means are at a mode: train it by
/// [`Map`](crate::Map) until it has converged. The scales of its posterior families do not matter. Far from a mode the result is
/// wrong: [`LaplacePosterior::nats_below_mode`] tells how far, and `fit` prints a warning unless it is [`quiet`](Laplace::quiet).
///
/// | curvature | of all chosen weights together | of each weight by itself |
/// |---|---|---|
/// | [`full`](Laplace::full) | a matrix | |
/// | [`kronecker`](Laplace::kronecker), the default | | Kronecker factors for linear maps, a matrix for biases |
/// | [`diagonal`](Laplace::diagonal) | | its diagonal |
///
/// The curvature of the likelihood is the generalised Gauss-Newton matrix Σ Jᵀ H J over examples, with the Jacobian J of the
/// outputs and the Hessian H of −ln p with respect to them, or its expectation, the Fisher information, where the likelihood
/// [has it](Likelihood::fisher_information); or, by [`hessian`](Laplace::hessian), its Hessian. That of the
/// prior is its second derivative at the mode: for a normal prior, its precision. All of it is in double precision, except
/// for the Jacobians, which the tape computes in the model's scalar type. Positive weights
/// ([`Space`](crate::Space)) are approximated in their unconstrained numbers.
///
/// ```
/// # use elbo::prelude::*;
/// # let x = Tensor::<f64>::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let y = x.data().chunks(2).map(|x| usize::from(x[0] > x[1])).collect();
/// # let train = Examples::new(x, y)?;
/// let mut model: Dense<MeanField<f64>> = Dense::mean_field(2, 2);
/// elbo::Map::new(Categorical).quiet().fit(&mut model, &train, UntilConverged::new())?;
/// let posterior = Laplace::new(Categorical).kronecker().fit(&model, &train)?;
/// println!("ln Z ≈ {:.2} nats", posterior.log_evidence());
/// let predictions = posterior.predict(&Categorical, train.inputs(), Draws(64));
/// println!("accuracy {:.2}", predictions.accuracy(train.targets()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Laplace<L> {
    likelihood: L,
    structure: Structure,
    choice: Choice,
    is_hessian: bool,
    is_shown: bool,
}

impl<L> Laplace<L> {
    /// With Kronecker factors of the generalised Gauss-Newton matrix, of all random weights.
    pub fn new(likelihood: L) -> Self {
        Laplace { likelihood, structure: Structure::Kronecker, choice: Choice::All, is_hessian: false, is_shown: true }
    }

    /// Uses the curvature of all chosen weights together: for d of them a matrix of d² numbers, and time in d³. More than
    /// some 13,000 weights are refused.
    pub fn full(self) -> Self {
        Laplace { structure: Structure::Full, ..self }
    }

    /// Uses Kronecker factors (Ritter, Botev and Barber 2018): the second moments of the inputs and of the outputs'
    /// gradients of each linear map x · Wᵀ or x · W, divided by the number of examples. The factors' eigenvectors let a
    /// prior precision be added exactly; it must be the same for all elements of the weight.
    ///
    /// A bias has the exact matrix of its own. A weight that the forward uses in another way (several times, in a
    /// convolution, an embedding, a normalisation, a recurrent layer), or whose values are positive, has the exact matrix of
    /// its own for up to 1,024 elements, and the exact diagonal for more. Weights are independent of each other.
    pub fn kronecker(self) -> Self {
        Laplace { structure: Structure::Kronecker, ..self }
    }

    /// Uses the exact diagonal of the curvature.
    pub fn diagonal(self) -> Self {
        Laplace { structure: Structure::Diagonal, ..self }
    }

    /// Approximates only the weights whose names match one of these patterns, in which `*` stands for any characters; a
    /// pattern also matches the weights within the part that it names, such as `head`. The others stay at their means.
    pub fn weights(self, patterns: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Laplace { choice: Choice::Patterns(patterns.into_iter().map(Into::into).collect()), ..self }
    }

    /// Approximates only the last layer: the weight of the last linear map x · Wᵀ + b or x · W of the forward pass, in the
    /// order in which it is computed, with its bias if it is a random weight too. The others stay at their means (Kristiadi,
    /// Hein and Hennig 2020).
    ///
    /// With Kronecker factors or a diagonal, a last layer of K outputs and D features needs K² + D² or K · D numbers, and K²
    /// for each example; no matrix of (K · D)² is made.
    pub fn last_layer(self) -> Self {
        Laplace { choice: Choice::LastLayer, ..self }
    }

    /// Uses the Hessian of −ln p(y | x, w) instead of the generalised Gauss-Newton matrix, from differences of gradients on
    /// all data: four gradients for each element. The steps follow from the curvature, so the scale of the inputs does not matter;
    /// it is exact to about 1e-9 in `f64` and 1e-3 in `f32`, relative to its size, and an error where two steps do not agree, as
    /// at the kinks of many hidden units. It is positive definite only near a mode, and has no Kronecker factors: choose
    /// [`full`](Laplace::full) or [`diagonal`](Laplace::diagonal).
    pub fn hessian(self) -> Self {
        Laplace { is_hessian: true, ..self }
    }

    /// Prints no warning where the means are not at a mode; see [`LaplacePosterior::verdict`].
    pub fn quiet(self) -> Self {
        Laplace { is_shown: false, ..self }
    }

    /// Computes the curvature at the means of `model`.
    ///
    /// It does not compile for a model in which examples depend on each other, as in batch normalisation:
    ///
    /// ```compile_fail,E0277
    /// use elbo::nn::BatchNorm;
    /// # use elbo::prelude::*;
    /// #[bayesian]
    /// struct Net {
    ///     parts: Vec<Option<(Dense, BatchNorm)>>,
    ///     head: Dense,
    /// }
    /// #[bayesian]
    /// impl Net {
    ///     fn forward(&self, x: Var) -> Var {
    ///         self.head.forward(x)
    ///     }
    /// }
    /// fn fit(net: &Net, data: &Examples) {
    ///     let _ = Laplace::new(Categorical).fit(net, data);
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LaplaceError`]: before the pass over the data, except for a curvature that is not positive definite and numbers that
    /// are not finite.
    pub fn fit<'m, T, M>(
        &self,
        model: &'m M,
        data: &Examples<T, L::Targets>,
    ) -> Result<LaplacePosterior<'m, M>, LaplaceError>
    where
        T: Real,
        M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
        L: Likelihood<T>,
        L::Targets: Sync + Send,
    {
        self.run(model, Arc::new(Own), data)
    }

    /// [`fit`](Laplace::fit) with your own `forward`, which predictions of the linearised model use too: [`Elbo::fit_with`].
    ///
    /// [`Elbo::fit_with`]: crate::Elbo::fit_with
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let train = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), (0..16).map(|i| i % 2).collect())?;
    /// let mut model = Dense::new(2, 2);
    /// Map::new(Categorical).quiet().fit_with(&mut model, &train, UntilConverged::new(), |net, x| net.forward(x * 0.5))?;
    /// let posterior = Laplace::new(Categorical).fit_with(&model, &train, |net, x| net.forward(x * 0.5))?;
    /// assert!(posterior.is_at_mode(), "{}", posterior.verdict());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`fit`](Laplace::fit).
    pub fn fit_with<'m, T, M>(
        &self,
        model: &'m M,
        data: &Examples<T, L::Targets>,
        forward: impl for<'t> Fn(M::Draw<'t>, Var<'t, T>) -> Var<'t, T> + Send + Sync + 'm,
    ) -> Result<LaplacePosterior<'m, M>, LaplaceError>
    where
        T: Real,
        M: Bayesian<Scalar = T, Batch: Independent> + Sync,
        L: Likelihood<T>,
        L::Targets: Sync + Send,
    {
        self.run(model, Arc::new(By(forward)), data)
    }

    fn run<'m, M>(
        &self,
        model: &'m M,
        forward: AnyOutputs<'m, M>,
        data: &Examples<M::Scalar, L::Targets>,
    ) -> Result<LaplacePosterior<'m, M>, LaplaceError>
    where
        M: Bayesian + Sync,
        L: Likelihood<M::Scalar>,
        L::Targets: Sync + Send,
    {
        span!(INFO, "Laplace", examples = data.len());
        if self.is_hessian && self.structure == Structure::Kronecker {
            let mistake = "hessian: it has no Kronecker factors; choose `.full()` or `.diagonal()`";
            return Err(LaplaceError::Options(mistake.to_owned()));
        }
        let method = Method { structure: self.structure, choice: &self.choice, is_hessian: self.is_hessian };
        let posterior = fit(&self.likelihood, method, model, forward, data)?;
        if self.is_shown && !posterior.is_at_mode() {
            eprintln!("Laplace: {}", posterior.verdict());
        }
        Ok(posterior)
    }
}
