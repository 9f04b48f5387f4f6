//! Prediction with every kind of `Samples`: the posterior, kept draws, weights from elsewhere, sampled outputs.

use crate::common::{assert_near, classifier, examples};
use elbo::metrics::Mixture;
use elbo::prelude::*;
use elbo::{KeptDraws, LogLikelihood, SampledOutputs, Samples};

fn inputs(rows: usize) -> Tensor {
    examples(rows, 4, 2).0
}

/// Predictions of any samples.
fn probabilities<S: Samples<Model: elbo::Layer<Scalar = f32>>>(samples: &S, x: &Tensor) -> Vec<f64> {
    samples.predict(&Categorical, x).mean().to_vec()
}

#[test]
fn equal_weights_predict_alike_wherever_they_come_from() {
    let (model, x) = (classifier(4, 6, 2), inputs(700));
    let posterior = probabilities(&model.posterior(Draws(5).seed(3)), &x);
    assert_eq!(model.predict(&Categorical, &x, Draws(5).seed(3)).mean(), posterior);
    let kept = KeptDraws::new(&model, Draws(5).seed(3));
    assert_eq!(probabilities(&kept, &x), posterior);
    let elsewhere = KeptDraws::of(&model, kept.weights().to_vec()).unwrap();
    assert_eq!(probabilities(&elsewhere, &x), posterior);
}

#[test]
fn weights_of_another_model_are_refused() {
    let model = classifier(4, 6, 2);
    let others = vec![model.mean_weights(), classifier(4, 5, 2).mean_weights()];
    let mistake = KeptDraws::of(&model, others).unwrap_err().to_string();
    assert!(mistake.starts_with("set 1 (from 0) of the weights is of another model: `"), "{mistake}");
    let mistake = KeptDraws::of(&model, vec![Dense::new(4, 6).mean_weights()]).unwrap_err().to_string();
    assert!(mistake.contains("2 tensors for 6 random weights"), "{mistake}");
    let mut unfit = model.mean_weights();
    unfit.get_mut("head.bias").unwrap()[1] = f32::NAN;
    let mistake = KeptDraws::of(&model, vec![unfit]).unwrap_err().to_string();
    assert!(mistake.contains("element 1 (from 0) of `head.bias` is NaN"), "{mistake}");
    assert!(KeptDraws::of(&model, vec![]).unwrap_err().to_string().contains("no weights"));
}

#[bayesian]
struct Curve {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Curve {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}

#[test]
fn sampled_outputs_have_the_posterior_s_predictive() {
    let mut model = Curve { hidden: Dense::new(3, 8).initial_sd(0.4), head: Dense::new(8, 2).initial_sd(0.3) };
    model.initialise(Key::new(4));
    let x = Tensor::from_fn([3, 3], |i| (i as f64 * 1.3).sin());
    let draws = 100_000;
    let weights = model.outputs(&x, Draws(draws));
    let sampled = SampledOutputs::new(&model, Draws(draws).seed(1)).outputs(&x);
    assert_eq!(sampled.tensor().shape(), [draws, 3, 2]);
    let root = (draws as f64).sqrt();
    // Two independent estimates: each mean has an error of sd/√n, each standard deviation one of about sd/√2n, and a little
    // more where tails are heavier than a normal's.
    for i in 0..6 {
        let ([a, b], [sd, other]) = ([weights.mean()[i], sampled.mean()[i]], [weights.sd()[i], sampled.sd()[i]]);
        assert!((a - b).abs() < 5.0 * sd * 2f64.sqrt() / root, "mean {i}: {a} {b}, sd {sd}");
        assert!((sd / other - 1.0).abs() < 5.0 * 1.5 / root, "sd {i}: {sd} {other}");
    }
    let [p, q] = [weights.under(&Categorical), sampled.under(&Categorical)];
    for (i, (p, q)) in p.mean().iter().zip(q.mean()).enumerate() {
        // A probability's standard deviation is at most ½.
        assert!((p - q).abs() < 5.0 * 0.5 * 2f64.sqrt() / root, "probability {i}: {p} {q}");
    }
    // The whole distribution of an output, by its quantiles.
    let sorted = |outputs: &elbo::Outputs| {
        let mut of: Vec<f32> = outputs.tensor().data().iter().copied().step_by(6).collect();
        of.sort_by(f32::total_cmp);
        of
    };
    let [a, b] = [sorted(&weights), sorted(&sampled)];
    // Kolmogorov and Smirnov: the largest difference of two empirical distribution functions, at a level of 1e-6.
    let (mut j, mut largest) = (0, 0f64);
    for (i, x) in a.iter().enumerate() {
        while j < b.len() && b[j] <= *x {
            j += 1;
        }
        largest = largest.max((i as f64 + 1.0 - j as f64).abs() / draws as f64);
    }
    assert!(largest < (0.5 * (2e6f64).ln()).sqrt() * (2.0 / draws as f64).sqrt(), "{largest}");
}

#[test]
fn sampled_outputs_of_the_first_row_do_not_depend_on_the_other_rows_or_the_threads() {
    let model = classifier(4, 6, 2);
    let samples = SampledOutputs::new(&model, Draws(70).seed(2));
    let x = inputs(40);
    let all = samples.outputs(&x);
    let first = samples.outputs(&Tensor::new([1, 4], &x.data()[..4]));
    for draw in 0..70 {
        let [of_all, of_first] = [&all, &first].map(|outputs| outputs.tensor().data());
        assert_near(&of_all[draw * 80..][..2], &of_first[draw * 2..][..2], 1e-5);
    }
    let alone = elbo::with_threads(1, || samples.outputs(&x));
    let together = elbo::with_threads(2, || samples.outputs(&x));
    assert_eq!(alone, together);
}

#[test]
fn equal_rows_have_independent_sampled_outputs() {
    let model = classifier(4, 6, 2);
    let x = Tensor::from_fn([300, 4], |i| (i % 4) as f64);
    let outputs = SampledOutputs::new(&model, Draws(64)).outputs(&x);
    let mut firsts: Vec<f32> = outputs.tensor().data()[..600].iter().copied().step_by(2).collect();
    firsts.sort_by(f32::total_cmp);
    firsts.dedup();
    // A few of 300 normals in `f32` may coincide; rows that shared their noise would coincide by hundreds.
    assert!(firsts.len() > 290, "{} of 300 rows", firsts.len());
}

#[test]
fn log_likelihoods_are_given_for_each_example_and_draw() {
    let (x, labels) = examples(300, 4, 2);
    let data = Examples::new(x, labels).unwrap();
    let model = classifier(4, 6, 2);
    let samples = model.posterior(Draws(3));
    let found: LogLikelihood = samples.log_likelihood(&Categorical, &data).unwrap();
    assert_eq!((found.draws(), found.examples()), (3, 300));
    let predicted = samples.predict(&Categorical, data.inputs());
    assert!((found.nll() - predicted.nll(data.targets())).abs() < 1e-6);
    let bound = Elbo::new(Categorical).quiet().evaluate(&model, &data, Draws(3)).unwrap();
    assert!((found.expected_nll() - bound.nll).abs() < 1e-6);
    let tape = Tape::inference();
    let logits = model.draw(&tape, Key::new(0).at("predict").draw(2)).forward(tape.input(data.inputs()));
    let each = logits.log_softmax(-1);
    for (row, &label) in data.targets().iter().enumerate() {
        assert!((found.of_draw(2)[row] - f64::from(each.value()[row * 2 + label])).abs() < 1e-5);
    }
}

#[test]
fn binary_predictions_have_intervals_metrics_and_samples() {
    let x = inputs(50);
    let y: Tensor = Tensor::from_fn([50, 1], |i| f64::from(u8::from(x.data()[i * 4] > 0.0)));
    let data = Examples::new(x, y).unwrap();
    let mut model = Dense::new(4, 1);
    Elbo::new(Bernoulli).quiet().optimizer(Adam::new(1e-1)).fit(&mut model, &data, Epochs(60)).unwrap();
    let predicted: Mixture<Bernoulli> = model.predict(&Bernoulli, data.inputs(), Draws(64));
    assert!(predicted.classes().accuracy(&data.targets().data().iter().map(|&y| y as usize).collect::<Vec<_>>()) > 0.9);
    let (lower, upper) = predicted.interval(0.99);
    assert!(lower.iter().chain(&upper).all(|&y| y == 0.0 || y == 1.0));
    assert!(predicted.nll(data.targets()) < 2f64.ln());
    let samples = predicted.samples(4000, Key::new(1));
    for (i, p) in predicted.mean().into_iter().enumerate() {
        let share = samples.data().iter().skip(i).step_by(50).sum::<f64>() / 4000.0;
        assert!((share - p).abs() < 5.0 * 0.5 / 4000f64.sqrt(), "{share} {p}");
    }
}

#[test]
#[should_panic(expected = "draw 3 (from 0) is out of range for 3 draws")]
fn a_draw_out_of_range_is_refused() {
    let (model, tape) = (classifier(4, 6, 2), Tape::inference());
    model.posterior(Draws(3)).draw(&tape, 3);
}
