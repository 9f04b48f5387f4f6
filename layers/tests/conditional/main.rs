//! Tests that show as ignored where they cannot run, which the default test harness cannot decide at run time.

mod compile_fail;
#[cfg(feature = "gzip")]
mod real_data;

use std::process::ExitCode;

use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut tests = vec![compile_fail::test()];
    #[cfg(feature = "gzip")]
    tests.extend(real_data::tests());
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}
