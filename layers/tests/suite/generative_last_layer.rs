//! The generative variational last layer: against its definition, sampled class means and closed forms.

use elbo::engine::gradcheck;
use elbo::metrics::auroc;
use elbo::nn::GenerativeLastLayer;
use elbo::prelude::*;
use elbo::{ExpectedCategorical, InverseGammaVariance, TrainError};

use crate::common::assert_near;

type Layer64 = GenerativeLastLayer<MeanField<f64>, Normal, Point<f64>>;

/// Three classes of two features, with every number different.
fn layer() -> Layer64 {
    let means = MeanField {
        mean: Tensor::from_fn([3, 2], |i| 1.5 * (1.3 * i as f64).sin()),
        rho: Tensor::from_fn([3, 2], |i| -1.0 + 0.4 * i as f64),
    };
    let log_sd = Point(Tensor::new([2], [-0.3, 0.2]));
    GenerativeLastLayer::of(means, Normal(0.0, 1.0), log_sd, Normal(0.0, 1.0)).frequencies(&[0, 0, 1, 2, 2, 2])
}

fn features() -> Tensor<f64> {
    Tensor::from_fn([4, 2], |i| 1.2 * (0.9 * i as f64 + 0.3).cos())
}

/// The outputs for [`features`] under a draw, all of them alike.
fn outputs(model: &Layer64) -> Tensor<f64> {
    let tape = Tape::inference();
    elbo::Forward::forward(&model.draw(&tape, Key::new(1)), tape.input(&features())).to_tensor()
}

/// ln p(c, φ) of each class at given class means.
fn log_joint(model: &Layer64, means: &[f64], phi: &[f64]) -> [f64; 3] {
    std::array::from_fn(|class| {
        let terms = (0..2).map(|f| {
            let sd = model.noise.log_sd.0.data()[f].exp();
            let z = (phi[f] - means[2 * class + f]) / sd;
            -0.5 * z * z - sd.ln() - 0.5 * std::f64::consts::TAU.ln()
        });
        model.log_frequencies.0.data()[class] + terms.sum::<f64>()
    })
}

#[test]
fn outputs_have_the_values_of_another_implementation() {
    // Of NumPy: ln N of a Cholesky factor of each covariance, minus half the trace, and twice the difference.
    let expected = [
        -4.529635369875596,
        -4.629049253884515,
        -9.677127390942118,
        0.4629679045958621,
        0.7528937022603834,
        8.640039366039147,
        -5.64855198356183,
        -5.5222792734574275,
        -5.343830701211417,
        0.6518777314793205,
        1.5938603088642882,
        2.708205406310408,
        -4.2835153713816325,
        -6.677890068440906,
        -4.311208181151778,
        0.3685621028091841,
        2.4248944320834056,
        1.529294543350999,
        -3.9353107124133686,
        -5.409979261805394,
        -9.264166469529869,
        0.3062921712521405,
        1.2051198472907512,
        8.037575300532016,
    ];
    assert_near(outputs(&layer()).data(), &expected, 1e-12);
}

#[test]
fn outputs_are_expectations_over_the_class_means_and_the_bound_is_below_that_of_the_likelihood() {
    let (model, phi) = (layer(), features());
    let (found, sd) = (outputs(&model), model.means.sd());
    let (draws, rows) = (200_000, 4);
    let mut noise = vec![0.0; 6 * draws];
    elbo::engine::random::normals(Key::new(5), 0, &mut noise);
    let mut sums = vec![[[0.0f64; 3]; 3]; rows];
    for e in noise.chunks_exact(6) {
        let means: Vec<f64> = (0..6).map(|i| model.means.mean.data()[i] + sd.data()[i] * e[i]).collect();
        for (row, sums) in sums.iter_mut().enumerate() {
            let nats = log_joint(&model, &means, &phi.data()[2 * row..][..2]);
            let total = nats.iter().map(|x| x.exp()).sum::<f64>().ln();
            for class in 0..3 {
                sums[class][0] += nats[class] / draws as f64;
                sums[class][1] += nats[class].exp() / draws as f64;
                sums[class][2] += (nats[class] - total) / draws as f64;
            }
        }
    }
    let tape = Tape::<f64>::inference();
    for (row, sums) in sums.iter().enumerate() {
        for (class, [log, density, conditional]) in sums.iter().enumerate() {
            let [m, v] = [found.data()[6 * row + class], found.data()[6 * row + 3 + class]];
            assert!((m - log).abs() < 0.02 && (m + 0.5 * v - density.ln()).abs() < 0.02, "{m} {log} {v} {density}");
            let labels = vec![class; rows];
            let bound = ExpectedCategorical::generative().log_likelihood(tape.input(&found), &labels);
            let below = conditional - bound.value()[row];
            assert!(below > 0.0 && below < 1.5, "{below}");
        }
    }
}

#[test]
fn predictions_and_densities_are_those_of_the_expected_densities() {
    let (model, phi) = (layer(), features());
    let likelihood = ExpectedCategorical::generative();
    let predicted = model.predict(&likelihood, &phi, Draws(1));
    let density = likelihood.log_density(&PredictFromPosterior::outputs(&model, &phi, Draws(2)));
    for (row, density) in density.into_iter().enumerate() {
        // N(φ; m, Σ + S) for each class.
        let joint: Vec<f64> = (0..3)
            .map(|class| {
                let terms = (0..2).map(|f| {
                    let variance =
                        (2.0 * model.noise.log_sd.0.data()[f]).exp() + model.means.sd().data()[2 * class + f].powi(2);
                    let distance = phi.data()[2 * row + f] - model.means.mean.data()[2 * class + f];
                    -0.5 * distance * distance / variance - 0.5 * (std::f64::consts::TAU * variance).ln()
                });
                (model.log_frequencies.0.data()[class] + terms.sum::<f64>()).exp()
            })
            .collect();
        let total: f64 = joint.iter().sum();
        let expected: Vec<f64> = joint.iter().map(|p| p / total).collect();
        assert_near(predicted.row(row), &expected, 1e-12);
        assert!((density - total.ln()).abs() < 1e-12, "{density} {}", total.ln());
    }
    let frequencies: Vec<f64> = model.log_frequencies.0.data().iter().map(|x| x.exp()).collect();
    assert_near(&frequencies, &[3.0 / 9.0, 2.0 / 9.0, 4.0 / 9.0], 1e-15);
}

#[test]
fn at_given_weights_it_is_the_model_of_these_weights() {
    let (model, phi) = (layer(), features());
    let weights = model.draw_weights(Key::new(4));
    let tape = Tape::inference();
    let output = elbo::Forward::forward(&model.at(&tape, &weights), tape.input(&phi));
    assert!(output.slice(-1, 3..6, 1).value().iter().all(|v| *v == 0.0));
    for row in 0..4 {
        let expected = log_joint(&model, weights.get("means").unwrap(), &phi.data()[2 * row..][..2]);
        assert_near(&output.value()[6 * row..][..3], &expected, 1e-12);
    }
    // What is said of each draw is that of its weights.
    let data = Examples::new(phi, vec![0, 1, 2, 0]).unwrap();
    let likelihood = ExpectedCategorical::generative();
    let of = model.posterior(Draws(3)).log_likelihood(&likelihood, &data).unwrap();
    let kept = KeptDraws::new(&model, Draws(3)).log_likelihood(&likelihood, &data).unwrap();
    (0..3).for_each(|draw| assert_near(of.of_draw(draw), kept.of_draw(draw), 1e-12));
    assert_ne!(of.of_draw(0), of.of_draw(1));
}

#[test]
fn gradients_agree_with_differences() {
    // For as long as any tape.
    let x: &'static Tensor<f64> = Box::leak(Box::new(features()));
    let labels: &'static Vec<usize> = Box::leak(Box::new(vec![0, 2, 1, 2]));
    gradcheck(&mut layer(), |tape, model| {
        let output = elbo::Forward::forward(&model.draw(tape, Key::new(1)), tape.input(x));
        ExpectedCategorical::generative().log_likelihood(output, labels)
    })
    .assert_within(1e-7);
}

/// Three classes of points in the plane, with standard deviations of 0.5 and 0.3.
fn points(rows: usize) -> Examples<f64> {
    let mut noise = vec![0.0; 2 * rows];
    elbo::engine::random::normals(Key::new(8), 0, &mut noise);
    let centres = [[1.0, 0.0], [-1.0, 0.5], [0.0, -1.5]];
    let x = Tensor::from_fn([rows, 2], |i| centres[i / 2 % 3][i % 2] + [0.5, 0.3][i % 2] * noise[i]);
    Examples::new(x, (0..rows).map(|row| row % 3).collect()).unwrap()
}

#[test]
fn it_learns_classes_and_knows_what_it_has_not_seen() {
    let (train, test) = points(300).split(0.8, 1).unwrap();
    let means = MeanField::new([3, 2]);
    let noise = InverseGammaVariance::new(2.0, 0.2);
    let mut model = GenerativeLastLayer::of(means, Normal(0.0, 2.0), Point(Tensor::zeros([2])), noise);
    let likelihood = ExpectedCategorical::generative();
    let mut elbo = Elbo::new(likelihood).quiet();
    let report = elbo.fit(&mut model, &train, Epochs(800)).unwrap();
    let bound = elbo.evaluate(&model, &train, Draws(64)).unwrap();
    let predicted = model.predict(&likelihood, test.inputs(), Draws(1));
    // Without Jensen's inequality at drawn class means, the bound is above that of the training.
    assert!(bound.elbo > report.last().elbo && bound.elbo > -30.0, "{bound:?} {}", report.last().elbo);
    assert!(predicted.accuracy(test.targets()) > 0.97 && predicted.nll(test.targets()) < 0.1);
    let sampled = KeptDraws::new(&model, Draws(2000)).predict(&likelihood, test.inputs());
    let differ = |(a, b): (&f64, &f64)| (a - b).abs();
    let largest = predicted.mean().iter().zip(sampled.mean()).map(differ).fold(0.0, f64::max);
    assert!(largest < 0.05, "{largest}");
    let unknown = |x: &Tensor<f64>| -> Vec<f64> {
        likelihood.log_density(&PredictFromPosterior::outputs(&model, x, Draws(1))).iter().map(|x| -x).collect()
    };
    let far = Tensor::from_fn([60, 2], |i| 6.0 * (2.1 * i as f64).sin() + if i % 2 == 0 { 8.0 } else { -7.0 });
    assert!(auroc(&unknown(&far), &unknown(test.inputs())) > 0.99);
    // The softmax is sure of what it has not seen.
    let confident = model.predict(&likelihood, &far, Draws(1));
    let least = (0..60).map(|row| confident.row(row).iter().copied().fold(0.0, f64::max)).fold(1.0, f64::min);
    assert!(least > 0.99, "{least}");
}

#[test]
fn mistakes_are_found_before_training() {
    let data = points(12);
    fn said<M: elbo::Model + Bayesian<Scalar = f64> + Send + Sync>(mut model: M, data: &Examples<f64>) -> String {
        let mut elbo = Elbo::new(ExpectedCategorical::generative()).quiet();
        elbo.fit(&mut model, data, Epochs(1)).unwrap_err().to_string()
    }
    let log_sd = |features| Point(Tensor::<f64>::zeros([features]));
    let family = GenerativeLastLayer::of(FullCovariance::new([3, 2]), Normal(0.0, 1.0), log_sd(2), Normal(0.0, 1.0));
    let family = said(family, &data);
    assert!(family.contains("`FullCovariance`, which is not normal with independent elements"), "{family}");
    let width = GenerativeLastLayer::of(MeanField::new([3, 4]), Normal(0.0, 1.0), log_sd(4), Normal(0.0, 1.0));
    let width = said(width, &data);
    assert!(width.contains("the features have the shape [12, 2]; expected (rows, 4)"), "{width}");
    let few = GenerativeLastLayer::of(MeanField::new([2, 2]), Normal(0.0, 1.0), log_sd(2), Normal(0.0, 1.0));
    let few = said(few, &data);
    assert!(few.contains("has the label 2, but the model's output has 2 classes"), "{few}");
    let plain = Elbo::new(Categorical).quiet().fit(&mut layer(), &data, Epochs(1)).unwrap_err();
    assert!(matches!(&plain, TrainError::Options(said) if said.contains("does not take variances")), "{plain}");
}

#[test]
#[should_panic(expected = "example 1 (from 0) has the label 3, but there are 3 classes, 0 to 2")]
fn labels_that_are_no_class_have_no_frequency() {
    let _ = layer().frequencies(&[0, 3]);
}

#[test]
#[should_panic(expected = "these logits have no density of features; take `ExpectedCategorical::generative()`")]
fn logits_of_another_layer_have_no_density() {
    let outputs = elbo::Outputs::<f64>::new(Tensor::zeros([1, 2, 6]));
    ExpectedCategorical::new().log_density(&outputs);
}
