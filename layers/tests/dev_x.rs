//! x
#[path = "suite/chain_files.rs"]
mod chain_files;
#[path = "suite/chain_mistakes.rs"]
mod chain_mistakes;
#[path = "suite/chains_that_fail.rs"]
mod chains_that_fail;
#[path = "suite/check_failures.rs"]
mod check_failures;
#[path = "suite/checks.rs"]
mod checks;
#[path = "suite/common/mod.rs"]
mod common;
#[path = "suite/errors.rs"]
mod errors;
#[path = "suite/laplace/mod.rs"]
mod laplace;
#[path = "suite/rooms.rs"]
mod rooms;
#[path = "suite/sgmcmc.rs"]
mod sgmcmc;
