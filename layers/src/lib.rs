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
//! let x: Tensor = Tensor::from_fn([500, 2], |i| ((i * i) as f64).sin());
//! let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
//! let (train, test) = Examples::new(x, labels)?.split(0.8, 1)?;
//! let mut elbo = Elbo::new(Categorical);
//! elbo.fit(&mut model, &train, Epochs(20))?; // or `UntilConverged::new()`
//! println!("ELBO {:.1} nats", elbo.evaluate(&model, &train, Draws(32))?.elbo);
//!
//! let predictions = model.predict(&Categorical, test.inputs(), Draws(64));
//! println!("accuracy {:.2}", predictions.accuracy(test.targets()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One epoch of a training loop as in [`Elbo::fit`], written out:
//!
//! ```
//! # use elbo::prelude::*;
//! # let x = Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin());
//! # let train: Examples = Examples::new(x, (0..64).map(|i| i % 2).collect())?;
//! # let (mut model, key) = (Dense::new(2, 2), Key::new(1));
//! model.initialise(key);
//! let (mut tape, mut gradients, mut adam) = (Tape::new(), Gradients::of(&model), Adam::new(1e-2));
//! let objective = Objective::new(train.len());
//! for (step, (x, y)) in train.batches(16, key).enumerate() {
//!     tape.reset();
//!     let net = model.draw(&tape, key.step(step));
//!     let nll = Categorical.nll(net.forward(tape.input(&x)), &y);
//!     let loss = objective.loss(nll, net.kl(), step);
//!     loss.backward(&mut gradients);
//!     adam.step(&mut model, &mut gradients);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

// Generated code refers to this crate as `::elbo`, also inside it.
extern crate self as elbo;

pub mod calibration;
#[cfg(feature = "files")]
mod checkpoint;
pub mod checks;
mod clock;
pub mod data;
pub mod decision;
pub mod diagnose;
mod distributed;
mod distribution;
mod divergence;
mod estimator;
mod fused;
mod infer;
mod likelihood;
pub mod metrics;
mod model;
pub mod nn;
mod objective;
#[cfg(feature = "files")]
mod onnx;
mod optim;
mod pattern;
mod posterior;
mod predict;
mod predictive;
mod prior;
mod properties;
mod protobuf;
pub mod prune;
#[cfg(feature = "files")]
mod pytorch;
pub mod report;
mod samples;
mod sampling;
#[cfg(feature = "serde")]
mod saved;
mod scalar;
mod scalar_sum;
pub mod sequence;
mod spans;
mod svg;
mod weights;

#[cfg(feature = "files")]
pub use checkpoint::{CheckpointError, Differences, LoadReport, SaveParameters};
pub use diagnose::{Diagnose, Diagnosis, diagnose};
#[cfg(feature = "mpi")]
pub use distributed::{Portable, Ranks, RanksError, Traffic};
pub use divergence::Divergence;
pub use elbo_engine as engine;
pub use elbo_engine::{
    Activation, Gradients, Key, NonFinite, Parameters, Path, Real, Role, Shape, Tape, Tensor, Var, with_threads,
};
pub use elbo_macros::bayesian;
pub use estimator::{Variance, Weight};
#[cfg(feature = "files")]
pub use infer::chains::ChainsError;
pub use infer::chains::{
    Chain, ChainDiagnostics, Chains, DivergentElement, ElementDiagnostics, McmcError, Temperature, TemperatureEstimate,
};
pub use infer::ensemble::{Ensemble, Members};
pub use infer::map::Map;
#[cfg(feature = "mcmc")]
pub use infer::mcmc::{Mclmc, Nuts};
pub use infer::sgmcmc::{Sghmc, Sgld};
pub use infer::svgd::{Particles, Svgd, SvgdError};
pub use infer::swag::{MultiSwag, Swag, SwagPosterior};
#[cfg(feature = "files")]
pub use infer::vi::Checkpoint;
pub use infer::vi::{
    Bound, Budget, Clip, Elbo, Epoch, Epochs, Monitor, Report, Rise, Schedule, TrainError, Training, UntilConverged,
};
pub use infer::{Laplace, LaplaceError, LaplacePosterior, Linearised, LogJoint, PriorGroups};
pub use likelihood::{
    Bernoulli, BetaRegression, Binomial, BinomialByRow, Categorical, CategoricalWith, Censored, ExpectedCategorical,
    ExpectedGaussian, Gaussian, Head, Heads, HeteroscedasticGaussian, IntervalCensored, LabelTargets, LaplaceNoise,
    Likelihood, LogNormalNoise, MeanNll, MixtureDensity, MultivariateGaussian, NegativeBinomial, Ordinal, Poisson,
    SoftCategorical, StudentTNoise, Truncated, ZeroInflated,
};
pub use model::{Allows, CompatibleWith, FlippedByExample, SampledByOutput};
pub use model::{Bayesian, Buffer, Drawn, HierarchicalNormal, HierarchicalNormalDraw, Kl, KlEstimate, LogPrior, Saved};
pub use model::{Flipout, Forward, Layer, LayerAt, Local, Model, ModelAt, ModelOutput, Sample};
pub use model::{Kind, SUMMARY_DRAWS, Summary, SummaryRow};
pub use nn::Dense;
pub use objective::{KlWeight, Loss, Objective, SafeBayes, SafeBayesRow, SafeBayesTable, Tempering, WarmUp};
#[cfg(feature = "files")]
pub use onnx::{Onnx, OnnxError};
pub use optim::{Adam, Ema, Ivon, Optimizer, OptimizerState, Sgd};
pub use posterior::{
    CholeskyFactor, Coupling, Density, DropoutNoise, Flow, FullCovariance, INITIAL_SD, LogNormal, LowRank,
    MatrixNormal, MeanField, MeanFieldCauchy, MeanFieldLaplace, Point, Posterior, Radial, SpikeAndSlab,
};
pub use predict::{LogLikelihood, Predict, PredictFromPosterior};
pub use predictive::{Outputs, Predictive, SampleTargets, Univariate};
pub use prior::{
    Cauchy, HalfCauchy, HalfNormal, Horseshoe, InverseGammaVariance, LaplacePrior, LearnedNormal, LearnedNormalDraw,
    LogNormalPrior,
};
pub use prior::{DrawnPrior, FixedPrior, MonteCarlo, Normal, Prior, PriorFor};
pub use prior::{LogUniform, Normals, NormalsByName, NormalsByNameDraw, PerElement};
pub use prior::{ScaleMixture, SpikeAndSlabPrior, StudentT};
pub use properties::{Approximate, ClosedForm, Independent, No, Property, Yes};
#[cfg(feature = "files")]
pub use pytorch::{ImportReport, PyTorch, PyTorchError};
pub use samples::{Draws, FromPosterior, KeptDraws, PointEstimate, Pool, SampledOutputs, Samples};
pub use sampling::{Cx, DrawNoise, Drawing, Estimator, Estimators, FixedNoise, Noise, Sampled};
pub use weights::{Space, Weights, WeightsError};

// Visitors in generated code, under short names so that expansions stay readable.
#[doc(hidden)]
pub use hidden::{Each, EachMut, OnWeight};

/// The items that most programs use.
pub mod prelude {
    #[cfg(feature = "files")]
    pub use crate::SaveParameters;
    pub use crate::data::Examples;
    #[doc(hidden)]
    pub use crate::hidden::Undrawn as _;
    pub use crate::metrics::Mixture;
    pub use crate::{
        Adam, Bayesian, Bernoulli, Buffer, Categorical, Cauchy, Clip, Dense, Divergence, Drawing, Drawn, Draws, Elbo,
        Epochs, Estimator, Estimators, Flipout, Flow, Forward, FullCovariance, Gaussian, Gradients, HalfCauchy,
        HalfNormal, HierarchicalNormal, Horseshoe, KeptDraws, Key, KlWeight, Laplace, LaplacePrior, Layer,
        LearnedNormal, Likelihood, Local, LogNormal, LogNormalPrior, LogUniform, LowRank, Map, MatrixNormal, MeanField,
        MeanFieldCauchy, MeanFieldLaplace, Monitor, MonteCarlo, Normal, Normals, Objective, Optimizer, Outputs,
        Parameters, Point, Posterior, Predict, PredictFromPosterior, Prior, PriorFor, Radial, Real, Report, Sample,
        SampledOutputs, Samples, ScaleMixture, Schedule, Sgd, SpikeAndSlab, SpikeAndSlabPrior, StudentT, Tape,
        Tempering, Tensor, TrainError, Univariate, UntilConverged, Var, WarmUp, Weight, Weights, bayesian,
    };
}

/// Tests the program in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Tests the programs in `docs/start.md`.
#[cfg(doctest)]
#[doc = include_str!("../../docs/start.md")]
struct Start;

/// Tests the programs in `docs/checkpoints.md`.
#[cfg(all(doctest, feature = "files"))]
#[doc = include_str!("../../docs/checkpoints.md")]
struct CheckpointsPage;

/// Tests the programs in `docs/report.md`.
#[cfg(doctest)]
#[doc = include_str!("../../docs/report.md")]
struct ReportPage;

/// Tests the program in `docs/pytorch.md`.
#[cfg(all(doctest, feature = "files"))]
#[doc = include_str!("../../docs/pytorch.md")]
struct PyTorchPage;

/// Tests the program in `docs/chains.md`.
#[cfg(all(doctest, feature = "mcmc"))]
#[doc = include_str!("../../docs/chains.md")]
struct ChainsPage;

/// Items that generated code uses. Not public API: they may change in any release.
#[doc(hidden)]
pub mod hidden {
    pub use elbo_macros::Bayesian;

    pub use crate::model::{DrawFirst, Undrawn};

    pub use crate::divergence::{KnownClosedForm, Nats};
    use crate::engine::{Visitor, VisitorMut};
    pub use crate::model::properties_of_fields::{Closed, Estimated, Part, Properties, Random};
    use crate::{Parameters, Path, Weight};

    /// The types of a model's fields, from which its scalar type and its properties follow. A public model whose fields
    /// have private types lists them first for a private type `To`, because only such an impl may name private types.
    pub trait Parts<To = ()> {
        /// The field whose scalar type is the model's.
        type First;
        /// All fields from which properties follow, in nested pairs.
        type All;
    }

    /// The fields of a model that do not contain it, listed for each other model of the cycle.
    #[diagnostic::on_unimplemented(
        message = "`{Self}` and `{With}` contain each other, but `{Self}` does not name `{With}`",
        label = "this model contains itself through others",
        note = "each of these models must name all the others: add `{With}` to `#[bayesian(recursive(..))]` on `{Self}`"
    )]
    pub trait Recursive<With> {
        /// The field whose scalar type is the model's.
        type First;
        /// All fields from which properties follow, in nested pairs.
        type All;
    }

    /// A visitor of the tensors of a model `M`.
    pub type Each<'f, 'a, M> = Visitor<'f, 'a, <M as Parameters>::Scalar>;

    /// A visitor of the tensors of a model `M` that may change them.
    pub type EachMut<'f, M> = VisitorMut<'f, <M as Parameters>::Scalar>;

    /// A visitor of the random weights of a draw of `M`.
    pub type OnWeight<'f, 't, M> = dyn FnMut(&Path<'_>, Weight<'t, <M as Parameters>::Scalar>) + 'f;
}
