//! NumPy's `.npz` files, with several named arrays, as `numpy.savez` and `numpy.savez_compressed` write them: ZIP
//! archives of `.npy` files, stored or deflated.

mod directory;
#[cfg(feature = "gzip")]
mod inflate;
mod write;

use std::path::{Path, PathBuf};

use rawzip::{CompressionMethod, ZipArchive, ZipSliceArchive, ZipSliceEntry};

use super::npy::Budget;
use super::{FileError, Names, Place, excerpt, memory_limit, npy, read_file};
use crate::{Real, Tensor};
use directory::{Member, directory};
#[cfg(feature = "gzip")]
use inflate::Inflate;
pub use write::{Packing, to_bytes, write};

/// Bytes of memory that unpacking takes.
#[cfg(feature = "gzip")]
const INFLATE: u64 = inflate::MEMORY;
#[cfg(not(feature = "gzip"))]
const INFLATE: u64 = 0;

/// An `.npz` file in memory. Its arrays are unpacked on request.
///
/// ```
/// use elbo_engine::Tensor;
/// use elbo_engine::io::npz::{self, Npz, Packing};
///
/// # fn main() -> Result<(), elbo_engine::io::FileError> {
/// let (w, b) = (Tensor::<f32>::full([2, 3], 0.5), Tensor::zeros([2]));
/// let bytes = npz::to_bytes([("weight", &w), ("bias", &b)], Packing::Stored);
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
    names: Names,
    limit: u64,
}

impl Npz {
    /// Reads a file and its list of arrays.
    ///
    /// # Errors
    /// If it cannot be read, is not a ZIP archive, or contains a duplicate name.
    pub fn open(file: impl AsRef<Path>) -> Result<Npz, FileError> {
        Npz::from_bytes(file.as_ref(), read_file(file.as_ref())?)
    }

    /// Reads the bytes of a file; `name` appears in errors.
    ///
    /// # Errors
    /// As for [`open`](Npz::open).
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Npz, FileError> {
        let file = name.as_ref().to_owned();
        let length = bytes.len();
        let archive = ZipArchive::from_slice(bytes).map_err(|error| {
            FileError::format(Place::new(&file, None, length), "the directory of a ZIP archive", error.to_string())
        })?;
        let end = archive.end_offset();
        if end != length as u64 {
            let found = format!("{} more bytes", (length as u64).saturating_sub(end));
            return Err(FileError::format(Place::new(&file, None, end as usize), "the end of the archive", found));
        }
        let members = directory(&file, &archive)?;
        let names = Names::new(members.len(), |place| &members[place].name).map_err(|twice| {
            let Member { name, offset, .. } = &members[twice];
            let place = Place::new(&file, Some(name), *offset);
            FileError::format(place, "unique names", "a second array with this name")
        })?;
        Ok(Npz { file, archive, members, names, limit: memory_limit(length as u64) })
    }

    /// Sets the memory limit of reading an array to `bytes`: the file's size, the tensor, and about 64 KiB to unpack
    /// it. The array and all that are at most as large may together unpack to as much, so that many arrays cannot
    /// exceed the limit. The default is [`memory_limit`] of the file's size, because a kilobyte of packed zeros can
    /// fill a megabyte.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Npz {
        Npz { limit: bytes, ..self }
    }

    /// The arrays' names, without `.npy`, in the order of the file. Other members of the archive are ignored.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|member| &member.name[..])
    }

    /// Reads the array with this name.
    ///
    /// # Errors
    /// If there is none, if it is neither stored nor deflated (without the feature `gzip`, if it is not stored), if it
    /// is encrypted or corrupt, if it needs more memory than [the limit](Npz::with_limit), or if [`npy::read`] would
    /// fail.
    pub fn tensor<T: Real>(&self, name: &str) -> Result<Tensor<T>, FileError> {
        self.read(name, npy::parse)
    }

    /// Reads the array with this name as class labels, as [`npy::labels`] does.
    ///
    /// # Errors
    /// As for [`tensor`](Npz::tensor) and [`npy::labels`].
    pub fn labels(&self, name: &str) -> Result<Vec<usize>, FileError> {
        self.read(name, npy::parse_labels)
    }

    fn read<V>(&self, name: &str, parse: npy::Parse<V>) -> Result<V, FileError> {
        let Some(member) = self.names.find(name, |place| &self.members[place].name) else {
            return Err(FileError::missing(&self.file, name, self.names()));
        };
        let member = &self.members[member];
        let place = |byte| Place::new(&self.file, Some(name), byte);
        if member.encrypted {
            return Err(FileError::format(place(0), "plain data", "an encrypted array"));
        }
        let entry = self.entry(member)?;
        let (packed, size) = (entry.data(), entry.claim_verifier().uncompressed_size);
        let damaged = |reason: String| FileError::Damaged { place: place(0), reason };
        let verify = |checksum: u32| match entry.claim_verifier().crc {
            claim if claim == checksum => Ok(()),
            claim => Err(damaged(format!("their checksum is {checksum:08x}, not the {claim:08x} of the directory"))),
        };
        let held = self.archive.get_ref().len() as u64 + INFLATE;
        let budget = Budget { held, together: member.together, limit: self.limit };
        match member.method {
            CompressionMethod::STORE if packed.len() as u64 != size => {
                Err(damaged(format!("they are {} bytes, not the {size} of the directory", packed.len())))
            }
            CompressionMethod::STORE => {
                verify(rawzip::crc32(packed))?;
                parse(&mut &packed[..], size, &budget, &place)
            }
            #[cfg(not(feature = "gzip"))]
            CompressionMethod::DEFLATE => {
                Err(FileError::Feature { place: place(0), packing: "deflated", feature: "gzip" })
            }
            #[cfg(feature = "gzip")]
            CompressionMethod::DEFLATE => {
                let mut source = Inflate::new(packed, size);
                let outcome = parse(&mut source, size, &budget, &place);
                if !matches!(outcome, Err(FileError::TooLarge { .. })) {
                    // Report the corruption, which explains other errors.
                    verify(source.finish().map_err(|error| damaged(error.to_string()))?)?;
                }
                outcome
            }
            other => {
                let found = format!("ZIP's method {other:?}");
                Err(FileError::format(place(0), "an array that is stored or deflated", found))
            }
        }
    }

    /// The member's data, if its local header agrees with the directory.
    fn entry(&self, member: &Member) -> Result<ZipSliceEntry<'_>, FileError> {
        let place = || Place::new(&self.file, Some(&member.name), member.offset);
        let entry = self.archive.get_entry(member.entry).map_err(|error| {
            FileError::format(place(), "a ZIP member of this array, with all its data", error.to_string())
        })?;
        let (local, claim) = (entry.local_header(), entry.claim_verifier());
        let path = local.file_path();
        let differs = if path.as_bytes().strip_suffix(b".npy") != Some(member.name.as_bytes()) {
            format!("the name {}", excerpt(path.as_bytes()))
        } else if local.compression_method() != member.method {
            format!("the method {:?}, not {:?}", local.compression_method(), member.method)
        } else if local.flags().is_encrypted() {
            "an encrypted member".to_owned()
        } else if local.flags().has_data_descriptor() {
            // Size and checksum follow the data.
            return Ok(entry);
        } else if local.compressed_size_hint() != entry.data().len() as u64 {
            format!("{} packed bytes, not {}", local.compressed_size_hint(), entry.data().len())
        } else if local.uncompressed_size_hint() != claim.uncompressed_size {
            format!("{} bytes, not {}", local.uncompressed_size_hint(), claim.uncompressed_size)
        } else if local.crc32() != claim.crc {
            format!("the checksum {:08x}, not {:08x}", local.crc32(), claim.crc)
        } else {
            return Ok(entry);
        };
        Err(FileError::format(place(), "a header that agrees with the directory", differs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(packing: Packing) -> Vec<u8> {
        let (w, b) = (Tensor::<f64>::from_fn([20, 3], |i| i as f64), Tensor::from_fn([2], |i| -(i as f64)));
        to_bytes([("net/weight", &w), ("β", &b)], packing)
    }

    const PACKINGS: &[Packing] = &[
        Packing::Stored,
        #[cfg(feature = "gzip")]
        Packing::Deflated,
    ];

    #[test]
    fn written_arrays_are_read_back() {
        for &packing in PACKINGS {
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
        for &packing in PACKINGS {
            let whole = pair(packing);
            let start = 30 + "net/weight.npy".len();
            // The last byte of deflated data may contain unused bits.
            let end = start + whole[start..].windows(4).position(|bytes| bytes == b"PK\x07\x08").unwrap() - 1;
            assert!(end - start > 80);
            for at in start..end {
                let mut bytes = whole.clone();
                bytes[at] ^= 0x10;
                let read = Npz::from_bytes("bad.npz", bytes).and_then(|npz| npz.tensor::<f64>("net/weight"));
                let message = read.expect_err("damage at a byte of the data").to_string();
                assert!(message.starts_with("bad.npz, array `net/weight`, byte 0: the data are corrupt"), "{message}");
            }
        }
    }

    #[test]
    #[cfg(feature = "gzip")]
    fn a_zip_bomb_is_rejected_unless_the_limit_allows_it() {
        let zeros = Tensor::<f32>::zeros([1 << 20]);
        let bytes = to_bytes([("zeros", &zeros)], Packing::Deflated);
        assert!(bytes.len() < 10_000);
        let needed = bytes.len() as u64 + inflate::MEMORY + (4 << 20);
        let npz = Npz::from_bytes("zeros.npz", bytes).unwrap();
        let message = npz.tensor::<f32>("zeros").unwrap_err().to_string();
        assert!(message.contains(&format!("takes {needed} bytes of memory, but at most")), "{message}");
        assert!(message.contains(&format!("allow more with `with_limit({needed})`")), "{message}");
        assert_eq!(npz.with_limit(needed).tensor::<f32>("zeros").unwrap(), zeros);
    }

    #[test]
    #[cfg(not(feature = "gzip"))]
    fn without_gzip_the_error_names_the_feature() {
        let mut bytes = pair(Packing::Stored);
        // The method, in the directory and in the local header of the first array.
        let directory = bytes.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        (bytes[8], bytes[directory + 10]) = (8, 8);
        let message = error(bytes);
        assert!(
            message.contains("array `net/weight`, byte 0: the data are deflated") && message.contains("`gzip`"),
            "{message}"
        );
    }

    /// The error of reading all arrays.
    fn error(bytes: Vec<u8>) -> String {
        let read = Npz::from_bytes("x.npz", bytes)
            .and_then(|npz| npz.names().try_for_each(|name| npz.tensor::<f64>(name).map(drop)));
        read.expect_err("a wrong file").to_string()
    }

    #[test]
    fn local_headers_must_agree_with_the_directory() {
        let whole = pair(Packing::Stored);
        let with = |at: usize, byte: u8| {
            let mut bytes = whole.clone();
            assert_ne!(bytes[at], byte);
            bytes[at] = byte;
            error(bytes)
        };
        let place = "x.npz, array `net/weight`, byte 0: expected a header that agrees with the directory, found ";
        assert_eq!(with(30, b'm'), format!("{place}the name \"met/weight.npy\""));
        assert_eq!(with(30 + 13, b'z'), format!("{place}the name \"net/weight.npz\""));
        assert!(with(8, 8).starts_with(&format!("{place}the method ")));
        assert_eq!(with(6, whole[6] | 1), format!("{place}an encrypted member"));
    }

    #[test]
    fn wrong_member_counts_and_trailing_bytes_are_errors() {
        let whole = pair(Packing::Stored);
        let message = error([&whole[..], b"more"].concat());
        assert_eq!(
            message,
            format!("x.npz, byte {}: expected the end of the archive, found 4 more bytes", whole.len())
        );
        let mut bytes = whole.clone();
        // The two counts of the last record, of this disk and in all.
        for at in [whole.len() - 14, whole.len() - 12] {
            assert_eq!(bytes[at], 2);
            bytes[at] = 3;
        }
        assert!(error(bytes).contains("found 2 members, but its end specifies 3"));
    }

    #[test]
    fn other_files_are_rejected() {
        let message = Npz::from_bytes("x.npz", b"no archive".to_vec()).err().unwrap().to_string();
        assert!(message.starts_with("x.npz, byte 10: expected the directory of a ZIP archive, found "), "{message}");
    }

    #[test]
    #[should_panic(expected = "duplicate tensor name `w`")]
    fn duplicate_names_are_rejected() {
        let w = Tensor::<f32>::zeros([1]);
        to_bytes([("w", &w), ("w", &w)], Packing::Stored);
    }
}
