//! Any number of ranks ends with the bits of one process.

use std::process::ExitCode;

use elbo::prelude::*;
use elbo::{Model, Path, Ranks};

use crate::launch::{is_long, run};
use crate::networks::{examples, lenet, mlp, mlp_of_mixture, sequences};

/// 100 steps of 4 an epoch, the last one of 11 examples; of so few examples that some shards have none.
const BATCH: usize = 64;
const EXAMPLES: usize = 3 * BATCH + 5;

/// Trains a network by all ranks, and prints a line: its name, a hash of all parameters, the divergence and the bound.
fn train<M>(name: &str, mut model: M, data: &Examples, elbo: Elbo<Categorical>, ranks: Option<&Ranks>)
where
    M: Model + Bayesian<Scalar = f32, Batch = elbo::Yes> + Send + Sync,
{
    let epochs = if is_long() { 25 } else { 3 };
    let mut elbo = elbo.batch_size(BATCH).threads(1).quiet();
    let training = elbo.training(&mut model, data).shards(8);
    let training = match ranks {
        Some(ranks) => training.ranks(ranks),
        None => training,
    };
    let report = training.run(Epochs(epochs)).unwrap();
    let mut hash = 0_u64;
    model.visit(&Path::ROOT, &mut |_, _, tensor| {
        let bytes: Vec<u8> = tensor.data().iter().flat_map(|x| x.to_le_bytes()).collect();
        hash = elbo::engine::io::xxh64(&bytes, hash);
    });
    assert_ne!(report.epochs[0].nll, report.last().nll, "{name}: nothing was trained");
    println!("{name} {hash:016x} {:.17e} {:.17e}", report.last().kl, report.last().elbo);
}

/// In a process that the test has started.
pub(crate) fn train_all() -> ExitCode {
    let launched = std::env::var_os("OMPI_COMM_WORLD_SIZE").or(std::env::var_os("PMI_SIZE")).is_some();
    let ranks = launched.then(|| Ranks::start().unwrap());
    let ranks = ranks.as_ref();
    if let Some(ranks) = ranks {
        refuse(ranks);
    }
    let [mlp_width, lstm_width] = if is_long() { [400, 128] } else { [24, 8] };
    let channels = if is_long() { [20, 50, 500] } else { [3, 4, 16] };
    let flat = examples(EXAMPLES, &[784]);
    let elbo = || Elbo::new(Categorical).optimizer(Adam::new(1e-3));
    let normal = || mlp(mlp_width);
    train("sample", normal(), &flat, elbo().estimator(Estimator::Sample), ranks);
    train("local", normal(), &flat, elbo().estimator(Estimator::Local), ranks);
    train("flipout", normal(), &flat, elbo().estimator(Estimator::Flipout), ranks);
    train("mixture", mlp_of_mixture(mlp_width), &flat, elbo(), ranks);
    train("lenet", lenet(channels), &examples(EXAMPLES, &[1, 28, 28]), elbo(), ranks);
    train("lstm", sequences(lstm_width), &examples(EXAMPLES, &[29, 12]), elbo().accumulate(2), ranks);
    ExitCode::SUCCESS
}

/// What cannot start.
fn refuse(ranks: &Ranks) {
    let error = Ranks::start().unwrap_err();
    assert!(error.to_string().contains("MPI was started before"));
    assert_eq!(format!("{error:?}"), error.to_string());
    if ranks.len() == 3 {
        let mut elbo = Elbo::new(Categorical).quiet();
        let (mut model, data) = (mlp(2), examples(8, &[784]));
        let error = elbo.training(&mut model, &data).shards(2).ranks(ranks).run(Epochs(1)).unwrap_err().to_string();
        assert!(error.starts_with("ranks: 3 ranks cannot share 2 shards of a batch; call `.shards(3)`"), "{error}");
    }
}

/// The lines of a job, which all of its ranks print equally.
fn lines(ranks: usize) -> Vec<String> {
    let (is_success, output) = run(ranks, "networks");
    assert!(is_success, "{ranks} ranks: {output}");
    let is_line = |line: &&str| line.split(' ').count() == 4;
    let mut lines: Vec<String> = output.lines().filter(is_line).map(str::to_owned).collect();
    assert_eq!(lines.len(), 6 * ranks.max(1), "{ranks} ranks: {output}");
    lines.sort_unstable();
    lines.dedup();
    lines
}

pub(crate) fn any_number_of_ranks() {
    let expected = lines(0);
    assert_eq!(expected.len(), 6);
    for ranks in if is_long() { vec![1, 2, 3, 4, 8] } else { vec![2, 3] } {
        assert_eq!(lines(ranks), expected, "{ranks} ranks");
        if is_long() {
            println!("{ranks} ranks: {}", expected.join("\n    "));
        }
    }
}
