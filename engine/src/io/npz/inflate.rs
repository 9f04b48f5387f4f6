//! A streaming decoder of deflated data, which only keeps its window in memory.

use std::io::{self, Read};

use miniz_oxide::inflate::stream::{InflateState, inflate};
use miniz_oxide::{DataFormat, MZFlush, MZStatus};
use rawzip::Crc32;

/// More bytes than the decoder takes.
pub(super) const MEMORY: u64 = 64 << 10;

/// Reads exactly the specified number of unpacked bytes.
pub(super) struct Inflate<'a> {
    packed: &'a [u8],
    state: Box<InflateState>,
    /// Bytes still to be read.
    left: u64,
    checksum: Crc32,
}

impl<'a> Inflate<'a> {
    /// `packed` must unpack to `size` bytes.
    pub(super) fn new(packed: &'a [u8], size: u64) -> Inflate<'a> {
        let state = InflateState::new_boxed(DataFormat::Raw);
        Inflate { packed, state, left: size, checksum: Crc32::new() }
    }

    /// Unpacks the rest and returns the checksum of all data.
    ///
    /// # Errors
    /// If the data are corrupt, unpack to another number of bytes, or are followed by others.
    pub(super) fn finish(mut self) -> io::Result<u32> {
        let mut rest = [0; 4096];
        while self.read(&mut rest)? > 0 {}
        // All bytes were read: the decoder must now report the end.
        let result = inflate(&mut self.state, self.packed, &mut rest[..1], MZFlush::None);
        let rest = self.packed.len() - result.bytes_consumed;
        match result.status {
            Ok(MZStatus::StreamEnd) if result.bytes_written == 0 && rest == 0 => Ok(self.checksum.checksum()),
            Ok(MZStatus::StreamEnd) if result.bytes_written == 0 => Err(damaged(format!("{rest} bytes follow them"))),
            Ok(_) if result.bytes_written > 0 => Err(damaged("they unpack to more bytes than the directory specifies")),
            status => Err(damaged(format!("their end is missing ({status:?})"))),
        }
    }
}

impl Read for Inflate<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let wanted = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            let result = inflate(&mut self.state, self.packed, &mut out[..wanted], MZFlush::None);
            self.packed = &self.packed[result.bytes_consumed..];
            let written = result.bytes_written;
            if written > 0 {
                self.checksum.update(&out[..written]);
                self.left -= written as u64;
                return Ok(written);
            }
            match result.status {
                Ok(MZStatus::Ok) => {}
                Ok(_) => {
                    return Err(damaged(format!(
                        "they unpack to {} bytes less than the directory specifies",
                        self.left
                    )));
                }
                Err(error) => return Err(damaged(format!("they cannot be unpacked ({error:?})"))),
            }
        }
    }
}

fn damaged(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use miniz_oxide::deflate::compress_to_vec;

    fn unpack(packed: &[u8], size: u64) -> Result<Vec<u8>, String> {
        let mut inflate = Inflate::new(packed, size);
        let mut bytes = Vec::new();
        inflate.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let checksum = inflate.finish().map_err(|error| error.to_string())?;
        assert_eq!(checksum, rawzip::crc32(&bytes));
        Ok(bytes)
    }

    #[test]
    fn data_of_any_length_are_unpacked() {
        for length in [0, 1, 100, 32_767, 32_768, 32_769, 300_000] {
            let bytes: Vec<u8> = (0..length).map(|i: u32| (i.wrapping_mul(i) >> 7) as u8).collect();
            assert_eq!(unpack(&compress_to_vec(&bytes, 6), bytes.len() as u64), Ok(bytes), "{length}");
            let zeros = vec![0; length as usize];
            assert_eq!(unpack(&compress_to_vec(&zeros, 6), zeros.len() as u64), Ok(zeros), "{length}");
        }
    }

    #[test]
    fn wrong_lengths_and_trailing_bytes_are_errors() {
        let packed = compress_to_vec(&[7; 1000], 6);
        assert_eq!(unpack(&packed, 999).unwrap_err(), "they unpack to more bytes than the directory specifies");
        assert_eq!(unpack(&packed, 1002).unwrap_err(), "they unpack to 2 bytes less than the directory specifies");
        assert_eq!(unpack(&[&packed[..], &[0, 0]].concat(), 1000).unwrap_err(), "2 bytes follow them");
        for length in 0..packed.len() {
            assert!(unpack(&packed[..length], 1000).is_err(), "{length} bytes of {}", packed.len());
        }
    }
}
