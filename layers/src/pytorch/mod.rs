//! Networks from PyTorch and back, in safetensors files: `state_dict`s of plain networks, and those of bayesian-torch.

mod error;
mod load;
mod names;
mod report;
mod save;

use std::path::Path as File;

pub use error::PyTorchError;
use names::Rename;
pub use report::ImportReport;

use crate::engine::io::replace_file;
use crate::engine::io::safetensors::Safetensors;
use crate::model::Bayesian;
use crate::samples::Samples;

/// Loads a PyTorch network into a model of the same structure, and saves a model's means or draws for PyTorch. A file is a
/// `state_dict` in a safetensors file, from `safetensors.torch.save_file(net.state_dict(), file)`. Needs the feature `files`.
///
/// ```
/// use elbo::PyTorch;
/// use elbo::prelude::*;
///
/// #[bayesian]
/// struct Net {
///     fc1: Dense,
///     fc2: Dense,
/// }
///
/// # let file = std::env::temp_dir().join(format!("torch-{}.safetensors", std::process::id()));
/// let mut net = Net { fc1: Dense::new(4, 8), fc2: Dense::new(8, 3) };
/// PyTorch::new().save(&net, &file)?; // `fc1.weight`, `fc1.bias`, `fc2.weight`, `fc2.bias`
/// let report = PyTorch::new().load(&mut net, &file)?;
/// println!("{report}");
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A tensor of the file becomes the mean of the weight of that name; its scale stays as it is in the model, or is set by
/// [`sd`](PyTorch::sd). Deterministic weights and running statistics are set too. Of a network of bayesian-torch (`mu_weight`
/// and `rho_weight`, `mu_kernel` and `rho_kernel`, `mu_bias` and `rho_bias`), the scales of [`MeanField`](crate::MeanField) weights
/// are set as well: both have σ = softplus(ρ).
///
/// Some names differ from PyTorch's by convention, and are translated:
///
/// | layer | in the model | in the file |
/// |---|---|---|
/// | `BatchNorm` | `mean`, `variance` | `running_mean`, `running_var` |
/// | `Embedding` | `table` | `weight` |
/// | `Lstm`, `Gru`, `Rnn` | `weight_ih`, .. | `weight_ih_l0`, .. |
/// | `Bidirectional` | `forward_layer.weight_ih`, `backward_layer.weight_ih` | `weight_ih_l0`, `weight_ih_l0_reverse` |
/// | `Stacked`, loaded | `layers.0.weight_ih`, `layers.1.weight_ih` | `weight_ih_l0`, `weight_ih_l1` |
/// | `Stacked`, saved | `layers.0.weight_ih`, `layers.1.weight_ih` | `layers.0.weight_ih_l0`, `layers.1.weight_ih_l0` |
///
/// Every layer has PyTorch's layout: (outputs, inputs) of `Dense`, (outputs, channels / groups, kernel ..) of `Conv`,
/// (entries, features) of `Embedding`, gates i, f, g, o of `Lstm` and r, z, n of `Gru`. So nothing is transposed, unless
/// [`transposed`](PyTorch::transposed) names it.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct PyTorch {
    renames: Vec<Rename>,
    kept: Vec<String>,
    transposed: Vec<String>,
    sd: Option<f64>,
}

impl PyTorch {
    /// Names as they are.
    pub fn new() -> Self {
        PyTorch::default()
    }

    /// A module that is `theirs` in the file and `ours` in the model: `rename("module.encoder", "body.0")` loads
    /// `module.encoder.weight` into `body.0.weight`. `ours` may be the whole name of a weight, and either may be empty, for
    /// the network itself. Of several that apply, the longest `ours` counts.
    pub fn rename(mut self, theirs: &str, ours: &str) -> Self {
        self.renames.push(Rename { theirs: theirs.to_owned(), ours: ours.to_owned() });
        self
    }

    /// Weights of the model that are neither loaded nor saved: `keep("head")`. In the pattern, `*` stands for any characters; it matches a
    /// weight (`head.weight`) or a part (`head`) with everything in it.
    pub fn keep(mut self, pattern: &str) -> Self {
        self.kept.push(pattern.to_owned());
        self
    }

    /// Weights of the model, by a pattern as in [`keep`](PyTorch::keep), whose matrix is transposed in files, read or written: (inputs,
    /// outputs), as from a `Conv1D` of GPT-2 or from Keras.
    pub fn transposed(mut self, pattern: &str) -> Self {
        self.transposed.push(pattern.to_owned());
        self
    }

    /// Sets the standard deviation of every element whose mean is loaded and whose scale is not in the file. Without it, a
    /// scale stays as it is, and [`Elbo::fit`](crate::Elbo::fit) chooses those that still are their constructor's.
    ///
    /// # Panics
    /// If it is not positive and finite.
    #[track_caller]
    pub fn sd(self, sd: f64) -> Self {
        assert!(sd > 0.0 && sd.is_finite(), "PyTorch: a standard deviation must be positive and finite, got {sd}");
        PyTorch { sd: Some(sd), ..self }
    }

    /// Loads a file into a model, all of it or nothing, and says what was used. Numbers of 16, 32 or 64 bits are rounded to the
    /// model's scalar type.
    ///
    /// These need not be in the file, and then stay as they are: scales, and the hyperparameters of priors that are positive
    /// weights or called `rho`. Name others in [`keep`](PyTorch::keep).
    ///
    /// # Errors
    /// If the file cannot be read; [`PyTorchError::Model`] with every tensor that is missing, of another shape, not of
    /// floating-point numbers, or not finite in the model's scalar type; [`PyTorchError::Name`] if an option names nothing in the
    /// model; [`PyTorchError::Family`] for a posterior whose mean or scale cannot be set. The model is then unchanged.
    ///
    /// # Panics
    /// If the model's two walks differ.
    #[track_caller]
    pub fn load<M: Bayesian>(&self, model: &mut M, file: impl AsRef<File>) -> Result<ImportReport, PyTorchError> {
        let path = file.as_ref();
        load::load(self, model, path, &Safetensors::open(path)?)
    }

    /// [`load`](PyTorch::load) from the bytes of a file; `name` appears in errors.
    ///
    /// # Errors
    /// As [`load`](PyTorch::load).
    ///
    /// # Panics
    /// If the model's two walks differ.
    #[track_caller]
    pub fn load_from_bytes<M: Bayesian>(
        &self,
        model: &mut M,
        name: impl AsRef<File>,
        bytes: Vec<u8>,
    ) -> Result<ImportReport, PyTorchError> {
        let name = name.as_ref();
        load::load(self, model, name, &Safetensors::from_bytes(name, bytes)?)
    }

    /// Saves the posterior's means, deterministic weights and running statistics under PyTorch's names:
    /// `net.load_state_dict(safetensors.torch.load_file(file))` loads them.
    ///
    /// # Errors
    /// If the file cannot be written, an option names nothing in the model, or two weights get the same name.
    pub fn save<M: Bayesian>(&self, model: &M, file: impl AsRef<File>) -> Result<(), PyTorchError> {
        Ok(replace_file(file.as_ref(), &self.save_to_bytes(model)?)?)
    }

    /// The bytes of the file that [`save`](PyTorch::save) writes.
    ///
    /// # Errors
    /// As [`save`](PyTorch::save).
    pub fn save_to_bytes<M: Bayesian>(&self, model: &M) -> Result<Vec<u8>, PyTorchError> {
        save::means(self, model)
    }

    /// Saves all draws in one file: under PyTorch's names as in [`save`](PyTorch::save), every tensor with a leading axis
    /// of the draws. `{name: tensor[k] for name, tensor in file.items()}` is the `state_dict` of draw k, and
    /// `torch.vmap` over `torch.func.functional_call` evaluates all at once.
    ///
    /// # Errors
    /// As [`save`](PyTorch::save).
    pub fn save_draws<S: Samples>(&self, samples: &S, file: impl AsRef<File>) -> Result<(), PyTorchError> {
        Ok(replace_file(file.as_ref(), &self.save_draws_to_bytes(samples)?)?)
    }

    /// The bytes of the file that [`save_draws`](PyTorch::save_draws) writes.
    ///
    /// # Errors
    /// As [`save`](PyTorch::save).
    pub fn save_draws_to_bytes<S: Samples>(&self, samples: &S) -> Result<Vec<u8>, PyTorchError> {
        save::draws(self, samples)
    }
}
