//! Programs without `unsafe` that once read or wrote invalid memory through the tape. Run them under AddressSanitizer
//! (`.ci/sanitize`): without it, errors may go unnoticed. Here: leaves that are dropped before their tape.

mod operations;
mod walks;

use elbo_engine::{Gradients, Origin, Tape, Tensor};

/// Reuses the memory of a freed tensor of this size, so that a read of it sees other numbers.
pub(crate) fn overwrite(len: usize) -> Vec<Tensor<f64>> {
    (0..8).map(|_| Tensor::full([len], f64::NAN)).collect()
}

#[test]
fn a_tape_can_be_inspected_after_a_leaf_is_dropped() {
    let w = Tensor::<f64>::full([1000], 2.0);
    let gradients = Gradients::of(&w);
    let tape = Tape::new();
    {
        let x = Tensor::full([1000], 3.0);
        let y = tape.input(&x).reshape([10, 100]);
        (y.reshape([1000]) * tape.param(&w)).sum();
        let _ = y.stop_gradient();
    }
    let _others = overwrite(1000);
    assert_eq!(tape.first_non_finite(&gradients), None);
    let dump = tape.dump(Some(&gradients));
    let shapes: Vec<_> = dump.entries().iter().map(|entry| entry.shape.as_slice().to_vec()).collect();
    assert_eq!(shapes[..3], [vec![1000], vec![10, 100], vec![1000]]);
    assert_eq!(shapes[3..], [vec![1000], vec![1000], vec![], vec![10, 100]]);
}

#[test]
fn the_effect_of_a_non_finite_leaf_is_found_after_it_is_dropped() {
    let w = Tensor::<f64>::full([3], 2.0);
    let gradients = Gradients::of(&w);
    let tape = Tape::new();
    let line = line!() + 3;
    {
        let x = Tensor::full([3], f64::NAN);
        let _ = tape.input(&x).tanh() * tape.param(&w);
    }
    let found = tape.first_non_finite(&gradients).unwrap();
    let Origin::Operation { name, caller } = found.origin else { panic!("{found}") };
    assert_eq!((name, caller.line()), ("tanh", line));
}
