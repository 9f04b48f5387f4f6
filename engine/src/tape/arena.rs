//! The tape's memory: two bump allocators whose chunks never move and are reused from step to step.

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;

use crate::Real;
use crate::memory::{LINE, Line};

/// Lines of the first chunk (64 KiB); each later chunk at least doubles the total.
const FIRST_CHUNK: usize = 1024;

/// The memory of a tape: two bump allocators.
///
/// *Values* stay until [`Arena::reset`], which needs `&mut`, so no reference outlives them. *Working memory* (the
/// adjoints of a backward pass and the scratch of one operation) is released earlier. The two are separate, so values
/// that an operation allocates while it runs are not released with its scratch.
#[derive(Default)]
pub(crate) struct Arena {
    values: Stack,
    work: Stack,
    /// The most lines in use at once since [`Arena::forget_peak`], sampled while working memory is in use and before a
    /// reset: values alone peak at the end.
    peak: Cell<usize>,
}

/// Chunks that are filled one after the other.
#[derive(Default)]
struct Stack {
    chunks: RefCell<Vec<Chunk>>,
    at: Cell<Mark>,
}

/// A position in a stack: the chunk, and its first free line.
#[derive(Clone, Copy, Default)]
struct Mark {
    chunk: usize,
    line: usize,
    /// Lines handed out of the earlier chunks.
    before: usize,
}

impl Stack {
    /// `bytes` of initialised memory with unspecified contents, aligned to a cache line and not referenced from
    /// elsewhere.
    fn take(&self, bytes: usize) -> *mut u8 {
        let lines = bytes.div_ceil(LINE);
        let mut chunks = self.chunks.borrow_mut();
        let mut at = self.at.get();
        loop {
            if at.chunk == chunks.len() {
                let held: usize = chunks.iter().map(|chunk| chunk.lines).sum();
                chunks.push(Chunk::zeroed(lines.max(held).max(FIRST_CHUNK)));
            }
            let chunk = &chunks[at.chunk];
            if chunk.lines - at.line >= lines {
                self.at.set(Mark { line: at.line + lines, ..at });
                // SAFETY: `at.line + lines` is within the chunk.
                return unsafe { chunk.memory.as_ptr().add(at.line).cast() };
            }
            at = Mark { chunk: at.chunk + 1, line: 0, before: at.before + at.line };
        }
    }

    /// Lines in use.
    fn used(&self) -> usize {
        let at = self.at.get();
        at.before + at.line
    }

    /// Lines held, used or not.
    fn held(&self) -> usize {
        self.chunks.borrow().iter().map(|chunk| chunk.lines).sum()
    }
}

impl Arena {
    /// `len` numbers with unspecified contents that stay until the reset. Debug builds fill them with NaN, to detect a
    /// kernel that does not write all of its output.
    pub(crate) fn numbers<T: Real>(&self, len: usize) -> *mut T {
        numbers_in(&self.values, len)
    }

    /// As [`numbers`](Arena::numbers), from working memory.
    pub(crate) fn working<T: Real>(&self, len: usize) -> *mut T {
        let numbers = numbers_in(&self.work, len);
        self.note_peak();
        numbers
    }

    fn note_peak(&self) {
        self.peak.set(self.peak.get().max(self.values.used() + self.work.used()));
    }

    /// Moves `value` into the arena, where it is never dropped.
    pub(crate) fn value<V>(&self, value: V) -> &V {
        const {
            assert!(!std::mem::needs_drop::<V>(), "the arena never drops what it holds");
            assert!(align_of::<V>() <= LINE, "an alignment larger than a cache line");
        }
        let place = self.values.take(size_of::<V>()).cast::<V>();
        // SAFETY: `take` gave unshared memory of this size, aligned to a cache line, that lives as
        // long as the borrow of `self`.
        unsafe {
            place.write(value);
            &*place
        }
    }

    /// A slice whose element `i` is `value(i)`; `value` may itself allocate here.
    pub(crate) fn slice<V>(&self, len: usize, mut value: impl FnMut(usize) -> V) -> &[V] {
        const {
            assert!(!std::mem::needs_drop::<V>(), "the arena never drops what it holds");
            assert!(align_of::<V>() <= LINE, "an alignment larger than a cache line");
        }
        let bytes = len.checked_mul(size_of::<V>()).expect("a slice larger than memory");
        let place = self.values.take(bytes).cast::<V>();
        for i in 0..len {
            let value = value(i);
            // SAFETY: `take` gave unshared memory for `len` values; `i < len`.
            unsafe { place.add(i).write(value) };
        }
        // SAFETY: all `len` values were written just now, and nothing else refers to them.
        unsafe { std::slice::from_raw_parts(place, len) }
    }

    /// Releases all working memory that is handed out from now on when the guard drops, also on a panic.
    ///
    /// # Safety
    /// Working memory handed out while the guard lives must not be used after it.
    pub(crate) unsafe fn work(&self) -> Work<'_> {
        Work { stack: &self.work, mark: self.work.at.get() }
    }

    /// Releases all values and working memory, and keeps the chunks.
    pub(crate) fn reset(&mut self) {
        self.note_peak();
        self.values.at.set(Mark::default());
        self.work.at.set(Mark::default());
    }

    /// Bytes in use.
    pub(crate) fn used(&self) -> usize {
        (self.values.used() + self.work.used()) * LINE
    }

    /// Restarts the measurement of [`Arena::peak`].
    pub(crate) fn forget_peak(&self) {
        self.peak.set(0);
    }

    /// The most bytes in use at once since [`Arena::forget_peak`].
    pub(crate) fn peak(&self) -> usize {
        self.note_peak();
        self.peak.get() * LINE
    }

    /// Bytes held, used or not.
    pub(crate) fn capacity(&self) -> usize {
        (self.values.held() + self.work.held()) * LINE
    }
}

fn numbers_in<T: Real>(stack: &Stack, len: usize) -> *mut T {
    let bytes = len.checked_mul(size_of::<T>()).expect("a value larger than memory");
    let numbers = stack.take(bytes).cast::<T>();
    #[cfg(debug_assertions)]
    for i in 0..len {
        // SAFETY: `take` gave room for `len` numbers.
        unsafe { numbers.add(i).write(T::from_f64(f64::NAN)) };
    }
    numbers
}

/// Guard during which working memory may be handed out: see [`Arena::work`].
pub(crate) struct Work<'a> {
    stack: &'a Stack,
    mark: Mark,
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.stack.at.set(self.mark);
    }
}

/// Memory that the arena hands out in pieces; held by pointer, because references into it live meanwhile.
struct Chunk {
    memory: NonNull<Line>,
    lines: usize,
}

impl Chunk {
    /// Zeroed pages straight from the allocator, which cost nothing until they are used.
    fn zeroed(lines: usize) -> Self {
        let layout = Self::layout(lines);
        // SAFETY: chunks are never empty, so the layout has a size.
        let memory = unsafe { std::alloc::alloc_zeroed(layout) };
        match NonNull::new(memory.cast()) {
            Some(memory) => Chunk { memory, lines },
            None => panic!("out of memory: the tape could not allocate {} more bytes", layout.size()),
        }
    }

    fn layout(lines: usize) -> Layout {
        Layout::array::<Line>(lines).expect("a chunk larger than memory")
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: allocated in `zeroed` with this layout, and freed once, here.
        unsafe { std::alloc::dealloc(self.memory.as_ptr().cast(), Self::layout(self.lines)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_are_aligned_and_apart() {
        let arena = Arena::default();
        let a = arena.slice(3, |i| i);
        let b = arena.value(7u8);
        assert_eq!((a, *b), (&[0, 1, 2][..], 7));
        assert_eq!(std::ptr::from_ref(b) as usize % LINE, 0);
    }

    #[test]
    fn the_second_round_needs_no_new_memory() {
        let mut arena = Arena::default();
        let round = |arena: &Arena| {
            for len in [10, 100_000, 3, 1_000_000, 0] {
                arena.numbers::<f32>(len);
            }
        };
        round(&arena);
        let held = arena.capacity();
        assert!(arena.used() >= 4_400_000 && arena.used() <= held);
        arena.reset();
        assert_eq!((arena.used(), arena.peak() >= 4_400_000), (0, true));
        arena.forget_peak();
        round(&arena);
        assert_eq!(arena.capacity(), held);
        assert_eq!(arena.peak(), arena.used());
    }

    #[test]
    fn working_memory_is_given_back_and_values_stay() {
        let arena = Arena::default();
        let before = arena.used();
        let value = {
            // SAFETY: the working memory is not used here at all.
            let _work = unsafe { arena.work() };
            arena.working::<f64>(100);
            let value = arena.value([7u64; 8]);
            arena.working::<f64>(100);
            value
        };
        assert_eq!((arena.used() - before, arena.peak()), (LINE, before + 27 * LINE));
        arena.working::<f64>(300);
        assert_eq!(value, &[7; 8]);
    }

    #[test]
    fn a_slice_may_allocate_while_it_is_filled() {
        let arena = Arena::default();
        let outer = arena.slice(3, |i| arena.slice(2, |j| 10 * i + j));
        assert_eq!(outer[2], [20, 21]);
    }
}
