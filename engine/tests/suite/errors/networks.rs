//! Errors of the layers' operations: convolutions, pools, normalisation, attention, recurrent cells.

use elbo_engine::{Attention, Convolution, Pooling, Recurrent, Running, Tape, Var};

use super::{panics, zeros};

const NO_BIAS: Option<Var<'static, f64>> = None;

#[test]
fn convolutions_that_do_not_match() {
    let [x, w, b] = [zeros(&[2, 4, 5, 6]), zeros(&[6, 2, 3, 3]), zeros(&[4])];
    let [line, flat, empty] = [zeros(&[2, 4, 5]), zeros(&[6, 4]), zeros(&[6, 4, 0, 1])];
    let tape = Tape::new();
    let [x, w, b, line, flat, empty] = [&x, &w, &b, &line, &flat, &empty].map(|tensor| tape.input(tensor));
    let plain = Convolution::<2>::new();
    panics(&["convolve", "[2, 4, 5, 6]", "4 channels", "[6, 2, 3, 3]", "1 group"], || x.convolve(w, NO_BIAS, plain));
    panics(&["convolve", "[2, 4, 5, 6]", "[6, 2, 3, 3]", "4"], || x.convolve(w, NO_BIAS, plain.groups(4)));
    panics(&["convolve", "[2, 4, 5]", "2 spatial axes"], || line.convolve(w, NO_BIAS, plain));
    panics(&["convolve", "[6, 4]", "2 kernel axes"], || x.convolve(flat, NO_BIAS, plain));
    panics(&["convolve", "[2, 4, 5, 6]", "3 spatial axes"], || x.convolve(w, NO_BIAS, Convolution::<3>::new()));
    panics(&["convolve", "6 outputs", "[4]", "expected [6]"], || x.convolve(w, Some(b), plain.groups(2)));
    panics(&["convolve", "[6, 4, 0, 1]", "no taps", "axis 0"], || x.convolve(empty, NO_BIAS, plain));
    let wide = plain.groups(2).dilation([1, 4]).padding([0, 1]);
    panics(&["convolve", "axis 1", "spans 9", "has 8"], || x.convolve(w, NO_BIAS, wide));
    let huge = plain.groups(2).padding([usize::MAX / 2, 0]);
    panics(&["convolve", "memory"], || x.convolve(w, NO_BIAS, huge.padding([usize::MAX, 0])));
}

#[test]
fn transposed_convolutions_that_do_not_match() {
    let [x, w, b] = [zeros(&[2, 4, 5, 6]), zeros(&[4, 3, 2, 2]), zeros(&[4])];
    let [other, empty] = [zeros(&[3, 4, 2, 2]), zeros(&[2, 4, 0, 6])];
    let tape = Tape::new();
    let [x, w, b, other, empty] = [&x, &w, &b, &other, &empty].map(|tensor| tape.input(tensor));
    let plain = Convolution::<2>::new();
    let name = "convolve_transposed";
    panics(&[name, "[2, 4, 5, 6]", "[3, 4, 2, 2]", "takes 3"], || x.convolve_transposed(other, NO_BIAS, plain));
    panics(&[name, "3 group"], || x.convolve_transposed(w, NO_BIAS, plain.groups(3)));
    panics(&[name, "3 outputs", "[4]"], || x.convolve_transposed(w, Some(b), plain));
    panics(&[name, "axis 0", "[2, 4, 0, 6]"], || empty.convolve_transposed(w, NO_BIAS, plain));
    let narrow = plain.padding([0, 4]);
    panics(&[name, "axis 1", "padding of 4", "removes 8"], || x.convolve_transposed(w, NO_BIAS, narrow));
    let further = plain.stride([2, 2]).transposed().output_padding([1, 2]);
    panics(&[name, "output padding", "axis 1 is 2", "stride 2"], || x.convolve_transposed(w, NO_BIAS, further));
    panics(&[name, "3 spatial axes"], || x.convolve_transposed(w, NO_BIAS, Convolution::<3>::new()));
}

#[test]
fn pools_that_do_not_match() {
    let [x, empty] = [zeros(&[2, 4, 5, 6]), zeros(&[2, 4, 0, 6])];
    let tape = Tape::new();
    let [x, empty] = [&x, &empty].map(|tensor| tape.input(tensor));
    panics(&["max_pool", "[2, 4, 5, 6]", "1 spatial axes"], || x.max_pool(Pooling::new([2])));
    panics(&["avg_pool", "[2, 4, 5, 6]", "3 spatial axes"], || x.avg_pool(Pooling::new([2, 2, 2])));
    panics(&["max_pool", "axis 0", "spans 7", "has 5"], || x.max_pool(Pooling::new([4, 1]).dilation([2, 1])));
    panics(&["avg_pool", "axis 1", "window 0", "only padding"], || x.avg_pool(Pooling::new([1, 2]).padding([0, 2])));
    panics(&["max_pool", "axis 0", "only padding"], || empty.max_pool(Pooling::new([2, 2]).padding([1, 0])));
    panics(&["max_pool", "memory"], || x.max_pool(Pooling::new([2, 2]).padding([usize::MAX, 0])));
    panics(&["adaptive_avg_pool", "[2, 4, 5, 6]", "[3]", "1 spatial axes"], || x.adaptive_avg_pool([3]));
    panics(&["adaptive_avg_pool", "[2, 4, 5, 6]", "[0, 1]"], || x.adaptive_avg_pool([0, 1]));
    panics(&["adaptive_avg_pool", "[2, 4, 0, 6]", "at least 1"], || empty.adaptive_avg_pool([2, 1]));
}

#[test]
fn normalisations_that_do_not_match() {
    let [x, w, b] = [zeros(&[2, 4, 5]), zeros(&[4]), zeros(&[5])];
    let [line, point, example] = [zeros(&[4]), zeros(&[3, 4, 1]), zeros(&[1, 4])];
    let (mean, variance) = (w.clone(), b.clone());
    let tape = Tape::new();
    let [x, w, b, line, point, example] = [&x, &w, &b, &line, &point, &example].map(|tensor| tape.input(tensor));
    panics(&["layer_norm", "[2, 4, 5]", "weight", "shape [5]", "[4]"], || x.layer_norm(1, (w,), 1e-5));
    panics(&["layer_norm", "bias", "shape [5]", "[4]"], || x.layer_norm(1, (b, w), 1e-5));
    panics(&["layer_norm", "[2, 4, 5]", "last 0 axes"], || x.layer_norm(0, (), 1e-5));
    panics(&["rms_norm", "[2, 4, 5]", "last 4 axes", "at most 3"], || x.rms_norm(4, (), 1e-5));
    panics(&["rms_norm", "eps", "-1"], || x.rms_norm(1, (), -1.0));
    panics(&["group_norm", "[2, 4, 5]", "4 channels", "3 group"], || x.group_norm(3, (), 1e-5));
    panics(&["group_norm", "0 group"], || x.group_norm(0, (), 1e-5));
    panics(&["group_norm", "[4]", "(batch, channels, ..)"], || line.group_norm(1, (), 1e-5));
    panics(&["group_norm", "bias", "[4]", "[5]"], || x.group_norm(2, (w, b), 1e-5));
    panics(&["group_norm", "eps", "NaN"], || x.group_norm(2, (), f64::NAN));
    panics(&["instance_norm", "[3, 4, 1]", "more than one"], || point.instance_norm((), 1e-5));
    panics(&["instance_norm", "weight", "[4]", "[5]"], || x.instance_norm((b,), 1e-5));
    panics(&["batch_norm", "[4]", "(batch, channels, ..)"], || line.batch_norm((), None, 1e-5));
    panics(&["batch_norm", "[1, 4]", "at least 2"], || example.batch_norm((), None, 1e-5));
    panics(&["batch_norm", "weight", "[4]", "[5]"], || x.batch_norm((b,), None, 1e-5));
    let running = Running { mean: &mean, variance: &variance, momentum: 0.1 };
    panics(&["batch_norm", "[4]", "variance [5]"], || x.batch_norm((), Some(running), 1e-5));
    let running = Running { mean: &mean, variance: &mean, momentum: 1.5 };
    panics(&["batch_norm", "momentum", "1.5"], || x.batch_norm((), Some(running), 1e-5));
    panics(&["batch_norm_with", "variance [5]"], || x.batch_norm_with((), w, b, 1e-5));
}

#[test]
fn attention_that_does_not_match() {
    let [q, k, v] = [zeros(&[2, 3, 4]), zeros(&[2, 5, 4]), zeros(&[2, 5, 6])];
    let [other, line, narrow, mask] = [zeros(&[1, 5, 4]), zeros(&[4]), zeros(&[2, 3, 0]), zeros(&[3, 3, 5])];
    let tape = Tape::new();
    let [q, k, v, other, line, narrow, mask] =
        [&q, &k, &v, &other, &line, &narrow, &mask].map(|tensor| tape.input(tensor));
    let plain = Attention::new();
    panics(&["attention", "[2, 3, 4]", "[2, 5, 6]", "(.., keys, d)"], || q.attention(v, v, plain));
    panics(&["attention", "[2, 5, 4]", "[2, 3, 4]"], || q.attention(k, q, plain));
    panics(&["attention", "[1, 5, 4]", "equal axes"], || q.attention(other, v, plain));
    panics(&["attention", "[4]"], || line.attention(line, line, plain));
    panics(&["attention", "[2, 3, 0]", "0 features"], || narrow.attention(narrow, narrow, plain));
    panics(&["attention", "mask of shape [3, 3, 5]", "[3, 5]", "batch [2]"], || q.attention(k, v, plain.bias(mask)));
    panics(&["attention", "mask of shape [4]", "[3, 5]"], || q.attention(k, v, plain.allow(line)));
    panics(&["attention", "3 lengths", "batch [2]"], || q.attention(k, v, plain.lengths(&[5, 5, 5])));
    panics(&["attention", "example 1 is 6", "5 keys"], || q.attention(k, v, plain.lengths(&[5, 6])));
    panics(&["Attention", "a mask is already set"], || plain.bias(mask).allow(mask));
    panics(&["Attention", "scale", "NaN"], || plain.scale(f64::NAN));
}

#[test]
fn invalid_settings() {
    panics(&["Pooling", "[2, 0]"], || Pooling::new([2, 0]));
    panics(&["Pooling", "stride", "[0]"], || Pooling::new([2]).stride([0]));
    panics(&["Pooling", "dilation", "[0]"], || Pooling::new([2]).dilation([0]));
    panics(&["Convolution", "stride", "[1, 0]"], || Convolution::new().stride([1, 0]));
    panics(&["Convolution", "dilation", "[0]"], || Convolution::new().dilation([0]));
    panics(&["Convolution", "at least 1 group, got 0"], || Convolution::<3>::new().groups(0));
}

#[test]
fn recurrent_networks_that_do_not_match() {
    let [x, ih, hh, short, state, other] = [&[2, 3, 5][..], &[16, 5], &[16, 4], &[12, 4], &[2, 4], &[3, 4]].map(zeros);
    let (empty, b, wide) = (zeros(&[2, 0, 5]), zeros(&[16]), zeros(&[2, 16]));
    let tape = Tape::new();
    let [x, ih, hh, short, state, other, empty, b, wide] =
        [&x, &ih, &hh, &short, &state, &other, &empty, &b, &wide].map(|tensor| tape.input(tensor));
    let weights =
        Recurrent { weight_ih: ih, weight_hh: hh, biases: [Some(b), Some(b)], projection: None, reverse: false };
    panics(&["lstm", "[2, 5]", "(examples, steps, inputs)"], || x.at(1, 0).lstm(weights, [state; 2]));
    panics(&["lstm", "[2, 0, 5]", "no step"], || empty.lstm(weights, [state; 2]));
    panics(&["lstm", "[3, 4]", "[2, 4]"], || x.lstm(weights, [state, other]));
    panics(&["gru", "16 outputs", "3 · 4"], || x.gru(weights, state));
    let narrow = Recurrent { weight_hh: short, biases: [None, None], ..weights };
    panics(&["lstm", "[2, 12]", "4 · 4"], || x.lstm(narrow, [state; 2]));
    panics(&["affine", "[2, 3, 5]", "[16, 4]"], || x.lstm(Recurrent { weight_ih: hh, ..weights }, [state; 2]));
    panics(&["lstm", "3 lengths", "[2, 3, 5]", "2 examples"], || x.lstm_padded(&[3, 1, 2], weights, [state; 2]));
    panics(&["lstm", "row 1 is 4", "[2, 3, 5]", "3 steps"], || x.lstm_padded(&[3, 4], weights, [state; 2]));
    panics(&["lstm", "[3, 4]", "[2, 4]"], || x.lstm_padded(&[3, 1], weights, [state, other]));
    panics(&["gru", "16 outputs", "3 · 4"], || x.gru_padded(&[1, 2], weights, state));
    let projected = Recurrent { projection: Some(short), ..weights };
    panics(&["lstm", "12 outputs", "[2, 4]"], || x.lstm(projected, [state; 2]));
    panics(&["gru", "projection"], || x.gru(projected, state));
    panics(&["lstm_cell", "[2, 16]", "[3, 4]", "(examples, 4 · hidden)"], || wide.lstm_cell(wide, other));
    panics(&["gru_cell", "[2, 16]", "3 · hidden"], || wide.gru_cell(wide, state));
    panics(&["rnn_cell", "[2, 16]", "[2, 4]"], || wide.rnn_cell(state));
}
