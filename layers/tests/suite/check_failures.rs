//! Checks of a posterior that cannot be made, and verdicts over several statistics.

use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::checks::{Calibration, CheckError, PredictiveCheck};
use elbo::prelude::*;

#[test]
fn a_calibration_stops_at_the_first_simulation_that_fails() {
    let (model, likelihood) = (Dense::new(1, 1), Gaussian::new(0.5));
    let x = Tensor::from_fn([5, 1], |i| i as f64);
    for threads in [1, 3] {
        let runs = AtomicUsize::new(0);
        let calibration = Calibration::new(&likelihood).simulations(400).draws(3).threads(threads);
        let seeds = std::sync::Mutex::new(Vec::new());
        let first = calibration.clone().run(&model, &x, |_, seed| {
            seeds.lock().unwrap().push(seed);
            Ok::<_, String>(KeptDraws::new(&model, Draws(3)))
        });
        assert!(first.is_ok());
        let fails: Vec<u64> = seeds.into_inner().unwrap().into_iter().filter(|seed| seed % 5 == 0).collect();
        let failed = calibration.run(&model, &x, |_, seed| {
            runs.fetch_add(1, Ordering::Relaxed);
            if seed % 5 == 0 { Err("no convergence") } else { Ok(KeptDraws::new(&model, Draws(3))) }
        });
        let Err(CheckError::Inference { simulation, message }) = failed else { panic!("{failed:?}") };
        let runs = runs.into_inner();
        assert!(message == "no convergence" && fails.len() > 40 && simulation < 40, "{simulation}");
        // Those before it, itself, and what ran beside it.
        assert!((simulation + 1..=simulation + 1 + 20).contains(&runs), "{runs} {simulation}");
        assert!(threads > 1 || runs == simulation + 1, "{runs} {simulation}");
    }
}

#[test]
fn a_quantity_without_a_rank_is_an_error_that_names_it() {
    /// A normal likelihood with a mistake: it is NaN for outputs below −100.
    struct Mistaken(Gaussian);
    impl Likelihood<f32> for Mistaken {
        type Targets = Tensor;
        type Predictive = Mixture<Gaussian>;

        fn log_likelihood<'t>(&self, output: Var<'t>, targets: &'t Tensor) -> Var<'t> {
            Likelihood::<f32>::log_likelihood(&self.0, output, targets) + (output + 100.0).sqrt() * 0.0
        }

        fn predictive(&self, outputs: &Outputs<f32>) -> Mixture<Gaussian> {
            Likelihood::<f32>::predictive(&self.0, outputs)
        }
    }
    let (model, likelihood) = (Dense::new(1, 1), Mistaken(Gaussian::new(0.5)));
    let x = Tensor::from_fn([5, 1], |i| i as f64);
    let nan = Calibration::new(&likelihood).simulations(3).draws(2).run(&model, &x, |_, _| {
        let weights = [1.0, -500.0].map(|bias| {
            let mut weights = model.mean_weights();
            weights.set_flat(&[0.0, bias]).unwrap();
            weights
        });
        KeptDraws::of(Box::new(model.clone()), weights.to_vec())
    });
    match nan {
        Err(CheckError::NotANumber { simulation: 0, quantity, place }) => {
            assert!(quantity == "log likelihood" && place.contains("draw 1"), "{quantity} {place}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn verdicts_over_many_statistics_are_corrected() {
    // Normal noise, of which every observed target is one statistic.
    let x: Tensor = Tensor::zeros([40, 1]);
    let model = Dense::new(1, 1);
    let mut zero = model.mean_weights();
    zero.set_flat(&[0.0, 0.0]).unwrap();
    let draws = KeptDraws::of(&model, vec![zero; 4000]).unwrap();
    let likelihood = Gaussian::new(1.0);
    let check = |y: Tensor| {
        let data = Examples::new(x.clone(), y).unwrap();
        let mut check = PredictiveCheck::new(&likelihood, &data);
        for row in 0..40 {
            check = check.statistic(&format!("target {row}"), move |y: &Tensor| f64::from(y.data()[row]));
        }
        check.run(&draws).unwrap()
    };
    // The quantiles of the model itself: two of the 40 are beyond 1 % by themselves, as they should be.
    let y = Tensor::from_fn([40, 1], |i| Univariate::quantile(&Gaussian::new(1.0), &[0.0], (i as f64 + 0.3) / 40.0));
    let fits = check(y.clone());
    assert!(fits.statistics.iter().any(|statistic| !statistic.is_good()) && fits.is_good(), "{fits}");
    assert!(fits.verdict().starts_with("good"));
    // Holm's procedure by its definition: the k-th smallest p value is compared with α/(m − k + 1), until one is larger.
    let corrected = fits.corrected();
    for level in [0.001, 0.01, 0.1, 0.3, 0.6] {
        let mut p: Vec<(f64, usize)> =
            fits.statistics.iter().enumerate().map(|(i, statistic)| (statistic.two_sided_p(), i)).collect();
        p.sort_by(|a, b| a.0.total_cmp(&b.0));
        let rejected = p.iter().enumerate().take_while(|(k, (p, _))| *p <= level / (40 - k) as f64).count();
        let mut rejected: Vec<usize> = p[..rejected].iter().map(|(_, i)| *i).collect();
        rejected.sort_unstable();
        let found: Vec<usize> = (0..40).filter(|&i| corrected[i] <= level).collect();
        assert_eq!(found, rejected, "{level}");
    }
    // One target that the model does not make.
    let mut outlier = y;
    outlier.data_mut()[7] = 6.0;
    let misfit = check(outlier);
    assert!(!misfit.is_good() && misfit.verdict().contains("`target 7` is smaller"), "{}", misfit.verdict());
    assert!(!misfit.verdict().contains("`target 0`") && misfit.to_string().contains("corrected"), "{misfit}");
}
