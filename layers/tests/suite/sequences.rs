//! Sequences of different lengths: packed, through layers and pools, in training, and batched by length.

use elbo::engine::Attention;
use elbo::nn::{Bidirectional, Embedding, Gru, Lstm, Rnn};
use elbo::prelude::*;
use elbo::sequence::{self, Sequence, SequenceError};

use crate::common::assert_near;

const LENGTHS: [usize; 4] = [3, 5, 1, 4];
const STEPS: usize = 6;
const CHANNELS: usize = 2;

fn rows() -> Vec<Tensor<f64>> {
    let value = |row: usize, i: usize| (row as f64 * 1.3 + i as f64 * 0.7 + 0.2).sin();
    let row = |(row, &steps): (usize, &usize)| Tensor::from_fn([steps, CHANNELS], |i| value(row, i));
    LENGTHS.iter().enumerate().map(row).collect()
}

fn mean_field(shape: elbo::Shape) -> MeanField<f64> {
    MeanField::with_sd(Tensor::from_fn(shape, |i| (i as f64 * 0.37).cos()), 0.3)
}

fn panics<R>(words: &[&str], act: impl FnOnce() -> R) {
    let act = || drop(act());
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(act)).unwrap_err();
    let text = payload.downcast_ref::<&str>().map(ToString::to_string);
    let message = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap();
    assert!(words.iter().all(|word| message.contains(word)), "{message} does not contain {words:?}");
}

#[test]
fn packing_keeps_values_and_lengths() {
    let packed = sequence::pack_to(STEPS, &rows()).unwrap();
    assert_eq!(packed.shape(), [4, STEPS, CHANNELS + 1]);
    assert_eq!(sequence::lengths(&packed), LENGTHS);
    assert_eq!(sequence::pack(&rows()).unwrap().shape(), [4, 5, CHANNELS + 1]);
    let tape = Tape::new();
    let sequence = Sequence::of(tape.input(&packed));
    assert_eq!((sequence.lengths, sequence.x.shape()), (&LENGTHS[..], &[4, STEPS, CHANNELS][..]));
    for (row, own) in rows().iter().enumerate() {
        let found = &sequence.x.value()[row * STEPS * CHANNELS..][..STEPS * CHANNELS];
        let (real, padding) = found.split_at(own.len());
        assert_eq!((real, padding.iter().any(|&x| x != 0.0)), (own.data(), false));
    }
    let mask: Vec<f64> = (0..4 * STEPS).map(|i| f64::from(i % STEPS < LENGTHS[i / STEPS])).collect();
    assert_eq!(sequence.mask().value(), mask);
    let trimmed = sequence.trimmed();
    assert_eq!((trimmed.x.shape(), trimmed.lengths), (&[4, 5, CHANNELS][..], &LENGTHS[..]));
}

#[test]
fn sequences_that_cannot_be_packed_are_named_by_row() {
    let steps = |steps: usize, channels: usize| Tensor::<f32>::zeros([steps, channels]);
    let none: [Tensor; 0] = [];
    assert_eq!(sequence::pack(&none), Err(SequenceError::Empty));
    let error = sequence::pack(&[steps(2, 3), steps(1, 2)]).unwrap_err();
    assert_eq!(error.to_string(), "pack: row 1 (from 0) has 2 channels, and the first row has 3; all need the same");
    assert_eq!(sequence::pack(&[steps(2, 3), steps(0, 3)]), Err(SequenceError::NoSteps { row: 1 }));
    let error = sequence::pack_to(4, &[steps(2, 3), steps(5, 3)]).unwrap_err();
    assert_eq!(error, SequenceError::TooLong { row: 1, steps: 4, found: 5 });
    let error = sequence::pack(&[Tensor::<f32>::zeros([3])]).unwrap_err();
    assert_eq!(error, SequenceError::Axes { row: 0, shape: vec![3] });
}

#[test]
fn a_mask_that_is_none_is_named_by_row_and_step() {
    let mask = |numbers: [f64; 6]| Tensor::<f64>::from_fn([2, 3, 2], |i| if i % 2 == 0 { 0.5 } else { numbers[i / 2] });
    let of = |numbers| {
        let packed = mask(numbers);
        let tape = Tape::new();
        Sequence::of(tape.input(&packed)).lengths.to_vec()
    };
    assert_eq!(of([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]), [3, 1]);
    panics(&["row 1, step 2", "1 after the 0 at step 1"], || of([1.0, 1.0, 1.0, 1.0, 0.0, 1.0]));
    panics(&["row 0, step 1", "the last channel is 0.5"], || of([1.0, 0.5, 0.0, 1.0, 0.0, 0.0]));
    panics(&["row 0, step 0", "NaN"], || of([f64::NAN, 0.0, 0.0, 1.0, 0.0, 0.0]));
    panics(&["row 1 (from 0) has no real step"], || of([1.0, 1.0, 0.0, 0.0, 0.0, 0.0]));
    let tape = Tape::<f64>::new();
    panics(&["[2, 3]", "(examples, steps, channels + 1)"], || Sequence::of(tape.constant([2, 3], |_| 1.0)));
    let x = tape.constant([2, 3, 1], |_| 1.0);
    panics(&["1 lengths", "2 examples"], || Sequence::new(x, &[3]));
    panics(&["row 1 is 4", "1 to 3"], || Sequence::new(x, &[3, 4]));
    let sequence = Sequence::new(x, &[3, 2]);
    panics(&["Sequence::mean", "[2, 4, 1]", "3 steps"], || sequence.mean(tape.constant([2, 4, 1], |_| 1.0)));
}

/// What a network makes of each row: values of shape (examples, ..).
type Network = for<'t> fn(Sequence<'t, f64>, &'t Layers) -> Var<'t, f64>;

/// The padded sequences and the layers, so that one gradient is of both.
#[bayesian]
#[derive(Clone)]
struct Layers {
    x: Point<f64>,
    lstm: Lstm<MeanField<f64>>,
    gru: Gru<MeanField<f64>>,
    rnn: Rnn<MeanField<f64>>,
    both: Bidirectional<Lstm<MeanField<f64>>>,
}

impl Layers {
    fn new(x: Tensor<f64>) -> Self {
        let lstm = || Lstm::of(CHANNELS, 3, mean_field, Normal(0.0, 1.0));
        Layers {
            x: Point(x),
            lstm: lstm(),
            gru: Gru::of(CHANNELS, 3, mean_field, Normal(0.0, 1.0)).reversed(),
            rnn: Rnn::of(6, 4, mean_field, Normal(0.0, 1.0)),
            both: Bidirectional::new(lstm(), lstm()),
        }
    }
}

const NETWORKS: [(&str, Network); 8] = [
    ("mean", |sequence, _| sequence.mean(sequence.x)),
    ("max", |sequence, _| sequence.max(sequence.x)),
    ("last", |sequence, _| sequence.last(sequence.x)),
    ("lstm", |sequence, layers| {
        let draw = layers.lstm.draw(sequence.x.tape(), Key::new(1));
        sequence.last(draw.forward_padded(sequence.x, sequence.lengths))
    }),
    ("reversed gru", |sequence, layers| {
        let draw = layers.gru.draw(sequence.x.tape(), Key::new(1));
        draw.forward_from_padded(sequence.x, sequence.lengths, draw.zero_state(sequence.x)).1
    }),
    ("stacked", |sequence, layers| {
        let tape = sequence.x.tape();
        let (both, rnn) = (layers.both.draw(tape, Key::new(1)), layers.rnn.draw(tape, Key::new(2)));
        let (h, [output, cell]) = both.forward_with_state_padded(sequence.x, sequence.lengths);
        let top = sequence.mean(rnn.forward_padded(h, sequence.lengths));
        Var::concat(&[top, output, cell], -1)
    }),
    ("attention", |sequence, _| {
        let x = sequence.without_padding(sequence.x);
        sequence.mean(sequence.attention([x, x * 0.5, x.sin()], Attention::new()))
    }),
    ("causal attention of two heads", |sequence, _| {
        let [examples, steps, _] = *sequence.x.shape() else { unreachable!() };
        let x = sequence.without_padding(sequence.x).reshape([examples, steps, 2, 1]).permute(&[0, 2, 1, 3]);
        let y = sequence.attention([x, x * 0.5, x.sin()], Attention::new().causal());
        sequence.max(y.permute(&[0, 2, 1, 3]))
    }),
];

/// A loss that weights each element of a row's result.
fn loss<'t>(result: Var<'t, f64>, row: usize) -> Var<'t, f64> {
    let width = result.len() / result.shape()[0];
    let weights = result
        .tape()
        .constant(result.shape(), |i| (row as f64 + i as f64 / width as f64 * 1.0 + 0.3 * (i % width) as f64).cos());
    (result.square() * weights).sum()
}

#[test]
fn a_row_is_as_its_steps_alone_and_padding_gets_no_gradient() {
    for padding in [0.0, 7.0, f64::NAN] {
        let mut x = Tensor::<f64>::full([4, STEPS, CHANNELS], padding);
        for (target, row) in x.data_mut().chunks_mut(STEPS * CHANNELS).zip(rows()) {
            target[..row.len()].copy_from_slice(row.data());
        }
        let model = Layers::new(x);
        for (name, network) in NETWORKS {
            let tape = Tape::new();
            let mut gradients = Gradients::of(&model);
            let result = network(Sequence::new(tape.param(&model.x.0), &LENGTHS), &model);
            let width = result.len() / 4;
            let losses = (0..4).map(|row| loss(result.slice(0, row..=row, 1), row as usize));
            losses.reduce(|a, b| a + b).unwrap().backward(&mut gradients);
            let of_x = gradients.get("x").unwrap();
            // The gradients of the weights, summed over the rows alone.
            let mut of_weights: Vec<Vec<f64>> = Vec::new();
            for (row, own) in rows().into_iter().enumerate() {
                let own = Layers { x: Point(own.reshaped([1, LENGTHS[row], CHANNELS])), ..model.clone() };
                let mut of_own = Gradients::of(&own);
                let alone = Tape::new();
                let expected = network(Sequence::new(alone.param(&own.x.0), &LENGTHS[row..=row]), &own);
                loss(expected, row).backward(&mut of_own);
                println!("{name}, padding {padding}, row {row}");
                assert_near(&result.value()[row * width..][..width], expected.value(), 1e-12);
                let (real, padded) =
                    of_x[row * STEPS * CHANNELS..][..STEPS * CHANNELS].split_at(LENGTHS[row] * CHANNELS);
                assert_near(real, of_own.get("x").unwrap(), 1e-12);
                assert!(padded.iter().all(|&gradient| gradient == 0.0), "{padded:?}");
                for (i, (_, _, gradient)) in of_own.iter().enumerate().skip(1) {
                    of_weights.resize(of_weights.len().max(i + 1), vec![0.0; gradient.len()]);
                    of_weights[i].resize(gradient.len(), 0.0);
                    of_weights[i].iter_mut().zip(gradient).for_each(|(sum, part)| *sum += part);
                }
            }
            for ((name, _, gradient), expected) in gradients.iter().zip(&of_weights).skip(1) {
                println!("{name}");
                assert_near(gradient, expected, 1e-12);
            }
        }
    }
}

#[test]
fn cross_attention_ignores_the_padding_of_both() {
    let tape = Tape::new();
    let x = |rows: usize, steps: usize| tape.constant([rows, steps, 3], |i| (i as f64 * 0.77).sin());
    let (queries, keys) = (Sequence::new(x(2, 4), &[4, 2]), Sequence::new(x(2, 3), &[1, 3]));
    let y = queries.cross_attention(queries.x, keys, [keys.x, keys.x], Attention::new());
    assert_eq!(y.shape(), [2, 4, 3]);
    // One key has all the weight.
    for query in 0..4 {
        assert_near(y.at(0, 0).at(0, query).value(), keys.x.at(0, 0).at(0, 0).value(), 1e-15);
    }
    let alone = queries.x.slice(0, 1.., 1).slice(1, ..2, 1);
    let alone = alone.attention(keys.x.slice(0, 1.., 1), keys.x.slice(0, 1.., 1), Attention::new());
    assert_near(y.slice(0, 1.., 1).slice(1, ..2, 1).value(), alone.value(), 1e-14);
    assert_eq!(y.at(0, 1).slice(0, 2.., 1).value(), [0.0; 6]);
}

#[test]
fn the_second_part_of_a_sequence_continues_the_first() {
    let layer = Lstm::of(CHANNELS, 3, mean_field, Normal(0.0, 1.0));
    let packed = sequence::pack_to(STEPS, &rows()).unwrap();
    let tape = Tape::new();
    let sequence = Sequence::of(tape.input(&packed));
    let draw = layer.draw(&tape, Key::new(1));
    let (whole, ends) = draw.forward_from_padded(sequence.x, sequence.lengths, draw.zero_state(sequence.x));
    // Rows 0 and 2 end within the first part, so their lengths in the second are 0.
    let (first, second) = (LENGTHS.map(|length| length.min(3)), LENGTHS.map(|length| length.saturating_sub(3)));
    let (a, state) = draw.forward_from_padded(sequence.x.slice(1, ..3, 1), &first, draw.zero_state(sequence.x));
    let (b, state) = draw.forward_from_padded(sequence.x.slice(1, 3.., 1), &second, state);
    assert_near(Var::concat(&[a, b], 1).value(), whole.value(), 1e-14);
    for (found, expected) in state.into_iter().zip(ends) {
        assert_near(found.value(), expected.value(), 1e-14);
    }
}

#[test]
fn both_directions_are_joined() {
    let gru = || Gru::of(CHANNELS, 3, mean_field, Normal(0.0, 1.0));
    let layer = Bidirectional::new(gru(), gru());
    assert_eq!(layer.num_parameters(), 2 * gru().num_parameters());
    assert_eq!(layer.kl_terms()[4].0, "backward_layer.weight_ih");
    let x = Tensor::from_fn([2, 4, CHANNELS], |i| (i as f64 * 0.7).sin());
    let tape = Tape::new();
    let draw = layer.draw(&tape, Key::new(1));
    let (outputs, state) = draw.forward_with_state(tape.input(&x));
    assert_eq!(draw.forward(tape.input(&x)).value(), outputs.value());
    let ends = [outputs.at(1, -1).slice(-1, ..3, 1), outputs.at(1, 0).slice(-1, 3.., 1)];
    assert_eq!(Var::concat(&ends, -1).value(), state.value());
    assert_eq!(outputs.slice(-1, ..3, 1).value(), draw.forward_layer.forward(tape.input(&x)).value());
    panics(&["the first layer is reversed"], || Bidirectional::new(gru().reversed(), gru()));
}

#[test]
fn rows_of_any_length_train_and_predict_independently() {
    #[bayesian]
    struct Reader {
        words: Embedding,
        layer: Bidirectional<Gru>,
        head: Dense,
    }
    #[bayesian]
    impl Reader {
        fn forward(&self, x: Var) -> Var {
            let sequence = Sequence::of(x);
            let words = self.words.forward(sequence.x.at(-1, 0));
            let (_, state) = self.layer.forward_with_state_padded(words, sequence.lengths);
            self.head.forward(state)
        }
    }
    // The label is whether the last word is above 4.
    let words = |row: usize| Tensor::<f32>::from_fn([1 + row % 6, 1], |t| ((row * 7 + t * 5) % 9) as f64);
    let rows: Vec<Tensor> = (0..90).map(words).collect();
    let labels: Vec<usize> = rows.iter().map(|row| usize::from(*row.data().last().unwrap() > 4.0)).collect();
    let data = Examples::new(sequence::pack(&rows).unwrap(), labels).unwrap();
    let (train, test) = data.split(0.7, 1).unwrap();
    let layer = || Gru::new(4, 6);
    let mut model =
        Reader { words: Embedding::new(9, 4), layer: Bidirectional::new(layer(), layer()), head: Dense::new(12, 2) };
    let mut elbo = Elbo::new(Categorical).optimizer(Adam::new(3e-2)).batch_size(16).quiet();
    elbo.fit(&mut model, &train, Epochs(30)).unwrap();
    let predictions = model.predict(&Categorical, test.inputs(), Draws(8));
    assert!(predictions.accuracy(test.targets()) > 0.9, "{}", predictions.accuracy(test.targets()));
    // A row alone, cut to its length, has the same prediction.
    let outputs = |x: &Tensor| {
        let tape = Tape::inference();
        model.mean(&tape).forward(tape.input(x)).value().to_vec()
    };
    let all = outputs(data.inputs());
    for row in [0, 1, 4, 89] {
        let alone = sequence::batch(data.inputs(), &[row]);
        assert_eq!(alone.shape()[1], 1 + row % 6);
        assert_near(&outputs(&alone), &all[2 * row..][..2], 1e-5);
    }
    // A forward that cannot read the mask is an error before training.
    let plain = Examples::new(Tensor::full([8, 3, 2], 0.5), vec![0; 8]).unwrap();
    let error = elbo.evaluate(&model, &plain, Draws(2)).unwrap_err().to_string();
    assert!(error.contains("the last channel is 0.5"), "{error}");
}

#[test]
fn buckets_hold_every_row_once_and_similar_lengths() {
    let lengths: Vec<usize> = (0..101).map(|row| 1 + (row * 37) % 23).collect();
    let batches = sequence::bucketed(&lengths, 8, Key::new(1));
    let mut all: Vec<usize> = batches.concat();
    all.sort_unstable();
    assert_eq!(all, (0..101).collect::<Vec<_>>());
    assert_eq!(batches.len(), 13);
    assert_eq!(batches.iter().filter(|batch| batch.len() < 8).count(), 1);
    // No two batches overlap in their lengths by more than an end.
    let mut ranges: Vec<[usize; 2]> = batches
        .iter()
        .map(|batch| {
            let of = batch.iter().map(|&row| lengths[row]);
            [of.clone().min().unwrap(), of.max().unwrap()]
        })
        .collect();
    assert!(!ranges.is_sorted(), "batches are in the order of their lengths");
    ranges.sort_unstable();
    assert!(ranges.windows(2).all(|pair| pair[0][1] <= pair[1][0]), "{ranges:?}");
    assert_eq!(batches, sequence::bucketed(&lengths, 8, Key::new(1)));
    assert_ne!(batches, sequence::bucketed(&lengths, 8, Key::new(1).step(1)));
    assert!(sequence::bucketed(&[], 8, Key::new(1)).is_empty());

    let packed = sequence::pack_to(STEPS, &rows()).unwrap();
    let batch = sequence::batch(&packed, &[2, 0]);
    assert_eq!((batch.shape(), sequence::lengths(&batch)), (&[2, 3, CHANNELS + 1][..], vec![1, 3]));
    assert_eq!(batch.data()[..3], packed.data()[2 * STEPS * 3..][..3]);
    panics(&["row 4 is out of range for 4"], || sequence::batch(&packed, &[4]));
}
