//! Gradient checks of losses, and values against their definitions.

use elbo_engine::{CrossEntropy, Reduction, Tape, Tensor, Var};

use super::{Check, agree};
use crate::common::Random;
use crate::common::assert_near;

pub(crate) const CHECKS: &[Check] = &[
    ("mse", |random| two(random, |x, y, r| x.mse(y, r), |x, y| (x - y).powi(2))),
    ("l1", |random| two(random, |x, y, r| x.l1(y, r), |x, y| (x - y).abs())),
    ("huber", huber),
    ("bce_with_logits", |random| {
        two(random, |x, y, r| x.bce_with_logits(y, r), |x, y| -y * sigmoid(x).ln() - (1.0 - y) * sigmoid(-x).ln());
    }),
    ("bce_with_logits_weighted", bce_with_logits_weighted),
    ("gaussian_nll", |random| {
        three(
            random,
            |x, y, z, r| x.gaussian_nll(y, z, r),
            |x, y, z| ((y - x).powi(2) / (2.0 * z)) + (std::f64::consts::TAU * z).sqrt().ln(),
        );
    }),
    ("student_t_nll", student_t_nll),
    ("poisson_nll", |random| {
        counts(
            random,
            |x, y, r| x.poisson_nll(y, r),
            |x, y| {
                // −ln of e^−μ μ^y / y!, factor by factor.
                -(1..=y).fold((-x.exp()).exp(), |chance, k| chance * x.exp() / f64::from(k)).ln()
            },
        );
    }),
    ("negative_binomial_nll", negative_binomial_nll),
    ("cross_entropy_with", cross_entropy_with),
    ("student_t_nll_with_df", student_t_nll_with_df),
    ("negative_binomial_nll_with_dispersion", negative_binomial_nll_with_dispersion),
];

const REDUCTIONS: [Reduction; 3] = [Reduction::Mean, Reduction::Sum, Reduction::Each];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Asserts that the losses of elements, their sum and their mean are those of `expected`.
fn are<'t>(loss: impl Fn(Reduction) -> Var<'t, f64>, shape: &[usize], expected: &[f64]) {
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12 * (1.0 + b.abs()), "{a} and {b}");
    assert_eq!(loss(Reduction::Each).shape(), shape);
    loss(Reduction::Each).value().iter().zip(expected).for_each(|(&a, &b)| close(a, b));
    close(loss(Reduction::Sum).item(), expected.iter().sum());
    if expected.is_empty() {
        assert!(loss(Reduction::Mean).item().is_nan());
    } else {
        close(loss(Reduction::Mean).item(), expected.iter().sum::<f64>() / expected.len() as f64);
    }
}

/// Predictions and targets that are far from a tie.
fn two(
    random: &mut Random,
    loss: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>, Reduction) -> Var<'t, f64>,
    definition: impl Fn(f64, f64) -> f64,
) {
    for shape in [random.shape(), vec![37]] {
        let targets = random.tensor(&shape);
        let distance = random.tensor(&shape);
        let predictions = Tensor::from_fn(&shape[..], |i| targets.data()[i] + distance.data()[i]);
        let mut model = [predictions, targets];
        for reduction in REDUCTIONS {
            if reduction != Reduction::Mean || !model[0].is_empty() {
                agree(&mut model, |tape, [x, y]| loss(tape.param(x), tape.param(y), reduction));
            }
        }
        agree(&mut model[0], |tape, x| {
            let x = tape.param(x);
            loss(x.tanh(), x.exp(), Reduction::Each)
        });
        let [x, y] = &model;
        let expected: Vec<f64> = x.data().iter().zip(y.data()).map(|(&x, &y)| definition(x, y)).collect();
        let tape = Tape::new();
        are(|reduction| loss(tape.input(x), tape.input(y), reduction), &shape, &expected);
    }
}

/// The same with an additional positive input.
fn three(
    random: &mut Random,
    loss: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>, Var<'t, f64>, Reduction) -> Var<'t, f64>,
    definition: impl Fn(f64, f64, f64) -> f64,
) {
    for shape in [random.shape(), vec![37]] {
        let mut model = [random.tensor(&shape), random.tensor(&shape), random.positive(&shape)];
        for reduction in REDUCTIONS {
            if reduction != Reduction::Mean || !model[0].is_empty() {
                agree(&mut model, |tape, [x, y, z]| loss(tape.param(x), tape.param(y), tape.param(z), reduction));
            }
        }
        let [x, y, z] = &model;
        let expected: Vec<f64> = (0..x.len()).map(|i| definition(x.data()[i], y.data()[i], z.data()[i])).collect();
        let tape = Tape::new();
        are(|reduction| loss(tape.input(x), tape.input(y), tape.input(z), reduction), &shape, &expected);
    }
}

/// Counts, which get no gradient.
fn counts(
    random: &mut Random,
    loss: impl for<'t> Fn(Var<'t, f64>, Var<'t, f64>, Reduction) -> Var<'t, f64>,
    definition: impl Fn(f64, u32) -> f64,
) {
    for shape in [random.shape(), vec![37]] {
        let mut x = random.tensor(&shape);
        let counts: Vec<u32> = (0..x.len()).map(|_| random.below(30) as u32).collect();
        let y = |i: usize| f64::from(counts[i]);
        for reduction in REDUCTIONS {
            if reduction != Reduction::Mean || !x.is_empty() {
                agree(&mut x, |tape, x| loss(tape.param(x), tape.constant(x.shape(), y), reduction));
            }
        }
        let expected: Vec<f64> = x.data().iter().zip(&counts).map(|(&x, &y)| definition(x, y)).collect();
        let tape = Tape::new();
        are(|reduction| loss(tape.input(&x), tape.constant(&shape, y), reduction), &shape, &expected);
    }
}

fn huber(random: &mut Random) {
    // Distances lie between 0.2 and 1.5: on both sides of the kink, or all on one.
    for delta in [0.1, 1.7] {
        two(
            random,
            |x, y, r| x.huber(y, delta, r),
            |x, y| {
                let d = (x - y).abs();
                if d < delta { d * d / 2.0 } else { delta * (d - delta / 2.0) }
            },
        );
    }
}

fn bce_with_logits_weighted(random: &mut Random) {
    let mut shape = random.shape();
    let classes = 1 + random.below(4);
    shape.push(classes);
    let weights: Vec<f64> = (0..classes).map(|_| random.between(0.2, 3.0)).collect();
    let mut model = [random.tensor(&shape), random.positive(&shape)];
    for reduction in REDUCTIONS {
        if reduction != Reduction::Mean || !model[0].is_empty() {
            agree(&mut model, |tape, [x, y]| {
                tape.param(x).bce_with_logits_weighted(tape.param(y), &weights, reduction)
            });
        }
    }
    let [x, y] = &model;
    let definition = |i: usize| {
        let (x, y) = (x.data()[i], y.data()[i]);
        -weights[i % classes] * y * sigmoid(x).ln() - (1.0 - y) * sigmoid(-x).ln()
    };
    let expected: Vec<f64> = (0..x.len()).map(definition).collect();
    let tape = Tape::new();
    are(|r| tape.input(x).bce_with_logits_weighted(tape.input(y), &weights, r), &shape, &expected);
}

fn student_t_nll(random: &mut Random) {
    // Densities of 1, 2 and 3 degrees of freedom in closed form.
    let pi = std::f64::consts::PI;
    let densities: [(f64, &dyn Fn(f64) -> f64); 3] = [
        (1.0, &|t| 1.0 / (pi * (1.0 + t * t))),
        (2.0, &|t| (2.0 + t * t).powf(-1.5)),
        (3.0, &|t| 2.0 / (pi * 3f64.sqrt() * (1.0 + t * t / 3.0).powi(2))),
    ];
    for (df, density) in densities {
        three(random, |x, y, s, r| x.student_t_nll(y, s, df, r), |x, y, s| -(density((y - x) / s) / s).ln());
    }
    let df = random.between(0.3, 40.0);
    let mut model = [random.tensor(&[5]), random.tensor(&[5]), random.positive(&[5])];
    agree(&mut model, |tape, [x, y, s]| tape.param(x).student_t_nll(tape.param(y), tape.param(s), df, Reduction::Mean));
    // With very many degrees of freedom, the limit is the normal distribution.
    let tape = Tape::new();
    let [x, y, s] = &model;
    let [x, y, s] = [x, y, s].map(|x| tape.input(x));
    let difference = x.student_t_nll(y, s, 1e13, Reduction::Each) - x.gaussian_nll(y, s.square(), Reduction::Each);
    assert!(difference.value().iter().all(|d| d.abs() < 1e-9), "{difference:?}");
}

fn negative_binomial_nll(random: &mut Random) {
    let r = random.between(0.3, 8.0);
    counts(
        random,
        |x, y, reduction| x.negative_binomial_nll(y, r, reduction),
        |x, y| {
            // −ln of Γ(y + r)/(Γ(r) y!) (r/(μ + r))^r (μ/(μ + r))^y, factor by factor.
            let (mean, total) = (x.exp(), x.exp() + r);
            let none = (r / total).powf(r);
            -(0..y).fold(none, |p, k| p * (r + f64::from(k)) / f64::from(k + 1) * mean / total).ln()
        },
    );
    // With a very large dispersion, the limit is the Poisson distribution.
    let tape = Tape::new();
    let x = random.tensor(&[5]);
    let (x, y) = (tape.input(&x), tape.constant([5], |i| i as f64));
    let difference = x.negative_binomial_nll(y, 1e7, Reduction::Each) - x.poisson_nll(y, Reduction::Each);
    assert!(difference.value().iter().all(|d| d.abs() < 1e-5), "{difference:?}");
}

fn cross_entropy_with(random: &mut Random) {
    let (rows, classes) = (1 + random.below(5), 2 + random.below(40));
    // The ignored label is the last class in one half of the rounds, and not a class in the other.
    let ignored = if random.below(2) == 0 { classes - 1 } else { usize::MAX };
    let mut labels: Vec<usize> = (0..rows)
        .map(|_| match random.below(3) {
            0 => ignored,
            _ => random.below(classes - 1),
        })
        .collect();
    labels[0] = 0;
    let weights: Vec<f64> = (0..classes).map(|_| random.between(0.3, 2.0)).collect();
    let smoothing = [0.0, 0.3][random.below(2)];
    let options = CrossEntropy::new().label_smoothing(smoothing).ignore(ignored);
    let weighted = random.below(2) == 0;
    let mut x = random.tensor(&[rows, classes]);
    for reduction in REDUCTIONS {
        agree(&mut x, |tape, x| {
            let options = options.reduction(reduction);
            let weights = tape.alloc_slice(classes, |i| weights[i]);
            let options = if weighted { options.class_weights(weights) } else { options };
            tape.param(x).cross_entropy_with(tape.alloc_slice(rows, |i| labels[i]), options)
        });
    }
    // The definition.
    let weight = |class: usize| if weighted { weights[class] } else { 1.0 };
    let surprise = |row: usize, class: usize| {
        let row = &x.data()[row * classes..][..classes];
        -(row[class].exp() / row.iter().map(|x| x.exp()).sum::<f64>()).ln()
    };
    let losses: Vec<f64> = (0..rows)
        .map(|row| match labels[row] {
            label if label == ignored => 0.0,
            label => {
                let all = (0..classes).map(|class| weight(class) * surprise(row, class)).sum::<f64>();
                (1.0 - smoothing) * weight(label) * surprise(row, label) + smoothing / classes as f64 * all
            }
        })
        .collect();
    let total: f64 = losses.iter().sum();
    let divisor: f64 = labels.iter().filter(|&&label| label != ignored).map(|&label| weight(label)).sum();
    let tape = Tape::new();
    let loss = |reduction| {
        let options = options.reduction(reduction);
        let options = if weighted { options.class_weights(&weights) } else { options };
        tape.input(&x).cross_entropy_with(&labels, options).value().to_vec()
    };
    let expected = [vec![total / divisor], vec![total], losses];
    for (reduction, expected) in REDUCTIONS.into_iter().zip(expected) {
        let ours = loss(reduction);
        assert_eq!(ours.len(), expected.len());
        assert!(ours.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b)), "{ours:?}, {expected:?}");
    }
}

fn student_t_nll_with_df(random: &mut Random) {
    for shape in [random.shape(), vec![37]] {
        let [x, y] = [random.tensor(&shape), random.tensor(&shape)];
        let df = Tensor::from_fn(shape.clone(), |_| [0.4, 1.0, 6.0][random.below(3)] * random.between(1.0, 1.5));
        let mut model = [x, y, random.positive(&shape), df];
        for reduction in REDUCTIONS {
            if reduction != Reduction::Mean || !model[0].is_empty() {
                agree(&mut model, |tape, model| {
                    let [x, y, s, df] = model.each_ref().map(|tensor| tape.param(tensor));
                    x.student_t_nll_with_df(y, s, df, reduction)
                });
            }
        }
    }
    let df = random.between(0.3, 40.0);
    let tape = Tape::new();
    let [x, y, s] = [0.3, -1.2, 0.7].map(|number| tape.constant([5], |i| number * (1.0 + i as f64)));
    for df in [df, 127.9, 128.1, 1e9] {
        let ours = x.student_t_nll_with_df(y, s, tape.constant([5], |_| df), Reduction::Each);
        let fixed = x.student_t_nll(y, s, df, Reduction::Each);
        assert_near(ours.value(), fixed.value(), 1e-12);
    }
}

/// For many degrees of freedom, the derivative is that of the next term after the normal density: (1 + 2d² − d⁴)/4ν²,
/// with the distance d in units of the scale.
#[test]
fn the_gradient_for_many_degrees_of_freedom_is_correct() {
    for (df, tolerance) in [(2e4, 1e-3), (1e6, 1e-4)] {
        for distance in [0.0, 0.5, 2.0f64] {
            let model = Tensor::new([1], [df]);
            let mut gradients = elbo_engine::Gradients::of(&model);
            let tape = Tape::new();
            let [x, y, s] = [distance, 0.0, 1.0].map(|number| tape.constant([1], |_| number));
            x.student_t_nll_with_df(y, s, tape.param(&model), Reduction::Sum).backward(&mut gradients);
            let (ours, square) = (gradients.get("").unwrap()[0], distance * distance);
            let expected = -(1.0 + 2.0 * square - square * square) / (4.0 * df * df);
            assert!((ours - expected).abs() < tolerance * (df * df).recip(), "{ours:e}, {expected:e}");
        }
    }
}

fn negative_binomial_nll_with_dispersion(random: &mut Random) {
    for shape in [random.shape(), vec![37]] {
        let mut model = [random.tensor(&shape), random.positive(&shape)];
        let counts = Tensor::from_fn(shape.clone(), |_| random.below(30) as f64);
        for reduction in REDUCTIONS {
            if reduction != Reduction::Mean || !model[0].is_empty() {
                agree(&mut model, |tape, [x, r]| {
                    let counts = tape.constant(x.shape(), |i| counts.data()[i]);
                    tape.param(x).negative_binomial_nll_with_dispersion(counts, tape.param(r), reduction)
                });
            }
        }
        let tape = Tape::new();
        let (x, counts) = (tape.input(&model[0]), tape.input(&counts));
        let r = random.between(0.3, 8.0);
        let all = tape.constant(&shape, |_| r);
        let ours = x.negative_binomial_nll_with_dispersion(counts, all, Reduction::Each);
        let fixed = x.negative_binomial_nll(counts, r, Reduction::Each);
        assert_near(ours.value(), fixed.value(), 1e-12);
    }
}
