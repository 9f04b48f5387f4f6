//! `--ranks`: the processes that `mpirun` has started, with the feature `mpi`.

use crate::Failure;

#[cfg(feature = "mpi")]
pub use elbo::Ranks;

/// Without the feature there are none.
#[cfg(not(feature = "mpi"))]
#[derive(Debug)]
pub enum Ranks {}

#[cfg(not(feature = "mpi"))]
impl Ranks {
    /// Whether this process prints the results.
    pub fn is_first(&self) -> bool {
        match *self {}
    }
}

/// Starts MPI if that is `wanted`.
///
/// # Errors
/// If it cannot be started, or the program was built without it.
pub fn start(wanted: bool) -> Result<Option<Ranks>, Failure> {
    if !wanted {
        return Ok(None);
    }
    #[cfg(feature = "mpi")]
    return Ok(Some(Ranks::start().map_err(|error| Failure::Run(Box::new(error)))?));
    #[cfg(not(feature = "mpi"))]
    Err(Failure::Input(
        "--ranks: this program was built without MPI: add `--features elbo-examples/mpi` to cargo".to_owned(),
    ))
}
