//! The inputs, labels and initial weights, bit for bit those of `given.py` for the peers.

use elbo::{Parameters, Path, Role, Tensor};

/// A number in [0, 1) for element `i` of stream `stream`.
pub(crate) fn uniform(stream: u32, i: usize) -> f64 {
    let mut x = (i as u32).wrapping_add(stream.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x9E37_79B1);
    x ^= x >> 15;
    x = x.wrapping_mul(0x85EB_CA77);
    x ^= x >> 13;
    x = x.wrapping_mul(0xC2B2_AE3D);
    x ^= x >> 16;
    f64::from(x) / 4_294_967_296.0
}

/// Inputs of this shape, with variance 1.
pub(crate) fn inputs(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |i| (2.0 * uniform(1, i) - 1.0) * 3f64.sqrt())
}

/// Regression targets in [−1, 1).
pub(crate) fn targets(shape: &[usize]) -> Tensor {
    Tensor::from_fn(shape, |i| 2.0 * uniform(3, i) - 1.0)
}

/// Labels of `classes` classes.
pub(crate) fn labels(examples: usize, classes: usize) -> Vec<usize> {
    (0..examples).map(|i| (uniform(2, i) * classes as f64) as usize).collect()
}

/// Indices of `entries` entries, as numbers.
pub(crate) fn indices(shape: &[usize], entries: usize) -> Tensor {
    Tensor::from_fn(shape, |i| (uniform(1, i) * entries as f64).floor())
}

/// Sets means of variance 2/inputs, small biases, and the same ρ everywhere. Point estimates stay.
pub(crate) fn begin(model: &mut impl Parameters<Scalar = f32>, rho: f64) {
    let mut tensor = 0;
    model.visit_mut(&Path::ROOT, &mut |_, role, values| {
        if role == Role::Mean {
            let inputs: usize = values.shape().iter().skip(1).product();
            let scale = if values.shape().len() == 1 { 0.1 } else { (6.0 / inputs as f64).sqrt() };
            let stream = 16 + tensor;
            let set = values.data_mut().iter_mut().enumerate();
            set.for_each(|(i, x)| *x = ((2.0 * uniform(stream, i) - 1.0) * scale) as f32);
            tensor += 1;
        } else if role == Role::Scale {
            values.data_mut().fill(rho as f32);
        }
    });
}
