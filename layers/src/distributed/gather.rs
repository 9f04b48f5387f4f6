//! Results of tasks that ranks have shared, on every rank.

use crate::distributed::{Exchange, part};

/// The bytes of rank `from`, on every rank.
pub(crate) fn share(exchange: &dyn Exchange, from: usize, mut own: Vec<u8>) -> Vec<u8> {
    if exchange.size() == 1 {
        return own;
    }
    let mut length = (own.len() as u64).to_le_bytes().to_vec();
    let move_all = |bytes: &mut Vec<u8>| {
        match exchange.rank() {
            rank if rank == from && from > 0 => exchange.send(0, bytes),
            0 if from > 0 => exchange.receive(from, bytes),
            _ => {}
        }
        exchange.broadcast(bytes);
    };
    move_all(&mut length);
    let length = u64::from_le_bytes(length.try_into().expect("eight bytes"));
    own.resize(length as usize, 0);
    if !own.is_empty() {
        move_all(&mut own);
    }
    own
}

/// The tasks of this rank, of `count`.
#[cfg(any(feature = "mcmc", feature = "mpi", test))]
pub(crate) fn own_tasks(exchange: &dyn Exchange, count: usize) -> std::ops::Range<usize> {
    part(exchange.rank(), exchange.size(), count)
}

/// The results of all `count` tasks as bytes, with their ranks, on every rank. `own` has those of [`own_tasks`].
pub(crate) fn gather(exchange: &dyn Exchange, count: usize, own: Vec<Vec<u8>>) -> Vec<(usize, Vec<u8>)> {
    let mut own = own.into_iter();
    let ranks = (0..exchange.size()).flat_map(|rank| part(rank, exchange.size(), count).map(move |_| rank));
    let of_rank = |rank: usize| {
        let own = if rank == exchange.rank() { own.next().unwrap_or_default() } else { Vec::new() };
        (rank, share(exchange, rank, own))
    };
    ranks.map(of_rank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distributed::threads::on_ranks;

    #[test]
    fn results_of_all_tasks_reach_every_rank() {
        for (size, count) in [(1, 3), (2, 5), (3, 8), (5, 2), (8, 8)] {
            on_ranks(size, |exchange| {
                let own = own_tasks(exchange, count).map(|task| vec![task as u8; task]).collect();
                let found = gather(exchange, count, own);
                for (task, (rank, bytes)) in found.iter().enumerate() {
                    assert_eq!(*bytes, vec![task as u8; task], "{exchange:?}");
                    assert!(part(*rank, size, count).contains(&task));
                }
                assert_eq!(found.len(), count);
            });
        }
    }
}
