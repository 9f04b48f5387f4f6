//! Estimators as types: the compiler accepts exactly those that each posterior family supports at run time.

use elbo::prelude::*;
use elbo::{Allows, CompatibleWith, Property, Variance};

/// The value of a property.
trait Answer: Property {
    const IS_YES: bool;
}

impl Answer for elbo::Yes {
    const IS_YES: bool = true;
}

impl<Why: ?Sized> Answer for elbo::No<Why> {
    const IS_YES: bool = false;
}

fn allowed<M>(_: &M) -> [bool; 2]
where
    M: Bayesian<Allows: Allows<Local: Answer, Flipout: Answer>>,
{
    [<M::Allows as Allows>::Local::IS_YES, <M::Allows as Allows>::Flipout::IS_YES]
}

/// Whether the family supports (local reparameterisation, Flipout), by its types.
#[bayesian]
struct One<Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    #[prior(self.prior)]
    weight: Q,
    prior: P,
}

/// Whether the weight supports the estimator, or panics with the parameter, the family and a remedy.
fn is_drawn<Q, P>(model: &One<Q, P>, estimator: Estimator) -> bool
where
    Q: Divergence<P, Scalar = f32> + std::panic::RefUnwindSafe,
    P: PriorFor<f32> + std::panic::RefUnwindSafe,
{
    let drawn = std::panic::catch_unwind(|| {
        let tape = Tape::new();
        let net = model.draw(&tape, Drawing::new(Key::new(1)).estimator(estimator));
        tape.constant([2, 3], |i| i as f32).linear(net.weight).value().to_vec()
    });
    let Err(why) = drawn else { return true };
    let why = why.downcast_ref::<String>().expect("a panic with a text");
    let family = std::any::type_name::<Q>().split('<').next().unwrap().rsplit("::").next().unwrap();
    for part in ["of `weight`", &format!("`{family}`"), "set(\"weight\", Estimator::Sample)"] {
        assert!(why.contains(part), "{why}: {part}");
    }
    false
}

#[track_caller]
fn check<Q, P>(weight: Q, prior: P, expected: [bool; 2])
where
    Q: Divergence<P, Scalar = f32, Local: Answer, Flipout: Answer> + std::panic::RefUnwindSafe,
    P: PriorFor<f32> + std::panic::RefUnwindSafe,
{
    let model = One { weight, prior };
    assert_eq!(allowed(&model), expected, "by type");
    assert_eq!([Estimator::Local, Estimator::Flipout].map(|estimator| is_drawn(&model, estimator)), expected, "drawn");
    let tape = Tape::new();
    let variance = model.weight.variance(&tape);
    assert_eq!(!matches!(variance, Variance::Joint), expected[0], "{variance:?}");
}

#[test]
fn every_family_supports_the_estimators_that_its_type_allows() {
    let normal = Normal(0.0, 1.0);
    check(MeanField::new([2, 3]), normal, [true, true]);
    check(Point::new([2, 3]), normal, [true, true]);
    check(MeanFieldLaplace::new([2, 3]), normal, [true, true]);
    check(MeanFieldCauchy::new([2, 3]), Cauchy(0.0, 1.0), [false, true]);
    check(Radial::new([2, 3]), normal, [false, true]);
    check(LogNormal::new([2, 3]), LogNormalPrior(0.0, 1.0), [true, false]);
    check(SpikeAndSlab::new([2, 3]), SpikeAndSlabPrior(0.5, 1.0), [true, false]);
    check(LowRank::new([2, 3], 2), normal, [false, false]);
    check(FullCovariance::new([2, 3]), normal, [false, false]);
    check(MatrixNormal::new([2, 3]), normal, [false, false]);
}

#[bayesian]
struct Network<M: Layer<Scalar = f32>> {
    hidden: Vec<M>,
    pair: (Option<M>, [Dense; 2]),
    learned: Point,
    saved: Buffer,
    #[skip]
    width: usize,
}

fn network<M: Layer<Scalar = f32>>(layer: impl Fn() -> M) -> Network<M> {
    Network {
        hidden: vec![layer()],
        pair: (Some(layer()), [Dense::new(3, 3), Dense::new(3, 3)]),
        learned: Point::new([3]),
        saved: Buffer(Tensor::full([3], 0.0)),
        width: 3,
    }
}

#[test]
fn a_model_allows_the_estimators_that_all_of_its_weights_allow() {
    assert_eq!(allowed(&network(|| Dense::new(3, 3))), [true, true]);
    assert_eq!(allowed(&network(|| Dense::of(3, 3, Radial::new, Normal(0.0, 1.0)))), [false, true]);
    assert_eq!(allowed(&network(|| Dense::of(3, 3, FullCovariance::new, Normal(0.0, 1.0)))), [false, false]);
    let model = network(|| Dense::new(3, 3));
    assert_eq!((model.width, model.saved.0.len()), (3, 3));
}

/// The posterior of a prior's scale is not used in a linear map, so it does not restrict the estimators.
#[test]
fn the_posterior_of_a_priors_scale_does_not_restrict_the_estimators() {
    let scale = HierarchicalNormal(LogNormal::<f32>::new([]), MonteCarlo(HalfCauchy(1.0)));
    let model = One { weight: MeanField::new([2, 3]), prior: scale };
    assert_eq!(allowed(&model), [true, true]);
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(1)).estimator(Flipout));
    assert!(net.kl().nats().is_finite());
}

/// A function for any model that is compatible with local reparameterisation.
fn outputs<M: Layer<Scalar = f32>>(model: &M, x: &Tensor) -> Vec<f32>
where
    Local: CompatibleWith<M>,
{
    let tape = Tape::new();
    model.draw(&tape, Drawing::new(Key::new(3)).estimator(Local)).forward(tape.input(x)).value().to_vec()
}

#[test]
fn a_type_and_a_value_draw_the_same() {
    let layer = Dense::new(3, 2);
    let x = Tensor::from_fn([4, 3], |i| (i as f64).sin());
    let tape = Tape::new();
    let by_value = |estimator: Estimator| {
        layer.draw(&tape, Drawing::new(Key::new(3)).estimator(estimator)).forward(tape.input(&x)).value()
    };
    assert_eq!(outputs(&layer, &x), by_value(Estimator::Local));
    let flipped = layer.draw(&tape, Drawing::new(Key::new(3)).estimator(Flipout)).forward(tape.input(&x));
    assert_eq!(flipped.value(), by_value(Estimator::Flipout));
    let sampled = layer.draw(&tape, Drawing::new(Key::new(3)).estimator(Sample)).forward(tape.input(&x));
    assert_eq!(sampled.value(), by_value(Estimator::Sample));
    assert_ne!(flipped.value(), sampled.value());
}

/// By name, a weight may use an estimator that its family supports, beside weights with another.
#[test]
fn estimators_by_name_allow_what_types_would_refuse() {
    let model = network(|| Dense::of(3, 3, FullCovariance::new, Normal(0.0, 1.0)));
    let estimators =
        Estimators::all(Estimator::Local).set("hidden", Estimator::Sample).set("pair.0", Estimator::Sample);
    let tape = Tape::new();
    let net = model.draw(&tape, Drawing::new(Key::new(1)).estimator(Estimator::Local).estimators(&estimators));
    let x = tape.constant([2, 3], |i| i as f32);
    let y = net.pair.1[0].forward(net.hidden[0].forward(x));
    assert!(y.value().iter().all(|y| y.is_finite()));
}
