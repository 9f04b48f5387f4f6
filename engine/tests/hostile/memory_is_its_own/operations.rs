//! Operations and recomputed segments that break their contracts.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::common::panics;
use elbo_engine::{Adjoints, Evaluation, Gradients, Operation, Tape, Tensor, Var};

/// An operation whose name depends on data that it borrows.
#[derive(Clone, Copy)]
struct Named<'a>(&'a String);

impl Operation<f64> for Named<'_> {
    fn name(&self) -> &'static str {
        if self.0.starts_with('a') { "a" } else { "b" }
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        io.output(0)[0] = self.0.len() as f64;
    }

    fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
        let length = self.0.len() as f64;
        io.give(0, |_| length);
    }
}

#[test]
fn an_operation_is_not_called_after_its_borrowed_data_is_dropped() {
    let w = Tensor::<f64>::full([1], 2.0);
    let mut gradients = Gradients::of(&w);
    let tape = Tape::new();
    let x = tape.param(&w);
    {
        let name = "a name that lies on the heap".to_owned();
        assert_eq!(tape.record(Named(&name), &[x], [[]])[0].item(), 28.0);
    }
    let _others = [(); 8].map(|()| "b name that lies on the heap".to_owned());
    assert_eq!(tape.first_non_finite(&gradients), None);
    assert!(tape.dump(None).to_string().contains("a(0)"));
    x.sum().backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), [1.0]);
}

/// An operation that keeps tape memory allocated in its forward.
#[derive(Clone, Copy)]
struct Allocates<'t> {
    tape: &'t Tape<f64>,
    kept: &'t [Cell<Option<&'t [u64; 64]>>; 2],
}

impl Operation<f64> for Allocates<'_> {
    fn name(&self) -> &'static str {
        "allocates"
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        io.scratch(100).fill(1.0);
        self.kept[0].set(Some(self.tape.alloc([7; 64])));
        io.scratch(100).fill(1.0);
        let x = io.input(0).data;
        io.output(0).copy_from_slice(x);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
        io.scratch(100).fill(1.0);
        self.kept[1].set(Some(self.tape.alloc([8; 64])));
        let g = io.upstream(0).unwrap();
        io.give(0, |i| g[i]);
    }
}

#[test]
fn memory_allocated_by_an_operation_stays_valid() {
    let w = Tensor::<f64>::full([64], 2.0);
    let mut gradients = Gradients::of(&w);
    let tape = Tape::new();
    let kept = tape.alloc_without_drop([const { Cell::new(None) }; 2]);
    let x = tape.param(&w);
    let [y] = tape.record(Allocates { tape: &tape, kept }, &[x], [x.shape()]);
    let loss = (y.exp() + y).sum();
    for _ in 0..3 {
        loss.backward(&mut gradients);
        y.sin().cos();
        assert_eq!([kept[0].get().unwrap(), kept[1].get().unwrap()], [&[7; 64], &[8; 64]]);
    }
}

#[test]
fn a_segment_whose_shape_changes_on_recomputation_is_rejected() {
    let w = Tensor::<f64>::full([4], 2.0);
    for second in [1usize, 4, 100_000] {
        let mut gradients = Gradients::of(&w);
        let tape = Tape::new();
        let calls = tape.alloc_without_drop(Cell::new(0));
        let [x, wide] = [tape.param(&w), tape.constant([100_000, 1], |_| 1.0)];
        let y = tape.recompute([x, wide], move |[x, wide]| {
            calls.set(calls.get() + 1);
            match (calls.get(), second) {
                (1, _) => x.sum().reshape([1, 1]),
                (_, 1) => x.sum(),
                (_, 4) => x.reshape([1, 4]),
                _ => x.sum() * wide,
            }
        });
        let words = ["recompute", "[1, 1]", "compute the same every time"];
        panics(&words, || y.sum().backward(&mut gradients));
    }
}

/// An operation that accesses what it must not.
#[derive(Clone, Copy)]
enum Asks<'t> {
    Input(usize),
    Output(usize),
    Upstream(usize),
    OutputNow(usize),
    Give(usize),
    Wanted(usize),
    TapeForward(Var<'t, f64>),
    TapeAdjoint(Var<'t, f64>),
}

impl Operation<f64> for Asks<'_> {
    fn name(&self) -> &'static str {
        "asks"
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        io.output(0).fill(0.0);
        match *self {
            Asks::OutputNow(k) => io.output(k).fill(9.0),
            Asks::TapeForward(x) => drop(x.exp()),
            _ => {}
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
        match *self {
            Asks::Input(k) => drop(io.input(k).data.to_vec()),
            Asks::Output(k) => drop(io.output(k).data.to_vec()),
            Asks::Upstream(k) => drop(io.upstream(k).map(<[f64]>::to_vec)),
            Asks::Give(k) => io.give(k, |_| 1.0),
            Asks::Wanted(k) => drop(io.is_wanted(k)),
            Asks::TapeAdjoint(x) => drop(x.value().to_vec()),
            _ => {}
        }
    }
}

#[test]
fn an_operation_can_only_access_its_own_inputs_and_outputs() {
    let w = Tensor::<f64>::full([4], 2.0);
    let tape = Tape::new();
    let x = tape.param(&w);
    for asks in [Asks::Input(1), Asks::Output(1), Asks::Upstream(1), Asks::Give(1), Asks::Wanted(1), Asks::Output(7)] {
        let mut gradients = Gradients::of(&w);
        let [y] = tape.record(asks, &[x], [[4]]);
        {
            // The neighbour on the tape, whose data is dropped.
            let other = Tensor::full([100_000], 1.0);
            tape.input(&other);
        }
        panics(&["Operation", "has 1 "], || y.sum().backward(&mut gradients));
    }
    panics(&["Operation", "output 1 is out of range", "1 output(s)"], || tape.record(Asks::OutputNow(1), &[x], [[4]]));
}

#[test]
fn an_operation_may_not_use_the_tape_that_runs_it() {
    let w = Tensor::<f64>::full([4], 2.0);
    let mut gradients = Gradients::of(&w);
    let tape = Tape::new();
    let x = tape.param(&w);
    let words = ["Operation", "`forward` or `adjoint`", "tape"];
    panics(&words, || tape.record(Asks::TapeForward(x), &[x], [[4]]));
    let [y] = tape.record(Asks::TapeAdjoint(x), &[x], [[4]]);
    panics(&words, || y.sum().backward(&mut gradients));
    // The tape can still be used.
    gradients.clear();
    x.square().sum().backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), [4.0; 4]);
}

/// The identity, whose adjoint panics the first time.
#[derive(Clone, Copy)]
struct Fails<'t>(&'t Cell<bool>);

impl Operation<f64> for Fails<'_> {
    fn name(&self) -> &'static str {
        "fails"
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        let x = io.input(0).data;
        io.output(0).copy_from_slice(x);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
        assert!(self.0.replace(true), "not yet");
        let g = io.upstream(0).unwrap();
        io.give(0, |i| g[i]);
    }
}

#[test]
fn after_a_panic_in_an_adjoint_the_tape_is_usable_and_the_gradients_are_not() {
    let w = Tensor::<f64>::full([4], 3.0);
    let mut gradients = Gradients::of(&w);
    let tape = Tape::new();
    let x = tape.param(&w);
    let failed = tape.alloc_without_drop(Cell::new(false));
    // The other factor's part is accumulated before the panic.
    let loss = (tape.record(Fails(failed), &[x], [[4]])[0] * x).sum();
    assert!(catch_unwind(AssertUnwindSafe(|| loss.backward(&mut gradients))).is_err());
    let words = ["Gradients", "incomplete", "clear()"];
    panics(&words, || gradients.get("").map(<[f64]>::to_vec));
    panics(&words, || gradients.iter().count());
    panics(&words, || gradients.norm());
    panics(&words, || gradients.clip_norm(1.0));
    panics(&words, || loss.backward(&mut gradients));
    panics(&words, || gradients.step(&mut w.clone(), |_, _, _| ()));
    panics(&words, || gradients.undo(&mut w.clone()));
    assert!(format!("{gradients:?}").contains("incomplete"));
    gradients.clear();
    loss.backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), [6.0; 4]);
    assert_eq!(tape.operations(), 3);
}

#[test]
fn finding_the_first_non_finite_value_takes_linear_time() {
    let w = Tensor::<f64>::full([1], 1e-3);
    let gradients = Gradients::of(&w);
    let tape = Tape::new();
    let mut x = tape.param(&w);
    for _ in 0..400_000 {
        x = x + 1.0;
    }
    let bad = (x * f64::INFINITY).sin();
    let found = tape.first_non_finite(&gradients).unwrap();
    assert_eq!(found.parameter.as_deref(), Some(""));
    assert_eq!(tape.first_non_finite_of(&[bad], &gradients), Some(found));
    assert_eq!(tape.dump(Some(&gradients)).entries().len(), 400_003);
}

/// Fills its output with a constant.
#[derive(Clone, Copy)]
struct Fill;

impl Operation<f64> for Fill {
    fn name(&self) -> &'static str {
        "fill"
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        io.output(0).fill(2.0);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
        io.give(0, |_| 1.0);
    }
}

#[test]
fn a_segment_with_another_number_of_draws_is_rejected() {
    let w = Tensor::<f64>::full([100], 2.0);
    let tape = Tape::new();
    let [five] = tape.record_draws(5, Fill, &[tape.param(&w)], [[100]]);
    panics(&["cannot combine values with 2 and 5 draws"], || {
        tape.recompute([five], |[x]| x.tape().record_draws(2, Fill, &[], [[100]])[0])
    });
}

#[test]
fn a_parameter_in_a_segment_without_parameters_as_inputs_is_rejected() {
    let w: &'static Tensor<f64> = Box::leak(Box::new(Tensor::full([2], 3.0)));
    let (x, tape) = (Tensor::full([2], 1.0), Tape::new());
    let words = ["recompute", "inside the segment", "as an input"];
    panics(&words, || tape.recompute([tape.input(&x)], move |[x]| x * x.tape().param(w)));
    let inference = Tape::inference();
    assert_eq!(inference.recompute([inference.input(&x)], move |[x]| x * x.tape().param(w)).value(), [3.0; 2]);
}

#[test]
fn an_unused_operation_is_not_blamed() {
    let w = Tensor::<f64>::full([2], 0.0);
    let mut gradients = Gradients::of(&w);
    let tape = Tape::new();
    tape.param(&w).ln().sum().backward(&mut gradients);
    assert!(gradients.first_non_finite().is_some());
    gradients.clear();
    let tape = Tape::new();
    let x = tape.param(&w);
    let loss = (x + 1.0).square().sum();
    let _ = x.exp();
    assert_eq!(tape.backward_watched(&[(loss, 1.0)], &mut gradients), Ok(()));
    assert_eq!(gradients.get("").unwrap(), [2.0; 2]);
}
