//! Writes `.npz` archives.

use std::collections::HashSet;
use std::path::Path;

#[cfg(feature = "gzip")]
use miniz_oxide::deflate::compress_to_vec;
use rawzip::{CompressionMethod, ZipArchiveWriter};

use crate::io::{FileError, npy, write_file};
use crate::{Real, Tensor};

/// The compression level: zlib's default.
#[cfg(feature = "gzip")]
const EFFORT: u8 = 6;

/// Whether arrays are stored or deflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Packing {
    /// Not compressed, as by `numpy.savez`.
    Stored,
    /// Compressed, as by `numpy.savez_compressed`. It needs the feature `gzip`.
    #[cfg(feature = "gzip")]
    Deflated,
}

/// Writes named tensors to a file.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// As [`to_bytes`].
#[track_caller]
pub fn write<'a, T: Real>(
    file: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor<T>)>,
    packing: Packing,
) -> Result<(), FileError> {
    write_file(file.as_ref(), &to_bytes(tensors, packing))
}

/// The bytes of the file that [`write()`] writes.
///
/// # Panics
/// If a name is repeated or longer than ZIP allows (65,531 bytes).
#[track_caller]
pub fn to_bytes<'a, T: Real>(tensors: impl IntoIterator<Item = (&'a str, &'a Tensor<T>)>, packing: Packing) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let mut names = HashSet::new();
    for (name, tensor) in tensors {
        assert!(names.insert(name), "npz: duplicate tensor name `{name}`");
        let added = add(&mut archive, name, &npy::to_bytes(tensor), packing);
        added.unwrap_or_else(|error| panic!("npz: cannot write the tensor `{name}`: {error}"));
    }
    archive.finish().expect("writing to memory does not fail")
}

/// Appends one member.
fn add(
    archive: &mut ZipArchiveWriter<Vec<u8>>,
    name: &str,
    bytes: &[u8],
    packing: Packing,
) -> Result<(), rawzip::Error> {
    let method = match packing {
        Packing::Stored => CompressionMethod::STORE,
        #[cfg(feature = "gzip")]
        Packing::Deflated => CompressionMethod::DEFLATE,
    };
    let path = rawzip::path::EntryPath::verbatim(format!("{name}.npy").into_bytes());
    let (mut entry, _) = archive.new_file(path).compression_method(method).start()?;
    match packing {
        Packing::Stored => std::io::Write::write_all(&mut entry, bytes)?,
        #[cfg(feature = "gzip")]
        Packing::Deflated => std::io::Write::write_all(&mut entry, &compress_to_vec(bytes, EFFORT))?,
    }
    entry.finish(rawzip::DataDescriptorOutput::new(rawzip::crc32(bytes), bytes.len() as u64))?;
    Ok(())
}
