//! Inspecting a tape: dump, memory, and the first non-finite value.

use elbo_engine::{Gradients, NonFinite, Origin, Tape, Tensor, Var};

fn model() -> (Tensor<f64>, Tensor<f64>) {
    (Tensor::full([4, 2], 0.5), Tensor::full([4], 0.25))
}

#[test]
fn a_dump_lists_every_value_with_its_operation_and_line() {
    let (model, x) = (model(), Tensor::full([3, 2], 1.0));
    let gradients = Gradients::of(&model);
    let tape = Tape::new();
    let (x, w, b) = (tape.input(&x), tape.param(&model.0), tape.param(&model.1));
    let y = x.square().affine(w, b).tanh();
    let line = line!() - 1;
    y.reshape([12]);

    let dump = tape.dump(Some(&gradients));
    let shapes: Vec<_> = dump.entries().iter().map(|entry| entry.shape.to_vec()).collect();
    assert_eq!(shapes, [&[3, 2][..], &[4, 2], &[4], &[3, 2], &[3, 4], &[3, 4], &[12]]);
    let inputs: Vec<_> = dump.entries().iter().map(|entry| entry.inputs.clone()).collect();
    assert_eq!(inputs, [&[][..], &[], &[], &[0], &[3, 1, 2], &[4], &[5]]);
    let bytes: Vec<_> = dump.entries().iter().map(|entry| (entry.bytes, entry.shared)).collect();
    assert_eq!(bytes, [(48, true), (64, true), (32, true), (48, false), (96, false), (96, false), (96, true)]);
    assert_eq!(dump.entries()[1].parameter.as_deref(), Some("0"));
    assert!(!dump.entries()[3].tracked && dump.entries()[4].tracked);

    let text = dump.to_string();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("7 values of f64: ") && lines[0].ends_with(" held"), "{}", lines[0]);
    for (at, parts) in [
        (1, &["    0  data ", " [3, 2] ", " shared"][..]),
        (2, &["    1  parameter `0` ", " [4, 2] "]),
        (4, &["    3  square(0) ", " 48 B  constant, ", "looking_at_a_tape.rs:"]),
        (5, &["    4  affine(3, 1, 2) ", " [3, 4] ", " 96 B  "]),
        (6, &["    5  tanh(4) ", &format!("looking_at_a_tape.rs:{line}:")]),
        (7, &["    6  reshape(5) ", " shared  "]),
    ] {
        assert!(parts.iter().all(|part| lines[at].contains(part)), "{:?} does not contain {parts:?}", lines[at]);
    }
}

#[test]
fn memory_reports_use_and_peak() {
    let model = Tensor::<f32>::full([1000, 100], 0.5);
    let mut gradients = Gradients::of(&model);
    let mut tape = Tape::new();
    let mut peaks = Vec::new();
    for _ in 0..2 {
        tape.reset();
        assert_eq!((tape.memory().used, tape.memory().peak), (0, 0));
        let loss = tape.param(&model).tanh().exp().mean();
        let forward = tape.memory();
        assert!((800_000..802_000).contains(&forward.used), "{forward}");
        loss.backward(&mut gradients);
        let after = tape.memory();
        // Adjoints of the two intermediate values, already released.
        assert_eq!(after.used, forward.used);
        assert!((1_600_000..1_603_000).contains(&after.peak), "{after}");
        assert!(after.held > after.peak);
        peaks.push(after);
    }
    assert_eq!(peaks[0], peaks[1]);
    assert!(peaks[0].to_string().starts_with("781.6 KiB in use, at most 1.5 MiB, "), "{}", peaks[0]);
}

fn origin(found: &NonFinite) -> (&'static str, u32, bool) {
    match found.origin {
        Origin::Operation { name, caller } => (name, caller.line(), false),
        Origin::Adjoint { name, caller } => (name, caller.line(), true),
        _ => panic!("{found} does not come from an operation"),
    }
}

#[test]
fn an_operation_on_data_alone_is_found_with_its_line() {
    let (model, x) = (model(), Tensor::full([3, 2], -1.0));
    let gradients = Gradients::of(&model);
    let tape = Tape::new();
    let (x, w) = (tape.input(&x), tape.param(&model.0));
    let bad = x.ln();
    let line = line!() - 1;
    bad.linear(w).tanh();
    let found = tape.first_non_finite(&gradients).unwrap();
    assert_eq!(origin(&found), ("ln", line, false));
    assert_eq!((found.parameter, &found.shape[..]), (None, &[3, 2][..]));
}

#[test]
fn a_gradient_that_is_not_finite_is_found_with_its_line() {
    let model = (Tensor::<f64>::new([2], [0.0, 1.0]), Tensor::full([2], 3.0));
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let (a, b) = (tape.param(&model.0), tape.param(&model.1));
    let root: Var<'_, f64> = (a * b).sqrt();
    let line = line!() - 1;
    let loss = (root + b.square()).sum();
    assert!(loss.item().is_finite());
    let found = tape.backward_watched(&[(loss, 1.0)], &mut gradients).unwrap_err();
    assert_eq!(origin(&found), ("sqrt", line, true));
    assert_eq!((found.parameter.as_deref(), &found.shape[..]), (Some("0"), &[2][..]));
    let message = found.to_string();
    assert!(message.starts_with("the adjoint of the operation `sqrt`, called at "), "{message}");
    assert!(message.ends_with("on its way to `0`, input of shape [2]"), "{message}");
    assert_eq!(gradients.first_non_finite(), Some("0"));
}

#[test]
fn a_watched_backward_pass_fills_the_same_gradients() {
    let model = model();
    let (mut plain, mut watched) = (Gradients::of(&model), Gradients::of(&model));
    let tape = Tape::new();
    let loss = (tape.param(&model.0).transpose().tanh() * tape.param(&model.1)).sum();
    loss.backward(&mut plain);
    assert_eq!(tape.backward_watched(&[(loss, 1.0)], &mut watched), Ok(()));
    assert!(plain.iter().eq(watched.iter()));
}
