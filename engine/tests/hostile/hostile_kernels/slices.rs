//! Kernels over slices of different lengths are rejected.

use elbo_engine::Key;
use elbo_engine::kernels::Write;
use elbo_engine::kernels::dispatch::Simd;
use elbo_engine::kernels::map::{Constant, Elementwise, Scale, map, map_in_place, map_rows, scale};
use elbo_engine::kernels::reduce::{all_finite, sum, sum_columns, sum_map};
use elbo_engine::random::{normals, signs};

use super::{at_every_level, outcome, panics};

#[derive(Clone, Copy)]
struct Product;

impl Elementwise<f32, 2> for Product {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [f32; 2]) -> f32 {
        a * b
    }
}

/// A function that panics in the middle, while several threads run.
#[derive(Clone, Copy)]
struct Panics;

impl Elementwise<f32, 1> for Panics {
    fn apply<S: Simd>(self, [x]: [f32; 1]) -> f32 {
        assert!(x < 90_000.0, "on purpose");
        x
    }
}

const LENGTHS: [usize; 9] = [0, 1, 15, 16, 17, 64, 65, 1000, 40_000];

#[test]
fn maps_of_different_lengths_are_rejected() {
    at_every_level(|| {
        let x = vec![1.0_f32; 40_001];
        for len in LENGTHS {
            let mut out = vec![2.0; len];
            for other in [len + 1, len.saturating_sub(1)].into_iter().filter(|&other| other != len) {
                panics(&["map: ", &other.to_string()], || scale(1.0, &x[..other], &mut out, Write::Store));
                panics(&["map: "], || map(Product, [&x[..len], &x[..other]], &mut out, Write::Add));
                panics(&["sum_map: "], || sum_map(Product, [&x[..len], &x[..other]]));
            }
            map(Constant(3.0), [], &mut out, Write::Add);
            map_in_place(Scale(2.0), &mut out);
            assert!(out.iter().all(|&x| x == 10.0));
            assert_eq!((sum(&out), all_finite(&out)), (10.0 * len as f64, true));
        }
        assert_eq!(sum_map(Constant(1.0_f32), []), 0.0);
    });
}

#[test]
fn matrices_without_whole_rows_are_rejected() {
    at_every_level(|| {
        let mut values = vec![1.0_f32; 40_000];
        for columns in [0, 3, 7, 39_999, 40_001] {
            let mut row = vec![2.0; columns];
            panics(&["map_rows: ", "40000"], || map_rows(Product, &row, &mut values));
            if columns > 0 {
                panics(&["sum_columns: ", "40000"], || sum_columns(1.0, &values, &mut row, Write::Store));
            }
        }
        for columns in [1, 16, 40_000] {
            let mut sums = vec![1.0; columns];
            map_rows(Product, &vec![1.0; columns], &mut values);
            sum_columns(1.0, &values, &mut sums, Write::Store);
            assert!(sums.iter().all(|&sum| sum == (40_000 / columns) as f32));
        }
        map_rows(Product, &[], &mut []);
        sum_columns(1.0_f32, &[], &mut [], Write::Store);
    });
}

#[test]
fn slices_can_be_used_after_a_panic() {
    let x: Vec<f32> = (0..100_000).map(|i| i as f32).collect();
    for threads in [1, 2] {
        crate::common::with_threads(threads, || {
            let mut out = vec![-1.0; x.len()];
            assert!(outcome(|| map(Panics, [&x], &mut out, Write::Store)).is_err());
            assert!(out.iter().enumerate().all(|(i, &y)| y == -1.0 || y == i as f32));
            scale(1.0, &x, &mut out, Write::Store);
            assert_eq!(out, x);
        });
    }
}

#[test]
fn noise_may_start_anywhere_and_have_any_length() {
    at_every_level(|| {
        for len in LENGTHS {
            for start in [0, 1, 63, u64::MAX - 64, u64::MAX - 1, u64::MAX] {
                let mut noise = vec![f32::NAN; len];
                normals(Key::new(1), start, &mut noise);
                assert!(all_finite(&noise));
            }
            for row in [0, 1, 1 << 63, usize::MAX] {
                let mut row_of_signs = vec![0.0_f32; len];
                signs(Key::new(1), row, &mut row_of_signs);
                assert!(row_of_signs.iter().all(|sign| sign.abs() == 1.0));
            }
        }
    });
}
