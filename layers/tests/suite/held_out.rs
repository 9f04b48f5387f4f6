//! Calibration on held-out data, conformal prediction, decisions and detection: coverage, small samples, and bad input.

use elbo::calibration::{
    CalibrationError, ClassNonconformity, ConformalIntervals, ConformalSets, IntervalNonconformity,
    IsotonicCalibration, IsotonicRegression, TemperaturePosterior, TemperatureScaling, smallest_calibration_set,
};
use elbo::data::Examples;
use elbo::decision::{Costs, Decision};
use elbo::metrics::{
    Bootstrap, BootstrapError, Mixture, PitHistogram, Probabilities, RiskCoverage, SelectRows, Uncertainty,
};
use elbo::{Bernoulli, Gaussian, Key, Outputs, Tensor};

/// Numbers without order between 0 and 1.
fn scattered(seed: usize, n: usize) -> impl Iterator<Item = f64> {
    (0..n).map(move |i| ((i + 1) as f64 * 0.618_033_988_749_895 + seed as f64 * 0.414_213_562_373_095).fract())
}

/// A hash of two numbers, as a number between 0 and 1.
fn random(seed: usize, i: usize) -> f64 {
    let mut x = (seed as u64) << 32 | i as u64;
    for _ in 0..3 {
        x = (x ^ x >> 31).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
    }
    (x >> 11) as f64 / (1u64 << 53) as f64
}

/// Predictions of four classes, and labels that they are too sure of.
fn classes(seed: usize, n: usize) -> (Probabilities, Vec<usize>) {
    let logits: Vec<f64> = (0..4 * n).map(|i| 4.0 * random(seed, i) - 2.0).collect();
    let label = |row: usize| {
        let odds: Vec<f64> = logits[4 * row..4 * row + 4].iter().map(|logit| logit.exp()).collect();
        let mut left = random(seed + 1000, row) * odds.iter().sum::<f64>();
        odds.iter().position(|odds| {
            left -= odds;
            left < 0.0
        })
    };
    let labels = (0..n).map(|row| label(row).unwrap_or(3)).collect();
    let sure: Vec<f64> = logits.iter().map(|logit| 2.0 * logit).collect();
    (Outputs::<f64>::new(Tensor::new([1, n, 4], sure)).under(&elbo::Categorical), labels)
}

fn binary(p: &[f64]) -> Probabilities {
    Probabilities::new(p.iter().flat_map(|p| [1.0 - p, *p]).collect(), vec![0.0; p.len()], 2, 1)
}

fn rows_of(p: &Probabilities, rows: std::ops::Range<usize>) -> Probabilities {
    p.select(&rows.collect::<Vec<_>>())
}

#[test]
fn sets_cover_as_they_say_for_every_score() {
    let raps = ClassNonconformity::Raps { penalty: 0.1, free: 1 };
    for (score, size) in [(ClassNonconformity::Lac, 2.0), (ClassNonconformity::Aps, 2.6), (raps, 2.6)] {
        let (mut covered, mut sizes, mut all) = (0.0, 0.0, 0.0);
        for split in 0..40 {
            let (p, labels) = classes(split, 400);
            let how = ConformalSets::new(score, 0.2).randomised(Key::new(split as u64)).allow_empty();
            let fitted = how.fit(&rows_of(&p, 0..100), &labels[..100]).unwrap();
            let sets = fitted.predict(&rows_of(&p, 100..400));
            covered += sets.coverage(&labels[100..]);
            sizes += sets.mean_size();
            all += 1.0;
            assert_eq!(sets.sizes().iter().sum::<usize>(), 300);
        }
        // The standard deviation of a split's coverage is 0.046 (a beta distribution's, and 300 labels), so 0.0073 of the mean of 40;
        // ⌈101 · 0.8⌉/101 = 0.802.
        let (coverage, mean_size) = (covered / all, sizes / all);
        assert!((coverage - 0.802).abs() < 0.025, "{score:?} {coverage}");
        assert!(mean_size < size && mean_size > 1.0, "{score:?} {mean_size}");
    }
}

#[test]
fn intervals_cover_as_they_say_and_groups_are_seen() {
    // Noise that grows with the input; the predictions say so, with too small a standard deviation.
    let n = 2_000;
    let x: Vec<f64> = (0..n).map(|i| random(1, i)).collect();
    let noise = |i: usize| (random(2, i) + random(3, i) + random(4, i) - 1.5) * (0.2 + x[i]);
    let y = Tensor::<f64>::new([n, 1], x.iter().enumerate().map(|(i, x)| 3.0 * x + noise(i)).collect::<Vec<_>>());
    let outputs: Vec<f64> = x.iter().flat_map(|x| [3.0 * x, (0.2 * (0.2 + x)).ln()]).collect();
    let p = Outputs::<f64>::new(Tensor::new([1, n, 2], outputs)).under(&elbo::HeteroscedasticGaussian);
    let rows: Vec<usize> = (0..n).collect();
    let (held_out, test) = rows.split_at(1_000);
    let groups: Vec<bool> = test.iter().map(|&i| x[i] > 0.5).collect();
    let spread = |score| {
        let fitted = ConformalIntervals::new(score, 0.1).fit(&p.select(held_out), &y.select(held_out)).unwrap();
        assert!(fitted.is_informative() && fitted.examples() == [1_000]);
        let intervals = fitted.predict(&p.select(test));
        let targets = y.select(test);
        assert!((intervals.coverage(&targets) - 0.9).abs() < 0.04, "{score:?}");
        let by_group = intervals.coverage_by_group(&targets, &groups);
        assert_eq!(by_group.iter().map(|of| of.examples).sum::<usize>(), 1_000);
        by_group[0].coverage - by_group[1].coverage
    };
    // Equal widths cover quiet rows too often and noisy ones too rarely; the model's intervals, moved out by the same everywhere,
    // less so.
    let [equal, scaled, moved] = [
        IntervalNonconformity::AbsoluteResidual,
        IntervalNonconformity::ByStandardDeviation,
        IntervalNonconformity::Quantiles,
    ]
    .map(spread);
    assert!(equal > 0.1 && scaled.abs() < 0.05 && moved < equal && moved > scaled, "{equal} {scaled} {moved}");
}

#[test]
fn too_few_examples_give_all_classes_and_infinite_intervals() {
    let (p, labels) = classes(1, 9);
    let fit =
        |n: usize| ConformalSets::new(ClassNonconformity::Aps, 0.1).fit(&rows_of(&p, 0..n), &labels[..n]).unwrap();
    assert_eq!(smallest_calibration_set(0.1), 9);
    assert!(!fit(8).is_informative() && fit(9).is_informative());
    assert!(fit(8).predict(&p).iter().all(|set| set.len() == 4));
    let normal =
        Outputs::<f64>::new(Tensor::new([2, 8, 1], scattered(1, 16).collect::<Vec<_>>())).under(&Gaussian::new(1.0));
    let y = Tensor::<f64>::new([8, 1], scattered(2, 8).collect::<Vec<_>>());
    let fitted = ConformalIntervals::new(IntervalNonconformity::Quantiles, 0.1).fit(&normal, &y).unwrap();
    assert!(!fitted.is_informative());
    let intervals = fitted.predict(&normal);
    assert_eq!((intervals.lower()[0], intervals.upper()[0]), (f64::NEG_INFINITY, f64::INFINITY));
    assert_eq!(intervals.coverage(&y), 1.0);
}

#[test]
fn missing_targets_do_not_count() {
    let predicted = || Outputs::<f64>::new(Tensor::new([1, 4, 2], vec![0.0; 8])).under(&Gaussian::new(1.0));
    let y = [1.0, f64::NAN, 2.0, 5.0, 3.0, f64::NAN, 4.0, 6.0];
    let data = Examples::with_missing(Tensor::zeros([4, 1]), Tensor::<f64>::new([4, 2], y)).unwrap();
    let fitted = ConformalIntervals::new(IntervalNonconformity::AbsoluteResidual, 0.4)
        .fit(&predicted(), data.observed())
        .unwrap();
    assert_eq!(fitted.examples(), [4, 2]);
    // ⌈5 · 0.6⌉ = 3 of 4, and ⌈3 · 0.6⌉ = 2 of 2.
    assert_eq!(fitted.thresholds(), [3.0, 6.0]);
    let intervals = fitted.predict(&predicted());
    assert_eq!(intervals.coverage(data.observed()), 5.0 / 6.0);
    assert_eq!(predicted().pit(data.observed()).len(), 6);
}

#[test]
fn calibration_mends_sure_predictions() {
    let ((held_out, labels), (test, new)) = (classes(7, 3_000), classes(8, 3_000));
    let scaling = TemperatureScaling::fit(&held_out, &labels).unwrap();
    assert!((scaling.temperature() - 2.0).abs() < 0.15, "{}", scaling.temperature());
    let isotonic = IsotonicCalibration::fit(&held_out, &labels).unwrap().apply(&test);
    for calibrated in [scaling.apply(&test), isotonic] {
        assert!(calibrated.ece(&new, 15) < 0.4 * test.ece(&new, 15));
        assert!(calibrated.brier(&new) < test.brier(&new));
    }
    // With many examples the posterior is at the maximum; a tight prior stays at 1.
    let posterior = TemperaturePosterior::fit(&held_out, &labels, 1.0).unwrap();
    assert!((posterior.mean() - scaling.temperature()).abs() < 0.02 && posterior.sd() < 0.1);
    assert!((TemperaturePosterior::fit(&held_out, &labels, 1e-4).unwrap().mean() - 1.0).abs() < 1e-3);
    assert!((posterior.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
}

#[test]
fn decisions_have_the_least_expected_cost() {
    let p = binary(&[0.001, 0.05, 0.3, 0.9]);
    let costs = Costs::new([[0.0, 20.0], [1.0, 0.0]]);
    assert_eq!(costs.expected(&p)[..2], [0.02, 0.999]);
    assert_eq!(costs.decide(&p), [0, 1, 1, 1].map(Decision::Act));
    let careful = costs.clone().abstain_for(0.4);
    let decisions = careful.decide(&p);
    assert_eq!(decisions, [Decision::Act(0), Decision::Abstain, Decision::Abstain, Decision::Act(1)]);
    assert_eq!(careful.mean_cost(&decisions, &[0, 0, 1, 0]), (0.0 + 0.4 + 0.4 + 1.0) / 4.0);
    // Chow's rule.
    let chow = Costs::of_mistakes(2).abstain_for(0.2);
    assert_eq!(chow.decide(&p).iter().filter(|decision| **decision == Decision::Abstain).count(), 1);
}

#[test]
fn ties_and_orders_of_selective_prediction() {
    let curve = RiskCoverage::new(&[0.2, 0.2, 0.9], &[1.0, 0.0, 1.0]);
    assert_eq!(curve.points().len(), 2);
    assert!((curve.aurc() - (0.5 + 0.5 + 2.0 / 3.0) / 3.0).abs() < 1e-15);
    assert_eq!((curve.coverage_at(0.5), curve.coverage_at(0.4)), (2.0 / 3.0, 0.0));
    let perfect = RiskCoverage::new(&[0.1, 0.2, 0.3], &[0.0, 0.5, 1.0]);
    assert_eq!(perfect.excess_aurc(), 0.0);
    let (p, labels) = classes(3, 300);
    let by = |by| p.risk_coverage(&labels, by).aurc();
    assert!(by(Uncertainty::Entropy) < p.error(&labels) && by(Uncertainty::MaxProbability) < p.error(&labels));
}

#[test]
fn a_calibrated_prediction_has_flat_transforms() {
    let n = 4_000;
    let logits: Vec<f64> = (0..n).map(|i| 4.0 * random(11, i) - 2.0).collect();
    let y: Vec<f64> =
        logits.iter().enumerate().map(|(i, z)| f64::from(u8::from(random(12, i) < 1.0 / (1.0 + (-z).exp())))).collect();
    let p: Mixture<Bernoulli> = Outputs::<f64>::new(Tensor::new([1, n, 1], logits)).under(&Bernoulli);
    let targets = Tensor::<f64>::new([n, 1], &y[..]);
    let histogram = p.pit_histogram(&targets, 10);
    let sd = histogram.expected_sd();
    assert!(histogram.shares().iter().all(|share| (share - 0.1).abs() < 4.0 * sd), "{histogram:?}");
    assert!((histogram.shares().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    // The score of a probability is Brier's, of one class.
    let halved = p.classes().brier(&y.iter().map(|y| *y as usize).collect::<Vec<_>>()) / 2.0;
    assert!((p.crps(&targets) - halved).abs() < 1e-12);
    assert_eq!(PitHistogram::new(&[[0.0, 0.5], [1.0, 1.0]], 2).shares(), [0.5, 0.5]);
}

#[test]
fn bad_input_is_refused_in_words() {
    let (p, labels) = classes(5, 20);
    let said = |error: CalibrationError| error.to_string();
    let sets = |alpha| ConformalSets::new(ClassNonconformity::Lac, alpha);
    for alpha in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(said(sets(alpha).fit(&p, &labels).unwrap_err()).contains("must be between 0 and 1"));
        let normal = Outputs::<f64>::new(Tensor::zeros([1, 2, 1])).under(&Gaussian::new(1.0));
        assert!(
            ConformalIntervals::new(IntervalNonconformity::Quantiles, alpha)
                .fit(&normal, &Tensor::<f64>::zeros([2, 1]))
                .is_err()
        );
    }
    assert_eq!(
        said(sets(0.1).fit(&p, &labels[1..]).unwrap_err()),
        "19 labels for 20 predictions; each prediction needs one"
    );
    let wrong = [&labels[..19], &[4]].concat();
    assert!(said(sets(0.1).fit(&p, &wrong).unwrap_err()).contains("label 4 of row 19"));
    let raps = ConformalSets::new(ClassNonconformity::Raps { penalty: f64::NAN, free: 1 }, 0.1);
    assert!(said(raps.fit(&p, &labels).unwrap_err()).contains("penalty"));

    let normal = Outputs::<f64>::new(Tensor::zeros([1, 2, 1])).under(&Gaussian::new(1.0));
    let intervals = |y: &Tensor<f64>| {
        ConformalIntervals::new(IntervalNonconformity::AbsoluteResidual, 0.5).fit(&normal, y).unwrap_err()
    };
    assert!(said(intervals(&Tensor::new([2, 1], [0.0, f64::NAN]))).contains("the target of row 1 (from 0) is NaN"));
    assert!(said(intervals(&Tensor::zeros([3, 1]))).contains("3 targets for 2 predictions"));
    assert!(said(intervals(&Tensor::zeros([2, 2]))).contains("4 elements of targets for 2"));

    let right = binary(&[0.1, 0.9, 0.8]);
    let one_sided = said(TemperatureScaling::fit(&right, &[0, 1, 1]).unwrap_err());
    assert!(one_sided.contains("as the temperature goes to 0"), "{one_sided}");
    let guessing = said(TemperatureScaling::fit(&right, &[1, 0, 0]).unwrap_err());
    assert!(guessing.contains("goes to inf"), "{guessing}");
    let certain = said(TemperatureScaling::fit(&binary(&[0.0, 0.5]), &[1, 0]).unwrap_err());
    assert!(certain.contains("the label of row 0 (from 0) has probability 0"), "{certain}");
    let nan: Outputs<f64> = Outputs::new(Tensor::new([1, 1, 2], [f64::NAN, 0.0]));
    assert!(said(TemperatureScaling::fit(&nan, &[0]).unwrap_err()).contains("a logit of row 0 (from 0) is NaN"));
    assert!(TemperaturePosterior::fit(&right, &[0, 1, 1], 0.0).is_err());
    assert!(said(IsotonicCalibration::fit(&right, &[1, 1, 1]).unwrap_err()).contains("class 0 does not occur"));
    assert!(IsotonicRegression::fit(&[], &[]).is_err() && IsotonicRegression::fit(&[f64::NAN], &[1.0]).is_err());

    let bootstrap = Bootstrap::new(100, Key::new(1));
    let one = bootstrap.of_rows(1, |_| 0.0).unwrap_err();
    assert_eq!(one, BootstrapError::TooFew { rows: 1 });
    assert!(
        bootstrap.clone().level(1.0).of_rows(5, |_| 0.0).is_err()
            && Bootstrap::new(1, Key::new(1)).of_rows(5, |_| 0.0).is_err()
    );
    let same = bootstrap.of_rows(5, |_| 0.25).unwrap();
    assert_eq!((same.lower, same.upper, same.standard_error), (0.25, 0.25, 0.0));
    let nan = bootstrap.of_rows(5, |rows| if rows[0] == rows[1] { f64::NAN } else { 0.0 }).unwrap_err().to_string();
    assert!(nan.contains("the metric of resample") && nan.contains("is NaN"), "{nan}");
    let rows = bootstrap.interval(&right, &vec![0; 4], |p, y| p.accuracy(y)).unwrap_err().to_string();
    assert_eq!(rows, "Bootstrap: predictions have 3 rows, but targets have 4");
}

#[test]
#[should_panic(expected = "Costs: action 1 (from 0) has 1 costs, but action 0 has 2")]
fn rows_of_costs_have_one_length() {
    Costs::new([vec![0.0, 1.0], vec![0.0]]);
}

#[test]
#[should_panic(expected = "fpr_at_tpr: both kinds are needed, got 1 positives and 0 negatives")]
fn a_detection_needs_both_kinds() {
    elbo::metrics::fpr95(&[1.0], &[]);
}
