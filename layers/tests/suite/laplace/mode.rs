//! How far the means are from a mode, priors that are almost normal, Hessians by differences, and a forward of another form.

use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::prelude::*;
use elbo::{HeteroscedasticGaussian, LaplaceError, LogJoint, PriorGroups, TrainError};

use super::explicit::jacobian;
use super::{Network, assert_close, inverse, network, sines, with_sines};

const NOISE: f64 = 0.4;

/// A regression with three inputs and two outputs, and the mode of a linear model of it.
fn regression() -> (Examples<f64, Tensor<f64>>, Dense<MeanField<f64>>) {
    let data = Examples::new(sines([12, 3], 0.9), sines([12, 2], 1.9)).unwrap();
    let mut model: Dense<MeanField<f64>> = Dense::mean_field(3, 2);
    // The log joint density is a quadratic form, so a Newton step reaches its mode.
    let covariance = Laplace::new(Gaussian::new(NOISE)).full().quiet().fit(&model, &data).unwrap().covariance();
    let (mut weights, likelihood) = (model.mean_weights(), Gaussian::new(NOISE));
    let mut slope = vec![0.0; 8];
    LogJoint::new(&model, &likelihood, &data).gradient(&weights, &mut slope);
    let mode: Vec<f64> =
        weights.flat().iter().zip(covariance.data().chunks(8)).map(|(w, row)| w + dot(row, &slope)).collect();
    weights.set_flat(&mode).unwrap();
    model.set_means(&weights).unwrap();
    (data, model)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn moved(model: &Dense<MeanField<f64>>, by: impl Fn(usize) -> f64) -> Dense<MeanField<f64>> {
    let (mut model, mut weights) = (model.clone(), model.mean_weights());
    let flat: Vec<f64> = weights.flat().iter().enumerate().map(|(i, w)| w + by(i)).collect();
    weights.set_flat(&flat).unwrap();
    model.set_means(&weights).unwrap();
    model
}

#[test]
fn the_distance_from_the_mode_is_that_of_the_log_joint_density() {
    let ((data, model), likelihood) = (regression(), Gaussian::new(NOISE));
    let laplace = || Laplace::new(likelihood).quiet();
    let at_mode = laplace().full().fit(&model, &data).unwrap();
    assert!(at_mode.nats_below_mode() < 1e-20 && at_mode.is_at_mode(), "{}", at_mode.verdict());
    assert!(at_mode.verdict().starts_with("good"));

    let far = moved(&model, |i| 0.3 * (1.1 * i as f64).sin());
    let joint = |model: &Dense<MeanField<f64>>| LogJoint::new(model, &likelihood, &data).value(&model.mean_weights());
    let (nats, posterior) = (joint(&model) - joint(&far), laplace().full().fit(&far, &data).unwrap());
    assert!(nats > 5.0);
    assert_close("nats", &[posterior.nats_below_mode()], &[nats], 1e-9);
    assert_close("evidence", &[posterior.log_evidence() + nats], &[at_mode.log_evidence()], 1e-9);
    assert!(!posterior.is_at_mode());
    let verdict = posterior.verdict();
    for words in ["not at a mode", &format!("{nats:.1} nats")[..], "standard deviations", "`Map`"] {
        assert!(verdict.contains(words), "{verdict}");
    }

    // For every structure it is ½ gᵀ P⁻¹ g, also after the prior has changed.
    let narrow = far.clone().prior(Normal(0.0, 0.5));
    for laplace in [laplace().kronecker(), laplace().diagonal(), laplace().full()] {
        let posterior = laplace.fit(&far, &data).unwrap();
        let check = |posterior: &elbo::LaplacePosterior<'_, _>, slope: Vec<f64>| {
            let covariance = posterior.covariance();
            let expected: f64 =
                covariance.data().chunks(8).zip(&slope).map(|(row, g)| 0.5 * g * dot(row, &slope)).sum();
            assert_close("nats", &[posterior.nats_below_mode()], &[expected], 1e-9);
        };
        let mut slope = vec![0.0; 8];
        LogJoint::new(&far, &likelihood, &data).gradient(&far.mean_weights(), &mut slope);
        check(&posterior, slope.clone());
        LogJoint::new(&narrow, &likelihood, &data).gradient(&narrow.mean_weights(), &mut slope);
        check(&posterior.prior_precision(4.0).unwrap(), slope);
    }
}

#[test]
fn a_trained_estimate_is_at_a_mode_in_single_precision() {
    let x: Tensor = sines([60, 2], 0.7);
    let labels = x.data().chunks(2).map(|x| usize::from(x[0] > x[1])).collect();
    let data = Examples::new(x, labels).unwrap();
    let mut model: Network<f32> = network([2, 4, 2], Normal(0.0, 1.0));
    Map::new(Categorical).quiet().fit(&mut model, &data, UntilConverged::new()).unwrap();
    let posterior = Laplace::new(Categorical).full().fit(&model, &data).unwrap();
    assert!(posterior.is_at_mode() && posterior.nats_below_mode() < 0.1, "{}", posterior.verdict());
}

#[test]
fn a_prior_that_is_almost_normal_is_told_from_one_in_any_precision() {
    fn fitted<T: Real>(prior: MonteCarlo<StudentT>) -> Result<(), LaplaceError> {
        let model: Dense<MeanField<T>, MonteCarlo<StudentT>> = with_sines(Dense::of(2, 1, MeanField::new, prior));
        let data = Examples::new(sines([20, 2], 0.7), sines([20, 1], 1.1)).unwrap();
        let posterior = Laplace::new(Gaussian::new(0.5)).diagonal().quiet().fit(&model, &data)?;
        posterior.fit_prior(PriorGroups::One).map(drop)
    }
    for result in
        [fitted::<f32>(MonteCarlo(StudentT(1000.0, 0.0, 0.7))), fitted::<f64>(MonteCarlo(StudentT(1e6, 0.0, 0.7)))]
    {
        assert!(
            matches!(&result, Err(LaplaceError::Prior { weight, mistake }) if weight == "weight" && mistake.contains("not normal"))
        );
    }

    /// Normal in its unconstrained number, with the log-Jacobian.
    #[bayesian]
    struct Positive {
        #[prior(MonteCarlo(LogNormalPrior::new(0.5, 0.3)))]
        slope: LogNormal,
        #[prior(Normal(-40.0, 0.7))]
        far: MeanField,
    }
    #[bayesian]
    impl Positive {
        fn forward(&self, x: Var) -> Var {
            x * *self.slope + *self.far
        }
    }
    let model = Positive { slope: LogNormal::new([1]), far: MeanField::new([1]) };
    let data: Examples<f32, Tensor> = Examples::new(sines([20, 1], 0.7), sines([20, 1], 1.1)).unwrap();
    let posterior = Laplace::new(Gaussian::new(0.5)).diagonal().quiet().fit(&model, &data).unwrap();
    assert!(posterior.fit_prior(PriorGroups::ByWeight).is_ok());
}

#[test]
fn the_hessian_in_single_precision_does_not_depend_on_the_scale_of_the_inputs() {
    fn at<T: Real>(scale: f64) -> (Dense<MeanField<T>>, Examples<T, Tensor<T>>) {
        let mut model: Dense<MeanField<T>> = with_sines(Dense::mean_field(2, 1));
        let mut weights = model.mean_weights();
        weights.get_mut("weight").unwrap().iter_mut().for_each(|w| *w *= T::from_f64(1.0 / scale));
        model.set_means(&weights).unwrap();
        let mut x = sines::<f64>([40, 2], 0.7);
        x.data_mut().iter_mut().for_each(|x| *x *= scale);
        (model, Examples::new(x.cast::<T>(), Tensor::from_fn([40, 1], |i| f64::from(i % 3 == 0))).unwrap())
    }
    for scale in [1e-3, 1.0, 1e3] {
        let laplace = Laplace::new(Bernoulli).full().quiet();
        let ((double, data), (single, in_single)) = (at::<f64>(scale), at::<f32>(scale));
        // For natural parameters the Gauss-Newton matrix of a linear model is its Hessian.
        let exact = laplace.fit(&double, &data).unwrap();
        let found = laplace.clone().hessian().fit(&double, &data).unwrap();
        assert_close("ln det", &[found.log_determinant()], &[exact.log_determinant()], 1e-9);
        let found = laplace.hessian().fit(&single, &in_single).unwrap();
        assert_close("ln det in f32", &[found.log_determinant()], &[exact.log_determinant()], 1e-4);
        for ((name, found), (_, exact)) in found.sds().into_iter().zip(exact.sds()) {
            assert_close(name, &found, &exact, 1e-3);
        }
    }
    // At a kink two steps do not agree.
    let model: Dense<MeanField<f64>> = Dense::mean_field(2, 1);
    let model = moved(&model, |i| -model.mean_weights().flat()[i]);
    let data = Examples::new(sines::<f64>([9, 2], 0.7), Tensor::full([9, 1], 1.0)).unwrap();
    let kinked =
        Laplace::new(Gaussian::new(0.5)).full().hessian().fit_with(&model, &data, |net, x| net.forward(x).abs());
    assert!(matches!(&kinked, Err(LaplaceError::Differences { weight, .. }) if weight == "weight"), "{kinked:?}");
}

#[test]
fn scales_have_their_fisher_information_so_that_the_curvature_is_positive_anywhere() {
    let model = network::<f64>([2, 3, 2], Normal(0.0, 10.0));
    let (x, rows) = (sines::<f64>([8, 2], 0.7), 8);
    // Targets far from the outputs, where the Hessian is indefinite.
    let data = Examples::new(x.clone(), Tensor::<f64>::full([rows, 1], 5.0)).unwrap();
    let indefinite = Laplace::new(HeteroscedasticGaussian).full().hessian().quiet().fit(&model, &data);
    assert!(matches!(indefinite, Err(LaplaceError::Curvature { .. })));
    let found = Laplace::new(HeteroscedasticGaussian).full().quiet().fit(&model, &data).unwrap();
    let d = found.num_weights();
    let tape = Tape::inference();
    let outputs = model.mean(&tape).forward(tape.input(&x)).to_tensor();
    let mut precision = vec![0.0; d * d];
    (0..d).for_each(|i| precision[i * d + i] = 0.01);
    for row in 0..rows {
        let j = jacobian(&model, &x, row, 2);
        let information = [(-2.0 * outputs.data()[2 * row + 1]).exp(), 2.0];
        for i in 0..d * d {
            precision[i] += (0..2).map(|k| information[k] * j[k * d + i / d] * j[k * d + i % d]).sum::<f64>();
        }
    }
    assert_close("covariance", found.covariance().data(), &inverse(&precision, d).0, 1e-9);
}

#[test]
fn a_forward_of_another_form_is_that_of_its_fit_and_of_its_predictions() {
    let (data, model) = regression();
    let half = Tensor::from_fn([12, 3], |i| 0.5 * data.inputs().data()[i]);
    let halved = Examples::new(half.clone(), data.targets().clone()).unwrap();
    for laplace in
        [Laplace::new(Gaussian::new(NOISE)).quiet(), Laplace::new(Gaussian::new(NOISE)).full().hessian().quiet()]
    {
        let own = laplace.fit(&model, &halved).unwrap();
        let other = laplace.fit_with(&model, &data, |net, x| net.forward(x * 0.5)).unwrap();
        assert_close("covariance", other.covariance().data(), own.covariance().data(), 1e-12);
        assert_close("evidence", &[other.log_evidence()], &[own.log_evidence()], 1e-12);
        assert_eq!(other.linearised(data.inputs()), own.linearised(&half));
        assert_eq!(other.outputs(data.inputs(), Draws(3)), own.outputs(&half, Draws(3)));
    }
}

#[test]
fn held_out_data_are_checked_first_and_their_jacobians_computed_once() {
    let model = network::<f64>([2, 4, 3], Normal(0.0, 1.0));
    let labelled = |rows: usize, columns: usize| {
        Examples::new(sines::<f64>([rows, columns], 0.7), (0..rows).map(|i| i % 3).collect::<Vec<_>>()).unwrap()
    };
    let calls = AtomicUsize::new(0);
    let posterior = || {
        Laplace::new(Categorical).quiet().fit_with(&model, &labelled(30, 2), |net, x| {
            calls.fetch_add(1, Ordering::Relaxed);
            net.forward(x)
        })
    };
    let fitted = posterior().unwrap();
    let before = calls.load(Ordering::Relaxed);
    fitted.fit_prior_on(&Categorical, &labelled(600, 2), Draws(4)).unwrap();
    // Each of three batches has a pass for its outputs and one for its adjoints; the check has three more.
    let found = calls.load(Ordering::Relaxed) - before;
    assert!(found <= 3 * 2 + 3, "{found}");

    let wide = posterior().unwrap().fit_prior_on(&Categorical, &labelled(20, 3), Draws(4));
    assert!(
        matches!(&wide, Err(LaplaceError::Model(TrainError::Forward { examples: "held-out data", .. }))),
        "{wide:?}"
    );
    let labels = Examples::new(sines::<f64>([5, 2], 0.7), vec![0, 1, 2, 3, 0]).unwrap();
    let outside = posterior().unwrap().fit_prior_on(&Categorical, &labels, Draws(4));
    assert!(matches!(&outside, Err(LaplaceError::Model(TrainError::Targets(_)))), "{outside:?}");
}
