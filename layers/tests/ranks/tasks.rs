//! Tasks and chains that ranks share are those of one process.

use std::process::ExitCode;

use elbo::Ranks;
use elbo::prelude::*;

use crate::launch::run as job;

/// The calls of [`Faulty`] that are left until it fails.
#[cfg(feature = "mcmc")]
static CALLS: std::sync::atomic::AtomicIsize = std::sync::atomic::AtomicIsize::new(isize::MAX);

/// In a process that the test has started: prints a line of results on every rank.
pub(crate) fn run() -> ExitCode {
    let ranks = Ranks::start().unwrap();
    let bits = |x: f64| format!("{:016x}", x.to_bits());
    let numbers = ranks.map(5, |task| vec![(task as f64).sin(); task]);
    let texts = ranks.map(7, |task| if task == 3 { Err(format!("task {task}")) } else { Ok(task as f64 * 0.1) });
    assert_eq!(texts[3], Err("task 3".to_owned()));
    println!("[0] {:?} {texts:?} {}", numbers, bits(numbers[2][1]));
    #[cfg(feature = "mcmc")]
    println!("[0] {}", chains(&ranks));
    ExitCode::SUCCESS
}

/// A hash of all draws of 8 chains, and how they were made.
#[cfg(feature = "mcmc")]
fn chains(ranks: &Ranks) -> String {
    let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
    let data: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect()).unwrap();
    let model = Dense::new(2, 2);
    let nuts = elbo::Nuts::new(Categorical).chains(8).warmup(60).draws(25).quiet();
    let chains = nuts.run_on(ranks, &model, &data).unwrap();
    assert_eq!((chains.chains().len(), chains.all_weights().len()), (8, 200));
    let mut hash = 0;
    for weights in chains.all_weights() {
        let bytes: Vec<u8> = weights.flat().iter().flat_map(|x| x.to_le_bytes()).collect();
        hash = elbo::engine::io::xxh64(&bytes, hash);
    }
    let made = chains.chains().iter().map(|chain| (chain.gradients, chain.step_size.to_bits(), chain.depths.len()));
    // One process makes the same draws without ranks.
    let alone = nuts.run(&model, &data).unwrap();
    assert_eq!(alone.all_weights(), chains.all_weights());
    let mistake = nuts
        .clone()
        .start_from(vec![elbo::Bayesian::mean_weights(&Dense::<MeanField>::new(3, 2))])
        .run_on(ranks, &model, &data);
    let made: Vec<_> = made.collect();
    // Before the chains begin, and in one of them.
    for calls in [20, 300] {
        if ranks.rank() == 1 {
            CALLS.store(calls, std::sync::atomic::Ordering::Relaxed);
        }
        let faulty = Faulty { layer: Dense::new(2, 2) };
        let failure = nuts.clone().run_on(ranks, &faulty, &data).map(drop).map_err(|error| error.to_string());
        if ranks.len() > 1 {
            let text = failure.unwrap_err();
            assert!(text.contains("the model of rank 1 is faulty"), "{text}");
            assert_eq!(text.contains("rank 1: "), ranks.rank() != 1, "{text}");
        }
    }
    format!("{hash:016x} {made:?} {}", mistake.unwrap_err())
}

/// It panics after some calls.
#[cfg(feature = "mcmc")]
#[bayesian]
struct Faulty {
    layer: Dense,
}

#[cfg(feature = "mcmc")]
#[bayesian]
impl Faulty {
    fn forward(&self, x: Var) -> Var {
        let left = CALLS.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        assert!(left > 0, "the model of rank 1 is faulty");
        self.layer.forward(x)
    }
}

/// In a process that the test has started.
pub(crate) fn run_with_other_counts() -> ExitCode {
    let ranks = Ranks::start().unwrap();
    ranks.map(3 + ranks.rank() / 2, |task| task as f64);
    ExitCode::SUCCESS
}

pub(crate) fn with_other_counts() {
    let (is_success, output) = job(3, "counts");
    assert!(!is_success, "{output}");
    let expected = "`Ranks::map` takes the same number of tasks on all ranks; by rank, it is [3, 3, 4]";
    assert!(output.contains(expected) && output.contains("tests/ranks/tasks.rs"), "{output}");
}

pub(crate) fn are_those_of_one_process() {
    let lines = |ranks: usize| {
        let (is_success, output) = job(ranks, "tasks");
        assert!(is_success, "{ranks} ranks: {output}");
        let mut lines: Vec<String> =
            output.lines().filter(|line| line.starts_with("[0] ")).map(str::to_owned).collect();
        assert_eq!(lines.len(), ranks.max(1) * if cfg!(feature = "mcmc") { 2 } else { 1 }, "{output}");
        lines.sort_unstable();
        lines.dedup();
        lines
    };
    let expected = lines(0);
    for ranks in [2, 3] {
        assert_eq!(lines(ranks), expected, "{ranks} ranks");
    }
}
