//! A training's history as CSV and JSON, and reports that replace a file in one step.

use std::fs;

use elbo::prelude::*;
use elbo::report::{Chart, Html};

use crate::common::Folder;

fn trained(validates: bool) -> Report {
    let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.61).sin());
    let data: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect()).unwrap();
    let (mut model, mut elbo) = (Dense::new(2, 2), Elbo::new(Categorical).quiet());
    let training = elbo.training(&mut model, &data);
    if validates { training.validate(&data, Draws(2)) } else { training }.run(Epochs(3)).unwrap()
}

#[test]
fn csv_reads_back_as_the_same_numbers() {
    let mut report = trained(true);
    report.epochs[1].validation_nll = None;
    report.epochs[2].seconds = f64::NAN;
    report.epochs[2].kl = f64::INFINITY;
    let csv = report.to_csv();
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = ["epoch", "nll", "kl", "kl_weight", "elbo", "validation_nll", "rate_factor", "seconds"];
    assert_eq!(reader.headers().unwrap(), &header[..]);
    let rows: Vec<Vec<Option<f64>>> = reader
        .records()
        .map(|row| row.unwrap().iter().map(|cell| (!cell.is_empty()).then(|| cell.parse().unwrap())).collect())
        .collect();
    assert_eq!(rows.len(), 3);
    for (index, (row, epoch)) in rows.iter().zip(&report.epochs).enumerate() {
        let timed = Some(epoch.seconds).filter(|seconds| !seconds.is_nan());
        let expected = [
            Some(index as f64 + 1.0),
            Some(epoch.nll),
            Some(epoch.kl),
            Some(epoch.kl_weight),
            Some(epoch.elbo),
            epoch.validation_nll,
            Some(epoch.rate_factor),
            timed,
        ];
        assert_eq!(row[..], expected);
    }
    assert_eq!(Report::default().to_csv().lines().count(), 1);
}

#[test]
fn json_has_null_for_what_was_not_measured() {
    let mut report = trained(false);
    report.epochs[0].kl = f64::NAN;
    let json: serde_json::Value = serde_json::from_str(&report.to_json()).unwrap();
    let epochs = json["epochs"].as_array().unwrap();
    assert_eq!((epochs.len(), &epochs[1]["epoch"]), (3, &serde_json::json!(2)));
    assert!(epochs[0]["kl"].is_null() && epochs[0]["validation_nll"].is_null());
    assert_eq!(epochs[2]["elbo"].as_f64(), Some(report.epochs[2].elbo));
    assert_eq!(json["guessing"].as_f64(), report.guessing);
    assert!(json["best"].is_null() && json["converged"].is_boolean() && json["stopped"] == false);
    assert!(serde_json::from_str::<serde_json::Value>(&Report::default().to_json()).is_ok());
}

#[test]
fn a_report_that_cannot_be_written_leaves_the_old_one() {
    let folder = Folder::new("history");
    let (report, csv) = (trained(false), folder.file("history.csv"));
    report.write_csv(&csv).unwrap();
    assert_eq!(fs::read_to_string(&csv).unwrap(), report.to_csv());
    Html::new("first").write(folder.file("report.html")).unwrap();
    Html::new("second").write(folder.file("report.html")).unwrap();
    assert!(fs::read_to_string(folder.file("report.html")).unwrap().contains("second"));
    Chart::new("chart").write(folder.file("chart.svg")).unwrap();
    // A folder is where the file would be; nothing is left of the try.
    fs::create_dir_all(folder.file("taken/full")).unwrap();
    let errors = [
        Html::new("x").write(folder.file("taken")),
        report.write_csv(folder.file("taken")),
        report.write_json(folder.file("missing/history.json")),
        Chart::new("x").write(folder.file("taken")),
    ];
    assert!(errors.iter().all(|error| error.as_ref().unwrap_err().to_string().contains("cannot be written")));
    let mut left: Vec<String> =
        fs::read_dir(folder.file("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort();
    assert_eq!(left, ["chart.svg", "history.csv", "report.html", "taken"]);
}
