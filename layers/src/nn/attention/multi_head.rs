//! `MultiHeadAttention`: self- and cross-attention of several heads.

use crate::divergence::Divergence;
use crate::engine::{Attention, Shape, Var};
use crate::estimator::Weight;
use crate::nn::attention::padding::{check, lengths_of, without_padding};
use crate::nn::attention::rotary::{check_base, rotary};
use crate::nn::attention::size::AttentionSize;
use crate::nn::projection::affine;
use crate::nn::{Bias, Projection};
use crate::posterior::MeanField;
use crate::prior::{Normal, PriorFor};
use elbo_macros::bayesian;

/// Multi-head attention (Vaswani et al. 2017) of (examples, steps, width), with any posterior family and any prior: each head
/// attends by softmax(q · kᵀ / √d) · v with its own d = width / heads features of the queries q, keys k and values v, which are
/// affine in the input; a last affine map mixes the heads.
///
/// [`forward`](MultiHeadAttentionDraw::forward) is self-attention, and [`attend`](MultiHeadAttentionDraw::attend) cross-attention
/// or attention under a mask. The scores of a block of queries are in memory, never those of all pairs: memory grows linearly
/// with the number of steps ([`Var::attention`]).
///
/// ```
/// use elbo::nn::MultiHeadAttention;
/// use elbo::prelude::*;
///
/// let layer = MultiHeadAttention::new(16, 4).causal().rotary(10_000.0);
/// let (tape, x) = (Tape::new(), Tensor::from_fn([2, 10, 16], |i| (i as f64).sin()));
/// let draw = layer.draw(&tape, Key::new(1));
/// assert_eq!(draw.forward(tape.input(&x)).shape(), [2, 10, 16]);
/// // The second example has 7 steps, and padding after them.
/// let y = draw.forward_padded(tape.input(&x), &[10, 7]);
/// assert_eq!(y.at(0, 1).at(0, 7).value(), [0.0; 16]);
/// ```
///
/// The parameters have PyTorch's names and layout (`in_proj_weight`, `in_proj_bias`, `out_proj.weight`, `out_proj.bias`), so
/// [`PyTorch`](crate::PyTorch) loads a `torch.nn.MultiheadAttention`. Weights are drawn once for all steps. Under
/// [`Estimator::Flipout`](crate::Estimator::Flipout) an example has one perturbation for all of its steps. Where queries, keys and
/// values come from different inputs and share `in_proj_weight`, that weight is sampled under any estimator.
#[bayesian]
#[derive(Clone, Debug)]
pub struct MultiHeadAttention<Q: Divergence<P> = MeanField, P: PriorFor<Q::Scalar> = Normal> {
    /// The weights of queries, keys and values, one after the other: (width + 2 · keys' width, width). Absent if keys and values
    /// come from another width. As the other weights, with its own copy of the prior.
    pub in_proj_weight: Option<Bias<Q, P>>,
    /// The weight of queries, (width, width), if keys and values come from another width.
    pub q_proj_weight: Option<Bias<Q, P>>,
    /// The weight of keys, (keys' width, memory), in that case.
    pub k_proj_weight: Option<Bias<Q, P>>,
    /// The weight of values, (keys' width, memory), in that case.
    pub v_proj_weight: Option<Bias<Q, P>>,
    /// The biases of queries, keys and values, one after the other, if there are biases.
    pub in_proj_bias: Option<Bias<Q, P>>,
    /// The map after the heads, from width to width.
    pub out_proj: Projection<Q, P>,
    #[skip]
    settings: Settings,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    size: AttentionSize,
    causal: bool,
    rotary: Option<f64>,
}

const NAME: &str = "MultiHeadAttention";

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> MultiHeadAttention<Q, P> {
    /// Self-attention: each step attends to all steps of its example, or up to itself if the layer is
    /// [`causal`](MultiHeadAttention::causal).
    ///
    /// # Panics
    /// If `x` is not (examples, steps, width), or the layer takes keys and values of another width.
    #[track_caller]
    pub fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        self.attend([x; 3], Attention::new())
    }

    /// [`forward`](Self::forward) over padded sequences: example i has `lengths`\[i\] steps. Its results are those of its steps
    /// alone, and its outputs at padded steps are 0. Padding is not read, and its gradient is exactly 0.
    ///
    /// # Panics
    /// As [`forward`](Self::forward), if there is not one length for each example, or if a length exceeds the steps of `x`.
    #[track_caller]
    pub fn forward_padded(&self, x: Var<Q::Scalar>, lengths: &[usize]) -> Var<Q::Scalar> {
        check(NAME, "x", x, self.settings.size.width);
        let lengths = lengths_of(NAME, "x", x, lengths);
        let x = without_padding(x, lengths);
        without_padding(self.attend([x; 3], Attention::new().lengths(lengths)), lengths)
    }
}

impl<'t, Q: Divergence<P>, P: PriorFor<Q::Scalar>> MultiHeadAttentionDraw<'t, Q, P> {
    /// Attention of queries to keys with values, computed from `[query, key, value]`: of shapes (examples, steps, width),
    /// (examples, other steps, memory) and (examples, other steps, memory), where memory is the width unless
    /// [`AttentionSize::memory`] says otherwise. For cross-attention it is `[x, memory, memory]`. The result is (examples, steps,
    /// width).
    ///
    /// `settings` has masks and lengths: a mask is (queries, keys), or (examples or 1, heads or 1, queries, keys), and
    /// [`lengths`](Attention::lengths) are the numbers of keys of each example.
    ///
    /// # Panics
    /// If the inputs or what `settings` has are of other shapes.
    #[track_caller]
    pub fn attend(
        &self,
        [query, key, value]: [Var<'t, Q::Scalar>; 3],
        settings: Attention<'t, Q::Scalar>,
    ) -> Var<'t, Q::Scalar> {
        let size = self.settings.size;
        let [of_keys, of_values] = size.memory.unwrap_or([size.width; 2]);
        let [examples, queries] = check(NAME, "queries", query, size.width);
        let [of_key, keys] = check(NAME, "keys", key, of_keys);
        let of_value = check(NAME, "values", value, of_values);
        assert!(
            examples == of_key && of_value == [of_key, keys],
            "{NAME}: got queries of shape {:?}, keys of shape {:?} and values of shape {:?}, expected as many examples in all, \
             and as many values as keys",
            query.shape(),
            key.shape(),
            value.shape()
        );
        let is_self = query.is_same(key) && key.is_same(value);
        let [q, k, v] = self.project([query, key, value], is_self);
        let head = size.head();
        let split = |x: Var<'t, Q::Scalar>, heads: usize, steps: usize| {
            x.reshape([examples, steps, heads, head]).permute(&[0, 2, 1, 3])
        };
        let mut q = split(q, size.heads, queries);
        let [mut k, mut v] = [k, v].map(|x| split(x, size.key_value_heads, keys));
        if let Some(base) = self.settings.rotary {
            (q, k) = (rotary(q, base), rotary(k, base));
        }
        if size.key_value_heads < size.heads {
            let each = size.heads / size.key_value_heads;
            [k, v] = [k, v].map(|x| {
                let x = x.reshape([examples, size.key_value_heads, 1, keys, head]);
                let x = x.broadcast_to([examples, size.key_value_heads, each, keys, head]);
                x.reshape([examples, size.heads, keys, head])
            });
        }
        let settings = if self.settings.causal { settings.causal() } else { settings };
        let y = q.attention(k, v, settings);
        self.out_proj.forward(y.permute(&[0, 2, 1, 3]).reshape([examples, queries, size.width]))
    }

    /// Queries, keys and values of all heads.
    #[track_caller]
    fn project(&self, inputs: [Var<'t, Q::Scalar>; 3], is_self: bool) -> [Var<'t, Q::Scalar>; 3] {
        let size = self.settings.size;
        let widths = [size.width, size.key_value_width(), size.key_value_width()];
        let weight = |of: Option<crate::nn::BiasDraw<'t, Q, P>>| of.map(|of| of.value);
        let bias = weight(self.in_proj_bias);
        if let Some(packed) = weight(self.in_proj_weight) {
            if is_self {
                return affine(inputs[0], packed, bias).split(-1, widths);
            }
            let weights = packed.split(0, widths);
            return self.each(inputs, weights, bias);
        }
        let weights: [Option<Weight<'t, Q::Scalar>>; 3] =
            [self.q_proj_weight, self.k_proj_weight, self.v_proj_weight].map(weight);
        let [Some(q), Some(k), Some(v)] = weights else {
            panic!(
                "{NAME}: the layer has neither `in_proj_weight` nor all of `q_proj_weight`, `k_proj_weight` and `v_proj_weight`"
            );
        };
        self.each(inputs, [q, k, v], bias)
    }

    /// Affine maps of three inputs, with the biases of all one after the other.
    #[track_caller]
    fn each<W: crate::engine::Linear<'t, Q::Scalar>>(
        &self,
        [a, b, c]: [Var<'t, Q::Scalar>; 3],
        [of_a, of_b, of_c]: [W; 3],
        bias: Option<Weight<'t, Q::Scalar>>,
    ) -> [Var<'t, Q::Scalar>; 3] {
        let size = self.settings.size;
        let widths = [size.width, size.key_value_width(), size.key_value_width()];
        match bias {
            None => [a.linear(of_a), b.linear(of_b), c.linear(of_c)],
            Some(bias) => {
                let [for_a, for_b, for_c] = bias.split(0, widths);
                [a.affine(of_a, for_a), b.affine(of_b, for_b), c.affine(of_c, for_c)]
            }
        }
    }
}

impl MultiHeadAttention {
    /// A layer in `f32` with prior N(0, 1), initialised by [`MeanField::new`].
    ///
    /// # Panics
    /// If `width` is 0 or not divisible by `heads`.
    #[track_caller]
    pub fn new(width: usize, heads: usize) -> Self {
        MultiHeadAttention::with(AttentionSize::new(width, heads))
    }

    /// [`new`](MultiHeadAttention::new) of any [`AttentionSize`]: with grouped queries, or for keys and values of another width.
    #[track_caller]
    pub fn with(size: AttentionSize) -> Self {
        MultiHeadAttention::of(size, |shape| MeanField::new(shape), Normal(0.0, 1.0))
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar> + Clone> MultiHeadAttention<Q, P> {
    /// A layer of any posterior family under any prior: `posterior` makes a random weight from its shape, in the order of the
    /// fields. `size` is (width, heads) or an [`AttentionSize`].
    #[track_caller]
    pub fn of(size: impl Into<AttentionSize>, mut posterior: impl FnMut(Shape) -> Q, prior: P) -> Self {
        MultiHeadAttention::build(size.into(), &mut posterior, prior)
    }

    #[track_caller]
    pub(super) fn build(size: AttentionSize, posterior: &mut impl FnMut(Shape) -> Q, prior: P) -> Self {
        let (rows, width) = (size.rows(), size.width);
        let mut weight = |shape: Shape| Some(Bias { value: posterior(shape), prior: prior.clone() });
        let [mut packed, mut q, mut k, mut v] = [None, None, None, None];
        match size.memory {
            None => packed = weight([rows, width].into()),
            Some([keys, values]) => {
                q = weight([width, width].into());
                k = weight([size.key_value_width(), keys].into());
                v = weight([size.key_value_width(), values].into());
            }
        }
        let in_proj_bias = weight([rows].into());
        MultiHeadAttention {
            in_proj_weight: packed,
            q_proj_weight: q,
            k_proj_weight: k,
            v_proj_weight: v,
            in_proj_bias,
            out_proj: Projection::of([width, width], posterior, prior),
            settings: Settings { size, causal: false, rotary: None },
        }
    }

    /// Replaces the prior.
    pub fn prior<R: PriorFor<Q::Scalar> + Clone>(self, prior: R) -> MultiHeadAttention<Q, R>
    where
        Q: Divergence<R>,
    {
        let with = |of: Option<Bias<Q, P>>| of.map(|of| of.under(prior.clone()));
        MultiHeadAttention {
            in_proj_weight: with(self.in_proj_weight),
            q_proj_weight: with(self.q_proj_weight),
            k_proj_weight: with(self.k_proj_weight),
            v_proj_weight: with(self.v_proj_weight),
            in_proj_bias: with(self.in_proj_bias),
            out_proj: self.out_proj.prior(prior),
            settings: self.settings,
        }
    }
}

initial_sd!(
    MultiHeadAttention: in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, out_proj
);

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> MultiHeadAttention<Q, P> {
    /// Lets query i attend to keys 0 to i only.
    #[must_use]
    pub fn causal(self) -> Self {
        MultiHeadAttention { settings: Settings { causal: true, ..self.settings }, ..self }
    }

    /// Rotates queries and keys by their steps: see [`rotary`](fn@crate::nn::rotary).
    ///
    /// # Panics
    /// If `base` is below 1 or not finite, or the heads have an odd number of features.
    #[track_caller]
    #[must_use]
    pub fn rotary(self, base: f64) -> Self {
        check_base(base);
        let head = self.settings.size.head();
        assert!(
            head.is_multiple_of(2),
            "{NAME}: rotary positions need heads with an even number of features, got {head}"
        );
        MultiHeadAttention { settings: Settings { rotary: Some(base), ..self.settings }, ..self }
    }

    /// Removes the biases.
    #[must_use]
    pub fn without_bias(self) -> Self {
        MultiHeadAttention { in_proj_bias: None, out_proj: Projection { bias: None, ..self.out_proj }, ..self }
    }
}
