//! Training by several processes: each test starts this program again by `mpirun`, and is ignored where there is none.
//!
//! `ELBO_RANKS=long cargo test --release -p elbo --features mpi --test ranks` takes networks of real size, 1, 2, 3, 4 and 8 ranks, and
//! kills 50 trainings.

mod faults;
mod launch;
mod networks;
mod same_bits;
mod tasks;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    if let Some(part) = launch::part() {
        return match part.as_str() {
            "networks" => same_bits::train_all(),
            "tasks" => tasks::run(),
            "counts" => tasks::run_with_other_counts(),
            part => faults::part(part),
        };
    }
    let can_run = launch::can_run();
    if !can_run {
        eprintln!("IGNORED: tests of several processes: `mpirun` is not installed (apt-get install openmpi-bin)");
    }
    let test = |name: &str, test: fn()| {
        let trial = Trial::test(name, move || {
            test();
            Ok(())
        });
        trial.with_ignored_flag(!can_run)
    };
    let tests = vec![
        test("any_number_of_ranks_ends_with_the_bits_of_one_process", same_bits::any_number_of_ranks),
        test("shared_tasks_and_chains_are_those_of_one_process", tasks::are_those_of_one_process),
        test("ranks_with_other_numbers_of_tasks_are_told", tasks::with_other_counts),
        test("a_failure_on_one_rank_is_the_error_of_all", faults::a_failure_on_one_rank),
        test("checkpoints_that_rank_0_cannot_write_are_the_error_of_all", faults::unwritable_checkpoints),
        test("a_rank_that_trains_once_more_ends_the_job", faults::another_number_of_trainings),
        test("ranks_with_another_training_are_named", faults::another_training),
        test("a_rank_that_ends_too_early_ends_the_job", faults::early_end),
        test("a_panic_ends_the_job", faults::panic),
        test("a_training_that_is_killed_goes_on_with_any_number_of_ranks", faults::killed),
        test("a_training_that_is_stopped_on_one_rank_stops_on_all", faults::stopped),
        test("a_training_with_one_batch_an_epoch_stops_on_all", faults::stopped_with_one_batch),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
