//! What must not compile does not, and says why: the messages are compared with `ui/*/*.stderr`, a
//! folder for each kind of mistake.
//! `TRYBUILD=overwrite cargo test -p elbo --test compile_fail` writes them anew; read them as a
//! newcomer would before committing.

use std::process::Command;

/// The messages are rustc's too, and other versions word them otherwise.
const PINNED: &str = "1.95.0";

#[test]
fn mistakes_do_not_compile_and_say_why() {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("--version").output().expect("rustc tells its version");
    let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
    if version.split(' ').nth(1) != Some(PINNED) {
        let why = format!("SKIPPED compile_fail: the messages are those of rustc {PINNED}, and this is {version}");
        // Past the test harness, which keeps what passing tests print.
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "\n{why}\n");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*/*.rs");
}
