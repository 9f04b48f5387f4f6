//! For the hand-written `f32` kernels on AVX-512: their target features, masks of the first lanes, the transpose of a 16×16
//! square.

use std::arch::x86_64::{
    __m512, __mmask16, _mm512_castpd_ps, _mm512_castps_pd, _mm512_setzero_ps, _mm512_shuffle_f32x4, _mm512_unpackhi_pd,
    _mm512_unpackhi_ps, _mm512_unpacklo_pd, _mm512_unpacklo_ps,
};

/// The number of `f32` lanes of a vector.
pub(super) const LANES: usize = 16;

/// Compiles functions with the features of the AVX-512 level.
macro_rules! with_features {
    ($($item:item)*) => {$(
        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma,bmi1,bmi2")]
        $item
    )*};
}
pub(super) use with_features;

with_features! {

/// A mask of the first `len` lanes.
#[inline]
pub(super) fn first_lanes(len: usize) -> __mmask16 {
    (0xffff_u32 >> (LANES - len.min(LANES))) as __mmask16
}

/// The transpose of a 16×16 square.
#[inline]
pub(super) fn transpose(rows: [__m512; LANES]) -> [__m512; LANES] {
    let mut quads = [_mm512_setzero_ps(); LANES];
    for i in (0..LANES).step_by(4) {
        let [a, b, c, d] = [rows[i], rows[i + 1], rows[i + 2], rows[i + 3]];
        let (low, high) = (_mm512_unpacklo_ps, _mm512_unpackhi_ps);
        let [ab, ab_high] = [low(a, b), high(a, b)].map(|x| _mm512_castps_pd(x));
        let [cd, cd_high] = [low(c, d), high(c, d)].map(|x| _mm512_castps_pd(x));
        quads[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
        quads[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd));
        quads[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(ab_high, cd_high));
        quads[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(ab_high, cd_high));
    }
    let mut columns = rows;
    for i in 0..4 {
        let [a, b, c, d] = [quads[i], quads[i + 4], quads[i + 8], quads[i + 12]];
        let [ab, cd] = [_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0x88>(c, d)];
        columns[i] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
        columns[i + 8] = _mm512_shuffle_f32x4::<0xdd>(ab, cd);
        let [ab, cd] = [_mm512_shuffle_f32x4::<0xdd>(a, b), _mm512_shuffle_f32x4::<0xdd>(c, d)];
        columns[i + 4] = _mm512_shuffle_f32x4::<0x88>(ab, cd);
        columns[i + 12] = _mm512_shuffle_f32x4::<0xdd>(ab, cd);
    }
    columns
}

}
