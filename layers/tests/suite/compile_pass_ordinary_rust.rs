//! Rust features that `#[bayesian]` supports on structs and impl blocks: visibility, generics, attributes, recursion, raw
//! names.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "the models test which syntax the macro accepts")]
#![allow(
    clippy::large_enum_variant,
    clippy::manual_non_exhaustive,
    clippy::needless_arbitrary_self_type,
    clippy::non_minimal_cfg,
    clippy::redundant_pattern_matching,
    reason = "unusual syntax is the subject"
)]

use elbo::prelude::*;
use elbo::{Independent, Yes};

fn dense() -> Dense {
    Dense::new(2, 2)
}

fn output<M: Layer<Scalar = f32>>(model: &M) -> Vec<f32> {
    let tape = Tape::new();
    let x = Tensor::full([1, 2], 1.0);
    model.draw(&tape, Key::new(1)).forward(tape.input(&x)).value().to_vec()
}

fn terms<M: Bayesian<Exact = Yes, Batch: Independent>>(model: &M) -> Vec<String> {
    model.kl_terms().into_iter().map(|(name, _)| name).collect()
}

/// Public models with private fields of private types.
pub mod visible {
    use elbo::prelude::*;
    use elbo::{Path, Property};

    #[bayesian]
    pub(super) struct Hidden {
        pub(super) layer: Dense,
    }

    #[bayesian]
    impl Hidden {
        pub(super) fn forward(&self, x: Var) -> Var {
            self.layer.forward(x)
        }
    }

    #[derive(Clone, Copy)]
    pub(super) struct Flat;

    impl Prior for Flat {
        fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
            w.sum() * 0.0
        }
    }

    #[bayesian]
    pub struct OfHidden {
        pub(super) one: Hidden,
        pub(super) many: Vec<Hidden>,
        pub(super) pair: (Option<Hidden>, Box<Hidden>),
        #[prior(Flat)]
        #[kl(monte_carlo)]
        pub(super) written: MeanField,
        #[prior(self.prior)]
        #[kl(monte_carlo)]
        pub(super) held: MeanField,
        pub(super) prior: Flat,
    }

    #[bayesian]
    impl OfHidden {
        pub fn forward(&self, x: Var) -> Var {
            self.many.iter().fold(self.one.forward(x), |x, layer| layer.forward(x)) * self.written
        }
    }

    #[bayesian]
    pub(in crate::compile_pass_ordinary_rust::visible) struct First {
        layer: Hidden,
    }

    #[allow(private_interfaces, reason = "variants are as visible as their enum")]
    #[bayesian]
    pub enum OfFirst {
        First(First),
        #[doc(hidden)]
        Nothing,
    }

    pub(super) fn of_first() -> OfFirst {
        OfFirst::First(First { layer: Hidden { layer: Dense::new(2, 2) } })
    }

    #[bayesian]
    pub struct Generic<M: Layer<Scalar = f32>, const N: usize = 1>
    where
        M: Clone,
    {
        layers: [M; N],
        hidden: Hidden,
    }

    impl<M: Layer<Scalar = f32> + Clone, const N: usize> Generic<M, N> {
        pub(super) fn of(layers: [M; N]) -> Self {
            Generic { layers, hidden: Hidden { layer: Dense::new(2, 2) } }
        }
    }

    pub(super) fn says<M: Bayesian>(model: &M) -> (usize, bool) {
        let mut terms = 0;
        model.each_kl(&Path::ROOT, &mut |_, nats| terms += usize::from(nats.is_finite()));
        fn is<V: Property>() {}
        is::<M::Exact>();
        (terms, model.num_parameters() > 0)
    }
}

#[test]
fn a_visible_model_has_private_parts_and_priors() {
    let hidden = || visible::Hidden { layer: dense() };
    let model = visible::OfHidden {
        one: hidden(),
        many: vec![hidden(), hidden()],
        pair: (None, Box::new(hidden())),
        written: MeanField::new([2]),
        held: MeanField::new([2]),
        prior: visible::Flat,
    };
    assert_eq!(visible::says(&model), (8, true));
    assert_eq!(output(&model).len(), 2);
    fn is_estimated<M: Bayesian<Exact = elbo::No<W>, Batch: Independent>, W>(_: &M) {}
    is_estimated(&model);
    let names: Vec<_> = terms(&visible::of_first());
    assert_eq!(names, ["layer.layer.weight", "layer.layer.bias"]);
    assert_eq!(terms(&visible::Generic::of([dense(), dense()])).len(), 6);
}

#[bayesian]
struct Chain {
    here: Dense,
    next: Option<Box<Self>>,
    more: Vec<Self>,
}

#[bayesian]
impl Chain {
    fn forward(&self, x: Var) -> Var {
        let y = self.here.forward(x);
        let y = self.next.map_or(y, |next| next.forward(y));
        self.more.iter().fold(y, |y, more| more.forward(y))
    }
}

#[bayesian]
pub struct Tree<M: Layer>
where
    Self: Sized,
{
    here: M,
    branches: Vec<Self>,
}

#[test]
fn a_model_may_contain_itself_as_self() {
    let end = || Chain { here: dense(), next: None, more: vec![] };
    let chain = Chain { here: dense(), next: Some(Box::new(end())), more: vec![end(), end()] };
    assert_eq!(terms(&chain).len(), 8);
    assert_eq!(output(&chain).len(), 2);
    let tree = Tree { here: dense(), branches: vec![Tree { here: dense(), branches: vec![] }] };
    assert_eq!(terms(&tree), ["here.weight", "here.bias", "branches.0.here.weight", "branches.0.here.bias"]);
}

#[bayesian(recursive(Branch))]
struct Leaf {
    here: Dense,
    branch: Option<Box<Branch>>,
}

#[bayesian(recursive(Leaf))]
struct Branch {
    leaves: Vec<Leaf>,
}

#[bayesian]
impl Leaf {
    fn forward(&self, x: Var) -> Var {
        let y = self.here.forward(x);
        self.branch.map_or(y, |branch| branch.forward(y))
    }
}

#[bayesian]
impl Branch {
    fn forward(&self, x: Var) -> Var {
        self.leaves.iter().fold(x, |x, leaf| leaf.forward(x))
    }
}

/// Three generic models that contain each other, with different visibility; the second couples examples.
#[bayesian(recursive(Second<M>, Third<M>))]
pub struct First<M: Layer<Scalar = f32>> {
    here: M,
    next: Vec<Second<M>>,
}

#[bayesian(recursive(First<M>, Third<M>))]
struct Second<M: Layer<Scalar = f32>> {
    norm: elbo::nn::BatchNorm,
    next: Vec<Third<M>>,
}

#[bayesian(recursive(First<M>, Second<M>))]
pub(crate) struct Third<M: Layer<Scalar = f32>> {
    next: Option<Box<First<M>>>,
}

#[test]
fn models_may_contain_each_other() {
    let leaf = || Leaf { here: dense(), branch: None };
    let model = Leaf { here: dense(), branch: Some(Box::new(Branch { leaves: vec![leaf(), leaf()] })) };
    assert_eq!(terms(&model).len(), 6);
    assert_eq!(output(&model).len(), 2);
    assert_eq!(terms(&Branch { leaves: vec![leaf()] }), ["leaves.0.here.weight", "leaves.0.here.bias"]);

    fn couples<M: Bayesian<Batch = elbo::No<W>, Exact = Yes>, W>(model: &M) -> usize {
        model.kl_terms().len()
    }
    let first = || First { here: dense(), next: vec![] };
    assert_eq!(couples(&first()), 2);
    assert_eq!(couples(&Third { next: Some(Box::new(first())) }), 2);
}

#[bayesian]
enum Block {
    Dense(Dense),
    Gated { gate: Dense, value: Dense },
    Relu,
}

#[bayesian]
impl Block {
    fn forward(self: &Self, x: Var) -> Var {
        match self {
            Block::Dense(layer) => layer.forward(x),
            Block::Gated { gate, value } if !self.is_linear() => gate.forward(x).sigmoid() * value.forward(x),
            Block::Gated { .. } | Block::Relu => x.relu(),
        }
    }

    fn is_linear(&self) -> bool {
        matches!(self, Block::Dense(_)) || matches!(*self, Self::Relu if false)
    }

    fn again(self: Block, x: Var) -> Var {
        let again = match self {
            Block::Dense(layer) => Block::Dense(layer),
            Block::Gated { gate, value } => Block::Gated { gate: value, value: gate },
            other => other,
        };
        Block::forward(&again, x)
    }
}

#[bayesian]
struct Network {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Network {
    /// The number of inputs.
    pub const INPUTS: usize = 2;

    fn new() -> Self {
        Network { hidden: Dense::new(Self::INPUTS, 2), ..Self::of(dense()) }
    }

    fn of(head: Dense) -> Self {
        Self { hidden: dense(), head }
    }

    fn twice(x: Var) -> Var {
        x * 2.0
    }

    fn forward(&self, x: Var) -> Var {
        let Network { hidden, head } = *self;
        assert_eq!(x.shape()[1], Self::INPUTS);
        debug_assert!(Self::twice(x).len() == Network::twice(x).len());
        let both = |x: Var| -> Var {
            let inner = |x: Var| hidden.forward(x);
            self.head.forward(inner(x))
        };
        let Self { head: same, .. } = self;
        both(x) + same.forward(Self::twice(x)) - head.forward(Network::twice(x))
    }
}

#[bayesian]
struct Pair(Dense, Dense);

#[bayesian]
impl Pair {
    fn forward(mut self, x: Var) -> Var {
        std::mem::swap(&mut self.0, &mut self.1);
        let Pair(first, second) = self;
        second.forward(first.forward(x))
    }
}

#[test]
fn an_impl_block_is_written_as_any_other() {
    let gated = Block::Gated { gate: dense(), value: dense() };
    let tape = Tape::new();
    let x = Tensor::full([1, 2], 1.0);
    assert_eq!(output(&gated).len(), 2);
    assert_eq!(gated.draw(&tape, Key::new(1)).again(tape.input(&x)).shape(), [1, 2]);
    assert_eq!(output(&Network::new()).len(), Network::INPUTS);
    assert_eq!(output(&Pair(dense(), dense())).len(), 2);
}

/// A model with a raw name, a default type argument, attributes everywhere, and functions of every kind.
#[bayesian]
#[derive(Clone)]
pub struct r#Type<Q = MeanField, const N: usize = 1>
where
    Q: Divergence<Normal>,
{
    /// Documented.
    #[doc(alias = "weight")]
    #[allow(dead_code)]
    #[prior(Normal(0.0, 1.0))]
    r#match: Q,
    #[cfg(any())]
    gone: Nowhere,
    #[skip]
    counts: [usize; N],
}

#[bayesian]
impl<Q, const N: usize> r#Type<Q, N>
where
    Q: Divergence<Normal>,
{
    const WIDTH: usize = N;

    /// # Safety
    /// It has no preconditions.
    unsafe fn careful(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x * self.r#match
    }

    async fn later(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x * self.r#match
    }

    const fn counts(&self) -> &[usize; N] {
        self.counts
    }

    #[cfg(any())]
    fn gone(&self) -> Nowhere {}

    fn through(&self, x: Var<Q::Scalar>, f: impl Fn(Var<Q::Scalar>) -> Var<Q::Scalar>) -> Var<Q::Scalar> {
        // SAFETY: the function has no preconditions.
        f(unsafe { self.careful(x) })
    }

    #[must_use]
    fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let scale = |x: Var<Q::Scalar>| -> Var<Q::Scalar> { self.through(x, |x| x) };
        match self.counts().len() {
            0 => x,
            n if n == Self::WIDTH => scale(x),
            _ => unreachable!(),
        }
    }
}

#[test]
fn names_bounds_and_functions_are_of_every_kind() {
    let model = r#Type { r#match: MeanField::new([2]), counts: [1] }.clone();
    assert_eq!(terms(&model), ["match"]);
    assert_eq!(output(&model).len(), <r#Type>::WIDTH * 2);
}
