//! Scaled dot-product attention, softmax(q · kᵀ / √d + mask) · v, in blocks of queries.

mod settings;
mod weights;

use std::ops::Range;

pub use settings::Attention;
use settings::{Kind, check_lengths, check_mask};
use weights::{AdjointMeans, Mask, RecomputeWeights, ScoreAdjoints, Softmax};

use crate::kernels::Write;
use crate::kernels::dispatch::dispatch;
use crate::kernels::gemm::{Matrix, MatrixMut, gemm_alone};
use crate::kernels::map::scale;
use crate::threads::{Ragged, Rows, Undivided, for_each_with, pieces};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

/// Elements of a block of scores: 256 KiB in single precision, within a second-level cache.
const BLOCK: usize = 1 << 16;

/// The minimum and maximum number of queries of a block, for any number of keys.
const QUERIES: [usize; 2] = [8, 64];

/// Multiply-adds below which attention stays on one thread.
const PARALLEL: usize = 1 << 20;

impl<'t, T: Real> Var<'t, T> {
    /// Attention of queries, this (.., queries, d), to keys `k` (.., keys, d) with values `v` (.., keys, e): the mean
    /// of the values, weighted with softmax(q · kᵀ / √d + mask), (.., queries, e) (Vaswani et al. 2017). Only the
    /// scores of one block of queries are stored at a time; the adjoint recomputes them.
    ///
    /// # Panics
    /// If the shapes differ from these: the axes before the last two must be equal, a mask must have the shape described in
    /// [`Attention::bias`], and [`lengths`](Attention::lengths) must be one for each example, of at most the number of keys.
    #[track_caller]
    pub fn attention(self, k: Var<'t, T>, v: Var<'t, T>, settings: Attention<'t, T>) -> Var<'t, T> {
        let [q_shape, k_shape, v_shape] = [self, k, v].map(Var::shape);
        let ([batch @ .., queries, d], [k_batch @ .., keys, k_d], [v_batch @ .., v_keys, e]) =
            (q_shape, k_shape, v_shape)
        else {
            shape_mismatch([q_shape, k_shape, v_shape]);
        };
        if batch != k_batch || batch != v_batch || d != k_d || keys != v_keys {
            shape_mismatch([q_shape, k_shape, v_shape]);
        }
        assert!(
            *d > 0,
            "attention: q of shape {q_shape:?} and k of shape {k_shape:?} have 0 features; expected at least 1"
        );
        let shape: Shape = batch.iter().copied().chain([*queries, *e]).collect();
        let examples = batch.iter().product();
        if let Some(lengths) = settings.lengths {
            check_lengths(lengths, batch, *keys);
        }
        let operation = Operator {
            batch: examples,
            queries: *queries,
            keys: *keys,
            d: *d,
            e: *e,
            causal: settings.causal,
            kind: settings.mask.map(|(kind, _)| kind),
            lengths: settings.lengths,
            scale: settings.scale.unwrap_or(1.0 / (*d as f64).sqrt()),
        };
        let kept = [2, examples, *queries];
        match settings.mask {
            None => self.tape().record(operation, &[self, k, v], [&shape[..], &kept])[0],
            Some((_, mask)) => {
                check_mask(mask.shape(), batch, [*queries, *keys]);
                self.tape().record(operation, &[self, k, v, mask], [&shape[..], &kept])[0]
            }
        }
    }
}

#[track_caller]
fn shape_mismatch([q, k, v]: [&[usize]; 3]) -> ! {
    panic!(
        "attention: q of shape {q:?}, k of shape {k:?} and v of shape {v:?}; expected (.., queries, d), (.., keys, d) and \
         (.., keys, e) with equal axes before these"
    );
}

/// The second output is kept for the adjoint: each query's largest score, and the logarithm of the sum of exponentials
/// relative to it.
#[derive(Clone, Copy)]
struct Operator<'t> {
    batch: usize,
    queries: usize,
    keys: usize,
    d: usize,
    e: usize,
    causal: bool,
    kind: Option<Kind>,
    /// The number of keys of each example, along the first axis of the batch.
    lengths: Option<&'t [usize]>,
    scale: f64,
}

impl Operator<'_> {
    /// Queries per block.
    fn block(&self) -> usize {
        let [least, most] = QUERIES;
        (BLOCK / self.keys.max(1)).clamp(least, most).min(self.queries).max(1)
    }

    fn blocks(&self) -> usize {
        self.queries.div_ceil(self.block())
    }

    /// The queries of block `i`.
    fn part(&self, i: usize) -> Range<usize> {
        i * self.block()..self.queries.min((i + 1) * self.block())
    }

    /// The largest number of keys that some queries of element `b` of the batch attend to.
    fn keys_of(&self, b: usize, queries: &Range<usize>) -> usize {
        let keys = self.lengths.map_or(self.keys, |lengths| lengths[b / (self.batch / lengths.len())]);
        if self.causal { keys.min(queries.end) } else { keys }
    }

    fn pieces(&self, tasks: usize) -> usize {
        let factors = [self.batch, self.queries, self.keys, self.d + self.e];
        pieces(tasks, factors.into_iter().fold(1, usize::saturating_mul) >= PARALLEL)
    }

    /// The offset of example `b` in a mask.
    fn mask_start(&self, mask: &[usize], batch: &[usize], mut b: usize) -> usize {
        let (outer, _) = mask.split_at(mask.len() - 2);
        let (mut start, mut stride) = (0, self.queries * self.keys);
        for (i, &length) in batch.iter().rev().enumerate() {
            let place = b % length;
            b /= length;
            match outer.len().checked_sub(i + 1).map(|axis| outer[axis]) {
                Some(1) | None => {}
                Some(own) => {
                    start += place * stride;
                    stride *= own;
                }
            }
        }
        start
    }

    /// The mask rows of some queries of an example.
    fn mask<'a, T>(&self, mask: &'a [T], start: usize, queries: &Range<usize>) -> Mask<'a, T> {
        let rows = || &mask[start + queries.start * self.keys..start + queries.end * self.keys];
        match self.kind {
            None => Mask::None,
            Some(Kind::Added) => Mask::Added(rows()),
            Some(Kind::Allowed) => Mask::Allowed(rows()),
        }
    }

    /// Computes the products of some queries with the first `keys` keys into `scores`.
    fn products<T: Real>(&self, q: &[T], k: &[T], keys: usize, scores: &mut [T]) {
        let queries = q.len() / self.d;
        let k = Matrix::new(&k[..keys * self.d], keys, self.d).t();
        gemm_alone(Matrix::new(q, queries, self.d), k, MatrixMut::new(scores, queries, keys), Write::Store);
    }
}

/// The elements of example `b`, a matrix of `rows` × `columns`.
fn example<T>(x: &[T], b: usize, rows: usize, columns: usize) -> &[T] {
    &x[b * rows * columns..][..rows * columns]
}

impl<T: Real> Operation<T> for Operator<'_> {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        let allows = self.kind == Some(Kind::Allowed);
        self.lengths.is_none().then_some(Description::ScaledDotProductAttention {
            causal: self.causal,
            scale: self.scale,
            allows,
        })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let &Operator { batch, queries, keys, d, e, .. } = self;
        let [q, k, v] = [0, 1, 2].map(|i| io.input(i));
        let outer = &q.shape[..q.shape.len() - 2];
        let mask = self.kind.map(|_| io.input(3));
        let tasks = batch * self.blocks();
        let pieces = self.pieces(tasks);
        let scratch = io.scratch(pieces * self.block() * keys);
        let [out, kept] = io.outputs();
        let (largest, rest) = kept.split_at_mut(batch * queries);
        let start = |task: usize| task / self.blocks() * queries + self.part(task % self.blocks()).start;
        let start_of_output = |task| start(task) * e;
        let memory = (Ragged::new(out, &start_of_output), Ragged::new(largest, &start), Ragged::new(rest, &start));
        for_each_with(pieces, tasks, scratch, memory, &|scratch, tasks, (mut out, mut largest, mut rest)| {
            for task in tasks {
                let (b, part) = (task / self.blocks(), self.part(task % self.blocks()));
                let keys = self.keys_of(b, &part);
                let place = b * queries + part.start..b * queries + part.end;
                let (out, largest, rest) = (out.item(task), largest.item(task), rest.item(task));
                let (k, v) = (example(k.data, b, self.keys, d), example(v.data, b, self.keys, e));
                let scores = &mut scratch[..part.len() * keys];
                self.products(&q.data[place.start * d..place.end * d], k, keys, scores);
                let mask =
                    mask.map_or(Mask::None, |mask| self.mask(mask.data, self.mask_start(mask.shape, outer, b), &part));
                dispatch(Softmax { of: self, first: part.start, keys, mask, scores, largest, rest });
                let v = Matrix::new(&v[..keys * e], keys, e);
                let weights = Matrix::new(scores, part.len(), keys);
                gemm_alone(weights, v, MatrixMut::new(out, part.len(), e), Write::Store);
            }
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let &Operator { batch, queries, keys, d, e, .. } = self;
        let [q, k, v] = [0, 1, 2].map(|i| io.input(i));
        let outer = &q.shape[..q.shape.len() - 2];
        let mask = self.kind.map(|_| io.input(3));
        let y = io.output(0).data;
        let (largest, rest) = io.output(1).data.split_at(batch * queries);
        let Some(g) = io.upstream(0) else {
            unreachable!("the second output is private");
        };
        let to_mask = self.kind == Some(Kind::Added) && io.is_wanted(3);
        let wanted = [io.is_wanted(0), io.is_wanted(1), io.is_wanted(2), to_mask];
        let sizes = [q.data.len(), k.data.len(), v.data.len(), mask.map_or(0, |mask| mask.data.len())];
        // Separate memory, because q, k and v may be the same value.
        let mut targets: [&mut [T]; 4] = std::array::from_fn(|i| io.scratch(if wanted[i] { sizes[i] } else { 0 }));
        targets[1..].iter_mut().for_each(|target| target.fill(T::ZERO));
        let block = self.block() * keys;
        // Examples may share a mask, whose adjoint is then summed in their order.
        let pieces = if to_mask { 1 } else { self.pieces(batch) };
        let scratch = io.scratch(pieces * (2 * block + self.block()));
        let [of_q, of_k, of_v, of_mask] = targets.each_mut();
        let width = |i: usize, len: usize| if wanted[i] { len } else { 0 };
        let memory = (
            (Rows::new(of_q, width(0, queries * d)), Rows::new(of_k, width(1, keys * d))),
            (Rows::new(of_v, width(2, keys * e)), Undivided(of_mask)),
        );
        for_each_with(
            pieces,
            batch,
            scratch,
            memory,
            &|scratch, examples, ((mut of_q, mut of_k), (mut of_v, of_mask))| {
                let (weights, rest_of_scratch) = scratch.split_at_mut(block);
                let (changes, means) = rest_of_scratch.split_at_mut(block);
                for (i, b) in examples.enumerate() {
                    let [q, k, v] =
                        [example(q.data, b, queries, d), example(k.data, b, keys, d), example(v.data, b, keys, e)];
                    let [y, g] = [y, g].map(|x| example(x, b, queries, e));
                    let (largest, rest) = (example(largest, b, queries, 1), example(rest, b, queries, 1));
                    let start = mask.map_or(0, |mask| self.mask_start(mask.shape, outer, b));
                    let (to_q, to_k, to_v) = (of_q.row(i), of_k.row(i), of_v.row(i));
                    let to_mask = if to_mask { &mut of_mask.0[start..start + queries * keys] } else { &mut [] };
                    for i in 0..self.blocks() {
                        let part = self.part(i);
                        let some = self.keys_of(b, &part);
                        let rows = part.len();
                        let (weights, changes) = (&mut weights[..rows * some], &mut changes[..rows * some]);
                        let (q, g) = (&q[part.start * d..part.end * d], &g[part.start * e..part.end * e]);
                        self.products(q, k, some, weights);
                        let masked = mask.map_or(Mask::None, |mask| self.mask(mask.data, start, &part));
                        let (largest, rest) = (&largest[part.clone()], &rest[part.clone()]);
                        let y = &y[part.start * e..part.end * e];
                        let means = &mut means[..rows];
                        dispatch(RecomputeWeights {
                            of: self,
                            first: part.start,
                            keys: some,
                            mask: masked,
                            weights,
                            largest,
                            rest,
                            g,
                            width: e,
                        });
                        dispatch(AdjointMeans { y, g, width: e, means });
                        let g = Matrix::new(g, rows, e);
                        if !to_v.is_empty() {
                            let into = MatrixMut::new(&mut to_v[..some * e], some, e);
                            gemm_alone(Matrix::new(weights, rows, some).t(), g, into, Write::Add);
                        }
                        let v = Matrix::new(&v[..some * e], some, e).t();
                        gemm_alone(g, v, MatrixMut::new(changes, rows, some), Write::Store);
                        let to_mask = to_mask.get_mut(part.start * keys..part.end * keys).unwrap_or_default();
                        dispatch(ScoreAdjoints { of: self, keys: some, weights, means, changes, to_mask });
                        let changes = Matrix::new(changes, rows, some);
                        if !to_q.is_empty() {
                            let into = MatrixMut::new(&mut to_q[part.start * d..part.end * d], rows, d);
                            gemm_alone(changes, Matrix::new(&k[..some * d], some, d), into, Write::Store);
                        }
                        if !to_k.is_empty() {
                            let into = MatrixMut::new(&mut to_k[..some * d], some, d);
                            gemm_alone(changes.t(), Matrix::new(q, rows, d), into, Write::Add);
                        }
                    }
                }
            },
        );
        for (i, target) in targets.iter().enumerate().filter(|&(i, _)| wanted[i]) {
            io.accumulate(i, |into, write| scale(T::ONE, target, into, write));
        }
    }
}
