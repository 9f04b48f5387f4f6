//! `Debug` of every error type prints the same as `Display`, since a `main` that returns an error prints `Debug`.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::{Path, PathBuf};

use elbo::calibration::CalibrationError;
use elbo::data::{Csv, DataError};
use elbo::engine::io::{FileError, Place};
use elbo::metrics::BootstrapError;
use elbo::prelude::*;
use elbo::prune::PruneError;
use elbo::sequence::SequenceError;
use elbo::{ChainsError, CheckpointError, LaplaceError, OnnxError, PyTorchError, Space, TrainError, WeightsError};

/// Errors of all types, by the type's name.
fn all() -> Vec<(&'static str, Box<dyn Error>)> {
    let file = || PathBuf::from("weights.safetensors");
    let missing = || FileError::Missing { file: file(), name: "w".to_owned(), present: vec!["v".to_owned()], count: 1 };
    let read = |error| FileError::Read { file: file(), source: std::io::Error::other(error) };
    let place = Place { file: file(), array: None, byte: 8 };
    let length = Tensor::<f32>::zeros([2, 2]);
    let mut weights = Dense::new(2, 2).mean_weights();
    vec![
        ("FileError", Box::new(missing())),
        ("FileError", Box::new(read("the disk is gone"))),
        ("FileError", Box::new(FileError::Length { place, expected: 4, found: 3 })),
        ("NotPositiveDefinite", Box::new(Tape::<f32>::new().constant([1, 1], |_| -1.0).try_cholesky(0.0).unwrap_err())),
        ("WeightsError", Box::new(WeightsError::File(missing()))),
        ("WeightsError", Box::new(weights.set_flat(length.data()).unwrap_err())),
        (
            "WeightsError",
            Box::new(WeightsError::Space { name: "w".to_owned(), element: 0, value: -1.0, space: Space::Positive }),
        ),
        ("DataError", Box::new(Examples::new(length, vec![0_usize]).unwrap_err())),
        ("TableError", Box::new(Csv::new().parse("t.csv", "a\n1\n").unwrap().numbers("b").unwrap_err())),
        ("DataError", Box::new(DataError::Empty { what: "train.csv".to_owned() })),
        ("CheckError", Box::new(elbo::checks::CheckError::Options("no statistic".to_owned()))),
        ("CheckError", Box::new(elbo::checks::CheckError::Draws { simulation: 3, found: 7, expected: 8 })),
        ("BootstrapError", Box::new(BootstrapError::TooFew { rows: 1 })),
        ("BootstrapError", Box::new(BootstrapError::Rows { names: ["predictions", "targets"], rows: [3, 4] })),
        ("CalibrationError", Box::new(CalibrationError::Empty)),
        (
            "CalibrationError",
            Box::new(CalibrationError::NoTemperature { examples: 3, limit: 0.0, because: "all are right" }),
        ),
        ("PruneError", Box::new(PruneError::Draws { draws: 1 })),
        ("SequenceError", Box::new(SequenceError::NoSteps { row: 3 })),
        ("TrainError", Box::new(TrainError::Options("no factor".to_owned()))),
        ("McmcError", Box::new(elbo::McmcError::Options("no chain".to_owned()))),
        ("McmcError", Box::new(elbo::McmcError::Start { chain: 0, term: "likelihood".to_owned(), value: f64::NAN })),
        ("SvgdError", Box::new(elbo::SvgdError::Options("no particle".to_owned()))),
        ("SvgdError", Box::new(elbo::SvgdError::Start { particle: 0, term: "likelihood".to_owned(), value: f64::NAN })),
        ("LaplaceError", Box::new(LaplaceError::Options("no pattern".to_owned()))),
        (
            "LaplaceError",
            Box::new(LaplaceError::Memory { what: "`w`".to_owned(), elements: 9, bytes: 1 << 40, most: 1 << 32 }),
        ),
        ("LaplaceError", Box::new(LaplaceError::Curvature { weight: "w".to_owned(), element: 0, value: -1.0 })),
        ("OnnxError", Box::new(OnnxError::Rows { shape: vec![1, 2] })),
        (
            "PyTorchError",
            Box::new(PyTorchError::Name { option: "keep", name: "a".to_owned(), nearest: "`b`".to_owned() }),
        ),
        ("CheckpointError", Box::new(CheckpointError::Foreign { file: file(), problem: "no head".to_owned() })),
        (
            "CheckpointError",
            Box::new(CheckpointError::Later { file: file(), found: 9, known: 1, written_by: "9.0.0".to_owned() }),
        ),
        ("TrainError", Box::new(TrainError::Checkpoint("run: no checkpoint".to_owned()))),
        ("ChainsError", Box::new(ChainsError::Format { file: file(), problem: "no draws".to_owned() })),
        ("TrainError", Box::new(TrainError::Schedule { end: 3, needed: 4 })),
        (
            "TrainError",
            Box::new(TrainError::Forward {
                examples: "training set",
                batch: 1,
                batches: 2,
                inputs: vec![8, 3],
                place: Some("src/main.rs:1:2".to_owned()),
                message: "a width of 4".to_owned(),
            }),
        ),
    ]
}

#[test]
fn debug_of_every_error_is_its_display() {
    for (name, error) in all() {
        let said = error.to_string();
        assert!(!said.is_empty() && !said.contains(name), "{name}: {said}");
        assert_eq!(format!("{error:?}"), said, "{name}");
    }
}

/// The types in the sources below `folder` that derive or implement `Error`.
fn errors_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            errors_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut derived = false;
            for line in text.lines().map(str::trim) {
                let is_word = |c: char| !c.is_alphanumeric();
                derived |= line.starts_with("#[derive(") && line.split(is_word).any(|word| word == "Error");
                let name = ["pub enum ", "pub struct ", "enum ", "struct "].iter().find_map(|it| line.strip_prefix(it));
                if let Some(name) = name
                    && std::mem::take(&mut derived)
                {
                    found.insert(name.split(is_word).next().unwrap().to_owned());
                }
                if let Some((_, name)) = line.split_once("Error for ")
                    && line.starts_with("impl")
                {
                    found.insert(name.split(is_word).next().unwrap().to_owned());
                }
            }
        }
    }
}

#[test]
fn every_error_type_of_the_workspace_is_listed() {
    let mut found = BTreeSet::new();
    for member in ["engine", "macros", "layers", "examples"] {
        errors_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(member).join("src"), &mut found);
    }
    // Behind the feature `png`, whose tests print it.
    found.remove("PngError");
    // Behind the feature `mpi`, whose tests print it.
    found.remove("RanksError");
    // Read by the sampler only.
    found.remove("NotFinite");
    let listed: BTreeSet<String> = all().into_iter().map(|(name, _)| name.to_owned()).collect();
    assert_eq!(found, listed);
}
