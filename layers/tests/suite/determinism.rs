//! Training is deterministic: the same bits for any number of threads, for equal seeds, and in two calls.

use crate::common::{Classifier, classifier, examples};
use elbo::prelude::*;
use elbo::{Schedule, Sgd, TrainError};
use rayon::prelude::*;

fn train(threads: usize, width: usize, rows: usize, batch: usize, epochs: usize) -> (Vec<u32>, Vec<u64>) {
    let (x, labels) = examples(rows, 40, 4);
    let data = Examples::new(x, labels).unwrap();
    let mut model: Classifier = classifier(40, width, 4);
    let mut elbo = Elbo::new(Categorical).seed(7).batch_size(batch).threads(threads).quiet();
    elbo.fit(&mut model, &data, Epochs(epochs)).unwrap();
    let mut bits = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| bits.extend(tensor.data().iter().map(|x| x.to_bits())));
    let predict = || model.predict(&Categorical, data.inputs(), Draws(9));
    let probabilities = elbo::with_threads(threads, predict);
    (bits, probabilities.mean().iter().map(|p| p.to_bits()).collect())
}

#[test]
fn same_bits_for_any_thread_count() {
    // 100 steps each: a net that runs on one thread, and one whose draws, products and updates are split.
    for (width, rows, batch, epochs) in [(16, 100, 20, 20), (500, 160, 80, 50)] {
        let alone = train(1, width, rows, batch, epochs);
        for threads in [2, 3] {
            assert!(train(threads, width, rows, batch, epochs) == alone, "width {width}, {threads} threads");
        }
    }
}

#[test]
fn training_in_two_calls_equals_training_in_one() {
    let (x, labels) = examples(50, 6, 3);
    let data = Examples::new(x, labels).unwrap();
    let bits = |calls: &[usize]| {
        let mut model = classifier(6, 8, 3);
        // A chosen schedule spans one call.
        let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(1e-3)).batch_size(16).seed(1).threads(1).quiet();
        for &epochs in calls {
            elbo.fit(&mut model, &data, Epochs(epochs)).unwrap();
        }
        model.head.weight.mean.data().to_vec()
    };
    assert_eq!(bits(&[6]), bits(&[2, 4]));
}

/// Three layers of one shape, of several families and kinds.
#[bayesian]
struct Layers {
    first: Dense,
    second: Dense,
    low_rank: Dense<LowRank>,
    certain: Dense<Point>,
    head: Dense,
}

#[bayesian]
impl Layers {
    fn forward(&self, x: Var) -> Var {
        let x = self.second.forward(self.first.forward(x).tanh()).tanh();
        self.head.forward(self.certain.forward(self.low_rank.forward(x)).tanh())
    }
}

fn layers() -> Layers {
    let prior = || Normal(0.0, 1.0);
    Layers {
        first: Dense::new(4, 4).initial_sd(0.1),
        second: Dense::new(4, 4),
        low_rank: Dense::of(4, 4, |shape| LowRank::new(shape, 1), prior()),
        certain: Dense::of(4, 4, Point::new, prior()),
        head: Dense::new(4, 2),
    }
}

fn data() -> Examples<f32, Vec<usize>> {
    let (x, labels) = examples(20, 4, 2);
    Examples::new(x, labels).unwrap()
}

fn bits(model: &Layers) -> Vec<Vec<u32>> {
    let mut all = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| all.push(tensor.data().iter().map(|x| x.to_bits()).collect()));
    all
}

fn elbo(seed: u64) -> Elbo<Categorical> {
    Elbo::new(Categorical).seed(seed).batch_size(8).threads(1).quiet()
}

/// The parameters after a fit.
fn fitted(mut model: Layers, seed: u64) -> Vec<Vec<u32>> {
    elbo(seed).fit(&mut model, &data(), Epochs(2)).unwrap();
    bits(&model)
}

/// The parameters that the first step starts from: it has a rate of 0.
fn started(model: Layers, seed: u64) -> Layers {
    let mut model = model;
    let still = Schedule::constant().warm_up(usize::MAX);
    elbo(seed).optimizer(Adam::new(1e-3)).batch_size(20).schedule(still).fit(&mut model, &data(), Epochs(1)).unwrap();
    model
}

#[test]
fn equal_models_and_seeds_train_alike_wherever_the_models_were_made() {
    let expected = fitted(layers(), 7);
    let _others: Vec<Dense> = (0..3).map(|_| Dense::new(4, 4)).collect();
    assert!(fitted(layers(), 7) == expected);
    let spawn = |name: &str| std::thread::Builder::new().name(name.to_owned()).spawn(layers).unwrap().join().unwrap();
    assert!(fitted(spawn("a"), 7) == expected && fitted(spawn("b"), 7) == expected);
    for threads in [1, 3] {
        assert!(fitted(elbo::with_threads(threads, layers), 7) == expected);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    let many = || (0..24).into_par_iter().map(|_| fitted(layers(), 7)).filter(|found| *found == expected).count();
    assert_eq!(pool.install(many), 24);
    assert!(fitted(layers(), 8) != expected);
}

#[test]
fn the_seed_draws_the_initial_means() {
    let (first, again, other) = (started(layers(), 1), started(layers(), 1), started(layers(), 2));
    assert_eq!(bits(&first), bits(&again));
    let mut by_hand = layers();
    by_hand.initialise(Key::new(1));
    assert_eq!(bits(&first), bits(&by_hand));
    let differ: Vec<bool> = bits(&first).iter().zip(&bits(&other)).map(|(a, b)| a != b).collect();
    // The means of the weights, the loadings, and the deterministic weight. Biases start at zero, scales at their
    // initial value.
    let (mut names, mut random) = (Vec::new(), Vec::new());
    first.visit(&elbo::Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
    random.extend(
        names
            .iter()
            .map(|name| name.ends_with("weight.mean") || name.ends_with("loadings") || name == "certain.weight"),
    );
    assert_eq!(differ, random, "{names:?}");
    // Layers of equal shape start with different values.
    assert_ne!(first.first.weight.mean, first.second.weight.mean);
    assert_ne!(first.second.weight.mean, first.certain.weight.0);
}

#[test]
fn parameters_that_differ_from_their_constructors_values_are_kept() {
    let mut model = layers();
    model.first.weight.mean.data_mut()[3] = 0.5;
    model.certain.weight.0.data_mut().fill(0.25);
    let (set, certain) = (model.first.weight.mean.clone(), model.certain.weight.0.clone());
    let model = started(model, 1);
    assert_eq!((&model.first.weight.mean, &model.certain.weight.0), (&set, &certain));
    assert_eq!(model.second.weight.mean, started(layers(), 1).second.weight.mean);

    let mut initialised = layers();
    initialised.initialise(Key::new(5));
    let before = bits(&initialised);
    assert_eq!(bits(&started(initialised, 1)), before);

    // Trained parameters are not drawn again, whatever the seed.
    let trained = started(layers(), 1);
    let before = bits(&trained);
    assert_eq!(bits(&started(trained, 2)), before);
}

#[test]
fn a_model_in_double_precision_is_initialised_by_the_seed_too() {
    let x = Tensor::<f64>::from_fn([8, 3], |i| (i as f64).sin());
    let data = Examples::new(x, vec![0, 1, 0, 1, 0, 1, 0, 1]).unwrap();
    let means = |seed| {
        let mut model = [(); 2].map(|()| Dense::of(3, 3, MeanField::<f64>::new, Normal(0.0, 1.0)));
        let mut elbo = Elbo::new(Categorical).seed(seed).schedule(Schedule::constant().warm_up(9)).quiet();
        elbo.fit_with(&mut model, &data, Epochs(1), |net, x| net[1].forward(net[0].forward(x))).unwrap();
        model.map(|layer| layer.weight.mean)
    };
    assert_eq!(means(1), means(1));
    assert!(means(1)[0] != means(2)[0] && means(1)[0] != means(1)[1]);
}

#[test]
fn a_fit_without_a_completed_step_leaves_the_model_unchanged() {
    let came = bits(&layers());
    let mut model = layers();
    // No epochs; an invalid option; a forward that panics; a loss and a gradient that are not finite.
    assert!(elbo(1).fit(&mut model, &data(), Epochs(0)).is_ok());
    assert_eq!(bits(&model), came);
    let short = elbo(1).schedule(Schedule::cosine(1)).fit(&mut model, &data(), Epochs(1));
    assert!(short.is_err() && bits(&model) == came);
    let narrow =
        elbo(1).batch_size(19).fit_with(&mut model, &data(), Epochs(1), |net, x| net.forward(x.reshape([19, 4])));
    assert!(narrow.is_err() && bits(&model) == came);
    let nan = elbo(1).fit_with(&mut model, &data(), Epochs(1), |net, x| net.forward(x) * f64::NAN);
    assert!(matches!(nan, Err(TrainError::NonFinite { step: 0, .. })) && bits(&model) == came, "{nan:?}");
    let slope = elbo(1).fit_with(&mut model, &data(), Epochs(1), |net, x| {
        let y = net.forward(x);
        // The derivatives ∞ and −∞ of the root.
        y + (y - y).sqrt()
    });
    assert!(matches!(slope, Err(TrainError::NonFinite { step: 0, .. })) && bits(&model) == came, "{slope:?}");
    // A first step that is undone.
    let far = elbo(1).optimizer(Sgd::new(1e38)).fit(&mut model, &data(), Epochs(1));
    assert!(matches!(far, Err(TrainError::NonFinite { step: 1, .. })) && bits(&model) == came, "{far:?}");
    let far = elbo(1).batch_size(20).optimizer(Sgd::new(1e38)).fit(&mut model, &data(), Epochs(1));
    assert!(matches!(far, Err(TrainError::NonFinite { step: 0, .. })) && bits(&model) == came, "{far:?}");
}
