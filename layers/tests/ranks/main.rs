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
        test("a_failure_on_one_rank_is_the_error_of_all", faults::a_failure_on_one_rank),
        test("ranks_with_another_training_are_named", faults::another_training),
        test("a_rank_that_ends_too_early_ends_the_job", faults::early_end),
        test("a_panic_ends_the_job", faults::panic),
        test("a_training_that_is_killed_goes_on_with_any_number_of_ranks", faults::killed),
        test("a_training_that_is_stopped_on_one_rank_stops_on_all", faults::stopped),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
