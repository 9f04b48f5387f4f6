//! Gradient clipping limits values and norms, and returns what they were before.

use elbo_engine::{Gradients, Real, Tape, Tensor, Var};

/// Gradients with these elements.
fn gradients<T: Real>(parts: &[&[f64]]) -> Gradients<T> {
    let model: Vec<Tensor<T>> = parts.iter().map(|part| Tensor::zeros([part.len()])).collect();
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let terms = model.iter().zip(parts).map(|(tensor, part)| {
        let wanted: Var<'_, T> = tape.constant([part.len()], |i| T::from_f64(part[i]));
        (tape.param(tensor) * wanted).sum()
    });
    terms.reduce(|a, b| a + b).unwrap().backward(&mut gradients);
    gradients
}

fn all<T: Real>(gradients: &Gradients<T>) -> Vec<f64> {
    gradients.iter().flat_map(|(.., gradient)| gradient).map(|x| x.to_f64()).collect()
}

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], tolerance: f64) {
    let near = found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance * b.abs());
    assert!(found.len() == expected.len() && near, "{found:?} is not {expected:?}");
}

#[test]
fn values_are_clamped_to_the_range() {
    let mut g = gradients::<f64>(&[&[1.0, -5.0, 0.5], &[2.0]]);
    assert_eq!(g.clip_value(1.5), 5.0);
    assert_eq!(all(&g), [1.0, -1.5, 0.5, 1.5]);
    assert_eq!(g.clip_value(2.0), 1.5);
    assert_eq!(all(&g), [1.0, -1.5, 0.5, 1.5]);
}

#[test]
fn clip_norm_scales_all_gradients_by_one_factor() {
    let mut g = gradients::<f64>(&[&[2.0, -4.0], &[4.0]]);
    assert_eq!(g.clip_norm(6.5), 6.0);
    assert_eq!(all(&g), [2.0, -4.0, 4.0]);
    assert_eq!(g.clip_norm(1.5), 6.0);
    assert_near(&all(&g), &[0.5, -1.0, 1.0], 1e-15);
}

#[test]
fn clip_each_norm_scales_each_gradient_separately() {
    let mut g = gradients::<f64>(&[&[3.0, -4.0], &[0.25], &[0.0, 0.0]]);
    assert_eq!(g.clip_each_norm(1.0), 5.0);
    assert_near(&all(&g), &[0.6, -0.8, 0.25, 0.0, 0.0], 1e-15);
}

#[test]
fn single_precision_is_summed_in_double() {
    // In single precision each of these squares is 0 or infinite.
    for size in [1e-30, 1e30] {
        let part = vec![size; 10_000];
        let mut g = gradients::<f32>(&[&part]);
        let seen = g.clip_norm(size);
        assert!((seen / size / 100.0 - 1.0).abs() < 1e-6, "{seen}");
        assert!((g.norm() / size - 1.0).abs() < 1e-6, "{}", g.norm());
    }
    // A sum in single precision stops at 2²⁴.
    let part = vec![1.0; 20_000_000];
    assert_eq!(gradients::<f32>(&[&part]).norm(), 20_000_000f64.sqrt());
}

#[test]
fn norms_are_finite_where_squares_overflow_double_precision() {
    assert_near(&[gradients::<f64>(&[&[3e200, 4e200]]).norm()], &[5e200], 1e-15);
    assert_near(&[gradients::<f64>(&[&[3e-200, 4e-200]]).norm()], &[5e-200], 1e-15);
    assert_eq!(gradients::<f64>(&[&[0.0]]).norm(), 0.0);
}

#[test]
fn non_finite_gradients_are_reported_and_left_unchanged() {
    for bad in [f64::NAN, f64::INFINITY] {
        let mut g = gradients::<f64>(&[&[10.0], &[bad, 1.0]]);
        for seen in [g.clip_value(1.0), g.clip_norm(1.0), g.clip_each_norm(1.0)] {
            assert_eq!(seen.to_bits(), bad.to_bits());
        }
        assert_eq!(all(&g)[0], 10.0);
    }
}

#[test]
#[should_panic(expected = "clip_norm: the limit must be positive, got 0")]
fn a_limit_of_zero_is_rejected() {
    gradients::<f32>(&[&[1.0]]).clip_norm(0.0);
}

#[test]
fn stop_gradient_blocks_the_gradient() {
    let w = Tensor::<f64>::new([2], [3.0, -1.0]);
    let mut gradients = Gradients::of(&w);
    let tape = Tape::new();
    let x = tape.param(&w);
    let stopped = x.exp().stop_gradient();
    assert_eq!(stopped.value(), x.exp().value());
    (x * stopped + stopped).sum().backward(&mut gradients);
    assert_eq!(gradients.get("").unwrap(), stopped.value());
}
