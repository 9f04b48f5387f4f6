//! Runs the programs of the examples, and temporary folders for their files.

use std::path::PathBuf;
use std::process::{Command, Output};

pub(crate) fn run(program: &str, options: &[&str]) -> Output {
    Command::new(program).args(options).env_remove("ELBO_DATA").output().unwrap()
}

/// Expects exit code 2 and a message that contains all `parts`.
#[track_caller]
pub(crate) fn refused(program: &str, options: &[&str], parts: &[&str]) {
    let output = run(program, options);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{options:?}: {message}");
    for part in parts {
        assert!(message.contains(part), "{options:?}: {part:?} is not in {message:?}");
    }
}

/// A temporary folder, removed on drop.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("elbo-examples-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Scratch(folder)
    }

    pub(crate) fn path(&self, file: &str) -> String {
        self.0.join(file).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
