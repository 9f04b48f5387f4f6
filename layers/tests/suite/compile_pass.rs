//! Models that `#[bayesian]` accepts: every kind of field and struct, checked by parameter names, divergence or forward.

#![allow(
    clippy::large_enum_variant,
    clippy::non_minimal_cfg,
    reason = "the models test which syntax the macro accepts"
)]

use elbo::prelude::*;
use elbo::{Independent, Path, Property};

fn names<M: Bayesian>(model: &M) -> Vec<String> {
    let mut names = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
    names
}

fn terms<M: Bayesian>(model: &M) -> Vec<String> {
    let mut names = Vec::new();
    model.each_kl(&Path::ROOT, &mut |path, _| names.push(path.to_string()));
    let tape = Tape::new();
    let mut drawn = Vec::new();
    model.draw(&tape, Key::new(1)).each_kl(&Path::ROOT, &mut |path, _| drawn.push(path.to_string()));
    assert_eq!(names, drawn, "the model and its draw have the same terms");
    names
}

fn dense() -> Dense {
    Dense::new(2, 2)
}

fn weight() -> MeanField {
    MeanField::new([2])
}

fn output<M: Layer<Scalar = f32>>(model: &M) -> Vec<f32> {
    let tape = Tape::new();
    let x = Tensor::full([1, 2], 1.0);
    model.draw(&tape, Key::new(1)).forward(tape.input(&x)).value().to_vec()
}

/// A model with every kind of field.
#[bayesian]
#[derive(Clone)]
pub struct Everything<T: Real = f32> {
    #[prior(Normal(0.0, 1.0))]
    random: MeanField<T>,
    array: [Dense<MeanField<T>>; 2],
    vector: Vec<Dense<MeanField<T>>>,
    maybe: Option<Dense<MeanField<T>>>,
    boxed: Box<Dense<MeanField<T>>>,
    pair: (Dense<MeanField<T>>, Point<T>),
    point: Point<T>,
    #[prior(Normal(1.0, 0.1))]
    map: Point<T>,
    buffer: Buffer<T>,
    #[skip]
    classes: usize,
}

#[test]
fn every_kind_of_field_has_its_place() {
    let d = || Dense::mean_field(2, 2);
    let model = Everything {
        random: MeanField::new([2]),
        array: [d(), d()],
        vector: vec![d()],
        maybe: Some(d()),
        boxed: Box::new(d()),
        pair: (d(), Point::new([1])),
        point: Point::new([1]),
        map: Point::new([1]),
        buffer: Buffer(Tensor::<f64>::full([1], 1.0)),
        classes: 3,
    };
    let model = model.clone();
    let expected = [
        "random",
        "array.0.weight",
        "array.0.bias",
        "array.1.weight",
        "array.1.bias",
        "vector.0.weight",
        "vector.0.bias",
        "maybe.weight",
        "maybe.bias",
        "boxed.weight",
        "boxed.bias",
        "pair.0.weight",
        "pair.0.bias",
        "map",
    ];
    assert_eq!(terms(&model), expected);
    let names = names(&model);
    assert!(names.iter().any(|name| name == "buffer"), "a buffer is saved: {names:?}");
    assert!(!names.iter().any(|name| name.contains("classes")), "a skipped field is not: {names:?}");
    let tape = Tape::new();
    assert_eq!(*model.draw(&tape, Key::new(1)).classes, 3);
}

#[bayesian]
struct Pair(Dense, #[prior(self.2)] MeanField, #[skip] Normal);

#[bayesian]
struct Relu;

#[bayesian]
impl Relu {
    fn forward(&self, x: Var) -> Var {
        x.relu()
    }
}

#[test]
fn tuple_and_unit_structs_are_models() {
    let pair = Pair(dense(), weight(), Normal(0.0, 2.0));
    assert_eq!(terms(&pair), ["0.weight", "0.bias", "1"]);
    assert!(pair.kl() > 0.0);
    assert_eq!(Relu.kl(), 0.0);
    assert_eq!(output(&Relu), [1.0, 1.0]);
}

#[bayesian]
struct Named {
    #[name("kernel")]
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField,
    #[name("inner")]
    layer: Dense,
    r#type: Dense,
}

#[test]
fn parameters_are_named_by_the_attribute_or_the_field() {
    let model = Named { weight: weight(), layer: dense(), r#type: dense() };
    assert_eq!(terms(&model), ["kernel", "inner.weight", "inner.bias", "type.weight", "type.bias"]);
}

/// An enum of layers.
#[bayesian]
enum Block {
    Dense(Dense),
    Gated {
        gate: Dense,
        value: Dense,
        #[skip]
        sharp: bool,
    },
    Relu,
}

#[bayesian]
impl Block {
    fn forward(&self, x: Var) -> Var {
        match self {
            Self::Dense(layer) => layer.forward(x),
            Self::Gated { gate, value, sharp: true } => gate.forward(x).relu() * value.forward(x),
            Self::Gated { gate, value, .. } => gate.forward(x).sigmoid() * value.forward(x),
            Self::Relu => x.relu(),
        }
    }
}

#[test]
fn an_enum_of_layers_is_a_layer() {
    let gated = Block::Gated { gate: dense(), value: dense(), sharp: false };
    assert_eq!(terms(&Block::Dense(dense())), ["weight", "bias"]);
    assert_eq!(terms(&gated), ["gate.weight", "gate.bias", "value.weight", "value.bias"]);
    assert_eq!(Block::Relu.kl(), 0.0);
    assert_eq!(output(&Block::Relu), [1.0, 1.0]);
    assert_eq!(output(&gated).len(), 2);
}

#[bayesian]
struct Chain {
    next: Option<Box<Chain>>,
    here: Dense,
}

#[bayesian]
impl Chain {
    fn forward(&self, x: Var) -> Var {
        let y = self.here.forward(x);
        self.next.map_or(y, |next| next.forward(y))
    }
}

#[test]
fn a_model_may_contain_itself() {
    let chain = Chain { next: Some(Box::new(Chain { next: None, here: dense() })), here: dense() };
    assert_eq!(terms(&chain), ["next.here.weight", "next.here.bias", "here.weight", "here.bias"]);
    assert!(chain.kl() > 0.0);
    assert_eq!(output(&chain).len(), 2);
}

/// A model that is generic over a layer and the number of layers.
#[bayesian]
struct Stack<M, const N: usize>
where
    M: Layer,
{
    layers: [M; N],
    #[skip]
    residual: bool,
}

#[bayesian]
impl<M, const N: usize> Stack<M, N>
where
    M: Layer,
{
    fn forward(&self, x: Var<M::Scalar>) -> Var<M::Scalar> {
        self.layers.iter().fold(x, |x, layer| {
            let y = layer.forward(x);
            if *self.residual { x + y } else { y }
        })
    }
}

#[test]
fn containers_are_generic_over_layers() {
    let stack = Stack { layers: [Stack { layers: [dense(), dense()], residual: true }], residual: false };
    assert_eq!(terms(&stack).len(), 4);
    assert_eq!(output(&stack).len(), 2);
}

/// A model with a field that is compiled away, and other derives before and after.
#[derive(Clone)]
#[bayesian]
#[derive(Debug)]
struct Conditional {
    layer: Dense,
    #[cfg(any())]
    never: Nowhere,
    #[cfg_attr(all(), skip)]
    setting: usize,
    #[cfg(all())]
    #[prior(Normal(0.0, 1.0))]
    always: MeanField,
}

#[test]
fn fields_that_are_compiled_away_are_not_there() {
    let model = Conditional { layer: dense(), setting: 1, always: weight() }.clone();
    assert_eq!(terms(&model), ["layer.weight", "layer.bias", "always"]);
    assert!(format!("{model:?}").contains("setting: 1"));
}

type State<'t> = (Var<'t>, Var<'t>);

#[bayesian]
struct Cell {
    layer: Dense,
}

#[bayesian]
impl Cell {
    fn step(&self, (h, c): (Var, Var), x: Option<Var>) -> (Var, Var) {
        let h: Var = self.layer.forward(x.unwrap_or(h));
        (h, c)
    }

    fn alias(&self, state: State<'t>) -> State<'t> {
        state
    }

    fn with(self, f: impl Fn(Var) -> Var, x: Var) -> Var {
        f(self.layer.forward(x))
    }

    fn forward(&self, xs: &[Var]) -> Var {
        let start = self.alias((xs[0], xs[0]));
        xs.iter().fold(start, |state, x| self.step(state, Some(*x))).0
    }
}

#[test]
fn variables_in_signatures_live_on_the_tape() {
    fn generic<'t, D: for<'x> Forward<'t, &'x [Var<'t>], Out = Var<'t>>>(draw: D, x: Var<'t>) -> Var<'t> {
        draw.forward(&[x, x])
    }
    let (cell, tape) = (Cell { layer: dense() }, Tape::new());
    let draw = cell.draw(&tape, Key::new(1));
    let x = tape.input(&Tensor::full([1, 2], 1.0)).to_tensor();
    let x = tape.input(&x);
    assert_eq!(generic(draw, x).value(), draw.forward(&[x, x]).value());
    assert_eq!(draw.with(|y| y, x).value(), draw.with(|y| y * 1.0, x).value());
}

/// A model with a generic posterior.
#[bayesian]
struct Head<Q: Divergence<Normal>> {
    #[prior(Normal(0.0, 1.0))]
    weight: Q,
}

fn standard() -> Normal {
    Normal(0.0, 1.0)
}

#[bayesian]
struct Computed {
    #[prior(standard())]
    weight: MeanField,
}

#[bayesian]
struct Estimated {
    layer: Dense,
    #[prior(Normal(0.0, 1.0))]
    #[kl(monte_carlo)]
    weight: MeanField,
}

#[bayesian]
struct Wrapped<P: Prior> {
    #[prior(self.prior)]
    weight: MeanField,
    #[skip]
    prior: MonteCarlo<P>,
}

#[bayesian]
struct Constructed {
    #[prior(Normal::new(0.0, 1.0))]
    weight: MeanField,
}

#[bayesian]
struct ConstructedEstimate {
    #[prior(MonteCarlo::new(Normal::new(0.0, 1.0)))]
    weight: MeanField,
}

#[test]
fn exactness_follows_from_the_prior_s_type() {
    fn is_closed<M: Bayesian<Exact = elbo::Yes>>(model: &M) -> f64 {
        model.kl()
    }
    fn is_estimated<M: Bayesian<Exact = elbo::No<W>>, W>(_: &M) {}
    fn is_independent<M: Bayesian<Batch: Independent + Property>>(_: &M) {}

    assert_eq!(is_closed(&Head { weight: weight() }), is_closed(&Computed { weight: weight() }));
    assert_eq!(is_closed(&Head { weight: weight() }), is_closed(&Constructed { weight: weight() }));
    is_estimated(&ConstructedEstimate { weight: weight() });
    is_estimated(&Estimated { layer: dense(), weight: weight() });
    is_estimated(&Wrapped { weight: weight(), prior: MonteCarlo(Normal(0.0, 1.0)) });
    is_estimated(&dense().prior(MonteCarlo(Normal(0.0, 1.0))));
    is_independent(&Estimated { layer: dense(), weight: weight() });
}

#[test]
fn a_model_is_declared_in_a_function_or_by_a_macro() {
    #[bayesian]
    struct Local {
        layer: Dense,
    }
    assert_eq!(terms(&Local { layer: dense() }).len(), 2);

    macro_rules! model {
        ($name:ident, $weight:ty, $prior:expr) => {
            #[bayesian]
            struct $name {
                #[prior($prior)]
                first: $weight,
                #[prior(self.own)]
                second: $weight,
                #[skip]
                own: Normal,
            }
        };
    }
    model!(Made, MeanField, Normal(0.0, 1.0));
    assert_eq!(terms(&Made { first: weight(), second: weight(), own: standard() }), ["first", "second"]);
}
