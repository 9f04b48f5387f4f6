//! Reads the bytes of a data file, plain or gzip, in pieces, and never more than requested.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use elbo_engine::io::memory_limit;
#[cfg(feature = "gzip")]
use flate2::bufread::MultiGzDecoder;

use super::DataError;

/// The two bytes that every gzip member starts with (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The most bytes that one byte of a deflate stream can unpack to: two bits for a copy of 258 bytes.
const DEFLATE_RATIO: u64 = 1032;

/// The largest piece in which bytes are passed on.
const PIECE: usize = 8192;

/// An upper bound on the memory that reading takes beside the data kept: the decoder's 43 KiB, up to three texts of 64
/// KiB in a gzip header, buffers and a piece.
pub(super) const WORKING: u64 = 320 << 10;

/// A file being read from its start. Its first bytes, not its name, determine whether it is gzip.
pub(super) struct Source<'a> {
    file: PathBuf,
    reader: Reader<'a>,
    /// The file's size; `None` for a pipe.
    size: Option<u64>,
    /// Bytes unpacked so far.
    at: u64,
}

/// A plain file, or a sequence of gzip members up to the end of the file; anything else after a member is an error.
enum Reader<'a> {
    Plain(Counted<'a>),
    #[cfg(feature = "gzip")]
    Gzip(MultiGzDecoder<Counted<'a>>),
}

/// A file's bytes, with the number consumed so far.
struct Counted<'a> {
    reader: Box<dyn BufRead + 'a>,
    taken: u64,
}

impl Source<'static> {
    pub(super) fn open(path: &Path) -> Result<Self, DataError> {
        let fail = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DataError::Missing { file: path.to_owned(), hint: String::new() },
            _ => DataError::Io { file: path.to_owned(), source },
        };
        let file = File::open(path).map_err(fail)?;
        let metadata = file.metadata().map_err(fail)?;
        let size = metadata.is_file().then_some(metadata.len());
        Source::new(path, Box::new(BufReader::new(file)), size)
    }
}

impl<'a> Source<'a> {
    /// Reads bytes in memory; `name` is used in errors.
    pub(super) fn of_bytes(name: &str, bytes: &'a [u8]) -> Result<Self, DataError> {
        Source::new(Path::new(name), Box::new(bytes), Some(bytes.len() as u64))
    }

    /// Reads from a reader of unknown size; `name` is used in errors.
    pub(super) fn of_reader(name: &str, reader: impl BufRead + 'a) -> Result<Self, DataError> {
        Source::new(Path::new(name), Box::new(reader), None)
    }

    fn new(file: &Path, reader: Box<dyn BufRead + 'a>, size: Option<u64>) -> Result<Self, DataError> {
        let file = file.to_owned();
        let mut packed = Counted { reader, taken: 0 };
        let reader = match packed.fill_buf() {
            Ok(bytes) if !bytes.starts_with(&GZIP) => Reader::Plain(packed),
            #[cfg(feature = "gzip")]
            Ok(_) => Reader::Gzip(MultiGzDecoder::new(packed)),
            #[cfg(not(feature = "gzip"))]
            Ok(_) => return Err(DataError::Feature { file, packing: "compressed by gzip", feature: "gzip" }),
            Err(source) => return Err(DataError::Io { file, source }),
        };
        Ok(Source { file, reader, size, at: 0 })
    }

    pub(super) fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// Bytes unpacked so far.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn is_gzip(&self) -> bool {
        !matches!(self.reader, Reader::Plain(_))
    }

    /// Whether the file's size is known, unlike a pipe's.
    pub(super) fn is_sized(&self) -> bool {
        self.size.is_some()
    }

    /// The most unpacked bytes that can still follow, if the file's size is known.
    pub(super) fn at_most(&self) -> Option<u64> {
        let ratio = if self.is_gzip() { DEFLATE_RATIO } else { 1 };
        self.size.map(|size| size.saturating_mul(ratio).saturating_sub(self.at))
    }

    /// The memory that reading this file may take, by the rule of all readers. For a pipe it is based on the bytes so
    /// far.
    pub(super) fn memory_limit(&self) -> u64 {
        memory_limit(self.size.unwrap_or(self.packed().taken))
    }

    fn packed(&self) -> &Counted<'a> {
        match &self.reader {
            Reader::Plain(packed) => packed,
            #[cfg(feature = "gzip")]
            Reader::Gzip(decoder) => decoder.get_ref(),
        }
    }

    /// Passes the next `count` bytes to `put` in pieces, fewer at the end of the file, with the source positioned after
    /// each piece.
    pub(super) fn pieces(
        &mut self,
        count: u64,
        mut put: impl FnMut(&Self, &[u8]) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut piece = [0; PIECE];
        let mut left = count;
        while left > 0 {
            let most = PIECE.min(usize::try_from(left).unwrap_or(PIECE));
            let result = match &mut self.reader {
                Reader::Plain(reader) => reader.read(&mut piece[..most]),
                #[cfg(feature = "gzip")]
                Reader::Gzip(reader) => reader.read(&mut piece[..most]),
            };
            match result {
                Ok(0) => break,
                Ok(read) => {
                    self.at += read as u64;
                    left -= read as u64;
                    put(self, &piece[..read])?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(source) if self.is_gzip() => {
                    let packed = self.packed().taken;
                    return Err(DataError::Gzip { file: self.file(), at: self.at, packed, source });
                }
                Err(source) => return Err(DataError::Io { file: self.file(), source }),
            }
        }
        Ok(())
    }

    /// The next `COUNT` bytes, or `None` if the file ends before.
    pub(super) fn header<const COUNT: usize>(&mut self) -> Result<Option<[u8; COUNT]>, DataError> {
        let mut bytes = Vec::with_capacity(COUNT);
        self.pieces(COUNT as u64, |_, piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes.try_into().ok())
    }

    /// Whether the file ends here. For gzip this also verifies the checksum.
    pub(super) fn is_at_end(&mut self) -> Result<bool, DataError> {
        Ok(self.header::<1>()?.is_none())
    }
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(out)?;
        self.taken += read as u64;
        Ok(read)
    }
}

impl BufRead for Counted<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.taken += count as u64;
        self.reader.consume(count);
    }
}

#[cfg(all(test, not(feature = "gzip")))]
mod tests {
    use super::*;

    #[test]
    fn without_the_feature_a_gzip_file_says_which_it_needs() {
        let error = Source::of_bytes("digits.csv.gz", &[0x1f, 0x8b, 8, 0]).err().expect("an error").to_string();
        assert!(error.starts_with("digits.csv.gz: the file is ") && error.contains("feature `gzip` of `elbo`"));
    }
}
