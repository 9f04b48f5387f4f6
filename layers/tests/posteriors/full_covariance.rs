//! The normal with any covariance.

use elbo::FixedNoise;
use elbo::prelude::*;

use crate::checks::*;

const ELEMENTS: usize = 4;

/// L, row by row.
fn factor(i: usize) -> f64 {
    let (row, column) = (i / ELEMENTS, i % ELEMENTS);
    match column {
        _ if column < row => 0.5 * number(i + 11),
        _ if column == row => 0.3 + 0.2 * row as f64,
        _ => 0.0,
    }
}

fn model<T: Real>() -> One<FullCovariance<T>, Normal> {
    let mean = Tensor::from_fn([2, 2], number);
    One {
        weight: FullCovariance::with_factor(mean, &Tensor::from_fn([ELEMENTS, ELEMENTS], factor)),
        prior: Normal(-0.1, 0.7),
    }
}

#[test]
fn samples_have_the_mean_and_the_covariance() {
    let row = |i: usize| (0..ELEMENTS).map(move |k| factor(i * ELEMENTS + k));
    check_moments(&model(), number, |i, j| row(i).zip(row(j)).map(|(a, b)| a * b).sum());
}

#[test]
fn a_sample_is_made_of_the_noise_given() {
    let model = model::<f64>();
    let given = [0.3, -1.0, 0.5, 2.0];
    let noise = FixedNoise::new().set("weight", Tensor::new([2, 2], given));
    let tape = Tape::new();
    let w = model.draw(&tape, Drawing::new(Key::new(0)).noise(&noise)).weight.value();
    for (i, w) in w.iter().enumerate() {
        let away: f64 = (0..ELEMENTS).map(|k| factor(i * ELEMENTS + k) * given[k]).sum();
        assert!((w - (number(i) + away)).abs() < 1e-14, "{i}");
    }
}

#[test]
fn the_divergence_is_the_mean_of_its_estimates() {
    check_divergence(&model());
    check_closed_form(&model::<f64>(), &model::<f32>());
}

#[test]
fn gradients_agree_with_differences() {
    let noise = FixedNoise::new().set("weight", Tensor::from_fn([2, 2], |i| 2.0 * number(i + 3)));
    check_gradients(&mut model(), noise, 1e-7);
    check_density_gradients(&model(), 1e-7);
}

#[test]
fn draws_at_once_are_the_draws_one_by_one() {
    check_draws(&model());
}

#[test]
fn extreme_scales_and_means_stay_finite() {
    check_extremes(&model(), 0.7);
}

#[test]
fn it_starts_as_a_mean_field_does() {
    let full = One { weight: FullCovariance::<f64>::new([3, 2]), prior: Normal(0.0, 1.0) };
    let weight = MeanField { mean: full.weight.mean.clone(), rho: Tensor::full([3, 2], -5.0) };
    let mean_field = One { weight, prior: Normal(0.0, 1.0) };
    assert!((full.kl() - mean_field.kl()).abs() < 1e-12);
    let tape = Tape::new();
    let [a, b] = [full.draw(&tape, Key::new(1)).weight, mean_field.draw(&tape, Key::new(1)).weight];
    assert!(a.value().iter().zip(b.value()).all(|(a, b)| (a - b).abs() < 1e-15));
}

/// Row-major square matrices, lower-triangular.
fn solve(l: &[f64], n: usize, columns: usize, y: &[f64]) -> Vec<f64> {
    let mut x = y.to_vec();
    for i in 0..n {
        for c in 0..columns {
            let dot: f64 = (0..i).map(|k| l[i * n + k] * x[k * columns + c]).sum();
            x[i * columns + c] = (x[i * columns + c] - dot) / l[i * n + i];
        }
    }
    x
}

/// Lᵀ x.
fn transposed_times(l: &[f64], n: usize, columns: usize, x: &[f64]) -> Vec<f64> {
    let at = |i: usize, c: usize| (0..n).map(|k| l[k * n + i] * x[k * columns + c]).sum();
    (0..n * columns).map(|i| at(i / columns, i % columns)).collect()
}

#[test]
fn the_reference_agrees() {
    let reference = reference();
    for case in ["kl_mvn__mvn#std", "kl_mvn__mvn#3", "kl_mvn__mvn#5"] {
        let of = |name: &str| reference.tensor(&format!("{case}/{name}"));
        let n = of("q_loc").len();
        // A normal prior of any covariance P Pᵀ is N(0, I) of P⁻¹(w − its mean).
        let (p, p_mean) = match case {
            "kl_mvn__mvn#std" => {
                (Tensor::from_fn([n, n], |i| f64::from(u8::from(i % (n + 1) == 0))), Tensor::zeros([n]))
            }
            _ => (of("p_tril"), of("p_loc")),
        };
        let away: Vec<f64> = of("q_loc").data().iter().zip(p_mean.data()).map(|(a, b)| a - b).collect();
        let mean = Tensor::new([n], solve(p.data(), n, 1, &away));
        let factor = Tensor::new([n, n], solve(p.data(), n, n, of("q_tril").data()));
        let model = One { weight: FullCovariance::with_factor(mean, &factor), prior: Normal(0.0, 1.0) };
        let gradients = check_reference(&model, of("kl").data()[0], of("g_kl").data()[0]);
        let by = |name: &str| gradients.get(&format!("weight.{name}")).unwrap();

        let expected = transposed_times(p.data(), n, 1, of("d_q_loc").data());
        assert_close(by("mean"), &expected, 1e-8, case);
        // The reference's gradient is zero above the diagonal, where it leaves out what the rest here may take up: it
        // is compared by the way back, from ours to the reference's.
        let rho = model.weight.factor.rho.data();
        let mut ours = vec![0.0; n * n];
        let mut lower = by("factor.lower").iter();
        for i in 0..n {
            (0..i).for_each(|j| ours[i * n + j] = *lower.next().unwrap());
            ours[i * n + i] = by("factor.rho")[i] / slope(rho[i]);
        }
        // dL_q = P⁻ᵀ dL, below the diagonal.
        let mut back = ours.clone();
        for c in 0..n {
            for i in (0..n).rev() {
                let dot: f64 = (i + 1..n).map(|k| p.data()[k * n + i] * back[k * n + c]).sum();
                back[i * n + c] = (ours[i * n + c] - dot) / p.data()[i * n + i];
            }
        }
        for i in 0..n {
            (i + 1..n).for_each(|j| back[i * n + j] = 0.0);
        }
        assert_close(&back, of("d_q_tril").data(), 1e-8, case);
    }
}
