//! Failures, stops and kills of a rank.

use std::fs;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use elbo::prelude::*;
use elbo::{Checkpoint, Ranks, SaveParameters};

use crate::launch::{end, is_long, program, run};
use crate::networks::{Mlp, examples, mlp};

/// The environment of a training with checkpoints: its folder.
const FOLDER: &str = "ELBO_RANKS_FOLDER";

/// In a process that a test has started.
pub(crate) fn part(part: &str) -> ExitCode {
    let ranks = Ranks::start().unwrap();
    if let Some(batch) = match part {
        "checkpoints" | "stop" => Some(30),
        "stop-of-one-batch" => Some(100),
        _ => None,
    } {
        train_with_checkpoints(&ranks, batch, part != "checkpoints");
        return ExitCode::SUCCESS;
    }
    let rank = ranks.rank();
    let mut data = examples(40, &[784]);
    let mut elbo = Elbo::new(Categorical).batch_size(16).threads(1).quiet();
    match part {
        // Its outputs are infinite.
        "infinite" => {
            let mut inputs = data.inputs().clone();
            inputs.data_mut()[5 * 784] = 3e38;
            data = Examples::new(inputs, data.targets().to_vec()).unwrap();
        }
        "seed" => elbo = elbo.seed(7 + rank as u64),
        "unwritable" if rank == 0 => elbo = elbo.checkpoint(Checkpoint::new("/dev/null/run")),
        "unwritable" => elbo = elbo.checkpoint(Checkpoint::new("/nowhere")),
        "twice" => {
            for _ in 0..1 + usize::from(rank == 1) {
                elbo.training(&mut mlp(8), &data).ranks(&ranks).run(Epochs(2)).unwrap();
            }
            return ExitCode::SUCCESS;
        }
        "early" if rank == 1 => {
            eprintln!("rank 1 cannot read its file");
            return ExitCode::from(3);
        }
        "panic" if rank == 1 => panic!("rank 1 has a defect"),
        _ => {}
    }
    let error = elbo.training(&mut mlp(8), &data).ranks(&ranks).run(Epochs(2)).unwrap_err();
    // In one piece: other ranks write at the same time.
    std::io::stderr().write_all(format!("[{rank}] {error}\n").as_bytes()).unwrap();
    ExitCode::SUCCESS
}

/// What ranks have printed after their number.
fn of_rank(output: &str, rank: usize) -> Vec<&str> {
    let mark = format!("[{rank}] ");
    output.lines().filter_map(|line| line.strip_prefix(&mark)).collect()
}

pub(crate) fn a_failure_on_one_rank() {
    let (is_success, output) = run(3, "infinite");
    assert!(is_success, "{output}");
    let first = of_rank(&output, 0);
    assert!(first.len() == 1 && first[0].contains("is not finite") && first[0].contains("(on rank "), "{output}");
    assert!(
        first[0].contains("; the first whose own loss is not finite is example 5 (from 0) of the training set"),
        "{output}"
    );
    assert_eq!([of_rank(&output, 1), of_rank(&output, 2)], [first.clone(), first], "{output}");
}

pub(crate) fn another_training() {
    let (is_success, output) = run(3, "seed");
    assert!(is_success, "{output}");
    for rank in 0..3 {
        let expected = "ranks: rank 1 has another training than rank 0. seed: rank 0 has 7, this rank has 8";
        assert_eq!(of_rank(&output, rank), [expected], "{output}");
    }
}

pub(crate) fn early_end() {
    let (is_success, output) = run(3, "early");
    assert!(!is_success && output.contains("rank 1 cannot read its file"), "{output}");
    assert!(output.contains("elbo: rank 1 of 3 has ended, and another rank still needs it"), "{output}");
}

pub(crate) fn another_number_of_trainings() {
    let (is_success, output) = run(3, "twice");
    assert!(!is_success && output.contains("elbo: rank ") && output.contains("has ended, and "), "{output}");
}

pub(crate) fn unwritable_checkpoints() {
    let (is_success, output) = run(3, "unwritable");
    assert!(is_success, "{output}");
    let first = of_rank(&output, 0);
    assert!(first.len() == 1 && first[0].contains("/dev/null/run"), "{output}");
    assert_eq!([of_rank(&output, 1), of_rank(&output, 2)], [first.clone(), first], "{output}");
}

pub(crate) fn panic() {
    let (is_success, output) = run(3, "panic");
    assert!(!is_success && output.contains("rank 1 has a defect"), "{output}");
    assert!(output.contains("elbo: rank 1 of 3 has panicked: the job ends"), "{output}");
}

fn net() -> Mlp {
    mlp(16)
}

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(FOLDER).expect("a folder"))
}

/// Trains in a folder, saving after each step, and writes the model at the end.
fn train_with_checkpoints(ranks: &Ranks, batch: usize, stops: bool) {
    let folder = folder();
    fs::write(folder.join(format!("{}.pid", ranks.rank())), std::process::id().to_string()).unwrap();
    let mut elbo = Elbo::new(Categorical).batch_size(batch).threads(1).quiet();
    if ranks.is_first() {
        elbo = elbo.checkpoint(Checkpoint::new(folder.join("run")).every_minutes(1e-9).keep_best());
    } else {
        // It never sees the files.
        elbo = elbo.checkpoint(Checkpoint::new("/nowhere"));
    }
    let flag = Arc::new(AtomicBool::new(false));
    let mut model = net();
    let data = examples(100, &[784]);
    let (mut elbo, mut epochs) = (elbo.stop_when(&flag), 0);
    let training = elbo.training(&mut model, &data).ranks(ranks).on_epoch_end(|_, _| {
        epochs += 1;
        // On the last rank alone, once.
        if stops && epochs == 3 && ranks.rank() + 1 == ranks.len() {
            flag.store(true, Ordering::Relaxed);
        }
        ControlFlow::Continue(())
    });
    let report = training.run(Epochs(12)).unwrap();
    assert_eq!(report.is_stopped(), stops);
    assert!(report.epochs.len() < 6 || !stops, "it stopped after {} epochs", report.epochs.len());
    if ranks.is_first() && !stops {
        model.save(folder.join("end.safetensors")).unwrap();
    }
}

/// The parameters at the end, as bits.
fn parameters(folder: &Path) -> Vec<u32> {
    let (mut model, mut bits) = (net(), Vec::new());
    model.load(folder.join("end.safetensors")).unwrap();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| bits.extend(tensor.data().iter().map(|x| x.to_bits())));
    bits
}

fn new_folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("elbo-ranks-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Trains to the end in this folder.
fn finish(folder: &Path, ranks: usize) {
    let output = end(program(ranks, "checkpoints").env(FOLDER, folder).spawn().unwrap());
    assert!(output.status.success(), "{ranks} ranks: {}", String::from_utf8_lossy(&output.stderr));
}

/// S. Vigna's SplitMix64, in [0, 1).
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

pub(crate) fn killed() {
    let kills = if is_long() { 50 } else { 3 };
    let whole = new_folder("whole");
    let begun = Instant::now();
    finish(&whole, 1);
    let duration = begun.elapsed();
    let expected = parameters(&whole);
    let (mut killed, mut equal, mut slowest, mut state) = (0, 0, Duration::ZERO, 1);
    while killed < kills {
        let folder = new_folder(&format!("{killed}"));
        let ranks = 2 + killed % 2;
        let job = program(ranks, "checkpoints").env(FOLDER, &folder).spawn().unwrap();
        std::thread::sleep(duration.mul_f64(random(&mut state)));
        let rank = (random(&mut state) * ranks as f64) as usize;
        if let Ok(pid) = fs::read_to_string(folder.join(format!("{rank}.pid"))) {
            let kill = std::process::Command::new("kill").args(["-9", &pid]).output().unwrap();
            let begun = Instant::now();
            let output = end(job);
            if kill.status.success() && !output.status.success() {
                // The job ended because a rank died.
                slowest = slowest.max(begun.elapsed());
                killed += 1;
                finish(&folder, 1 + killed % 3);
                equal += usize::from(parameters(&folder) == expected);
            }
        } else {
            end(job);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    println!("{equal} of {killed} equal; a job ended at most {:.1} s after a rank was killed", slowest.as_secs_f64());
    assert_eq!(equal, killed);
    fs::remove_dir_all(whole).unwrap();
}

pub(crate) fn stopped() {
    let [whole, folder] = ["all", "stopped"].map(new_folder);
    finish(&whole, 2);
    stop(&folder, "stop");
    finish(&folder, 2);
    assert_eq!(parameters(&folder), parameters(&whole));
    [whole, folder].iter().for_each(|folder| fs::remove_dir_all(folder).unwrap());
}

pub(crate) fn stopped_with_one_batch() {
    let folder = new_folder("one-batch");
    stop(&folder, "stop-of-one-batch");
    fs::remove_dir_all(folder).unwrap();
}

/// Trains until it is stopped.
fn stop(folder: &Path, part: &str) {
    let output = end(program(3, part).env(FOLDER, folder).spawn().unwrap());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!folder.join("end.safetensors").exists());
}
