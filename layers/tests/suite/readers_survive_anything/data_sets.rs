//! The readers of data sets on random and damaged files.

use std::fs::{self, File};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use elbo::data::{DataError, digits, idx};

use super::damage::{Random, gzip, plain_or_packed};
use super::{LARGE, memory, survive};

/// A file that is written again and again, removed at the end.
pub(crate) struct Scratch {
    path: PathBuf,
    file: File,
}

impl Scratch {
    pub(crate) fn new(test: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("elbo-readers-{}-{test}-file", std::process::id()));
        Scratch { file: File::create(&path).unwrap(), path }
    }

    /// Writes in place, because truncating and rewriting a file is slow on some file systems.
    pub(crate) fn with(&self, bytes: &[u8]) -> &Path {
        let mut file = &self.file;
        file.rewind().unwrap();
        file.write_all(bytes).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

pub(crate) fn idx_file(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    axes.iter().for_each(|axis| bytes.extend(axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// `lines` lines of the digits' table.
fn table(lines: usize) -> Vec<u8> {
    let line =
        |i: usize| (0..64).map(|j| format!("{},", (i * 7 + j * j) % 17)).collect::<String>() + &format!("{}\n", i % 10);
    (0..lines).map(line).collect::<String>().into_bytes()
}

fn survive_idx(name: &str, seeds: &[Vec<u8>], large: fn(u32) -> Vec<u8>, read: fn(&Path) -> Result<(), DataError>) {
    let file = Scratch::new(name);
    let string = |random: &mut Random, i: u64| {
        let bytes = if i.is_multiple_of(LARGE) {
            let large = large(1 << (8 + random.below(15)));
            gzip(random, &large)
        } else {
            plain_or_packed(random, seeds)
        };
        file.with(&bytes);
        bytes
    };
    survive(name, memory::ALLOWANCE, 20, string, |_| read(&file.path));
}

#[test]
fn images_survive_anything() {
    let pixels: Vec<u8> = (0..=255).cycle().take(3 * 28 * 28).collect();
    let seeds =
        [idx_file(&[2, 2, 3], &pixels[..12]), idx_file(&[3, 28, 28], &pixels), idx_file(&[100, 1, 1], &[0; 100])];
    let large = |count| idx_file(&[count, 1, 1], &vec![0; count as usize]);
    survive_idx("images", &seeds, large, |file| idx::images(file).map(drop));
}

#[test]
fn labels_survive_anything() {
    let labels: Vec<u8> = (0..10).cycle().take(2000).collect();
    let seeds = [idx_file(&[3], &labels[..3]), idx_file(&[2000], &labels), idx_file(&[1000], &[3; 1000])];
    let large = |count| idx_file(&[count], &vec![7; count as usize]);
    survive_idx("labels", &seeds, large, |file| idx::labels(file, 10).map(drop));
}

#[test]
fn digits_survive_anything() {
    let seeds = [table(1), table(3), table(12)];
    let string = |random: &mut Random, i: u64| {
        if i.is_multiple_of(LARGE) {
            let large = table(1).repeat(1 << random.below(14));
            return gzip(random, &large);
        }
        plain_or_packed(random, &seeds)
    };
    survive("digits", memory::ALLOWANCE, 20, string, |bytes| digits::from_bytes("file", bytes).map(drop));
}
