//! elbo's program for `layers/benches/peers/compare`: one workload, step by step, as a user would write it.
//!
//! The program is started with a workload's name and a number of threads, and then answers each line: `losses` with the
//! losses of a few steps without noise, `run K` with the milliseconds that K steps took. So several of these processes,
//! and the peers' (`pytorch_peer.py`, `jax_peer.py`), can take turns.

mod given;
mod models;
mod networks;
mod workloads;

use std::io::{BufRead, Write};
use std::time::Instant;

use workloads::Workload;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, threads] = &arguments[..] else {
        // `cargo bench` runs every bench, with `--bench`.
        println!("peers: run layers/benches/peers/compare");
        return;
    };
    let threads = threads.parse().unwrap_or_else(|_| panic!("`{threads}` is not a number of threads"));
    // Run everything within the pool, as a training loop should.
    elbo::with_threads(threads, || match workloads::named(name) {
        Some(mut workload) => answer(&mut *workload),
        None => println!("unsupported: no workload is called `{name}`"),
    });
}

fn answer(workload: &mut dyn Workload) {
    let mut out = std::io::stdout().lock();
    let mut say = |line: String| {
        writeln!(out, "{line}").and_then(|()| out.flush()).expect("the parent process reads the answers");
    };
    say("ready".into());
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("lines are text");
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["losses"] => {
                let losses: Vec<String> = workload.losses().iter().map(|loss| format!("{loss:.9}")).collect();
                say(format!("losses {}", losses.join(" ")));
            }
            ["run", steps] => {
                let steps: usize = steps.parse().expect("a number of steps");
                let start = Instant::now();
                (0..steps).for_each(|_| workload.step());
                say(format!("ms {:.6}", start.elapsed().as_secs_f64() * 1e3));
            }
            _ => say(format!("unsupported: `{line}`")),
        }
    }
}
