//! Two small networks against laplace-torch (`layers/tests/reference/laplace_approximation.py`).

use elbo::prelude::*;
use elbo::{LaplaceError, LaplacePosterior, PriorGroups};
use serde_json::Value;

use super::{Network, assert_close};

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().flat_map(|x| x.as_f64().map_or_else(|| numbers(x), |x| vec![x])).collect()
}

fn check<'m>(case: &Value, test: &Tensor<f64>, fit: impl Fn() -> Result<LaplacePosterior<'m, Network>, LaplaceError>) {
    let name = format!("{} {} {}", case["likelihood"], case["structure"], case["subset"]);
    let evidence = |value: &Value| [value["log_evidence"].as_f64().unwrap()];
    let posterior = fit().unwrap();
    assert_close(&format!("{name} evidence"), &[posterior.log_evidence()], &evidence(case), 1e-6);
    let predicted = posterior.linearised(test);
    assert_close(&format!("{name} means"), predicted.means(), &numbers(&case["means"]), 1e-10);
    assert_close(&format!("{name} covariances"), predicted.covariances(), &numbers(&case["covariances"]), 1e-6);
    if let Some(probit) = case.get("probit") {
        assert_close(&format!("{name} probit"), &predicted.softmax_probit(), &numbers(probit), 1e-6);
    }
    for (key, groups) in [("one", PriorGroups::One), ("by_weight", PriorGroups::ByWeight)] {
        let Some(best) = case.get(key) else { continue };
        let fitted = fit().unwrap().fit_prior(groups).unwrap();
        let mut precisions: Vec<f64> = fitted.prior_precisions().map(|(_, precisions)| precisions[0]).collect();
        let expected = numbers(&best["precision"]);
        precisions.truncate(expected.len());
        for (found, expected) in precisions.iter().zip(&expected) {
            assert!((found / expected - 1.0).abs() < 1e-5, "{name} {key}: {precisions:?}, expected {expected:?}");
        }
        assert_close(&format!("{name} {key} evidence"), &[fitted.log_evidence()], &evidence(best), 1e-6);
    }
}

#[test]
fn evidence_predictions_and_precisions_are_those_of_laplace_torch() {
    let all: Value = serde_json::from_str(include_str!("../../reference/laplace_approximation.json")).unwrap();
    let size = |key: &str| all[key].as_u64().unwrap() as usize;
    let prior = Normal(0.0, all["precision"].as_f64().unwrap().sqrt().recip());
    let cases = all["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let outputs = case["outputs"].as_u64().unwrap() as usize;
        let layer = |inputs, outputs| Dense::of(inputs, outputs, MeanField::new, prior);
        let mut model = Network { hidden: layer(size("inputs"), size("hidden")), head: layer(size("hidden"), outputs) };
        let mut weights = model.mean_weights();
        weights.set_flat(&numbers(&case["weights"])).unwrap();
        model.set_means(&weights).unwrap();
        let table = |values: Vec<f64>, columns: usize| Tensor::new([values.len() / columns, columns], values);
        let [x, test] = ["x", "test"].map(|key| table(numbers(&case[key]), size("inputs")));
        macro_rules! with_options {
            ($laplace:expr) => {{
                let laplace = match case["structure"].as_str().unwrap() {
                    "full" => $laplace.full(),
                    "kron" => $laplace.kronecker(),
                    _ => $laplace.diagonal(),
                };
                if case["subset"] == "last_layer" { laplace.last_layer() } else { laplace }
            }};
        }
        let y = numbers(&case["y"]);
        if case["likelihood"] == "regression" {
            let data = Examples::new(x, table(y, outputs)).unwrap();
            let laplace = with_options!(Laplace::new(Gaussian::new(all["noise"].as_f64().unwrap())));
            check(case, &test, || laplace.fit(&model, &data));
        } else {
            let data = Examples::new(x, y.into_iter().map(|y| y as usize).collect()).unwrap();
            let laplace = with_options!(Laplace::new(Categorical));
            check(case, &test, || laplace.fit(&model, &data));
        }
    }
}
