//! Builds ZIP archives, valid ones and ones with wrong headers.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A file in an archive, as the archive describes it.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: Vec<u8>,
    /// The name before the data, where it is not that of the directory.
    pub(crate) local_name: Option<Vec<u8>>,
    pub(crate) method: u16,
    pub(crate) packed: Vec<u8>,
    pub(crate) checksum: u32,
    /// Bytes that it unpacks to.
    pub(crate) size: u32,
}

impl Member {
    pub(crate) fn stored(name: &str, bytes: &[u8]) -> Member {
        Member {
            name: name.into(),
            local_name: None,
            method: 0,
            packed: bytes.to_vec(),
            checksum: checksum(bytes),
            size: bytes.len() as u32,
        }
    }

    pub(crate) fn deflated(name: &str, bytes: &[u8], level: u32) -> Member {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        Member { method: 8, packed: encoder.finish().unwrap(), ..Member::stored(name, bytes) }
    }

    /// The fields that are both before the data and in the directory.
    fn fields(&self, name: &[u8]) -> Vec<u8> {
        let mut bytes = vec![20, 0, 0, 0];
        bytes.extend(self.method.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.checksum.to_le_bytes());
        bytes.extend((self.packed.len() as u32).to_le_bytes());
        bytes.extend(self.size.to_le_bytes());
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend([0, 0]);
        bytes
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The archive of these members.
pub(crate) fn archive(members: &[Member]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    for member in members {
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(member.fields(&member.name));
        // No comment, on the first disk, no attributes.
        directory.extend([0; 10]);
        directory.extend((bytes.len() as u32).to_le_bytes());
        directory.extend(&member.name);
        let local_name = member.local_name.as_ref().unwrap_or(&member.name);
        bytes.extend(b"PK\x03\x04");
        bytes.extend(member.fields(local_name));
        bytes.extend(local_name);
        bytes.extend(&member.packed);
    }
    let (start, count) = (bytes.len() as u32, (members.len() as u16).to_le_bytes());
    bytes.extend(&directory);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend([count, count].concat());
    bytes.extend((directory.len() as u32).to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}
