//! The readers of saved models and trainings on damaged files, with wrong and with right checksums.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use elbo::engine::io::FileError;
use elbo::engine::io::safetensors::{Contents, Safetensors};
use elbo::prelude::*;
use elbo::{Checkpoint, SaveParameters};

use super::damage::{Random, damage, number_in_text};
use super::{memory, survive};
use crate::common::Folder;

/// What an error and a small model take beside 16 times the file.
const OWN: usize = 8 * memory::MESSAGE;

/// The file with checksums of what is in it, after `change` of each text of the metadata.
fn signed(bytes: &[u8], mut change: impl FnMut(&str) -> String) -> Result<Vec<u8>, FileError> {
    let file = Safetensors::from_bytes("file", bytes.to_vec())?;
    let mut contents = Contents::new();
    for name in file.names().filter(|name| *name != "__metadata__") {
        match &file.info(name).expect("it is there").dtype[..] {
            "F32" => contents.tensor(name, &file.tensor::<f32>(name)?),
            "F64" => contents.tensor(name, &file.tensor::<f64>(name)?),
            _ => {}
        }
    }
    for (key, text) in file.metadata().iter().filter(|(key, _)| *key != "checksum") {
        contents.metadata(key, &change(text));
    }
    contents.add_checksums();
    Ok(contents.into_bytes())
}

/// A damaged file, with checksums that are right three times in four.
fn damaged(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = random.pick(seeds).clone();
    damage(random, &mut bytes, seeds);
    // Damage within the header, of the same length.
    if let Some(data) = bytes.windows(3).position(|text| text == b"}} " || text == b"}}\0")
        && data > 6
        && random.one_in(2)
    {
        bytes[..8].copy_from_slice(&(data as u64 - 6).to_le_bytes());
    }
    if random.one_in(4) { bytes } else { signed(&bytes, str::to_owned).unwrap_or(bytes) }
}

/// A file that is whole, but for some numbers and other parts of what it says of the training.
fn misled(random: &mut Random, seed: &[u8]) -> Vec<u8> {
    let change = |text: &str| {
        if !text.starts_with(r#"{"begun""#) {
            return text.to_owned();
        }
        let mut bytes = text.as_bytes().to_vec();
        if random.one_in(2) {
            damage(random, &mut bytes, &[text.as_bytes().to_vec()]);
        } else if !text.is_empty() {
            let at = random.below(bytes.len());
            number_in_text(random, &mut bytes, at);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    signed(seed, change).expect("the seed is whole")
}

fn model() -> Dense {
    Dense::new(2, 1)
}

#[test]
fn saved_models_survive_anything() {
    let mut net = model();
    net.initialise(Key::new(1));
    let seeds = [net.save_to_bytes(), (net, Dense::new(1, 1)).save_to_bytes()];
    let mut to = model();
    survive(
        "saved models",
        OWN,
        1000,
        |random, _| damaged(random, &seeds),
        |bytes| {
            let bytes = bytes.to_vec();
            to.load_from_bytes("file", bytes)
        },
    );
}

#[test]
fn checkpoints_of_trainings_survive_anything() {
    let folder = Folder::new("survive");
    let x = Tensor::from_fn([4, 2], |i| (i as f64 * 0.7).sin());
    let data: Examples<f32, Tensor> = Examples::new(x, Tensor::from_fn([4, 1], |i| i as f64)).unwrap();
    let train = |run: &str, budget: elbo::Budget, is_stopped: bool| {
        let (checkpoint, flag) = (Checkpoint::new(folder.file(run)).every_epochs(100), AtomicBool::new(is_stopped));
        let elbo = Elbo::new(Gaussian::new(0.5)).batch_size(2).threads(1).checkpoint(checkpoint).quiet();
        let mut elbo = elbo.stop_when(&Arc::new(flag));
        elbo.training(&mut model(), &data).early_stopping(Monitor::Elbo, 3).run(budget).map(drop)
    };
    let budgets = [Epochs(3).into(), UntilConverged::within(Epochs(6)).into()];
    let file = |run: &str| {
        let names = std::fs::read_dir(folder.file(run)).unwrap().map(|file| file.unwrap().path());
        names.filter(|file| file.extension().is_some()).max().unwrap()
    };
    let of = |budget: usize| {
        let run = format!("run-{budget}");
        // The second one has not ended.
        train(&run, budgets[budget], budget == 1).unwrap();
        let bytes = std::fs::read(file(&run)).unwrap();
        (file(&run), [bytes])
    };
    let runs = [of(0), of(1)];
    let (mut random, mut read) = (Random::new(1), 0);
    let count = super::strings() / 200;
    for i in 0..count as usize {
        let (file, seeds) = &runs[i % 2];
        let bytes = if random.one_in(3) { damaged(&mut random, seeds) } else { misled(&mut random, &seeds[0]) };
        std::fs::write(file, bytes).unwrap();
        let run = file.parent().unwrap();
        for older in std::fs::read_dir(run).unwrap().map(|file| file.unwrap().path()) {
            if older.extension().is_some() && older != *file {
                std::fs::remove_file(older).unwrap();
            }
        }
        let outcome = train(run.file_name().unwrap().to_str().unwrap(), budgets[i % 2], false);
        match outcome {
            Ok(()) => read += 1,
            // A factor of the rate may be any number.
            Err(TrainError::NonFinite { .. }) => {}
            Err(error) => assert!(error.to_string().contains("run-"), "{error}"),
        }
    }
    println!("checkpoints: {count} files, {read} of them read");
    assert!(read > count / 200, "only {read} of {count} files were whole enough to go on from");
}
