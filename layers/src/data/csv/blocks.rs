//! A growing list that never copies its elements, so that it takes less memory while it grows than a `Vec`.

/// The length of the first block.
const FIRST: usize = 64;
/// The length of the longest blocks.
const LONGEST: usize = 4096;

/// A list in blocks of 64, 128, .. and at last 4096 elements each.
pub(super) struct Blocks<E> {
    blocks: Vec<Vec<E>>,
    len: usize,
}

impl<E: Copy> Blocks<E> {
    pub(super) fn new() -> Self {
        Blocks { blocks: Vec::new(), len: 0 }
    }

    /// An upper bound of the bytes allocated for more than `len` elements.
    pub(super) fn slack(len: usize) -> u64 {
        (len.min(LONGEST) * size_of::<E>() + len / LONGEST * 2 * size_of::<Vec<E>>()) as u64
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The bytes that the next [`push`](Blocks::push) allocates.
    pub(super) fn needed(&self) -> u64 {
        match self.blocks.last() {
            Some(last) if last.len() < last.capacity() => 0,
            _ => (self.next() * size_of::<E>() + 2 * size_of::<Vec<E>>()) as u64,
        }
    }

    fn next(&self) -> usize {
        LONGEST.min(FIRST << self.blocks.len().min(LONGEST.ilog2() as usize))
    }

    pub(super) fn push(&mut self, element: E) {
        if self.blocks.last().is_none_or(|last| last.len() == last.capacity()) {
            self.blocks.push(Vec::with_capacity(self.next()));
        }
        if let Some(last) = self.blocks.last_mut() {
            last.push(element);
        }
        self.len += 1;
    }

    /// The elements in one piece. Each block is freed once it is copied.
    pub(super) fn into_vec(self) -> Vec<E> {
        let mut all = Vec::with_capacity(self.len);
        self.blocks.into_iter().for_each(|block| all.extend_from_slice(&block));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_order_and_growing_is_counted() {
        let mut blocks = Blocks::new();
        let mut counted = 0;
        for i in 0..20_000u32 {
            counted += blocks.needed();
            blocks.push(i);
        }
        let held: usize = blocks.blocks.iter().map(|block| block.capacity() * 4).sum();
        assert!(counted as usize >= held + blocks.blocks.capacity() * 24, "{counted} {held}");
        assert!(held < 4 * (20_000 + LONGEST));
        assert_eq!(blocks.into_vec(), (0..20_000).collect::<Vec<_>>());
    }
}
