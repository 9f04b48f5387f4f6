//! Prior precisions: read from the model, fitted by evidence and on held-out data.

use elbo::PriorGroups;
use elbo::prelude::*;

use super::{Network, assert_close, network, sines};

fn data(rows: usize) -> Examples<f64> {
    let x = sines([rows, 2], 0.7);
    let labels = x.data().chunks(2).map(|x| usize::from(x[0] > x[1]) + usize::from(x[0] > 0.5)).collect();
    Examples::new(x, labels).unwrap()
}

#[test]
fn fitted_precisions_maximise_the_evidence_in_every_direction() {
    let (model, data) = (network::<f64>([2, 4, 3], Normal(0.0, 1.0)), data(40));
    let laplace = Laplace::new(Categorical);
    for laplace in [laplace.clone().full(), laplace.clone().kronecker(), laplace.diagonal()] {
        let mut evidences = Vec::new();
        for (groups, count) in [(PriorGroups::One, 1), (PriorGroups::ByLayer, 2), (PriorGroups::ByWeight, 4)] {
            let fitted = laplace.fit(&model, &data).unwrap().fit_prior(groups).unwrap();
            let mut precisions: Vec<f64> = fitted.prior_precisions().map(|(_, p)| p[0]).collect();
            precisions.dedup();
            assert_eq!(precisions.len(), count, "{precisions:?}");
            evidences.push(fitted.log_evidence());
        }
        assert!(evidences.is_sorted(), "{evidences:?}");
        // The derivative of the evidence with respect to ln precision vanishes at the best one.
        let fitted = laplace.fit(&model, &data).unwrap().fit_prior(PriorGroups::One).unwrap();
        let best = fitted.prior_precisions().next().unwrap().1[0];
        let at = |x: f64| laplace.fit(&model, &data).unwrap().prior_precision(best * x.exp()).unwrap().log_evidence();
        let slope = (at(1e-3) - at(-1e-3)) / 2e-3;
        assert!(slope.abs() < 1e-4 && at(0.5) < at(0.0) && at(-0.5) < at(0.0), "{slope}");
    }
}

#[test]
fn the_precision_is_that_of_the_models_prior_for_any_prior() {
    let data = data(40);
    let precisions = |prior: MonteCarlo<StudentT>| {
        let layer = |inputs, outputs| Dense::of(inputs, outputs, MeanField::<f64>::new, prior);
        #[bayesian]
        struct Heavy {
            hidden: Dense<MeanField<f64>, MonteCarlo<StudentT>>,
            head: Dense<MeanField<f64>, MonteCarlo<StudentT>>,
        }
        #[bayesian]
        impl Heavy {
            fn forward(&self, x: Var<f64>) -> Var<f64> {
                self.head.forward(self.hidden.forward(x).tanh())
            }
        }
        let model = super::with_sines(Heavy { hidden: layer(2, 4), head: layer(4, 3) });
        let posterior = Laplace::new(Categorical).diagonal().fit(&model, &data).unwrap();
        (posterior.prior_precisions().flat_map(|(_, p)| p.to_vec()).collect::<Vec<f64>>(), model.mean_weights().flat())
    };
    // −∂² ln p/∂w² of Student's t is (ν + 1) (ν s² − w²)/(ν s² + w²)².
    let (found, weights) = precisions(MonteCarlo(StudentT(4.0, 0.0, 0.7)));
    let scale: f64 = 4.0 * 0.7 * 0.7;
    let expected: Vec<f64> = weights.iter().map(|w| 5.0 * (scale - w * w) / (scale + w * w).powi(2)).collect();
    assert_close("precisions", &found, &expected, 1e-9);

    let model: Network<f32> = network([2, 4, 3], Normal(0.3, 0.7));
    let data = Examples::new(data.inputs().cast::<f32>(), data.targets().clone()).unwrap();
    let posterior = Laplace::new(Categorical).fit(&model, &data).unwrap();
    let found: Vec<f64> = posterior.prior_precisions().flat_map(|(_, p)| p.to_vec()).collect();
    assert_close("precisions in f32", &found, &vec![1.0 / 0.49; found.len()], 1e-5);
    let exact = posterior.mode().flat().into_iter().map(|w| -0.5 * ((f64::from(w) - 0.3) / 0.7).powi(2));
    let exact: f64 = exact.map(|x| x - 0.7f64.ln() - 0.5 * std::f64::consts::TAU.ln()).sum();
    assert_close("ln p(w)", &[posterior.log_prior_at_mode()], &[exact], 1e-5);
}

#[test]
fn held_out_data_choose_the_precision_of_the_smallest_loss() {
    // A network that is too certain: of its labels every fifth is another one.
    let mut model = network::<f64>([2, 4, 3], Normal(0.0, 3.0));
    let mut weights = model.mean_weights();
    weights.get_mut("head.weight").unwrap().iter_mut().for_each(|w| *w *= 6.0);
    model.set_means(&weights).unwrap();
    let labelled = |rows: usize, frequency: f64| {
        let x = sines([rows, 2], frequency);
        let tape = Tape::inference();
        let logits = model.mean(&tape).forward(tape.input(&x)).to_tensor();
        let top = |row: &[f64]| (0..3).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap();
        let labels = logits.data().chunks(3).enumerate().map(|(i, row)| (top(row) + usize::from(i % 5 == 0)) % 3);
        Examples::new(x.clone(), labels.collect()).unwrap()
    };
    let (train, test) = (labelled(30, 0.7), labelled(60, 1.1));
    let (laplace, draws) = (Laplace::new(Categorical), Draws(50));
    let fitted = laplace.fit(&model, &train).unwrap().fit_prior_on(&Categorical, &test, draws).unwrap();
    let best = fitted.prior_precisions().next().unwrap().1[0];
    let nll = |precision: f64| {
        let posterior = laplace.fit(&model, &train).unwrap().prior_precision(precision).unwrap();
        posterior.log_likelihood(&Categorical, &test, draws).unwrap().nll()
    };
    let step = 1e8f64.powf(1.0 / 32.0);
    assert!(best > 2e-4 && best < 5e3, "{best}");
    assert!((1..=4).all(|i| nll(best) < nll(best * step.powi(i)) && nll(best) < nll(best / step.powi(i))), "{best}");
    let predicted = fitted.predict(&Categorical, test.inputs(), draws).nll(test.targets());
    assert_close("NLL", &[predicted], &[nll(best)], 1e-12);
}
