//! `SumTree`: a sum in a fixed binary tree, whose leaves are computed by several processes.

use std::ops::Range;

use crate::distributed::Exchange;

/// What is summed.
pub(crate) trait Summand: Default {
    /// Adds the sum to the right of this one.
    fn add(&mut self, right: &Self);

    /// Sends it to another rank.
    fn send(&mut self, exchange: &dyn Exchange, to: usize);

    /// Replaces it by what another rank sends.
    fn receive(&mut self, exchange: &dyn Exchange, from: usize);

    /// Replaces that of every rank by that of rank 0.
    fn broadcast(&mut self, exchange: &dyn Exchange);
}

/// The part of this index, of `parts` parts of `len` elements. The lengths differ by at most 1, and the first part is empty only if
/// all are.
pub(crate) fn part(index: usize, parts: usize, len: usize) -> Range<usize> {
    let start = |index: usize| (len as u128 * index as u128).div_ceil(parts as u128) as usize;
    start(index)..start(index + 1)
}

/// Sums one summand for each shard in a binary tree that depends on the number of shards alone, so that the sum has the same bits
/// for any number of ranks. Each rank has consecutive shards. A node is summed by the rank of its first shard.
pub(crate) struct SumTree<'e> {
    shards: usize,
    exchange: &'e dyn Exchange,
}

impl<'e> SumTree<'e> {
    /// A tree with at least as many shards as there are ranks.
    pub(crate) fn new(shards: usize, exchange: &'e dyn Exchange) -> Self {
        SumTree { shards, exchange }
    }

    /// The rank that computes this shard.
    fn owner(&self, shard: usize) -> usize {
        // The last rank that starts at the shard or before it.
        (shard * self.exchange.size()) / self.shards
    }

    /// Computes the shards of this rank by `leaf`, which gets a summand to overwrite, and returns the sum over all shards, on every
    /// rank. `sums` is memory.
    pub(crate) fn sum<'s, S: Summand>(&self, sums: &'s mut Vec<S>, leaf: &mut dyn FnMut(usize, &mut S)) -> &'s mut S {
        let depth = self.shards.next_power_of_two().trailing_zeros() as usize + 1;
        sums.resize_with(depth.max(sums.len()), S::default);
        self.node(0..self.shards, sums, leaf);
        sums[0].broadcast(self.exchange);
        &mut sums[0]
    }

    /// The sum over these shards, in the first of `sums`, on the rank of the first shard.
    fn node<S: Summand>(&self, shards: Range<usize>, sums: &mut [S], leaf: &mut dyn FnMut(usize, &mut S)) {
        let rank = self.exchange.rank();
        if !(self.owner(shards.start)..=self.owner(shards.end - 1)).contains(&rank) {
            return;
        }
        if shards.len() == 1 {
            return leaf(shards.start, &mut sums[0]);
        }
        let middle = shards.start + shards.len().div_ceil(2);
        self.node(shards.start..middle, sums, leaf);
        self.node(middle..shards.end, &mut sums[1..], leaf);
        let [left, right] = [shards.start, middle].map(|shard| self.owner(shard));
        if rank == left {
            let (own, others) = sums.split_at_mut(1);
            if right != left {
                others[0].receive(self.exchange, right);
            }
            own[0].add(&others[0]);
        } else if rank == right {
            sums[1].send(self.exchange, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::distributed::Alone;
    use crate::distributed::threads::on_ranks;

    #[test]
    fn parts_are_consecutive_and_the_first_is_the_last_to_be_empty() {
        for (parts, len) in [(1, 5), (4, 3), (8, 64), (8, 61), (3, 0), (7, 1)] {
            let all: Vec<_> = (0..parts).map(|index| part(index, parts, len)).collect();
            assert_eq!((all[0].start, all[parts - 1].end), (0, len));
            assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start));
            let lengths = || all.iter().map(ExactSizeIterator::len);
            assert!(lengths().max().unwrap() - lengths().min().unwrap() <= 1, "{all:?}");
            assert!(len == 0 || !all[0].is_empty());
        }
    }

    #[derive(Default)]
    struct Number(Vec<f32>);

    impl Summand for Number {
        fn add(&mut self, right: &Self) {
            self.0[0] += right.0[0];
        }

        fn send(&mut self, exchange: &dyn Exchange, to: usize) {
            exchange.send(to, &self.0);
        }

        fn receive(&mut self, exchange: &dyn Exchange, from: usize) {
            exchange.receive(from, &mut self.0);
        }

        fn broadcast(&mut self, exchange: &dyn Exchange) {
            exchange.broadcast(&mut self.0);
        }
    }

    /// Numbers whose sum depends on the order of additions.
    fn leaf(shard: usize, sum: &mut Number) {
        sum.0 = vec![(shard as f32 * 1.7).sin() * 10_f32.powi(shard as i32 % 7)];
    }

    #[test]
    fn the_sum_has_the_same_bits_for_any_number_of_ranks() {
        for shards in [1, 2, 3, 5, 8, 13] {
            let expected = SumTree::new(shards, &Alone).sum(&mut Vec::new(), &mut leaf).0[0];
            for size in 1..=shards {
                let computed = Mutex::new(Vec::new());
                on_ranks(size, |exchange| {
                    let mut sums = Vec::new();
                    let sum = SumTree::new(shards, exchange).sum(&mut sums, &mut |shard, sum| {
                        computed.lock().unwrap().push(shard);
                        leaf(shard, sum);
                    });
                    assert_eq!(sum.0[0].to_bits(), expected.to_bits(), "{exchange:?}, {shards} shards");
                });
                let mut computed = computed.into_inner().unwrap();
                computed.sort_unstable();
                assert!(computed.into_iter().eq(0..shards));
            }
        }
    }
}
