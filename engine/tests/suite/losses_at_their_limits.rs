//! Likelihoods far out: counts and means of 0, dispersions and degrees of freedom without bound, large counts, infinite
//! logits. Values by mpmath in 120 digits.

use elbo_engine::kernels::dispatch::{Level, with_level};
use elbo_engine::{Gradients, Real, Reduction, Tape, Tensor, Var};

use crate::common::assert_near;

const INFINITY: f64 = f64::INFINITY;

/// A loss of scalars, and its derivative by each.
fn loss<T: Real, const N: usize>(at: [f64; N], f: impl for<'t> Fn([Var<'t, T>; N]) -> Var<'t, T>) -> (f64, [f64; N]) {
    let model: [Tensor<T>; N] = at.map(|x| Tensor::new([1], [T::from_f64(x)]));
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let loss = f(model.each_ref().map(|x| tape.param(x)));
    loss.sum().backward(&mut gradients);
    let mut slopes = gradients.iter().map(|(.., gradient)| gradient[0].to_f64());
    (loss.item(), [(); N].map(|()| slopes.next().unwrap()))
}

fn at_each_level(check: impl Fn()) {
    Level::ALL.into_iter().filter(|level| level.is_supported()).for_each(|level| with_level(level, &check));
}

#[track_caller]
fn near(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found:e} is not {expected:e} ± {tolerance:e}");
}

fn poisson<T: Real>(at: [f64; 2]) -> (f64, [f64; 2]) {
    loss::<T, 2>(at, |[x, y]| x.poisson_nll(y, Reduction::Each))
}

fn student_t<T: Real>(at: [f64; 4]) -> (f64, [f64; 4]) {
    loss::<T, 4>(at, |[x, y, s, df]| x.student_t_nll_with_df(y, s, df, Reduction::Each))
}

/// With degrees of freedom that are not learned.
fn student_t_of<T: Real>(distance: f64, df: f64) -> f64 {
    loss::<T, 3>([distance, 0.0, 1.0], |[x, y, s]| x.student_t_nll(y, s, df, Reduction::Each)).0
}

fn negative_binomial<T: Real>([x, y, r]: [f64; 3]) -> (f64, [f64; 3]) {
    loss::<T, 3>([x, y, r], |[x, y, r]| x.negative_binomial_nll_with_dispersion(y, r, Reduction::Each))
}

/// Log-mean, count, dispersion; the value, its derivative by the log-mean, and r times that by the dispersion r.
const NEGATIVE_BINOMIAL: &[[f64; 6]] = &[
    [1.0, 3.0, 100_000_000.0, 1.510_041_312_290_274_5, -0.281_718_163_883_061_1, -1.460_317_398_143_708_2e-8],
    [1.0, 3.0, 100_000_000_000_000.0, 1.510_041_297_687_115, -0.281_718_171_540_947_1, -1.460_317_435_911_772_7e-14],
    [1.0, 3.0, 1.0e16, 1.510_041_297_687_100_5, -0.281_718_171_540_954_7, -1.460_317_435_911_81e-16],
    [1.0, 0.0, 100_000_000_000_000.0, 2.718_281_828_459_008_2, 2.718_281_828_458_971_4, 3.694_528_049_465_191e-14],
    [1.0, 3.0, 0.5, 2.600_691_082_329_724, -0.043_768_412_239_372_625, -0.558_567_519_064_835_1],
    [1.0, 3.0, 2.0, 1.984_634_847_420_474_2, -0.119_415_576_170_854_45, -0.330_656_023_751_600_64],
    [-20.0, 1.0, 5.0, 20.000_000_002_473_385, -0.999_999_997_526_615_6, -4.122_307_238_929_419_5e-10],
    [-20.0, 0.0, 5.0, 2.061_153_622_013_722_5e-9, 2.061_153_621_588_887e-9, 4.248_354_252_956_519_4e-19],
    [30.0, 3.0, 2.0, 57.227_411_277_761_156, 1.999_999_999_999_064_3, 54.447_038_972_214_756],
    [800.0, 3.0, 2.0, 1_597.227_411_277_760_2, 2.0, 1_594.447_038_972_213_5],
    [3.0, 20.0, 1.0e-8, 21.416_413_206_193_18, 4.258_632_640_600_892e-11, -0.999_999_821_313_175_3],
    [3.0, 20.0, 7.999, 3.054_885_517_736_196, 0.024_362_511_315_372_426, -0.366_670_056_641_127_5],
    [3.0, 20.0, 8.001, 3.054_793_853_746_192_5, 0.024_366_867_453_121_954, -0.366_641_859_223_451_77],
    [
        13.815_510_557_964_274,
        1_000_000.0,
        3.0,
        14.212_822_372_517_89,
        -1.421_705_050_997_549_8e-15,
        -0.527_482_360_713_177_7,
    ],
    [
        13.815_510_557_964_274,
        1_000_000.0,
        1_000_000.0,
        8.173_267_527_466_782,
        -2.369_515_526_854_504e-10,
        -0.250_000_062_5,
    ],
    [
        13.815_510_557_964_274,
        1_000_300.0,
        1_000_000_000_000.0,
        7.871_839_828_824_465_5,
        -299.999_700_000_773_9,
        -4.551_495_897_093_45e-7,
    ],
    [5.0, 1_000.0, 0.01, 11.601_592_130_771_04, -0.057_375_604_053_063_17, -0.921_253_526_899_745_9],
    [0.1, 2.5, 40.0, 2.063_177_111_929_199_7, -1.357_327_120_429_014_7, -0.007_128_475_528_435_017_5],
    [2.0, 1.0, 100_000.0, 5.388_857_009_458_582, 6.388_584_042_871_795, 0.000_199_078_755_570_661_8],
    [-3.0, 7.0, 10_000_000_000.0, 29.574_948_427_368_007, -6.950_212_931_597_533, 2.065_272_988_841_501_4e-9],
];

#[test]
fn the_negative_binomial_is_accurate_for_every_dispersion() {
    at_each_level(|| {
        for &[x, y, r, value, of_mean, of_dispersion] in NEGATIVE_BINOMIAL {
            println!("log-mean {x}, count {y}, dispersion {r:e}");
            let mean = x.exp().min(1e12);
            let (found, slopes) = negative_binomial::<f64>([x, y, r]);
            near(found, value, 2e-14 * (1.0 + value.abs()) + 1e-14 * (y - mean).abs().min(y));
            near(slopes[0], of_mean, 1e-14 * (of_mean.abs() + y));
            let both = y + mean;
            near(r * slopes[2], of_dispersion, 1e-12 * of_dispersion.abs() + 2e-14 * both * (both / r).min(1.0));
            let fixed = loss::<f64, 2>([x, y], |[x, y]| x.negative_binomial_nll(y, r, Reduction::Each));
            near(fixed.0, found, 1e-14 * found.abs());
            near(fixed.1[0], slopes[0], 1e-14 * slopes[0].abs());

            // All numbers are exact in single precision, or the mean is not compared.
            let [x, r] = [x, r].map(|number| f64::from(number as f32));
            let (exact, exact_slopes) = negative_binomial::<f64>([x, y, r]);
            let (found, slopes) = negative_binomial::<f32>([x, y, r]);
            near(found, exact, 1e-7 * exact.abs());
            near(slopes[0], exact_slopes[0], 1e-7 * exact_slopes[0].abs());
            near(slopes[2], exact_slopes[2], 1e-7 * exact_slopes[2].abs() + 1e-44);
        }
    });
}

#[test]
fn the_negative_binomial_without_overdispersion_is_the_poisson_distribution() {
    for r in [1e17, 1e30, 1e300, f64::MAX, INFINITY] {
        for (x, y) in [(1.0, 3.0), (-2.0, 0.0), (4.0, 70.0), (-INFINITY, 0.0), (-INFINITY, 2.0)] {
            let (found, slopes) = negative_binomial::<f64>([x, y, r]);
            let (expected, expected_slopes) = poisson::<f64>([x, y]);
            assert!(found == expected || (found - expected).abs() < 1e-13, "{x}, {y}, {r}: {found} {expected}");
            near(slopes[0], expected_slopes[0], 1e-13 * (1.0 + y));
            near(slopes[2], 0.0, 1e-30);
        }
    }
    assert_eq!(negative_binomial::<f32>([-INFINITY, 0.0, INFINITY]).0, 0.0);
    near(negative_binomial::<f32>([1.0, 3.0, INFINITY]).0, 1.510_041_297_687_100_3, 1e-7);
}

#[test]
fn no_count_at_the_mean_zero_is_certain_and_any_other_impossible() {
    let zero = -INFINITY;
    for (y, value) in [(0.0, 0.0), (1.0, INFINITY), (300.0, INFINITY)] {
        let (found, slopes) = poisson::<f32>([zero, y]);
        assert_eq!((found, slopes), (value, [-y, 0.0]));
        let (found, slopes) = loss::<f64, 2>([zero, y], |[x, y]| x.poisson_nll(y, Reduction::Sum));
        assert_eq!((found, slopes), (value, [-y, 0.0]));
        for r in [0.5, 3.0, 1e12] {
            let (found, slopes) = negative_binomial::<f64>([zero, y, r]);
            assert_eq!((found, slopes[0]), (value, -y));
            assert!(y > 0.0 || slopes == [0.0; 3], "{slopes:?}");
            let (found, slopes) = loss::<f32, 2>([zero, y], |[x, y]| x.negative_binomial_nll(y, r, Reduction::Mean));
            assert_eq!((found, slopes), (value, [-y, 0.0]));
        }
    }
    // None at an infinite mean.
    for y in [0.0, 3.0, 1000.0] {
        assert_eq!(poisson::<f64>([INFINITY, y]).0, INFINITY);
        assert_eq!(negative_binomial::<f64>([INFINITY, y, 2.0]).0, INFINITY);
    }
}

/// Log-mean, count, value.
const POISSON: &[[f64; 3]] = &[
    [1.0, 3.0, 1.510_041_297_687_100_3],
    [5.5, 255.0, 3.904_033_382_621_038_5],
    [5.5, 256.0, 3.949_210_827_100_601_2],
    [6.9, 1_000.0, 4.402_894_093_189_223],
    [13.815_510_557_964_274, 1_000_000.0, 7.826_693_895_520_143],
    [13.8, 1_000_000.0, 127.495_887_204_597_96],
    [23.025_850_929_940_46, 10_000_000_000.0, 12.431_863_998_183_234],
    [2.0, 5_000.0, 27_598.532_564_975_696],
    [-5.0, 300.0, 2_914.912_587_892_067],
    [-0.5, 0.5, 0.735_748_422_077_388_2],
];

#[test]
fn poisson_losses_of_large_counts_are_accurate() {
    at_each_level(|| {
        for &[x, y, value] in POISSON {
            let single = f64::from(x as f32);
            let scale = if y < 256.0 { y * y.ln().abs() } else { (y - x.exp()).abs().min(y) };
            near(poisson::<f64>([x, y]).0, value, 1e-14 * (1.0 + value + scale));
            let exact = poisson::<f64>([single, y]).0;
            let found = poisson::<f32>([single, y]).0;
            near(found, exact, if y < 256.0 { 1e-7 * (1.0 + 3.0 * scale) } else { 1e-7 * exact });
        }
    });
}

/// Distance in units of the scale, degrees of freedom ν; the value, and ν times the derivative by ν.
const STUDENT_T: &[[f64; 4]] = &[
    [0.5, 0.3, 1.866_628_401_377_368_6, -0.552_130_757_483_858_4],
    [2.0, 4.0, 2.713_697_204_411_589_7, 0.075_549_750_026_338_53],
    [0.5, 63.9, 1.049_559_214_681_922_8, -0.005_617_189_555_550_05],
    [0.5, 128.0, 1.046_745_336_804_295_6, -0.002_805_971_153_924_115],
    [2.0, 127.5, 2.905_613_088_409_497_7, 0.012_935_199_896_164_935],
    [0.5, 1_000_000.0, 1.043_938_892_579_659_8, -3.593_749_739_582_146_6e-7],
    [3.0, 1_000_000_000.0, 5.418_938_517_704_673, 1.549_999_979_750_000_2e-8],
    [0.5, 100_000_000_000_000.0, 1.043_938_533_204_676_4, -3.593_749_999_999_997e-15],
    [2.0, 1.0e25, 2.918_938_533_204_672_7, 1.749_999_999_999_999_9e-25],
    [30.0, 5.0, 16.564_110_682_852_203, 9.963_747_927_666_864],
];

#[test]
fn student_t_losses_are_accurate_for_all_degrees_of_freedom() {
    at_each_level(|| {
        for &[distance, df, value, of_df] in STUDENT_T {
            println!("distance {distance}, {df:e} degrees of freedom");
            let (found, slopes) = student_t::<f64>([distance, 0.0, 1.0, df]);
            near(found, value, 2e-14 * (1.0 + value.abs()));
            let cancelled = if df < 128.0 { 1e-14 * df } else { 0.0 };
            near(df * slopes[3], of_df, 1e-11 * of_df.abs() + cancelled);
            near(student_t_of::<f64>(distance, df), value, 2e-14 * (1.0 + value.abs()));
            let single = f64::from(df as f32);
            let exact = student_t::<f64>([distance, 0.0, 1.0, single]);
            let (found, slopes) = student_t::<f32>([distance, 0.0, 1.0, single]);
            near(found, exact.0, 5e-7 * exact.0.abs());
            near(slopes[3], exact.1[3], 5e-6 * exact.1[3].abs() + 1e-44);
        }
    });
    for df in [1e31, f64::MAX, INFINITY] {
        let (found, slopes) = student_t::<f64>([2.0, 0.0, 1.0, df]);
        assert_near(&[found], &[2.0 + 0.5 * std::f64::consts::TAU.ln()], 1e-14);
        assert_near(&slopes, &[2.0, -2.0, -3.0, 0.0], 1e-14);
        near(student_t::<f32>([2.0, 0.0, 1.0, df]).0, found, 3e-7);
    }
    near(student_t_of::<f32>(2.0, 1e300), 2.0 + 0.5 * std::f64::consts::TAU.ln(), 3e-7);
}

#[test]
fn infinite_logits_are_certain() {
    for (x, y, value, slope) in [
        (INFINITY, 1.0, 0.0, 0.0),
        (INFINITY, 0.0, INFINITY, 1.0),
        (INFINITY, 0.25, INFINITY, 0.75),
        (-INFINITY, 0.0, 0.0, 0.0),
        (-INFINITY, 1.0, INFINITY, -1.0),
    ] {
        let (found, slopes) = loss::<f64, 2>([x, y], |[x, y]| x.bce_with_logits(y, Reduction::Each));
        assert_eq!((found, slopes[0]), (value, slope));
        let mean = Reduction::Mean;
        let (found, slopes) = loss::<f32, 2>([x, y], |[x, y]| x.bce_with_logits_weighted(y, &[1.0], mean));
        assert_eq!((found, slopes[0]), (value, slope));
    }
}
