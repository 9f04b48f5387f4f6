//! Statistical tests of the noise: a million numbers are standard normal and independent.
//!
//! Everything is deterministic: a bound of five standard errors either always holds or never.

use elbo_engine::random::{Key, Noise, normals};

const COUNT: usize = 1_000_000;

/// A scalar type whose noise is tested in double precision.
trait Number: Noise + Default + Into<f64> {}

impl Number for f32 {}
impl Number for f64 {}

fn sample<T: Number>(key: Key, start: u64, count: usize) -> Vec<f64> {
    let mut out = vec![T::default(); count];
    normals(key, start, &mut out);
    out.into_iter().map(Into::into).collect()
}

fn key() -> Key {
    Key::new(20).at("weight")
}

/// Asserts that `mean`, of `count` values of variance `variance`, is within five standard errors of `want`.
fn assert_near(what: &str, mean: f64, want: f64, variance: f64, count: usize) {
    let error = (variance / count as f64).sqrt();
    let deviation = (mean - want) / error;
    assert!(deviation.abs() < 5.0, "{what} is {mean}, {deviation:.1} standard errors from {want}");
}

fn moments_are_those_of_a_standard_normal<T: Number>() {
    let z = sample::<T>(key(), 0, COUNT);
    // The mean of zᵏ is 0, 1, 0, 3; its variance is the mean of z²ᵏ minus the square of that.
    for (power, want, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
        let mean = z.iter().map(|z| z.powi(power)).sum::<f64>() / COUNT as f64;
        assert_near(&format!("moment {power}"), mean, want, variance, COUNT);
    }
}

#[test]
fn moments_up_to_the_fourth_are_correct() {
    moments_are_those_of_a_standard_normal::<f32>();
    moments_are_those_of_a_standard_normal::<f64>();
}

/// The distribution function of the standard normal, to 10⁻⁷ (M. Abramowitz and I. A. Stegun, 26.2.17).
fn distribution(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z.abs());
    let series = [0.319_381_530, -0.356_563_782, 1.781_477_937, -1.821_255_978, 1.330_274_429]
        .into_iter()
        .rfold(0.0, |sum, c| (sum + c) * t);
    let tail = series * (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
    if z > 0.0 { 1.0 - tail } else { tail }
}

fn kolmogorov_smirnov_accepts_a_normal<T: Number>() {
    let mut z = sample::<T>(key(), 0, COUNT);
    // A maximum would drop NaN.
    assert!(z.len() == COUNT && z.iter().all(|z| z.is_finite()));
    z.sort_by(f64::total_cmp);
    let count = COUNT as f64;
    let distance = z
        .iter()
        .enumerate()
        .map(|(i, &z)| {
            let p = distribution(z);
            (p - i as f64 / count).abs().max(((i + 1) as f64 / count - p).abs())
        })
        .fold(0.0, f64::max);
    // √n D exceeds 2.4 with probability 2 exp(−2 · 2.4²) = 2 · 10⁻⁵.
    assert!(distance * count.sqrt() < 2.4, "distance {distance}");
}

#[test]
fn the_distribution_is_normal() {
    kolmogorov_smirnov_accepts_a_normal::<f32>();
    kolmogorov_smirnov_accepts_a_normal::<f64>();
}

/// Asserts that x and y are uncorrelated, and so are their squares.
fn assert_uncorrelated(what: &str, x: &[f64], y: &[f64]) {
    let mean = |f: &dyn Fn(f64, f64) -> f64| {
        x.iter().zip(y).map(|(&x, &y)| f(x, y)).sum::<f64>() / x.len().min(y.len()) as f64
    };
    let count = x.len().min(y.len());
    assert_near(&format!("the covariance {what}"), mean(&|x, y| x * y), 0.0, 1.0, count);
    assert_near(
        &format!("the covariance of squares {what}"),
        mean(&|x, y| (x * x - 1.0) * (y * y - 1.0)),
        0.0,
        4.0,
        count,
    );
}

fn elements_are_uncorrelated<T: Number>() {
    let z = sample::<T>(key(), 0, COUNT);
    // Neighbours, the cosine and sine of a pair, the halves of a block, and blocks.
    for lag in (1..=70).chain([127, 128, 129, 1024, 65_536]) {
        assert_uncorrelated(&format!("at lag {lag}"), &z, &z[lag..]);
    }
}

#[test]
fn elements_of_a_sequence_are_independent() {
    elements_are_uncorrelated::<f32>();
    elements_are_uncorrelated::<f64>();
}

fn sequences_are_uncorrelated<T: Number>() {
    const COUNT: usize = 200_000;
    let keys = [
        ("the base", key()),
        ("another seed", Key::new(21).at("weight")),
        ("another name", Key::new(20).at("bias")),
        ("an index", key().index(0)),
        ("the next index", key().index(1)),
        ("the next step", key().step(1)),
        ("a later step", key().step(1000)),
        ("the next draw", key().draw(1)),
        ("the next step and draw", key().step(1).draw(1)),
    ];
    let samples = keys.map(|(name, key)| (name, sample::<T>(key, 0, COUNT)));
    for (i, (first, x)) in samples.iter().enumerate() {
        for (second, y) in &samples[..i] {
            assert_uncorrelated(&format!("of {first} and {second}"), x, y);
        }
    }
}

#[test]
fn sequences_of_different_keys_are_independent() {
    sequences_are_uncorrelated::<f32>();
    sequences_are_uncorrelated::<f64>();
}

/// The first number of each of many keys: the noise of a net of many small parameters, or of one parameter in many
/// steps.
fn first_elements_are_independent(over: &str, keys: impl Fn(usize) -> Key) {
    const COUNT: usize = 100_000;
    let first = |key: Key| {
        let mut z = [0.0_f32];
        normals(key, 0, &mut z);
        f64::from(z[0])
    };
    let z: Vec<f64> = (0..COUNT).map(|i| first(keys(i))).collect();
    for (power, want, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (4, 3.0, 96.0)] {
        let mean = z.iter().map(|z| z.powi(power)).sum::<f64>() / COUNT as f64;
        assert_near(&format!("moment {power} over {over}"), mean, want, variance, COUNT);
    }
    for lag in [1, 2, 3, 64] {
        assert_uncorrelated(&format!("over {over} at lag {lag}"), &z, &z[lag..]);
    }
}

#[test]
fn first_elements_of_many_keys_are_independent() {
    first_elements_are_independent("seeds", |i| Key::new(i as u64));
    first_elements_are_independent("indices", |i| key().index(i));
    first_elements_are_independent("steps", |i| key().step(i));
    first_elements_are_independent("draws", |i| key().draw(i));
}

fn tails_have_the_expected_counts<T: Number>() {
    const COUNT: usize = 16_000_000;
    // 2 (1 − Φ(σ))
    let probabilities = [(4.0, 6.334_248_366_623_985e-5), (5.0, 5.733_031_437_583_878e-7)];
    let z = sample::<T>(key(), 1 << 40, COUNT);
    for (sigma, probability) in probabilities {
        for (what, sign, share) in [("beyond ±", 0.0, 1.0), ("below −", -1.0, 0.5), ("above +", 1.0, 0.5)] {
            let beyond = |z: f64| if sign == 0.0 { z.abs() > sigma } else { sign * z > sigma };
            let count = z.iter().filter(|&&z| beyond(z)).count() as f64;
            let want = probability * share * COUNT as f64;
            let deviation = (count - want) / want.sqrt();
            assert!(deviation.abs() < 5.0, "{count} {what}{sigma} sigma, not {want:.1}");
        }
    }
    assert!(z.iter().all(|z| z.is_finite()));
}

#[test]
fn tails_reach_beyond_five_sigma() {
    tails_have_the_expected_counts::<f32>();
    tails_have_the_expected_counts::<f64>();
}
