//! Ordinal, multivariate and interval-censored likelihoods against values in 40 digits (by `mpmath`, from their definitions).

use elbo::prelude::*;
use elbo::{IntervalCensored, MultivariateGaussian, Ordinal};

use super::nll_and_gradient;

#[track_caller]
fn close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / expected.abs().max(1.0);
        assert!(error <= tolerance, "{i}: {found:e}, expected {expected:e}");
    }
}

const FIRST: [f64; 9] = [0.3, -0.5, 1.2, 0.1, -0.4, 0.6, 0.7, -0.2, 0.5];
const SECOND: [f64; 9] = [-0.1, 0.4, 0.2, -0.3, 0.2, 0.0, -0.5, 0.3, 0.9];

#[test]
fn a_multivariate_normal_has_its_density_and_gradient() {
    let y = Tensor::new([1, 3], [0.5, 0.1, -0.7]);
    let data = Examples::new(Tensor::zeros([1, 1]), y.clone()).unwrap();
    let (nll, gradient) = nll_and_gradient(&MultivariateGaussian, &Tensor::new([1, 9], FIRST), data.observed());
    close(&[nll], &[4.062_596_350_468_4], 1e-14);
    let expected = [
        0.939_753_862_869_783,
        -1.551_449_734_581_57,
        0.667_706_543_965_148,
        1.187_950_772_573_96,
        0.265_663_527_338_251,
        -0.480_214_463_695_743,
        -0.280_761_954_410_272,
        0.120_833_173_049_428,
        0.471_477_329_543_694,
    ];
    close(&gradient, &expected, 1e-13);
}

#[test]
fn its_prediction_has_the_mixture_s_moments_density_and_samples() {
    let outputs = Outputs::new(Tensor::new([2, 1, 9], [FIRST, SECOND].concat()));
    let predicted = outputs.under(&MultivariateGaussian);
    close(&[predicted.nll(&Tensor::new([1, 3], [0.5, 0.1, -0.7]))], &[3.884_321_611_788_1], 1e-14);
    close(&predicted.mean(), &[0.1, -0.05, 0.7], 1e-14);
    let covariance = [
        0.925_107_197_127_098,
        0.111_605_266_156_047,
        0.100_605_641_294_693,
        0.111_605_266_156_047,
        1.543_076_830_879_25,
        0.347_211_252_680_986,
        0.100_605_641_294_693,
        0.347_211_252_680_986,
        3.005_058_461_368_27,
    ];
    close(predicted.covariance().data(), &covariance, 1e-13);
    let marginals = predicted.marginals();
    close(&marginals.sd(), &[0, 4, 8].map(|i| f64::sqrt(covariance[i])), 1e-13);
    let count = 40_000;
    let samples = predicted.samples(count, Key::new(1));
    for (i, j) in [(0, 0), (0, 1), (1, 2), (2, 2)] {
        let mean = |k: usize| samples.data()[k..].iter().step_by(3).sum::<f64>() / count as f64;
        let (mi, mj) = (mean(i), mean(j));
        let products = samples.data().chunks_exact(3).map(|y| (y[i] - mi) * (y[j] - mj)).sum::<f64>() / count as f64;
        // Five standard errors of a normal product.
        let bound = 5.0 * ((covariance[4 * i] * covariance[4 * j] * 2.0) / count as f64).sqrt();
        assert!((products - covariance[3 * i + j]).abs() < bound, "({i}, {j}): {products}");
    }
}

#[test]
fn an_ordinal_model_has_its_probabilities_and_gradients_in_the_tails_too() {
    let cases = [
        ([0.4, -1.0, 0.3, -0.7], 0, 1.620_417_409_918_45, [0.802_183_888_558_582, -0.802_183_888_558_582, 0.0, 0.0]),
        (
            [0.4, -1.0, 0.3, -0.7],
            1,
            1.239_077_782_992_24,
            [0.314_716_561_034_36, -0.314_716_561_034_36, -1.164_340_640_424_63, 0.0],
        ),
        (
            [0.4, -1.0, 0.3, -0.7],
            2,
            2.101_064_602_631_26,
            [-0.097_260_785_235_831_4, 0.097_260_785_235_831_4, 0.131_288_327_582_345, -0.965_943_963_870_092],
        ),
        (
            [0.4, -1.0, 0.3, -0.7],
            3,
            0.941_079_084_433_45,
            [-0.609_793_457_711_609, 0.609_793_457_711_609, 0.823_135_069_694_241, 0.302_814_469_447_733],
        ),
        ([12.0, -30.0, -18.0, 2.5], 1, 59.999_999_992_385, [1.0, -1.0, -1.000_000_007_614_99, 0.0]),
        (
            [12.0, -30.0, -18.0, 2.5],
            2,
            29.817_511_143_374_1,
            [0.999_999_999_999_888, -0.999_999_999_999_888, -1.522_997_974_471_09e-8, -12.182_556_326_793_3],
        ),
    ];
    for (output, label, expected, slopes) in cases {
        let data = Examples::new(Tensor::zeros([1, 1]), vec![label]).unwrap();
        let (nll, gradient) = nll_and_gradient(&Ordinal, &Tensor::new([1, 4], output), data.observed());
        close(&[nll], &[expected], 1e-13);
        close(&gradient, &slopes, 1e-12);
        let predicted = Outputs::new(Tensor::new([1, 1, 4], output)).under(&Ordinal);
        close(&[predicted.nll(&[label])], &[expected], 1e-13);
    }
}

#[test]
fn intervals_exact_values_and_open_ends_have_their_probabilities() {
    let open = IntervalCensored::OPEN;
    let cases = [
        ([0.5, 0.5], 0.563_449_351_774_522, [-0.445_108_185_698_493, 0.910_978_362_860_301]),
        ([-open, -0.2], 1.479_023_072_660_25, [1.977_615_692_541_3, -0.988_807_846_270_652]),
        ([1.5, open], 3.304_659_358_803_29, [-3.265_233_763_939_17, -3.918_280_516_727_01]),
        ([0.1, 0.9], 0.839_516_107_197_825, [-0.394_837_765_255_195, 0.817_446_013_211_47]),
        ([6.0, 6.5], 39.227_926_365_396_6, [-12.855_123_420_276_6, -73.265_629_796_374_6]),
        ([-40.0, -39.5], 1_767.676_015_089_33, [88.601_640_348_038_5, -3_526.345_285_851_93]),
        ([0.25, 0.25 + 2f64.powi(-20)], 14.384_664_017_503_5, [0.111_275_985_203_993, 0.994_436_253_800_157]),
        ([30.0, 30.0 + 2f64.powi(-30)], 1_002.877_052_787_74, [-66.098_565_577_262_6, -1_962.127_397_675_48]),
    ];
    // All in one batch: the forms that do not apply to a row must not reach its value or gradient.
    let targets = Tensor::new([8, 2], cases.map(|(ends, ..)| ends).concat());
    let outputs = Tensor::from_fn([8, 2], |i| [0.3, -0.4][i % 2]);
    let data = Examples::new(Tensor::zeros([8, 1]), targets.clone()).unwrap();
    let (nll, gradient) = nll_and_gradient(&IntervalCensored, &outputs, data.observed());
    close(&[8.0 * nll], &[cases.map(|(_, nats, _)| nats).iter().sum()], 1e-13);
    close(
        &gradient.iter().map(|slope| 8.0 * slope).collect::<Vec<_>>(),
        &cases.map(|(.., slopes)| slopes).concat(),
        1e-12,
    );
    assert_eq!(Likelihood::<f64>::check(&IntervalCensored, &[2], &targets), Ok(()));
    let reversed = Tensor::new([1, 2], [1.0, 0.5]);
    let error = Likelihood::<f64>::check(&IntervalCensored, &[2], &reversed).unwrap_err();
    assert!(error.contains("example 0, element 0 (from 0) has the interval from 1 to 0.5"), "{error}");
}
