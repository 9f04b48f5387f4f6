//! The problems: tables and images, all rows or the training part.

use std::path::{Path, PathBuf};

use elbo::data::{Csv, DataError, Scaling, Table, digits, idx};
use elbo::engine::io::npy;
use elbo::prelude::*;

use crate::Failure;
use crate::classifier::Activation;

/// The standard deviation of an observation of `diabetes`, in standard deviations of the target.
const NOISE: f64 = 0.7;

/// Images of MNIST.
const IMAGES: usize = 1000;

/// The names of all problems.
pub const NAMES: [&str; 7] = ["iris", "wine", "breast-cancer", "diabetes", "motorcycle", "digits", "mnist-1000"];

/// Examples with their likelihood.
pub enum Problem {
    /// Classes, and their number.
    Classes(Examples, usize),
    /// Numbers with noise of known standard deviation.
    Numbers(Examples<f32, Tensor>, Gaussian),
    /// Numbers with noise that differs by row.
    NoiseByRow(Examples<f32, Tensor>),
}

impl Problem {
    /// Loads a problem from the folder of the data.
    ///
    /// # Errors
    /// If a file is missing or invalid, or the name is unknown.
    pub fn load(name: &str, data: &Path) -> Result<Problem, Failure> {
        let table = |file: &str| data.join("tables").join(file);
        let classes = |file: &str| -> Result<Problem, Failure> {
            let columns = columns(&Csv::new().skip_lines(1).header(false).read(table(file))?)?;
            let (labels, inputs) = columns.split_last().ok_or_else(|| Failure::Input(format!("{file}: no columns")))?;
            let labels: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
            let classes = labels.iter().max().map_or(0, |most| most + 1);
            Ok(Problem::Classes(Examples::new(scaled(inputs), labels)?, classes))
        };
        match name {
            "iris" => classes("iris.csv"),
            "wine" => classes("wine_data.csv"),
            "breast-cancer" => classes("breast_cancer.csv"),
            "diabetes" => {
                let read = |file| columns(&Csv::new().header(false).delimiter(b' ').read(table(file))?);
                let (x, y) = (read("diabetes_data_raw.csv.gz")?, read("diabetes_target.csv.gz")?);
                Ok(Problem::Numbers(Examples::new(scaled(&x), scaled(&y))?, Gaussian::new(NOISE)))
            }
            "motorcycle" => {
                let table = Csv::new().inputs(["times"]).target("accel").read(table("mcycle.csv"))?;
                let column = |name| table.numbers(name).map(<[f64]>::to_vec).map_err(DataError::from);
                Ok(Problem::NoiseByRow(Examples::new(scaled(&[column("times")?]), scaled(&[column("accel")?]))?))
            }
            "digits" => {
                let images = digits::load(table("digits.csv.gz"))?;
                // As the program `digits`.
                Ok(Problem::Classes(images.examples(16.0)?.split(0.8, 1)?.0, digits::CLASSES))
            }
            "mnist-1000" => {
                let images: Examples = idx::load(folder(data, "mnist"), "train", 10)?.examples(126.0)?;
                Ok(Problem::Classes(images.rows(0..IMAGES), 10))
            }
            _ => Err(Failure::Input(format!("unknown problem '{name}': they are {}", NAMES.join(", ")))),
        }
    }

    /// Writes inputs and labels as `inputs.npy` and `labels.npy` into a folder, for other libraries.
    ///
    /// # Errors
    /// If it has no classes, or a file cannot be written.
    pub fn export(&self, folder: &Path) -> Result<(), Failure> {
        let Problem::Classes(data, _) = self else {
            return Err(Failure::Input("--export: only problems of classes are exported".to_owned()));
        };
        let labels: Tensor = Tensor::from_fn([data.len()], |row| data.targets()[row] as f64);
        let write = |file: &str, tensor: &Tensor| npy::write(folder.join(file), tensor);
        let written = write("inputs.npy", data.inputs()).and_then(|()| write("labels.npy", &labels));
        written.map_err(|error| Failure::Run(error.into()))
    }

    /// The function of the hidden units. Where the noise is an output of the network, ln sd, the expectation of 1/sd² over
    /// normal weights is infinite for two layers of relu, and so is the bound: an output is then a product of normals, of which
    /// no exponential has an expectation.
    pub fn activation(&self) -> Activation {
        match self {
            Problem::Classes(..) | Problem::Numbers(..) => Activation::Relu,
            Problem::NoiseByRow(_) => Activation::Tanh,
        }
    }

    /// The number of inputs and of outputs.
    pub fn widths(&self) -> [usize; 2] {
        match self {
            Problem::Classes(data, classes) => [data.inputs().shape()[1], *classes],
            Problem::Numbers(data, _) => [data.inputs().shape()[1], 1],
            Problem::NoiseByRow(data) => [data.inputs().shape()[1], 2],
        }
    }
}

fn folder(data: &Path, name: &str) -> PathBuf {
    data.join(name)
}

fn columns(table: &Table) -> Result<Vec<Vec<f64>>, Failure> {
    let numbers = |column: &elbo::data::Column| table.numbers(column.name()).map(<[f64]>::to_vec);
    Ok(table.columns().iter().map(numbers).collect::<Result<_, _>>().map_err(DataError::from)?)
}

/// The columns as a matrix, each with mean 0 and standard deviation 1.
fn scaled(columns: &[Vec<f64>]) -> Tensor {
    let (rows, width) = (columns[0].len(), columns.len());
    let mut matrix = Tensor::from_fn([rows, width], |i| columns[i % width][i / width]);
    Scaling::fit(&matrix).transform(&mut matrix);
    matrix
}
