//! Tables and their encoders, and readers of IDX files and of the digits table, on valid files and on every kind of malformed file.

mod csv_files;
mod digits_table;
mod encoders;
mod idx_files;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use elbo::data::DataError;
use flate2::Compression;
use flate2::write::GzEncoder;

/// A temporary folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("elbo-data-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx_file(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    axes.iter().for_each(|axis| bytes.extend(axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// Two images of 2×3 pixels.
fn two_images() -> Vec<u8> {
    idx_file(&[2, 2, 3], &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255])
}

/// The error's message, which must contain the file's name.
#[track_caller]
fn message<T: std::fmt::Debug>(result: Result<T, DataError>, file: &Path) -> String {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "does not name {}: {error}", file.display());
    error.to_string()
}

#[track_caller]
fn contains(message: &str, part: &str) {
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}
