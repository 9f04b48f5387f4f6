//! Networks of PyTorch are loaded and saved bit for bit, or refused with everything that differs.

use elbo::engine::io::safetensors::{Contents, Safetensors};
use elbo::nn::{BatchNorm, Bidirectional, Conv1d, Conv2d, Embedding, GroupNorm, Gru, LayerNorm, Lstm};
use elbo::prelude::*;
use elbo::{MatrixNormal, Pool, PyTorch, PyTorchError};
use safetensors::{Dtype, tensor::TensorView};

#[bayesian]
struct Net {
    embedding: Embedding,
    conv: Conv2d,
    norm: BatchNorm,
    group: GroupNorm,
    layer: LayerNorm,
    lstm: Lstm,
    both: Bidirectional<Gru>,
    layers: [Lstm; 2],
    body: [Dense; 1],
    offset: Point,
    head: Dense<MatrixNormal, LearnedNormal>,
}

fn net() -> Net {
    Net {
        embedding: Embedding::new(5, 3),
        conv: Conv2d::new(2, 4, [3, 1]),
        norm: BatchNorm::new(4),
        group: GroupNorm::new(2, 4),
        layer: LayerNorm::new([3, 2]),
        lstm: Lstm::new(3, 2),
        both: Bidirectional::new(Gru::new(2, 2), Gru::new(2, 2)),
        layers: [Lstm::new(2, 2), Lstm::new(2, 2)],
        body: [Dense::new(2, 2)],
        offset: Point::new([2]),
        head: Dense::of(2, 2, |shape| MatrixNormal::new(shape), LearnedNormal::new(1.0)),
    }
}

/// The `state_dict` of such a network, as PyTorch names it.
fn state_dict() -> Vec<(String, Tensor)> {
    let mut shapes: Vec<(String, Vec<usize>)> = [
        ("embedding.weight", &[5, 3][..]),
        ("conv.weight", &[4, 2, 3, 1]),
        ("conv.bias", &[4]),
        ("norm.weight", &[4]),
        ("norm.bias", &[4]),
        ("norm.running_mean", &[4]),
        ("norm.running_var", &[4]),
        ("group.weight", &[4]),
        ("group.bias", &[4]),
        ("layer.weight", &[3, 2]),
        ("layer.bias", &[3, 2]),
        ("body.0.weight", &[2, 2]),
        ("body.0.bias", &[2]),
        ("offset", &[2]),
        ("head.weight", &[2, 2]),
        ("head.bias", &[2]),
    ]
    .map(|(name, shape)| (name.to_owned(), shape.to_vec()))
    .into();
    for (layer, gates, inputs, suffixes) in
        [("lstm", 4, 3, ["l0"].as_slice()), ("both", 3, 2, &["l0", "l0_reverse"]), ("layers", 4, 2, &["l0", "l1"])]
    {
        for suffix in suffixes {
            shapes.push((format!("{layer}.weight_ih_{suffix}"), vec![2 * gates, inputs]));
            shapes.push((format!("{layer}.weight_hh_{suffix}"), vec![2 * gates, 2]));
            shapes.push((format!("{layer}.bias_ih_{suffix}"), vec![2 * gates]));
            shapes.push((format!("{layer}.bias_hh_{suffix}"), vec![2 * gates]));
        }
    }
    let values = |i: usize, shape: Vec<usize>| Tensor::from_fn(shape, |j| ((i * 100 + j) as f64 * 0.37).sin());
    shapes.into_iter().enumerate().map(|(i, (name, shape))| (name, values(i, shape))).collect()
}

fn file(tensors: &[(String, Tensor)]) -> Vec<u8> {
    let mut contents = Contents::new();
    tensors.iter().for_each(|(name, tensor)| contents.tensor(name, tensor));
    contents.into_bytes()
}

fn bits(model: &impl Parameters<Scalar = f32>) -> Vec<(String, Vec<u32>)> {
    let mut bits = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |path, _, tensor| {
        bits.push((path.to_string(), tensor.data().iter().map(|x| x.to_bits()).collect()));
    });
    bits
}

fn find(bits: &[(String, Vec<u32>)], name: &str) -> Vec<u32> {
    bits.iter().find(|(found, _)| found == name).unwrap_or_else(|| panic!("{name}")).1.clone()
}

#[test]
fn a_state_dict_returns_bit_for_bit() {
    let theirs = state_dict();
    let mut net = net();
    let before = bits(&net);
    let mut with_counter = theirs.clone();
    with_counter.push(("norm.num_batches_tracked".to_owned(), Tensor::zeros([])));
    let report = PyTorch::new().load_from_bytes(&mut net, "net", file(&with_counter)).unwrap();
    assert_eq!(report.used.len(), theirs.len());
    assert_eq!(report.unused, ["norm.num_batches_tracked"]);
    assert!(
        report.kept.iter().all(|name| name.contains("rho") || name.contains("rows") || name.contains("col")),
        "{report}"
    );
    // Scales and hyperparameters are as they were.
    for name in &report.kept {
        assert_eq!(find(&bits(&net), name), find(&before, name));
    }
    let written = Safetensors::from_bytes("saved", PyTorch::new().save_to_bytes(&net).unwrap()).unwrap();
    // A stack of recurrent layers is a list of them in what is saved.
    let saved = |name: &str| match name.strip_prefix("layers.") {
        Some(rest) => format!("layers.{}.{}_l0", &rest[rest.len() - 1..], &rest[..rest.len() - 3]),
        None => name.to_owned(),
    };
    assert_eq!(written.names().len(), theirs.len());
    for (name, tensor) in &theirs {
        assert_eq!(&written.tensor::<f32>(&saved(name)).unwrap(), tensor, "{name}");
    }
    // What is saved is loaded, too.
    let mut again = self::net();
    PyTorch::new().load_from_bytes(&mut again, "saved", PyTorch::new().save_to_bytes(&net).unwrap()).unwrap();
    assert_eq!(again.mean_weights(), net.mean_weights());
}

#[bayesian]
struct Small {
    conv: Conv2d,
    lstm: Lstm,
    fc: Dense,
}

fn small() -> Small {
    Small { conv: Conv2d::new(1, 2, [2, 2]), lstm: Lstm::new(2, 1), fc: Dense::new(3, 2) }
}

#[test]
fn a_network_of_bayesian_torch_has_its_scales_too() {
    let names = [
        ("conv", "kernel", "conv.weight"),
        ("conv", "bias", "conv.bias"),
        ("lstm.ih", "weight", "lstm.weight_ih"),
        ("lstm.hh", "weight", "lstm.weight_hh"),
        ("lstm.ih", "bias", "lstm.bias_ih"),
        ("lstm.hh", "bias", "lstm.bias_hh"),
        ("fc", "weight", "fc.weight"),
        ("fc", "bias", "fc.bias"),
    ];
    let mut net = small();
    let weights = net.mean_weights();
    let shapes: Vec<Vec<usize>> = {
        let mut shapes = Vec::new();
        weights
            .visit(&elbo::Path::ROOT, &mut |path, _, tensor| shapes.push((path.to_string(), tensor.shape().to_vec())));
        let shape = |ours: &str| shapes.iter().find(|(name, _)| name == ours).unwrap().1.clone();
        names.iter().map(|(_, _, ours)| shape(ours)).collect()
    };
    let mut tensors = Vec::new();
    for (i, ((layer, leaf, _), shape)) in names.iter().zip(&shapes).enumerate() {
        let of = |what: f64| Tensor::from_fn(shape.clone(), |j| what + (i * 10 + j) as f64 * 0.01);
        tensors.push((format!("{layer}.mu_{leaf}"), of(0.0)));
        tensors.push((format!("{layer}.rho_{leaf}"), of(-4.0)));
    }
    let report = PyTorch::new().load_from_bytes(&mut net, "bnn", file(&tensors)).unwrap();
    assert_eq!((report.used.len(), report.kept.len(), report.unused.len()), (16, 0, 0), "{report}");
    let found = bits(&net);
    for (pair, (_, _, ours)) in tensors.chunks(2).zip(&names) {
        for (part, (_, tensor)) in ["mean", "rho"].iter().zip(pair) {
            let expected: Vec<u32> = tensor.data().iter().map(|x| x.to_bits()).collect();
            assert_eq!(find(&found, &format!("{ours}.{part}")), expected, "{ours}");
        }
    }
    // A mean without its scale is a mistake, and nothing is loaded.
    tensors.retain(|(name, _)| name != "fc.rho_weight");
    let said = PyTorch::new().load_from_bytes(&mut net, "bnn", file(&tensors)).unwrap_err().to_string();
    assert!(said.contains("missing in the file: `fc.rho_weight` for `fc.weight.rho` of shape [2, 3]"), "{said}");
    assert_eq!(bits(&net), found);
}

#[bayesian]
struct Pair {
    first: Dense,
    second: Dense,
}

fn pair() -> Pair {
    Pair { first: Dense::new(3, 2), second: Dense::new(2, 2) }
}

fn named(tensors: &[(&str, &[usize])]) -> Vec<(String, Tensor)> {
    let fill = |shape: &[usize]| Tensor::from_fn(shape.to_vec(), |i| i as f64 + 1.0);
    tensors.iter().map(|(name, shape)| ((*name).to_owned(), fill(shape))).collect()
}

#[test]
fn names_are_mapped_and_parts_are_kept_or_transposed() {
    let mut net = pair();
    let before = bits(&net);
    let theirs = named(&[("module.fc.weight", &[3, 2]), ("module.fc.bias", &[2])]);
    let options = PyTorch::new().rename("module.fc", "first").keep("second").transposed("first.weight").sd(0.25);
    let report = options.load_from_bytes(&mut net, "net", file(&theirs)).unwrap();
    assert_eq!(net.first.weight.mean.data(), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);
    assert!(net.first.weight.sd().data().iter().all(|sd| (sd - 0.25).abs() < 1e-6));
    assert_eq!(report.transposed, ["module.fc.weight"]);
    assert_eq!(report.scales, ["first.bias.rho", "first.weight.rho"]);
    assert_eq!(report.kept, ["second.weight.mean", "second.weight.rho", "second.bias.mean", "second.bias.rho"]);
    assert_eq!(bits(&net)[4..], before[4..]);
    // The same mapping saves what it has loaded.
    let saved = Safetensors::from_bytes("saved", options.save_to_bytes(&net).unwrap()).unwrap();
    assert_eq!(saved.names().collect::<Vec<_>>(), ["module.fc.bias", "module.fc.weight"]);
    let weight = saved.tensor::<f32>("module.fc.weight").unwrap();
    assert_eq!((weight.shape(), weight.data()), (&[3, 2][..], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0][..]));
    // A whole name, and the network itself.
    let theirs =
        named(&[("w", &[2, 3]), ("net.first.bias", &[2]), ("net.second.weight", &[2, 2]), ("net.second.bias", &[2])]);
    PyTorch::new()
        .rename("net", "")
        .rename("w", "first.weight")
        .load_from_bytes(&mut net, "net", file(&theirs))
        .unwrap();
    assert_eq!(net.first.weight.mean.data(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn all_mistakes_are_listed_at_once_and_nothing_is_loaded() {
    let mut net = pair();
    let before = bits(&net);
    let mut contents = Contents::new();
    for (name, tensor) in named(&[("first.weight", &[3, 2]), ("firts.bias", &[2]), ("second.bias", &[3])]) {
        contents.tensor(&name, &tensor);
    }
    contents.flags("second.weight", &[2, 2], vec![true; 4]);
    let error = PyTorch::new().load_from_bytes(&mut net, "net", contents.into_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "net: its tensors are not those of the model. Nothing was loaded; `rename` and `keep` change what is expected\n  \
         missing in the file: `first.bias` of shape [2]\n  \
         not in the model: `firts.bias` of shape [2]\n  \
         another shape: `first.weight` for `first.weight.mean` is [3, 2] in the file and [2, 3] in the model\n  \
         another shape: `second.bias` for `second.bias.mean` is [3] in the file and [2] in the model\n  \
         another type: `second.weight` for `second.weight.mean` is bool in the file and of floating-point numbers in the \
         model\n  \
         these would fit transposed: `first.weight`; `transposed` names such weights"
    );
    // A square matrix is never transposed unless it is named.
    let mut square = Dense::new(2, 2);
    let theirs = named(&[("weight", &[2, 2]), ("bias", &[2])]);
    PyTorch::new().load_from_bytes(&mut square, "net", file(&theirs)).unwrap();
    assert_eq!(square.weight.mean.data(), [1.0, 2.0, 3.0, 4.0]);
    PyTorch::new().transposed("weight").load_from_bytes(&mut square, "net", file(&theirs)).unwrap();
    assert_eq!(square.weight.mean.data(), [1.0, 3.0, 2.0, 4.0]);
    let saved = PyTorch::new().transposed("weight").save_to_bytes(&square).unwrap();
    let mut again = Dense::new(2, 2);
    PyTorch::new().load_from_bytes(&mut again, "net", saved).unwrap();
    assert_eq!(again.weight.mean.data(), [1.0, 2.0, 3.0, 4.0]);

    for (options, expected) in [
        (
            PyTorch::new().rename("a", "frist"),
            "`rename`: `frist` is nothing in the model; the nearest names are `first`",
        ),
        (PyTorch::new().keep("heads"), "`keep`: `heads` is nothing in the model"),
        (PyTorch::new().transposed("*.weigt"), "`transposed`: `*.weigt` is nothing in the model"),
    ] {
        let said = options.load_from_bytes(&mut net, "net", file(&[])).unwrap_err().to_string();
        assert!(said.contains(expected), "{said}");
        assert!(options.save_to_bytes(&net).is_err());
    }
    let twice = PyTorch::new().rename("a", "first").rename("a", "second").save_to_bytes(&net).unwrap_err();
    assert!(matches!(&twice, PyTorchError::Twice { name, .. } if name == "a.bias"), "{twice}");
    assert!(matches!(PyTorch::new().load(&mut net, "/nowhere.safetensors"), Err(PyTorchError::File(_))));
    let damaged = PyTorch::new().load_from_bytes(&mut net, "net", vec![1; 40]);
    assert!(matches!(damaged, Err(PyTorchError::File(_))));
    assert_eq!(bits(&net), before);
}

#[test]
fn a_family_without_a_mean_or_a_scale_to_set_is_refused() {
    let theirs = named(&[("weight", &[2, 2]), ("bias", &[2])]);
    let mut matrix: Dense<MatrixNormal> = Dense::of(2, 2, MatrixNormal::new, Normal(0.0, 1.0));
    let before = bits(&matrix);
    let said = PyTorch::new().sd(0.1).load_from_bytes(&mut matrix, "net", file(&theirs)).unwrap_err().to_string();
    assert!(
        said.starts_with("the standard deviation of `weight` cannot be set, because its posterior is `MatrixNormal`")
    );
    assert_eq!(bits(&matrix), before);
    let mut positive: Dense<LogNormal, MonteCarlo<HalfNormal>> =
        Dense::of(2, 2, |shape| LogNormal::new(shape), MonteCarlo(HalfNormal(1.0)));
    let said = PyTorch::new().load_from_bytes(&mut positive, "net", file(&theirs)).unwrap_err().to_string();
    assert!(said.starts_with("the mean of `"), "{said}");
}

#[test]
fn numbers_of_every_width_are_rounded_and_others_are_refused() {
    let with = |dtype: Dtype, bytes: &[u8]| {
        let view = TensorView::new(dtype, vec![1], bytes).unwrap();
        let weight = TensorView::new(Dtype::F32, vec![1, 1], &[0; 4]).unwrap();
        safetensors::serialize([("bias", view), ("weight", weight)], None).unwrap()
    };
    let load = |dtype, bytes: &[u8]| {
        let mut layer = Dense::new(1, 1);
        let report = PyTorch::new().load_from_bytes(&mut layer, "net", with(dtype, bytes));
        report.map(|report| (layer.bias.mean.data()[0], report.rounded)).map_err(|error| error.to_string())
    };
    assert_eq!(load(Dtype::F16, &0x3555u16.to_le_bytes()), Ok((0.333_251_95, vec![])));
    assert_eq!(load(Dtype::BF16, &0x3fc0u16.to_le_bytes()), Ok((1.5, vec![])));
    let rounded = vec![("bias".to_owned(), "f64".to_owned())];
    assert_eq!(load(Dtype::F64, &0.1f64.to_le_bytes()), Ok((0.1, rounded)));
    let refused = |dtype, bytes: &[u8]| load(dtype, bytes).unwrap_err();
    assert!(
        refused(Dtype::F64, &1e39f64.to_le_bytes()).contains("`bias` for `bias.mean` is f64 with 1e39 in the file")
    );
    assert!(refused(Dtype::F32, &f32::NAN.to_le_bytes()).contains("f32 with NaN in the file and of finite numbers"));
    assert!(refused(Dtype::I32, &1i32.to_le_bytes()).contains("is i32 in the file and of floating-point numbers"));
}

#[bayesian]
struct Normed {
    fc: Dense,
    norm: BatchNorm,
}

#[test]
fn draws_are_stacked_each_with_its_own_statistics() {
    let model = |key: u64| {
        let mut model = Normed { fc: Dense::new(2, 3), norm: BatchNorm::new(3) };
        model.initialise(Key::new(key));
        model.norm.mean.0.data_mut().fill(key as f32);
        model
    };
    let models = [model(1), model(2)];
    let pool = Pool::new(models.iter().map(|model| model.posterior(Draws(2))).collect());
    let file = Safetensors::from_bytes("draws", PyTorch::new().save_draws_to_bytes(&pool).unwrap()).unwrap();
    let statistics = file.tensor::<f32>("norm.running_mean").unwrap();
    assert_eq!((statistics.shape(), statistics.data()), (&[4, 3][..], &[[1.0; 6], [2.0; 6]].concat()[..]));
    let drawn = file.tensor::<f32>("fc.weight").unwrap();
    assert_eq!(drawn.shape(), [4, 3, 2]);
    let (tape, mut expected) = (Tape::inference(), Vec::new());
    for draw in 0..4 {
        expected.extend_from_slice(Weights::of(&pool.draw(&tape, draw)).get("fc.weight").unwrap());
    }
    assert_eq!(drawn.data(), expected);
}

#[bayesian]
struct Exchanged {
    embedding: Embedding,
    conv: Conv1d,
    norm: BatchNorm,
    lstm: Lstm,
    gru: Bidirectional<Gru>,
    scale: LayerNorm,
    fc: Dense,
}

#[bayesian]
impl Exchanged {
    fn forward(&self, x: Var) -> Var {
        let x = self.embedding.forward(x).permute(&[0, 2, 1]);
        let x = self.norm.forward(self.conv.forward(x)).relu().permute(&[0, 2, 1]);
        let x = self.gru.forward(self.lstm.forward(x));
        self.fc.forward(self.scale.forward(x.mean_axes(&[1], false)))
    }
}

/// The first half of `layers/tests/reference/pytorch_files.py`, which writes a network's file and its outputs, and then checks
/// the files that this writes.
#[test]
#[ignore = "needs ELBO_PYTORCH, the folder of `layers/tests/reference/pytorch_files.py`"]
fn networks_are_exchanged_with_pytorch() {
    let folder = std::path::PathBuf::from(std::env::var_os("ELBO_PYTORCH").expect("ELBO_PYTORCH is set"));
    let new = || Exchanged {
        embedding: Embedding::new(11, 4),
        conv: Conv1d::new(4, 6, [3]).padding([1]),
        norm: BatchNorm::new(6),
        lstm: Lstm::new(6, 5),
        gru: Bidirectional::new(Gru::new(5, 3), Gru::new(5, 3)),
        scale: LayerNorm::new([6]),
        fc: Dense::new(6, 2),
    };
    let mut net = new();
    let report = PyTorch::new().sd(0.05).load(&mut net, folder.join("net.safetensors")).unwrap();
    assert_eq!(report.unused, ["norm.num_batches_tracked"], "{report}");
    let expected = Safetensors::open(folder.join("outputs.safetensors")).unwrap();
    let (x, y) = (expected.tensor::<f32>("input").unwrap(), expected.tensor::<f32>("output").unwrap());
    let tape = Tape::inference();
    let found = net.mean(&tape).forward(tape.input(&x));
    crate::common::assert_near(found.value(), y.data(), 1e-5);
    PyTorch::new().save(&net, folder.join("back.safetensors")).unwrap();
    let samples = net.posterior(Draws(3));
    PyTorch::new().save_draws(&samples, folder.join("draws.safetensors")).unwrap();
    let outputs = Predict::outputs(&samples, &x);
    elbo::engine::io::safetensors::write(folder.join("draw_outputs.safetensors"), [("output", outputs.tensor())], [])
        .unwrap();
    elbo::Onnx::draws(&samples, &x).unwrap().write(folder.join("draws.onnx")).unwrap();
    let mut bayesian = Dense::new(3, 2);
    PyTorch::new().load(&mut bayesian, folder.join("bayesian_torch.safetensors")).unwrap();
    let sd = bayesian.weight.sd();
    elbo::engine::io::safetensors::write(folder.join("sd.safetensors"), [("sd", &sd)], []).unwrap();
}
