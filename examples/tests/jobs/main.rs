//! Runs the programs of real jobs on real data, as a user does. The tests show as ignored without `ELBO_DATA`, which the
//! default harness cannot decide at run time.

mod posteriordb;
mod tables;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

type Check = fn(&Value) -> bool;
type Test = fn(&Path) -> Result<(), Failed>;

/// Programs, their options, the numbers that they report, and what these must fulfil.
const JOBS: [(&str, &[&str], &str, Check); 10] = [
    ("regression", &["--epochs", "1500"], "rmse", |of| number(of, "test_nll") < number(of, "baseline_nll")),
    ("counts", &[], "rmse", |of| number(of, "test_nll") < number(of, "baseline_nll")),
    ("censored", &[], "rmse", |of| {
        number(of, "test_nll") < number(of, "baseline_nll") && number(of, "rmse") < number(of, "baseline_rmse")
    }),
    ("vowels", &["--draws", "50"], "test_error", |of| number(of, "test_error") <= 0.05),
    ("far", &["--epochs", "100", "--draws", "50"], "test_error", |of| number(of, "test_error") <= 0.06),
    ("mushroom", &["--draws", "50"], "test_error", |of| number(of, "test_error") <= 0.005),
    ("conformal", &["--epochs", "100", "--draws", "50", "--splits", "100"], "test_error", |of| {
        let calibrated = ["lac", "aps", "raps", "residual", "by_sd", "quantiles"];
        calibrated.iter().all(|name| (number(of, &format!("{name}_coverage")) - 0.9).abs() < 0.015)
    }),
    ("prune", &["--epochs", "2", "--hidden", "64", "--draws", "8"], "test_error", |of| {
        number(of, "error_75") < number(of, "error_0") + 0.005 && number(of, "error_0") < 0.06
    }),
    ("lenet", &["--epochs", "2", "--seeds", "1", "--images", "3000", "--draws", "4"], "test_error", |of| {
        number(of, "test_error") < 0.15 && number(of, "twin_error") < 0.15 && number(of, "kl") > 0.0
    }),
    (
        "text",
        &[
            "--characters",
            "60000",
            "--width",
            "32",
            "--blocks",
            "1",
            "--heads",
            "2",
            "--steps",
            "32",
            "--draws",
            "4",
            "--epochs",
            "4",
        ],
        "bits_per_character",
        |of| {
            let [total, aleatoric, epistemic] =
                ["entropy_bits", "aleatoric_bits", "epistemic_bits"].map(|name| number(of, name));
            number(of, "bits_per_character") < number(of, "bits_of_unigram") - 0.5
                && number(of, "bits_of_5_gram") < number(of, "bits_of_unigram") - 1.0
                && (total - aleatoric - epistemic).abs() < 1e-9
                && [aleatoric, epistemic].iter().all(|&part| part > 0.0)
        },
    ),
];

fn main() -> ExitCode {
    let data = std::env::var_os("ELBO_DATA").map(PathBuf::from);
    let mut tests = vec![Trial::test("without_data_the_programs_say_what_to_do", without_data)];
    for (name, options, score, check) in JOBS {
        // The data of `counts` are embedded.
        let folder = data.clone().or_else(|| (name == "counts").then(PathBuf::new));
        let is_ignored = folder.is_none();
        let run = move || {
            let folder = folder.ok_or("set ELBO_DATA to the folder of the data sets")?;
            reports(name, options, score, check, &folder)
        };
        tests.push(Trial::test(name, run).with_ignored_flag(is_ignored));
    }
    let others: [(&str, Test); 8] = [
        ("curve", tables::curve),
        ("shift", tables::shift),
        ("uci", tables::uci),
        ("mnist_table", tables::mnist),
        ("convergence", convergence),
        ("posteriors", posteriors),
        ("posteriordb_density", posteriordb::density),
        ("posteriordb", posteriordb::program),
    ];
    for (name, test) in others {
        let folder = data.clone();
        let run = move || test(&folder.ok_or("set ELBO_DATA to the folder of the data sets")?);
        tests.push(Trial::test(name, run).with_ignored_flag(data.is_none()));
    }
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

/// A short run of `posteriors`: every method but the longest one finds the tumours, and says what it measures.
fn posteriors(data: &Path) -> Result<(), Failed> {
    let json = std::env::temp_dir().join(format!("elbo-posteriors-{}.json", std::process::id()));
    let methods = "map,ensemble,vi,laplace,laplace-last-layer,sghmc,mc-dropout,ivon,vbll";
    let mut command = Command::new(env!("CARGO_BIN_EXE_posteriors"));
    command.args([
        "--problems",
        "breast-cancer",
        "--methods",
        methods,
        "--seeds",
        "1",
        "--epochs",
        "40",
        "--draws",
        "16",
    ]);
    let output = command.arg("--data").arg(data).arg("--json").arg(&json).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let rows = rows.as_array().ok_or("a list of rows")?;
    assert_eq!(rows.len(), methods.split(',').count());
    for row in rows {
        let [error, nll, ece] = ["error", "nll", "ece"].map(|name| number(row, name));
        assert!(error < 0.08 && nll < 0.3 && ece < 0.2 && row["auroc"].is_null(), "{row}");
    }
    std::fs::remove_file(json)?;
    Ok(())
}

/// A short run of `convergence`: the fields of its rows, and a bound that is above guessing and not above the best known.
fn convergence(data: &Path) -> Result<(), Failed> {
    let json = std::env::temp_dir().join(format!("elbo-convergence-{}.json", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_convergence"));
    command.args(["--problems", "iris", "--units", "16", "--seeds", "2", "--epochs", "3000"]);
    let output = command.arg("--data").arg(data).arg("--json").arg(&json).output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
    let rows = rows.as_array().ok_or("a list of rows")?;
    assert_eq!(rows.len(), 4);
    for row in rows {
        let [elbo, best, guessing] = ["elbo", "best_known", "guessing"].map(|name| number(row, name));
        assert!(guessing < elbo && elbo < best + 1.0, "{row}");
        assert_eq!((&row["method"], &row["steps"]), (&Value::from("default"), &Value::from(3000)));
        assert!(row["converged"].is_boolean() && number(row, "seconds") > 0.0, "{row}");
    }
    std::fs::remove_file(json)?;
    Ok(())
}

fn number(report: &Value, name: &str) -> f64 {
    report[name].as_f64().unwrap_or(f64::NAN)
}

fn program(name: &str) -> &'static str {
    match name {
        "regression" => env!("CARGO_BIN_EXE_regression"),
        "counts" => env!("CARGO_BIN_EXE_counts"),
        "censored" => env!("CARGO_BIN_EXE_censored"),
        "vowels" => env!("CARGO_BIN_EXE_vowels"),
        "tasks" => env!("CARGO_BIN_EXE_tasks"),
        "far" => env!("CARGO_BIN_EXE_far"),
        "conformal" => env!("CARGO_BIN_EXE_conformal"),
        "prune" => env!("CARGO_BIN_EXE_prune"),
        "lenet" => env!("CARGO_BIN_EXE_lenet"),
        "text" => env!("CARGO_BIN_EXE_text"),
        "uci" => env!("CARGO_BIN_EXE_uci"),
        _ => env!("CARGO_BIN_EXE_mushroom"),
    }
}

fn reports(name: &str, options: &[&str], score: &str, check: Check, data: &Path) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("elbo-jobs-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let [json, picture] = ["results.json", "bands.svg"].map(|file| scratch.join(file));
    let mut command = Command::new(program(name));
    command.args(options).arg("--data").arg(data).arg("--json").arg(&json);
    if name == "regression" {
        command.arg("--picture").arg(&picture);
    }
    let output = command.output()?;
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{name}: {message}");
    let report: Value = serde_json::from_slice(&std::fs::read(json)?)?;
    for number in ["test_nll", "baseline_nll", score, "seconds"] {
        assert!(report[number].as_f64().is_some_and(f64::is_finite), "{name}: no number {number} in {report}");
    }
    assert!(check(&report), "{name}: {report}");
    if name == "regression" {
        let svg = std::fs::read_to_string(picture)?;
        assert!(svg.starts_with("<svg") && svg.matches("<circle").count() == 133 && svg.contains("<polygon"));
    }
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

fn without_data() -> Result<(), Failed> {
    for name in
        ["regression", "censored", "vowels", "mushroom", "tasks", "far", "conformal", "prune", "lenet", "text", "uci"]
    {
        let missing = |options: &[&str]| -> Result<String, Failed> {
            let output = Command::new(program(name)).args(options).env_remove("ELBO_DATA").output()?;
            assert_eq!(output.status.code(), Some(2), "{name}");
            Ok(String::from_utf8(output.stderr)?)
        };
        let message = missing(&[])?;
        for part in ["--data", "ELBO_DATA", "examples/README.md"] {
            assert!(message.contains(part), "{name}: {message}");
        }
        let message = missing(&["--data", "/no/such/folder"])?;
        assert!(message.contains("/no/such/folder"), "{name}: {message}");
    }
    Ok(())
}
