//! Implementations of `Posterior`, `Density`, `Divergence`, `Prior` and `CompatibleWith` that violate their contracts.

use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::data::Examples;
use elbo::engine::{Visitor, VisitorMut};
use elbo::prelude::*;
use elbo::{CompatibleWith, Cx, Density, Path, Role, Sampled, Variance, Yes};

use super::{One, one, refuses};

/// The contract that a [`Liar`] violates.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    Shape,
    Sample,
    SampleOfAnotherTape,
    Mean,
    Variance,
    Perturbation,
    Kl,
    WeightOfPair,
    KlOfPair,
    VarianceOfPair,
    LogDensity,
}

/// A posterior of shape (2, 3) that violates one contract.
struct Liar {
    value: Tensor,
    lie: Lie,
    asked: AtomicUsize,
}

impl Liar {
    fn new(lie: Lie) -> Self {
        Liar { value: Tensor::full([2, 3], 0.5), lie, asked: AtomicUsize::new(0) }
    }

    fn answer<'t>(&'t self, tape: &'t Tape, to: Lie) -> Var<'t> {
        let right = tape.param(&self.value);
        if self.lie == to { right.sum_axes(&[0], false) } else { right }
    }
}

impl Parameters for Liar {
    type Scalar = f32;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f32>) {
        f(&path.at("mean"), Role::Mean, &self.value);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f32>) {
        f(&path.at("mean"), Role::Mean, &mut self.value);
    }
}

impl Posterior for Liar {
    type Local = Yes;
    type Flipout = Yes;

    fn shape(&self) -> &[usize] {
        let asked = self.asked.fetch_add(1, Ordering::Relaxed);
        // The prior is asked for by the true shape, and the weight then has another.
        if self.lie == Lie::Shape && !asked.is_multiple_of(2) { &[1 << 40, 1 << 20] } else { &[2, 3] }
    }

    fn sample<'t>(&'t self, cx: Cx<'t>) -> Var<'t> {
        if self.lie == Lie::SampleOfAnotherTape {
            let other: &'static Tape = Box::leak(Box::new(Tape::new()));
            return other.constant([2, 3], |_| 1.0);
        }
        self.answer(cx.tape(), Lie::Sample)
    }

    fn mean<'t>(&'t self, tape: &'t Tape) -> Var<'t> {
        self.answer(tape, Lie::Mean)
    }

    fn variance<'t>(&'t self, tape: &'t Tape) -> Variance<'t> {
        Variance::Independent(self.answer(tape, Lie::Variance))
    }

    fn perturbation<'t>(&'t self, cx: Cx<'t>) -> Option<Var<'t>> {
        Some(self.answer(cx.tape(), Lie::Perturbation))
    }
}

impl Density for Liar {
    fn log_density<'t>(&'t self, w: Var<'t>, _: Cx<'t>) -> Var<'t> {
        if self.lie == Lie::LogDensity { w } else { w.sum() }
    }
}

impl Divergence<Normal> for Liar {
    type Exact = Yes;

    fn kl(&self, _: &Normal) -> f64 {
        0.0
    }

    fn kl_on<'t>(&'t self, _: &'t Normal, cx: Cx<'t>, _: &dyn Fn() -> Var<'t>) -> Var<'t> {
        let value = cx.tape().param(&self.value);
        if self.lie == Lie::Kl { value } else { value.sum() }
    }

    fn sample_with_kl<'t>(&'t self, _: &'t Normal, cx: Cx<'t>) -> Option<Sampled<'t, f32>> {
        let kl = cx.tape().param(&self.value);
        match self.lie {
            Lie::WeightOfPair => Some((self.answer(cx.tape(), self.lie), kl.sum())),
            Lie::KlOfPair => Some((self.answer(cx.tape(), Lie::Sample), kl)),
            _ => None,
        }
    }

    fn variance_with_kl<'t>(&'t self, _: &'t Normal, cx: Cx<'t>) -> Option<Sampled<'t, f32>> {
        let kl = cx.tape().param(&self.value).sum();
        (self.lie == Lie::VarianceOfPair).then(|| (self.answer(cx.tape(), self.lie), kl))
    }
}

/// A draw's output and divergence, and the backward pass.
fn step<M: Layer + Bayesian<Scalar = f32>, E: CompatibleWith<M>>(model: &M, drawing: Drawing<'_, f32, E>) {
    let x = Tensor::full([4, 3], 0.5);
    let (tape, mut gradients) = (Tape::new(), Gradients::of(model));
    let net = model.draw(&tape, drawing);
    let loss = net.forward(tape.input(&x)).square().sum() + net.kl().var().unwrap() + net.log_prior().var().unwrap();
    loss.backward(&mut gradients);
}

#[test]
fn a_posterior_that_violates_its_contract_is_named() {
    let how = |estimator: Estimator| Drawing::new(Key::new(1)).estimator(estimator);
    for (lie, estimator, method) in [
        (Lie::Shape, Estimator::Sample, "Posterior::sample"),
        (Lie::Sample, Estimator::Sample, "Posterior::sample"),
        (Lie::SampleOfAnotherTape, Estimator::Sample, "Posterior::sample"),
        (Lie::Mean, Estimator::Local, "Posterior::mean"),
        (Lie::Mean, Estimator::Flipout, "Posterior::mean"),
        (Lie::Variance, Estimator::Local, "Posterior::variance"),
        (Lie::Perturbation, Estimator::Flipout, "Posterior::perturbation"),
        (Lie::Kl, Estimator::Sample, "Divergence::kl_on"),
        (Lie::Kl, Estimator::Flipout, "Divergence::kl_on"),
        (Lie::WeightOfPair, Estimator::Sample, "Divergence::sample_with_kl"),
        (Lie::KlOfPair, Estimator::Sample, "Divergence::sample_with_kl"),
        (Lie::VarianceOfPair, Estimator::Local, "Divergence::variance_with_kl"),
    ] {
        eprintln!("{lie:?}, {estimator:?}");
        refuses(&[method, "Liar", "`weight`"], || step(&one(Liar::new(lie)), how(estimator)));
    }
    let estimated = |lie| One { weight: Liar::new(lie), prior: MonteCarlo(Normal(0.0, 1.0)) };
    refuses(&["Density::log_density", "Liar"], || step(&estimated(Lie::LogDensity), how(Estimator::Sample)));
    refuses(&["Posterior::mean", "Liar", "`weight`"], || {
        let (model, tape) = (one(Liar::new(Lie::Mean)), Tape::new());
        let _ = model.mean(&tape).weight.value();
    });
}

#[test]
fn weights_for_a_shape_that_changes_are_refused() {
    #[bayesian]
    struct Honest {
        #[prior(Normal(0.0, 1.0))]
        weight: MeanField,
    }
    let (tape, weights) = (Tape::new(), Honest { weight: MeanField::new([2, 3]) }.mean_weights());
    let model = one(Liar::new(Lie::Shape));
    refuses(&["at: the weights are of another model", "`weight`", "[2, 3]"], || {
        let _ = model.at(&tape, &weights);
    });
}

/// A log-density that is not one number, or not a number.
#[derive(Clone, Copy)]
enum Wrong {
    Elements,
    NotANumber,
}

impl Prior for Wrong {
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        match self {
            Wrong::Elements => w,
            Wrong::NotANumber => w.sum() * f64::NAN,
        }
    }
}

#[test]
fn a_prior_whose_log_density_is_not_one_number_is_named() {
    let expected = ["Prior::log_density", "Wrong", "[2, 3]"];
    let draw = |model: &One<_, _>| step(model, Drawing::new(Key::new(1)));
    refuses(&expected, || draw(&One { weight: MeanField::new([2, 3]), prior: MonteCarlo(Wrong::Elements) }));
    refuses(&expected, || {
        let model = One { weight: Point::new([2, 3]), prior: MonteCarlo(Wrong::Elements) };
        step(&model, Drawing::new(Key::new(1)));
    });
}

#[test]
fn a_prior_with_a_nan_density_stops_training() {
    let data: Examples = Examples::new(Tensor::full([6, 3], 0.5), vec![0; 6]).unwrap();
    let mut model = One { weight: MeanField::new([2, 3]), prior: MonteCarlo(Wrong::NotANumber) };
    let before = model.weight.mean.clone();
    let error = Elbo::new(Categorical).quiet().fit(&mut model, &data, Epochs(1)).unwrap_err();
    assert!(matches!(error, TrainError::NonFinite { step: 0, .. }), "{error}");
    assert_eq!(model.weight.mean, before);
}

/// An estimator that claims to be compatible with every model.
struct Claims;

impl From<Claims> for Estimator {
    fn from(_: Claims) -> Self {
        Estimator::Local
    }
}

impl<M: Bayesian> CompatibleWith<M> for Claims {}

#[test]
fn an_incompatible_estimator_is_refused_when_the_weight_is_used() {
    let model = one(LowRank::new([2, 3], 1));
    refuses(&["local reparameterisation of `weight`", "LowRank"], || {
        step(&model, Drawing::new(Key::new(1)).estimator(Claims));
    });
}

/// An empty input with more features and examples than there is memory for signs.
#[test]
fn an_empty_input_needs_no_signs() {
    const MANY: usize = 1 << 33;
    let (model, x) = (one(MeanField::<f32>::new([0, MANY])), Tensor::zeros([MANY, 0, MANY]));
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(1)).estimator(Flipout));
    assert_eq!(net.forward(tape.input(&x)).shape(), [MANY, 0, 0]);
}
