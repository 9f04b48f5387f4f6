//! Memory aligned to 64-byte cache lines, for tensors and the tape's arena.

use std::marker::PhantomData;

use crate::Real;

/// Bytes of a cache line, and of the widest vector register.
pub(crate) const LINE: usize = 64;

/// One cache line. Lines are plain aligned bytes, so they can hold any scalar type.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub(crate) struct Line(pub(crate) [u8; LINE]);

/// Numbers aligned to a cache line.
#[derive(Clone)]
pub(crate) struct Aligned<T> {
    lines: Vec<Line>,
    len: usize,
    numbers: PhantomData<T>,
}

impl<T: Real> Aligned<T> {
    /// `len` zeros, or `None` if there is not enough memory.
    pub(crate) fn zeros(len: usize) -> Option<Self> {
        let mut lines = Vec::new();
        lines.try_reserve_exact(Self::lines_for(len)?).ok()?;
        let mut aligned = Aligned { lines, len: 0, numbers: PhantomData };
        aligned.resize(len).then_some(aligned)
    }

    /// Changes the length; allocates only to grow beyond the largest length so far. If there is not enough memory, it
    /// changes nothing and returns false.
    #[must_use]
    pub(crate) fn resize(&mut self, len: usize) -> bool {
        let Some(lines) = Self::lines_for(len) else { return false };
        if lines > self.lines.len() {
            if self.lines.try_reserve(lines - self.lines.len()).is_err() {
                return false;
            }
            self.lines.resize(lines, Line([0; LINE]));
        }
        self.len = len;
        true
    }

    fn lines_for(len: usize) -> Option<usize> {
        Some(len.checked_mul(size_of::<T>())?.div_ceil(LINE))
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        // SAFETY: the lines hold at least `len` numbers (see `zeros` and `resize`), are aligned to 64 bytes, are
        // initialised, and every bit pattern is a valid `f32` or `f64`.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as for `as_slice`; `&mut self` makes the access unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}
