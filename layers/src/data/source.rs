//! Bytes of a data file, plain or gzip, never more of them than asked for.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use super::DataError;

/// The two bytes that every gzip member begins with (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The most bytes that one byte of a deflate stream can stand for: two bits a copy of 258 bytes.
const DEFLATE_RATIO: u64 = 1032;

/// A file being read from its beginning. Whether it is gzip its first bytes say, not its name.
pub(super) struct Source<'a> {
    file: PathBuf,
    reader: Box<dyn Read + 'a>,
    gzip: bool,
    /// The most bytes the file can unpack to; unknown for a pipe.
    limit: Option<u64>,
    /// Bytes unpacked so far.
    at: u64,
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
        Source::new(path, BufReader::new(file), size).map_err(fail)
    }
}

impl<'a> Source<'a> {
    /// Bytes in memory; `name` stands in errors.
    pub(super) fn of_bytes(name: &str, bytes: &'a [u8]) -> Result<Self, DataError> {
        let file = Path::new(name);
        Source::new(file, bytes, Some(bytes.len() as u64))
            .map_err(|source| DataError::Io { file: file.to_owned(), source })
    }

    fn new(file: &Path, mut packed: impl BufRead + 'a, size: Option<u64>) -> io::Result<Self> {
        let gzip = packed.fill_buf()?.starts_with(&GZIP);
        let (reader, ratio): (Box<dyn Read + 'a>, u64) =
            if gzip { (Box::new(MultiGzDecoder::new(packed)), DEFLATE_RATIO) } else { (Box::new(packed), 1) };
        let limit = size.map(|size| size.saturating_mul(ratio));
        Ok(Source { file: file.to_owned(), reader, gzip, limit, at: 0 })
    }

    pub(super) fn file(&self) -> PathBuf {
        self.file.clone()
    }

    /// The most bytes that can still come, as far as the file's size tells.
    pub(super) fn at_most(&self) -> Option<u64> {
        self.limit.map(|limit| limit.saturating_sub(self.at))
    }

    /// Bytes unpacked so far.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn is_gzip(&self) -> bool {
        self.gzip
    }

    /// The next `count` bytes, fewer only at the end. Memory grows with what is there, not with
    /// what was asked for.
    pub(super) fn read(&mut self, count: u64) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let result = (&mut self.reader).take(count).read_to_end(&mut bytes);
        self.at += bytes.len() as u64;
        match result {
            Ok(_) => Ok(bytes),
            Err(source) if self.gzip && source.kind() != io::ErrorKind::OutOfMemory => {
                Err(DataError::Gzip { file: self.file(), at: self.at, source })
            }
            Err(source) => Err(DataError::Io { file: self.file(), source }),
        }
    }

    /// Whether nothing follows. Of gzip this also checks the checksum.
    pub(super) fn is_at_end(&mut self) -> Result<bool, DataError> {
        Ok(self.read(1)?.is_empty())
    }
}
