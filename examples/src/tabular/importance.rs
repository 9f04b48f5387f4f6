//! What matters: how much worse predictions get if a column's values are exchanged between rows.

use elbo::data::Encoder;
use elbo::prelude::*;

use super::prediction::Predictor;
use super::train::Data;

/// Rows that are predicted for each column at most, and draws.
const MOST: (usize, usize) = (500, 32);

/// The increase of the NLL, in nats per row, if the values of a column are shuffled among rows that the training has not seen
/// (Breiman 2001, section 10), for each input column by name, the largest first.
pub(super) fn importance(predictor: &Predictor, encoder: &Encoder, held_out: &Data, seed: u64) -> Vec<(String, f64)> {
    let rows: Vec<usize> = (0..held_out.len().min(MOST.0)).collect();
    let (data, predictor) = (held_out.select(&rows), Predictor { draws: MOST.1, ..predictor.clone() });
    let nll = |x: &Tensor| {
        let nats = predictor.score(x, &data.targets).log_likelihood;
        -nats.iter().sum::<f64>() / nats.len() as f64
    };
    let (before, width) = (nll(&data.inputs), encoder.width());
    let mut start = 0;
    let of_column = encoder.inputs().iter().enumerate().map(|(place, column)| {
        let columns = start..start + column.width();
        start = columns.end;
        let mut order = rows.clone();
        elbo::data::shuffle(&mut order, Key::new(seed).at("importance").index(place));
        let from = |i: usize| if columns.contains(&(i % width)) { order[i / width] * width + i % width } else { i };
        let shuffled: Vec<f32> = (0..data.inputs.len()).map(|i| data.inputs.data()[from(i)]).collect();
        (column.name().to_owned(), nll(&Tensor::new([rows.len(), width], shuffled)) - before)
    });
    let mut all: Vec<(String, f64)> = of_column.collect();
    all.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    all
}
