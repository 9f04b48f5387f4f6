//! AVX-512 matrix products of transformed tiles, in registers.

use std::arch::x86_64::{__m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps};

use crate::kernels::Write;
use crate::kernels::avx512::with_features;
use crate::kernels::conv::winograd::{CHUNK, LANES};

/// Rows of a product's tile in registers.
const ROWS: usize = 12;

/// A product of matrices whose inner index has two parts: `planes` of `len` terms.
pub(super) struct Product<'a> {
    pub(super) a: &'a [f32],
    pub(super) a_plane: usize,
    pub(super) a_step: usize,
    pub(super) a_row: usize,
    pub(super) b: &'a [f32],
    pub(super) b_plane: usize,
    pub(super) b_step: usize,
    pub(super) planes: usize,
    pub(super) len: usize,
}

with_features! {

/// `out = a b` or `out += a b`, with `rows` rows of `width` vectors.
pub(super) fn multiply(product: &Product<'_>, rows: usize, width: usize, out: &mut [__m512], out_row: usize, write: Write) {
    let tiles = rows.div_ceil(ROWS);
    for tile in 0..tiles {
        let first = tile * rows / tiles;
        let count = (tile + 1) * rows / tiles - first;
        let out = &mut out[first * out_row..];
        match width {
            1 => multiply_rows::<1>(product, first, count, out, out_row, write),
            _ => multiply_rows::<CHUNK>(product, first, count, out, out_row, write),
        }
    }
}

fn multiply_rows<const V: usize>(
    product: &Product<'_>,
    first: usize,
    rows: usize,
    out: &mut [__m512],
    out_row: usize,
    write: Write,
) {
    match rows {
        1 => multiply_tile::<1, V>(product, first, out, out_row, write),
        2 => multiply_tile::<2, V>(product, first, out, out_row, write),
        3 => multiply_tile::<3, V>(product, first, out, out_row, write),
        4 => multiply_tile::<4, V>(product, first, out, out_row, write),
        5 => multiply_tile::<5, V>(product, first, out, out_row, write),
        6 => multiply_tile::<6, V>(product, first, out, out_row, write),
        7 => multiply_tile::<7, V>(product, first, out, out_row, write),
        8 => multiply_tile::<8, V>(product, first, out, out_row, write),
        9 => multiply_tile::<9, V>(product, first, out, out_row, write),
        10 => multiply_tile::<10, V>(product, first, out, out_row, write),
        11 => multiply_tile::<11, V>(product, first, out, out_row, write),
        _ => multiply_tile::<ROWS, V>(product, first, out, out_row, write),
    }
}

/// `R` rows of a product. All loops over them have lengths known at compile time, so that the sums stay in registers.
#[expect(clippy::needless_range_loop, reason = "the compiler unrolls these, and so keeps the sums in registers")]
fn multiply_tile<const R: usize, const V: usize>(
    product: &Product<'_>,
    first: usize,
    out: &mut [__m512],
    out_row: usize,
    write: Write,
) {
    let &Product { a, a_plane, a_step, a_row, b, b_plane, b_step, planes, len } = product;
    let mut sums = [[_mm512_setzero_ps(); V]; R];
    if planes > 0 && len > 0 {
        let last_a = (planes - 1) * a_plane + (len - 1) * a_step + (first + R - 1) * a_row;
        let last_b = (planes - 1) * b_plane + (len - 1) * b_step + V * LANES;
        assert!(last_a < a.len() && last_b <= b.len(), "a product exceeds its operands");
    }
    for plane in 0..planes {
        // SAFETY: for these and the loads below, the greatest offsets were checked above.
        let (mut a, mut b) =
            unsafe { (a.as_ptr().add(plane * a_plane + first * a_row), b.as_ptr().add(plane * b_plane)) };
        for _ in 0..len {
            // SAFETY: as above.
            let row: [_; V] = std::array::from_fn(|v| unsafe { _mm512_loadu_ps(b.add(v * LANES)) });
            for r in 0..R {
                // SAFETY: as above.
                let factor = _mm512_set1_ps(unsafe { *a.add(r * a_row) });
                for v in 0..V {
                    sums[r][v] = _mm512_fmadd_ps(factor, row[v], sums[r][v]);
                }
            }
            (a, b) = (a.wrapping_add(a_step), b.wrapping_add(b_step));
        }
    }
    for r in 0..R {
        for v in 0..V {
            let out = &mut out[r * out_row + v];
            *out = if write == Write::Store { sums[r][v] } else { _mm512_add_ps(*out, sums[r][v]) };
        }
    }
}

}
