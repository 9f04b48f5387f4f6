//! A value may have several draws: everything that depends on it is computed for each, in one pass.

use crate::common::Random;
use elbo_engine::random::{Key, normals};
use elbo_engine::{Adjoints, Evaluation, Gradients, Operation, Recurrent, Tape, Tensor, Var};

/// mean + sd · ε, where ε is the noise of draw `first + io.draw()`.
#[derive(Clone, Copy)]
struct Sample {
    first: usize,
}

impl Sample {
    fn noise(self, draw: usize, len: usize) -> Vec<f64> {
        let mut noise = vec![0.0; len];
        normals(Key::new(5).draw(self.first + draw), 0, &mut noise);
        noise
    }
}

impl Operation<f64> for Sample {
    fn name(&self) -> &'static str {
        "sample"
    }

    fn forward(&self, io: &mut Evaluation<'_, f64>) {
        let (mean, sd) = (io.input(0).data, io.input(1).data);
        let noise = self.noise(io.draw(), mean.len());
        io.output(0).iter_mut().enumerate().for_each(|(i, w)| *w = mean[i] + sd[i] * noise[i]);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
        let g = io.upstream(0).unwrap();
        let noise = self.noise(io.draw(), g.len());
        io.give(0, |i| g[i]);
        io.give(1, |i| g[i] * noise[i]);
    }
}

const DRAWS: usize = 5;

/// Means and standard deviations of a weight and a bias, and a deterministic weight.
type Model = [Tensor<f64>; 5];

fn model() -> Model {
    let mut random = Random::new(1);
    [&[4, 3][..], &[4, 3], &[4], &[4], &[2, 4]].map(|shape| random.tensor(shape))
}

/// Weights with `draws` draws, starting at draw `first`.
fn weights<'t>(tape: &'t Tape<f64>, model: &'t Model, first: usize, draws: usize) -> [Var<'t, f64>; 2] {
    let sample = |mean: &'t Tensor<f64>, sd: &'t Tensor<f64>| {
        let inputs = [tape.param(mean), tape.param(sd)];
        tape.record_draws(draws, Sample { first }, &inputs, [mean.shape()])[0]
    };
    [sample(&model[0], &model[1]), sample(&model[2], &model[3])]
}

/// Affine maps, a view, an operation with two drawn inputs, reductions, and parts that do not depend on the draw.
fn network<'t>(x: Var<'t, f64>, [w, b]: [Var<'t, f64>; 2], certain: Var<'t, f64>) -> Var<'t, f64> {
    let hidden = x.affine(w, b).tanh();
    let turned = hidden.transpose().reshape([4, 2, 3]) * w.sum_axes(&[1], false).reshape([4, 1, 1]);
    let certain = certain.exp();
    hidden.linear(certain).sum_axes(&[1], true) + turned.mean() * (x * x).sum() + b.square().sum()
}

#[test]
fn one_pass_over_all_draws_matches_one_pass_per_draw() {
    let model = model();
    let x = Random::new(2).tensor(&[6, 3]);
    let tape = Tape::new();
    let together = network(tape.input(&x), weights(&tape, &model, 0, DRAWS), tape.param(&model[4]));
    assert_eq!((together.draws(), together.shape(), together.len()), (DRAWS, &[6, 1][..], 6));
    assert_eq!(together.to_tensor().shape(), [DRAWS, 6, 1]);
    let mut gradients = Gradients::of(&model);
    together.square().sum().backward(&mut gradients);

    let mut one_by_one = Gradients::of(&model);
    let mut loss = 0.0;
    for draw in 0..DRAWS {
        let alone = Tape::new();
        let value = network(alone.input(&x), weights(&alone, &model, draw, 1), alone.param(&model[4]));
        assert_eq!(value.value(), &together.value()[draw * 6..][..6]);
        let share = value.square().sum();
        loss += share.item() / DRAWS as f64;
        alone.backward(&[(share, 1.0 / DRAWS as f64)], &mut one_by_one);
    }
    assert!((together.square().sum().item() - loss).abs() < 1e-12 * loss);
    assert_eq!([gradients.iter().count(), one_by_one.iter().count()], [model.len(); 2]);
    for ((name, _, ours), (_, _, theirs)) in gradients.iter().zip(one_by_one.iter()) {
        let largest = theirs.iter().fold(0.0, |largest: f64, g| largest.max(g.abs()));
        assert!(largest > 0.0, "{name}");
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-12 * largest), "{name}: {ours:?} {theirs:?}");
    }
}

#[test]
fn values_without_draws_are_computed_once() {
    let model = model();
    let tape = Tape::new();
    let [w, _] = weights(&tape, &model, 0, DRAWS);
    let certain = tape.param(&model[4]).exp();
    assert_eq!((certain.draws(), certain.linear(w.transpose().reshape([3, 4])).draws()), (1, DRAWS));
}

#[test]
#[should_panic(expected = "cannot combine values with 2 and 3 draws")]
fn different_numbers_of_draws_cannot_be_combined() {
    let model = model();
    let tape = Tape::new();
    let [[w, _], [v, _]] = [2, 3].map(|draws| weights(&tape, &model, 0, draws));
    let _ = w + v;
}

#[test]
fn an_unused_draw_has_adjoint_zero() {
    /// Reads only its first draw.
    #[derive(Clone, Copy)]
    struct First;

    impl Operation<f64> for First {
        fn name(&self) -> &'static str {
            "first"
        }

        fn forward(&self, io: &mut Evaluation<'_, f64>) {
            let x = if io.draw() == 1 { io.input(0).data[0] } else { 0.0 };
            io.output(0)[0] = x;
        }

        fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
            let g = io.upstream(0).unwrap()[0];
            if io.draw() == 1 {
                io.accumulate(0, |target, _| {
                    target.fill(0.0);
                    target[0] = g;
                });
            }
        }
    }

    let model = model();
    let mut gradients = Gradients::of(&model);
    let tape = Tape::new();
    let [w, _] = weights(&tape, &model, 0, DRAWS);
    tape.record(First, &[w], [[0; 0]])[0].backward(&mut gradients);
    let mean = gradients.get("0").unwrap();
    assert!((mean[0] - 1.0 / DRAWS as f64).abs() < 1e-15);
    assert!(mean[1..].iter().all(|&g| g == 0.0));
}

#[test]
fn a_recurrent_network_runs_once_per_draw() {
    let mut random = Random::new(4);
    let model: Model = [&[4, 1][..], &[4, 1], &[4], &[4], &[4, 4]].map(|shape| random.tensor(shape));
    let (x, state) = (random.tensor(&[3, 5, 4]), random.tensor(&[3, 1]));
    // The input weights are deterministic; those of the last output are sampled.
    let run = |tape: &Tape<f64>, first: usize, draws: usize, gradients: &mut Gradients<f64>| {
        let [weight_hh, b] = weights(tape, &model, first, draws);
        let weights = Recurrent {
            weight_ih: tape.param(&model[4]),
            weight_hh,
            biases: [Some(b), Some(b)],
            projection: None,
            reverse: false,
        };
        let state = tape.input(&state);
        let (outputs, [_, cell]) = tape.input(&x).lstm(weights, [state, state]);
        (outputs.square().sum() + cell.sum()).backward(gradients);
        outputs.value().to_vec()
    };
    let [mut together, mut one_by_one] = [(); 2].map(|()| Gradients::of(&model));
    let values = run(&Tape::new(), 0, DRAWS, &mut together);
    for draw in 0..DRAWS {
        assert_eq!(run(&Tape::new(), draw, 1, &mut one_by_one), values[draw * 15..][..15]);
    }
    assert_eq!([together.iter().count(), one_by_one.iter().count()], [model.len(); 2]);
    for ((name, _, ours), (_, _, theirs)) in together.iter().zip(one_by_one.iter()) {
        assert!(theirs.iter().any(|&g| g != 0.0), "{name}");
        let pairs = ours.iter().zip(theirs);
        assert!(pairs.clone().all(|(a, b)| (a * DRAWS as f64 - b).abs() < 1e-12), "{name}: {ours:?} {theirs:?}");
    }
}

#[test]
#[should_panic(expected = "argmax: the value of shape [4, 3] has 5 draws")]
fn argmax_rejects_several_draws() {
    let model = model();
    let tape = Tape::new();
    weights(&tape, &model, 0, DRAWS)[0].argmax(0);
}

#[test]
#[should_panic(expected = "batch_norm_with: the variance of shape [4] has 5 draws")]
fn batch_norm_with_rejects_statistics_with_several_draws() {
    let model = model();
    let tape = Tape::new();
    let [_, b] = weights(&tape, &model, 0, DRAWS);
    tape.param(&model[4]).batch_norm_with((), tape.param(&model[3]), b, 1e-5);
}

/// Elementwise and rowwise maps process all draws at once on a tape that does not record, and one by one on a tape that
/// does.
#[test]
fn all_draws_at_once_match_one_draw_at_a_time() {
    let mut random = Random::new(3);
    for (rows, inputs, outputs, draws) in [(1, 20, 7, 5), (3, 17, 33, 4), (9, 5, 48, 3), (1, 400, 50, 64)] {
        let [x, sd] = [(); 2].map(|()| random.tensor(&[rows, inputs]));
        let (w, b) = (random.tensor(&[outputs, inputs]), random.tensor(&[outputs]));
        let values = |tape: Tape<f64>| {
            let x =
                tape.record_draws(draws, Sample { first: 0 }, &[tape.input(&x), tape.input(&sd)], [[rows, inputs]])[0];
            let (w, b) = (tape.input(&w), tape.input(&b));
            let y = x.relu().affine(w, b).square();
            let of_draws = x.affine(tape.record_draws(draws, Sample { first: 9 }, &[w, w], [[outputs, inputs]])[0], b);
            [y, x.linear(w), of_draws].map(|y| (y.draws(), y.value().to_vec()))
        };
        for (at_once, one_by_one) in values(Tape::inference()).iter().zip(values(Tape::new())) {
            assert_eq!(at_once.0, one_by_one.0);
            for (a, b) in at_once.1.iter().zip(one_by_one.1) {
                assert!((a - b).abs() <= 1e-12 * (1.0 + b.abs()), "{rows}×{inputs}×{outputs}: {a} {b}");
            }
        }
    }
}
