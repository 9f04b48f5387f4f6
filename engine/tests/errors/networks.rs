//! Mistakes in what networks are made of.

use elbo_engine::{Convolution, Pooling, Tape, Var};

use super::{panics, zeros};

const NO_BIAS: Option<Var<'static, f64>> = None;

#[test]
fn convolutions_that_do_not_fit() {
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
fn transposed_convolutions_that_do_not_fit() {
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
    panics(&[name, "axis 1", "padding of 4", "takes away 8"], || x.convolve_transposed(w, NO_BIAS, narrow));
    let further = plain.stride([2, 2]).transposed().output_padding([1, 2]);
    panics(&[name, "output padding of 2", "axis 1", "stride 2"], || x.convolve_transposed(w, NO_BIAS, further));
    panics(&[name, "3 spatial axes"], || x.convolve_transposed(w, NO_BIAS, Convolution::<3>::new()));
}

#[test]
fn pools_that_do_not_fit() {
    let [x, empty] = [zeros(&[2, 4, 5, 6]), zeros(&[2, 4, 0, 6])];
    let tape = Tape::new();
    let [x, empty] = [&x, &empty].map(|tensor| tape.input(tensor));
    panics(&["max_pool", "[2, 4, 5, 6]", "1 spatial axes"], || x.max_pool(Pooling::new([2])));
    panics(&["mean_pool", "[2, 4, 5, 6]", "3 spatial axes"], || x.mean_pool(Pooling::new([2, 2, 2])));
    panics(&["max_pool", "axis 0", "spans 7", "has 5"], || x.max_pool(Pooling::new([4, 1]).dilation([2, 1])));
    panics(&["mean_pool", "axis 1", "window 0", "padding alone"], || x.mean_pool(Pooling::new([1, 2]).padding([0, 2])));
    panics(&["max_pool", "axis 0", "padding alone"], || empty.max_pool(Pooling::new([2, 2]).padding([1, 0])));
    panics(&["max_pool", "memory"], || x.max_pool(Pooling::new([2, 2]).padding([usize::MAX, 0])));
    panics(&["adaptive_mean_pool", "[2, 4, 5, 6]", "[3]", "1 spatial axes"], || x.adaptive_mean_pool([3]));
    panics(&["adaptive_mean_pool", "[2, 4, 5, 6]", "[0, 1]"], || x.adaptive_mean_pool([0, 1]));
    panics(&["adaptive_mean_pool", "[2, 4, 0, 6]", "at least 1"], || empty.adaptive_mean_pool([2, 1]));
}

#[test]
fn settings_that_make_no_sense() {
    panics(&["Pooling", "[2, 0]"], || Pooling::new([2, 0]));
    panics(&["Pooling", "stride", "[0]"], || Pooling::new([2]).stride([0]));
    panics(&["Pooling", "dilation", "[0]"], || Pooling::new([2]).dilation([0]));
    panics(&["Convolution", "stride", "[1, 0]"], || Convolution::new().stride([1, 0]));
    panics(&["Convolution", "dilation", "[0]"], || Convolution::new().dilation([0]));
    panics(&["Convolution", "0 groups"], || Convolution::<3>::new().groups(0));
}
