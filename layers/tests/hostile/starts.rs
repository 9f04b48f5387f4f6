//! Initialisation: it depends only on the key, and training can start from it.

use elbo::data::Examples;
use elbo::nn::*;
use elbo::prelude::*;
use elbo::{Path, Role};

use super::One;

/// The bits of all parameters.
fn bits<M: Bayesian>(model: &M) -> Vec<(String, Role, Vec<u64>)> {
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |path, role, tensor| {
        all.push((path.to_string(), role, tensor.data().iter().map(|x| x.to_f64().to_bits()).collect()));
    });
    all
}

/// Checks that equal models initialised from the same key are equal, and that other keys give other parameters.
fn check<M: Bayesian>(what: &str, make: impl Fn() -> M, is_random: bool) {
    let from = |seed: u64| {
        let mut model = make();
        model.initialise(Key::new(seed));
        bits(&model)
    };
    let (first, second, other) = (from(1), from(1), from(2));
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(a, b, "{what}");
    }
    assert_eq!(first != other, is_random, "{what}: dependence on the key");
}

macro_rules! families {
    ($($family:expr),* $(,)?) => {$(
        for shape in [&[3, 2][..], &[2, 1, 3], &[1, 1], &[4]] {
            let family = $family;
            let make = || One { weight: family(shape), prior: MonteCarlo(Normal(0.0, 1.0)) };
            let what = format!("{} of shape {shape:?}", stringify!($family));
            // Means of vectors start at zero; only other parameters, such as loadings, are random.
            check(&what, make, shape.len() > 1 || stringify!($family).contains("LowRank"));
        }
    )*};
}

#[test]
fn initialisation_of_every_family_depends_only_on_the_key() {
    families!(
        MeanField::<f32>::new,
        |shape: &[usize]| LowRank::<f32>::new(shape, 1),
        FullCovariance::<f32>::new,
        MatrixNormal::<f32>::new,
        LogNormal::<f32>::new,
        Radial::<f32>::new,
        MeanFieldLaplace::<f32>::new,
        MeanFieldCauchy::<f32>::new,
        Point::<f32>::new,
    );
    check(
        "SpikeAndSlab",
        || One { weight: SpikeAndSlab::<f32>::new([3, 2]), prior: SpikeAndSlabPrior(0.5, 1.0) },
        true,
    );
}

#[test]
fn initialisation_of_every_layer_depends_only_on_the_key() {
    let prior = || Normal(0.0, 1.0);
    check("Dense", || Dense::new(3, 2), true);
    check("Dense of points", || Dense::of(3, 2, Point::<f32>::new, prior()), true);
    check("Dense of low rank", || Dense::of(3, 2, |shape| LowRank::<f32>::new(shape, 2), prior()), true);
    check("Conv1d", || Conv1d::new(2, 3, [2]), true);
    check("Conv2d of points", || Conv2d::of(2, 3, [2, 2], |shape| Point::<f32>::new(shape), prior()), true);
    check("Conv3d of low rank", || Conv3d::of(1, 2, [2; 3], |shape| LowRank::<f32>::new(shape, 1), prior()), true);
    check("Embedding", || Embedding::new(5, 3), true);
    check("Embedding of points", || Embedding::of(5, 3, Point::<f32>::new, prior()), true);
    check("Lstm", || Lstm::new(2, 3), true);
    check("Gru of points", || Gru::of(2, 3, Point::<f32>::new, prior()), true);
    check("Rnn of low rank", || Rnn::of(2, 3, |shape| LowRank::<f32>::new(shape, 1), prior()), true);
    check("GroupNorm", || GroupNorm::<f32>::new(2, 4), false);
    check("LayerNorm", || LayerNorm::<f32>::new([4, 5]), false);
    check("BatchNorm", || BatchNorm::<f32>::new(4), false);
    check("MaxPool", || MaxPool2d::<f32>::new([2, 2]), false);
    check("AvgPool", || AvgPool1d::<f32>::new([2]), false);
    check("Buffer", || Buffer(Tensor::<f32>::full([2, 2], 3.0)), false);
    check("LearnedNormal", || Dense::of(3, 2, MeanField::<f32>::new, LearnedNormal(0.5)), true);
    let hierarchical = || HierarchicalNormal(LogNormal::<f32>::new([1, 1]), MonteCarlo(HalfCauchy(1.0)));
    check("HierarchicalNormal", || Dense::of(3, 2, MeanField::<f32>::new, hierarchical()), true);
    check("containers", || (vec![Dense::new(2, 2)], Some(Box::new([Dense::of(2, 2, Point::new, prior())]))), true);
}

/// Deterministic parameters with chosen values, such as scales and shifts, are kept.
#[test]
fn chosen_deterministic_weights_are_kept() {
    let mut norm = LayerNorm::<f32>::new([4, 5]);
    norm.initialise(Key::new(1));
    assert_eq!((norm.weight.0.data(), norm.bias.0.data()), (&[1.0; 20][..], &[0.0; 20][..]));
    for chosen in [Tensor::full([2, 1, 1], 0.25), Tensor::new([3], [0.5, 1.0, 2.0]), Tensor::full([1, 1], 1.0)] {
        let mut point: Point = Point(chosen.clone());
        point.initialise(Key::new(1));
        assert_eq!(point.0, chosen);
    }
}

/// A layer of deterministic weights trains from its initial biases of zero under every prior with a pole there.
#[test]
fn deterministic_weights_train_from_zero_under_a_prior_with_a_pole_there() {
    fn trains<T: Real, P: PriorFor<T>>(prior: P)
    where
        Point<T>: Divergence<P, Scalar = T>,
    {
        let what = std::any::type_name::<(T, P)>();
        let data = Examples::new(Tensor::<T>::from_fn([40, 3], |i| (i as f64).sin()), vec![1; 40]).unwrap();
        let mut model = Dense::of(3, 2, Point::<T>::new, prior);
        assert!(model.bias.0.data().iter().all(|&bias| bias == T::ZERO));
        let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).batch_size(10).quiet();
        let report = elbo.fit(&mut model, &data, Epochs(3)).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(report.epochs.iter().all(|epoch| epoch.elbo.is_finite()), "{what}");
        assert!(model.bias.0.data().iter().all(|&bias| bias != T::ZERO && bias.is_finite()), "{what}: nothing learned");
    }
    fn both<T: Real>() {
        trains::<T, _>(Horseshoe(0.1));
        trains::<T, _>(LogUniform);
        trains::<T, _>(MonteCarlo(Horseshoe(1.0)));
        trains::<T, _>(MonteCarlo(LogUniform));
        trains::<T, _>(MonteCarlo(SpikeAndSlabPrior(0.5, 1.0)));
        trains::<T, _>(LaplacePrior(0.0, 1.0));
        trains::<T, _>(Cauchy(0.0, 1.0));
    }
    both::<f32>();
    both::<f64>();
}

/// The log-density at a pole is that of the smallest positive number, the largest of all weights, and its slope is
/// zero.
#[test]
fn the_density_at_a_pole_is_that_of_the_smallest_positive_number() {
    fn check<P: Prior + Copy>(prior: P) {
        let at = |w: f64| {
            let w = Tensor::<f64>::new([1], [w]);
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&w));
            let density = prior.log_density(tape.param(&w));
            density.backward(&mut gradients);
            (density.item(), gradients.get("").unwrap()[0])
        };
        let (pole, slope) = at(0.0);
        assert!(pole.is_finite() && slope == 0.0, "{pole} {slope}");
        for w in [f64::MIN_POSITIVE, 1e-300, 1e-20, -1e-20, 1.0] {
            assert!(at(w).0 <= pole, "{w}: {} above {pole}", at(w).0);
        }
    }
    check(Horseshoe(1.0));
    check(Horseshoe(1e-3));
    check(LogUniform);
}
