//! The traits that `#[bayesian]` implements: `Bayesian` for a model and `Drawn` for its draws.

use crate::engine::{Key, Parameters, Path, Real, Tape, Tensor, Var};
use crate::engine::{Order, Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::CompatibleWith;
use crate::model::at_leaves::at_leaves;
use crate::model::draw_from_prior::draw_from_prior;
use crate::model::set_means::set_means;
use crate::model::summary::Summary;
use crate::prior::SameScalar;
use crate::properties::{ClosedForm, Property};
use crate::sampling::{Cx, Drawing, Estimators, Mode};
use crate::scalar_sum::Terms;
use crate::weights::{Leaves, Weights, WeightsError};

/// A model with a distribution over its weights.
///
/// `#[bayesian]` on a struct implements this; the containers `[M; N]`, `Vec<M>`, `Option<M>`,
/// `Box<M>` and tuples of models are models too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a layer nor a weight",
    label = "not a model",
    note = "a random weight needs `#[prior(..)]`; a plain setting needs `#[skip]`; a layer needs `#[bayesian]` on its struct; a deterministic weight is a `Point`, a saved value a `Buffer`"
)]
pub trait Bayesian: Parameters + 'static {
    /// The model with its weights drawn: the type that `#[bayesian] impl` blocks extend.
    type Draw<'t>: Copy + Drawn<'t, Self::Scalar>;

    /// Whether examples of a batch are independent of each other given the weights.
    type Batch: Property;

    /// Whether the KL divergence has a closed form.
    type Exact: Property;

    /// The posteriors of its weights, in nested pairs, from which [`Allows`](crate::Allows) derives the estimators that
    /// they allow; [`Yes`](crate::Yes) without weights. It has no bound, so that rustc reports a field of a wrong type once.
    type Allows;

    /// Draws every field.
    fn draw_in<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Self::Draw<'t>;

    /// Calls `f` with the KL divergence of every random weight below `path` that has a closed form, in nats.
    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64));

    /// [`draw_in`](Bayesian::draw_in) of a field, for generated code: rustc then reports a field that is not a model once,
    /// and a field in another scalar type by [`SameScalar`].
    #[doc(hidden)]
    fn draw_part<'t, T: SameScalar<Self::Scalar>>(&'t self, cx: Cx<'t, T>) -> Self::Draw<'t> {
        self.draw_in(T::cx(cx))
    }

    /// [`Parameters::visit_part`] of a field, for generated code: rustc then reports a field that is not a model once.
    #[doc(hidden)]
    fn visit_in<'a, T: Real>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.visit_part(path, f);
    }

    /// [`Parameters::visit_mut_part`] of a field, for generated code.
    #[doc(hidden)]
    fn visit_mut_in<T: Real>(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.visit_mut_part(path, f);
    }

    /// Draws the weights on `tape`: by reparameterisation with a [`Key`], or as a [`Drawing`] specifies.
    ///
    /// # Panics
    /// If [`Estimators`](crate::Estimators) name a weight that the model does not have.
    #[track_caller]
    fn draw<'t, E: CompatibleWith<Self>>(
        &'t self,
        tape: &'t Tape<Self::Scalar>,
        how: impl Into<Drawing<'t, Self::Scalar, E>>,
    ) -> Self::Draw<'t> {
        let drawing = how.into();
        note(self, tape, drawing.estimators_by_name());
        let (key, mode) = drawing.mode();
        self.draw_in(Cx::new(tape, key, mode))
    }

    /// The model with every weight at its posterior's mean.
    fn mean<'t>(&'t self, tape: &'t Tape<Self::Scalar>) -> Self::Draw<'t> {
        self.draw_in(Cx::new(tape, Key::new(0), Mode::Mean))
    }

    /// The model with these values for its random weights. They are leaves of the tape, whose gradients are collected in
    /// [`Gradients::of(&weights)`](crate::Gradients::of). Parameters without a distribution, such as a
    /// [`Point`](crate::Point) without a prior, are constant. The tape transforms
    /// [unconstrained](crate::Weights::unconstrained) weights back.
    ///
    /// # Panics
    /// If the names or shapes of the weights are not those of this model.
    #[track_caller]
    fn at<'t>(&'t self, tape: &'t Tape<Self::Scalar>, weights: &'t Weights<Self::Scalar>) -> Self::Draw<'t> {
        tape.note_order(weights);
        at_leaves(self, tape, weights, Leaves::Shared)
    }

    /// The random weights at their posterior means.
    fn mean_weights(&self) -> Weights<Self::Scalar> {
        let tape = Tape::inference();
        Weights::of(&self.mean(&tape))
    }

    /// The random weights drawn from the posterior, with the noise of `key`.
    fn draw_weights(&self, key: Key) -> Weights<Self::Scalar> {
        let tape = Tape::inference();
        Weights::of(&self.draw(&tape, Drawing::new(key).without_kl()))
    }

    /// [`draw_weights`](Bayesian::draw_weights), with the key for layers that make noise, such as dropout.
    #[doc(hidden)]
    fn draw_with_noise(&self, key: Key) -> Weights<Self::Scalar> {
        self.draw_weights(key).with_noise(key)
    }

    /// The random weights drawn from their priors, with the noise of `key`: a hyperparameter first, then the weights given it.
    /// [`predict`](crate::Predict::predict) of [`KeptDraws::of`](crate::KeptDraws::of) such draws is the prior predictive
    /// distribution. Parameters without a distribution, and a prior's learned hyperparameters, keep their values.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let layer = Dense::new(3, 2).prior(LaplacePrior(0.0, 0.5));
    /// let draws = (0..100).map(|draw| layer.draw_from_prior(Key::new(1).draw(draw))).collect::<Result<Vec<_>, _>>()?;
    /// let x = Tensor::from_fn([4, 3], |i| i as f64);
    /// let before_any_data = KeptDraws::of(&layer, draws)?.predict(&Gaussian::new(0.1), &x);
    /// # assert!(before_any_data.sd()[0] > 0.1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WeightsError::Prior`] for a weight whose prior cannot be drawn from, such as
    /// [`LogUniform`](crate::LogUniform); [`WeightsError::Space`] if a prior has probability outside of the weight's support.
    fn draw_from_prior(&self, key: Key) -> Result<Weights<Self::Scalar>, WeightsError> {
        draw_from_prior(self, key)
    }

    /// The KL divergence KL(posterior ‖ prior) in nats, summed over all random weights, without a forward pass and without
    /// a tape. It does not compile for a model with a weight whose divergence has no closed form.
    /// [`kl_is_exact`](Bayesian::kl_is_exact) distinguishes exact from approximate closed forms.
    fn kl(&self) -> f64
    where
        Self::Exact: ClosedForm,
    {
        let mut total = 0.0;
        self.each_kl(&Path::ROOT, &mut |_, nats| total += nats);
        total
    }

    /// Whether [`kl`](Bayesian::kl) is exact. It is not if a weight's divergence has only a published approximation or bound
    /// ([`Approximate`](crate::Approximate)), such as that of a mean-field posterior from
    /// [`LogUniform`](crate::LogUniform).
    fn kl_is_exact(&self) -> bool
    where
        Self::Exact: ClosedForm,
    {
        <Self::Exact as ClosedForm>::IS_EXACT
    }

    /// The summands of [`kl`](Bayesian::kl) by name (`hidden.0.weight`), in nats.
    fn kl_terms(&self) -> Vec<(String, f64)>
    where
        Self::Exact: ClosedForm,
    {
        let mut terms = Vec::new();
        self.each_kl(&Path::ROOT, &mut |path, nats| terms.push((path.to_string(), nats)));
        terms
    }

    /// The KL divergence in nats, for any model: closed forms as they are, the others estimated as the mean of
    /// ln q(w) − ln p(w) over `draws` draws of the weights (Blundell et al. 2015, eq. 2).
    ///
    /// # Panics
    /// If there are fewer than two draws: one draw gives no standard error.
    #[track_caller]
    fn kl_estimate(&self, key: Key, draws: usize) -> KlEstimate {
        assert!(draws >= 2, "kl_estimate: at least two draws are needed for a standard error, got {draws}");
        let mut tape = Tape::inference();
        let nats: Vec<f64> = (0..draws)
            .map(|draw| {
                tape.reset();
                self.draw(&tape, key.draw(draw)).kl().nats()
            })
            .collect();
        let mean = nats.iter().sum::<f64>() / draws as f64;
        let squares: f64 = nats.iter().map(|nats| (nats - mean).powi(2)).sum();
        KlEstimate { mean, standard_error: (squares / (draws * (draws - 1)) as f64).sqrt() }
    }

    /// What the model consists of: names, shapes, posterior families, priors, numbers of elements and parameters, and divergences. A
    /// divergence without a closed form is the mean over [`SUMMARY_DRAWS`](crate::SUMMARY_DRAWS) draws, always the same ones.
    fn summary(&self) -> Summary {
        Summary::of(self)
    }

    /// The number of learned scalars, counting means and scales.
    fn num_parameters(&self) -> usize {
        let mut count = 0;
        self.visit(&Path::ROOT, &mut |_, role, tensor| count += if role.is_learned() { tensor.len() } else { 0 });
        count
    }

    /// Redraws all random initial values, so that they depend on the key and the parameter's name only: equal models
    /// initialised with the same key are equal bit for bit, and two layers start differently. Call it before a training loop
    /// of your own, because constructors give weights of the same shape the same values. [`Elbo::fit`](crate::Elbo::fit)
    /// redraws by `Key::new(seed)` the parameters that still have their constructor's values, and keeps those initialised
    /// here.
    ///
    /// Posterior means of matrices are drawn from N(0, 2/inputs) (He et al. 2015, eq. 10), where a weight's axes after the
    /// first are its inputs; those of vectors are zero. Means of the random scale and shift of a normalisation are kept as its
    /// constructor makes them (all 1, or all 0 in a parameter named `bias`); trained ones are treated as those of any weight, so make
    /// such a model anew. Deterministic weights ([`Point`](crate::Point)) with two axes or more are drawn in the same way, unless
    /// all of their elements are equal, as in the scale of a normalisation; a single element of 0 or 1 is kept. The loadings of a [`LowRank`](crate::LowRank) are drawn from N(0, 0.1²). Other scales,
    /// deterministic vectors and buffers do not change.
    fn initialise(&mut self, key: Key) {
        self.visit_mut(&Path::ROOT, &mut |path, role, tensor| {
            crate::posterior::start(crate::sampling::key_at(key, path), path, role, tensor);
        });
    }

    /// Sets the posterior means to these values: a warm start from a file, from a network that was trained without a
    /// distribution, or from a flat slice ([`Weights::set_flat`]). Deterministic weights with a prior are set, too. Scales
    /// stay.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let mut layer = Dense::new(2, 1);
    /// let mut weights = layer.mean_weights();
    /// weights.set_flat(&[0.5, -1.0, 0.1])?;
    /// layer.set_means(&weights)?;
    /// assert_eq!(layer.weight.mean.data(), [0.5, -1.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`WeightsError::Model`] if the names or shapes are not those of this model, or a value is outside of its support;
    /// [`WeightsError::Mean`] for a family whose mean is not a parameter, such as [`LogNormal`](crate::LogNormal). The model
    /// is then unchanged.
    fn set_means(&mut self, weights: &Weights<Self::Scalar>) -> Result<(), WeightsError> {
        set_means(self, weights)
    }

    /// Copies every parameter and buffer from `other`, whose tensors must have the same names and shapes. The types may
    /// differ, as of two models under different priors.
    ///
    /// # Panics
    /// If one model has a tensor that the other does not have, or with another shape. Then nothing is copied.
    #[track_caller]
    fn copy_from<M: Parameters<Scalar = Self::Scalar> + ?Sized>(&mut self, other: &M) {
        let mut from: Vec<(String, &Tensor<Self::Scalar>)> = Vec::new();
        other.visit(&Path::ROOT, &mut |path, _, tensor| from.push((path.to_string(), tensor)));
        let order = Order::of(self);
        order.each_mut(self, |_, _, _| ());
        let (mut index, mut mistake) = (0, None);
        self.visit(&Path::ROOT, &mut |path, _, tensor| {
            let source = from.get(index).filter(|(name, _)| *name == path.to_string());
            if mistake.is_none() && source.is_none_or(|(_, source)| source.shape() != tensor.shape()) {
                let there =
                    source.map_or("does not exist".to_owned(), |(_, source)| format!("has {:?}", source.shape()));
                mistake = Some(format!("`{path}` has the shape {:?}; in the other model it {there}", tensor.shape()));
            }
            index += 1;
        });
        if let Some((name, _)) = from.get(index).filter(|_| mistake.is_none()) {
            mistake = Some(format!("the other model has `{name}`, which this one does not have"));
        }
        if let Some(mistake) = mistake {
            panic!("copy_from: {mistake}");
        }
        order.each_mut(self, |index, _, tensor| tensor.data_mut().copy_from_slice(from[index].1.data()));
    }
}

/// A model whose weights are drawn.
pub trait Drawn<'t, T: Real> {
    /// Calls `f` with every weight below `path` that has a prior.
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>));

    /// Calls `f` with the KL divergence of every random weight below `path`, on the tape, in nats.
    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Var<'t, T>)) {
        self.walk(path, &mut |path, weight| f(path, weight.kl_var()));
    }

    /// The KL divergence, summed over all random weights, in nats. It is the same before and after the forward pass, and
    /// counts each weight once, however often its layer is used.
    fn kl(&self) -> Kl<'t, T> {
        let mut total = Terms::new();
        self.walk(&Path::ROOT, &mut |_, weight| total.add(weight.kl_var()));
        Kl(total.var())
    }

    /// ln |det ∂w/∂u| of the transform from unconstrained numbers u to the weights w, summed over all weights, in nats: the
    /// term to add to the log-density of the weights for that of u. `None` if it is 0: for weights that were drawn or are
    /// constrained already, and for families on all real numbers ([`Space`](crate::Space)).
    fn log_jacobian(&self) -> Option<Var<'t, T>> {
        let mut total = Terms::new();
        self.walk(&Path::ROOT, &mut |_, weight| {
            if let Some(log_jacobian) = weight.log_jacobian_var() {
                total.add(log_jacobian);
            }
        });
        total.var()
    }

    /// ln p(w), the log-density of the drawn weights under their priors, summed over all of them, in nats. It is
    /// differentiable with respect to the posteriors' parameters, by reparameterisation, and to the priors' hyperparameters.
    ///
    /// For a model [at](Bayesian::at) fixed weights it is the prior's term of the log joint density. A weight whose outputs
    /// are sampled ([`Estimator::Local`](crate::Estimator::Local)) does not have a value in the forward pass; ln p is then
    /// evaluated at a separate sample, which has the same expectation.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let (layer, tape) = (Dense::new(3, 2).prior(Normal(0.0, 2.0)), Tape::new());
    /// let mut weights = layer.mean_weights();
    /// weights.set_flat(&[0.0; 8])?;
    /// let net = layer.at(&tape, &weights);
    /// let one = -0.5 * std::f64::consts::TAU.ln() - 2f64.ln();
    /// assert!((net.log_prior().nats() - 8.0 * one).abs() < 1e-5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    fn log_prior(&self) -> LogPrior<'t, T> {
        let mut total = Terms::new();
        self.walk(&Path::ROOT, &mut |_, weight| total.add(weight.log_prior_var()));
        LogPrior(total.var())
    }
}

impl<'t, T: Real> Drawn<'t, T> for Weight<'t, T> {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        f(path, *self);
    }
}

/// A KL divergence as an average over draws, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KlEstimate {
    /// The mean over draws.
    pub mean: f64,
    /// The standard error of the mean; 0 if every divergence has a closed form.
    pub standard_error: f64,
}

/// A KL divergence on a tape: nats, summed over all weights of a model.
///
/// It does not implement arithmetic: adding it to a mean likelihood without a weight would be wrong by a factor of the
/// number of examples. [`Objective::loss`](crate::Objective::loss) combines the two.
#[derive(Clone, Copy, Debug)]
pub struct Kl<'t, T: Real = f32>(pub(crate) Option<Var<'t, T>>);

impl<'t, T: Real> Kl<'t, T> {
    /// The value in nats.
    pub fn nats(self) -> f64 {
        self.0.map_or(0.0, Var::item)
    }

    /// The variable; `None` for a model without random weights. The caller is responsible for weighting it correctly.
    pub fn var(self) -> Option<Var<'t, T>> {
        self.0
    }
}

/// ln p(w) of the drawn weights, on a tape: nats, summed over all weights of a model.
///
/// Like [`Kl`], it does not implement arithmetic.
#[derive(Clone, Copy, Debug)]
pub struct LogPrior<'t, T: Real = f32>(pub(crate) Option<Var<'t, T>>);

impl<'t, T: Real> LogPrior<'t, T> {
    /// The value in nats; with several draws at once, their mean.
    pub fn nats(self) -> f64 {
        self.0.map_or(0.0, Var::item)
    }

    /// The variable; `None` for a model without random weights.
    pub fn var(self) -> Option<Var<'t, T>> {
        self.0
    }
}

/// Notes a model on the tape of its draw. Not generic over the compatibility that `draw` checks.
///
/// # Panics
/// If the estimators name a weight that the model does not have.
#[track_caller]
fn note<M: Bayesian + ?Sized>(model: &M, tape: &Tape<M::Scalar>, estimators: Option<&Estimators>) {
    if let Some(Err(mistake)) = estimators.map(|estimators| estimators.check_names(model)) {
        panic!("draw: {mistake}");
    }
    tape.note_order(model);
}
