//! Chains that ranks share: their draws travel to every rank as files do, and all ranks fail together.

use std::path::Path;

use crate::distributed::{Exchange, gather};
use crate::engine::Real;
use crate::infer::chains::{McmcError, Read, contents};
use crate::infer::mcmc::checkpoint::Sampled;
use crate::weights::Weights;

/// The first byte of an error's message.
const FAILED: u8 = 1;

/// A result that every rank has, if all of them have one.
///
/// # Errors
/// This rank's error, or that of the first rank that has one: then no rank goes on alone.
pub(super) fn agreed<R>(exchange: &dyn Exchange, own: Result<R, McmcError>) -> Result<R, McmcError> {
    if exchange.size() == 1 {
        return own;
    }
    let text = own.as_ref().err().map_or(String::new(), ToString::to_string);
    let texts = gather(exchange, exchange.size(), vec![text.into_bytes()]);
    let own = own?;
    match texts.into_iter().find(|(_, text)| !text.is_empty()) {
        Some((rank, text)) => Err(McmcError::Rank { rank, message: String::from_utf8_lossy(&text).into_owned() }),
        None => Ok(own),
    }
}

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
