//! Bayesian deep learning. Write a network as an ordinary struct, put [`#[bayesian]`](macro@bayesian)
//! on it, and get a variational posterior over its weights: the parameters, the reparameterised
//! forward pass, and a [`kl()`](Bayesian::kl) that the compiler wrote by summing the divergence of
//! every field.
//!
//! ```
//! use elbo::prelude::*;
//!
//! #[bayesian]
//! pub struct Classifier {
//!     hidden: [Dense; 2],
//!     head: Dense,
//! }
//!
//! #[bayesian]
//! impl Classifier {
//!     pub fn forward(&self, x: Var) -> Var {
//!         let [first, second] = self.hidden;
//!         let x = first.forward(x).relu();
//!         let x = second.forward(x).relu();
//!         self.head.forward(x)
//!     }
//! }
//!
//! let mut model = Classifier { hidden: [Dense::new(2, 16), Dense::new(16, 16)], head: Dense::new(16, 2) };
//! println!("{:.1} nats before any forward pass: {:?}", model.kl(), model.kl_terms());
//!
//! let x: Tensor = Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin());
//! let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
//! let train = Examples::new(x, labels)?;
//! let report = Elbo::new(Categorical, train.len()).optimizer(Adam::new(1e-2)).fit(&mut model, &train, Epochs(20))?;
//! println!("ELBO {:.1} nats", report.last().elbo);
//!
//! let predictions = model.predict(train.inputs(), Draws(64)).categorical();
//! println!("accuracy {:.2}", predictions.accuracy(train.targets()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// Generated code names this crate `::elbo`, here too.
extern crate self as elbo;

mod bayesian;
mod containers;
mod divergence;
mod drawing;
mod elementwise;
mod estimate;
mod forward;
mod likelihood;
mod objective;
mod optim;
mod posterior;
mod predict;
mod prior;
mod train;
mod verdict;
mod weight;

pub mod data;
pub mod metrics;
pub mod nn;

pub use bayesian::{Bayesian, Drawn, Kl};
pub use divergence::{Divergence, Sampled};
pub use drawing::{Cx, DrawNoise, Drawing, Estimator, Estimators, FixedNoise, Noise};
pub use elbo_engine as engine;
pub use elbo_engine::{
    Activation, Gradients, Key, NonFinite, Parameters, Path, Real, Role, Shape, Tape, Tensor, Var, with_threads,
};
pub use elbo_macros::bayesian;
pub use forward::{Forward, Layer, LayerAt};
pub use likelihood::{Categorical, Gaussian, Likelihood, MeanNll};
pub use nn::Dense;
pub use objective::{Loss, Objective};
pub use optim::{Adam, Optimizer, Sgd};
pub use posterior::{Buffer, Density, INITIAL_SD, MeanField, Point, Posterior, Saved, Variance};
pub use predict::{Draws, Predict, Predictive};
pub use prior::{
    Cauchy, HalfCauchy, HalfNormal, HierarchicalNormal, Horseshoe, Laplace, LearnedNormal, LogNormalPrior,
};
pub use prior::{Given, MonteCarlo, Normal, Own, OwnDraw, Prior, own_mut_of, own_of};
pub use prior::{LogUniform, Normals, PerElement};
pub use prior::{ScaleMixture, SpikeAndSlabPrior, StudentT};
pub use train::{Elbo, Epoch, Epochs, Report, TrainError};
pub use verdict::{Approximate, ClosedForm, Independent, No, Verdict, Yes};
pub use weight::Weight;

/// What most programs use.
pub mod prelude {
    pub use crate::data::Examples;
    pub use crate::{
        Adam, Bayesian, Buffer, Categorical, Cauchy, Dense, Divergence, Drawing, Drawn, Draws, Elbo, Epochs, Estimator,
        Estimators, Forward, Gaussian, Gradients, HalfCauchy, HalfNormal, HierarchicalNormal, Horseshoe, Key, Laplace,
        Layer, LearnedNormal, Likelihood, LogNormalPrior, LogUniform, MeanField, MonteCarlo, Normal, Normals,
        Objective, Optimizer, Parameters, Point, Posterior, Predict, Prior, Real, ScaleMixture, Sgd, SpikeAndSlabPrior,
        StudentT, Tape, Tensor, Var, Weight, bayesian,
    };
}

/// What generated code calls. Not for use by hand; it may change in any release.
#[doc(hidden)]
pub mod hidden {
    pub use elbo_macros::Bayesian;

    use crate::engine::{Visitor, VisitorMut};
    use crate::{Bayesian, Cx, Divergence, Given, Path, Prior, Verdict, Weight, Yes};

    /// Sees the divergence of one weight after the other: nats, as a number or on a tape.
    pub type Each<'f, Nats> = dyn FnMut(&Path<'_>, Nats) + 'f;

    /// A field that is a model, with everything that generated code asks of it. It is a trait of its
    /// own, of one bound, so that a field of a wrong type is few messages and not one for each trait.
    pub trait Walk<T: crate::Real>: 'static {
        type Draw<'t>;
        fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> Self::Draw<'t>;
        fn each_kl(&self, path: &Path<'_>, f: &mut Each<'_, f64>);
        fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>);
        fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>);
    }

    impl<T: crate::Real, M: Bayesian<Scalar = T>> Walk<T> for M {
        type Draw<'t> = M::Draw<'t>;

        fn draw_in<'t>(&'t self, cx: Cx<'t, T>) -> M::Draw<'t> {
            Bayesian::draw_in(self, cx)
        }

        fn each_kl(&self, path: &Path<'_>, f: &mut Each<'_, f64>) {
            Bayesian::each_kl(self, path, f);
        }

        fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
            crate::Parameters::visit(self, path, f);
        }

        fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
            crate::Parameters::visit_mut(self, path, f);
        }
    }

    pub fn weight<'t, Q: Divergence<P>, P: Prior>(
        posterior: &'t Q,
        prior: &'t P,
        cx: Cx<'t, Q::Scalar>,
    ) -> Weight<'t, Q::Scalar> {
        crate::weight::weight(posterior, Given::fixed(prior), cx)
    }

    pub fn weight_given<'t, Q: Divergence<P>, P: Prior>(
        posterior: &'t Q,
        prior: Given<'t, P, Q::Scalar>,
        cx: Cx<'t, Q::Scalar>,
    ) -> Weight<'t, Q::Scalar> {
        crate::weight::weight(posterior, prior, cx)
    }

    /// The walk over a prior's own parameter, if it has one.
    pub fn visit_own<'a, T: crate::Real, P: Prior>(prior: &'a P, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        if let Some(own) = prior.own::<T>() {
            own.visit(path, f);
        }
    }

    /// The same, to be changed.
    pub fn visit_mut_own<T: crate::Real, P: Prior>(prior: &mut P, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        if let Some(own) = prior.own_mut::<T>() {
            own.visit_mut(path, f);
        }
    }

    /// The divergence of a prior's own parameter, if it has one.
    pub fn own_kl<T: crate::Real, P: Prior>(prior: &P, path: &Path<'_>, f: &mut Each<'_, f64>) {
        if let Some(own) = prior.own::<T>() {
            own.each_kl(path, f);
        }
    }

    /// A prior that an expression made, kept for the draw. One that is not `Copy` is kept in a field.
    pub fn kept<T: crate::Real, P: Prior + Copy>(prior: P, cx: Cx<'_, T>) -> &P {
        cx.tape().alloc(prior)
    }

    pub fn kl<Q: Divergence<P>, P: Prior>(posterior: &Q, prior: &P) -> f64 {
        posterior.kl(prior)
    }

    /// The divergence of a pair whose verdict the macro could not read off the prior's expression.
    pub fn closed_kl<Q: Divergence<P, Exact: Known>, P: Prior>(posterior: &Q, prior: &P) -> f64 {
        posterior.kl(prior)
    }

    /// A closed form, where the prior's type is known to rustc alone.
    #[diagnostic::on_unimplemented(
        message = "the type of this prior cannot be read off its expression, and its KL divergence is not a closed form: `{Self}`",
        label = "so this model's `kl()` would not be exact",
        note = "keep the prior in a field, `#[skip] prior: P`, and write `#[prior(self.prior)]`; or name its type in the expression, as `MonteCarlo(..)` or `Type::new(..)`"
    )]
    pub trait Known: Verdict {}

    impl Known for Yes {}
}
