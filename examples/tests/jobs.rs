//! Runs the programs of real jobs on real data, as a user does. The tests show as ignored without `ELBO_DATA`, which the
//! default harness cannot decide at run time.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;

type Check = fn(&Value) -> bool;

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
    let of_curve = data.clone();
    let run = move || curve(&of_curve.ok_or("set ELBO_DATA to the folder of the data sets")?);
    tests.push(Trial::test("curve", run).with_ignored_flag(data.is_none()));
    let of_shift = data.clone();
    let run = move || shift(&of_shift.ok_or("set ELBO_DATA to the folder of the data sets")?);
    tests.push(Trial::test("shift", run).with_ignored_flag(data.is_none()));
    let folder = data.clone();
    let of_convergence = folder.clone();
    let run = move || convergence(&of_convergence.ok_or("set ELBO_DATA to the folder of the data sets")?);
    tests.push(Trial::test("convergence", run).with_ignored_flag(data.is_none()));
    let of_uci = folder.clone();
    let run = move || uci(&of_uci.ok_or("set ELBO_DATA to the folder of the data sets")?);
    tests.push(Trial::test("uci", run).with_ignored_flag(data.is_none()));
    let run = move || posteriors(&folder.ok_or("set ELBO_DATA to the folder of the data sets")?);
    tests.push(Trial::test("posteriors", run).with_ignored_flag(data.is_none()));
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

/// Short runs of `curve`: intervals cover within the range of the data, and the epistemic standard deviation grows outside of it.
fn curve(data: &Path) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("elbo-curve-{}", std::process::id()));
    for (name, methods, growth) in
        [("section-5.2", "vi,nuts,laplace,ensemble", 2.0), ("co2", "vi,laplace,ensemble", 1.2)]
    {
        let json = scratch.join("results.json");
        let mut command = Command::new(env!("CARGO_BIN_EXE_curve"));
        command.args(["--short", "--curves", name, "--methods", methods]).arg("--data").arg(data);
        let output = command.arg("--pictures").arg(&scratch).arg("--json").arg(&json).output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let rows: Value = serde_json::from_slice(&std::fs::read(&json)?)?;
        let rows = rows.as_array().ok_or("a list of rows")?;
        let count = methods.split(',').count();
        assert_eq!(rows.len(), count);
        for row in rows {
            assert!(number(&row["inside"], "coverage") > 0.88, "{row}");
            assert!(
                number(&row["outside"], "epistemic_sd") > growth * number(&row["inside"], "epistemic_sd"),
                "{name}: the bands must widen away from the data: {row}"
            );
        }
        let svg = std::fs::read_to_string(scratch.join(format!("{name}.svg")))?;
        assert_eq!(svg.matches("<polygon").count(), count);
    }
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}

/// A short run of `shift`: turned and moved digits are recognised less, and a run with records goes on.
fn shift(data: &Path) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("elbo-shift-job-{}", std::process::id()));
    let [json, picture] = ["results.json", "shift.svg"].map(|file| scratch.join(file));
    let run = |options: &[&str]| -> Result<(Vec<Value>, String), Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shift"));
        command.args(["--short", "--methods", "deterministic,last-layer-vi,mc-dropout,laplace,swag"]).args(options);
        command.arg("--records").arg(&scratch).arg("--data").arg(data);
        let output = command.arg("--picture").arg(&picture).arg("--json").arg(&json).output()?;
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let records = match output.status.success() {
            true => serde_json::from_slice(&std::fs::read(&json)?)?,
            false => Vec::new(),
        };
        Ok((records, message))
    };
    let (records, message) = run(&[])?;
    assert_eq!(records.len(), 5, "{message}");
    for record in &records {
        let rows = record["rows"].as_array().ok_or("rows")?;
        let error = |row: usize| rows[row]["figures"][0].as_f64().unwrap_or(f64::NAN);
        // Rotations by 0°, 15°, .. 180°, then translations by 2, 4, .. 14 pixels.
        assert_eq!((rows.len(), &rows[6]["shift"]["rotation"]), (20, &Value::from(90)));
        assert!(error(0) < 0.2 && error(6) > 0.6 && error(19) > 0.6, "{record}");
        assert!(error(0) < error(2) && error(2) < error(4) && error(13) < error(15), "{record}");
    }
    let svg = std::fs::read_to_string(&picture)?;
    assert_eq!(svg.matches("<polyline").count(), 8 * 5);
    // What is missing is trained again, with the same figures; the rest is taken.
    std::fs::remove_file(scratch.join("laplace-1.json"))?;
    let (again, _) = run(&[])?;
    for (first, second) in records.iter().zip(&again) {
        assert_eq!(first["rows"], second["rows"]);
        assert!(first["method"] == "laplace" || first == second);
    }
    let (_, message) = run(&["--epochs", "3"])?;
    assert!(message.contains("deterministic-1.json") && message.contains("other options"), "{message}");
    std::fs::remove_dir_all(scratch)?;
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

/// A short run of `uci` on the smallest set: figures within the published ones, and a second run that reads the first's results.
fn uci(data: &Path) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("elbo-uci-{}", std::process::id()));
    let [json, results] = ["uci.json", "results"].map(|name| scratch.join(name));
    let run = |methods: &str| -> Result<Value, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_uci"));
        command.args(["--sets", "yacht", "--short", "--threads", "1", "--methods", methods]);
        command.arg("--data").arg(data).arg("--json").arg(&json).arg("--resume").arg(&results);
        let output = command.output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(serde_json::from_slice(&std::fs::read(&json)?)?)
    };
    let first = run("laplace,vi")?;
    let all = run("vi,vi-full,laplace,ensemble,vbll")?;
    let records = |of: &Value| of["records"].as_array().cloned().ok_or("a list of records");
    let (first, all) = (records(&first)?, records(&all)?);
    assert_eq!((first.len(), all.len()), (2, 5));
    // With the seconds: they were not fitted again.
    assert!(first.iter().all(|record| all.contains(record)), "{first:?} {all:?}");
    for record in &all {
        // Variational inference by Graves has an RMSE of 6.89 and a log-likelihood of -3.43; the targets' standard deviation is 15.
        let [rmse, log_likelihood] = ["rmse", "log_likelihood"].map(|name| number(record, name));
        assert!(rmse < 4.0 && log_likelihood > -3.43, "{record}");
        assert_eq!(record["bound"].is_null(), ["laplace", "ensemble"].map(Value::from).contains(&record["method"]));
    }
    std::fs::remove_dir_all(scratch)?;
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
