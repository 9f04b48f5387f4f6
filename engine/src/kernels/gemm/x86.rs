//! Matrix products in `f32` on AVX-512.
//!
//! A tile of the result, 8 rows of 48 elements, is summed in 24 registers. 48 columns of the right-hand operand are
//! packed once into a contiguous panel that stays in the second-level cache while all rows of the left-hand operand,
//! which is read in place, are multiplied with it. The order of an element's sum depends only on its number of terms,
//! not on its position in a tile.

use std::arch::x86_64::{
    __m512, __mmask16, _CMP_NEQ_UQ, _MM_HINT_T0, _mm_prefetch, _mm512_add_epi32, _mm512_add_ps, _mm512_castps_si512,
    _mm512_castsi512_ps, _mm512_cmp_ps_mask, _mm512_cmpord_ps_mask, _mm512_fmadd_ps, _mm512_loadu_ps,
    _mm512_mask_storeu_ps, _mm512_maskz_compress_epi32, _mm512_maskz_loadu_ps, _mm512_or_si512, _mm512_set1_epi32,
    _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps, _mm512_storeu_ps, _mm512_storeu_si512,
};
use std::mem::MaybeUninit;
use std::ops::Range;

use super::few_rows::{FEW, few_rows, one_row};
use super::{Matrix, MatrixMut, To};
use crate::kernels::avx512::{LANES, first_lanes, transpose, with_features};
use crate::kernels::dispatch::{self, Level};
use crate::threads::{self, Shared};

/// Rows of a tile.
const ROWS: usize = 8;

/// Vectors per row of a tile.
const VECTORS: usize = 3;

/// Columns of a tile.
const WIDTH: usize = VECTORS * LANES;

/// The maximum number of terms that are summed in registers.
const DEPTH: usize = 25 * LANES;

/// The number of rows from which on threads split them; below it they split columns. With split rows, each thread packs
/// every panel itself, which only pays off for many rows.
const MANY_ROWS: usize = 256;

/// The number of rows up to which zero terms are detected, tile by tile.
const SPARSE: usize = 128;

/// How many of these terms are summed in registers at a time: chunks of about the same depth.
pub(super) fn depth(terms: usize) -> usize {
    terms.div_ceil(terms.div_ceil(DEPTH))
}

/// Packed columns of the right-hand operand, one row after the other.
#[repr(align(64))]
struct Panel([MaybeUninit<f32>; DEPTH * WIDTH]);

/// For each tile, the terms of a chunk that are not zero in all of its rows: their number and positions.
struct Terms {
    places: [[MaybeUninit<u32>; DEPTH]; SPARSE / ROWS],
    counts: [usize; SPARSE / ROWS],
}

/// A [`Product`](super::Product).
///
/// # Safety
/// As for [`Product`](super::Product).
pub(super) unsafe fn product(
    a: Matrix<'_, f32>,
    b: Matrix<'_, f32>,
    mut out: MatrixMut<'_, f32>,
    to: To<'_, f32>,
    threads: usize,
) {
    debug_assert!(dispatch::level() == Level::Avx512);
    if b.columns == 1 && a.rows > 1 && out.row_stride == 1 {
        // A contiguous column is a row of the transpose.
        (out.rows, out.columns, out.row_stride) = (1, out.rows, out.rows);
        let to = if let To::Row(number) = to {
            out.row(0).fill(number[0]);
            To::Before
        } else {
            to
        };
        // SAFETY: as required of the caller, for the transposed product.
        return unsafe { product(b.t(), a.t(), out, to, threads) };
    }
    let by_rows = a.rows >= MANY_ROWS || b.columns < threads * LANES;
    let (len, unit) = if by_rows { (a.rows, ROWS) } else { (b.columns, LANES) };
    let (shared, row_stride) = (Shared::of(out.data), out.row_stride);
    threads::for_each_piece(len, threads, unit, &|range| {
        let (rows, columns) = if by_rows { (range, 0..b.columns) } else { (0..a.rows, range) };
        // SAFETY: the level is that of AVX-512, and the shapes agree: `out` has as many rows as `a` and columns as `b`,
        // and every piece has its own rows or columns.
        unsafe {
            let out = shared.pointer().add(rows.start * row_stride + columns.start);
            let to = if let To::Row(row) = to { To::Row(&row[columns.clone()]) } else { to };
            piece(a.part(rows), b.t().part(columns).t(), out, row_stride, to);
        }
    });
}

with_features! {

/// # Safety
/// The processor has AVX-512; `a` has as many columns as `b` rows, and no side is empty; `out` is the first of `a.rows`
/// rows of `b.columns` elements, `row_stride` apart, that nothing else uses meanwhile; and a row to add to has
/// `b.columns` elements.
unsafe fn piece(a: Matrix<'_, f32>, b: Matrix<'_, f32>, out: *mut f32, row_stride: usize, to: To<'_, f32>) {
    if a.rows <= FEW && b.row_stride == 1 {
        // SAFETY: as required of the caller.
        return unsafe { few_rows(a, b, out, row_stride, to) };
    }
    // Tiles skip zeros.
    if a.rows == 1 && b.column_stride == 1 && !a.with_zeros {
        // SAFETY: as required of the caller.
        return unsafe { one_row(a, b, out, to) };
    }
    let mut panel = Panel([MaybeUninit::uninit(); DEPTH * WIDTH]);
    let mut found = Terms { places: [[MaybeUninit::uninit(); DEPTH]; SPARSE / ROWS], counts: [0; SPARSE / ROWS] };
    let depth = depth(a.columns);
    for from in (0..a.columns).step_by(depth) {
        let terms = from..a.columns.min(from + depth);
        let to = if from == 0 { to } else { To::Before };
        let is_sparse = a.with_zeros && a.rows <= SPARSE && a.column_stride == 1 && find_nonzero_terms(a, terms.clone(), &mut found);
        for column in (0..b.columns).step_by(WIDTH) {
            let columns = column..b.columns.min(column + WIDTH);
            let vectors = columns.len().div_ceil(LANES);
            pack_panel(b, terms.clone(), columns.clone(), vectors, &mut panel);
            // SAFETY: so much of the panel was filled.
            let is_sparse = is_sparse && unsafe { is_finite(panel.0.as_ptr().cast(), terms.len() * vectors) };
            let tiles = Tiles {
                // SAFETY: an element of `a`, whose sides are not empty.
                a: unsafe { a.data.as_ptr().add(from * a.column_stride) },
                a_row: a.row_stride,
                a_step: a.column_stride,
                depth: terms.len(),
                panel: panel.0.as_ptr().cast(),
                // SAFETY: required of the caller.
                out: unsafe { out.add(column) },
                row_stride,
                last: first_lanes(columns.len() - (vectors - 1) * LANES),
                to: if let To::Row(row) = to { To::Row(&row[columns]) } else { to },
                terms: is_sparse.then_some(&found),
            };
            // SAFETY: `a` and `out` have these rows; the panel was filled; the terms were found in these rows.
            unsafe {
                match vectors {
                    1 => tiles.all::<1>(a.rows),
                    2 => tiles.all::<2>(a.rows),
                    _ => tiles.all::<VECTORS>(a.rows),
                }
            }
        }
    }
}

/// For each tile, finds the terms that are not zero in all of its rows; returns whether any term can be skipped.
///
/// # Panics
/// If there are more than [`SPARSE`] rows or `DEPTH` terms, the rows are not contiguous, or the terms are not within
/// `a`.
fn find_nonzero_terms(a: Matrix<'_, f32>, terms: Range<usize>, found: &mut Terms) -> bool {
    assert!(a.rows <= SPARSE && terms.len() <= DEPTH && a.column_stride == 1);
    assert!(terms.start < terms.end && terms.end <= a.columns);
    let first = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut fewer = false;
    for (tile, (places, total)) in found.places.iter_mut().zip(&mut found.counts).enumerate().take(a.rows.div_ceil(ROWS)) {
        let rows = tile * ROWS..a.rows.min((tile + 1) * ROWS);
        let places: *mut u32 = places.as_mut_ptr().cast();
        let mut count = 0;
        for term in (0..terms.len()).step_by(LANES) {
            let lanes = first_lanes(terms.len() - term);
            let mut any = _mm512_castps_si512(_mm512_setzero_ps());
            for row in rows.clone() {
                let at = a.data.as_ptr().wrapping_add(row * a.row_stride + terms.start + term);
                // SAFETY: the row is one of `a`'s, and the mask excludes elements after the last term.
                any = _mm512_or_si512(any, _mm512_castps_si512(unsafe { _mm512_maskz_loadu_ps(lanes, at) }));
            }
            // The bitwise OR of numbers is nonzero if one of them is; the sign bit is ignored.
            let kept = _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(_mm512_castsi512_ps(any), _mm512_setzero_ps());
            let numbers = _mm512_add_epi32(first, _mm512_set1_epi32(term as i32));
            // SAFETY: there is room: at most `term` places were written, and `DEPTH` is a multiple of a vector's lanes.
            unsafe { _mm512_storeu_si512(places.add(count).cast(), _mm512_maskz_compress_epi32(kept, numbers)) };
            count += kept.count_ones() as usize;
        }
        *total = count;
        fewer |= count < terms.len();
    }
    fewer
}

/// Whether `vectors` vectors have only finite elements.
///
/// # Safety
/// The vectors are readable.
unsafe fn is_finite(data: *const f32, vectors: usize) -> bool {
    let zero = _mm512_setzero_ps();
    let mut sums = [zero; 4];
    let mut add = |sum: usize, vector: usize| {
        // SAFETY: required of the caller. A finite number times zero is zero, and others become NaN.
        sums[sum] = unsafe { _mm512_fmadd_ps(_mm512_loadu_ps(data.add(vector * LANES)), zero, sums[sum]) };
    };
    let whole = vectors / 4 * 4;
    for vector in (0..whole).step_by(4) {
        (0..4).for_each(|sum| add(sum, vector + sum));
    }
    (whole..vectors).for_each(|vector| add(0, vector));
    sums.into_iter().all(|sum| _mm512_cmpord_ps_mask(sum, sum) == !0)
}

/// Packs a part of `b` into the panel, with `vectors` vectors per row; missing columns are filled with zeros.
///
/// # Panics
/// If the part is not within `b`, or is too large for the panel.
fn pack_panel(b: Matrix<'_, f32>, terms: Range<usize>, columns: Range<usize>, vectors: usize, panel: &mut Panel) {
    let width = vectors * LANES;
    assert!(terms.start < terms.end && terms.end <= b.rows && columns.start < columns.end && columns.end <= b.columns);
    assert!(columns.len() <= width && terms.len().next_multiple_of(LANES) * width <= panel.0.len());
    assert!(b.column_stride == 1 || b.row_stride == 1);
    let panel: *mut f32 = panel.0.as_mut_ptr().cast();
    let (depth, count) = (terms.len(), columns.len());
    // SAFETY: the element is one of `b`'s.
    let data = unsafe { b.data.as_ptr().add(terms.start * b.row_stride + columns.start * b.column_stride) };
    for vector in 0..vectors {
        let lanes = first_lanes(count - vector * LANES);
        if b.column_stride == 1 {
            for term in 0..depth {
                // SAFETY: the mask excludes elements after `b`'s columns; the panel has `depth` rows of `width`.
                unsafe {
                    let row = _mm512_maskz_loadu_ps(lanes, data.add(term * b.row_stride + vector * LANES));
                    _mm512_storeu_ps(panel.add(term * width + vector * LANES), row);
                }
            }
            continue;
        }
        // `b` is contiguous along its columns: squares of them are transposed, the last ones filled up with zeros.
        let whole = if lanes == !0 { depth / LANES * LANES } else { 0 };
        let first = data.wrapping_add(vector * LANES * b.column_stride);
        for term in (0..whole).step_by(LANES) {
            // SAFETY: the square's columns and terms are within `b`.
            let columns = unsafe { square(first.wrapping_add(term), b.column_stride) };
            for (i, row) in transpose(columns).into_iter().enumerate() {
                // SAFETY: the panel has `depth` rows of `width`.
                unsafe { _mm512_storeu_ps(panel.add((term + i) * width + vector * LANES), row) };
            }
        }
        for term in (whole..depth).step_by(LANES) {
            let terms = first_lanes(depth - term);
            let columns: [__m512; LANES] = std::array::from_fn(|i| {
                let terms = if vector * LANES + i < count { terms } else { 0 };
                // SAFETY: the mask excludes elements after the last term and the last column.
                unsafe { _mm512_maskz_loadu_ps(terms, first.wrapping_add(i * b.column_stride + term)) }
            });
            for (i, row) in transpose(columns).into_iter().enumerate() {
                // SAFETY: the panel has room for whole squares, `DEPTH` being a multiple of their side.
                unsafe { _mm512_storeu_ps(panel.add((term + i) * width + vector * LANES), row) };
            }
        }
    }
}

/// A square of elements, from columns that begin `stride` apart.
///
/// # Safety
/// The elements are readable.
#[inline]
unsafe fn square(first: *const f32, stride: usize) -> [__m512; LANES] {
    // SAFETY: required of the caller.
    std::array::from_fn(|i| unsafe { _mm512_loadu_ps(first.wrapping_add(i / 4 * 4 * stride).wrapping_add(i % 4 * stride)) })
}

}

/// The tiles of one panel.
#[derive(Clone, Copy)]
struct Tiles<'a> {
    /// The first element of the left-hand operand, and the strides of its rows and terms.
    a: *const f32,
    a_row: usize,
    a_step: usize,
    /// Terms of a sum.
    depth: usize,
    panel: *const f32,
    out: *mut f32,
    row_stride: usize,
    /// The lanes of a row's last vector that are written.
    last: __mmask16,
    /// The row to add to has the panel's columns.
    to: To<'a, f32>,
    /// The nonzero terms, if some may be skipped.
    terms: Option<&'a Terms>,
}

impl Tiles<'_> {
    with_features! {

    /// # Safety
    /// The left-hand operand has `rows` rows of `depth` terms, and the nonzero terms, if given, were found in them.
    /// The panel has `depth` rows of `V` vectors, all of them filled. `out` has `rows` rows, which nothing else uses
    /// meanwhile, of `V` vectors, the last of them up to the mask's last lane, and so has a row to add to.
    unsafe fn all<const V: usize>(mut self, rows: usize) {
        for row in (0..rows).step_by(ROWS) {
            // SAFETY: as required of the caller; after the last tile the pointers are not used.
            unsafe {
                match rows - row {
                    1 => self.tile::<1, V>(row / ROWS),
                    2 => self.tile::<2, V>(row / ROWS),
                    3 => self.tile::<3, V>(row / ROWS),
                    4 => self.tile::<4, V>(row / ROWS),
                    5 => self.tile::<5, V>(row / ROWS),
                    6 => self.tile::<6, V>(row / ROWS),
                    7 => self.tile::<7, V>(row / ROWS),
                    _ => self.tile::<ROWS, V>(row / ROWS),
                }
                self.a = self.a.wrapping_add(ROWS * self.a_row);
                self.out = self.out.wrapping_add(ROWS * self.row_stride);
            }
        }
    }

    /// # Safety
    /// As for `all`, of `R` rows, which are those of tile `number`.
    #[inline]
    unsafe fn tile<const R: usize, const V: usize>(&self, number: usize) {
        let place = |r: usize, v: usize| self.out.wrapping_add(r * self.row_stride + v * LANES);
        let mut sums = [[_mm512_setzero_ps(); V]; R];
        for r in 0..R {
            (0..V).for_each(|v| _mm_prefetch::<_MM_HINT_T0>(place(r, v).cast()));
        }
        if let Some(terms) = self.terms {
            for place in &terms.places[number][..terms.counts[number]] {
                // SAFETY: `counts[number]` places were written, and they are those of terms.
                unsafe {
                    let place = place.assume_init() as usize;
                    self.add_term(self.a.add(place), self.panel.add(place * (V * LANES)), &mut sums);
                }
            }
        } else {
            let (mut a, mut panel) = (self.a, self.panel);
            for _ in 0..self.depth {
                // SAFETY: required of the caller.
                unsafe { self.add_term(a, panel, &mut sums) };
                (a, panel) = (a.wrapping_add(self.a_step), panel.wrapping_add(V * LANES));
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (v, &sum) in sums.iter().enumerate() {
                let (place, lanes) = (place(r, v), if v + 1 < V { !0 } else { self.last });
                // SAFETY: required of the caller; the mask ends with the row, and with the one to add.
                unsafe {
                    let before = match self.to {
                        To::Zero => _mm512_setzero_ps(),
                        To::Before => _mm512_maskz_loadu_ps(lanes, place),
                        To::Row(row) => _mm512_maskz_loadu_ps(lanes, row.as_ptr().add(v * LANES)),
                    };
                    _mm512_mask_storeu_ps(place, lanes, _mm512_add_ps(before, sum));
                }
            }
        }
    }

    /// Adds one term to the sums: the first row's factor is at `a`, the vectors at `panel`.
    ///
    /// # Safety
    /// As for `tile`, whose term it is.
    #[inline]
    unsafe fn add_term<const R: usize, const V: usize>(
        &self,
        a: *const f32,
        panel: *const f32,
        sums: &mut [[__m512; V]; R],
    ) {
        // SAFETY: required of the caller.
        unsafe {
            let mut vectors = [_mm512_setzero_ps(); V];
            (0..V).for_each(|v| vectors[v] = _mm512_loadu_ps(panel.add(v * LANES)));
            for (r, sums) in sums.iter_mut().enumerate() {
                let factor = _mm512_set1_ps(*a.add(r * self.a_row));
                (0..V).for_each(|v| sums[v] = _mm512_fmadd_ps(factor, vectors[v], sums[v]));
            }
        }
    }

    }
}
