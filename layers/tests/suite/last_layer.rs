//! Variational last layers: against Bayesian linear regression in closed form, and against sampled weights.

use elbo::checks::{Calibration, PredictiveCheck};
use elbo::engine::gradcheck;
use elbo::nn::{LastLayer, WithConstants};
use elbo::prelude::*;
use elbo::{
    ExpectedCategorical, ExpectedGaussian, Heads, HeteroscedasticGaussian, Pool, Schedule, Sghmc, Svgd, TrainError,
};

type Exact = LastLayer<FullCovariance<f64>>;

fn layer(outputs: usize) -> Exact {
    LastLayer::of(2, outputs, FullCovariance::new, Normal(0.0, 1.5))
}

/// Fixed features and targets of two elements.
fn data(rows: usize) -> (Tensor<f64>, Tensor<f64>) {
    let x = Tensor::from_fn([rows, 2], |i| {
        (1.3 * i as f64).sin() + if i % 2 == 1 { (0.65 * (i as f64 - 1.0)).cos() } else { 0.2 }
    });
    let y = Tensor::from_fn([rows, 2], |i| {
        let (row, element) = (i / 2, i % 2);
        let [a, b] = [x.data()[2 * row], x.data()[2 * row + 1]];
        let signal = if element == 0 { 0.8 * a - 0.5 * b + 0.3 } else { -0.2 * a + 1.1 * b };
        signal + 0.3 * (2.1 * i as f64).sin()
    });
    (x, y)
}

fn column(y: &Tensor<f64>, element: usize) -> Tensor<f64> {
    Tensor::from_fn([y.shape()[0], 1], |row| y.data()[2 * row + element])
}

/// Bayesian linear regression on (x, 1) under N(0, 1.5²) with known noise: mean, covariance and its factor, and ln p(y).
fn regression(x: &Tensor<f64>, y: &Tensor<f64>, sd: f64) -> ([f64; 3], Tensor<f64>, Tensor<f64>, f64) {
    let tape = Tape::<f64>::inference();
    let (rows, prior) = (x.shape()[0], 1.5f64);
    let ones = tape.constant([rows, 1], |_| 1.0);
    let phi = Var::concat(&[tape.input(x), ones], -1);
    let identity = tape.constant([3, 3], |i| f64::from(u8::from(i % 4 == 0)) / prior.powi(2));
    let precision = phi.transpose().matmul(phi) * (1.0 / (sd * sd)) + identity;
    let covariance = precision.inverse();
    let b = phi.transpose().matmul(tape.input(y)) * (1.0 / (sd * sd));
    let mean = covariance.matmul(b);
    let squares: f64 = y.data().iter().map(|y| (y / sd).powi(2)).sum();
    let explained = (b * mean).sum().item();
    let log_det = 2.0 * precision.cholesky().value().iter().step_by(4).map(|l| l.ln()).sum::<f64>();
    let evidence = -0.5 * rows as f64 * (std::f64::consts::TAU * sd * sd).ln()
        - 0.5 * (squares - explained)
        - 0.5 * log_det
        - 3.0 * prior.ln();
    let factor = covariance.cholesky().to_tensor();
    let mean = [mean.value()[0], mean.value()[1], mean.value()[2]];
    (mean, covariance.to_tensor(), factor, evidence)
}

/// The layer at the exact posterior of each output, with these noises, and the sum of their evidences.
fn exact(x: &Tensor<f64>, y: &Tensor<f64>, sds: &[f64]) -> (Exact, f64) {
    let (mut model, mut total) = (layer(sds.len()), 0.0);
    for (element, (output, &sd)) in model.outputs.iter_mut().zip(sds).enumerate() {
        let (mean, _, factor, evidence) = regression(x, &column(y, element), sd);
        output.weight = FullCovariance::with_factor(Tensor::new([3], mean), &factor);
        total += evidence;
    }
    (model, total)
}

/// The layer of one output at its exact posterior, given targets (rows, 1).
fn exact_of_one(x: &Tensor<f64>, y: &Tensor<f64>, sd: f64) -> Exact {
    let (mut model, (mean, _, factor, _)) = (layer(1), regression(x, y, sd));
    model.outputs[0].weight = FullCovariance::with_factor(Tensor::new([3], mean), &factor);
    model
}

/// The bound in nats, and the largest gradient of any parameter.
fn bound<M, L>(model: &M, likelihood: &L, x: &Tensor<f64>, y: &L::Targets) -> (f64, f64)
where
    M: Bayesian<Scalar = f64> + elbo::Layer,
    L: Likelihood<f64>,
{
    let (tape, mut gradients) = (Tape::new(), Gradients::of(model));
    let net = model.draw(&tape, Key::new(9));
    let rows = x.shape()[0];
    let nll = likelihood.mean_nll(elbo::Forward::forward(&net, tape.input(x)), y);
    let loss = Objective::new(rows).loss(nll, net.kl(), 0);
    let bound = -(rows as f64 * nll.nats() + net.kl().nats());
    loss.backward(&mut gradients);
    let largest = gradients.iter().flat_map(|(.., g)| g.iter().map(|g| g.abs())).fold(0.0, f64::max);
    (bound, largest)
}

#[test]
fn the_exact_posterior_has_the_evidence_as_its_bound_and_no_gradient() {
    let (x, y) = data(25);
    let likelihood = ExpectedGaussian::new(0.4);
    let (model, evidence) = exact(&x, &y, &[0.4]);
    let (found, slope) = bound(&model, &likelihood, &x, &column(&y, 0));
    assert!((found - evidence).abs() < 1e-9 && slope < 1e-11, "{found} {evidence}, slope {slope}");

    // Noise that differs by output, as constants: each output has its own evidence, and no other's precision.
    let sds = [0.3, 0.9];
    let (model, evidence) = exact(&x, &y, &sds);
    let mut model = WithConstants::new(model, sds.map(f64::ln));
    let (found, _) = bound(&model, &ExpectedGaussian::learned(), &x, &y);
    assert!((found - evidence).abs() < 1e-9, "{found} {evidence}");
    // The layer's parameters have no gradient; the noise's is that of the evidence.
    let step = 1e-4;
    let mut at = |change: f64| {
        model.constants.0.data_mut()[0] = sds[0].ln() + change;
        bound(&model, &ExpectedGaussian::learned(), &x, &y).0
    };
    let slope = (at(step) - at(-step)) / (2.0 * step);
    let of_evidence = |change: f64| regression(&x, &column(&y, 0), sds[0] * f64::exp(change)).3;
    let expected = (of_evidence(step) - of_evidence(-step)) / (2.0 * step);
    assert!((slope - expected).abs() < 1e-5 * expected.abs().max(1.0), "{slope} {expected}");
}

#[test]
fn fitting_finds_the_exact_posterior_and_one_draw_predicts_exactly() {
    let (x, y) = data(25);
    let (sd, y) = (0.4, column(&y, 0));
    let (mean, covariance, _, evidence) = regression(&x, &y, sd);
    let (likelihood, mut model) = (ExpectedGaussian::new(sd), layer(1));
    let data = Examples::new(x.clone(), y.clone()).unwrap();
    let optimizer = Adam::new(0.05).betas(0.9, 0.99);
    let mut elbo = Elbo::new(likelihood).optimizer(optimizer).schedule(Schedule::cosine(1500)).quiet();
    elbo.fit(&mut model, &data, Epochs(1500)).unwrap();
    let (found, _) = bound(&model, &likelihood, &x, &y);
    assert!((found - evidence).abs() < 1e-3, "{found} {evidence}");
    // An evaluation averages over draws of the weights.
    let evaluated = elbo.evaluate(&model, &data, Draws(2000)).unwrap();
    assert!((evaluated.elbo - evidence).abs() < 4.0 * evaluated.standard_error, "{} {evidence}", evaluated.elbo);

    // More rows than are on a tape at a time have the same prediction, each.
    let many = Tensor::from_fn([300_000, 2], |i| x.data()[i % 50]);
    let outputs = PredictFromPosterior::outputs(&model, &many, Draws(1));
    let few = PredictFromPosterior::outputs(&model, &x, Draws(1));
    let last = outputs.tensor().data()[2 * 299_975..].iter().zip(few.tensor().data());
    assert!(last.into_iter().all(|(a, b)| (a - b).abs() < 1e-12));

    let predicted = model.predict(&likelihood, &x, Draws(1));
    let sampled = KeptDraws::new(&model, Draws(4000)).predict(&likelihood, &x);
    for row in 0..25 {
        let phi = [x.data()[2 * row], x.data()[2 * row + 1], 1.0];
        let f: f64 = (0..3).map(|i| phi[i] * mean[i]).sum();
        let v: f64 = (0..9).map(|i| phi[i / 3] * covariance.data()[i] * phi[i % 3]).sum();
        let expected = (v + sd * sd).sqrt();
        assert!((predicted.mean()[row] - f).abs() < 2e-3 && (predicted.sd()[row] / expected - 1.0).abs() < 2e-3);
        // The weights' own draws have variances of zero, and their mixture is the same prediction.
        assert!((sampled.mean()[row] - f).abs() < 0.02 && (sampled.sd()[row] / expected - 1.0).abs() < 0.02);
    }
    assert!((predicted.nll(&y) - sampled.nll(&y)).abs() < 5e-3);
}

#[test]
fn at_given_weights_the_likelihoods_are_those_of_the_weights() {
    let (x, y) = data(12);
    let (model, tape) = (exact(&x, &y, &[0.3, 0.9]).0, Tape::<f64>::inference());
    let weights = model.draw_weights(Key::new(4));
    let output = elbo::Forward::forward(&model.at(&tape, &weights), tape.input(&x));
    assert!(output.slice(-1, 2..4, 1).value().iter().all(|v| *v == 0.0));
    let mean = output.slice(-1, 0..2, 1);
    let expected = Likelihood::<f64>::log_likelihood(&Gaussian::new(0.7), mean, &y);
    let found = Likelihood::<f64>::log_likelihood(&ExpectedGaussian::new(0.7), output, &y);
    crate::common::assert_near(found.value(), expected.value(), 1e-12);
    let labels: Vec<usize> = (0..12).map(|i| i % 2).collect();
    let expected = Likelihood::<f64>::log_likelihood(&Categorical, mean, &labels);
    let found = Likelihood::<f64>::log_likelihood(&ExpectedCategorical::new(), output, &labels);
    crate::common::assert_near(found.value(), expected.value(), 1e-12);
}

#[test]
fn gradients_agree_with_differences() {
    // For as long as any tape.
    let (x, y): &'static _ = Box::leak(Box::new(data(7)));
    let mut model = WithConstants::new(exact(x, y, &[0.3, 0.9]).0, [-0.4, 0.2]);
    gradcheck(&mut model, |tape, model| {
        let output = elbo::Forward::forward(&model.draw(tape, Key::new(1)), tape.input(x));
        ExpectedGaussian::learned().log_likelihood(output, y)
    })
    .assert_within(1e-7);
    let labels: &'static Vec<usize> = Box::leak(Box::new((0..7).map(|i| i % 2).collect()));
    let mut layer: LastLayer<MeanField<f64>> =
        LastLayer::of(2, 2, |shape| MeanField::new(shape).initial_sd(0.4), Normal(0.0, 1.0));
    gradcheck(&mut layer, |tape, model| {
        let output = elbo::Forward::forward(&model.draw(tape, Key::new(1)), tape.input(x));
        ExpectedCategorical::new().log_likelihood(output, labels)
    })
    .assert_within(1e-7);
}

#[test]
fn the_bound_of_classes_is_below_the_expectation_and_predictions_average_it() {
    // Two rows of three logits, with means and variances.
    let output = Tensor::<f64>::new([2, 6], [0.5, -0.3, 0.1, 0.4, 0.9, 0.2, 2.0, 0.0, -1.0, 0.1, 0.1, 1.5]);
    let draws = 200_000;
    let mut noise = vec![0.0; draws * 3];
    elbo::engine::random::normals(Key::new(3), 0, &mut noise);
    let outputs = elbo::Outputs::new(Tensor::new([1, 2, 6], output.data()));
    let predicted = Likelihood::<f64>::predictive(&ExpectedCategorical::new().draws(4000), &outputs);
    let default = Likelihood::<f64>::predictive(&ExpectedCategorical::new(), &outputs);
    let tape = Tape::<f64>::inference();
    for label in 0..3 {
        let labels = vec![label; 2];
        let bound = ExpectedCategorical::new().log_likelihood(tape.input(&output), &labels).to_tensor();
        for row in 0..2 {
            let of = &output.data()[6 * row..][..6];
            let (mut nats, mut share) = (0.0, 0.0);
            for e in noise.chunks_exact(3) {
                let f: Vec<f64> = (0..3).map(|i| of[i] + of[3 + i].sqrt() * e[i]).collect();
                let log_p = f[label] - f.iter().map(|f| f.exp()).sum::<f64>().ln();
                nats += log_p / draws as f64;
                share += log_p.exp() / draws as f64;
            }
            let below = nats - bound.data()[row];
            assert!(below > 0.0 && below < 0.5, "row {row}, label {label}: {nats} {}", bound.data()[row]);
            assert!((predicted.row(row)[label] - share).abs() < 0.01, "{} {share}", predicted.row(row)[label]);
            assert!((default.row(row)[label] - share).abs() < 0.05, "{} {share}", default.row(row)[label]);
        }
    }
    // A row's prediction does not depend on the others.
    let alone = elbo::Outputs::new(Tensor::new([1, 1, 6], &output.data()[6..]));
    assert_eq!(Likelihood::<f64>::predictive(&ExpectedCategorical::new(), &alone).row(0), default.row(1));
}

/// A weight of a family, whose outputs' moments are read.
#[bayesian]
struct Outputs1<Q: Divergence<MonteCarlo<Normal>, Scalar = f64>> {
    #[prior(MonteCarlo(Normal(0.0, 1.0)))]
    w: Q,
}

#[test]
fn moments_of_outputs_are_those_of_sampled_weights() {
    #[track_caller]
    fn check<Q: Divergence<MonteCarlo<Normal>, Scalar = f64>>(mut q: Q) {
        let mut i = 0.0;
        q.visit_mut(&elbo::Path::ROOT, &mut |_, role, tensor| {
            let by = if role == elbo::Role::Mean { 0.5 } else { 0.2 };
            tensor.data_mut().iter_mut().for_each(|w| {
                i += 1.0;
                *w += by * f64::sin(i) + if role == elbo::Role::Scale && *w < -1.0 { 4.5 } else { 0.0 };
            });
        });
        let (outputs, columns) = match *q.shape() {
            [outputs, columns] => (outputs, columns),
            _ => (1, q.shape()[0]),
        };
        let model = Outputs1 { w: q };
        let x = Tensor::from_fn([4, columns], |i| (0.9 * i as f64).cos());
        let tape = Tape::<f64>::inference();
        let [mean, variance] = model.draw(&tape, Key::new(1)).w.output_moments(tape.input(&x)).map(|v| v.to_tensor());
        let (draws, mut sums) = (20_000, vec![[0.0f64; 2]; 4 * outputs]);
        let mut tape = Tape::<f64>::inference();
        for draw in 0..draws {
            tape.reset();
            let w = *model.draw(&tape, Key::new(2).draw(draw)).w;
            let y = tape.input(&x).linear(w.reshape([outputs, columns]));
            for (sums, (y, mean)) in sums.iter_mut().zip(y.value().iter().zip(mean.data())) {
                sums[0] += (y - mean) / draws as f64;
                sums[1] += (y - mean).powi(2) / draws as f64;
            }
        }
        for ([error, square], variance) in sums.iter().zip(variance.data()) {
            assert!(
                error.abs() < 0.04 * variance.sqrt() && (square / variance - 1.0).abs() < 0.05,
                "{square} {variance}"
            );
        }
    }
    check(FullCovariance::new([3]));
    check(FullCovariance::new([2, 3]));
    check(MatrixNormal::new([2, 3]));
    check(MatrixNormal::new([3]));
    check(MeanField::new([2, 3]));
    check(MeanFieldLaplace::new([2, 3]));
}

#[test]
fn mistakes_are_found_before_training() {
    let (x, y) = data(8);
    let data = Examples::new(x, y).unwrap();
    let mut one = layer(1);
    let said = Elbo::new(ExpectedGaussian::new(0.4)).quiet().fit(&mut one, &data, Epochs(1)).unwrap_err();
    assert!(said.to_string().contains("first every mean, then every variance"), "{said}");
    let noise = Elbo::new(HeteroscedasticGaussian).quiet().fit(&mut one, &data, Epochs(1));
    assert!(noise.is_err());
    let low_rank = Outputs1 { w: LowRank::<f64>::new([3], 1) };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let tape = Tape::<f64>::inference();
        let x = tape.constant([1, 3], |_| 1.0);
        let _ = low_rank.draw(&tape, Key::new(1)).w.output_moments(x);
    }));
    let said = caught.unwrap_err().downcast::<String>().unwrap();
    assert!(said.contains("unknown for the posterior `LowRank`"), "{said}");
}

#[test]
fn what_is_said_of_each_draw_is_that_of_its_weights() {
    let (x, y) = data(25);
    let (sd, y) = (0.4, column(&y, 0));
    let model = exact_of_one(&x, &y, sd);
    let (likelihood, data) = (ExpectedGaussian::new(sd), Examples::new(x, y).unwrap());
    let (posterior, kept) = (model.posterior(Draws(300)), KeptDraws::new(&model, Draws(300)));
    let found = posterior.log_likelihood(&likelihood, &data).unwrap();
    let expected = kept.log_likelihood(&likelihood, &data).unwrap();
    (0..300).for_each(|draw| crate::common::assert_near(found.of_draw(draw), expected.of_draw(draw), 1e-9));
    // With the expectation over all weights in each draw, there would be no effective parameters.
    let loo = found.loo();
    assert!((0.5..3.0).contains(&loo.effective_parameters), "{loo}");
    let pool = Pool::new(vec![posterior, posterior]).log_likelihood(&likelihood, &data).unwrap();
    assert_eq!(pool.of_draw(301), found.of_draw(1));

    // Replicated data have the correlations of rows that share their weights.
    let check = PredictiveCheck::new(&likelihood, &data).standard();
    let [found, expected] = [check.run(&posterior).unwrap(), check.run(&kept).unwrap()];
    for (found, expected) in found.statistics.iter().zip(&expected.statistics) {
        crate::common::assert_near(&found.replicated, &expected.replicated, 1e-9);
    }
}

#[test]
fn calibration_finds_the_exact_posterior_right() {
    let (x, _) = data(12);
    let likelihood = ExpectedGaussian::new(0.5);
    let prior = layer(1);
    let calibration = Calibration::new(&likelihood).simulations(200).draws(31).seed(2);
    let ranks = calibration.run(&prior, &x, |data, seed| {
        let model = exact_of_one(data.inputs(), data.targets(), 0.5);
        // The struct's own posterior, which the samples borrow.
        let model: &'static Exact = Box::leak(Box::new(model));
        Ok::<_, TrainError>(model.posterior(Draws(31).seed(seed)))
    });
    let ranks = ranks.unwrap();
    assert!(ranks.is_good(), "{ranks}");
}

#[test]
fn families_and_likelihoods_that_the_expectation_is_not_of_are_refused() {
    let (x, y) = data(8);
    let numbers = Examples::new(x.clone(), column(&y, 0)).unwrap();
    let mut laplace: LastLayer<MeanFieldLaplace<f64>, MonteCarlo<Normal>> =
        LastLayer::of(2, 1, MeanFieldLaplace::new, MonteCarlo(Normal(0.0, 1.0)));
    let family = Elbo::new(ExpectedGaussian::new(0.4)).quiet().fit(&mut laplace, &numbers, Epochs(1)).unwrap_err();
    assert!(
        family
            .to_string()
            .contains("`outputs.0` has the posterior `MeanFieldLaplace`, under which outputs are not normal"),
        "{family}"
    );

    // Variances would be taken for ln sd.
    let (mut one, likelihood) = (layer(1), HeteroscedasticGaussian);
    let mut elbo = Elbo::new(likelihood).quiet();
    let trained = elbo.fit(&mut one, &numbers, Epochs(1)).unwrap_err();
    assert!(
        matches!(&trained, TrainError::Options(said) if said.contains("`outputs.0`") && said.contains("`ExpectedGaussian`")),
        "{trained}"
    );
    let evaluated = elbo.evaluate(&one, &numbers, Draws(4)).unwrap_err();
    assert_eq!(evaluated, trained);
    let chains = Sghmc::new(likelihood).quiet().run(&one, &numbers).unwrap_err();
    assert_eq!(chains.to_string(), trained.to_string());
    assert!(
        Svgd::new(likelihood).quiet().fit(&one, &numbers, Epochs(1)).unwrap_err().to_string() == trained.to_string()
    );
    let predict = || one.predict(&likelihood, &x, Draws(3));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(predict)).unwrap_err();
    let said = caught.downcast::<String>().unwrap();
    assert!(said.contains("the layer of the weight `outputs.0` gives means and variances"), "{said}");
    let by_draw = || one.posterior(Draws(3)).log_likelihood(&likelihood, &numbers);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(by_draw)).is_err());
    // A head that takes moments does.
    let heads = Heads::new([2], ExpectedGaussian::new(0.4));
    let one_head = Examples::new(x, (column(&y, 0),)).unwrap();
    Elbo::new(heads).quiet().fit(&mut one, &one_head, Epochs(2)).unwrap();
}
