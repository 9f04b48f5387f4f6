//! `SaveParameters`: saves and loads the tensors of a model.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path as File;

use crate::checkpoint::{CheckpointError, Differences, Head, Kind, SavedFile};
use crate::engine::io::FileError;
use crate::engine::io::safetensors::{Contents, Safetensors};
use crate::engine::{Order, Parameters, Path, Real, Tensor};
use crate::pattern::{matches, nearest};

/// What separates the groups of tensors in a file. A tensor of the model itself has none in its name.
const GROUP: char = '/';

/// The most axes of a shape in a file that an error lists.
const AXES: usize = 16;

/// The most names of a file, and their longest, that are compared with a pattern that matches none.
const NAMES: usize = 100;
const LONGEST: usize = 200;

/// Saves all tensors of a model by name, and loads them into a model of the same shape: means, scales, deterministic weights,
/// buffers, and what priors have learned. Everything with [`Parameters`] has it, such as models, layers and
/// [`Ema`](crate::Ema). Needs the feature `files`.
///
/// ```
/// # use elbo::prelude::*;
/// # let file = std::env::temp_dir().join(format!("net-{}.safetensors", std::process::id()));
/// let mut net = Dense::new(4, 3);
/// net.initialise(Key::new(1));
/// net.save(&file)?;
///
/// let mut other = Dense::new(4, 3);
/// other.load(&file)?;
/// assert_eq!(other.weight.mean, net.weight.mean);
///
/// let error = Dense::new(4, 5).load(&file).unwrap_err().to_string();
/// assert!(error.contains("`weight.mean` is [3, 4] in the file and [5, 4] in the model"));
/// # std::fs::remove_file(&file)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A file is a safetensors file, which Python reads by `safetensors.numpy.load_file`. Its metadata have the model's type, the
/// versions of format and library, and checksums, which are verified before anything is loaded. Settings that are not tensors, such
/// as a fixed prior's numbers, are in the program, not in the file.
pub trait SaveParameters: Parameters {
    /// Saves all tensors to a file, in one step: whatever happens, the file is the one before or this one.
    ///
    /// # Errors
    /// [`CheckpointError::File`] if the file cannot be written. The file before then stays.
    ///
    /// # Panics
    /// If two tensors have the same name.
    #[track_caller]
    fn save(&self, file: impl AsRef<File>) -> Result<(), CheckpointError> {
        Ok(contents(self).write(file)?)
    }

    /// The bytes of the file that [`save`](SaveParameters::save) writes.
    ///
    /// # Panics
    /// If two tensors have the same name.
    #[track_caller]
    fn save_to_bytes(&self) -> Vec<u8> {
        contents(self).into_bytes()
    }

    /// Loads all tensors from a file that [`save`](SaveParameters::save) has written, by name, whatever the order of the fields. A
    /// checkpoint of a training holds a model's tensors, too.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or was written by another program or a later version; and
    /// [`CheckpointError::Model`], with every tensor that is missing, not in the model, or of another shape or type. The model is
    /// then unchanged.
    ///
    /// # Panics
    /// If the model's two walks differ.
    #[track_caller]
    fn load(&mut self, file: impl AsRef<File>) -> Result<(), CheckpointError> {
        load_parameters(self, &SavedFile::open(file.as_ref())?)
    }

    /// [`load`](SaveParameters::load) from the bytes of a file; `name` appears in errors.
    ///
    /// # Errors
    /// As [`load`](SaveParameters::load).
    ///
    /// # Panics
    /// If the model's two walks differ.
    #[track_caller]
    fn load_from_bytes(&mut self, name: impl AsRef<File>, bytes: Vec<u8>) -> Result<(), CheckpointError> {
        let name = name.as_ref();
        load_parameters(self, &SavedFile::of(name, Safetensors::from_bytes(name, bytes)?)?)
    }

    /// Loads the tensors whose names match a pattern, from any safetensors file, and says which it has used. In a pattern, `*`
    /// stands for any characters, dots too; a pattern matches a tensor (`head.weight.mean`), a weight (`head.weight`) or a part
    /// (`head`) with everything in it.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # let file = std::env::temp_dir().join(format!("body-{}.safetensors", std::process::id()));
    /// # (Dense::new(4, 3), Dense::new(3, 2)).save(&file)?;
    /// let mut net = (Dense::new(4, 3), Dense::new(3, 7));      // another head
    /// let report = net.load_matching(&file, "0.*")?;
    /// println!("{report}");
    /// assert_eq!((report.used.len(), report.missing.len(), report.unused.len()), (4, 0, 4));
    /// # std::fs::remove_file(&file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`load`](SaveParameters::load), but for tensors that match and are in the file or in the model alone, and for files of
    /// other programs; and [`CheckpointError::Pattern`] if the pattern matches nothing that both have. The model is then unchanged.
    ///
    /// # Panics
    /// If the model's two walks differ.
    #[track_caller]
    fn load_matching(&mut self, file: impl AsRef<File>, pattern: &str) -> Result<LoadReport, CheckpointError> {
        let path = file.as_ref();
        let file = Safetensors::open(path)?;
        file.verify()?;
        load_matching(self, path, &file, pattern)
    }
}

impl<M: Parameters + ?Sized> SaveParameters for M {}

/// What [`load_matching`](SaveParameters::load_matching) has loaded. `Display` prints it in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoadReport {
    /// The tensors that were loaded.
    pub used: Vec<String>,
    /// Tensors of the file that were not.
    pub unused: Vec<String>,
    /// Tensors of the model that match and are not in the file: they keep their values.
    pub missing: Vec<String>,
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadReport { used, unused, missing } = self;
        write!(f, "loaded {}", used.join(", "))?;
        for (what, names) in [("not used", unused), ("missing in the file", missing)] {
            if !names.is_empty() {
                write!(f, "; {what}: {}", names.join(", "))?;
            }
        }
        Ok(())
    }
}

/// Adds the tensors of a model.
#[track_caller]
pub(crate) fn add_parameters<M: Parameters + ?Sized>(contents: &mut Contents, model: &M) {
    model.visit(&Path::ROOT, &mut |path, _, tensor| contents.tensor(&path.to_string(), tensor));
}

#[track_caller]
fn contents<M: Parameters + ?Sized>(model: &M) -> Contents {
    let mut contents = Contents::new();
    add_parameters(&mut contents, model);
    Head::new::<M, M::Scalar>(Kind::Model).seal(&mut contents);
    contents
}

/// The name of a scalar type in safetensors files.
fn dtype<T: Real>() -> String {
    T::NAME.to_uppercase()
}

/// A shape of a file, as far as an error lists it.
pub(crate) fn first_axes(shape: &[usize]) -> Vec<usize> {
    shape[..shape.len().min(AXES)].to_vec()
}

/// Whether a tensor of a file is one of a model.
fn is_of_model(name: &str) -> bool {
    !name.contains(GROUP)
}

/// The tensors of a model in a file, in the model's order.
///
/// # Errors
/// All differences; or a broken file.
pub(crate) fn read_parameters<M: Parameters + ?Sized>(
    model: &M,
    saved: &SavedFile,
) -> Result<Vec<Tensor<M::Scalar>>, CheckpointError> {
    let SavedFile { path, file, head } = saved;
    let mut differences = Differences::default();
    let (mut names, mut known) = (Vec::new(), BTreeSet::new());
    model.visit(&Path::ROOT, &mut |path, _, tensor| {
        let name = path.to_string();
        compare(file, &name, tensor, &mut differences);
        known.insert(name.clone());
        names.push(name);
    });
    for name in file.names().filter(|name| is_of_model(name) && !known.contains(*name)) {
        let shape = file.info(name).map_or_else(Vec::new, |info| first_axes(info.shape));
        differences.extra.push((name.to_owned(), shape));
    }
    if !differences.is_empty() {
        let (file, saved) = (path.clone(), head.model.clone());
        return Err(CheckpointError::Model { file, saved, differences: Box::new(differences) });
    }
    Ok(names.iter().map(|name| file.tensor(name)).collect::<Result<_, FileError>>()?)
}

/// Notes how the tensor of this name in the file differs from the model's.
fn compare<T: Real>(file: &Safetensors, name: &str, tensor: &Tensor<T>, differences: &mut Differences) {
    let shape = tensor.shape().to_vec();
    let Some(info) = file.info(name) else { return differences.missing.push((name.to_owned(), shape)) };
    if *info.shape != shape[..] {
        differences.misshapen.push((name.to_owned(), [first_axes(info.shape), shape]));
    }
    if info.dtype != dtype::<T>() {
        differences.mistyped.push((name.to_owned(), [info.dtype.to_lowercase(), T::NAME.to_owned()]));
    }
}

/// Sets all tensors of a model.
#[track_caller]
fn set<M: Parameters + ?Sized>(model: &mut M, tensors: &[Option<Tensor<M::Scalar>>]) {
    Order::of(model).each_mut(model, |index, _, tensor| {
        if let Some(read) = &tensors[index] {
            tensor.data_mut().copy_from_slice(read.data());
        }
    });
}

/// Sets all tensors of a model to those of a file.
///
/// # Errors
/// All differences; or a broken file. The model is then unchanged.
#[track_caller]
pub(crate) fn load_parameters<M: Parameters + ?Sized>(model: &mut M, saved: &SavedFile) -> Result<(), CheckpointError> {
    let tensors: Vec<_> = read_parameters(model, saved)?.into_iter().map(Some).collect();
    set(model, &tensors);
    Ok(())
}

#[track_caller]
fn load_matching<M: Parameters + ?Sized>(
    model: &mut M,
    path: &File,
    file: &Safetensors,
    pattern: &str,
) -> Result<LoadReport, CheckpointError> {
    let (mut report, mut differences, mut wanted) = (LoadReport::default(), Differences::default(), Vec::new());
    let mut all = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, tensor| {
        let name = path.to_string();
        let is_wanted = matches(pattern, &name);
        wanted.push(is_wanted && file.info(&name).is_some());
        if is_wanted && file.info(&name).is_none() {
            report.missing.push(name.clone());
        } else if is_wanted {
            compare(file, &name, tensor, &mut differences);
            report.used.push(name.clone());
        }
        all.push(name);
    });
    if report.used.is_empty() {
        let is_in_model = !report.missing.is_empty();
        let of = if is_in_model { "tensor of the file that the model has" } else { "tensor of the model" };
        let nearest = if is_in_model {
            nearest(pattern, file.names().filter(|name| name.len() <= LONGEST).take(NAMES))
        } else {
            nearest(pattern, all.iter().map(String::as_str))
        };
        return Err(CheckpointError::Pattern { file: path.to_owned(), pattern: pattern.to_owned(), of, nearest });
    }
    if !differences.is_empty() {
        let (file, saved) = (path.to_owned(), "another model".to_owned());
        return Err(CheckpointError::Model { file, saved, differences: Box::new(differences) });
    }
    let mut tensors = Vec::new();
    for (name, wanted) in all.iter().zip(wanted) {
        tensors.push(if wanted { Some(file.tensor(name)?) } else { None });
    }
    set(model, &tensors);
    let used: BTreeSet<&String> = report.used.iter().collect();
    let unused = file.names().filter(|name| is_of_model(name) && !used.contains(&(*name).to_owned()));
    report.unused = unused.map(str::to_owned).collect();
    Ok(report)
}
