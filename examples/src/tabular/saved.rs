//! A fitted model on disk: `model.safetensors`, and `table.json` with everything else that predictions need.

use std::path::Path;

use elbo::data::{DataError, Encoder};
use serde::{Deserialize, Serialize};

use super::calibrate::Calibrated;
use super::candidates::{Candidate, Unit};
use super::network::{Learned, Shape};
use super::prediction::Predictor;
use super::read::Reading;
use super::target::Target;
use super::unlike::Familiar;
use crate::Failure;

/// The version of `table.json`.
const FORMAT: u32 = 1;

const WEIGHTS: &str = "model.safetensors";
const DESCRIPTION: &str = "table.json";

/// A fitted model with what it knows of its table.
#[derive(Clone)]
pub struct Saved {
    pub(super) predictor: Predictor,
    pub(super) description: Description,
}

/// What is written beside the weights.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Description {
    format: u32,
    /// The target's name.
    pub(super) target: String,
    /// The classes' names; empty for numbers.
    pub(super) classes: Vec<String>,
    /// Whether the target holds numbers in the file.
    pub(super) is_number: bool,
    pub(super) encoder: Encoder,
    pub(super) familiar: Familiar,
    pub(super) calibrated: Calibrated,
    /// More texts that stand for a missing value.
    pub(super) missing: Vec<String>,
    pub(super) no_header: bool,
    candidate: Candidate,
    shape: Shape,
    has_constant: bool,
    unit: Unit,
    temperature: f64,
    draws: usize,
    seed: u64,
}

impl Saved {
    #[expect(clippy::too_many_arguments, reason = "each is a part of the file")]
    pub(super) fn new(
        candidate: Candidate,
        shape: Shape,
        predictor: Predictor,
        target: &str,
        of_target: &Target,
        is_number: bool,
        encoder: Encoder,
        familiar: Familiar,
        calibrated: Calibrated,
        reading: &Reading,
    ) -> Saved {
        let classes = if let Target::Classes(names) = of_target { names.clone() } else { Vec::new() };
        let description = Description {
            format: FORMAT,
            target: target.to_owned(),
            classes,
            is_number,
            encoder,
            familiar,
            calibrated,
            missing: reading.missing.clone(),
            no_header: reading.no_header,
            candidate,
            shape,
            has_constant: matches!(predictor.learned, Learned::WithConstant(_)),
            unit: predictor.unit,
            temperature: predictor.temperature,
            draws: predictor.draws,
            seed: predictor.seed,
        };
        Saved { predictor, description }
    }

    /// The target as predictions name it.
    pub(super) fn target(&self) -> Target {
        match self.description.classes.is_empty() {
            true if self.description.candidate.family.is_of_counts() => Target::Counts,
            true => Target::Numbers { skewed: false },
            false => Target::Classes(self.description.classes.clone()),
        }
    }

    /// Whether the tables of this model begin with a header.
    pub fn has_header(&self) -> bool {
        !self.description.no_header
    }

    /// Writes the model into a folder, which is made if it does not exist.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), Failure> {
        let wrong = |error: std::io::Error| Failure::Run(format!("{}: {error}", folder.display()).into());
        std::fs::create_dir_all(folder).map_err(wrong)?;
        self.predictor.learned.save(&folder.join(WEIGHTS)).map_err(|error| Failure::Run(error.into()))?;
        let json = serde_json::to_string_pretty(&self.description).map_err(|error| Failure::Run(error.into()))?;
        std::fs::write(folder.join(DESCRIPTION), json + "\n").map_err(wrong)
    }

    /// Reads a model that [`write`](Saved::write) has written.
    ///
    /// # Errors
    /// If a file is missing or damaged, or of a later version.
    pub fn read(folder: &Path) -> Result<Saved, Failure> {
        let file = folder.join(DESCRIPTION);
        let wrong = |problem: String| Failure::Input(format!("{}: {problem}", file.display()));
        let text = std::fs::read_to_string(&file)
            .map_err(|error| wrong(format!("{error}; `tabular fit` writes this file into the folder of its --out")))?;
        #[derive(Deserialize)]
        struct Version {
            format: u32,
        }
        let Version { format } = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if format > FORMAT {
            return Err(wrong(format!(
                "its format has version {format}, and this program reads up to version {FORMAT}"
            )));
        }
        let description: Description = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let Description { candidate, shape, has_constant, unit, temperature, draws, seed, .. } = description;
        let is_positive = temperature > 0.0;
        if draws == 0 || !is_positive || shape.inputs != description.encoder.width() {
            return Err(wrong("its parts do not fit together".to_owned()));
        }
        let mut learned = Learned::new(shape, has_constant.then_some(0.0));
        learned.load(&folder.join(WEIGHTS)).map_err(|error| Failure::Input(error.to_string()))?;
        let (family, level) = (candidate.family, description.calibrated.level);
        Ok(Saved { predictor: Predictor { learned, family, unit, temperature, level, draws, seed }, description })
    }
}

/// An error of the data, of a column that is known to be there.
pub(super) fn data(error: impl Into<DataError>) -> Failure {
    super::read::explain(error.into())
}
