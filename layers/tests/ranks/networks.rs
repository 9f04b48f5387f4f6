//! The networks that are trained, and their data.

use elbo::nn::{Conv2d, Flatten, Lstm, MaxPool2d, Relu, Sequential};
use elbo::prelude::*;

/// Examples of this shape in 10 classes.
pub(crate) fn examples(count: usize, shape: &[usize]) -> Examples {
    let all: elbo::Shape = [count].iter().chain(shape).copied().collect();
    let labels = (0..count).map(|i| (i * i) % 10).collect();
    Examples::new(Tensor::from_fn(all, |i| (i as f64 * 0.7).sin()), labels).expect("as many labels as inputs")
}

/// 784-width-width-10.
pub(crate) type Mlp<R = Normal> =
    Sequential<(Dense<MeanField, R>, Relu, Dense<MeanField, R>, Relu, Dense<MeanField, R>)>;

pub(crate) fn mlp(width: usize) -> Mlp {
    Sequential((Dense::new(784, width), Relu::new(), Dense::new(width, width), Relu::new(), Dense::new(width, 10)))
}

type Mixture = MonteCarlo<ScaleMixture<2>>;

/// [`mlp`] with an estimated divergence.
pub(crate) fn mlp_of_mixture(width: usize) -> Mlp<Mixture> {
    let layer = |inputs, outputs| {
        let prior = MonteCarlo(ScaleMixture::new([0.5, 0.5], [1.0, 0.1]));
        Dense::of(inputs, outputs, |shape| MeanField::new(shape), prior)
    };
    Sequential((layer(784, width), Relu::new(), layer(width, width), Relu::new(), layer(width, 10)))
}

type LeNet = Sequential<(Conv2d, Relu, MaxPool2d, Conv2d, Relu, MaxPool2d, Flatten, Dense, Relu, Dense)>;

/// On pictures of 28 by 28 with one channel.
pub(crate) fn lenet([first, second, body]: [usize; 3]) -> LeNet {
    let pool = || MaxPool2d::new([2, 2]);
    Sequential((
        Conv2d::new(1, first, [5, 5]),
        Relu::new(),
        pool(),
        Conv2d::new(first, second, [5, 5]),
        Relu::new(),
        pool(),
        Flatten::new(),
        Dense::new(second * 16, body),
        Relu::new(),
        Dense::new(body, 10),
    ))
}

#[bayesian]
pub(crate) struct Sequences {
    lstm: Lstm,
    head: Dense,
}

#[bayesian]
impl Sequences {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.lstm.forward(x).mean_axes(&[1], false))
    }
}

/// On sequences of 12 numbers.
pub(crate) fn sequences(width: usize) -> Sequences {
    Sequences { lstm: Lstm::new(12, width), head: Dense::new(width, 10) }
}
