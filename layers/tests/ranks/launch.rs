//! Starts this program again, by `mpirun` or alone.

use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The environment of a process that a test has started: what it does.
const PART: &str = "ELBO_RANKS_PART";

/// More than any of these jobs takes: a job that hangs fails its test.
const PATIENCE: Duration = Duration::from_secs(900);

/// What this process is to do, if a test has started it.
pub(crate) fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// Whether the tests are those of a release.
pub(crate) fn is_long() -> bool {
    std::env::var("ELBO_RANKS").is_ok_and(|form| form == "long")
}

fn version() -> Option<String> {
    let version = Command::new("mpirun").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&version.stdout).into_owned())
}

/// Whether `mpirun` is installed.
pub(crate) fn can_run() -> bool {
    version().is_some()
}

/// This program with so many ranks, each on one thread; by itself, without `mpirun`, for 0.
pub(crate) fn program(ranks: usize, part: &str) -> Command {
    let program = std::env::current_exe().expect("a path of this program");
    let mut command = if ranks == 0 { Command::new(&program) } else { Command::new("mpirun") };
    if ranks > 0 {
        if version().is_some_and(|version| version.contains("Open MPI")) {
            command.args(["--allow-run-as-root", "--oversubscribe"]);
        }
        command.args(["-n", &ranks.to_string()]).arg(program);
    }
    command.env(PART, part).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Waits for a job's end.
pub(crate) fn end(mut job: Child) -> Output {
    // Outputs are short, so that pipes do not fill.
    let begun = Instant::now();
    while job.try_wait().expect("a state of the job").is_none() {
        if begun.elapsed() > PATIENCE {
            job.kill().expect("the job ends");
            panic!("the job hangs: {:?}", job.wait_with_output());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    job.wait_with_output().expect("an output of the job")
}

/// Runs a job: whether it succeeded, and what it has printed on both outputs.
pub(crate) fn run(ranks: usize, part: &str) -> (bool, String) {
    let output = end(program(ranks, part).spawn().expect("a job"));
    let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned()).concat();
    (output.status.success(), text)
}
