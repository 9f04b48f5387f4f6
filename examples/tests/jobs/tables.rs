//! Short runs of the programs of published tables.

use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::Value;

use crate::number;

/// Short runs of `curve`: intervals cover within the range of the data, and the epistemic standard deviation grows outside of it.
pub(crate) fn curve(data: &Path) -> Result<(), Failed> {
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
pub(crate) fn shift(data: &Path) -> Result<(), Failed> {
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

/// A short run of `uci` on the smallest set: figures within the published ones, and a second run that reads the first's results.
pub(crate) fn uci(data: &Path) -> Result<(), Failed> {
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

/// A short run of `mnist --table`: both priors learn, and a run with records goes on.
pub(crate) fn mnist(data: &Path) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("elbo-mnist-table-{}", std::process::id()));
    let json = scratch.join("results.json");
    let run = |options: &[&str]| -> Result<(Vec<Value>, String), Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mnist"));
        command.args(["--table", "--short"]).args(options).arg("--records").arg(&scratch);
        let output = command.arg("--data").arg(data.join("mnist")).arg("--json").arg(&json).output()?;
        let message = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
        let is_done = output.status.success();
        Ok((if is_done { serde_json::from_slice(&std::fs::read(&json)?)? } else { Vec::new() }, message))
    };
    let (records, message) = run(&[])?;
    assert_eq!(records.len(), 2, "{message}");
    for record in &records {
        let [error, nll, information] =
            ["error", "nll", "mutual_information"].map(|name| number(&record["test"], name));
        assert!(error < 0.2 && nll < 0.7 && information > 0.0, "{record}");
        assert!(number(record, "kl") > 0.0 && number(&record["validation"], "error") < 0.2, "{record}");
        // Half of the weights do nothing.
        assert!(record["pruned"][0].as_f64().is_some_and(|pruned| pruned < error + 0.02), "{record}");
    }
    assert!(message.contains("| mixture | 50 | 0.0067 |"), "{message}");
    let (again, _) = run(&["--saved"])?;
    assert_eq!(records, again);
    let (_, message) = run(&["--epochs", "6"])?;
    assert!(message.contains("normal-50-0.0067-1.json") && message.contains("other options"), "{message}");
    let (none, message) = run(&["--hidden", "60", "--saved"])?;
    assert!(none.is_empty() && message.contains("0 networks"), "{message}");
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}
