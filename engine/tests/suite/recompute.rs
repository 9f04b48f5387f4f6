//! Gradient checkpointing gives the same bits as without it, and uses less memory.

use crate::common::{Random, with_threads};
use elbo_engine::{Adjoints, Evaluation, Gradients, Operation, Real, Tape, Tensor, Var, gradcheck};

type Segment = for<'s> fn([Var<'s, f32>; 3]) -> Var<'s, f32>;

/// Segments that use inputs once, twice, in both orders or not at all, and that return an input.
const SEGMENTS: [Segment; 5] = [
    |[x, w, b]| x.affine(w, b).tanh(),
    |[x, w, b]| (x.linear(w) * x + b).tanh().linear(w) + x * 0.3,
    |[x, w, _]| x.linear(w).sigmoid(),
    |[x, _, _]| x,
    |[_, _, b]| b.sigmoid() * b,
];

fn model() -> [Tensor<f32>; 3] {
    let mut random = Random::new(3);
    [[8, 8].as_slice(), &[8, 8], &[8]].map(|shape| random.tensor(shape).cast())
}

/// Loss and gradients, with or without checkpointing.
fn run(segment: Segment, again: bool, model: &[Tensor<f32>; 3]) -> (f64, Vec<u32>) {
    let mut gradients = Gradients::of(model);
    let tape = Tape::new();
    let [x, w, b] = model.each_ref().map(|tensor| tape.param(tensor));
    let mut y = x * 0.5;
    for round in 0..3 {
        // Surrounding operations add to the same adjoints, before and after.
        let inputs = [y + b, if round == 1 { x } else { w }, b];
        let inner = if again { tape.recompute(inputs, segment) } else { segment(inputs) };
        y = inner * y + w.mean();
    }
    let loss = (y * x).sum() + w.square().mean();
    loss.backward(&mut gradients);
    assert!(loss.item().is_finite() && gradients.first_non_finite().is_none());
    let bits = gradients.iter().flat_map(|(.., gradient)| gradient).map(|g| g.to_bits());
    let bits: Vec<u32> = bits.collect();
    assert_eq!(bits.len(), model.iter().map(Tensor::len).sum::<usize>());
    (loss.item(), bits)
}

#[test]
fn values_and_gradients_have_the_same_bits() {
    let model = model();
    for (number, segment) in SEGMENTS.into_iter().enumerate() {
        assert_eq!(run(segment, true, &model), run(segment, false, &model), "segment {number}");
    }
}

#[test]
fn the_same_value_may_enter_twice() {
    let model = model();
    let of = |again: bool| {
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        let [x, w, _] = model.each_ref().map(|tensor| tape.param(tensor));
        let segment: Segment = |[x, y, w]| x.linear(w) * y - w * y;
        let y = if again { tape.recompute([x, x, w], segment) } else { segment([x, x, w]) };
        y.square().sum().backward(&mut gradients);
        assert_eq!(gradients.iter().count(), model.len());
        gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect::<Vec<f32>>()
    };
    assert_eq!(of(true), of(false));
}

#[test]
fn segments_may_be_nested() {
    let model = model();
    let of = |again: bool| {
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        let inputs = model.each_ref().map(|tensor| tape.param(tensor));
        let y = if again {
            tape.recompute(inputs, |[x, w, b]| {
                let x = x.exp();
                let y = x.tape().recompute([x, w, b], |[x, w, b]| x.affine(w, b).tanh() * x);
                y.linear(w)
            })
        } else {
            let [x, w, b] = inputs;
            let x = x.exp();
            (x.affine(w, b).tanh() * x).linear(w)
        };
        y.square().mean().backward(&mut gradients);
        assert_eq!(gradients.iter().count(), model.len());
        gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect::<Vec<f32>>()
    };
    assert_eq!(of(true), of(false));
}

/// An operation with the given number of draws, x plus the index of the draw.
#[derive(Clone, Copy)]
struct Numbered;

impl<T: Real> Operation<T> for Numbered {
    fn name(&self) -> &'static str {
        "numbered"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, draw) = (io.input(0).data, T::from_f64(0.37 * io.draw() as f64));
        io.output(0).iter_mut().zip(x).for_each(|(y, &x)| *y = x + draw);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        io.give(0, |i| g[i]);
    }
}

#[test]
fn several_draws_have_the_same_bits() {
    let model = model();
    let segment: Segment = |[x, w, b]| x.linear(w.exp()).affine(w, b) * x + b;
    let of = |again: bool| {
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        let [x, w, b] = model.each_ref().map(|tensor| tape.param(tensor));
        let [drawn] = tape.record_draws(3, Numbered, &[b], [[8]]);
        let inputs = [x, w, drawn];
        let y = if again { tape.recompute(inputs, segment) } else { segment(inputs) };
        assert_eq!(y.draws(), 3);
        (y * drawn).mean().backward(&mut gradients);
        assert_eq!(gradients.iter().count(), model.len());
        let gradients: Vec<f32> = gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect();
        (y.to_tensor(), gradients)
    };
    assert_eq!(of(true), of(false));
}

#[test]
fn the_gradient_agrees_with_finite_differences() {
    let mut model = model().map(|tensor| tensor.cast::<f64>());
    gradcheck(&mut model, |tape, model| {
        let inputs = model.each_ref().map(|tensor| tape.param(tensor));
        tape.recompute(inputs, |[x, w, b]| x.affine(w, b).tanh().linear(w) * x)
    })
    .assert_within(1e-7);
}

/// Sixteen blocks of several layers each, on one tape.
fn deep(again: bool, tape: &mut Tape<f32>, gradients: &mut Gradients<f32>, model: &[Tensor<f32>; 3]) -> (usize, usize) {
    tape.reset();
    let segment: Segment = |[x, w, b]| (0..4).fold(x, |x, _| x.affine(w, b).tanh().exp().tanh());
    let [x, w, b] = model.each_ref().map(|tensor| tape.param(tensor));
    let mut y = x;
    for _ in 0..16 {
        y = if again { tape.recompute([y, w, b], segment) } else { segment([y, w, b]) };
    }
    let loss = y.mean();
    let used = tape.memory().used;
    loss.backward(gradients);
    gradients.clear();
    (used, tape.memory().peak)
}

#[test]
fn checkpointing_reduces_memory() {
    let model = [Tensor::full([500, 40], 0.1), Tensor::full([40, 40], 0.01), Tensor::full([40], 0.1)];
    let mut gradients = Gradients::of(&model);
    let measure = |again, gradients: &mut Gradients<f32>| deep(again, &mut Tape::new(), gradients, &model);
    let kept = measure(false, &mut gradients);
    let again = measure(true, &mut gradients);
    // A value has 80,000 bytes: 256 of them are stored without checkpointing, and one per segment with it; the values
    // and adjoints of a segment are temporary.
    println!("values {} against {}, at most {} against {}", again.0, kept.0, again.1, kept.1);
    assert!(kept.0 > 256 * 80_000 && again.0 < 20 * 80_000 && kept.0 > 12 * again.0);
    assert!(kept.1 > 4 * again.1);
}

#[test]
fn no_memory_is_allocated_from_the_second_step_on() {
    let model = [Tensor::full([50, 40], 0.1), Tensor::full([40, 40], 0.01), Tensor::full([40], 0.1)];
    let mut gradients = Gradients::of(&model);
    let mut tape = Tape::new();
    deep(true, &mut tape, &mut gradients, &model);
    let held = tape.memory().held;
    for _ in 0..5 {
        deep(true, &mut tape, &mut gradients, &model);
        assert_eq!(tape.memory().held, held);
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let model = [Tensor::full([500, 300], 0.1), Tensor::full([300, 300], 0.01), Tensor::full([300], 0.1)];
    let of = || {
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        let inputs = model.each_ref().map(|tensor| tape.param(tensor));
        tape.recompute(inputs, |[x, w, b]| x.affine(w, b).tanh().linear(w)).square().mean().backward(&mut gradients);
        gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect::<Vec<f32>>()
    };
    let one = with_threads(1, of);
    assert_eq!(one.len(), 500 * 300 + 300 * 300 + 300);
    assert_eq!(with_threads(2, of), one);
    assert_eq!(with_threads(3, of), one);
}

#[test]
fn without_recording_it_only_runs_the_segment() {
    let model = model();
    let tape = Tape::inference();
    let inputs = model.each_ref().map(|tensor| tape.param(tensor));
    let y = tape.recompute(inputs, SEGMENTS[1]);
    assert_eq!(y.value(), SEGMENTS[1](inputs).value());
    assert_eq!(tape.operations(), 0);
}
