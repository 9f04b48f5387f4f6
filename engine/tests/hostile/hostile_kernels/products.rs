//! Matrices that exceed their slices, and products whose shapes do not match, are rejected.

use elbo_engine::kernels::Write;
use elbo_engine::kernels::gemm::{Matrix, MatrixMut, gemm, gemm_alone};

use super::{Random, at_every_level, hostile, is_rejected, near, outcome, panics};

#[test]
fn matrices_beyond_their_slices_are_rejected() {
    let (data, out) = ([0.0_f32; 6], &mut [0.0_f32; 6]);
    panics(&["6 elements", "2×4"], || Matrix::new(&data, 2, 4));
    panics(&["6 elements", "3×1"], || Matrix::new(&data, 3, 1));
    // 2⁶⁴ + 6 elements.
    panics(&["6 elements"], || Matrix::new(&data, 1 << 63, 2));
    panics(&["6 elements", "row stride 3"], || Matrix::strided(&data, 3, 2, 3));
    panics(&["6 elements"], || Matrix::strided(&data, 3, 2, 1 << 63));
    panics(&["6 elements", "2×4"], || MatrixMut::new(out, 2, 4));
    panics(&["6 elements", "row stride 3"], || MatrixMut::strided(out, 3, 2, 3));
    panics(&["6 elements", "row stride 1"], || MatrixMut::strided(out, 2, 2, 1));
}

#[test]
fn rows_of_a_matrix_without_columns_are_empty() {
    let (none, some): (&mut [f32], &mut [f32]) = (&mut [], &mut [1.0; 4]);
    for data in [none, some] {
        for apart in [0, 1, 1 << 20, 1 << 61, 1 << 62, usize::MAX / 2, usize::MAX] {
            // Their nominal offset is outside of the slice.
            let Ok(mut matrix) = outcome(|| MatrixMut::strided(&mut *data, 3, 0, apart)) else { continue };
            (0..3).for_each(|i| assert!(matrix.row(i).is_empty()));
            panics(&["row 3 is out of range for 3 rows"], || matrix.row(3));
        }
    }
}

#[test]
fn products_that_do_not_match_are_rejected() {
    at_every_level(|| {
        let (a, b) = ([1.0_f32; 6], [1.0_f32; 12]);
        let (a, b) = (Matrix::new(&a, 2, 3), Matrix::new(&b, 3, 4));
        let mut out = [0.0; 8];
        panics(&["gemm", "3×2 times 3×4"], || gemm(a.t(), b, &mut [0.0; 12], Write::Store));
        panics(&["2×4"], || gemm(a, b, &mut out[..7], Write::Store));
        let transposed = MatrixMut::new(&mut out, 4, 2);
        panics(&["gemm", "into 4×2"], || gemm_alone(a, b, transposed, Write::Add));
        gemm(a, b, &mut out, Write::Store);
        assert_eq!(out, [3.0; 8]);
    });
}

#[test]
fn products_of_any_sizes_are_correct_or_rejected() {
    at_every_level(|| {
        let mut random = Random::new(5);
        let mut done = 0;
        for _ in 0..20_000 {
            let [m, k, n] = [0; 3].map(|_| if random.below(12) == 0 { hostile(&mut random) } else { random.below(20) });
            let apart = |random: &mut Random, columns: usize| match random.below(9) {
                0 => hostile(random),
                _ => columns.saturating_add(random.below(3)),
            };
            let strides = [k, n, n].map(|columns| apart(&mut random, columns));
            let call = (m, k, n, strides);
            let span = |rows: usize, columns: usize, stride: usize| {
                let len = rows.saturating_sub(1).checked_mul(stride).and_then(|rows| rows.checked_add(columns));
                len.filter(|&len| rows > 0 && columns > 0 && len < 10_000)
            };
            let [a, b, mut out] = [(m, k, strides[0]), (k, n, strides[1]), (m, n, strides[2])]
                .map(|(r, c, s)| near(&mut random, span(r, c, s)));
            let before = out.clone();
            let found = outcome(|| {
                let (a, b) = (Matrix::strided(&a, m, k, strides[0]), Matrix::strided(&b, k, n, strides[1]));
                gemm_alone(a, b, MatrixMut::strided(&mut out, m, n, strides[2]), Write::Add);
            });
            // A message about a matrix starts with its number of elements.
            let lengths = [&a, &b, &before].map(|x| format!("{} elements", x.len()));
            let names = [&lengths[0][..], &lengths[1], &lengths[2], "gemm: "];
            if is_rejected(&names, found, &call).is_none() {
                continue;
            }
            done += 1;
            if n == 0 || k == 0 {
                assert_eq!(out, before, "{call:?}");
                continue;
            }
            for i in 0..m {
                for j in 0..n {
                    let product: f32 = (0..k).map(|p| a[i * strides[0] + p] * b[p * strides[1] + j]).sum();
                    let at = i * strides[2] + j;
                    assert!((out[at] - before[at] - product).abs() < 1e-4, "{call:?}");
                }
            }
        }
        assert!(done > 3000, "{done}");
    });
}
