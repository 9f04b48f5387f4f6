//! Metrics, bootstrap intervals, calibration and conformal prediction against values of scikit-learn, SciPy and properscoring, and
//! against formulas written out in numpy: `reference/scores.py`.

use elbo::calibration::{
    ClassNonconformity, ConformalIntervals, ConformalSets, FeatureDensity, IntervalNonconformity, IsotonicRegression,
    TemperaturePosterior, TemperatureScaling,
};
use elbo::metrics::{self, Average, Bootstrap, Probabilities, SelectRows, Uncertainty};
use elbo::{Categorical, Gaussian, HeteroscedasticGaussian, Key, Likelihood, Outputs, Poisson, StudentTNoise, Tensor};
use serde_json::Value;

fn reference() -> Value {
    serde_json::from_str(include_str!("../reference/scores.json")).unwrap()
}

/// The numbers of nested lists, in order.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn labels(value: &Value) -> Vec<usize> {
    numbers(value).into_iter().map(|label| label as usize).collect()
}

#[track_caller]
fn agree(found: &[f64], expected: &Value, tolerance: f64) {
    let expected = numbers(expected);
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let off = (found - expected).abs();
        assert!(off <= tolerance * expected.abs().max(1.0), "[{i}] is {found}, expected {expected} (off by {off:e})");
    }
}

fn probabilities(mean: Vec<f64>, classes: usize) -> Probabilities {
    let entropy = metrics::entropy(&mean, classes);
    Probabilities::new(mean, entropy, classes, 1)
}

#[test]
fn scores_of_classes_agree() {
    let case = &reference()["classification"];
    let (p, labels) = (probabilities(numbers(&case["probabilities"]), 5), labels(&case["labels"]));
    let confusion = p.confusion(&labels);
    let counts: Vec<f64> = (0..25).map(|i| confusion.count(i / 5, i % 5) as f64).collect();
    agree(&counts, &case["confusion"], 0.0);
    let of_classes = |of: &dyn Fn(usize) -> f64| (0..5).map(of).collect::<Vec<f64>>();
    let each = [
        of_classes(&|c| confusion.precision(c)),
        of_classes(&|c| confusion.recall(c)),
        of_classes(&|c| confusion.f1(c)),
    ];
    agree(&each.concat(), &case["each"], 1e-15);
    for (name, average) in [("macro", Average::Macro), ("micro", Average::Micro), ("weighted", Average::Weighted)] {
        let found = [confusion.precision_over(average), confusion.recall_over(average), confusion.f1_over(average)];
        agree(&found, &case["averages"][name], 1e-15);
    }
    let terms = p.brier_decomposition(&labels, labels_of(&case["bins"]));
    let corrected = terms.bias_corrected();
    let found = [terms, corrected].map(|terms| [terms.reliability, terms.resolution, terms.uncertainty]);
    agree(&found.concat(), &case["brier_terms"], 1e-14);
    let brier = p.brier(&labels);
    assert!((terms.brier() - brier).abs() < 1e-14 && (corrected.brier() - brier).abs() < 1e-14);
    let curve = p.risk_coverage(&labels, Uncertainty::Entropy);
    agree(&[curve.aurc()], &case["aurc"], 1e-14);
    agree(&[curve.excess_aurc()], &case["excess_aurc"], 1e-14);
    agree(&[curve.risk_at(0.5)], &case["risk_at_half"], 1e-15);
}

fn labels_of(value: &Value) -> usize {
    value.as_u64().unwrap() as usize
}

/// Mean and ln sd of a normal distribution for each of some rows.
fn normals(mean: &[f64], sd: &[f64]) -> metrics::Mixture<HeteroscedasticGaussian> {
    let pairs: Vec<f64> = mean.iter().zip(sd).flat_map(|(mean, sd)| [*mean, sd.ln()]).collect();
    Outputs::<f64>::new(Tensor::new([1, mean.len(), 2], pairs)).under(&HeteroscedasticGaussian)
}

#[test]
fn scores_of_numbers_agree() {
    let case = &reference()["regression"];
    let of = |name: &str| numbers(&case[name]);
    let (mean, sd, y) = (of("mean"), of("sd"), of("y"));
    let crps: Vec<f64> = (0..12).map(|i| metrics::crps_normal(mean[i], sd[i], y[i])).collect();
    agree(&crps, &case["crps_normal"], 1e-14);
    let of_samples =
        of("samples").chunks(7).zip(&y).map(|(samples, y)| metrics::crps_samples(samples, *y)).collect::<Vec<_>>();
    agree(&of_samples, &case["crps_samples"], 1e-14);
    agree(&[metrics::rmse(&mean, &y)], &case["rmse"], 1e-14);
    agree(&[metrics::mae(&mean, &y)], &case["mae"], 1e-14);
    agree(&[metrics::r2(&mean, &y)], &case["r2"], 1e-14);
    let targets = Tensor::<f64>::new([12, 1], &y[..]);
    let predicted = normals(&mean, &sd);
    assert!((predicted.crps(&targets) - crps.iter().sum::<f64>() / 12.0).abs() < 1e-14);
    let two: Outputs<f64> = Outputs::new(Tensor::new([1, 6, 2], &mean[..]));
    agree(&[two.under(&Gaussian::new(1.0)).r2(&Tensor::<f64>::new([6, 2], &y[..]))], &case["r2_columns"], 1e-14);
    let bounds = |by: f64| mean.iter().zip(&sd).map(|(mean, sd)| mean + by * sd).collect::<Vec<f64>>();
    let level = case["level"].as_f64().unwrap();
    agree(&[metrics::interval_score(&bounds(-1.0), &bounds(1.5), &y, level)], &case["interval_score"], 1e-14);
    // Mixtures over three draws, without a closed form.
    let draws: Outputs<f64> = Outputs::new(Tensor::new([3, 12, 1], of("draws")));
    let pairs: Vec<f64> = draws.tensor().data().iter().flat_map(|location| [*location, 0.7f64.ln()]).collect();
    let student = Outputs::<f64>::new(Tensor::new([3, 12, 2], pairs)).under(&StudentTNoise::new(3.0));
    agree(&[student.crps(&targets)], &case["student_crps"], 1e-9);
    let log_rates: Vec<f64> = draws.tensor().data().iter().map(|draw| 1.0 + 0.3 * draw).collect();
    let counts = Outputs::<f64>::new(Tensor::new([3, 12, 1], log_rates)).under(&Poisson);
    let whole = Tensor::<f64>::new([12, 1], of("whole"));
    agree(&[counts.crps(&whole)], &case["count_crps"], 1e-9);
    agree(counts.pit_histogram(&whole, 5).shares(), &case["count_pit"], 1e-12);
}

#[test]
fn bootstrap_intervals_agree_with_scipy() {
    let case = &reference()["bootstrap"];
    let data = numbers(&case["data"]);
    let mean = |rows: &[usize]| rows.iter().map(|&row| data[row]).sum::<f64>() / rows.len() as f64;
    let average = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let close = |found: metrics::Interval, expected: &Value| {
        for (found, expected) in [found.lower, found.upper].iter().zip(numbers(expected)) {
            // Six standard errors of a quantile of 20,000 resamples.
            assert!((found - expected).abs() < 0.02, "{found} {expected}");
        }
    };
    let bootstrap = Bootstrap::new(20_000, Key::new(1)).level(0.9);
    close(bootstrap.of_rows(data.len(), mean).unwrap(), &case["many_one"]);
    let groups = [numbers(&case["groups"]["a"]), numbers(&case["groups"]["b"])];
    let difference = bootstrap.of_groups(&groups[0], &groups[1], |a, b| average(a) - average(b)).unwrap();
    close(difference, &case["many"]);
    // The same for any number of threads.
    let again = elbo::with_threads(1, || bootstrap.of_groups(&groups[0], &groups[1], |a, b| average(a) - average(b)));
    assert_eq!(again.unwrap(), difference);
}

#[test]
fn differences_on_the_same_rows_are_sharper() {
    // Two predictions that are right and wrong on nearly the same rows.
    let of = |wrong: &dyn Fn(usize) -> bool| {
        probabilities((0..200).flat_map(|i| if wrong(i) { [0.3, 0.7] } else { [0.8, 0.2] }).collect(), 2)
    };
    let (a, b) = (of(&|i| i % 5 == 0), of(&|i| i % 5 == 0 || i % 50 == 1));
    let labels = vec![0; 200];
    let bootstrap = Bootstrap::new(2_000, Key::new(4));
    let paired = bootstrap.difference(&a, &b, &labels, |p, y| p.accuracy(y)).unwrap();
    let [one, other] = [&a, &b].map(|p| bootstrap.interval(p, &labels, |p, y| p.accuracy(y)).unwrap());
    assert!((paired.estimate - 0.02).abs() < 1e-12 && paired.lower > 0.0, "{paired}");
    assert!(one.lower < other.upper, "the intervals of both overlap: {one}, {other}");
    assert!(paired.standard_error < 0.5 * one.standard_error);
    assert_eq!(a.select(&[7, 0]).mean(), [0.8, 0.2, 0.3, 0.7]);
}

#[test]
fn temperatures_agree_with_scipy() {
    let case = &reference()["temperature"];
    let outputs: Outputs<f64> = Outputs::new(Tensor::new([4, 50, 3], numbers(&case["logits"])));
    let labels = labels(&case["labels"]);
    let scaling = TemperatureScaling::fit(&outputs, &labels).unwrap();
    agree(&[scaling.temperature()], &case["temperature"], 1e-11);
    agree(
        &[scaling.nll(), scaling.nll_before()],
        &Value::from(vec![case["nll"].clone(), case["nll_before"].clone()]),
        1e-13,
    );
    let nll = |outputs: &Outputs<f64>| Likelihood::predictive(&Categorical, outputs).nll(&labels);
    assert!((nll(&outputs) - scaling.nll_before()).abs() < 1e-12);
    assert!((nll(&scaling.apply(&outputs)) - scaling.nll()).abs() < 1e-12);
    let posterior = TemperaturePosterior::fit(&outputs, &labels, case["prior_sd"].as_f64().unwrap()).unwrap();
    agree(&[posterior.mean()], &case["posterior_mean"], 1e-9);
    agree(&[posterior.sd()], &case["posterior_sd"], 1e-9);
    agree(posterior.apply(&outputs).row(0), &case["first_row"], 1e-9);
    // Probabilities are scaled by their logarithms: for one draw it is the same.
    let first = outputs.tensor().data()[..150].to_vec();
    let one: Outputs<f64> = Outputs::new(Tensor::new([1, 50, 3], first));
    let (of_logits, of_mean) =
        (TemperatureScaling::fit(&one, &labels), TemperatureScaling::fit(&one.under(&Categorical), &labels));
    assert!((of_logits.unwrap().temperature() - of_mean.unwrap().temperature()).abs() < 1e-9);
}

#[test]
fn isotonic_regression_agrees_with_scikit_learn() {
    let case = &reference()["isotonic"];
    let fitted = IsotonicRegression::fit(&numbers(&case["x"]), &numbers(&case["y"])).unwrap();
    let values: Vec<f64> = numbers(&case["at"]).into_iter().map(|x| fitted.at(x)).collect();
    agree(&values, &case["values"], 1e-12);
}

#[test]
fn conformal_sets_and_intervals_agree() {
    let case = &reference()["conformal"];
    let (held_out, alpha) = (labels_of(&case["held_out"]), case["alpha"].as_f64().unwrap());
    let (all, labels) = (probabilities(numbers(&case["probabilities"]), 6), labels(&case["labels"]));
    let rows: Vec<usize> = (0..labels.len()).collect();
    let (first, rest) = rows.split_at(held_out);
    let raps = ClassNonconformity::Raps { penalty: case["penalty"].as_f64().unwrap(), free: labels_of(&case["free"]) };
    for (name, score) in [("lac", ClassNonconformity::Lac), ("aps", ClassNonconformity::Aps), ("raps", raps)] {
        let expected = &case["sets"][name];
        let fitted = ConformalSets::new(score, alpha).fit(&all.select(first), &labels[..held_out]).unwrap();
        agree(&[fitted.threshold()], &expected["threshold"], 1e-14);
        let sets = fitted.predict(&all.select(rest));
        let found = sets.iter().flat_map(|set| (0..6).map(|class| f64::from(u8::from(set.contains(&class)))));
        agree(&found.collect::<Vec<_>>(), &expected["sets"], 0.0);
        agree(&[sets.coverage(&labels[held_out..])], &expected["coverage"], 1e-15);
    }
    let predicted = normals(&numbers(&case["mean"]), &numbers(&case["sd"]));
    let y = Tensor::<f64>::new([labels.len(), 1], numbers(&case["y"]));
    let scores = [
        ("residual", IntervalNonconformity::AbsoluteResidual),
        ("scaled", IntervalNonconformity::ByStandardDeviation),
        ("quantiles", IntervalNonconformity::Quantiles),
    ];
    for (name, score) in scores {
        let fitted = ConformalIntervals::new(score, alpha).fit(&predicted.select(first), &y.select(first)).unwrap();
        agree(fitted.thresholds(), &case["thresholds"][name], 1e-11);
        let intervals = fitted.predict(&predicted.select(rest));
        agree(&[intervals.coverage(&y.select(rest))], &case["covered"][name], 1e-15);
    }
}

#[test]
fn densities_of_features_agree_with_scipy() {
    let case = &reference()["feature_density"];
    let rows = |name: &str, rows| Tensor::<f64>::new([rows, 3], numbers(&case[name]));
    let density = FeatureDensity::fit(&rows("features", 60), &labels(&case["labels"])).unwrap();
    agree(&density.log_density(&rows("at", 10)), &case["log_density"], 1e-9);
    assert!(FeatureDensity::fit(&rows("features", 60), &[[0; 59].as_slice(), &[1]].concat()).is_err());
}
