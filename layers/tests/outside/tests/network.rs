//! Networks that combine user-defined layers and elbo's, in every container.

use bayes::prelude::*;
use bayes::{Layer, Path};
use outside::{Gumbel, Isotropic, LogCosh, Smooth};

type Ours = Smooth<Isotropic, Gumbel>;

/// A residual connection around any layer.
#[bayesian]
struct Residual<M: Layer> {
    inner: M,
}

#[bayesian]
impl<M: Layer> Residual<M> {
    fn forward(&self, x: Var<M::Scalar>) -> Var<M::Scalar> {
        x + self.inner.forward(x)
    }
}

/// An enum of a layer of elbo and a user-defined one.
#[bayesian]
#[allow(clippy::large_enum_variant, reason = "there is one of it")]
enum Either {
    Ours(Ours),
    Theirs {
        layer: Dense<Isotropic, Gumbel>,
        #[skip]
        rectified: bool,
    },
}

#[bayesian]
impl Either {
    fn forward(&self, x: Var) -> Var {
        match self {
            Self::Ours(layer) => layer.forward(x),
            Self::Theirs { layer, rectified: true } => layer.forward(x).relu(),
            Self::Theirs { layer, .. } => layer.forward(x),
        }
    }
}

/// A model with every container, of layers of both crates.
#[bayesian]
struct Network {
    first: [Ours; 2],
    blocks: Vec<Residual<Ours>>,
    maybe: Option<Dense<MeanField, Gumbel>>,
    boxed: Box<Either>,
    pair: (Dense, Either),
    #[prior(Gumbel(1.0))]
    gain: Isotropic,
    #[prior(Gumbel(1.0))]
    #[kl(monte_carlo)]
    offset: MeanField,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        let x = self.first.iter().fold(x, |x, layer| layer.forward(x));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        let x = self.maybe.map_or(x, |layer| layer.forward(x));
        let x = self.boxed.forward(x);
        let x = self.pair.1.forward(self.pair.0.forward(x));
        (x * self.gain + self.offset).log_cosh()
    }
}

fn ours() -> Ours {
    Smooth::new(3, 3, Gumbel(1.0))
}

fn theirs() -> Dense<Isotropic, Gumbel> {
    Dense { weight: Isotropic::new([3, 3], 0.1), bias: Isotropic::new([3], 0.1), prior: Gumbel(1.0) }
}

fn network() -> Network {
    Network {
        first: [ours(), ours()],
        blocks: vec![Residual { inner: ours() }, Residual { inner: ours() }],
        maybe: Some(Dense::new(3, 3).prior(Gumbel(2.0))),
        boxed: Box::new(Either::Ours(ours())),
        pair: (Dense::new(3, 3), Either::Theirs { layer: theirs(), rectified: false }),
        gain: Isotropic::new([3], 0.1),
        offset: MeanField::new([3]),
    }
}

#[test]
fn every_random_weight_has_its_term() {
    let (network, tape) = (network(), Tape::new());
    let mut names = Vec::new();
    network.draw(&tape, Key::new(1)).each_kl(&Path::ROOT, &mut |path, _| names.push(path.to_string()));
    let layers = ["first.0", "first.1", "blocks.0.inner", "blocks.1.inner", "maybe", "boxed", "pair.0", "pair.1.layer"];
    let mut expected: Vec<_> =
        layers.iter().flat_map(|layer| [format!("{layer}.weight"), format!("{layer}.bias")]).collect();
    expected.extend(["gain".to_owned(), "offset".to_owned()]);
    assert_eq!(names, expected);
}

#[test]
fn the_forward_is_the_same_for_the_same_key_and_of_the_right_shape() {
    let (network, x) = (network(), Tensor::full([5, 3], 0.3));
    let output = |seed| {
        let tape = Tape::new();
        let draw = network.draw(&tape, Key::new(seed));
        let y = draw.forward(tape.input(&x));
        assert_eq!(y.shape(), [5, 3]);
        y.value().to_vec()
    };
    assert_eq!(output(1), output(1));
    assert_ne!(output(1), output(2));
}

/// Trains a classifier with elbo's training loop, in a separate module.
mod trained {
    use super::{Gumbel, Isotropic, Ours, Smooth};
    use bayes::prelude::*;

    #[bayesian]
    pub(super) struct Classifier {
        body: Ours,
        head: Dense<Isotropic, Gumbel>,
    }

    #[bayesian]
    impl Classifier {
        pub(super) fn forward(&self, x: Var) -> Var {
            self.head.forward(self.body.forward(x))
        }
    }

    pub(super) fn untrained() -> Classifier {
        let head = Dense { weight: Isotropic::new([2, 8], 0.1), bias: Isotropic::new([2], 0.1), prior: Gumbel(1.0) };
        Classifier { body: Smooth::new(2, 8, Gumbel(1.0)), head }
    }
}

#[test]
fn a_network_of_them_learns() {
    let x: Tensor = Tensor::from_fn([200, 2], |i| (f64::from(u32::try_from(i).expect("few")) * 0.7).sin());
    let labels: Vec<usize> = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    let train = Examples::new(x, labels).expect("as many labels as points");
    let mut model = trained::untrained();
    let before = model.predict(&Categorical, train.inputs(), Draws(16)).accuracy(train.targets());
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(2e-2)).quiet();
    let report = elbo.fit(&mut model, &train, Epochs(60)).expect("training stays finite");
    let after = model.predict(&Categorical, train.inputs(), Draws(16)).accuracy(train.targets());
    assert!(report.last().elbo.is_finite());
    assert!(after > 0.95 && after > before, "accuracy {before} before, {after} after");
}

#[test]
fn a_model_is_declared_in_a_function() {
    #[bayesian]
    struct Local {
        r#type: Ours,
        tape: Ours,
        cx: Dense<Isotropic, Gumbel>,
        #[cfg(any())]
        never: Nowhere,
    }
    let local = Local { r#type: ours(), tape: ours(), cx: theirs() };
    let names: Vec<_> = local.kl_terms().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["type.weight", "type.bias", "tape.weight", "tape.bias", "cx.weight", "cx.bias"]);
}
