//! What `#[bayesian]` writes: the traits of a model and of its draws.

use std::cell::Cell;

use crate::engine::{Key, Parameters, Path, Real, Tape, Tensor, Var};
use crate::engine::{Order, Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::CompatibleWith;
use crate::prior::SameScalar;
use crate::properties::{ClosedForm, Property};
use crate::sampling::{Cx, Drawing, Mode};
use crate::scalar_sum::Terms;
use crate::weights::Weights;

/// A model with a distribution over its weights.
///
/// `#[bayesian]` on a struct implements this; the containers `[M; N]`, `Vec<M>`, `Option<M>`,
/// `Box<M>` and tuples of models are models too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither random, learned, saved nor skipped",
    label = "what is this field?",
    note = "a random weight needs `#[prior(..)]`; a plain setting needs `#[skip]`; a layer needs `#[bayesian]` on its struct; a certain learned weight is a `Point`, a saved value a `Buffer`"
)]
pub trait Bayesian: Parameters + 'static {
    /// The model with its weights drawn: what `#[bayesian] impl` blocks are for.
    type Draw<'t>: Copy + Drawn<'t, Self::Scalar>;

    /// Whether examples of a batch are independent of each other given the weights.
    type Batch: Property;

    /// Whether the KL divergence has a closed form.
    type Exact: Property;

    /// The posteriors of its weights, in nested pairs, of which [`Allows`](crate::Allows) says which estimators they allow;
    /// [`Yes`](crate::Yes) where there are none. It is without a bound, so that a field of a wrong type is told once.
    type Allows;

    /// Draws every field.
    fn draw_in<'t>(&'t self, cx: Cx<'t, Self::Scalar>) -> Self::Draw<'t>;

    /// Calls `f` with the KL divergence of every random weight below `path` that has a closed form, in nats.
    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64));

    /// [`draw_in`](Bayesian::draw_in) of a field, for generated code. Of a field that is no model, rustc then misses one
    /// trait, wherever it looks; of a field of another number type, it says so.
    #[doc(hidden)]
    fn draw_part<'t, T: SameScalar<Self::Scalar>>(&'t self, cx: Cx<'t, T>) -> Self::Draw<'t> {
        self.draw_in(T::cx(cx))
    }

    /// [`Parameters::visit_part`], of a trait that is missing once.
    #[doc(hidden)]
    fn visit_in<'a, T: Real>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.visit_part(path, f);
    }

    /// [`Parameters::visit_mut_part`], likewise.
    #[doc(hidden)]
    fn visit_mut_in<T: Real>(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.visit_mut_part(path, f);
    }

    /// Draws the weights on `tape`. With a [`Key`], by reparameterisation; a [`Drawing`] says more.
    ///
    /// # Panics
    /// If [`Estimators`](crate::Estimators) name what the model has not.
    #[track_caller]
    fn draw<'t, E: CompatibleWith<Self>>(
        &'t self,
        tape: &'t Tape<Self::Scalar>,
        how: impl Into<Drawing<'t, Self::Scalar, E>>,
    ) -> Self::Draw<'t> {
        let drawing = how.into();
        if let Some(Err(mistake)) = drawing.estimators_by_name().map(|estimators| estimators.check_names(self)) {
            panic!("draw: {mistake}");
        }
        tape.note_order(self);
        let (key, mode) = drawing.mode();
        self.draw_in(Cx::new(tape, key, mode))
    }

    /// The model with every weight at its posterior's mean.
    fn mean<'t>(&'t self, tape: &'t Tape<Self::Scalar>) -> Self::Draw<'t> {
        self.draw_in(Cx::new(tape, Key::new(0), Mode::Mean))
    }

    /// The model with these random weights. They enter the tape as leaves: gradients reach them, and are gathered in
    /// [`Gradients::of(&weights)`](crate::Gradients::of). Parameters without a distribution, such as a
    /// [`Point`](crate::Point) without a prior, is constant. If the weights are
    /// [unconstrained](crate::Weights::unconstrained), the tape maps them back.
    ///
    /// # Panics
    /// If the weights are not those of this model, by name and shape.
    #[track_caller]
    fn at<'t>(&'t self, tape: &'t Tape<Self::Scalar>, weights: &'t Weights<Self::Scalar>) -> Self::Draw<'t> {
        tape.note_order(weights);
        let used = tape.alloc(Cell::new(0));
        let draw = self.draw_in(Cx::new(tape, Key::new(0), Mode::At { weights, used }));
        let (given, used) = (weights.entries().len(), used.get());
        assert!(given == used, "at: the weights are of another model: {given} tensors for {used} random weights");
        draw
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

    /// The KL divergence from the prior to the posterior, in nats, summed over all random weights:
    /// before any forward pass, and without a tape. It does not compile for a model with a weight
    /// whose divergence has no closed form; [`kl_is_exact`](Bayesian::kl_is_exact) says of what kind the forms are.
    fn kl(&self) -> f64
    where
        Self::Exact: ClosedForm,
    {
        let mut total = 0.0;
        self.each_kl(&Path::ROOT, &mut |_, nats| total += nats);
        total
    }

    /// Whether [`kl`](Bayesian::kl) is the divergence itself. It is not where a weight's divergence is one that is known
    /// by a published approximation or bound ([`Approximate`](crate::Approximate)): of a mean-field posterior from
    /// [`LogUniform`](crate::LogUniform), say.
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
    /// If there are fewer than two draws: a single one says nothing of its error.
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

    /// The number of learned numbers: means and scales both.
    fn num_parameters(&self) -> usize {
        let mut count = 0;
        self.visit(&Path::ROOT, &mut |_, role, tensor| count += if role.is_learned() { tensor.len() } else { 0 });
        count
    }

    /// Draws every start that is random anew, so that it depends on the key and the parameter's name alone: models made
    /// alike and initialised from one key are equal bit for bit, and no two layers start alike. A training loop of your own
    /// needs it, because constructors make weights of one shape alike. [`Elbo::fit`](crate::Elbo::fit) does it for what is
    /// still as its constructor made it, by `Key::new(seed)`, and keeps what was initialised here.
    ///
    /// Posterior means of matrices are drawn from N(0, 2/inputs) (He et al. 2015, eq. 10), where a weight's axes after the
    /// first are its inputs, and those of vectors are zero. Certain weights ([`Point`](crate::Point)) of two axes or more
    /// are drawn likewise, unless all of their elements are the same, as those that a normalisation scales by are; of a
    /// single element, 0 and 1 stay. The loadings of a [`LowRank`](crate::LowRank) are drawn from N(0, 0.1²). Other scales,
    /// certain vectors and buffers are left alone.
    fn initialise(&mut self, key: Key) {
        self.visit_mut(&Path::ROOT, &mut |path, role, tensor| {
            crate::posterior::start(crate::sampling::key_at(key, path), path, role, tensor);
        });
    }

    /// Copies every parameter and buffer from `other`, a model of the same shape.
    ///
    /// # Panics
    /// If one has a tensor that the other has not, or of another shape. Nothing has been copied then.
    #[track_caller]
    fn copy_from(&mut self, other: &Self) {
        let mut from: Vec<(String, &Tensor<Self::Scalar>)> = Vec::new();
        other.visit(&Path::ROOT, &mut |path, _, tensor| from.push((path.to_string(), tensor)));
        let order = Order::of(self);
        order.each_mut(self, |_, _, _| ());
        let (mut index, mut mistake) = (0, None);
        self.visit(&Path::ROOT, &mut |path, _, tensor| {
            let source = from.get(index).filter(|(name, _)| *name == path.to_string());
            if mistake.is_none() && source.is_none_or(|(_, source)| source.shape() != tensor.shape()) {
                let there = source.map_or("is not there".to_owned(), |(_, source)| format!("has {:?}", source.shape()));
                mistake =
                    Some(format!("`{path}` has the shape {:?}, and in the other model it {there}", tensor.shape()));
            }
            index += 1;
        });
        if let Some((name, _)) = from.get(index).filter(|_| mistake.is_none()) {
            mistake = Some(format!("the other model has `{name}`, and this one has not"));
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

    /// The KL divergence, summed over all random weights, in nats. It is the same before and after
    /// the forward, however often a layer is used in it.
    fn kl(&self) -> Kl<'t, T> {
        let mut total = Terms::new();
        self.walk(&Path::ROOT, &mut |_, weight| total.add(weight.kl_var()));
        Kl(total.var())
    }

    /// ln |det ∂w/∂u|, the logarithm of the volume of the map from unconstrained numbers u to the weights, summed over all
    /// weights: what the log-density of u has beside that of the weights, in nats. `None` where it is 0: of weights that were
    /// drawn or given as they are, and of families of any real numbers ([`Space`](crate::Space)).
    fn log_jacobian(&self) -> Option<Var<'t, T>> {
        let mut total = Terms::new();
        self.walk(&Path::ROOT, &mut |_, weight| {
            if let Some(log_jacobian) = weight.log_jacobian_var() {
                total.add(log_jacobian);
            }
        });
        total.var()
    }

    /// ln p(w), the log-density of the weights drawn under their priors, summed over all of them, in nats. It is
    /// differentiable: through the weights by reparameterisation, and to the priors' hyperparameters.
    ///
    /// Of a model [at](Bayesian::at) given weights it is the prior's part of their log joint density. A weight whose
    /// outputs are sampled ([`Estimator::Local`](crate::Estimator::Local)) has no value in the forward; ln p is then that of
    /// a sample of its own, which has the same expectation.
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
    /// The standard error of the mean; 0 where every divergence is a closed form.
    pub standard_error: f64,
}

/// A KL divergence on a tape: nats, summed over all weights of a model.
///
/// It has no arithmetic: added to the mean of a likelihood without a weight it would be wrong by a
/// factor of the number of examples. [`Objective::loss`](crate::Objective::loss) joins the two.
#[derive(Clone, Copy, Debug)]
pub struct Kl<'t, T: Real = f32>(pub(crate) Option<Var<'t, T>>);

impl<'t, T: Real> Kl<'t, T> {
    /// The value in nats.
    pub fn nats(self) -> f64 {
        self.0.map_or(0.0, Var::item)
    }

    /// The variable; `None` of a model without random weights. It is a plain number on the tape: what it is added to,
    /// and with which weight, is for the caller to get right.
    pub fn var(self) -> Option<Var<'t, T>> {
        self.0
    }
}

/// ln p(w) of the weights drawn, on a tape: nats, summed over all weights of a model.
///
/// As [`Kl`], it has no arithmetic.
#[derive(Clone, Copy, Debug)]
pub struct LogPrior<'t, T: Real = f32>(pub(crate) Option<Var<'t, T>>);

impl<'t, T: Real> LogPrior<'t, T> {
    /// The value in nats; of several draws at once, their mean.
    pub fn nats(self) -> f64 {
        self.0.map_or(0.0, Var::item)
    }

    /// The variable, as [`Kl::var`].
    pub fn var(self) -> Option<Var<'t, T>> {
        self.0
    }
}
