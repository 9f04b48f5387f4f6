//! What a Laplace approximation refuses, and how it says so.

use elbo::LaplaceError;
use elbo::prelude::*;

use super::{network, sines};

fn labelled(rows: usize) -> Examples<f64> {
    Examples::new(sines([rows, 2], 0.7), (0..rows).map(|i| i % 3).collect()).unwrap()
}

#[track_caller]
fn assert_says<V: std::fmt::Debug>(result: Result<V, LaplaceError>, words: &[&str]) {
    let said = result.unwrap_err().to_string();
    words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is not in: {said}"));
}

/// p(y) ∝ 1/(1 + (y − f)²), as a likelihood of a user that has only the density.
struct Cauchy1;

impl Likelihood<f64> for Cauchy1 {
    type Targets = Tensor<f64>;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t, f64>, targets: &'t Tensor<f64>) -> Var<'t, f64> {
        -((output - output.tape().input(targets)).square() + 1.0).ln()
    }

    fn predictive(&self, _: &Outputs<f64>) {}
}

#[test]
fn a_curvature_that_is_not_positive_definite_names_the_weight() {
    // Targets far from the outputs, where −ln p is concave.
    let model = network::<f64>([2, 3, 1], Normal(0.0, 100.0));
    let data = Examples::new(sines([8, 2], 0.7), Tensor::<f64>::full([8, 1], 5.0)).unwrap();
    for laplace in [Laplace::new(Cauchy1).full(), Laplace::new(Cauchy1).full().hessian()] {
        let result = laplace.fit(&model, &data);
        match result {
            Err(LaplaceError::Curvature { weight, value, .. }) => {
                assert!(weight.ends_with("weight") || weight.ends_with("bias"), "{weight}");
                assert!(value <= 0.0, "{value}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_prior_without_curvature_names_the_weight() {
    let data = labelled(9);
    let heavy: Dense<MeanField<f64>, MonteCarlo<StudentT>> =
        Dense::of(2, 3, MeanField::new, MonteCarlo(StudentT(1.0, 0.0, 0.01)));
    let heavy = super::with_sines(heavy);
    assert_says(Laplace::new(Categorical).fit(&heavy, &data), &["`weight`", "negative curvature", "normal prior"]);
    let sharp: Dense<MeanField<f64>, LaplacePrior> = Dense::of(2, 3, MeanField::new, LaplacePrior(0.0, 0.5));
    // Biases start at 0, where this prior has a kink.
    assert_says(Laplace::new(Categorical).fit(&sharp, &data), &["`bias`", "second derivative"]);
    let flat = super::with_sines(sharp);
    // Without a prior, only differences of logits are determined.
    assert_says(Laplace::new(Categorical).full().fit(&flat, &data), &["not positive definite", "prior"]);
    let posterior = Laplace::new(Gaussian::new(1.0)).fit(&flat, &numbers()).unwrap();
    assert_says(posterior.fit_prior(elbo::PriorGroups::One), &["`weight`", "not normal"]);
}

fn numbers() -> Examples<f64, Tensor<f64>> {
    Examples::new(sines([9, 2], 0.7), sines([9, 3], 1.1)).unwrap()
}

#[test]
fn options_that_do_not_fit_are_errors() {
    let (model, data) = (network::<f64>([2, 3, 3], Normal(0.0, 1.0)), labelled(9));
    let laplace = Laplace::new(Categorical);
    assert_says(laplace.clone().hessian().fit(&model, &data), &["hessian", ".full()"]);
    assert_says(laplace.clone().weights(["haed.*"]).fit(&model, &data), &["`haed.*`", "`head"]);
    assert_says(laplace.fit(&model, &data).unwrap().prior_precision(-1.0), &["prior_precision", "-1"]);
    let wide = network::<f64>([2, 3, 2], Normal(0.0, 1.0));
    assert_says(laplace.fit(&wide, &data), &["label"]);
    let posterior = laplace.weights(["head"]).fit(&model, &data).unwrap();
    assert_eq!(posterior.names().collect::<Vec<_>>(), ["head.weight", "head.bias"]);
}

#[test]
fn a_last_layer_of_many_classes_needs_no_matrix_of_outputs_by_features() {
    let (classes, features) = (120, 120);
    let model: Dense<MeanField<f64>> = super::with_sines(Dense::mean_field(features, classes));
    let data = Examples::new(sines([300, features], 0.7), (0..300).map(|i| i * i % classes).collect()).unwrap();
    let laplace = Laplace::new(Categorical).last_layer();
    assert_says(laplace.clone().full().fit(&model, &data), &["14520 rows", "GiB", ".kronecker()", ".last_layer()"]);
    let [kronecker, diagonal] =
        [laplace.clone(), laplace.diagonal()].map(|laplace| laplace.fit(&model, &data).unwrap());
    let some = data.rows(0..3);
    for posterior in [kronecker, diagonal] {
        let predicted = posterior.linearised(some.inputs());
        assert!(predicted.variances().iter().all(|v| *v > 0.0 && v.is_finite()));
        let outputs = posterior.outputs(some.inputs(), Draws(3));
        assert!(outputs.tensor().data().iter().all(|y| y.is_finite()) && outputs.sd().iter().all(|sd| *sd > 0.0));
    }
}
