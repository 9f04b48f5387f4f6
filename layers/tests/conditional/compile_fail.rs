//! Mistakes must not compile, with helpful messages: rustc's output is compared with `ui/*/*.stderr`, one folder for each
//! kind of mistake; `ui-mcmc` has those that need the feature `mcmc`. It shows as ignored on versions of rustc other than the pinned one.
//!
//! `TRYBUILD=overwrite cargo test -p elbo --test conditional compile_fail` writes the messages anew; read them as a newcomer would
//! before committing.

use std::process::Command;

use libtest_mimic::Trial;

/// The version of rustc that the expected messages are from; other versions word them differently.
const PINNED: &str = "1.95.0";

/// The test, ignored on another rustc.
pub(crate) fn test() -> Trial {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc prints its version");
    let version = String::from_utf8_lossy(&version.stdout);
    let is_pinned = version.split_whitespace().nth(1) == Some(PINNED);
    let check = || {
        let cases = trybuild::TestCases::new();
        cases.compile_fail("tests/ui/*/*.rs");
        if cfg!(feature = "mcmc") {
            cases.compile_fail("tests/ui-mcmc/*/*.rs");
        }
        Ok(())
    };
    Trial::test("compile_fail::mistakes_do_not_compile_and_say_why", check)
        .with_kind(format!("rustc {PINNED}"))
        .with_ignored_flag(!is_pinned)
}
