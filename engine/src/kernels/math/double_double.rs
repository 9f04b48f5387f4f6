//! Test references: elementary functions in double-double arithmetic, accurate to about thirty digits, so that they
//! round correctly in `f64` at a million points.
//!
//! Slow and simple: sums of two numbers, series, and Newton's method. The million values of each function were also
//! computed with mpmath in 200 bits; a hash of their bits is stored beside each test, instead of a table that would be
//! too large.

use std::f64::consts::{FRAC_2_SQRT_PI, LN_2};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// The sum `.0` + `.1`, where `.0` is the sum rounded.
#[derive(Clone, Copy)]
struct Pair(f64, f64);

impl Pair {
    fn sum(a: f64, b: f64) -> Pair {
        let (sum, error) = super::exact::two_sum(a, b);
        Pair(sum, error)
    }

    fn product(a: f64, b: f64) -> Pair {
        Pair(a * b, a.mul_add(b, -(a * b)))
    }

    /// Multiplies by a power of two.
    fn scaled(self, power: f64) -> Pair {
        Pair(self.0 * power, self.1 * power)
    }
}

impl From<f64> for Pair {
    fn from(x: f64) -> Pair {
        Pair(x, 0.0)
    }
}

impl Neg for Pair {
    type Output = Pair;

    fn neg(self) -> Pair {
        Pair(-self.0, -self.1)
    }
}

impl Add for Pair {
    type Output = Pair;

    fn add(self, other: Pair) -> Pair {
        let (high, low) = (Pair::sum(self.0, other.0), Pair::sum(self.1, other.1));
        let sum = Pair::sum(high.0, high.1 + low.0);
        Pair::sum(sum.0, sum.1 + low.1)
    }
}

impl Sub for Pair {
    type Output = Pair;

    fn sub(self, other: Pair) -> Pair {
        self + -other
    }
}

impl Mul for Pair {
    type Output = Pair;

    fn mul(self, other: Pair) -> Pair {
        let product = Pair::product(self.0, other.0);
        Pair::sum(product.0, product.1 + (self.0 * other.1 + self.1 * other.0))
    }
}

impl Div for Pair {
    type Output = Pair;

    fn div(self, other: Pair) -> Pair {
        let first = self.0 / other.0;
        let rest = self - other * first.into();
        let second = rest.0 / other.0;
        let rest = rest - other * second.into();
        Pair::sum(first, second) + Pair::from(rest.0 / other.0)
    }
}

const ONE: Pair = Pair(1.0, 0.0);
const TWO: Pair = Pair(2.0, 0.0);
const LN_2_PAIR: Pair = Pair(LN_2, 2.319_046_813_846_299_6e-17);
/// ln 2 in three parts; a product of the first with an exponent is exact.
const LN_2_PARTS: [f64; 3] = [0.693_147_180_369_123_8, 1.908_214_929_114_120_8e-10, 1.564_670_158_533_888e-20];

/// A number times 2 to an exponent; the result may be subnormal or overflow.
struct Scaled(Pair, i32);

impl Scaled {
    /// Rounds once, to the nearest `f64`, ties to even.
    fn round(self) -> f64 {
        let Scaled(Pair(high, low), exponent) = self;
        let Pair(high, low) = Pair::sum(high, low);
        let power = |n: i32| 2f64.powi(n);
        let result = high * power(exponent / 2) * power(exponent - exponent / 2);
        if result.is_nan() || result.abs() >= f64::MIN_POSITIVE || high == 0.0 {
            return result;
        }
        // In units of the smallest subnormal number; the scaling is exact.
        let up = -1074 - exponent;
        let units = |x: f64| x * power(-(up / 2)) * power(-(up - up / 2));
        let (units, rest) = (units(high), units(low));
        let mut whole = units.round_ties_even();
        if (units - whole).abs() == 0.5 && rest != 0.0 {
            whole = if rest > 0.0 { units.ceil() } else { units.floor() };
        }
        f64::from_bits(whole.abs() as u64).copysign(high)
    }
}

impl From<Pair> for Scaled {
    fn from(x: Pair) -> Scaled {
        Scaled(x, 0)
    }
}

/// (eʳ − 1, n) with x = n ln 2 + r.
fn reduced_exp_m1(x: Pair) -> (Pair, i32) {
    const HALVINGS: i32 = 10;
    let n = (x.0 / LN_2).round();
    let [first, second, third] = LN_2_PARTS;
    let r = x - Pair::product(n, first) - Pair::product(n, second) - Pair::product(n, third);
    let s = r.scaled(2f64.powi(-HALVINGS));
    let mut series = ONE;
    for k in (2..=10).rev() {
        series = ONE + series * s / Pair::from(f64::from(k));
    }
    let mut p = s * series;
    for _ in 0..HALVINGS {
        p = p * (TWO + p);
    }
    (p, n as i32)
}

fn exp_scaled(x: Pair) -> Scaled {
    let (p, n) = reduced_exp_m1(x);
    Scaled(ONE + p, n)
}

/// eˣ, where it is far from subnormal and overflow.
fn exp_pair(x: Pair) -> Pair {
    let Scaled(m, n) = exp_scaled(x);
    m.scaled(2f64.powi(n))
}

fn exp_m1_pair(x: f64) -> Pair {
    let (p, n) = reduced_exp_m1(x.into());
    if n == 0 { p } else { (ONE + p).scaled(2f64.powi(n)) - ONE }
}

/// ln(1 + u) for −½ < u ≤ 1: one step of Newton's method of third order.
fn ln_1p_pair(u: Pair) -> Pair {
    if u.0.abs() < 1e-18 {
        return u - u * u.scaled(0.5);
    }
    let y = u.0.ln_1p();
    let e = exp_m1_pair(y);
    Pair::sum(y, 2.0 * (u - e).0 / (TWO + u + e).0)
}

/// ln x of a positive number, as a pair.
fn ln_pair(x: Pair) -> Pair {
    // Scale subnormal numbers to normal ones.
    let (x, lifted) = if x.0 < f64::MIN_POSITIVE { (x.scaled(2f64.powi(100)), 100) } else { (x, 0) };
    let mut k = (x.0.to_bits() >> 52) as i32 - 1023;
    let mut m = x.scaled(2f64.powi(-k / 2)).scaled(2f64.powi(-k - (-k / 2)));
    if m.0 >= 1.5 {
        (k, m) = (k + 1, m.scaled(0.5));
    }
    ln_1p_pair(m - ONE) + LN_2_PAIR * Pair::from(f64::from(k - lifted))
}

/// Below this magnitude, a function with f(x) = x + O(x²) rounds to x.
const SAME: f64 = 1e-18;

pub(super) fn exp(x: f64) -> f64 {
    match x {
        710.0.. => f64::INFINITY,
        ..-746.0 => 0.0,
        _ => exp_scaled(x.into()).round(),
    }
}

pub(super) fn exp_m1(x: f64) -> f64 {
    let (p, n) = match x {
        710.0.. => return f64::INFINITY,
        ..-100.0 => return -1.0,
        _ if x.abs() < SAME => return x,
        _ => reduced_exp_m1(x.into()),
    };
    match n {
        1.. => Scaled(ONE + p - Pair::from(2f64.powi(-n)), n).round(),
        _ => Scaled::from(exp_m1_pair(x)).round(),
    }
}

pub(super) fn ln(x: f64) -> f64 {
    match x {
        0.0 => f64::NEG_INFINITY,
        ..0.0 => f64::NAN,
        f64::INFINITY => x,
        _ => Scaled::from(ln_pair(x.into())).round(),
    }
}

pub(super) fn ln_1p(x: f64) -> f64 {
    match x {
        -1.0 => f64::NEG_INFINITY,
        ..-1.0 => f64::NAN,
        f64::INFINITY => x,
        _ if x.abs() < SAME => x,
        -0.25..0.5 => Scaled::from(ln_1p_pair(x.into())).round(),
        _ => Scaled::from(ln_pair(Pair::sum(1.0, x))).round(),
    }
}

pub(super) fn softplus(x: f64) -> f64 {
    match x {
        140.0.. => x,
        0.0.. => Scaled::from(Pair::from(x) + ln_1p_pair(exp_pair(Pair::from(-x)))).round(),
        -42.0..0.0 => Scaled::from(ln_1p_pair(exp_pair(x.into()))).round(),
        ..-760.0 => 0.0,
        _ => {
            let Scaled(m, n) = exp_scaled(x.into());
            Scaled(m * (ONE - Pair::from(0.5 * x.exp())), n).round()
        }
    }
}

pub(super) fn sigmoid(x: f64) -> f64 {
    if x.abs() > 760.0 {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let Scaled(m, n) = exp_scaled(Pair::from(-x.abs()));
    let denominator = ONE + m.scaled(2f64.powi(n));
    if x < 0.0 { Scaled(m / denominator, n).round() } else { Scaled::from(ONE / denominator).round() }
}

pub(super) fn tanh(x: f64) -> f64 {
    let size = x.abs();
    let value = match size {
        ..SAME => size,
        22.0.. => 1.0,
        _ => {
            let u = exp_m1_pair(2.0 * size);
            Scaled::from(u / (u + TWO)).round()
        }
    };
    value.copysign(x)
}

/// 2/√π e^−x² Σ 2ⁿ x²ⁿ⁺¹ / (2n + 1)!!, whose terms are all positive.
pub(super) fn erf(x: f64) -> f64 {
    const FACTOR: Pair = Pair(FRAC_2_SQRT_PI, 1.533_545_961_316_588e-17);
    let size = x.abs();
    let value = match size {
        6.2.. => 1.0,
        ..1e-160 => Scaled(FACTOR * Pair::from(size * 2f64.powi(600)), -600).round(),
        _ => {
            let square = Pair::product(size, size);
            let (mut term, mut sum, mut odd) = (ONE, ONE, 3.0);
            while term.0 > 1e-34 * sum.0 {
                term = term * square.scaled(2.0) / Pair::from(odd);
                sum = sum + term;
                odd += 2.0;
            }
            Scaled::from(FACTOR * Pair::from(size) * exp_pair(-square) * sum).round()
        }
    };
    value.copysign(x)
}

/// FNV-1a over the bits of the values, a word at a time; all NaNs are hashed alike.
pub(super) fn hash(values: &[f64]) -> u64 {
    values.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &value| {
        let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() };
        (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[test]
fn rounding_keeps_nan() {
    assert!(Scaled(Pair(f64::NAN, 0.0), 0).round().is_nan());
    assert!(Scaled(Pair(1.0, f64::NAN), -1060).round().is_nan());
    assert_eq!(Scaled(Pair(1.0, 0.0), -1074).round().to_bits(), 1);
}
