//! `Split`: mutable memory that is split into disjoint parts for threads, without `unsafe`.

use std::ops::Range;

use super::{available, split, waiting};

/// Memory with elements for a sequence of items, which can be split between two of them. Tuples combine several
/// memories for the same items.
pub trait Split: Send + Sized {
    /// The memory of the first `items` items, and that of the remaining ones.
    fn split(self, items: usize) -> (Self, Self);
}

/// One element for each item.
impl<T: Send> Split for &mut [T] {
    fn split(self, items: usize) -> (Self, Self) {
        self.split_at_mut(items)
    }
}

/// Equally many elements for each item.
#[derive(Debug)]
pub struct Rows<'a, T> {
    /// The elements of all items.
    pub data: &'a mut [T],
    width: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Splits `data` into rows of `width` elements, one per item.
    pub fn new(data: &'a mut [T], width: usize) -> Self {
        Rows { data, width }
    }

    /// The elements of item `i`, counted from the first one of this part.
    ///
    /// # Panics
    /// If `i` is out of range.
    #[inline(always)]
    #[track_caller]
    pub fn row(&mut self, i: usize) -> &mut [T] {
        &mut self.data[i * self.width..][..self.width]
    }
}

impl<T: Send> Split for Rows<'_, T> {
    fn split(self, items: usize) -> (Self, Self) {
        let (first, rest) = self.data.split_at_mut(items * self.width);
        (Rows::new(first, self.width), Rows::new(rest, self.width))
    }
}

/// Different numbers of elements per item: an item's offset is a function of its index.
pub struct Ragged<'a, T> {
    /// The elements of all items.
    pub data: &'a mut [T],
    /// The index of the first item of this part.
    first: usize,
    start: &'a (dyn Fn(usize) -> usize + Sync),
}

impl<'a, T> Ragged<'a, T> {
    /// Splits `data` at the offsets `start(i)` of items i, which do not decrease.
    pub fn new(data: &'a mut [T], start: &'a (dyn Fn(usize) -> usize + Sync)) -> Self {
        Ragged { data, first: 0, start }
    }

    /// The elements of item `i`, counted from the first one of all parts.
    pub fn item(&mut self, i: usize) -> &mut [T] {
        let [offset, start, end] = [self.first, i, i + 1].map(self.start);
        &mut self.data[start - offset..end - offset]
    }
}

impl<T: Send> Split for Ragged<'_, T> {
    fn split(self, items: usize) -> (Self, Self) {
        let Ragged { data, first, start } = self;
        let (left, right) = data.split_at_mut(start(first + items) - start(first));
        (Ragged { data: left, ..self }, Ragged { data: right, first: first + items, start })
    }
}

/// Memory for the part with the first item. The other parts get none of it.
pub(crate) struct Undivided<'a, T>(pub(crate) &'a mut [T]);

impl<T: Send> Split for Undivided<'_, T> {
    fn split(self, _: usize) -> (Self, Self) {
        (self, Undivided(&mut []))
    }
}

impl Split for () {
    fn split(self, _: usize) -> ((), ()) {
        ((), ())
    }
}

impl<P: Split> Split for Option<P> {
    fn split(self, items: usize) -> (Self, Self) {
        self.map(|parts| parts.split(items)).unzip()
    }
}

impl<P: Split, const N: usize> Split for [P; N] {
    fn split(self, items: usize) -> (Self, Self) {
        let mut rest = [const { None }; N];
        let mut split = self.into_iter().zip(&mut rest).map(|(memory, rest)| {
            let (first, second) = memory.split(items);
            *rest = Some(second);
            first
        });
        let first = std::array::from_fn(|_| split.next().expect("one part per memory"));
        drop(split);
        (first, rest.map(|part| part.expect("every memory was split")))
    }
}

impl<P: Split, Q: Split> Split for (P, Q) {
    fn split(self, items: usize) -> (Self, Self) {
        let ((a, c), (b, d)) = (self.0.split(items), self.1.split(items));
        ((a, b), (c, d))
    }
}

impl<P: Split, Q: Split, R: Split> Split for (P, Q, R) {
    fn split(self, items: usize) -> (Self, Self) {
        let ((a, d), (b, e), (c, f)) = (self.0.split(items), self.1.split(items), self.2.split(items));
        ((a, b, c), (d, e, f))
    }
}

/// Calls `work` with ranges that cover the items `0..len` and with the corresponding parts of `memory`, possibly in
/// parallel. No range is shorter than about half a `grain`, and ranges are split at multiples of `unit`.
#[inline]
pub fn for_each_part<P: Split>(
    memory: P,
    len: usize,
    grain: usize,
    unit: usize,
    work: &(dyn Fn(Range<usize>, P) + Sync),
) {
    if len <= grain || available() == 1 {
        work(0..len, memory);
        return;
    }
    let pieces = (len / grain).clamp(1, 4 * available());
    let piece = len.div_ceil(pieces).next_multiple_of(unit);
    waiting(|| split(memory, 0..len, piece, work));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::with_threads;

    #[test]
    fn every_item_gets_its_own_elements() {
        for threads in [1, 3] {
            with_threads(threads, || {
                let (mut pairs, mut triangle) = (vec![0; 2 * 999], vec![0; 999 * 1000 / 2]);
                let start = |i: usize| i * i.saturating_sub(1) / 2;
                let memory = (Rows::new(&mut pairs, 2), Some(Ragged::new(&mut triangle, &start)));
                for_each_part(memory, 999, 10, 7, &|range, (mut pairs, triangle)| {
                    let mut triangle = triangle.unwrap();
                    for (i, item) in range.enumerate() {
                        pairs.row(i).fill(item);
                        assert_eq!(triangle.item(item).len(), item);
                        triangle.item(item).fill(item);
                    }
                });
                assert!((0..999).all(|i| pairs[2 * i..][..2] == [i; 2]));
                assert!((0..999).all(|i| triangle[start(i)..][..i].iter().all(|&item| item == i)));
            });
        }
    }

    #[test]
    fn undivided_memory_belongs_to_the_first_part() {
        let mut memory = [1, 2, 3];
        let (first, rest) = Undivided(&mut memory).split(2);
        assert_eq!((first.0.len(), rest.0.len()), (3, 0));
    }
}
