//! The directory of an `.npz` archive: its arrays, and their sizes.

use std::path::Path;

use rawzip::{CompressionMethod, ZipArchiveEntryWayfinder, ZipSliceArchive};

use crate::io::{FileError, Place};

/// An array in the archive, not unpacked yet.
pub(super) struct Member {
    pub(super) name: Box<str>,
    pub(super) method: CompressionMethod,
    pub(super) encrypted: bool,
    pub(super) entry: ZipArchiveEntryWayfinder,
    /// The offset in the directory.
    pub(super) offset: usize,
    /// The number of arrays that are at most as large (including itself), and the total number of bytes that they
    /// unpack to. The limit applies to this total, so all arrays that pass it unpack to at most the limit together.
    pub(super) together: (usize, u64),
}

/// Lists the `.npy` files in the archive.
pub(super) fn directory(file: &Path, archive: &ZipSliceArchive<Vec<u8>>) -> Result<Vec<Member>, FileError> {
    let start = usize::try_from(archive.directory_offset()).unwrap_or(usize::MAX);
    let wrong =
        |found: String| FileError::format(Place::new(file, None, start), "the directory of a ZIP archive", found);
    let mut members = Vec::new();
    let mut entries = archive.entries();
    let mut count = 0;
    while let Some(entry) = entries.next_entry().map_err(|error| wrong(error.to_string()))? {
        count += 1;
        let path = entry.file_path();
        let Some(name) = path.as_bytes().strip_suffix(b".npy") else {
            continue;
        };
        let offset = usize::try_from(entry.local_header_offset()).unwrap_or(usize::MAX);
        let name = std::str::from_utf8(name)
            .map_err(|error| FileError::format(Place::new(file, None, offset), "a name in UTF-8", error.to_string()))?;
        members.push(Member {
            name: name.into(),
            method: entry.compression_method(),
            encrypted: entry.flags().is_encrypted(),
            entry: entry.wayfinder(),
            offset,
            together: (0, 0),
        });
    }
    count_together(&mut members);
    match archive.entries_hint() {
        announced if announced == count => Ok(members),
        announced => Err(wrong(format!("{count} members, but its end specifies {announced}"))),
    }
}

fn count_together(members: &mut [Member]) {
    let size = |member: &Member| member.entry.uncompressed_size_hint();
    let mut sizes: Vec<u64> = members.iter().map(size).collect();
    sizes.sort_unstable();
    let sums: Vec<u64> = sizes
        .iter()
        .scan(0u64, |sum, &size| {
            *sum = sum.saturating_add(size);
            Some(*sum)
        })
        .collect();
    for member in members {
        // At least the member itself.
        let count = sizes.partition_point(|&other| other <= size(member));
        member.together = (count, sums[count - 1]);
    }
}
