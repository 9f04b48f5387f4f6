//! `Saved`: the file of a service.

use std::path::Path;

use elbo::data::Examples;
use elbo::engine::io::safetensors::Safetensors;
use elbo::prelude::*;

use crate::{Classifier, Failure};

/// A classifier of images, and everything else that a service needs: images that it was not trained on, with which sets and the
/// limit of "I do not know" are calibrated, and what a pixel may be. One file, so that they are always of the same training.
#[bayesian]
pub struct Saved {
    network: Classifier,
    /// Pixels of the held-out images, (images, inputs).
    held_out: Buffer,
    /// Their labels, (images).
    labels: Buffer,
    /// The largest pixel, and the number that the network's inputs are divided by.
    pixels: Buffer,
}

impl Saved {
    /// A network 64-hidden-hidden-10, or of other widths, for pixels from 0 to `largest`, which are divided by `divisor`.
    pub fn new(network: Classifier, held_out: &Examples, [largest, divisor]: [f32; 2]) -> Self {
        let labels = held_out.targets();
        Saved {
            network,
            held_out: Buffer(held_out.inputs().clone()),
            labels: Buffer(Tensor::from_fn([labels.len()], |i| labels[i] as f64)),
            pixels: Buffer(Tensor::new([2], [largest, divisor])),
        }
    }

    /// Loads a file, whatever the widths of its network.
    ///
    /// # Errors
    /// If it cannot be read, is damaged, or was not written by `serve train`.
    pub fn open(file: &Path) -> Result<Self, Failure> {
        let not_read = |error: &dyn std::fmt::Display| Failure::Input(error.to_string());
        let bytes = std::fs::read(file)
            .map_err(|error| Failure::Input(format!("{}: cannot be read: {error}", file.display())))?;
        // The same bytes twice, so that both are of one file if it is replaced meanwhile.
        let tensors = Safetensors::from_bytes(file, bytes.clone()).map_err(|error| not_read(&error))?;
        let shape = |name: &str| match tensors.info(name) {
            Some(info) => Ok(info.shape.to_vec()),
            None => Err(Failure::Input(format!(
                "{}: it has no tensor `{name}`, so it is not a model of a service; `serve train --save FILE` writes one",
                file.display()
            ))),
        };
        let misshapen = |what: &str, found: &[usize]| {
            let message = format!("{}: {what} of shape {found:?} do not fit the network", file.display());
            Err(Failure::Input(message))
        };
        let (first, held_out) = (shape("network.hidden.0.weight.mean")?, shape("held_out")?);
        let &[hidden, inputs] = &first[..] else { return misshapen("weights", &first) };
        let (second, head) = (shape("network.hidden.1.weight.mean")?, shape("network.head.weight.mean")?);
        // Before a network of these widths is allocated.
        if second != [hidden, hidden] || hidden == 0 || inputs == 0 {
            return misshapen("weights", &second);
        }
        let classes = match head[..] {
            [classes, of] if of == hidden && classes > 1 => classes,
            _ => return misshapen("weights", &head),
        };
        if held_out.len() != 2 || held_out[0] == 0 || held_out[1] != inputs {
            return misshapen("held-out images", &held_out);
        }
        // The prior is not in the file, and a prediction does not depend on it.
        let mut saved = Saved {
            network: Classifier::new([inputs, hidden, classes], &Normal(0.0, 1.0)),
            labels: Buffer(Tensor::zeros([held_out[0]])),
            held_out: Buffer(Tensor::zeros(&held_out[..])),
            pixels: Buffer(Tensor::zeros([2])),
        };
        saved.load_from_bytes(file, bytes).map_err(|error| not_read(&error))?;
        let [largest, divisor] = saved.pixels();
        let are_labels =
            saved.labels.0.data().iter().all(|&label| label.fract() == 0.0 && (0.0..classes as f32).contains(&label));
        let are_pixels = saved.held_out.0.data().iter().all(|pixel| (0.0..=largest).contains(pixel));
        if !(are_labels && are_pixels && divisor > 0.0 && largest > 0.0 && largest.is_finite() && divisor.is_finite()) {
            return Err(Failure::Input(format!(
                "{}: its held-out images have impossible pixels or labels",
                file.display()
            )));
        }
        Ok(saved)
    }

    /// The network.
    pub fn network(&self) -> &Classifier {
        &self.network
    }

    /// The network, without the rest.
    #[must_use]
    pub fn into_network(self) -> Classifier {
        self.network
    }

    /// The held-out images as pixels, (images, inputs).
    pub fn held_out(&self) -> &Tensor {
        &self.held_out.0
    }

    /// The labels of the held-out images.
    pub fn labels(&self) -> Vec<usize> {
        self.labels.0.data().iter().map(|&label| label as usize).collect()
    }

    /// The largest pixel and the divisor.
    pub fn pixels(&self) -> [f32; 2] {
        [self.pixels.0.data()[0], self.pixels.0.data()[1]]
    }
}

/// A pixel as the network takes it: as in training, bit for bit.
pub(super) fn input(pixel: f32, divisor: f32) -> f32 {
    (f64::from(pixel) / f64::from(divisor)) as f32
}

/// Pixels as the network takes them.
pub(super) fn inputs(pixels: &Tensor, divisor: f32) -> Tensor {
    let mut inputs = pixels.clone();
    inputs.data_mut().iter_mut().for_each(|pixel| *pixel = input(*pixel, divisor));
    inputs
}
