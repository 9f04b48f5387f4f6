//! The checkpoint of a chain: a file of its state, and files of the draws from one save to the next.

use std::path::{Path, PathBuf};

use crate::engine::io::replace_file;
use crate::engine::io::safetensors::{self, Safetensors};
use crate::engine::{Real, Tensor};
use crate::infer::chains::McmcError;
use crate::infer::sgmcmc::chain::ChainState;
use crate::infer::sgmcmc::schedule::Schedule;
use crate::weights::Weights;

/// The version of the files.
const FORMAT: &str = "elbo stochastic-gradient chain 2";

/// The key of the log density where the chain starts.
const DENSITY: &str = "log density at the start";

/// The relative difference up to which two log densities are equal: another processor may round otherwise.
const ROUNDING: f64 = 1e-5;

/// The numbers of a state, in the order of the tensor `numbers`.
const NUMBERS: usize = 9;

/// The tensor in which the draws are, (draws, elements).
const DRAWS: &str = "draws";

/// The files of one chain.
pub(super) struct Checkpoint {
    folder: PathBuf,
    /// The chain, from 0.
    chain: usize,
    /// What must be the same in a run that goes on, by key.
    facts: [(&'static str, String); 4],
    density: f64,
    /// The draws in files.
    saved: usize,
}

/// What tells a run from others.
pub(super) struct Run {
    /// Its options.
    pub(super) options: String,
    /// The checksum of its data.
    pub(super) data: u64,
    /// The log density where the chain starts, in nats: it shows any change of model, priors and likelihood.
    pub(super) density: f64,
}

impl Checkpoint {
    /// The checkpoint of a chain (index from 0) of this run, with weights like these.
    pub(super) fn new<T: Real>(folder: &Path, chain: usize, run: Run, weights: &Weights<T>) -> Self {
        let Run { options, data, density } = run;
        let of = weights.entries().iter().map(|entry| format!("{} {:?}", entry.name, entry.tensor.shape()));
        let weights = format!("{}: {}", T::NAME, of.collect::<Vec<_>>().join(", "));
        let data = format!("checksum {data:016x}");
        let facts = [("format", FORMAT.to_owned()), ("options", options), ("weights", weights), ("data", data)];
        Checkpoint { folder: folder.to_owned(), chain, facts, density, saved: 0 }
    }

    fn state_file(&self) -> PathBuf {
        self.folder.join(format!("chain-{}.safetensors", self.chain))
    }

    fn draws_file(&self, first: usize) -> PathBuf {
        self.folder.join(format!("chain-{}-draws-from-{first}.safetensors", self.chain))
    }

    /// Sets the state to the saved one, if there is one.
    ///
    /// # Errors
    /// If a file cannot be read, or is of another run.
    pub(super) fn restore(&mut self, state: &mut ChainState, schedule: Schedule) -> Result<(), McmcError> {
        let file = self.state_file();
        if !file.exists() {
            return Ok(());
        }
        let saved = Safetensors::open(&file)?;
        let wrong = |mistake: String| Err(McmcError::Checkpoint { file: file.clone(), mistake });
        for (key, expected) in &self.facts {
            match saved.metadata().get(*key) {
                Some(found) if found == expected => {}
                Some(found) => return wrong(format!("its {key} are `{found}`, and those of this run `{expected}`")),
                None => return wrong(format!("it does not say its {key}")),
            }
        }
        let density = saved.metadata().get(DENSITY).map_or("none", |density| density);
        let is_near = |saved: f64| (saved - self.density).abs() <= ROUNDING * (1.0 + self.density.abs());
        if !density.parse().is_ok_and(is_near) {
            return wrong(format!(
                "its {DENSITY} is {density} nats, and that of this run {}: the model, its priors, the likelihood or the first \
                 weights differ",
                self.density
            ));
        }
        let count = state.state.position.len();
        let read = |name: &str| match saved.names().any(|known| known == name) {
            true => saved.tensor::<f64>(name).map(|tensor| tensor.data().to_vec()),
            false => Ok(Vec::new()),
        };
        let numbers = read("numbers")?;
        let &[step, draws, rate, weight, kinetic, configurational, steps, seconds, warmup_seconds] = &numbers[..]
        else {
            return wrong(format!("it has {} numbers in place of {NUMBERS}", numbers.len()));
        };
        let mut found = ChainState { step: step as usize, rate, seconds, warmup_seconds, ..ChainState::default() };
        found.state.position = read("position")?;
        found.state.momentum = read("momentum")?;
        found.scales = read("scales")?;
        found.direction = read("direction")?;
        found.curvatures = read("curvatures")?;
        found.centre = read("centre")?;
        found.squares.sums = read("squares")?;
        found.squares.weight = weight;
        found.thermometer.set_sums([kinetic, configurational, steps]);
        found.thermometer.kinetic_means = read("kinetic")?;
        found.thermometer.configurational_means = read("configurational")?;
        let draws = draws as usize;
        let lengths =
            |of: &ChainState| [&of.state.position, &of.state.momentum, &of.scales, &of.squares.sums].map(Vec::len);
        if lengths(&found) != lengths(state) || found.direction.len() != count || found.centre.len() != count {
            return wrong("the lengths of its tensors differ from those of this run".to_owned());
        }
        while found.draws.len() < draws {
            let file = self.draws_file(found.draws.len());
            let block = Safetensors::open(&file)?.tensor::<f64>(DRAWS)?;
            if block.shape().len() != 2 || block.shape()[0] == 0 || block.shape()[1] != count {
                return wrong(format!("the draws in {} have the shape {:?}", file.display(), block.shape()));
            }
            found.draws.extend(block.data().chunks(count).map(<[f64]>::to_vec));
        }
        self.saved = draws;
        // A shorter run than before has the first draws.
        let kept = schedule.draws.min(draws);
        found.draws.truncate(kept);
        found.thermometer.kinetic_means.truncate(kept);
        found.thermometer.configurational_means.truncate(kept);
        *state = found;
        Ok(())
    }

    /// Saves the state, after the draws since the last save. Each file is written beside its place and then renamed, so that a
    /// kill leaves the checkpoint before or this one.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub(super) fn save(&mut self, state: &ChainState) -> Result<(), McmcError> {
        let new = &state.draws[self.saved.min(state.draws.len())..];
        if !new.is_empty() {
            let draws = Tensor::<f64>::new([new.len(), new[0].len()], new.concat());
            replace_file(&self.draws_file(self.saved), &safetensors::to_bytes([(DRAWS, &draws)], []))?;
            self.saved = state.draws.len();
        }
        let thermometer = &state.thermometer;
        let [kinetic, configurational, steps] = thermometer.sums();
        let numbers = vec![
            state.step as f64,
            state.draws.len() as f64,
            state.rate,
            state.squares.weight,
            kinetic,
            configurational,
            steps,
            state.seconds,
            state.warmup_seconds,
        ];
        let tensors = [
            ("numbers", &numbers),
            ("position", &state.state.position),
            ("momentum", &state.state.momentum),
            ("scales", &state.scales),
            ("direction", &state.direction),
            ("curvatures", &state.curvatures),
            ("centre", &state.centre),
            ("squares", &state.squares.sums),
            ("kinetic", &thermometer.kinetic_means),
            ("configurational", &thermometer.configurational_means),
        ];
        let tensors: Vec<(&str, Tensor<f64>)> = tensors
            .into_iter()
            .filter(|(_, values)| !values.is_empty())
            .map(|(name, values)| (name, Tensor::new([values.len()], values.clone())))
            .collect();
        let named = tensors.iter().map(|(name, tensor)| (*name, tensor));
        let density = self.density.to_string();
        let facts = self.facts.iter().map(|(key, text)| (*key, &text[..])).chain([(DENSITY, &density[..])]);
        replace_file(&self.state_file(), &safetensors::to_bytes(named, facts))?;
        Ok(())
    }
}
