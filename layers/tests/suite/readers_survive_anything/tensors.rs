//! The readers of tensors on random and damaged files.

use elbo::Tensor;
use elbo::engine::io::npz::{self, Npz, Packing};
use elbo::engine::io::safetensors::{self, Safetensors};
use elbo::engine::io::{FileError, npy};

use super::archive::{Member, archive};
use super::damage::{Random, damage, noise};
use super::{LARGE, memory, survive};

fn tensors() -> (Tensor<f32>, Tensor<f64>, Tensor<f64>) {
    (Tensor::from_fn([3, 4], |i| i as f64), Tensor::full([], 0.1), Tensor::zeros([7, 0, 2]))
}

/// A damaged file, or random bytes one time in four.
fn damaged(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    if random.one_in(4) {
        return noise(random, seeds);
    }
    let mut bytes = random.pick(seeds).clone();
    damage(random, &mut bytes, seeds);
    bytes
}

/// Files of arrays of different types, orders and versions.
fn arrays() -> Vec<Vec<u8>> {
    let (a, b, c) = tensors();
    let mut files = vec![npy::to_bytes(&a), npy::to_bytes(&b), npy::to_bytes(&c)];
    let mut with = |description: &str, data: usize| {
        let header = format!("{{'descr': {description}, }}");
        let length = (header.len() as u16).to_le_bytes();
        files.push([b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &vec![1; data]].concat());
    };
    with("'|b1', 'fortran_order': True, 'shape': (40, 50)", 2000);
    with("'>i8', 'fortran_order': True, 'shape': (2, 3)", 48);
    with("'<f2', 'fortran_order': False, 'shape': (9,)", 18);
    with("'|u1', 'fortran_order': True, 'shape': (3000,)", 3000);
    files
}

/// Reads all arrays, even after an error in one.
fn read_npz(bytes: &[u8]) -> Result<(), FileError> {
    let npz = Npz::from_bytes("file.npz", bytes.to_vec())?;
    let mut outcome = Ok(());
    for name in npz.names() {
        let labels = npz.labels(name).map(drop);
        outcome = npz.tensor::<f64>(name).map(drop).and(npz.tensor::<f32>(name).map(drop)).and(outcome);
        outcome = labels.or(outcome);
    }
    outcome
}

#[test]
fn npy_survives_anything() {
    let seeds = arrays();
    survive(
        "npy",
        memory::MESSAGE,
        100,
        |random, _| damaged(random, &seeds),
        |bytes| {
            let file = bytes.to_vec();
            npy::from_bytes::<f64>("file.npy", &file).map(drop)
        },
    );
}

#[test]
fn labels_of_npy_survive_anything() {
    let mut seeds = arrays();
    seeds.push(npy::to_bytes(&Tensor::<f32>::from_fn([30], |i| (i % 3) as f64)));
    seeds.push(npy::to_bytes(&Tensor::<f64>::from_fn([9, 1], |i| i as f64)));
    survive(
        "labels of npy",
        memory::MESSAGE,
        100,
        |random, _| damaged(random, &seeds),
        |bytes| {
            let file = bytes.to_vec();
            npy::labels_from_bytes("file.npy", &file).map(drop)
        },
    );
}

#[test]
fn npz_survives_anything() {
    let arrays = arrays();
    let (_, b, c) = tensors();
    let a = Tensor::<f64>::zeros([40]);
    let pack = |packing| npz::to_bytes([("a", &a), ("b", &b), ("empty", &c)], packing);
    let seeds = [pack(Packing::Stored), pack(Packing::Deflated), npz::to_bytes([("b", &b)], Packing::Deflated)];
    let string = |random: &mut Random, i: u64| {
        if i.is_multiple_of(LARGE) {
            let zeros = npy::to_bytes(&Tensor::<f32>::zeros([1 << (8 + random.below(14))]));
            return archive(&[Member::deflated("zeros.npy", &zeros, 6)]);
        }
        if random.one_in(2) {
            return damaged(random, &seeds);
        }
        // Damage with a correct checksum.
        let mut members = Vec::new();
        for name in ["a.npy", "b.npy", "a.txt"].iter().take(1 + random.below(3)) {
            let mut array = random.pick(&arrays).clone();
            if random.one_in(2) {
                damage(random, &mut array, &arrays);
            }
            let level = random.below(4) as u32;
            let member = if level == 0 { Member::stored(name, &array) } else { Member::deflated(name, &array, level) };
            members.push(member);
        }
        if random.one_in(8) {
            let last = members.len() - 1;
            members[last].size = *random.pick(&[0, 1, 0xffff, 0x7fff_ffff, u32::MAX]);
        }
        let mut bytes = archive(&members);
        if random.one_in(4) {
            damage(random, &mut bytes, &seeds);
        }
        bytes
    };
    survive("npz", memory::ALLOWANCE, 50, string, read_npz);
}

#[test]
fn safetensors_survives_anything() {
    let (_, b, c) = tensors();
    let a = Tensor::<f64>::zeros([4, 5]);
    let seeds = [
        safetensors::to_bytes([("a", &a), ("b", &b), ("empty", &c)], [("key", "text")]),
        safetensors::to_bytes([("b", &b)], []),
    ];
    let string = |random: &mut Random, _| {
        let mut bytes = damaged(random, &seeds);
        // Damage with a correct length.
        if let Some(data) = bytes.windows(2).position(|pair| pair == b"}}")
            && data > 6
            && random.one_in(2)
        {
            bytes[..8].copy_from_slice(&(data as u64 - 6).to_le_bytes());
        }
        bytes
    };
    survive("safetensors", memory::MESSAGE, 100, string, |bytes| {
        let file = Safetensors::from_bytes("file.safetensors", bytes.to_vec())?;
        let mut outcome = Ok(());
        for name in file.names() {
            outcome = file.tensor::<f64>(name).map(drop).and(outcome);
        }
        outcome
    });
}
