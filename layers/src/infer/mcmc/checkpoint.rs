//! Checkpoints: each chain in a file of its own, from which it goes on.

use std::path::PathBuf;

use crate::engine::Real;
use crate::infer::chains::{Chain, ChainsError, McmcError, Read, check_folder, contents};
use crate::weights::Weights;

/// The keys of the metadata that say what run a file belongs to.
const RUN: &str = "run";
const DENSITY: &str = "log density at the start";

/// The relative difference up to which two log densities are equal: another processor may round otherwise.
const ROUNDING: f64 = 1e-5;

/// What tells a run from others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    /// The sampler, its options, and the number of examples.
    pub(super) run: String,
    /// The log density where the chain starts first, in nats: it shows any change of data, model, priors and likelihood.
    pub(super) density: f64,
}

/// The draws of a chain, and how they were made.
pub(super) type Sampled<T> = (Vec<Weights<T>>, Chain);

/// Where and how often chains are saved.
#[derive(Clone, Debug)]
pub(super) struct Checkpoint {
    pub(super) folder: PathBuf,
    /// Draws of a chain from one save to the next.
    pub(super) every: usize,
}

impl Checkpoint {
    fn file(&self, chain: usize) -> PathBuf {
        self.folder.join(format!("chain-{chain}.safetensors"))
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// If it cannot be made, or nothing can be written there.
    pub(super) fn prepare(&self) -> Result<(), McmcError> {
        if self.every == 0 {
            return Err(McmcError::Options("checkpoint: `every` must be at least 1 draw, got 0".to_owned()));
        }
        check_folder(&self.folder)
    }

    /// Saves a chain, in one step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn save<T: Real>(
        &self,
        mark: &Mark,
        chain: usize,
        draws: &[Weights<T>],
        made: &Chain,
    ) -> Result<(), McmcError> {
        let mut contents = contents(draws, std::slice::from_ref(made));
        contents.metadata(RUN, &mark.run);
        contents.metadata(DENSITY, &mark.density.to_string());
        Ok(contents.write(self.file(chain)).map_err(ChainsError::from)?)
    }

    /// The draws of a chain that was saved, and how they were made; `None` without a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is of another run.
    pub(super) fn load<T: Real>(
        &self,
        mark: &Mark,
        chain: usize,
        like: &Weights<T>,
    ) -> Result<Option<Sampled<T>>, McmcError> {
        let path = self.file(chain);
        if !path.exists() {
            return Ok(None);
        }
        let file = Read::open(&path)?;
        let other = |key: &str, saved: &str, now: &dyn std::fmt::Display| -> McmcError {
            let problem =
                format!("it was saved by another run; use another folder, or delete it. {key}: {saved}, and now {now}");
            file.problem(problem).into()
        };
        let (run, density) = (file.metadata(RUN).unwrap_or("none"), file.metadata(DENSITY).unwrap_or("none"));
        if run != mark.run {
            return Err(other(RUN, run, &mark.run));
        }
        let is_near = |saved: f64| (saved - mark.density).abs() <= ROUNDING * (1.0 + mark.density.abs());
        if !density.parse().is_ok_and(is_near) {
            return Err(other(DENSITY, density, &mark.density));
        }
        let (draws, mut chains) = file.all(like)?;
        for (index, draw) in draws.iter().enumerate() {
            draw.check_like(like).map_err(|mistake| file.problem(format!("draw {index} (from 0): {mistake}")))?;
        }
        match chains.pop() {
            Some(made) if chains.is_empty() => Ok(Some((draws, made))),
            _ => Err(file.problem("it has several chains, expected one".to_owned()).into()),
        }
    }
}
