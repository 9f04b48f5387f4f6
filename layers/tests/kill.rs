//! Kills trainings at random moments, also while they save, and starts them again: the parameters at the end must be those of a
//! training that was never killed, bit for bit, on one and on two threads.
//!
//! `ELBO_KILLS=200 cargo test --release -p elbo --test kill -- --nocapture` kills 200 trainings for each number of threads; without
//! it there are 10.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use elbo::prelude::*;
use elbo::{Checkpoint, SaveParameters};

/// The environment of a training: its folder, and its number of threads.
const FOLDER: &str = "ELBO_KILL_FOLDER";
const THREADS: &str = "ELBO_KILL_THREADS";

const KILLS: u64 = 10;

#[bayesian]
struct Net {
    body: Dense,
    head: Dense,
}

#[bayesian]
impl Net {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.body.forward(x).tanh())
    }
}

fn net() -> Net {
    Net { body: Dense::new(4, 40), head: Dense::new(40, 3) }
}

/// Trains in a folder, saving after each step, and writes the model at the end.
fn train(folder: &Path, threads: usize) {
    let x = Tensor::from_fn([120, 4], |i| (i as f64 * 0.7).sin());
    let data: Examples = Examples::new(x, (0..120).map(|i| (i * i) % 3).collect()).unwrap();
    let checkpoint = Checkpoint::new(folder.join("run")).every_minutes(1e-9).keep_best();
    let mut model = net();
    let mut elbo = Elbo::new(Categorical).batch_size(20).threads(threads).checkpoint(checkpoint).quiet();
    elbo.fit(&mut model, &data, Epochs(12)).unwrap();
    model.save(folder.join("end.safetensors")).unwrap();
}

/// The training of a process that a test has started.
#[test]
fn training() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    train(&PathBuf::from(folder), std::env::var(THREADS).unwrap().parse().unwrap());
}

fn start(folder: &Path, threads: usize) -> Child {
    fs::create_dir_all(folder).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "training", "--nocapture"]).env(FOLDER, folder).env(THREADS, threads.to_string());
    command.stdout(Stdio::null()).spawn().unwrap()
}

/// The parameters at the end, as bits.
fn end(folder: &Path) -> Vec<u32> {
    let (mut model, mut bits) = (net(), Vec::new());
    model.load(folder.join("end.safetensors")).unwrap();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| bits.extend(tensor.data().iter().map(|x| x.to_bits())));
    bits
}

/// The checkpoints, each of which must be whole, and whether one had been begun.
fn check_files(folder: &Path) -> (usize, bool) {
    let Ok(files) = fs::read_dir(folder.join("run")) else { return (0, false) };
    let (mut count, mut is_begun) = (0, false);
    for file in files.map(|file| file.unwrap().path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        is_begun |= name.ends_with(".part");
        if name.ends_with(".safetensors") {
            net().load(&file).unwrap_or_else(|error| panic!("after a kill: {error}"));
            count += usize::from(name.starts_with("step-"));
        }
    }
    (count, is_begun)
}

/// S. Vigna's SplitMix64, in [0, 1).
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (*state ^ (*state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}

#[test]
fn a_training_that_is_killed_anywhere_ends_like_one_that_is_not() {
    let all = std::env::temp_dir().join(format!("elbo-kill-{}", std::process::id()));
    let kills = std::env::var("ELBO_KILLS").map_or(KILLS, |kills| kills.parse().expect("ELBO_KILLS is a number"));
    let finish = |folder: &Path, threads| {
        let begun = Instant::now();
        assert!(start(folder, threads).wait().unwrap().success(), "a training failed: see above");
        begun.elapsed()
    };
    let duration = finish(&all.join("whole"), 1).max(Duration::from_millis(20));
    let expected = end(&all.join("whole"));
    for threads in [1, 2] {
        let (mut killed, mut within_save, mut equal, mut state) = (0, 0, 0, threads as u64);
        while killed < kills {
            let folder = all.join(format!("{threads}-{killed}"));
            let mut child = start(&folder, threads);
            std::thread::sleep(duration.mul_f64(random(&mut state)));
            let is_over = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            if !is_over {
                killed += 1;
                within_save += u64::from(check_files(&folder).1);
                finish(&folder, threads);
                equal += u64::from(end(&folder) == expected);
            }
            fs::remove_dir_all(&folder).unwrap();
        }
        println!("{threads} thread(s): {equal} of {killed} equal; {within_save} were killed while they saved");
        assert_eq!(equal, killed);
    }
    fs::remove_dir_all(&all).unwrap();
}
