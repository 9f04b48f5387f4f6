//! The format of all files: a head in JSON, and checksums.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::checkpoint::CheckpointError;
use crate::engine::io::safetensors::{Contents, Safetensors};
use crate::engine::{Parameters, Path as Walk, Real};

/// The version of the format that is written, and the latest that is read.
const FORMAT: u32 = 1;

/// The key of the metadata under which the head is.
const HEAD: &str = "elbo";

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// The tensors of a model.
    Model,
    /// The tensors of a model, and the state of its training.
    Training,
}

/// What a file says of itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the format.
    format: u32,
    pub(crate) kind: Kind,
    /// The type of the model.
    pub(crate) model: String,
    /// Its scalar type.
    scalar: String,
    /// The version of the library.
    version: String,
}

/// What every version has: it is read first, so that a file of a later version can say so.
#[derive(Deserialize)]
struct Versions {
    format: u32,
    #[serde(default)]
    version: String,
}

impl Head {
    pub(crate) fn new<M: ?Sized, T: Real>(kind: Kind) -> Head {
        Head {
            format: FORMAT,
            kind,
            model: std::any::type_name::<M>().to_owned(),
            scalar: T::NAME.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Adds the head, and checksums of everything in the file.
    pub(crate) fn seal(&self, contents: &mut Contents) {
        contents.metadata(HEAD, &json(self));
        contents.add_checksums();
    }
}

/// The JSON of a value that serde can always write.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("structs of numbers and texts are JSON")
}

/// A file that was opened and whose checksums are right.
pub(crate) struct SavedFile {
    pub(crate) path: PathBuf,
    pub(crate) file: Safetensors,
    pub(crate) head: Head,
}

impl SavedFile {
    /// # Errors
    /// If the file cannot be read, is damaged, was written by a later version or by another program.
    pub(crate) fn open(path: &Path) -> Result<SavedFile, CheckpointError> {
        SavedFile::of(path, Safetensors::open(path)?)
    }

    /// # Errors
    /// As [`open`](SavedFile::open).
    pub(crate) fn of(path: &Path, file: Safetensors) -> Result<SavedFile, CheckpointError> {
        let foreign = |problem: String| CheckpointError::Foreign { file: path.to_owned(), problem };
        let Some(text) = file.metadata().get(HEAD) else {
            return Err(foreign(format!(
                "its metadata have no `{HEAD}`, so elbo has not written it; `load_matching` loads tensors of other programs"
            )));
        };
        let wrong = |error: serde_json::Error| foreign(format!("its metadata `{HEAD}` are not a head: {error}"));
        let Versions { format, version } = serde_json::from_str(text).map_err(wrong)?;
        if format > FORMAT {
            let (file, written_by) = (path.to_owned(), version);
            return Err(CheckpointError::Later { file, found: format, known: FORMAT, written_by });
        }
        if !file.verify()? {
            return Err(foreign("it has no checksums".to_owned()));
        }
        let head = serde_json::from_str(text).map_err(wrong)?;
        Ok(SavedFile { path: path.to_owned(), file, head })
    }

    /// Whether the file has all tensors of the model of this index in a list, of any shape.
    pub(crate) fn has_parameters<M: Parameters>(&self, models: &[M], index: usize) -> bool {
        let mut has = true;
        models[index]
            .visit(&Walk::ROOT.index(index), &mut |path, _, _| has &= self.file.info(&path.to_string()).is_some());
        has
    }

    /// Whether the file has tensors of a model of this index in a list.
    pub(crate) fn has_any_below(&self, index: usize) -> bool {
        let prefix = format!("{index}.");
        self.file.names().any(|name| name.starts_with(&prefix))
    }

    /// The value in JSON under this key of the metadata.
    ///
    /// # Errors
    /// If there is none, or it is another one.
    pub(crate) fn metadata<V: for<'de> Deserialize<'de>>(&self, key: &str) -> Result<V, CheckpointError> {
        let problem = match self.file.metadata().get(key) {
            None => format!("its metadata have no `{key}`"),
            Some(text) => match serde_json::from_str(text) {
                Ok(value) => return Ok(value),
                Err(error) => format!("its metadata `{key}` cannot be read: {error}"),
            },
        };
        Err(CheckpointError::Foreign { file: self.path.clone(), problem })
    }
}
