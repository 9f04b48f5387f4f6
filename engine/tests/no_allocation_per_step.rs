//! A training loop does not allocate from the second step on.
//!
//! A separate program: its allocator attributes allocations to the library's matrix product if one is running anywhere
//! in the process.

#[path = "suite/common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::net::{batch, descend, logits, net};
use elbo_engine::kernels::gemm::is_inside;
use elbo_engine::{Attention, Convolution, Gradients, Pooling, Recurrent, Running, Tape, Tensor, Var, with_threads};

/// The system's allocator with counters; allocations during a matrix product of the library, which has its own scratch
/// memory, are counted separately.
struct Counting;

static OURS: AtomicUsize = AtomicUsize::new(0);
static PRODUCTS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread's allocations are counted: a thread of an earlier pool may still be ending.
    static COUNTED: Cell<bool> = const { Cell::new(false) };
}

fn count() {
    if !COUNTED.get() {
        return;
    }
    let counter = if is_inside() { &PRODUCTS } else { &OURS };
    counter.fetch_add(1, Ordering::Relaxed);
}

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: required of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: required of the caller.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: required of the caller.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Turns counting on or off for this thread, or for all threads of its pool.
fn count_here(counted: bool) {
    // Threads allocate when they start, possibly late, so they are only counted afterwards.
    match rayon::current_thread_index() {
        Some(_) => drop(rayon::broadcast(|_| COUNTED.set(counted))),
        None => COUNTED.set(counted),
    }
}

/// Allocations (ours, and those of matrix products) in each of some steps.
fn steps(mut step: impl FnMut()) -> Vec<(usize, usize)> {
    let mut counts = Vec::with_capacity(20);
    count_here(true);
    for _ in 0..20 {
        let before = (OURS.load(Ordering::Relaxed), PRODUCTS.load(Ordering::Relaxed));
        step();
        let after = (OURS.load(Ordering::Relaxed), PRODUCTS.load(Ordering::Relaxed));
        counts.push((after.0 - before.0, after.1 - before.1));
    }
    count_here(false);
    counts
}

fn train(widths: &[usize], rows: usize) -> Vec<(usize, usize)> {
    let mut model = net::<f32>(widths);
    let (x, labels) = batch(rows, widths[0], widths[widths.len() - 1]);
    let mut gradients = Gradients::of(&model);
    let mut tape = Tape::new();
    steps(|| {
        tape.reset();
        logits(&tape, &model, &x).cross_entropy(&labels).backward(&mut gradients);
        gradients.clip_value(0.5);
        gradients.clip_norm(0.4);
        gradients.clip_each_norm(0.3);
        descend(&mut model, &mut gradients, 0.01);
    })
}

/// Slicing, indexing, linear algebra and losses, with values large enough to be split over threads.
fn tensors() -> Vec<(usize, usize)> {
    use elbo_engine::{CrossEntropy, Indices, Padding, Reduction, Triangle};
    let mut model = [Tensor::from_fn([600, 96], |i| (i as f64).sin()), Tensor::from_fn([96, 96], |i| (i as f64).cos())];
    let mut gradients = Gradients::<f64>::of(&model);
    let mut tape = Tape::new();
    let rows: Vec<usize> = (0..600).map(|i| 7 * i % 600).collect();
    let labels: Vec<usize> = rows.iter().map(|row| row % 96).collect();
    steps(|| {
        tape.reset();
        let [x, square] = [tape.param(&model[0]), tape.param(&model[1])];
        let [left, right] = x.split(1, [40, 56]);
        let joined = Var::concat(&[right.flip(&[0]), left.roll(0, 5)], 1);
        let stacked = Var::stack(&[joined, x.index_select(0, &rows)], 0).slice(1, 1.., 2).at(0, 1);
        let padded = stacked.pad(&[[1, 2], [0, 0]], Padding::Constant(0.5)).pad(&[[2, 2], [0, 0]], Padding::Reflect);
        let looked_up = x.embedding_padded(Indices::new([60, 10], &rows), 3).repeat(&[1, 2, 1]);
        let picked = x.gather(1, Indices::new([600, 1], &labels));
        let added = x.scatter_add(1, Indices::new([600, 1], &labels), picked).index_add(0, &rows, x);
        let regular =
            square.matmul(square.transpose()) + tape.constant([96, 96], |i| f64::from(i / 96 == i % 96) * 96.0);
        let l = regular.cholesky();
        let algebra = l.triangular_solve(x.transpose(), Triangle::LOWER).mean()
            + regular.solve(l.tril(-1) + l.triu(0)).mean()
            + regular.inverse().diagonal().sum()
            + regular.logdet()
            + regular.logdet_positive_definite();
        let sums = Var::einsum("ij,jk,ik->i", &[x, square, added]).mean() + Var::einsum("ij,ij->", &[x, added]);
        let labelled = x.cross_entropy_with(&labels, CrossEntropy::new().label_smoothing(0.1).ignore(1));
        let positive = x.square() + 0.1;
        let losses = x.huber(added, 1.0, Reduction::Mean)
            + x.bce_with_logits_weighted(joined.sigmoid(), &[1.5; 96], Reduction::Mean)
            + x.student_t_nll(added, positive, 4.0, Reduction::Each).mean()
            + x.poisson_nll(tape.one_hot(&labels, 96), Reduction::Mean);
        let moved = padded.mean() + looked_up.square().mean() + added.broadcast_to([2, 600, 96]).mean();
        ((algebra + sums + labelled + losses + moved) * 1e-3).backward(&mut gradients);
        descend(&mut model, &mut gradients, 1e-6);
    })
}

/// All kinds of operations, with broadcasting, in one step.
fn everything() -> Vec<(usize, usize)> {
    let mut model = [Tensor::full([6, 5], 0.5), Tensor::full([5], 0.3), Tensor::full([6, 1], 0.2)];
    let mut gradients = Gradients::<f64>::of(&model);
    let mut tape = Tape::new();
    steps(|| {
        tape.reset();
        let [a, row, column] = [&model[0], &model[1], &model[2]].map(|tensor| tape.param(tensor));
        let again = tape.recompute([a, row], |[a, row]| (a * row).tanh() + row);
        let elementwise: Var<'_, f64> = again.mean() + (a + row) * column / (row.exp() + 1.0) - column.sigmoid();
        let cube = elementwise.reshape([2, 3, 5]).permute(&[2, 0, 1]);
        let reduced = cube.mean_axes(&[1], true) + cube.sum_axes(&[0, -1], true);
        let products = cube.matmul(cube.transpose()).log_softmax(1) + cube.log_softmax(-1).sum().tanh();
        let chosen = cube.gt(0.1).select(cube.abs().rsqrt(), cube.maximum(cube * 0.5)).clamp(-1.0, 9.0);
        let gathered = chosen.max_axes(&[0, 2], true) + chosen.std_axes(&[1], true, 1) + chosen.prod_axes(&[-1], true);
        let runs = gathered.norm() + chosen.cumsum(1).log_sum_exp() + chosen.softmax(0).cumprod(-1).mean();
        assert!(cube.argmax(1).iter().all(|&index| index < 3));
        let loss =
            runs * 1e-3 + reduced.softplus().ln().mean() + products.square().sum().sqrt() - a.linear(a).relu().mean();
        loss.backward(&mut gradients);
        descend(&mut model, &mut gradients, 1e-6);
    })
}

/// Convolutions, pools, normalisation and attention, large enough to be split.
fn network() -> Vec<(usize, usize)> {
    let of = |shape: &[usize]| Tensor::from_fn(shape, |i| 0.1 * (i as f64).sin());
    let mut model = [of(&[8, 3, 3, 3]), of(&[8]), of(&[8, 6, 2, 2]), of(&[6]), of(&[6]), of(&[6])];
    let x: Tensor = of(&[4, 3, 40, 40]);
    let mut gradients = Gradients::of(&model);
    let mut tape = Tape::new();
    steps(|| {
        tape.reset();
        let [w, b, back, bias, ..] = model.each_ref().map(|tensor| tape.param(tensor));
        let x = tape.input(&x).convolve(w, Some(b), Convolution::new().padding([1, 1]));
        let x = x.group_norm(2, (b, b), 1e-5).max_pool(Pooling::new([2, 2]));
        let running = Running { mean: &model[4], variance: &model[5], momentum: 0.1 };
        let x = x.convolve_transposed(back, Some(bias), Convolution::new().stride([2, 2]));
        let x = x.batch_norm((bias, bias), Some(running), 1e-5).avg_pool(Pooling::new([2, 2]));
        let x = x.adaptive_avg_pool([16, 8]).instance_norm((), 1e-5).reshape([4, 6, 128]);
        let rows = x.layer_norm(1, (), 1e-5) + x.rms_norm(2, (), 1e-5);
        rows.attention(x, rows, Attention::new().causal()).square().mean().backward(&mut gradients);
        descend(&mut model, &mut gradients, 1e-6);
    })
}

/// Recurrent networks over a few steps, in both directions, also over padded sequences.
fn sequences() -> Vec<(usize, usize)> {
    let of = |shape: &[usize]| Tensor::from_fn(shape, |i| 0.1 * (i as f64).sin());
    let mut model = [of(&[256, 20]), of(&[256, 64]), of(&[256]), of(&[192, 64]), of(&[192, 64]), of(&[64, 64])];
    let (x, start): (Tensor, Tensor) = (of(&[300, 5, 20]), of(&[300, 64]));
    let lengths: Vec<usize> = (0..300).map(|row| row * 7 % 5).collect();
    let mut gradients = Gradients::of(&model);
    let mut tape = Tape::new();
    steps(|| {
        tape.reset();
        let [weight_ih, weight_hh, b, gru_ih, gru_hh, square] = model.each_ref().map(|tensor| tape.param(tensor));
        let (x, start) = (tape.input(&x), tape.input(&start));
        let lstm = Recurrent { weight_ih, weight_hh, biases: [Some(b), Some(b)], projection: None, reverse: true };
        let (outputs, [_, cell]) = x.lstm(lstm, [start; 2]);
        let gru =
            Recurrent { weight_ih: gru_ih, weight_hh: gru_hh, biases: [None, None], projection: None, reverse: false };
        let (outputs, last) = outputs.gru(gru, cell);
        let rnn =
            Recurrent { weight_ih: square, weight_hh: square, biases: [None, None], projection: None, reverse: false };
        let (outputs, _) = outputs.rnn(rnn, last);
        let (outputs, _) = outputs.rnn_padded(&lengths, rnn, last);
        outputs.square().mean().backward(&mut gradients);
        descend(&mut model, &mut gradients, 1e-3);
    })
}

#[test]
fn no_allocation_from_the_second_step_on() {
    for threads in [1, 2] {
        let counts = with_threads(threads, tensors);
        assert!(counts[1..].iter().all(|&(ours, _)| ours == 0), "tensors allocate in later steps: {counts:?}");
    }
    for threads in [1, 2] {
        let small = with_threads(threads, || train(&[64, 128, 128, 10], 64));
        let large = with_threads(threads, || train(&[256, 600, 10], 128));
        let mixed = with_threads(threads, everything);
        let network = with_threads(threads, network);
        let sequences = with_threads(threads, sequences);
        for (name, counts) in [
            ("64-128-128-10", small),
            ("256-600-10", large),
            ("every operation", mixed),
            ("network", network),
            ("sequences", sequences),
        ] {
            println!("{name}, {threads} threads: allocations (ours, matrix products') by step: {counts:?}");
            assert!(counts[1..].iter().all(|&(ours, _)| ours == 0), "{name} allocates in later steps: {counts:?}");
        }
    }
}
