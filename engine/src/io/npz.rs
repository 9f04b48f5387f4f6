//! `.npz`: several arrays under names, as `numpy.savez` and `numpy.savez_compressed` write them: a ZIP archive of `.npy`
//! files, stored or deflated.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_slice_iter_to_slice;
use rawzip::{CompressionMethod, ZipArchive, ZipArchiveEntryWayfinder, ZipArchiveWriter, ZipSliceArchive};

use super::{EXPANSION, FileError, Place, npy, read_file, write_file};
use crate::{Real, Tensor};

/// How hard to deflate: what zlib calls its default.
const EFFORT: u8 = 6;

/// An `.npz` file in memory. Its arrays are unpacked as they are asked for.
///
/// ```
/// use elbo_engine::Tensor;
/// use elbo_engine::io::npz::{self, Npz, Packing};
///
/// # fn main() -> Result<(), elbo_engine::io::FileError> {
/// let (w, b) = (Tensor::<f32>::full([2, 3], 0.5), Tensor::zeros([2]));
/// let bytes = npz::to_bytes([("weight", &w), ("bias", &b)], Packing::Deflated);
/// let file = Npz::from_bytes("net.npz", bytes)?;
/// assert_eq!(file.names().collect::<Vec<_>>(), ["weight", "bias"]);
/// assert_eq!(file.tensor::<f32>("weight")?, w);
/// # Ok(())
/// # }
/// ```
pub struct Npz {
    file: PathBuf,
    archive: ZipSliceArchive<Vec<u8>>,
    members: Vec<Member>,
    limit: u64,
}

/// An array that has not been unpacked.
struct Member {
    name: String,
    method: CompressionMethod,
    encrypted: bool,
    entry: ZipArchiveEntryWayfinder,
    /// Where the archive says that it begins.
    offset: usize,
}

/// Whether arrays are written as they are or deflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// As they are: `numpy.savez`.
    Stored,
    /// Deflated: `numpy.savez_compressed`.
    Deflated,
}

impl Npz {
    /// Reads a file and its list of arrays.
    ///
    /// # Errors
    /// If it cannot be read, or is no ZIP archive, or two of its arrays have one name.
    pub fn open(file: impl AsRef<Path>) -> Result<Npz, FileError> {
        Npz::from_bytes(file.as_ref(), read_file(file.as_ref())?)
    }

    /// The same of a file's bytes; `name` stands in errors.
    ///
    /// # Errors
    /// As for [`open`](Npz::open).
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Npz, FileError> {
        let file = name.as_ref().to_owned();
        let limit = EXPANSION.saturating_mul(bytes.len() as u64);
        let length = bytes.len();
        let archive = ZipArchive::from_slice(bytes).map_err(|error| {
            FileError::format(Place::new(&file, None, length), "the directory of a ZIP archive", error.to_string())
        })?;
        let members = directory(&file, &archive)?;
        Ok(Npz { file, archive, members, limit })
    }

    /// Allows each array to take as much as `bytes`, unpacked and as a tensor. Until this is said it is
    /// [`EXPANSION`] times the size of the file, because a kilobyte of packed zeros can fill a megabyte.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Npz {
        Npz { limit: bytes, ..self }
    }

    /// The arrays' names, without `.npy`, in the order of the file. Whatever else is in the archive is passed over.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| &member.name[..])
    }

    /// The array of this name.
    ///
    /// # Errors
    /// If there is none, or it is packed in another way than stored or deflated, or encrypted, or damaged, or larger than
    /// the limit, or what [`npy::read`] refuses.
    pub fn tensor<T: Real>(&self, name: &str) -> Result<Tensor<T>, FileError> {
        let Some(member) = self.members.iter().find(|member| member.name == name) else {
            let present = self.names().map(str::to_owned).collect();
            return Err(FileError::Missing { file: self.file.clone(), name: name.to_owned(), present });
        };
        let place = |byte| Place::new(&self.file, Some(name), byte);
        let damaged = |reason: String| FileError::Damaged { place: place(0), reason };
        if member.encrypted {
            return Err(FileError::format(place(0), "plain data", "an encrypted array"));
        }
        let entry = self.archive.get_entry(member.entry).map_err(|error| {
            let expected = "a ZIP member of this array, with all its data";
            FileError::format(Place::new(&self.file, Some(name), member.offset), expected, error.to_string())
        })?;
        let (packed, claim) = (entry.data(), entry.claim_verifier());
        let unpacked;
        let bytes = match member.method {
            CompressionMethod::STORE => packed,
            CompressionMethod::DEFLATE => {
                let needed = claim.uncompressed_size;
                if needed > self.limit {
                    return Err(FileError::TooLarge { place: place(0), needed, limit: self.limit });
                }
                unpacked = inflate(packed, needed as usize).map_err(damaged)?;
                &unpacked
            }
            other => {
                let found = format!("ZIP's method {other:?}");
                return Err(FileError::format(place(0), "an array that is stored or deflated", found));
            }
        };
        if bytes.len() as u64 != claim.uncompressed_size {
            let (found, expected) = (bytes.len(), claim.uncompressed_size);
            return Err(damaged(format!("they are {found} bytes, not the {expected} of the directory")));
        }
        let checksum = rawzip::crc32(bytes);
        if checksum != claim.crc {
            return Err(damaged(format!(
                "their checksum is {checksum:08x}, not the {:08x} of the directory",
                claim.crc
            )));
        }
        npy::parse(bytes, self.limit, &place)
    }
}

/// The `.npy` files in the archive.
fn directory(file: &Path, archive: &ZipSliceArchive<Vec<u8>>) -> Result<Vec<Member>, FileError> {
    let start = usize::try_from(archive.directory_offset()).unwrap_or(usize::MAX);
    let mut members = Vec::new();
    let mut entries = archive.entries();
    loop {
        let next = entries.next_entry().map_err(|error| {
            FileError::format(Place::new(file, None, start), "the directory of a ZIP archive", error.to_string())
        })?;
        let Some(entry) = next else {
            break;
        };
        let path = entry.file_path();
        let Some(name) = path.as_bytes().strip_suffix(b".npy") else {
            continue;
        };
        let offset = entry.local_header_offset() as usize;
        let name = std::str::from_utf8(name)
            .map_err(|error| FileError::format(Place::new(file, None, offset), "a name in UTF-8", error.to_string()))?;
        members.push(Member {
            name: name.to_owned(),
            method: entry.compression_method(),
            encrypted: entry.flags().is_encrypted(),
            entry: entry.wayfinder(),
            offset,
        });
    }
    let mut seen = HashSet::new();
    match members.iter().find(|member| !seen.insert(&member.name)) {
        Some(twice) => {
            let place = Place::new(file, Some(&twice.name), twice.offset);
            Err(FileError::format(place, "every name once", "a second array of this name"))
        }
        None => Ok(members),
    }
}

/// `packed`, which is to unpack to `size` bytes and no other number.
fn inflate(packed: &[u8], size: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; size];
    match decompress_slice_iter_to_slice(&mut bytes, std::iter::once(packed), false, true) {
        Ok(written) if written == size => Ok(bytes),
        Ok(written) => Err(format!("they unpack to {written} bytes, not the {size} of the directory")),
        Err(status) => Err(format!("they do not unpack to the {size} bytes of the directory ({status:?})")),
    }
}

/// Writes tensors under their names to a file.
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
/// If a name occurs twice or is longer than ZIP allows (65,531 bytes).
#[track_caller]
pub fn to_bytes<'a, T: Real>(tensors: impl IntoIterator<Item = (&'a str, &'a Tensor<T>)>, packing: Packing) -> Vec<u8> {
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let mut names = HashSet::new();
    for (name, tensor) in tensors {
        assert!(names.insert(name), "npz: two tensors of the name `{name}`");
        let added = add(&mut archive, name, &npy::to_bytes(tensor), packing);
        added.unwrap_or_else(|error| panic!("npz: a tensor of the name `{name}` cannot be written: {error}"));
    }
    archive.finish().expect("memory takes what is written to it")
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
        Packing::Deflated => CompressionMethod::DEFLATE,
    };
    let path = rawzip::path::EntryPath::verbatim(format!("{name}.npy").into_bytes());
    let (mut entry, _) = archive.new_file(path).compression_method(method).start()?;
    match packing {
        Packing::Stored => std::io::Write::write_all(&mut entry, bytes)?,
        Packing::Deflated => std::io::Write::write_all(&mut entry, &compress_to_vec(bytes, EFFORT))?,
    }
    entry.finish(rawzip::DataDescriptorOutput::new(rawzip::crc32(bytes), bytes.len() as u64))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(packing: Packing) -> Vec<u8> {
        let (w, b) = (Tensor::<f64>::from_fn([20, 3], |i| i as f64), Tensor::from_fn([2], |i| -(i as f64)));
        to_bytes([("net/weight", &w), ("β", &b)], packing)
    }

    #[test]
    fn what_is_written_is_read() {
        for packing in [Packing::Stored, Packing::Deflated] {
            let npz = Npz::from_bytes("pair.npz", pair(packing)).unwrap();
            assert_eq!(npz.names().collect::<Vec<_>>(), ["net/weight", "β"]);
            assert_eq!(npz.tensor::<f64>("net/weight").unwrap(), Tensor::from_fn([20, 3], |i| i as f64));
            assert_eq!(npz.tensor::<f32>("β").unwrap(), Tensor::new([2], [0.0, -1.0]));
            let message = npz.tensor::<f64>("bias").unwrap_err().to_string();
            assert_eq!(message, "pair.npz: no array `bias`; there are [\"net/weight\", \"β\"]");
        }
        let none: [(&str, &Tensor); 0] = [];
        assert_eq!(Npz::from_bytes("empty.npz", to_bytes(none, Packing::Stored)).unwrap().names().count(), 0);
    }

    #[test]
    fn every_changed_byte_of_the_data_is_found() {
        for packing in [Packing::Stored, Packing::Deflated] {
            let whole = pair(packing);
            let start = 30 + "net/weight.npy".len();
            // The last byte of deflated data may have bits that mean nothing.
            let end = start + whole[start..].windows(4).position(|bytes| bytes == b"PK\x07\x08").unwrap() - 1;
            assert!(end - start > 80);
            for at in start..end {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x10;
                let read = Npz::from_bytes("bad.npz", bytes).and_then(|npz| npz.tensor::<f64>("net/weight"));
                let message = read.expect_err("damage at a byte of the data").to_string();
                assert!(message.starts_with("bad.npz, array `net/weight`, byte 0: the data are damaged"), "{message}");
            }
        }
    }

    #[test]
    fn a_bomb_is_refused_and_a_limit_lets_it_through() {
        let zeros = Tensor::<f32>::zeros([1 << 20]);
        let bytes = to_bytes([("zeros", &zeros)], Packing::Deflated);
        assert!(bytes.len() < 10_000);
        let npz = Npz::from_bytes("zeros.npz", bytes).unwrap();
        let message = npz.tensor::<f32>("zeros").unwrap_err().to_string();
        let needed = 128 + (4 << 20);
        assert!(message.contains(&format!("unpacks to {needed} bytes, but at most")), "{message}");
        assert!(message.contains(&format!("allow more with `with_limit({needed})`")), "{message}");
        assert_eq!(npz.with_limit(needed).tensor::<f32>("zeros").unwrap(), zeros);
    }

    #[test]
    fn what_is_no_archive_says_so() {
        let message = Npz::from_bytes("x.npz", b"no archive".to_vec()).err().unwrap().to_string();
        assert!(message.starts_with("x.npz, byte 10: expected the directory of a ZIP archive, found "), "{message}");
    }

    #[test]
    #[should_panic(expected = "two tensors of the name `w`")]
    fn a_name_twice_is_refused() {
        let w = Tensor::<f32>::zeros([1]);
        to_bytes([("w", &w), ("w", &w)], Packing::Stored);
    }
}
