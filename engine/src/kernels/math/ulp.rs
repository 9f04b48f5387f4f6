//! Tests of the elementary functions: measures their errors in ULP at every SIMD level of this processor.

use std::marker::PhantomData;

use super::Math;
use super::format::Format;
use crate::kernels::dispatch::{Kernel, Level, Simd, dispatch, with_level};

/// A function of one number.
pub(super) trait Function {
    /// Its name, which is also its column in `table.txt`.
    const NAME: &'static str;

    fn apply<S: Simd, T: Math>(x: T) -> T;

    /// Whether the bound holds for this argument.
    fn covers(x: f64) -> bool;
}

/// Generates the tests of one function: `check!(name, ulps BOUND_F32, BOUND_F64, reference)`, where `reference` is the
/// function in `f64`, accurate to about one ULP; `where` may exclude arguments. The last part selects the `f64` test at
/// many points: by default, the reference; `hash 0x…`, correctly rounded values with this hash; `table only`, none, if
/// the reference is the function itself in `f64`.
macro_rules! check {
    ($name:ident, ulps $single:literal, $double:literal, $reference:expr $(, where $covered:expr)?) => {
        super::super::ulp::check!(@both $name, $single, $double, $reference $(, $covered)?);

        #[test]
        fn f64_is_accurate_at_many_points() {
            super::super::ulp::check_f64_samples::<Subject>($double, $reference);
        }
    };
    ($name:ident, ulps $single:literal, $double:literal, $reference:expr, hash $hash:literal) => {
        super::super::ulp::check!(@both $name, $single, $double, $reference);

        #[test]
        fn f64_is_accurate_at_a_million_points() {
            super::super::ulp::check_f64_exactly::<Subject>($double, super::super::double_double::$name, $hash);
        }
    };
    ($name:ident, ulps $single:literal, $double:literal, $reference:expr, table only $(, where $covered:expr)?) => {
        super::super::ulp::check!(@both $name, $single, $double, $reference $(, $covered)?);
    };
    (@both $name:ident, $single:literal, $double:literal, $reference:expr) => {
        super::super::ulp::check!(@both $name, $single, $double, $reference, |_| true);
    };
    (@both $name:ident, $single:literal, $double:literal, $reference:expr, $covered:expr) => {
        struct Subject;

        impl super::super::ulp::Function for Subject {
            const NAME: &'static str = stringify!($name);

            #[inline(always)]
            fn apply<S: crate::kernels::dispatch::Simd, T: super::super::Math>(x: T) -> T {
                x.$name::<S>()
            }

            fn covers(x: f64) -> bool {
                let covered: fn(f64) -> bool = $covered;
                covered(x)
            }
        }

        #[test]
        fn f32_is_accurate_at_every_4099th_bit_pattern() {
            super::super::ulp::check_f32::<Subject>((0..=u32::MAX).step_by(4099), $single, $reference);
        }

        #[test]
        #[ignore = "minutes: all values of f32"]
        fn f32_is_accurate_everywhere() {
            super::super::ulp::check_f32::<Subject>(0..=u32::MAX, $single, $reference);
        }

        #[test]
        fn f64_matches_the_table() {
            super::super::ulp::check_f64_table::<Subject>($double);
        }
    };
}
pub(super) use check;

/// Compares with `reference` at all `inputs`, which are bit patterns.
pub(super) fn check_f32<F: Function>(inputs: impl Iterator<Item = u32>, bound: f64, reference: impl Fn(f64) -> f64) {
    let mut worst = Worst::new(bound);
    let (mut inputs, mut covered) = (inputs.peekable(), 0);
    while inputs.peek().is_some() {
        let chunk = inputs.by_ref().take(1 << 16).map(f32::from_bits);
        let x: Vec<f32> = chunk.filter(|&x| F::covers(f64::from(x))).collect();
        let want: Vec<f64> = x.iter().map(|&x| reference(f64::from(x))).collect();
        covered += x.len();
        for level in levels() {
            for ((&x, got), &want) in x.iter().zip(map::<F, f32>(level, &x)).zip(&want) {
                worst.check::<F>(level, f64::from(x), f64::from(got), want, error_f32(got, want));
            }
        }
    }
    assert!(covered > 100_000, "{}: only {covered} arguments", F::NAME);
    println!("{} f32: at most {:.3} ULP, at {:e}", F::NAME, worst.error, worst.x);
}

/// Compares with `reference` at a million points.
pub(super) fn check_f64_samples<F: Function>(bound: f64, reference: impl Fn(f64) -> f64) {
    let x: Vec<f64> = points().filter(|&x| F::covers(x)).collect();
    let want: Vec<f64> = x.iter().map(|&x| reference(x)).collect();
    check_f64::<F>(&x, &want, bound);
}

/// Compares with correctly rounded values at a million points, whose hash is checked.
pub(super) fn check_f64_exactly<F: Function>(bound: f64, exact: impl Fn(f64) -> f64, hash: u64) {
    let x: Vec<f64> = points().collect();
    // Double-double arithmetic is only valid for finite numbers.
    let want: Vec<f64> = x.iter().map(|&x| if x.is_nan() { x } else { exact(x) }).collect();
    let found = super::double_double::hash(&want);
    assert_eq!(found, hash, "the values of {} differ from those of mpmath; their hash is {found:#x}", F::NAME);
    check_f64::<F>(&x, &want, bound);
}

/// A million numbers: uniform ones in narrow and wide ranges, and random bits.
fn points() -> impl Iterator<Item = f64> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..1_000_000).map(move |i| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let uniform = (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0;
        match i % 4 {
            0 => uniform * 2.0,
            1 => uniform * 40.0,
            2 => uniform * 800.0,
            _ => f64::from_bits(state),
        }
    })
}

/// Compares with the correctly rounded values of the tables.
pub(super) fn check_f64_table<F: Function>(bound: f64) {
    let (x, want): (Vec<f64>, Vec<f64>) = known::<F>().filter(|&(x, _)| F::covers(x)).unzip();
    check_f64::<F>(&x, &want, bound);
}

/// [`check_f64_table`] for negative arguments, in units in the last place of the greater of value and one: for
/// functions with zeros close to their poles.
pub(super) fn check_f64_below_zero<F: Function>(bound: f64) {
    let (x, want): (Vec<f64>, Vec<f64>) = known::<F>().filter(|&(x, _)| x < 0.0).unzip();
    assert!(!x.is_empty(), "the tables have no values of {} below zero", F::NAME);
    for level in levels() {
        for ((&x, got), &want) in x.iter().zip(map::<F, f64>(level, &x)).zip(&want) {
            let error = (got - want).abs() / (want.abs().max(1.0) * f64::EPSILON);
            let same = got == want || got.is_nan() && want.is_nan();
            assert!(same || error <= bound, "{}({x:e}) is {got:e}; expected {want:e}: {error:.2} ULP", F::NAME);
        }
    }
}

/// The arguments and values of a function in the tables.
fn known<F: Function>() -> impl Iterator<Item = (f64, f64)> {
    let number = |bits: &str| f64::from_bits(u64::from_str_radix(bits, 16).expect("sixteen hexadecimal digits"));
    [include_str!("table.txt"), include_str!("special.txt"), include_str!("normal.txt")].into_iter().flat_map(
        move |table| {
            let mut lines = table.lines();
            let names = lines.by_ref().find(|line| line.starts_with("# x ")).expect("a line of names");
            // The names begin with a `#`.
            let column = names.split(' ').position(|name| name == F::NAME).map(|place| place - 1);
            lines.filter_map(move |line| {
                let numbers: Vec<f64> = line.split(' ').map(number).collect();
                Some((numbers[0], numbers[column?]))
            })
        },
    )
}

fn check_f64<F: Function>(x: &[f64], want: &[f64], bound: f64) {
    assert!(!x.is_empty(), "the tables have no column named {}", F::NAME);
    let mut worst = Worst::new(bound);
    for level in levels() {
        for ((&x, got), &want) in x.iter().zip(map::<F, f64>(level, x)).zip(want) {
            worst.check::<F>(level, x, got, want, error_f64(got, want));
        }
    }
    println!("{} f64: at most {:.3} ULP, at {:e}", F::NAME, worst.error, worst.x);
}

fn levels() -> impl Iterator<Item = Level> {
    Level::ALL.into_iter().filter(|level| level.is_supported())
}

/// `x` mapped through `F` at `level`.
fn map<F: Function, T: Format>(level: Level, x: &[T]) -> Vec<T> {
    struct Map<'a, T, F>(&'a [T], &'a mut [T], PhantomData<F>);

    impl<F: Function, T: Format> Kernel for Map<'_, T, F> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self) {
            for (y, &x) in self.1.iter_mut().zip(self.0) {
                *y = F::apply::<S, T>(x);
            }
        }
    }

    let mut y = x.to_vec();
    with_level(level, || dispatch(Map(x, &mut y, PhantomData::<F>)));
    y
}

/// The largest error so far.
struct Worst {
    bound: f64,
    error: f64,
    x: f64,
}

impl Worst {
    fn new(bound: f64) -> Worst {
        Worst { bound, error: 0.0, x: 0.0 }
    }

    fn check<F: Function>(&mut self, level: Level, x: f64, got: f64, want: f64, error: f64) {
        if error > self.error {
            (self.error, self.x) = (error, x);
        }
        assert!(error <= self.bound, "{}({x:e}) is {got:e} at {level:?}; expected {want:e}: {error:.2} ULP", F::NAME);
    }
}

/// The error of `got` in ULP of `want` rounded to `f32`; infinity counts as the number after the largest.
fn error_f32(got: f32, want: f64) -> f64 {
    let rounded = want as f32;
    if got == rounded && rounded.is_infinite() || got.is_nan() && rounded.is_nan() {
        return 0.0;
    }
    if got.is_infinite() || rounded.is_infinite() {
        let next = got.abs().min(rounded.abs()) == f32::MAX && (got > 0.0) == (want > 0.0);
        return if next { 1.0 } else { f64::INFINITY };
    }
    let error = (f64::from(got) - want).abs() / f64::from(place(rounded));
    if error.is_nan() { f64::INFINITY } else { error }
}

fn place(x: f32) -> f32 {
    let x = x.abs().min(f32::MAX.next_down());
    x.next_up() - x
}

/// The error of `got` in ULP of `want` in `f64`, where `want` is already rounded.
fn error_f64(got: f64, want: f64) -> f64 {
    if got == want || got.is_nan() && want.is_nan() {
        return 0.0;
    }
    // Neighbouring numbers of one sign have consecutive bit patterns, infinity included.
    if (got < 0.0) == (want < 0.0) && !got.is_nan() && !want.is_nan() {
        got.abs().to_bits().abs_diff(want.abs().to_bits()) as f64
    } else {
        f64::INFINITY
    }
}
