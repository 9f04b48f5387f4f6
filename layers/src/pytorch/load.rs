//! Loads a file of PyTorch into a model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as File;

use crate::checkpoint::{Differences, first_axes};
use crate::distribution::log_scale::inverse_softplus;
use crate::engine::io::FileError;
use crate::engine::io::safetensors::Safetensors;
use crate::engine::{Order, Path, Real, Tape, Tensor};
use crate::model::{Bayesian, Drawn};
use crate::pytorch::names::{Kind, Names};
use crate::pytorch::{ImportReport, PyTorch, PyTorchError};
use crate::weights::{Space, WeightsError};

/// The family whose scales are those of bayesian-torch.
const MEAN_FIELD: &str = "MeanField";

/// A random weight of the model.
struct Random {
    family: &'static str,
    space: Space,
    shape: Vec<usize>,
}

/// What is read, and everything that is wrong with it.
struct Reading<'f, T: Real> {
    file: &'f Safetensors,
    names: &'f Names<'f>,
    report: ImportReport,
    differences: Differences,
    /// Weights that would fit transposed.
    transposed: Vec<String>,
    /// New values, by the names of tensors, and of random weights for their means.
    values: BTreeMap<String, Tensor<T>>,
    used: BTreeSet<String>,
}

#[track_caller]
pub(super) fn load<M: Bayesian>(
    options: &PyTorch,
    model: &mut M,
    path: &File,
    file: &Safetensors,
) -> Result<ImportReport, PyTorchError> {
    file.verify()?;
    let names = Names::of(model, options)?;
    let random = random_weights(model);
    let mut reading = Reading {
        file,
        names: &names,
        report: ImportReport::default(),
        differences: Differences::default(),
        transposed: Vec::new(),
        values: BTreeMap::new(),
        used: BTreeSet::new(),
    };
    let mut shapes = Vec::new();
    model.visit(&Path::ROOT, &mut |_, _, tensor| shapes.push(tensor.shape().to_vec()));
    // Weights with their scales, then the scales that are left.
    for ((name, weight, kind), shape) in names.tensors.iter().zip(&shapes) {
        match (kind, random.get(weight)) {
            (Kind::Scale, _) => {}
            (_, Some(of)) if of.space != Space::Reals && reading.plain_name(weight).is_none() => {}
            (_, Some(of)) => reading.random(name, weight, of),
            (_, None) => reading.value(name, weight, shape),
        }
    }
    let scales = reading.scales(options.sd, &random)?;
    let Reading { mut report, mut differences, transposed, values, used, .. } = reading;
    let unused = file.names().filter(|name| !used.contains(*name));
    report.unused = unused.map(str::to_owned).collect();
    if !differences.is_empty() {
        let shape = |name: &String| file.info(name).map_or_else(Vec::new, |info| first_axes(info.shape));
        differences.extra = report.unused.iter().map(|name| (name.clone(), shape(name))).collect();
        let (file, differences) = (path.to_owned(), Box::new(differences));
        return Err(PyTorchError::Model { file, differences, transposed });
    }
    set_means(model, &values, &random)?;
    let of_tensor = |name: &str, weight: &str| {
        values.get(name).filter(|_| name != weight || !random.contains_key(weight)).map(Tensor::data)
    };
    Order::of(model).each_mut(model, |index, _, tensor| {
        let (name, weight, _) = &names.tensors[index];
        if let Some(value) = of_tensor(name, weight) {
            tensor.data_mut().copy_from_slice(value);
        } else if let Some(rho) = scales.get(name) {
            tensor.data_mut().fill(M::Scalar::from_f64(*rho));
        }
    });
    let set: BTreeSet<&String> = report.used.iter().map(|(_, ours)| ours).chain(scales.keys()).collect();
    let kept = names.tensors.iter().map(|(name, ..)| name).filter(|name| !set.contains(name));
    report.kept = kept.cloned().collect();
    report.scales = scales.into_keys().collect();
    Ok(report)
}

/// The random weights of a model, by name.
fn random_weights<M: Bayesian>(model: &M) -> BTreeMap<String, Random> {
    let (tape, mut random) = (Tape::inference(), BTreeMap::new());
    model.mean(&tape).walk(&Path::ROOT, &mut |path, weight| {
        let shape = weight.value_var().shape().to_vec();
        random.insert(path.to_string(), Random { family: weight.family(), space: weight.space(), shape });
    });
    random
}

/// Sets the means of random weights.
///
/// # Errors
/// If the mean of a family is not a parameter. The model is then unchanged.
fn set_means<M: Bayesian>(
    model: &mut M,
    values: &BTreeMap<String, Tensor<M::Scalar>>,
    random: &BTreeMap<String, Random>,
) -> Result<(), PyTorchError> {
    let mut weights = model.mean_weights();
    for name in random.keys() {
        if let (Some(value), Some(mean)) = (values.get(name), weights.get_mut(name)) {
            mean.copy_from_slice(value.data());
        }
    }
    model.set_means(&weights).map_err(|error| match error {
        WeightsError::Mean { name: weight } => {
            let family = random.get(&weight).map_or("?", |of| of.family).to_owned();
            let remedy = "use a family whose mean is a parameter, such as `MeanField`, or name the weight in `keep`";
            PyTorchError::Family { what: "mean", weight, family, remedy }
        }
        other => PyTorchError::Weights(other),
    })
}

impl<T: Real> Reading<'_, T> {
    /// The name that a plain network's file has for a weight.
    fn plain_name(&self, weight: &str) -> Option<String> {
        self.names.plain(weight).into_iter().find(|name| self.file.info(name).is_some())
    }

    /// Reads the mean of a random weight, and its scale if the file has one that the family has too.
    fn random(&mut self, name: &str, weight: &str, of: &Random) {
        if self.names.is_kept(weight) {
            return;
        }
        if let Some(plain) = self.plain_name(weight) {
            return self.read(&plain, name, weight, &of.shape);
        }
        let parts = ["mu", "rho"].map(|what| self.names.bayesian_torch(what, weight));
        let place = parts[0].iter().position(|mu| self.file.info(mu).is_some());
        let Some(place) = place else {
            return self.missing(weight, &of.shape);
        };
        let [mu, rho] = parts.map(|mut names| names.swap_remove(place));
        self.read(&mu, name, weight, &of.shape);
        if of.family == MEAN_FIELD {
            let ours = format!("{weight}{}rho", if weight.is_empty() { "" } else { "." });
            self.read(&rho, &ours, &ours, &of.shape);
        }
    }

    /// Reads a deterministic weight or a buffer.
    fn value(&mut self, name: &str, weight: &str, shape: &[usize]) {
        if self.names.is_kept(weight) {
            return;
        }
        match self.plain_name(weight) {
            Some(plain) => self.read(&plain, name, weight, shape),
            None => self.missing(weight, shape),
        }
    }

    fn missing(&mut self, weight: &str, shape: &[usize]) {
        let expected = self.names.saved(weight);
        self.differences.missing.push((both(&expected, weight), shape.to_vec()));
    }

    /// Reads the tensor `theirs` of the file for the tensor `name` of the model, as the value of `weight`.
    fn read(&mut self, theirs: &str, name: &str, weight: &str, shape: &[usize]) {
        self.used.insert(theirs.to_owned());
        let shown = both(theirs, name);
        let Some(info) = self.file.info(theirs) else {
            return self.differences.missing.push((shown, shape.to_vec()));
        };
        let is_transposed = self.names.is_transposed(weight);
        let swapped = |shape: &[usize]| matches!(*shape, [a, b] if *info.shape == [b, a]);
        if !(if is_transposed { swapped(shape) } else { *info.shape == *shape }) {
            let found = first_axes(info.shape);
            self.transposed.extend((!is_transposed && swapped(shape)).then(|| format!("`{weight}`")));
            let expected = match (is_transposed, shape) {
                (true, &[rows, columns]) => vec![columns, rows],
                _ => shape.to_vec(),
            };
            return self.differences.misshapen.push((shown, [found, expected]));
        }
        let dtype = info.dtype.to_lowercase();
        let Some(bytes) = bytes_of_float(&dtype) else {
            return self.differences.mistyped.push((shown, [dtype, "of floating-point numbers".to_owned()]));
        };
        let value = match self.file.tensor::<T>(theirs) {
            Ok(value) => value,
            Err(FileError::Value { value, .. }) => {
                return self.differences.mistyped.push((shown, [format!("{dtype} with {value}"), T::NAME.to_owned()]));
            }
            Err(error) => {
                return self.differences.mistyped.push((shown, [error.to_string(), T::NAME.to_owned()]));
            }
        };
        if let Some(wrong) = value.data().iter().find(|x| !x.is_finite()) {
            let found = format!("{dtype} with {}", wrong.to_f64());
            return self.differences.mistyped.push((shown, [found, "of finite numbers".to_owned()]));
        }
        if bytes > size_of::<T>() {
            self.report.rounded.push((theirs.to_owned(), dtype));
        }
        self.report.used.push((theirs.to_owned(), name.to_owned()));
        let value = if is_transposed {
            self.report.transposed.push(theirs.to_owned());
            transposed(&value)
        } else {
            value
        };
        self.values.insert(weight.to_owned(), value);
    }

    /// ρ of each scale that `sd` sets: of the weights whose means were read and whose scales were not.
    ///
    /// # Errors
    /// If such a weight's scale is not a standard deviation for each element.
    fn scales(
        &self,
        sd: Option<f64>,
        random: &BTreeMap<String, Random>,
    ) -> Result<BTreeMap<String, f64>, PyTorchError> {
        let mut scales = BTreeMap::new();
        let Some(sd) = sd else { return Ok(scales) };
        for (name, weight, kind) in &self.names.tensors {
            let Some(of) = random.get(weight).filter(|_| *kind == Kind::Scale && self.values.contains_key(weight))
            else {
                continue;
            };
            if of.family != MEAN_FIELD {
                let (weight, family) = (weight.clone(), of.family.to_owned());
                let remedy = "set it in the model, and leave out `sd`";
                return Err(PyTorchError::Family { what: "standard deviation", weight, family, remedy });
            }
            if !self.values.contains_key(name) {
                scales.insert(name.clone(), inverse_softplus(sd));
            }
        }
        Ok(scales)
    }
}

/// The names of a tensor in the file and in the model, if they differ.
fn both(theirs: &str, ours: &str) -> String {
    if theirs == ours { theirs.to_owned() } else { format!("{theirs}` for `{ours}") }
}

/// Bytes of an element of a floating-point type; `None` for other types.
fn bytes_of_float(dtype: &str) -> Option<usize> {
    match dtype {
        "f16" | "bf16" => Some(2),
        "f32" => Some(4),
        "f64" => Some(8),
        _ => None,
    }
}

/// The transpose of a matrix.
fn transposed<T: Real>(x: &Tensor<T>) -> Tensor<T> {
    let (rows, columns) = (x.shape()[0], x.shape()[1]);
    Tensor::new(
        [columns, rows],
        (0..rows * columns).map(|i| x.data()[i % rows * columns + i / rows]).collect::<Vec<T>>(),
    )
}
