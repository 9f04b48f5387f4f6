//! A classifier and plain gradient descent, using only the engine.

use elbo_engine::{Activation, Gradients, Parameters, Real, Tape, Tensor, Var};

use super::Random;

/// Weight and bias of every layer.
pub(crate) type Net<T> = Vec<(Tensor<T>, Tensor<T>)>;

/// A net with layers of these widths, starting with the input.
pub(crate) fn net<T: Real>(widths: &[usize]) -> Net<T> {
    let mut random = Random::new(7);
    let mut layer = |inputs: usize, outputs: usize| {
        let scale = (2.0 / inputs as f64).sqrt();
        let weight = Tensor::from_fn([outputs, inputs], |_| scale * random.between(-1.7, 1.7));
        (weight, Tensor::from_fn([outputs], |_| random.between(-0.1, 0.1)))
    };
    widths.windows(2).map(|pair| layer(pair[0], pair[1])).collect()
}

/// A batch of inputs and labels.
pub(crate) fn batch<T: Real>(rows: usize, inputs: usize, classes: usize) -> (Tensor<T>, Vec<usize>) {
    let mut random = Random::new(8);
    let x = Tensor::from_fn([rows, inputs], |_| random.between(-1.0, 1.0));
    (x, (0..rows).map(|_| random.below(classes)).collect())
}

/// Logits, with a ReLU between the layers.
pub(crate) fn logits<'t, T: Real>(tape: &'t Tape<T>, net: &'t Net<T>, x: &'t Tensor<T>) -> Var<'t, T> {
    let mut x = tape.input(x);
    for (i, (weight, bias)) in net.iter().enumerate() {
        let activation = if i + 1 < net.len() { Activation::Relu } else { Activation::Identity };
        x = x.affine_activated(tape.param(weight), tape.param(bias), activation);
    }
    x
}

/// One step of gradient descent. Does not allocate.
pub(crate) fn descend<T: Real, M: Parameters<Scalar = T>>(model: &mut M, gradients: &mut Gradients<T>, rate: f64) {
    gradients.step(model, |_, parameter, gradient| {
        for (w, g) in parameter.iter_mut().zip(gradient) {
            let before = std::mem::replace(g, *w);
            *w -= T::from_f64(rate) * before;
        }
    });
}
