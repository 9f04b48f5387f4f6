//! Chains from and to a safetensors file, whose arrays are those of ArviZ: (chain, draw, ..).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;
use std::path::{Path as File, PathBuf};

use thiserror::Error;

use crate::engine::io::FileError;
use crate::engine::io::safetensors::{Contents, Safetensors};
use crate::engine::{Real, Tensor};
use crate::infer::chains::{Chain, Chains, Temperature, TemperatureEstimate};
use crate::model::Bayesian;
use crate::samples::KeptDraws;
use crate::weights::{Weights, WeightsError};

/// The metadata by which a file of chains is known.
const FORMAT: (&str, &str) = ("format", "elbo chains 1");

/// Why a file of chains cannot be read or written. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum ChainsError {
    /// The file cannot be read or written, or an array is missing or broken.
    #[error(transparent)]
    File(#[from] FileError),

    /// The arrays do not belong together, or are not chains of this model.
    #[error("{}: {problem}", file.display())]
    Format {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

crate::engine::debug_as_display!(ChainsError);

impl<M: Deref<Target: Bayesian + Sized>> Chains<M> {
    /// Writes the draws and how they were made to a safetensors file, in one step: a file that exists is replaced as a whole.
    /// Needs the feature `files`.
    ///
    /// | array | shape | |
    /// |---|---|---|
    /// | `posterior/<weight>` | (chains, draws, the weight's shape ..) | in the model's scalar type |
    /// | `sample_stats/energy`, `tree_depth`, `step_size` | (chains, draws) | `f64`; those that the sampler has |
    /// | `sample_stats/diverging` | (chains, draws) | booleans |
    /// | `chain/saturated`, `gradients`, `seconds`, `warmup_seconds`, `learning_rate` | (chains) | `f64`; see [`Chain`] |
    /// | `chain/temperature` | (chains, 5) | `f64`: the target, mean and standard error of the kinetic and of the configurational estimate; NaN where there is none |
    /// | `not_finite/<term>`, `rounded/<weight>` | (chains) | `f64`: counts that are not 0; see [`Chain`] |
    ///
    /// ArviZ takes the first two groups:
    ///
    /// ```python
    /// import arviz, safetensors.numpy
    ///
    /// groups = {}
    /// for name, array in safetensors.numpy.load_file("chains.safetensors").items():
    ///     group, _, variable = name.partition("/")
    ///     groups.setdefault(group, {})[variable] = array
    /// data = arviz.from_dict(posterior=groups["posterior"], sample_stats=groups["sample_stats"])
    /// print(arviz.summary(data))  # from ArviZ 1.0 on: arviz.from_dict({"posterior": .., "sample_stats": ..})
    /// ```
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, file: impl AsRef<File>) -> Result<(), ChainsError> {
        Ok(contents(self.all_weights(), self.chains()).write(file)?)
    }

    /// Reads chains of `model` from a file that [`write`](Chains::write) has written. `model` is a pointer to the model, as in
    /// [`KeptDraws`]. Needs the feature `files`.
    ///
    #[cfg_attr(feature = "mcmc", doc = "```")]
    #[cfg_attr(not(feature = "mcmc"), doc = "```ignore")]
    /// # use elbo::prelude::*;
    /// use elbo::{Chains, Nuts};
    ///
    /// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
    /// # let data: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
    /// # let file = std::env::temp_dir().join(format!("chains-{}.safetensors", std::process::id()));
    /// let model = Dense::new(2, 2);
    /// let chains = Nuts::new(Categorical).chains(2).warmup(50).draws(50).quiet().run(&model, &data)?;
    /// chains.write(&file)?;
    /// let read = Chains::read(&model, &file)?;
    /// assert_eq!(read.all_weights(), chains.all_weights());
    /// # std::fs::remove_file(&file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the file cannot be read or is not one of chains, or if the names, shapes or values of its weights are not those of
    /// the model.
    pub fn read(model: M, file: impl AsRef<File>) -> Result<Self, ChainsError> {
        let read = Read::open(file.as_ref())?;
        let (weights, chains) = read.all(&model.mean_weights())?;
        let draws = KeptDraws::of(model, weights).map_err(|mistake| read.problem(said(&mistake)))?;
        Ok(Chains::new(draws, chains))
    }
}

/// The arrays of chains of equal length.
pub(in crate::infer) fn contents<T: Real>(weights: &[Weights<T>], chains: &[Chain]) -> Contents {
    let (count, draws) = (chains.len(), weights.len() / chains.len());
    let mut contents = Contents::new();
    contents.metadata(FORMAT.0, FORMAT.1);
    for (index, entry) in weights[0].entries().iter().enumerate() {
        let shape: Vec<usize> = [count, draws].into_iter().chain(entry.tensor.shape().iter().copied()).collect();
        let elements: Vec<T> = weights.iter().flat_map(|draw| draw.entries()[index].tensor.data()).copied().collect();
        contents.tensor(&format!("posterior/{}", entry.name), &Tensor::<T>::new(shape, elements));
    }
    let mut of_draws = |name: &str, of: &dyn Fn(&Chain) -> Vec<f64>| {
        let numbers: Vec<f64> = chains.iter().flat_map(of).collect();
        if numbers.len() == count * draws {
            contents.tensor(&format!("sample_stats/{name}"), &Tensor::<f64>::new([count, draws], numbers));
        }
    };
    of_draws("energy", &|chain| chain.energies.clone());
    of_draws("tree_depth", &|chain| chain.depths.iter().map(|&depth| depth as f64).collect());
    of_draws("step_size", &|chain| vec![chain.step_size; draws]);
    let diverging = chains.iter().flat_map(|chain| {
        let mut flags = vec![false; draws];
        chain.divergences.iter().for_each(|&draw| flags[draw] = true);
        flags
    });
    contents.flags("sample_stats/diverging", &[count, draws], diverging.collect());
    if chains.iter().any(|chain| chain.temperature.is_some()) {
        let numbers = chains.iter().flat_map(|chain| temperatures(chain.temperature)).collect::<Vec<f64>>();
        contents.tensor("chain/temperature", &Tensor::<f64>::new([count, 5], numbers));
    }
    for (group, of) in COUNTS {
        let names: BTreeSet<&String> = chains.iter().flat_map(|chain| of(chain).keys()).collect();
        for name in names {
            let count_of = |chain| of(chain).get(name).map_or(0.0, |count| *count as f64);
            let numbers: Vec<f64> = chains.iter().map(count_of).collect();
            contents.tensor(&format!("{group}/{name}"), &Tensor::<f64>::new([count], numbers));
        }
    }
    for (name, of) in OF_CHAINS {
        let numbers: Vec<f64> = chains.iter().map(of).collect();
        contents.tensor(&format!("chain/{name}"), &Tensor::<f64>::new([count], numbers));
    }
    contents
}

/// A name in a file, and what it holds of a chain.
type Fact<V> = (&'static str, fn(&Chain) -> V);

/// What a file holds once for each chain.
const OF_CHAINS: [Fact<f64>; 5] = [
    ("learning_rate", |chain| chain.learning_rate.unwrap_or(f64::NAN)),
    ("saturated", |chain| chain.saturated as f64),
    ("gradients", |chain| chain.gradients as f64),
    ("seconds", |chain| chain.seconds),
    ("warmup_seconds", |chain| chain.warmup_seconds),
];

/// Counts of a chain by name.
type Counts = fn(&Chain) -> &BTreeMap<String, usize>;

/// What a file counts for each chain by the name of a weight or of a term.
const COUNTS: [(&str, Counts); 2] = [("not_finite", |chain| &chain.not_finite), ("rounded", |chain| &chain.rounded)];

/// The target, and mean and standard error of both estimates; NaN for what there is not.
fn temperatures(temperature: Option<Temperature>) -> [f64; 5] {
    let pair = |estimate: TemperatureEstimate| [estimate.mean, estimate.standard_error];
    let Some(Temperature { target, kinetic, configurational }) = temperature else {
        return [f64::NAN; 5];
    };
    let ([kinetic, its], [configurational, others]) = (kinetic.map_or([f64::NAN; 2], pair), pair(configurational));
    [target, kinetic, its, configurational, others]
}

fn temperature(numbers: &[f64]) -> Option<Temperature> {
    let &[target, kinetic, its, configurational, others] = numbers else { return None };
    let estimate = |mean, standard_error| TemperatureEstimate { mean, standard_error };
    (!target.is_nan()).then(|| Temperature {
        target,
        kinetic: (!kinetic.is_nan()).then(|| estimate(kinetic, its)),
        configurational: estimate(configurational, others),
    })
}

/// A file of chains that was opened.
pub(in crate::infer) struct Read {
    path: PathBuf,
    file: Safetensors,
}

impl Read {
    /// # Errors
    /// If the file cannot be read, or is not one of chains.
    pub(in crate::infer) fn open(path: &File) -> Result<Self, ChainsError> {
        Read::of(path, Safetensors::open(path)?)
    }

    /// What another rank has made, instead of a file.
    ///
    /// # Errors
    /// If the bytes are not those of a file of chains.
    #[cfg(feature = "mcmc")]
    pub(in crate::infer) fn of_bytes(name: &File, bytes: Vec<u8>) -> Result<Self, ChainsError> {
        Read::of(name, Safetensors::from_bytes(name, bytes)?)
    }

    fn of(path: &File, file: Safetensors) -> Result<Self, ChainsError> {
        let read = Read { path: path.to_owned(), file };
        match read.metadata(FORMAT.0) {
            Some(format) if format == FORMAT.1 => Ok(read),
            Some(format) => Err(read.problem(format!("its format is `{format}`, expected `{}`", FORMAT.1))),
            None => Err(read.problem(format!("it has no metadata `{}`, so it is not a file of chains", FORMAT.0))),
        }
    }

    pub(in crate::infer) fn metadata(&self, key: &str) -> Option<&str> {
        self.file.metadata().get(key).map(String::as_str)
    }

    pub(in crate::infer) fn problem(&self, problem: String) -> ChainsError {
        ChainsError::Format { file: self.path.clone(), problem }
    }

    /// The draws, chain after chain, of weights like `like`, and how they were made.
    ///
    /// # Errors
    /// If arrays are missing, broken, or of other shapes.
    pub(in crate::infer) fn all<T: Real>(
        &self,
        like: &Weights<T>,
    ) -> Result<(Vec<Weights<T>>, Vec<Chain>), ChainsError> {
        let known: std::collections::HashSet<String> = like.names().map(|name| format!("posterior/{name}")).collect();
        if let Some(name) = self.file.names().find(|name| name.starts_with("posterior/") && !known.contains(*name)) {
            return Err(self.problem(format!("it has `{name}`, but the model has no random weight of that name")));
        }
        let mut sizes = None;
        let mut tensors = Vec::new();
        for entry in like.entries() {
            let name = format!("posterior/{}", entry.name);
            let tensor: Tensor<T> = self.file.tensor(&name)?;
            let found = tensor.shape().get(..2).map(|sizes| [sizes[0], sizes[1]]);
            let of_weight = tensor.shape().get(2..).is_some_and(|shape| shape == entry.tensor.shape());
            let (Some(found), true) = (found, of_weight) else {
                return Err(self.problem(format!(
                    "`{name}` has the shape {:?}, expected (chains, draws) and then {:?}",
                    tensor.shape(),
                    entry.tensor.shape()
                )));
            };
            let sizes = *sizes.get_or_insert(found);
            if found != sizes || found.contains(&0) {
                let [chains, draws] = found;
                return Err(self.problem(format!(
                    "`{name}` has {chains} chains of {draws} draws, expected {} chains of {} draws, and at least one of each",
                    sizes[0], sizes[1]
                )));
            }
            tensors.push(tensor);
        }
        let [count, draws] = sizes.ok_or_else(|| self.problem("the model has no random weights".to_owned()))?;
        let weights = (0..count * draws).map(|draw| {
            let of = |tensor: &Tensor<T>| {
                let each = tensor.len() / (count * draws);
                tensor.data()[draw * each..][..each].to_vec()
            };
            let mut weights = like.clone();
            weights.set_flat(&tensors.iter().flat_map(of).collect::<Vec<T>>()).expect("the shapes were checked");
            weights
        });
        Ok((weights.collect(), self.chains(count, draws)?))
    }

    /// How the draws were made.
    fn chains(&self, count: usize, draws: usize) -> Result<Vec<Chain>, ChainsError> {
        let mut chains = vec![Chain::default(); count];
        let mut each = |name: &str, size: &[usize], set: &dyn Fn(&mut Chain, &[f64])| -> Result<(), ChainsError> {
            if !self.file.names().any(|known| known == name) {
                return Ok(());
            }
            let numbers = self.file.tensor::<f64>(name)?;
            if numbers.shape() != size {
                return Err(self.problem(format!("`{name}` has the shape {:?}, expected {size:?}", numbers.shape())));
            }
            chains.iter_mut().zip(numbers.data().chunks(numbers.len() / count)).for_each(|(to, from)| set(to, from));
            Ok(())
        };
        let of_draws = [count, draws];
        each("sample_stats/energy", &of_draws, &|chain, numbers| chain.energies = numbers.to_vec())?;
        each("sample_stats/tree_depth", &of_draws, &|chain, numbers| {
            chain.depths = numbers.iter().map(|&depth| depth as usize).collect();
        })?;
        each("sample_stats/step_size", &of_draws, &|chain, numbers| chain.step_size = numbers[draws - 1])?;
        each("sample_stats/diverging", &of_draws, &|chain, numbers| {
            chain.divergences = (0..draws).filter(|&draw| numbers[draw] != 0.0).collect();
        })?;
        each("chain/saturated", &[count], &|chain, numbers| chain.saturated = numbers[0] as usize)?;
        each("chain/gradients", &[count], &|chain, numbers| chain.gradients = numbers[0] as usize)?;
        each("chain/seconds", &[count], &|chain, numbers| chain.seconds = numbers[0])?;
        each("chain/warmup_seconds", &[count], &|chain, numbers| chain.warmup_seconds = numbers[0])?;
        each("chain/learning_rate", &[count], &|chain, numbers| {
            chain.learning_rate = Some(numbers[0]).filter(|rate| !rate.is_nan());
        })?;
        each("chain/temperature", &[count, 5], &|chain, numbers| chain.temperature = temperature(numbers))?;
        for name in self.file.names() {
            match name.split_once('/') {
                Some(("not_finite", of)) => {
                    each(name, &[count], &|chain, numbers| add(&mut chain.not_finite, of, numbers[0]))?;
                }
                Some(("rounded", of)) => {
                    each(name, &[count], &|chain, numbers| add(&mut chain.rounded, of, numbers[0]))?
                }
                _ => {}
            }
        }
        Ok(chains)
    }
}

/// Adds a count under a name, unless it is 0.
fn add(counts: &mut BTreeMap<String, usize>, name: &str, count: f64) {
    if count > 0.0 {
        counts.insert(name.to_owned(), count as usize);
    }
}

/// What does not fit, without the set's index, which a file does not have.
fn said(mistake: &WeightsError) -> String {
    match mistake {
        WeightsError::Model { index, mistake } => format!("draw {index} (from 0, chain after chain): {mistake}"),
        other => other.to_string(),
    }
}
