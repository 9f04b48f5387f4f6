//! Chains that ranks have shared: their draws travel to every rank as files do.

use std::path::Path;

use crate::distributed::{Exchange, gather};
use crate::engine::Real;
use crate::infer::chains::{McmcError, Read, contents};
use crate::infer::mcmc::checkpoint::Sampled;
use crate::weights::Weights;

/// The first byte of an error's message.
const FAILED: u8 = 1;

/// All `count` chains, of which this rank has made its own.
pub(super) fn of_all_ranks<T: Real>(
    exchange: &dyn Exchange,
    count: usize,
    own: Vec<Result<Sampled<T>, McmcError>>,
    like: &Weights<T>,
) -> Vec<Result<Sampled<T>, McmcError>> {
    if exchange.size() == 1 {
        return own;
    }
    let to_bytes = |result: &Result<Sampled<T>, McmcError>| match result {
        Ok((draws, made)) => {
            let mut bytes = contents(draws, std::slice::from_ref(made)).into_bytes();
            bytes.push(0);
            bytes
        }
        Err(error) => error.to_string().into_bytes().into_iter().chain([FAILED]).collect(),
    };
    let all = gather(exchange, count, own.iter().map(to_bytes).collect());
    let mut own = own.into_iter();
    let of_bytes = |(rank, mut bytes): (usize, Vec<u8>)| {
        if rank == exchange.rank() {
            return own.next().expect("a result of each of its chains");
        }
        if bytes.pop() == Some(FAILED) {
            let message = String::from_utf8_lossy(&bytes).into_owned();
            return Err(McmcError::Rank { rank, message });
        }
        let read = Read::of_bytes(Path::new("the chains of another rank"), bytes)?;
        let (draws, mut made) = read.all(like)?;
        let made = made.pop().ok_or_else(|| read.problem("it has no chain".to_owned()));
        Ok((draws, made?))
    };
    all.into_iter().map(of_bytes).collect()
}
