//! Metrics of classifiers against reference values of numpy and scikit-learn, and diagnostics of chains and of
//! importance weights against those of ArviZ, with the definitions in the `conventions` of `reference/metrics.json`.

use elbo::calibration::TemperatureScaling;
use elbo::metrics::{self, Probabilities, Reliability, WeightedNormals};
use elbo::{Outputs, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

const BYTES: &[u8] = include_bytes!("../reference/metrics.safetensors");
const MANIFEST: &str = include_str!("../reference/metrics.json");
/// Relative for numbers above 1.
const TOLERANCE: f64 = 1e-12;

type Check = fn(&Case);

/// The kinds of cases that are checked here.
const CHECKED: [(&str, Check); 9] = [
    ("scores", check_scores),
    ("calibration", check_calibration),
    ("uncertainty", check_uncertainty),
    ("diagnostics", check_diagnostics),
    ("psis", check_psis),
    ("loo", check_loo),
    ("ood", check_detection),
    ("temperature", check_temperature),
    ("regression", check_regression),
];

struct Case {
    name: String,
    op: String,
    attrs: Value,
    /// The first input. For classifiers these are posterior samples of the probabilities, (S, N, C), with S and C
    /// below.
    samples: Vec<f64>,
    shape: Vec<usize>,
    draws: usize,
    classes: usize,
    labels: Vec<usize>,
    tensors: SafeTensors<'static>,
}

impl Case {
    fn new(case: &Value) -> Case {
        let tensors = SafeTensors::deserialize(BYTES).unwrap();
        let first = case["inputs"][0].as_str().unwrap();
        let shape = tensors.tensor(first).unwrap().shape().to_vec();
        let labels = case["inputs"][1].as_str().map_or_else(Vec::new, |labels| floats(&tensors, labels));
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            op: case["op"].as_str().unwrap().to_owned(),
            attrs: case["attrs"].clone(),
            samples: floats(&tensors, first),
            draws: shape[0],
            classes: shape[shape.len() - 1],
            shape,
            labels: labels.into_iter().map(|label| label as usize).collect(),
            tensors,
        }
    }

    /// One of the case's tensors.
    fn tensor(&self, name: &str) -> Vec<f64> {
        floats(&self.tensors, &format!("{}/{name}", self.name))
    }

    fn mean(&self) -> Vec<f64> {
        metrics::mean_of_draws(&self.samples, self.draws, self.classes)
    }

    #[track_caller]
    fn agrees(&self, output: &str, got: &[f64]) {
        let expected = self.tensor(output);
        assert_eq!(got.len(), expected.len(), "{}: {output}", self.name);
        for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
            let off = (got - expected).abs();
            assert!(
                off <= TOLERANCE * expected.abs().max(1.0),
                "{}: {output}[{i}] is {got}, expected {expected} (off by {off:e})",
                self.name
            );
        }
    }
}

/// A tensor's elements, converted where they are integers.
fn floats(tensors: &SafeTensors<'_>, name: &str) -> Vec<f64> {
    let tensor = tensors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    let words = tensor.data().chunks_exact(8).map(|bytes| bytes.try_into().unwrap());
    match tensor.dtype() {
        Dtype::F64 => words.map(f64::from_le_bytes).collect(),
        Dtype::I64 => words.map(|word| i64::from_le_bytes(word) as f64).collect(),
        other => panic!("{name}: {other:?}"),
    }
}

fn check_scores(case: &Case) {
    let (mean, classes, labels) = (case.mean(), case.classes, &case.labels);
    case.agrees("nll", &[metrics::nll(&mean, classes, labels)]);
    case.agrees("accuracy", &[metrics::accuracy(&mean, classes, labels)]);
    case.agrees("accuracy", &[1.0 - metrics::error(&mean, classes, labels)]);
    case.agrees("brier", &[metrics::brier(&mean, classes, labels)]);
    let each = case.samples.chunks_exact(labels.len() * classes);
    let each: Vec<f64> = each.map(|draw| metrics::nll(draw, classes, labels)).collect();
    case.agrees("nll_per_sample", &each);
}

fn check_calibration(case: &Case) {
    let (mean, classes, labels) = (case.mean(), case.classes, &case.labels);
    let bins = case.attrs["bins"].as_u64().unwrap() as usize;
    case.agrees("ece", &[metrics::ece(&mean, classes, labels, bins)]);
    case.agrees("mce", &[metrics::mce(&mean, classes, labels, bins)]);
    case.agrees("adaptive_ece", &[metrics::adaptive_ece(&mean, classes, labels, bins)]);
    case.agrees("classwise_ece", &[metrics::classwise_ece(&mean, classes, labels, bins)]);
    let table = Reliability::new(&mean, classes, labels, bins);
    case.agrees("ece", &[table.ece()]);
    case.agrees("mce", &[table.mce()]);
    let column = |of: fn(&metrics::Bin) -> f64| table.bins().iter().map(of).collect::<Vec<f64>>();
    case.agrees("bin_count", &column(|bin| bin.count as f64));
    case.agrees("bin_accuracy", &column(|bin| bin.accuracy));
    case.agrees("bin_confidence", &column(|bin| bin.confidence));
}

fn check_uncertainty(case: &Case) {
    let (samples, draws, classes, mean) = (&case.samples, case.draws, case.classes, case.mean());
    case.agrees("predictive", &mean);
    case.agrees("predictive_entropy", &metrics::entropy(&mean, classes));
    case.agrees("expected_entropy", &metrics::expected_entropy(samples, draws, classes));
    case.agrees("mutual_information", &metrics::mutual_information(samples, draws, classes));
    case.agrees("max_prob", &metrics::confidence(&mean, classes));
    case.agrees("variation_ratio", &metrics::variation_ratio(samples, draws, classes));
    case.agrees("prob_sd", &metrics::draw_sd(samples, draws, classes));
    let within = metrics::expected_entropy(samples, draws, classes);
    let held = Probabilities::new(mean, within, classes, draws);
    case.agrees("predictive_entropy", &held.entropy());
    case.agrees("mutual_information", &held.mutual_information());
}

fn check_diagnostics(case: &Case) {
    let chains: Vec<&[f64]> = case.samples.chunks_exact(case.shape[1]).collect();
    case.agrees("rhat_rank", &[metrics::r_hat(&chains)]);
    case.agrees("rhat_split", &[metrics::r_hat_split(&chains)]);
    case.agrees("ess_bulk", &[metrics::ess_bulk(&chains)]);
    case.agrees("ess_tail", &[metrics::ess_tail(&chains)]);
    case.agrees("ess_mean", &[metrics::ess_mean(&chains)]);
    case.agrees("mcse_mean", &[metrics::mcse_mean(&chains)]);
    case.agrees("mcse_sd", &[metrics::mcse_sd(&chains)]);
}

fn check_psis(case: &Case) {
    let psis = metrics::psis_with_r_eff(&case.samples, case.attrs["reff"].as_f64().unwrap());
    case.agrees("log_weights", &psis.log_weights);
    case.agrees("khat", &[psis.k_hat]);
    case.agrees("ess_is", &[psis.effective_sample_size()]);
}

fn check_loo(case: &Case) {
    let draws = case.shape[0] * case.shape[1];
    let loo = metrics::loo_with_r_eff(&case.samples, draws, case.attrs["reff"].as_f64().unwrap());
    case.agrees("elpd_loo", &[loo.elpd]);
    case.agrees("se_loo", &[loo.standard_error]);
    case.agrees("p_loo", &[loo.effective_parameters]);
    case.agrees("loo_i", &loo.pointwise);
    case.agrees("pareto_k", &loo.k_hats);
    let waic = metrics::waic(&case.samples, draws);
    case.agrees("elpd_waic", &[waic.elpd]);
    case.agrees("se_waic", &[waic.standard_error]);
    case.agrees("p_waic", &[waic.effective_parameters]);
    case.agrees("waic_i", &waic.pointwise);
    case.agrees("lppd", &[loo.elpd + loo.effective_parameters]);
}

fn check_detection(case: &Case) {
    let (positives, negatives): (Vec<_>, Vec<_>) =
        case.samples.iter().zip(&case.labels).partition(|(_, label)| **label == 1);
    let scores = |of: Vec<(&f64, &usize)>| of.into_iter().map(|(score, _)| *score).collect::<Vec<f64>>();
    let (positives, negatives) = (scores(positives), scores(negatives));
    case.agrees("auroc", &[metrics::auroc(&positives, &negatives)]);
    case.agrees("aupr", &[metrics::aupr(&positives, &negatives)]);
    case.agrees("aupr_trapezoid", &[metrics::aupr_trapezoid(&positives, &negatives)]);
    case.agrees("fpr95", &[metrics::fpr95(&positives, &negatives)]);
}

fn check_temperature(case: &Case) {
    let logits: Outputs<f64> = Outputs::new(Tensor::new([1, case.shape[0], case.shape[1]], &case.samples[..]));
    let scaling = TemperatureScaling::fit(&logits, &case.labels).unwrap();
    case.agrees("temperature", &[scaling.temperature()]);
    case.agrees("nll_before", &[scaling.nll_before()]);
    case.agrees("nll_after", &[scaling.nll()]);
}

fn check_regression(case: &Case) {
    let y = case.tensor("y");
    if case.op == "crps_ensemble" {
        let each = |score: fn(&[f64], f64) -> f64| {
            let of = |(i, y): (usize, &f64)| {
                let samples: Vec<f64> = case.samples.iter().skip(i).step_by(case.shape[1]).copied().collect();
                score(&samples, *y)
            };
            y.iter().enumerate().map(of).collect::<Vec<f64>>()
        };
        case.agrees("crps", &each(metrics::crps_samples));
        return case.agrees("crps_fair", &each(metrics::crps_samples_fair));
    }
    let (weights, sds, n) = (case.tensor("weights"), case.tensor("sd"), y.len());
    let column = |table: &[f64], i: usize| table.iter().skip(i).step_by(n).copied().collect::<Vec<f64>>();
    let predicted: Vec<WeightedNormals> =
        (0..n).map(|i| WeightedNormals::new(&weights, &column(&case.samples, i), &column(&sds, i))).collect();
    let each = |of: &dyn Fn(&WeightedNormals, f64) -> f64| -> Vec<f64> {
        predicted.iter().zip(&y).map(|(predicted, y)| of(predicted, *y)).collect()
    };
    let crps = each(&|predicted, y| predicted.crps(y));
    case.agrees("mean_crps", &[crps.iter().sum::<f64>() / n as f64]);
    case.agrees("crps", &crps);
    case.agrees("nll", &each(&|predicted, y| -predicted.log_likelihood(y)));
    case.agrees("pit", &each(&WeightedNormals::cdf));
    let means = each(&|predicted, _| predicted.mean());
    case.agrees("pred_mean", &means);
    let variances = each(&|predicted, _| predicted.variance());
    case.agrees("pred_var", &variances);
    case.agrees("aleatoric_var", &each(&|predicted, _| predicted.aleatoric_variance()));
    case.agrees("epistemic_var", &each(&|predicted, _| predicted.epistemic_variance()));
    case.agrees("rmse", &[metrics::rmse(&means, &y)]);
    let coverage = |level: &Value| {
        let standard = Outputs::<f64>::new(Tensor::zeros([1, 1, 1])).under(&elbo::Gaussian::new(1.0));
        let z = standard.interval(level.as_f64().unwrap()).1[0];
        let bound =
            |sign: f64| means.iter().zip(&variances).map(|(mean, v)| mean + sign * z * v.sqrt()).collect::<Vec<_>>();
        metrics::coverage(&bound(-1.0), &bound(1.0), &y)
    };
    case.agrees("coverage_normal", &case.attrs["levels"].as_array().unwrap().iter().map(coverage).collect::<Vec<_>>());
}

#[test]
fn metrics_agree_with_the_reference() {
    let manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let mut checked = 0;
    for case in manifest["cases"].as_array().unwrap() {
        let (name, kind) = (case["name"].as_str().unwrap(), case["kind"].as_str().unwrap());
        if let Some((_, check)) = CHECKED.iter().find(|(known, _)| *known == kind) {
            check(&Case::new(case));
            checked += 1;
        } else {
            panic!("{name}: the kind {kind} is not checked");
        }
    }
    assert_eq!(
        checked, 35,
        "5 cases each of scores, calibration and uncertainty, 6 of chains, 3 of weights, 2 of models, 4 of detection, 2 of \
         temperatures, 3 of predicted numbers"
    );
}

#[test]
fn single_precision_gives_the_same_within_its_rounding() {
    let manifest: Value = serde_json::from_str(MANIFEST).unwrap();
    let case = manifest["cases"].as_array().unwrap().iter().find(|case| case["name"] == "cls_b.scores");
    let case = Case::new(case.unwrap());
    let mean = case.mean();
    let single: Vec<f32> = mean.iter().map(|&p| p as f32).collect();
    let difference =
        metrics::nll(&single, case.classes, &case.labels) - metrics::nll(&mean, case.classes, &case.labels);
    assert!(difference.abs() < 1e-6, "{difference}");
}
