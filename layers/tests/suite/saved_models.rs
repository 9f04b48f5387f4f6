//! Models are loaded as they were saved, or refused with everything that differs.

use elbo::nn::BatchNorm;
use elbo::prelude::*;
use elbo::{CheckpointError, Ema};

use crate::common::Folder;

#[bayesian]
struct Net<T: Real> {
    body: Dense<MeanField<T>>,
    norm: BatchNorm<T>,
    head: Dense<LowRank<T>, LearnedNormal<T>>,
    offset: Point<T>,
}

fn net<T: Real>(key: u64) -> Net<T> {
    let mut net = Net {
        body: Dense::mean_field(3, 4),
        norm: BatchNorm::new(4),
        head: Dense::of(4, 2, |shape| LowRank::new(shape, 2), LearnedNormal::new(1.0)),
        offset: Point::new([2]),
    };
    let mut i = 0.0;
    net.visit_mut(&elbo::Path::ROOT, &mut |_, _, tensor| {
        for x in tensor.data_mut() {
            i += 1.0;
            *x = T::from_f64((i * 0.37 + key as f64).sin());
        }
    });
    net
}

fn bits<M: Parameters>(model: &M) -> Vec<(String, Vec<u64>)> {
    let mut bits = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |path, _, tensor| {
        bits.push((path.to_string(), tensor.data().iter().map(|x| x.to_f64().to_bits()).collect()));
    });
    bits
}

fn round_trip<T: Real>() {
    let folder = Folder::new(&format!("round-trip-{}", T::NAME));
    let file = folder.file("net.safetensors");
    let (from, mut to) = (net::<T>(1), net::<T>(2));
    from.save(&file).unwrap();
    to.load(&file).unwrap();
    assert_eq!(bits(&from), bits(&to));
    // Buffers and hyperparameters too.
    assert!(bits(&to).iter().any(|(name, _)| name.contains("norm")), "{:?}", bits(&to));
    let mut ema = Ema::new(0.9);
    ema.update(&from);
    ema.save(&file).unwrap();
    let mut read = Ema::new(0.9);
    read.update(&to);
    read.load(&file).unwrap();
    assert_eq!(bits(&read), bits(&ema));
}

#[test]
fn every_tensor_is_loaded_as_it_was_saved() {
    round_trip::<f32>();
    round_trip::<f64>();
}

#[bayesian]
struct Ordered {
    first: Dense,
    second: Dense,
}

#[bayesian]
struct Reordered {
    second: Dense,
    first: Dense,
}

#[test]
fn fields_may_have_another_order() {
    let mut from = Ordered { first: Dense::new(2, 2), second: Dense::new(2, 2) };
    from.initialise(Key::new(1));
    let mut to = Reordered { second: Dense::new(2, 2), first: Dense::new(2, 2) };
    to.load_from_bytes("net", from.save_to_bytes()).unwrap();
    assert_eq!(from.first.weight.mean, to.first.weight.mean);
    assert_eq!(from.second.weight.mean, to.second.weight.mean);
    assert_ne!(from.first.weight.mean, from.second.weight.mean);
}

#[bayesian]
struct Other {
    body: Dense<MeanField<f64>>,
    more: Dense<MeanField<f64>>,
}

#[test]
fn every_difference_is_listed_and_nothing_is_loaded() {
    let mut from = (Dense::<MeanField<f64>>::mean_field(3, 4), Dense::<MeanField<f64>>::mean_field(2, 2));
    from.initialise(Key::new(1));
    let folder = Folder::new("differences");
    let file = folder.file("net.safetensors");
    #[bayesian]
    struct Saved {
        body: Dense<MeanField<f64>>,
        less: Dense<MeanField<f64>>,
    }
    Saved { body: from.0, less: from.1 }.save(&file).unwrap();
    let mut to = Other { body: Dense::mean_field(5, 4), more: Dense::mean_field(2, 2) };
    let before = bits(&to);
    let error = to.load(&file).unwrap_err();
    let said = error.to_string();
    let CheckpointError::Model { differences, .. } = error else { panic!("{said}") };
    assert_eq!((differences.missing.len(), differences.extra.len(), differences.misshapen.len()), (4, 4, 2));
    assert!(differences.mistyped.is_empty());
    for part in [
        "missing in the file: `more.weight.mean` of shape [2, 2]",
        "not in the model: `less.bias.rho` of shape [2]",
        "another shape: `body.weight.rho` is [4, 3] in the file and [4, 5] in the model",
        "Saved`",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(bits(&to), before);
    let mut single: (Dense, Dense) = (Dense::new(3, 4), Dense::new(2, 2));
    let double: (Dense<MeanField<f64>>, Dense<MeanField<f64>>) = (Dense::mean_field(3, 4), Dense::mean_field(2, 2));
    let said = single.load_from_bytes("net", double.save_to_bytes()).unwrap_err().to_string();
    assert!(said.contains("another type: `0.weight.mean` is f64 in the file and f32 in the model"), "{said}");
    assert_eq!(said.matches("another type").count(), 8);
}

#[test]
fn a_part_is_loaded_by_pattern_and_the_rest_is_named() {
    let folder = Folder::new("pattern");
    let file = folder.file("net.safetensors");
    let mut from = Ordered { first: Dense::new(2, 3), second: Dense::new(3, 2) };
    from.initialise(Key::new(1));
    from.save(&file).unwrap();
    let mut to = Ordered { first: Dense::new(2, 3), second: Dense::new(3, 7) };
    let before = bits(&to.second);
    let report = to.load_matching(&file, "first").unwrap();
    assert_eq!(bits(&to.first), bits(&from.first));
    assert_eq!(bits(&to.second), before);
    assert_eq!((report.used.len(), report.unused.len(), report.missing.len()), (4, 4, 0));
    // What matches must fit.
    let said = to.load_matching(&file, "*.weight").unwrap_err().to_string();
    assert!(said.contains("`second.weight.mean` is [2, 3] in the file and [7, 3] in the model"), "{said}");
    let said = to.load_matching(&file, "frist").unwrap_err().to_string();
    assert!(said.contains("`frist` matches no tensor of the model; the nearest names are `first`"), "{said}");
    // Files of other programs.
    let w = Tensor::<f32>::full([3, 2], 0.5);
    elbo::engine::io::safetensors::write(&file, [("first.weight.mean", &w), ("other", &w)], []).unwrap();
    let report = to.load_matching(&file, "first.weight").unwrap();
    assert_eq!(to.first.weight.mean, w);
    assert_eq!((&report.unused[..], &report.missing[..]), (&["other".into()][..], &["first.weight.rho".into()][..]));
    assert_eq!(report.to_string(), "loaded first.weight.mean; not used: other; missing in the file: first.weight.rho");
    let said = to.load(&file).unwrap_err().to_string();
    assert!(said.contains("so elbo has not written it; `load_matching` loads tensors of other programs"), "{said}");
}

#[test]
fn damaged_foreign_and_later_files_are_refused() {
    let mut layer = Dense::new(2, 1);
    let bytes = layer.save_to_bytes();
    let before = bits(&layer);
    for bit in 0..8 * bytes.len() {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(layer.load_from_bytes("file", damaged).is_err(), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(layer.load_from_bytes("file", bytes[..length].to_vec()).is_err(), "{length} bytes");
    }
    assert_eq!(bits(&layer), before);
    let mut damaged = bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    let said = layer.load_from_bytes("net.safetensors", damaged).unwrap_err().to_string();
    assert!(said.starts_with("net.safetensors, array `weight.rho`, byte ") && said.contains("corrupt"), "{said}");
    // A later version may have anything else.
    let head = r#"{"format":7,"version":"3.1.0","new":[1]}"#;
    let later = elbo::engine::io::safetensors::to_bytes([("x", &Tensor::<f32>::zeros([1]))], [("elbo", head)]);
    let said = layer.load_from_bytes("net.safetensors", later).unwrap_err().to_string();
    assert!(said.contains("version 7") && said.contains("elbo 3.1.0: update elbo"), "{said}");
    let said = layer.load("/nowhere/net.safetensors").unwrap_err().to_string();
    assert!(said.starts_with("/nowhere/net.safetensors: cannot be read"), "{said}");
    let said = layer.save("/nowhere/net.safetensors").unwrap_err().to_string();
    assert!(said.starts_with("/nowhere/net.safetensors: cannot be written"), "{said}");
}
