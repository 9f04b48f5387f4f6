//! Options that are invalid, or that overflow or underflow in the model's scalar type.

use elbo::data::Scaling;
use elbo::prelude::*;
use elbo::{Clip, Epochs, Optimizer, Schedule};

use super::{One, refuses};

#[test]
fn a_scaling_that_overflows_or_underflows_is_refused() {
    let x = || Tensor::<f32>::new([2, 2], [1.0, 2.0, 3.0, 4.0]);
    for divisor in [1e300, 1e-300, 1e-60] {
        let text = format!("{divisor:e}");
        let mut tensor = x();
        refuses(&["Scaling", "column 0", &text, "f32"], || Scaling::by(divisor, 2).transform(&mut tensor));
        refuses(&["Scaling", "column 0", &text, "f32"], || Scaling::by(divisor, 2).inverse_transform(&mut tensor));
        assert_eq!(tensor, x());
    }
    // If the factor fits but a value overflows, the tensor is unchanged.
    let mut tensor = x();
    refuses(&["Scaling", "row 1, column 1", "4", "1e-38"], || Scaling::by(1e-38, 2).transform(&mut tensor));
    refuses(&["Scaling", "row 0, column 1", "2", "2e38"], || Scaling::by(2e38, 2).inverse_transform(&mut tensor));
    assert_eq!(tensor, x());
    for divisor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        refuses(&["Scaling::by", &divisor.to_string()], || drop(Scaling::by(divisor, 2)));
    }
    // In double precision the same factor is valid.
    let mut tensor = Tensor::<f64>::new([1, 2], [1.0, 2.0]);
    Scaling::by(1e300, 2).transform(&mut tensor);
    assert_eq!(tensor.data(), [1e-300, 2e-300]);
    Scaling::by(1e300, 2).inverse_transform(&mut tensor);
    assert!((tensor.data()[1] - 2.0).abs() < 1e-15);
}

#[test]
fn a_scaling_is_fitted_to_very_large_and_very_small_numbers() {
    for size in [1e-300, 1e-160, 1.0, 1e160, 1e307] {
        let mut x = Tensor::<f64>::new([4, 1], [3.0 * size, 5.0 * size, 3.0 * size, 5.0 * size]);
        let scaling = Scaling::fit(&x);
        assert!((scaling.scale()[0] / size - 1.0).abs() < 1e-12, "{size}: {:?}", scaling.scale());
        scaling.transform(&mut x);
        assert!(x.data().iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(x, y)| (x - y).abs() < 1e-12), "{size}: {x:?}");
    }
    for wrong in [f64::NAN, f64::INFINITY] {
        let x = Tensor::<f64>::new([2, 2], [1.0, 2.0, 3.0, wrong]);
        refuses(&["Scaling::fit", "row 1, column 1", &wrong.to_string()], || drop(Scaling::fit(&x)));
    }
    // A range that overflows.
    let x = Tensor::<f64>::new([2, 1], [f64::MAX, -f64::MAX]);
    refuses(&["Scaling::fit", "column 0"], || drop(Scaling::fit(&x)));
}

#[test]
fn invalid_numbers_of_draws_are_refused_with_the_given_number() {
    let drawing = || Drawing::<f32>::new(Key::new(1));
    let elbo = || Elbo::new(Categorical);
    for draws in [0, 1 << 32, usize::MAX] {
        let text = format!("got {draws}");
        refuses(&["Drawing", "draw", &text], || {
            let _ = drawing().draws(draws);
        });
        refuses(&["Elbo", "draw", &text], || drop(elbo().draws(draws)));
    }
    for pairs in [0, 1 << 31, 1 << 63, usize::MAX] {
        let text = format!("got {pairs}");
        refuses(&["Drawing", "pair", &text], || {
            let _ = drawing().antithetic_pairs(pairs);
        });
        refuses(&["Elbo", "pair", &text], || drop(elbo().antithetic_pairs(pairs)));
    }
    for draws in [0, (1 << 32) + 1, usize::MAX] {
        refuses(&["Draws", &format!("got {draws}")], || {
            let _ = Draws(draws);
        });
    }
    // The largest valid numbers are accepted.
    let _ = drawing().draws((1 << 32) - 1);
    let _ = drawing().antithetic_pairs((1 << 31) - 1);
}

#[test]
fn a_schedule_whose_steps_or_factor_overflow_is_refused() {
    refuses(&["Schedule", "steps"], || drop(Schedule::cosine(usize::MAX).warm_up(1)));
    refuses(&["Schedule", "step 2", "inf"], || {
        let _ = Schedule::step(1, 1e300).factor(2);
    });
    // Underflow to zero is allowed.
    assert_eq!(Schedule::step(1, 1e-300).factor(2), 0.0);
}

#[test]
fn a_standard_deviation_beyond_the_scalar_type_is_refused() {
    for sd in [1e-300, 1e300] {
        let text = format!("{sd:e}");
        let sds = || Tensor::<f64>::full([2], sd);
        refuses(&["MeanField", &text, "f32"], || drop(MeanField::<f32>::with_sd(Tensor::zeros([2]), sd)));
        refuses(&["LearnedNormal", &text, "f32"], || drop(LearnedNormal::<f32>(sd)));
        refuses(&["MeanField", &text, "f32"], || drop(Dense::new(2, 2).initial_sd(sd)));
        // In double precision it is valid and kept.
        assert!((MeanField::<f64>::with_sds(Tensor::zeros([2]), &sds()).sd().data()[0] / sd - 1.0).abs() < 1e-12);
        assert!((LearnedNormal::<f64>(sd).sd() / sd - 1.0).abs() < 1e-12);
    }
    let below = Tensor::<f64>::new([2, 2], [1.0, 0.0, f64::NAN, 1.0]);
    refuses(&["CholeskyFactor", "(1, 0)", "NaN"], || drop(FullCovariance::with_factor(Tensor::zeros([2]), &below)));
    let factor = Tensor::<f32>::new([2, 1], [1.0, f32::MAX]);
    refuses(&["LowRank", "element 1"], || {
        drop(LowRank::with_covariance(Tensor::zeros([2]), &Tensor::full([2], 1e-3), &factor));
    });
}

#[test]
fn a_learning_rate_beyond_the_scalar_type_is_refused() {
    fn check<O: Optimizer + Send>(name: &str, rate: &str, optimizer: impl Fn() -> O) {
        let weight = || Tensor::<f32>::full([2], 1.0);
        // A manual step panics and leaves the parameters unchanged; `fit` returns an error before the first step.
        let mut stepped = weight();
        refuses(&[name, rate, "f32"], || {
            let mut gradients = Gradients::of(&stepped);
            let tape = Tape::new();
            tape.param(&stepped).sum().backward(&mut gradients);
            drop(tape);
            optimizer().step(&mut stepped, &mut gradients);
        });
        assert_eq!(stepped, weight());
        let data = Examples::new(Tensor::full([6, 3], 0.5), vec![0; 6]).unwrap();
        let mut elbo = Elbo::new(Categorical).optimizer(optimizer()).quiet();
        let error = elbo.fit(&mut Dense::new(3, 2), &data, Epochs(1)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, TrainError::Options(_)), "{text}");
        for part in [name, rate, "f32"] {
            assert!(text.contains(part), "{text}");
        }
        // A model in double precision accepts it.
        assert!(optimizer().check(&Tensor::<f64>::full([2], 1.0)).is_ok());
    }
    for rate in [1e-300, 1e300] {
        let text = format!("{rate:e}");
        check("Adam", &text, || Adam::new(rate));
        check("Sgd", &text, || Sgd::new(rate));
    }
    for factor in [-1.0, f64::NAN, f64::INFINITY] {
        let text = format!("got {factor}");
        refuses(&["Adam", &text], || Adam::new(0.1).scale_rate(factor));
        refuses(&["Sgd", &text], || Sgd::new(0.1).scale_rate(factor));
    }
}

/// Priors that are too narrow for the weights' scalar type.
#[test]
fn a_prior_whose_precision_overflows_is_refused() {
    fn check<Q: Divergence<Normal, Scalar = f32>>(weight: Q) {
        let model = One { weight, prior: Normal(0.0, 1e-50) };
        refuses(&["Normal", "1e-50", "f32"], || {
            let _ = model.draw(&Tape::new(), Key::new(1)).kl().nats();
        });
    }
    check(MeanField::<f32>::new([2, 2]));
    check(FullCovariance::<f32>::new([2, 2]));
    check(MatrixNormal::<f32>::new([2, 2]));
    check(LowRank::<f32>::new([2, 2], 1));
    check(Radial::<f32>::new([2, 2]));
    let model = One { weight: SpikeAndSlab::<f32>::new([2, 2]), prior: SpikeAndSlabPrior(0.5, 1e-50) };
    refuses(&["SpikeAndSlabPrior", "1e-50", "f32"], || {
        let _ = model.draw(&Tape::new(), Key::new(1)).kl().nats();
    });
    // A very wide prior is valid.
    let wide = One { weight: MeanField::<f32>::new([2, 2]), prior: Normal(0.0, 1e300) };
    let kl = wide.draw(&Tape::new(), Key::new(1)).kl().nats();
    assert!((kl / wide.kl() - 1.0).abs() < 1e-6, "{kl}");
}

#[test]
fn observation_noise_beyond_the_scalar_type_is_refused() {
    for sd in [1e-30, 1e30, 1e-200, 1e200] {
        let text = format!("{sd:e}");
        let (tape, y) = (Tape::<f32>::new(), Tensor::full([3, 1], 1.0));
        refuses(&["Gaussian", &text, "f32"], || {
            let _ = Gaussian::new(sd).nll(tape.input(&y), &y).nats();
        });
        let data = elbo::data::Examples::new(Tensor::<f32>::full([3, 2], 0.5), y.clone()).unwrap();
        let error = Elbo::new(Gaussian::new(sd)).quiet().fit(&mut Dense::new(2, 1), &data, Epochs(1)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, TrainError::Targets(_)) && text.contains("Gaussian") && text.contains("f32"), "{text}");
    }
}

#[test]
fn a_factor_of_a_term_beyond_the_scalar_type_is_refused() {
    let (tape, x, labels) = (Tape::<f32>::new(), Tensor::full([3, 2], 0.5), [0, 1, 0]);
    for tempering in [Tempering::LikelihoodPower(1e300), Tempering::KlFactor(1e-300), Tempering::Posterior(1e60)] {
        let model = Dense::new(2, 2);
        let net = model.draw(&tape, Key::new(1));
        refuses(&["Objective", &format!("{tempering:?}"), "f32"], || {
            let nll = Categorical.nll(net.forward(tape.input(&x)), &labels);
            let _ = Objective::new(3).tempering(tempering).loss_of(nll, &net, 0);
        });
    }
    let model = Dense::new(2, 2);
    let net = model.draw(&tape, Key::new(1));
    refuses(&["free nats", "1e300", "f32"], || {
        let nll = Categorical.nll(net.forward(tape.input(&x)), &labels);
        let _ = Objective::new(3).free_nats(1e300).loss_of(nll, &net, 0);
    });
}

#[test]
fn a_clipping_limit_that_underflows_is_refused() {
    let data: elbo::data::Examples = elbo::data::Examples::new(Tensor::full([6, 3], 0.5), vec![0; 6]).unwrap();
    for clip in [Clip::Value(1e-300), Clip::Norm(1e-300), Clip::EachNorm(1e-60)] {
        let mut elbo = Elbo::new(Categorical).clip(clip).quiet();
        let error = elbo.fit(&mut Dense::new(3, 2), &data, Epochs(1)).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, TrainError::Options(_)) && text.contains(&format!("{clip:?}")), "{text}");
    }
    // A limit that overflows to infinity clips nothing.
    Elbo::new(Categorical).clip(Clip::Norm(1e300)).quiet().fit(&mut Dense::new(3, 2), &data, Epochs(1)).unwrap();
    for elbo in [Elbo::new(Categorical).tempering(Tempering::KlFactor(1e-300)), Elbo::new(Categorical).free_nats(1e300)]
    {
        let error = elbo.quiet().fit(&mut Dense::new(3, 2), &data, Epochs(1)).unwrap_err();
        assert!(matches!(error, TrainError::Options(_)) && error.to_string().contains("f32"), "{error}");
    }
    for limit in [0.0, -1.0, f64::NAN] {
        refuses(&["Elbo", "got"], || drop(Elbo::new(Categorical).clip(Clip::Norm(limit))));
    }
}
