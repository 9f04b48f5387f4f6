//! ONNX graphs: their structure and weights are checked here. With `ELBO_ONNX` set to a folder, they are written there with
//! inputs and outputs, for `layers/tests/reference/onnx_graphs.py`, which runs them.

use std::collections::{BTreeMap, BTreeSet};

use elbo::engine::io::safetensors::Contents;
use elbo::engine::{Attention, Convolution, Padding, Pooling};
use elbo::nn::{
    AvgPool2d, BatchNorm, Bidirectional, Conv1d, Conv2d, Conv3d, Dropout, Embedding, GroupNorm, Gru, LastLayer,
    LayerNorm, Lstm, MaxPool2d, Rnn, WithConstants,
};
use elbo::prelude::*;
use elbo::{Model, Onnx, OnnxError};

/// A field of a message.
enum Field<'b> {
    Number(u64),
    Bytes(&'b [u8]),
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let (&byte, rest) = bytes.split_first().expect("a whole number");
        *bytes = rest;
        value |= u64::from(byte & 127) << shift;
        shift += 7;
        if byte < 128 {
            return value;
        }
    }
}

/// The fields of a message of protocol buffers, by number.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Field<'_>)> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let length = match key & 7 {
            0 => {
                fields.push((key >> 3, Field::Number(varint(&mut bytes))));
                continue;
            }
            1 => 8,
            2 => varint(&mut bytes) as usize,
            5 => 4,
            wire => panic!("wire type {wire}"),
        };
        let (part, rest) = bytes.split_at(length);
        fields.push((key >> 3, Field::Bytes(part)));
        bytes = rest;
    }
    fields
}

fn parts(bytes: &[u8], number: u64) -> Vec<&[u8]> {
    let wanted = |(found, field)| match field {
        Field::Bytes(part) if found == number => Some(part),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(wanted).collect()
}

fn numbers(bytes: &[u8], number: u64) -> Vec<u64> {
    let wanted = |(found, field)| match field {
        Field::Number(value) if found == number => Some(value),
        _ => None,
    };
    fields(bytes).into_iter().filter_map(wanted).collect()
}

fn texts(bytes: &[u8], number: u64) -> Vec<String> {
    parts(bytes, number).into_iter().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
}

/// A node's operator, inputs and output.
type Node = (String, Vec<String>, String);

struct Parsed {
    nodes: Vec<Node>,
    /// Shapes and bytes, by name.
    initialisers: BTreeMap<String, (Vec<u64>, Vec<u8>)>,
}

/// Parses a file, and checks that every value is defined once, before it is used, and that initialisers have their size.
fn parse(onnx: &Onnx) -> Parsed {
    let model = onnx.bytes();
    assert_eq!((numbers(model, 1), numbers(parts(model, 8)[0], 2)), (vec![9], vec![19]));
    let graph = parts(model, 7)[0];
    let mut defined: BTreeSet<String> = parts(graph, 11).into_iter().flat_map(|input| texts(input, 1)).collect();
    assert_eq!(defined.len(), 1);
    let mut initialisers = BTreeMap::new();
    for tensor in parts(graph, 5) {
        let (name, shape, bytes) = (texts(tensor, 8).remove(0), numbers(tensor, 1), parts(tensor, 9)[0].to_vec());
        let size = if numbers(tensor, 2) == [1] { 4 } else { 8 };
        assert_eq!(shape.iter().product::<u64>() * size, bytes.len() as u64, "{name}");
        assert!(defined.insert(name.clone()), "{name} twice");
        initialisers.insert(name, (shape, bytes));
    }
    let mut nodes = Vec::new();
    for node in parts(graph, 1) {
        let (inputs, mut outputs) = (texts(node, 1), texts(node, 2));
        let unknown = inputs.iter().find(|input| !input.is_empty() && !defined.contains(*input));
        assert!(unknown.is_none() && outputs.len() == 1, "{unknown:?} is not defined before it is used");
        assert!(defined.insert(outputs[0].clone()), "{} twice", outputs[0]);
        nodes.push((texts(node, 4).remove(0), inputs, outputs.remove(0)));
    }
    assert_eq!(texts(parts(graph, 12)[0], 1), ["output"]);
    assert_eq!(nodes.last().unwrap().2, "output");
    Parsed { nodes, initialisers }
}

/// Checks the structure of the mean's graph and of three draws', and writes them with inputs and outputs if asked to.
fn check<M: Model<Scalar = f32> + Sync>(name: &str, model: &mut M, example: &Tensor, x: &Tensor) {
    model.initialise(Key::new(7));
    model.visit_mut(&elbo::Path::ROOT, &mut |path, role, tensor| {
        let name = path.to_string();
        for (i, x) in tensor.data_mut().iter_mut().enumerate() {
            let i = i as f32;
            // Every weight matters, draws differ, and variances stay positive.
            match role {
                elbo::Role::Scale => *x = -2.0,
                elbo::Role::Buffer if name.ends_with("variance") => *x = 0.5 + 0.1 * i,
                _ => *x += 0.1 * (1.7 * i).sin(),
            }
        }
    });
    let samples = model.posterior(Draws(3).in_one_batch());
    let (mean, draws) = (Onnx::mean(model, example).unwrap(), Onnx::draws(&samples, example).unwrap());
    let [of_mean, of_draws] = [&mean, &draws].map(parse);
    assert!(of_draws.nodes.len() > 3 * (of_mean.nodes.len() - 1), "{name}");
    if let Some(folder) = std::env::var_os("ELBO_ONNX") {
        let folder = std::path::PathBuf::from(folder);
        for (kind, onnx, outputs) in
            [("mean", &mean, outputs_of_mean(model, x)), ("draws", &draws, outputs_of_draws(&samples, x))]
        {
            onnx.write(folder.join(format!("{name}.{kind}.onnx"))).unwrap();
            let mut contents = Contents::new();
            contents.tensor("input", x);
            contents.tensor("output", &outputs);
            contents.write(folder.join(format!("{name}.{kind}.safetensors"))).unwrap();
        }
    }
}

fn outputs_of_mean<M: Model<Scalar = f32> + Sync>(model: &M, x: &Tensor) -> Tensor {
    let one = outputs_of_draws(&model.point_estimate(), x);
    Tensor::new(&one.shape()[1..], one.data())
}

/// The outputs of each draw's forward pass.
fn outputs_of_draws<S: Samples<Model: Model<Scalar = f32>>>(samples: &S, x: &Tensor) -> Tensor {
    let (mut shape, mut data) = (Vec::new(), Vec::new());
    for draw in 0..samples.count() {
        let tape = Tape::inference();
        let y = elbo::ModelOutput::join(samples.draw(&tape, draw).forward(tape.input(x)));
        shape = [samples.count()].iter().chain(y.shape()).copied().collect();
        data.extend_from_slice(y.value());
    }
    Tensor::new(shape, data)
}

fn waves(shape: impl Into<elbo::Shape>) -> Tensor {
    Tensor::from_fn(shape.into(), |i| (i as f64 * 0.7).sin())
}

/// Example rows and others, of this shape without the rows.
fn rows(rest: &[usize]) -> [Tensor; 2] {
    [2, 7].map(|rows| waves([rows].iter().chain(rest).copied().collect::<Vec<usize>>()))
}

#[bayesian]
struct Mlp {
    fc1: Dense,
    dropout: Dropout,
    fc2: Dense,
}

#[bayesian]
impl Mlp {
    fn forward(&self, x: Var) -> Var {
        self.fc2.forward(self.dropout.forward(self.fc1.forward(x).relu()))
    }
}

fn mlp() -> Mlp {
    Mlp { fc1: Dense::new(3, 5), dropout: Dropout::monte_carlo(0.3), fc2: Dense::new(5, 2) }
}

#[test]
fn weights_are_stored_by_name_and_give_the_outputs() {
    let [example, x] = rows(&[3]);
    let mut model = mlp();
    check("mlp", &mut model, &example, &x);
    let graph = parse(&Onnx::mean(&model, &example).unwrap());
    let operators: Vec<&str> = graph.nodes.iter().map(|(operator, ..)| &operator[..]).collect();
    assert_eq!(operators, ["Gemm", "Relu", "Gemm", "Identity"]);
    let read = |name: &str| -> Vec<f32> {
        let (_, bytes) = &graph.initialisers[name];
        bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    assert_eq!(read("fc1.weight"), model.fc1.weight.mean.data());
    // The graph of this network, evaluated here.
    let gemm = |x: &[f32], node: &Node| {
        let (w, b) = (read(&node.1[1]), read(&node.1[2]));
        let inputs = w.len() / b.len();
        let output = |row: &[f32], o: usize| b[o] + row.iter().zip(&w[o * inputs..]).map(|(x, w)| x * w).sum::<f32>();
        x.chunks(inputs)
            .flat_map(|row| (0..b.len()).map(|o| output(row, o)).collect::<Vec<f32>>())
            .collect::<Vec<f32>>()
    };
    let hidden: Vec<f32> = gemm(x.data(), &graph.nodes[0]).into_iter().map(|x| x.max(0.0)).collect();
    let outputs = gemm(&hidden, &graph.nodes[2]);
    crate::common::assert_near(&outputs, outputs_of_mean(&model, &x).data(), 1e-5);
    // Draws have their weights under the draw's name, and the model's own output names do not clash.
    let draws = parse(&Onnx::draws(&model.posterior(Draws(2)), &example).unwrap());
    assert!(
        draws.initialisers.contains_key("draws.0.fc1.weight") && draws.initialisers.contains_key("draws.1.fc2.bias")
    );
}

#[bayesian]
struct Images {
    conv: Conv2d,
    norm: BatchNorm,
    pool: MaxPool2d,
    strided: Conv2d,
    group: GroupNorm,
    avg: AvgPool2d,
    head: Dense,
}

#[bayesian]
impl Images {
    fn forward(&self, x: Var) -> Var {
        let x = self.pool.forward(self.norm.forward(self.conv.forward(x)).relu());
        let x = self.avg.forward(self.group.forward(self.strided.forward(x)).silu());
        let pooled = x.adaptive_avg_pool([1, 1]).reshape([x.shape()[0], 6]);
        let features = x.shape()[1..].iter().product();
        self.head.forward(Var::concat(&[x.reshape([x.shape()[0], features]), pooled], -1)).log_softmax(-1)
    }
}

#[bayesian]
struct Signals {
    first: Conv1d,
    volume: Conv3d,
    kernel: Point,
    instance: Dense,
}

#[bayesian]
impl Signals {
    fn forward(&self, x: Var) -> Var {
        let (rows, kernel) = (x.shape()[0], self.kernel);
        let y = self.first.forward(x).elu(0.7);
        let settings = Convolution::new().stride([3]).padding([1]).transposed().output_padding([1]);
        let wide = y.convolve_transposed(kernel, None::<Var>, settings).instance_norm((), 1e-5);
        let cube = y.reshape([rows, 1, 2, 2, 8]);
        let cube = self.volume.forward(cube).max_pool(Pooling::new([2, 1, 2]).ceil(true));
        let all = Var::concat(&[wide.reshape([rows, wide.len() / rows]), cube.reshape([rows, cube.len() / rows])], 1);
        self.instance.forward(all.rms_norm(1, (), 1e-5))
    }
}

#[test]
fn networks_of_convolutions_are_written() {
    let [example, x] = rows(&[2, 9, 8]);
    let mut model = Images {
        conv: Conv2d::new(2, 4, [3, 3]).padding([1, 1]),
        norm: BatchNorm::new(4),
        pool: MaxPool2d::with(Pooling::new([2, 2]).padding([1, 0])),
        strided: Conv2d::new(4, 6, [2, 3]).stride([1, 2]).dilation([2, 1]).padding([0, 1]).without_bias(),
        group: GroupNorm::new(3, 6),
        avg: AvgPool2d::with(Pooling::new([2, 2]).stride([1, 1]).padding([1, 1]).count_padding(false)),
        head: Dense::new(6 * 4 * 3 + 6, 3),
    };
    check("images", &mut model, &example, &x);
    let [example, x] = rows(&[3, 10]);
    let mut model = Signals {
        first: Conv1d::new(3, 4, [3]),
        volume: Conv3d::new(1, 2, [1, 2, 3]),
        kernel: Point::new([4, 2, 4]),
        instance: Dense::new(2 * 24 + 6, 2),
    };
    check("signals", &mut model, &example, &x);
}

#[bayesian]
struct Text {
    embedding: Embedding,
    norm: LayerNorm,
    lstm: Lstm,
    both: Bidirectional<Gru>,
    rnn: Rnn,
    head: WithConstants<Dense>,
}

#[bayesian]
impl Text {
    fn forward(&self, x: Var) -> Var {
        let x = self.lstm.forward(self.norm.forward(self.embedding.forward(x)));
        let x = self.rnn.forward(self.both.forward(x));
        self.head.forward(x.at(1, -1) + x.mean_axes(&[1], false))
    }
}

#[bayesian]
struct Attending {
    q: Dense,
    k: Dense,
    v: Dense,
    bias: Point,
}

#[bayesian]
impl Attending {
    fn forward(&self, x: Var) -> Var {
        let (rows, steps) = (x.shape()[0], x.shape()[1]);
        let heads = |y: Var<'t>| y.reshape([rows, steps, 2, 2]).permute(&[0, 2, 1, 3]);
        let [q, k, v] = [self.q.forward(x), self.k.forward(x), self.v.forward(x)].map(heads);
        let causal = q.attention(k, v, Attention::new().causal().bias(self.bias));
        let allowed = q.gt(0.0).sum_axes(&[-1], true).broadcast_to([rows, 2, steps, steps]);
        let some = q.attention(k, v, Attention::new().allow(allowed).scale(0.3));
        (causal + some).permute(&[0, 2, 1, 3]).reshape([rows, steps * 4])
    }
}

#[test]
fn networks_of_sequences_are_written() {
    let words = |rows: usize| Tensor::from_fn([rows, 4], |i| ((i * i + 3 * i) % 6) as f64);
    let mut model = Text {
        embedding: Embedding::new(6, 3),
        norm: LayerNorm::new([3]),
        lstm: Lstm::new(3, 4).reversed(),
        both: Bidirectional::new(Gru::new(4, 2), Gru::new(4, 2)),
        rnn: Rnn::new(4, 3),
        head: WithConstants::new(Dense::new(3, 2), [0.5]),
    };
    check("text", &mut model, &words(3), &words(5));
    let [example, x] = rows(&[5, 3]);
    let dense = || Dense::new(3, 4);
    let mut model = Attending { q: dense(), k: dense(), v: dense(), bias: Point(waves([5, 5])) };
    check("attention", &mut model, &example, &x);
}

#[bayesian]
struct Functions {
    fc: Dense,
}

#[bayesian]
impl Functions {
    fn forward(&self, x: Var) -> Var {
        let x = self.fc.forward(x);
        let (rows, positive) = (x.shape()[0], x.softplus() + 0.1);
        let maps = [
            x.square().abs() + x.sign() - positive.sqrt() * positive.rsqrt(),
            positive.recip().exp_m1().ln_1p() / positive.exp(),
            positive.ln().tanh().sigmoid().log_sigmoid(),
            x.gelu() + x.gelu_tanh() + x.leaky_relu(0.2) + x.clamp(-0.5, f64::INFINITY),
            x.sin() * x.cos() + x.atan() - x.sinh() / x.cosh() + x.erf() * x.erfc(),
            positive.powf(1.3) + positive.pow(x) + positive.xlogx().clamp(-9.0, 9.0),
            x.relu().xlogx() + x.ln_add_exp(positive) - 2.0 * x + 1.0,
            x.maximum(positive * 0.5).minimum(1.5 / positive) + x.ge(0.3) + x.ne(positive) + x.lt(positive),
            x.gt(0.0).select(x, -x) * x.softmax(-1) + x.log_softmax(0).exp().sum_axes(&[0], true),
        ];
        let wide = Var::stack(&maps[..8], 1);
        let [first, second] = wide.split(1, [3, 5]);
        let parts = [
            first.mean_axes(&[1], false),
            second.max_axes(&[1], false) - second.min_axes(&[1], false),
            wide.log_sum_exp_axes(&[1], false).log_softmax(-1),
            wide.norm_axes(&[1], false) + wide.prod_axes(&[1], false),
            wide.variance_axes(&[1], false, 1) + wide.std_axes(&[1], true, 0).reshape([rows, 4]),
            wide.slice(1, 1..6, 2).sum_axes(&[1], false) + wide.at(1, -1).flip(&[1]),
            wide.index_select(1, &[3, 0, 3]).mean_axes(&[1], false),
            wide.transpose().matmul(wide).at(2, 1),
            maps[8],
        ];
        let joined = Var::concat(&parts[..7], 1);
        let padded = joined.pad(&[[0, 0], [1, 2]], Padding::Constant(0.25)).slice(1, ..-1, 1);
        Var::concat(&[padded, parts[7], parts[8], x.broadcast_to([2, rows, 4]).at(0, 0)], 1)
    }
}

#[test]
fn functions_and_reductions_are_written() {
    let [example, x] = rows(&[3]);
    check("functions", &mut Functions { fc: Dense::new(3, 4) }, &example, &x);
}

#[test]
fn what_a_graph_does_not_show_is_refused() {
    let (model, [example, _]) = (mlp(), rows(&[3]));
    let said = |result: Result<Onnx, OnnxError>| result.unwrap_err().to_string();
    let samples = model.posterior(Draws(1));
    assert!(said(Onnx::mean(&model, &waves([1, 3]))).contains("give two rows or more"));
    assert!(said(Onnx::mean(&model, &Tensor::zeros([4, 3]))).contains("give two rows or more that differ"));
    let sampled = SampledOutputs::new(&model, Draws(2));
    assert!(matches!(Onnx::draws(&sampled, &example), Err(OnnxError::SampledOutputs)));
    let unknown = Onnx::draws_with(&samples, &example, |net: MlpDraw<'_>, x| net.forward(x).cumsum(1));
    let unknown = said(unknown);
    assert!(unknown.contains("the operation `cumsum` cannot be written in ONNX"), "{unknown}");
    assert!(unknown.contains("onnx.rs:"), "{unknown}");
    // Lengths, factors and constants that are read from the inputs.
    let factor = Onnx::draws_with(&samples, &example, |net: MlpDraw<'_>, x| net.forward(x) * f64::from(x.value()[0]));
    assert!(said(factor).contains("has other settings of `scale and shift`"));
    // In whatever order the rows are read.
    let greatest = Onnx::draws_with(&samples, &example, |net: MlpDraw<'_>, x| {
        net.forward(x) * f64::from(x.value().iter().copied().fold(f32::NEG_INFINITY, f32::max))
    });
    assert!(said(greatest).contains("has other settings of `scale and shift`"));
    let constant = Onnx::draws_with(&samples, &example, |net: MlpDraw<'_>, x| {
        net.forward(x) + x.tape().constant([2], |i| x.value()[i])
    });
    assert!(said(constant).contains("has constants that depend on its inputs"));
    let by_row = Onnx::draws_with(&samples, &example, |net: MlpDraw<'_>, x| {
        net.forward(x) + x.tape().constant([x.shape()[0], 1], |i| i as f32)
    });
    assert!(said(by_row).contains("has constants that differ by row"));
    let shapes = Onnx::draws_with(&samples, &example, |net: MlpDraw<'_>, x| net.forward(x).slice(0, 1.., 1));
    assert!(
        said(shapes).contains("the operation `slice` cannot be written in ONNX: the number of its elements depends")
    );
    let large =
        Dense { weight: Point(Tensor::<f64>::full([1, 3], 1e300)), bias: Point::new([1]), prior: Normal(0.0, 1.0) };
    let example: Tensor<f64> = example.cast();
    assert!(matches!(Onnx::mean(&large, &example), Err(OnnxError::Value { .. })));
}

#[test]
fn a_last_layer_without_samples_is_written_with_its_variances() {
    let [example, x] = rows(&[3]);
    let mut model = LastLayer::new(3, 2);
    check("last_layer", &mut model, &example, &x);
}
