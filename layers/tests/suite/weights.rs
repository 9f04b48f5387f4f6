//! `Weights` and `LogJoint`: gradients with respect to weights of every family, unconstrained space, files, densities.

use elbo::engine::gradcheck;
use elbo::nn::Dense;
use elbo::prelude::*;
use elbo::{LogJoint, Shape, Space, WeightsError, with_threads};

/// Two layers of one family.
#[bayesian]
struct Two<Q: Divergence<P, Scalar = f64> + Send + Sync, P: PriorFor<f64>> {
    hidden: Dense<Q, P>,
    head: Dense<Q, P>,
    offset: Point<f64>,
}

#[bayesian]
impl<Q: Divergence<P, Scalar = f64> + Send + Sync, P: PriorFor<f64>> Two<Q, P> {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.head.forward(self.hidden.forward(x).tanh()) + self.offset
    }
}

fn two<Q, P>(family: impl Fn(Shape) -> Q, prior: P) -> Two<Q, P>
where
    Q: Divergence<P, Scalar = f64> + Send + Sync,
    P: PriorFor<f64> + Clone,
{
    let mut model = Two {
        hidden: Dense::of(3, 4, &family, prior.clone()),
        head: Dense::of(4, 2, &family, prior),
        offset: Point::new([2]),
    };
    model.initialise(Key::new(3));
    model
}

/// The log joint density of the weights and some data; for unconstrained values, with the Jacobian.
fn log_joint<'t, M>(model: &'t M, weights: &'t Weights<f64>, tape: &'t Tape<f64>, x: &'t Tensor<f64>) -> Var<'t, f64>
where
    M: Layer + Bayesian + Parameters<Scalar = f64>,
{
    const EXAMPLES: f64 = 5.0;
    let labels = tape.alloc_slice(EXAMPLES as usize, |i| i % 2);
    let net = model.at(tape, weights);
    let nll = Categorical.nll(net.forward(tape.input(x)), labels).var();
    let density = net.log_prior().var().unwrap() - nll * EXAMPLES;
    match net.log_jacobian() {
        Some(log_jacobian) => density + log_jacobian,
        None => density,
    }
}

/// Compares gradients with respect to the weights with central differences.
fn check<Q, P>(what: &str, family: impl Fn(Shape) -> Q, prior: P)
where
    Q: Divergence<P, Scalar = f64> + Send + Sync,
    P: PriorFor<f64> + Clone,
    Two<Q, P>: Layer + Bayesian + Parameters<Scalar = f64>,
{
    // Leaked, because the checked function needs them for any tape's lifetime.
    let model: &'static Two<Q, P> = Box::leak(Box::new(two(family, prior)));
    let x: &'static Tensor<f64> = Box::leak(Box::new(Tensor::from_fn([5, 3], |i| (0.7 * i as f64 + 0.3).sin())));
    let given = if what == "SpikeAndSlab" { model.mean_weights() } else { model.draw_weights(Key::new(1)) };
    for mut weights in [given.clone(), given.unconstrained().unwrap()] {
        let report = gradcheck(&mut weights, |tape, weights| log_joint(model, weights, tape, x));
        let learned = weights.names().len();
        assert!(report.comparisons().len() >= learned, "{what}: {} comparisons", report.comparisons().len());
        report.assert_within(1e-7);
    }
}

#[test]
fn gradients_reach_the_weights_of_every_family() {
    let normal = || Normal(0.1, 1.3);
    check("MeanField", |shape: Shape| MeanField::new(shape), normal());
    check("MeanFieldLaplace", |shape: Shape| MeanFieldLaplace::new(shape), MonteCarlo(normal()));
    check("MeanFieldCauchy", |shape: Shape| MeanFieldCauchy::new(shape), MonteCarlo(normal()));
    check("LowRank", |shape: Shape| LowRank::new(shape, 2), normal());
    check("FullCovariance", |shape: Shape| FullCovariance::new(shape), normal());
    check("Radial", |shape: Shape| Radial::new(shape), normal());
    check("SpikeAndSlab", |shape: Shape| SpikeAndSlab::new(shape), SpikeAndSlabPrior(0.5, 1.3));
    check("MatrixNormal", |shape: Shape| MatrixNormal::new(shape), normal());
    check("Point", |shape: Shape| Point::new(shape), normal());
    check("LogNormal", |shape: Shape| LogNormal::new(shape), LogNormalPrior(0.2, 0.8));
    check("LogNormal under a half-normal", |shape: Shape| LogNormal::new(shape), HalfNormal(1.5));
}

#[test]
fn gradients_reach_a_random_scale() {
    let sd = || LogNormal::with_log_moments(Tensor::full([], -0.5), &Tensor::full([], 0.1));
    let prior = HierarchicalNormal(sd(), MonteCarlo(HalfCauchy(1.0)));
    check("hierarchical", |shape: Shape| MeanField::new(shape), prior);
    check("learned", |shape: Shape| MeanField::new(shape), LearnedNormal::<f64>(0.7));
}

#[test]
fn a_model_at_a_draw_s_weights_gives_the_draw_s_outputs() {
    let model = two(|shape: Shape| LogNormal::new(shape), LogNormalPrior(0.0, 1.0));
    let x = Tensor::from_fn([5, 3], |i| (0.7 * i as f64 + 0.3).sin());
    let weights = model.draw_weights(Key::new(7));
    let tape = Tape::new();
    let drawn = model.draw(&tape, Key::new(7)).forward(tape.input(&x));
    assert_eq!(model.at(&tape, &weights).forward(tape.input(&x)).value(), drawn.value());
    let unconstrained = weights.unconstrained().unwrap();
    let near = model.at(&tape, &unconstrained).forward(tape.input(&x));
    assert!(near.value().iter().zip(drawn.value()).all(|(a, b)| (a - b).abs() < 1e-12 * b.abs().max(1.0)));
}

#[test]
fn the_jacobian_is_that_of_the_exponential() {
    let model = two(|shape: Shape| LogNormal::new(shape), LogNormalPrior(0.0, 1.0));
    let weights = model.draw_weights(Key::new(2));
    let expected: f64 = weights.flat().iter().map(|w| w.ln()).sum();
    let (unconstrained, tape) = (weights.unconstrained().unwrap(), Tape::new());
    assert!(model.at(&tape, &weights).log_jacobian().is_none());
    let found = model.at(&tape, &unconstrained).log_jacobian().unwrap().item();
    assert!((found - expected).abs() < 1e-12 * expected.abs(), "{found} {expected}");
    let back = unconstrained.constrained();
    assert!(back.flat().iter().zip(weights.flat()).all(|(a, b)| (a / b - 1.0).abs() < 1e-14));
    let normal = two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0)).mean_weights();
    assert_eq!(normal.unconstrained().unwrap().flat(), normal.flat());
}

#[test]
fn a_negative_weight_of_a_positive_family_is_refused() {
    let mut weights = two(|shape: Shape| LogNormal::new(shape), LogNormalPrior(0.0, 1.0)).mean_weights();
    weights.get_mut("head.bias").unwrap()[1] = -0.5;
    let error = weights.unconstrained().unwrap_err();
    let text = "element 1 (from 0) of the weight `head.bias` is -0.5, but its posterior family needs positive, finite \
                numbers";
    assert_eq!((error.to_string(), format!("{error:?}")), (text.to_owned(), text.to_owned()));
    assert!(matches!(error, WeightsError::Space { element: 1, space: Space::Positive, .. }));
}

#[test]
fn a_flat_slice_sets_all_weights_or_none() {
    let model = two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0));
    let mut weights = model.mean_weights();
    assert_eq!(weights.names().collect::<Vec<_>>(), ["hidden.weight", "hidden.bias", "head.weight", "head.bias"]);
    assert_eq!((weights.len(), weights.flat().len(), weights.is_empty()), (26, 26, false));
    let before = weights.clone();
    let error = weights.set_flat(&[1.0; 25]).unwrap_err();
    assert_eq!(error.to_string(), "these weights have 26 elements, but the slice has 25");
    assert_eq!(weights, before);
    let flat: Vec<f64> = (0..26).map(f64::from).collect();
    weights.set_flat(&flat).unwrap();
    assert_eq!(weights.flat(), flat);
    assert_eq!(weights.get("hidden.bias").unwrap(), &flat[12..16]);
    assert!(weights.get("offset").is_none() && weights.get("hidden").is_none());
}

#[cfg(feature = "files")]
#[test]
fn weights_are_written_and_read_by_name() {
    let model = two(|shape: Shape| LogNormal::new(shape), LogNormalPrior(0.0, 1.0));
    let file = std::env::temp_dir().join(format!("weights-of-a-test-{}.safetensors", std::process::id()));
    let (written, mut read) = (model.draw_weights(Key::new(5)), model.mean_weights());
    written.write(&file).unwrap();
    assert_ne!(read, written);
    read.read(&file).unwrap();
    assert_eq!(read, written);
    // Unconstrained values are written as the weights that they map to.
    let mut unconstrained = read.unconstrained().unwrap();
    unconstrained.read(&file).unwrap();
    assert!(unconstrained.is_unconstrained() && unconstrained == written.unconstrained().unwrap());

    let before = read.clone();
    let other = two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0)).head;
    let mut of_head = other.mean_weights();
    let error = of_head.read(&file).unwrap_err().to_string();
    assert_eq!(error, "the file has a tensor `head.bias`, but the model has no random weight of that name");
    of_head.write(&file).unwrap();
    let error = read.read(&file).unwrap_err().to_string();
    assert!(error.contains("but the model has no random weight of that name"), "{error}");
    assert_eq!(read, before);
    std::fs::remove_file(&file).unwrap();
    assert!(format!("{:?}", read.read(&file).unwrap_err()).contains("weights-of-a-test"));
}

#[test]
fn an_optimiser_moves_weights_to_the_largest_joint_density() {
    let model = two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0));
    let x = Tensor::from_fn([5, 3], |i| (0.7 * i as f64 + 0.3).sin());
    let mut weights = model.mean_weights();
    let (mut gradients, mut adam, mut tape) = (Gradients::of(&weights), Adam::new(0.05), Tape::new());
    let mut seen = Vec::new();
    for _ in 0..1500 {
        tape.reset();
        let loss = -log_joint(&model, &weights, &tape, &x);
        seen.push(loss.item());
        loss.backward(&mut gradients);
        adam.step(&mut weights, &mut gradients);
    }
    assert!(seen[1499] < seen[0], "{} {}", seen[0], seen[1499]);
    tape.reset();
    (-log_joint(&model, &weights, &tape, &x)).backward(&mut gradients);
    assert!(gradients.norm() < 1e-3, "{}", gradients.norm());
}

#[test]
#[should_panic(expected = "at: the weights are of another model: they do not contain `hidden.weight`")]
fn weights_of_another_model_are_refused_by_name() {
    let model = two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0));
    let (tape, weights) = (Tape::new(), model.head.mean_weights());
    model.at(&tape, &weights);
}

#[test]
#[should_panic(expected = "`weight` has the shape [2, 4] in the weights, and [2, 3] in the model")]
fn weights_of_another_shape_are_refused() {
    let (tape, weights) = (Tape::new(), Dense::<MeanField>::new(4, 2).mean_weights());
    Dense::<MeanField>::new(3, 2).at(&tape, &weights);
}

#[test]
#[should_panic(expected = "at: the weights are of another model: 2 tensors for 1 random weights")]
fn weights_of_a_larger_model_are_refused() {
    #[bayesian]
    struct Smaller {
        #[prior(Normal(0.0, 1.0))]
        weight: MeanField,
    }
    let (tape, weights) = (Tape::new(), Dense::<MeanField>::new(3, 2).mean_weights());
    Smaller { weight: MeanField::new([2, 3]) }.at(&tape, &weights);
}

fn examples(rows: usize) -> Examples<f64> {
    let x = Tensor::from_fn([rows, 3], |i| (0.7 * i as f64 + 0.3).sin());
    Examples::new(x, (0..rows).map(|i| i % 2).collect()).unwrap()
}

#[test]
fn the_log_joint_density_is_that_of_one_tape_on_any_number_of_threads() {
    let model = two(|shape: Shape| LogNormal::new(shape), LogNormalPrior(0.2, 0.8));
    let drawn = model.draw_weights(Key::new(4));
    for weights in [drawn.clone(), drawn.unconstrained().unwrap()] {
        // One part, several, and more than fit on a tape at a time.
        for rows in [1, 5, 37, 9000] {
            let data = examples(rows);
            let density = LogJoint::new(&model, &Categorical, &data);
            let run = || {
                let mut gradient = vec![0.0; weights.len()];
                let value = density.gradient(&weights, &mut gradient);
                assert_eq!(value.to_bits(), density.value(&weights).to_bits());
                (value, gradient)
            };
            let (value, gradient) = with_threads(1, run);
            assert_eq!(with_threads(2, run), (value, gradient.clone()));
            assert_eq!(with_threads(3, run), (value, gradient.clone()));

            let (tape, mut whole) = (Tape::new(), Gradients::of(&weights));
            let net = model.at(&tape, &weights);
            let nll = Categorical.nll(net.forward(tape.input(data.inputs())), data.targets()).var();
            let terms = [Some(nll * -(rows as f64)), net.log_prior().var(), net.log_jacobian()];
            let roots: Vec<_> = terms.into_iter().flatten().map(|term| (term, 1.0)).collect();
            tape.backward(&roots, &mut whole);
            let expected: f64 = roots.iter().map(|(term, _)| term.item()).sum();
            assert!((value / expected - 1.0).abs() < 1e-12, "{rows} rows: {value} {expected}");
            let expected: Vec<f64> = whole.iter().flat_map(|(.., gradient)| gradient).copied().collect();
            let largest = expected.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
            assert_eq!(gradient.len(), expected.len());
            for (g, expected) in gradient.iter().zip(&expected) {
                assert!((g - expected).abs() < 1e-12 * largest, "{rows} rows: {g} {expected}");
            }
        }
    }
}

#[test]
fn batches_of_equal_size_have_the_density_of_all_data_as_their_mean() {
    let (model, data) = (two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0)), examples(60));
    let (density, weights) = (LogJoint::new(&model, &Categorical, &data), model.draw_weights(Key::new(4)));
    let mut all = vec![0.0; weights.len()];
    let value = density.gradient(&weights, &mut all);
    let (mut sum, mut mean) = (0.0, vec![0.0; weights.len()]);
    let rows: Vec<usize> = (0..60).map(|i| 7 * i % 60).collect();
    for rows in rows.chunks(12) {
        let mut part = vec![f64::NAN; weights.len()];
        sum += density.batch(&weights, rows, &mut part) / 5.0;
        mean.iter_mut().zip(part).for_each(|(mean, part)| *mean += part / 5.0);
    }
    assert!((sum / value - 1.0).abs() < 1e-13, "{sum} {value}");
    assert!(mean.iter().zip(&all).all(|(a, b)| (a - b).abs() < 1e-12), "{mean:?} {all:?}");
}

#[test]
fn the_terms_have_names_and_add_up() {
    let sd = LogNormal::with_log_moments(Tensor::full([], -0.5), &Tensor::full([], 0.1));
    let prior = HierarchicalNormal(sd, MonteCarlo(HalfCauchy(1.0)));
    let (model, data) = (two(|shape: Shape| MeanField::new(shape), prior), examples(20));
    let density = LogJoint::new(&model, &Categorical, &data);
    let weights = model.draw_weights(Key::new(4)).unconstrained().unwrap();
    let terms = density.terms(&weights);
    let names: Vec<_> = terms.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("likelihood", "jacobian"));
    assert_eq!(names[1..names.len() - 1], weights.names().collect::<Vec<_>>());
    let sum: f64 = terms.iter().map(|(_, nats)| nats).sum();
    assert!((sum - density.value(&weights)).abs() < 1e-10);
}

#[test]
#[should_panic(expected = "LogJoint: `gradient` has 3 elements, but the weights have 26")]
fn a_gradient_of_another_length_is_refused() {
    let (model, data) = (two(|shape: Shape| MeanField::new(shape), Normal(0.0, 1.0)), examples(4));
    LogJoint::new(&model, &Categorical, &data).gradient(&model.mean_weights(), &mut [0.0; 3]);
}
