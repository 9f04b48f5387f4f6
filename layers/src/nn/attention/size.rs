//! `AttentionSize`: the widths of an attention layer, and its numbers of heads.

/// The sizes of a [`MultiHeadAttention`](super::MultiHeadAttention). A pair (width, heads) is one, too.
///
/// ```
/// use elbo::nn::{AttentionSize, MultiHeadAttention};
///
/// // 8 heads of 16 features, which share the keys and values of 2 heads.
/// let grouped = MultiHeadAttention::with(AttentionSize::new(128, 8).key_value_heads(2));
/// // Queries of width 128 attend to keys and values of width 80.
/// let cross = MultiHeadAttention::with(AttentionSize::new(128, 8).memory(80, 80));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct AttentionSize {
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) key_value_heads: usize,
    /// The widths of what keys and values are computed from, if they have weights of their own.
    pub(super) memory: Option<[usize; 2]>,
}

impl AttentionSize {
    /// `heads` heads of `width` / `heads` features each.
    ///
    /// # Panics
    /// If `width` is 0 or not divisible by `heads`.
    #[track_caller]
    pub fn new(width: usize, heads: usize) -> Self {
        assert!(
            heads > 0 && width > 0 && width.is_multiple_of(heads),
            "MultiHeadAttention: a width of {width} is not divisible into {heads} heads"
        );
        AttentionSize { width, heads, key_value_heads: heads, memory: None }
    }

    /// Grouped queries (Ainslie et al. 2023): keys and values have this number of heads, each of which serves as many heads of
    /// queries. 1 is multi-query attention (Shazeer 2019).
    ///
    /// # Panics
    /// If it does not divide the number of heads.
    #[track_caller]
    pub fn key_value_heads(self, heads: usize) -> Self {
        assert!(
            heads > 0 && self.heads.is_multiple_of(heads),
            "MultiHeadAttention: {} heads of queries are not divisible by {heads} heads of keys and values",
            self.heads
        );
        AttentionSize { key_value_heads: heads, ..self }
    }

    /// The widths of what keys and of what values are computed from, in place of the queries' width. Queries, keys and values then
    /// have separate weights, as in PyTorch.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn memory(self, keys: usize, values: usize) -> Self {
        assert!(
            keys > 0 && values > 0,
            "MultiHeadAttention: got a memory of {keys} features for keys and {values} for values, expected at least 1 each"
        );
        AttentionSize { memory: Some([keys, values]), ..self }
    }

    /// Features of a head.
    pub(super) fn head(self) -> usize {
        self.width / self.heads
    }

    /// The number of keys' features, and of values'.
    pub(super) fn key_value_width(self) -> usize {
        self.head() * self.key_value_heads
    }

    /// Rows of the weights of queries, keys and values together.
    #[track_caller]
    pub(super) fn rows(self) -> usize {
        let rows = self.key_value_width().checked_mul(2).and_then(|rows| rows.checked_add(self.width));
        rows.unwrap_or_else(|| {
            panic!("MultiHeadAttention: a width of {} needs more outputs than can be addressed in memory", self.width)
        })
    }
}

impl From<(usize, usize)> for AttentionSize {
    /// (width, heads).
    #[track_caller]
    fn from((width, heads): (usize, usize)) -> Self {
        AttentionSize::new(width, heads)
    }
}
