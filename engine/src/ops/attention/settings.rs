//! Settings of attention: causal, mask and scale, and the checks of shapes.

use crate::{Real, Var};

/// Settings of attention: the mask and the scale of the scores. By default, every query attends to every key, and the
/// scale is 1/√d.
///
/// ```
/// use elbo_engine::{Attention, Tape, Tensor};
///
/// let x: Tensor = Tensor::from_fn([2, 5, 8], |i| (i as f64).sin());
/// let tape = Tape::new();
/// let x = tape.input(&x);
/// assert_eq!(x.attention(x, x, Attention::new().causal()).shape(), [2, 5, 8]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Attention<'t, T: Real = f32> {
    pub(super) causal: bool,
    pub(super) mask: Option<(Kind, Var<'t, T>)>,
    pub(super) lengths: Option<&'t [usize]>,
    pub(super) scale: Option<f64>,
}

impl<'t, T: Real> Attention<'t, T> {
    /// Every query attends to every key.
    pub const fn new() -> Self {
        Attention { causal: false, mask: None, lengths: None, scale: None }
    }

    /// Query i attends only to keys 0 to i.
    pub const fn causal(mut self) -> Self {
        self.causal = true;
        self
    }

    /// Adds `mask` to the scores, before the softmax. Its shape is (queries, keys), or has leading axes that are each 1
    /// or as long as the batch's; it may be learned.
    ///
    /// # Panics
    /// If a mask is already set.
    #[track_caller]
    pub fn bias(mut self, mask: Var<'t, T>) -> Self {
        self.set(Kind::Added, mask);
        self
    }

    /// Lets a query attend to a key where `mask`, of a shape as in [`bias`](Attention::bias), is not 0. A query that
    /// attends to no key has the value 0. The mask gets no gradient.
    ///
    /// # Panics
    /// If a mask is already set.
    #[track_caller]
    pub fn allow(mut self, mask: Var<'t, T>) -> Self {
        self.set(Kind::Allowed, mask);
        self
    }

    /// Lets the queries of example i, along the first axis of the batch, attend to its first `lengths`\[i\] keys. The keys and
    /// values after them are not read, and their gradient is exactly 0; with the length 0, a query's value is 0. Unlike a
    /// mask, lengths take no memory for pairs of queries and keys. They go together with a mask.
    pub const fn lengths(mut self, lengths: &'t [usize]) -> Self {
        self.lengths = Some(lengths);
        self
    }

    /// Multiplies q · kᵀ by `scale` instead of 1/√d.
    ///
    /// # Panics
    /// If it is not finite.
    #[track_caller]
    pub fn scale(mut self, scale: f64) -> Self {
        assert!(scale.is_finite(), "Attention: the scale must be finite, got {scale}");
        self.scale = Some(scale);
        self
    }

    #[track_caller]
    fn set(&mut self, kind: Kind, mask: Var<'t, T>) {
        assert!(self.mask.is_none(), "Attention: a mask is already set; multiply or add the two masks");
        self.mask = Some((kind, mask));
    }
}

impl<T: Real> Default for Attention<'_, T> {
    fn default() -> Self {
        Attention::new()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Added,
    Allowed,
}

#[track_caller]
pub(super) fn check_mask(mask: &[usize], batch: &[usize], scores: [usize; 2]) {
    let fits = mask.split_last_chunk::<2>().is_some_and(|(outer, last)| {
        let pairs = outer.iter().rev().zip(batch.iter().rev());
        *last == scores && outer.len() <= batch.len() && pairs.clone().all(|(mask, batch)| mask == batch || *mask == 1)
    });
    assert!(
        fits,
        "attention: a mask of shape {mask:?}; expected (queries, keys) = {scores:?}, or leading axes that are each 1 \
         or as in the batch {batch:?}"
    );
}

#[track_caller]
pub(super) fn check_lengths(lengths: &[usize], batch: &[usize], keys: usize) {
    assert!(
        batch.first() == Some(&lengths.len()),
        "attention: {} lengths for the batch {batch:?}; expected one for each example, the first axis of the batch",
        lengths.len()
    );
    if let Some(row) = lengths.iter().position(|&length| length > keys) {
        panic!("attention: the length of example {row} is {}, but there are {keys} keys", lengths[row]);
    }
}
