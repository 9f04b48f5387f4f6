//! IDX files, plain or gzip: the format of MNIST, Fashion-MNIST, EMNIST, notMNIST and others.
//!
//! Two zero bytes, the element type, the number of axes, each axis as a big-endian `u32`, then the
//! elements row by row (LeCun, Cortes and Burges, *The MNIST database*). Only unsigned bytes occur in
//! these sets, and only they are read.
//!
//! Reading takes at most 16 times the file's size plus 1 MiB of memory, like [all readers](elbo_engine::io). A pixel
//! takes one byte, a label eight. Real images compress to a third or a tenth of their size and real labels of ten
//! classes to half of theirs, so they stay far below the limit. A file that compresses better, such as a large file of
//! blank images, is an error; [`Reader::with_limit`] allows it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::source::{Source, WORKING};
use super::{DataError, Images};

/// The code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// Reads a file of images: the pixels, image by image and row by row, and the number of images, their height and width.
///
/// # Errors
/// As for [`Reader::images`].
pub fn images(path: impl AsRef<Path>) -> Result<(Vec<u8>, [usize; 3]), DataError> {
    Reader::default().images(path)
}

/// Reads a file of labels, each below `classes`.
///
/// # Errors
/// As for [`Reader::labels`].
pub fn labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<usize>, DataError> {
    Reader::default().labels(path, classes)
}

/// Reads images with their labels from a folder, as [`Reader::load`] does.
///
/// # Errors
/// As for [`Reader::load`].
pub fn load(directory: impl AsRef<Path>, prefix: &str, classes: usize) -> Result<Images, DataError> {
    Reader::default().load(directory, prefix, classes)
}

/// Reads IDX files with a memory limit.
///
/// ```no_run
/// use elbo::data::idx;
/// // Masks are mostly zero, so they compress more than a hundredfold.
/// let masks = idx::Reader::default().with_limit(1 << 30).images("masks-idx3-ubyte.gz")?;
/// # Ok::<(), elbo::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    limit: Option<u64>,
}

impl Reader {
    /// Sets the memory limit in bytes. The default is 16 times the file's size plus 1 MiB.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Reader {
        Reader { limit: Some(bytes) }
    }

    /// Reads a file of images: the pixels, image by image and row by row, and the number of images, their height and
    /// width.
    ///
    /// # Errors
    /// If the file is missing or unreadable, is not an IDX file of unsigned bytes with three axes, is shorter or longer
    /// than its header declares, has no pixels, or takes more memory than [the limit](Reader::with_limit).
    pub fn images(&self, path: impl AsRef<Path>) -> Result<(Vec<u8>, [usize; 3]), DataError> {
        self.read::<3, _>(path.as_ref(), |pixel| pixel)
    }

    /// Reads a file of labels, each below `classes`.
    ///
    /// # Errors
    /// If the file is missing or unreadable, is not an IDX file of unsigned bytes with one axis, is shorter or longer
    /// than its header declares, has no labels or a label out of range, or takes more memory than [the
    /// limit](Reader::with_limit).
    pub fn labels(&self, path: impl AsRef<Path>, classes: usize) -> Result<Vec<usize>, DataError> {
        let path = path.as_ref();
        let (labels, _) = self.read::<1, _>(path, usize::from)?;
        match labels.iter().position(|&label| label >= classes) {
            Some(row) => Err(DataError::Label { file: path.to_owned(), row, label: labels[row], classes }),
            None => Ok(labels),
        }
    }

    /// Reads images with their labels from a folder, under MNIST's file names: `PREFIX-images-idx3-ubyte` and
    /// `PREFIX-labels-idx1-ubyte`, with `.gz` or without. MNIST's prefixes are `train` and `t10k`.
    ///
    /// # Errors
    /// As for [`images`](Reader::images) and [`labels`](Reader::labels), and if the two files differ in their number of
    /// rows.
    pub fn load(&self, directory: impl AsRef<Path>, prefix: &str, classes: usize) -> Result<Images, DataError> {
        let images_file = find(directory.as_ref(), &format!("{prefix}-images-idx3-ubyte"))?;
        let labels_file = find(directory.as_ref(), &format!("{prefix}-labels-idx1-ubyte"))?;
        let (pixels, shape) = self.images(&images_file)?;
        let labels = self.labels(&labels_file, classes)?;
        if shape[0] != labels.len() {
            return Err(DataError::CountsDiffer { images_file, images: shape[0], labels_file, labels: labels.len() });
        }
        Ok(Images { pixels, shape, labels })
    }

    /// Reads an IDX file of unsigned bytes with `AXES` axes, converting each byte.
    fn read<const AXES: usize, E>(
        &self,
        path: &Path,
        convert: fn(u8) -> E,
    ) -> Result<(Vec<E>, [usize; AXES]), DataError> {
        let mut source = Source::open(path)?;
        let shape = header::<AXES>(&mut source)?;
        let (file, header) = (source.file(), source.at());
        // The product cannot overflow u128; if it exceeds `u64`, no file can contain it.
        let size = shape.iter().map(|&axis| axis as u128).product::<u128>();
        if let Some(most) = source.at_most()
            && size > u128::from(most)
        {
            let (shape, found) = (shape.to_vec(), header + most);
            return Err(match u64::try_from(size) {
                Ok(size) if !source.is_gzip() => DataError::Truncated { file, shape, expected: header + size, found },
                _ => DataError::Impossible { file, shape, most: found },
            });
        }
        let size = u64::try_from(size).unwrap_or(u64::MAX - header);
        let elements = self.elements(&mut source, size, &shape, convert)?;
        let expected = header + size;
        if (elements.len() as u64) < size {
            return Err(DataError::Truncated { file, shape: shape.to_vec(), expected, found: source.at() });
        }
        if !source.is_at_end()? {
            return Err(DataError::Oversized { file, shape: shape.to_vec(), expected });
        }
        if elements.is_empty() {
            return Err(DataError::Empty { what: format!("{}: of shape {shape:?}", file.display()) });
        }
        Ok((elements, shape))
    }

    /// Reads and converts the next `count` bytes; fewer at the end of the file.
    fn elements<E>(
        &self,
        source: &mut Source<'_>,
        count: u64,
        shape: &[usize],
        convert: fn(u8) -> E,
    ) -> Result<Vec<E>, DataError> {
        let within = |source: &Source<'_>, count: u64, bytes: usize| {
            let needed = count.saturating_mul(bytes as u64).saturating_add(WORKING);
            let limit = self.limit.unwrap_or_else(|| source.memory_limit());
            let too_large = || DataError::TooLarge { file: source.file(), shape: shape.to_vec(), needed, limit };
            if needed <= limit { Ok(()) } else { Err(too_large()) }
        };
        if source.is_sized() {
            within(source, count, size_of::<E>())?;
            let mut elements = Vec::new();
            let reserved = usize::try_from(count).ok().and_then(|count| elements.try_reserve_exact(count).ok());
            reserved.ok_or_else(|| DataError::Io { file: source.file(), source: ErrorKind::OutOfMemory.into() })?;
            source.pieces(count, |_, piece| {
                elements.extend(piece.iter().map(|&byte| convert(byte)));
                Ok(())
            })?;
            return Ok(elements);
        }
        // A pipe's header may declare anything, so memory grows with the data: up to three bytes per byte while the
        // vector grows, and two plus the elements during conversion.
        let mut bytes = Vec::new();
        source.pieces(count, |source, piece| {
            bytes.extend_from_slice(piece);
            within(source, source.at(), if size_of::<E>() == 1 { 3 } else { 2 + size_of::<E>() })
        })?;
        Ok(bytes.into_iter().map(convert).collect())
    }
}

/// Finds the file of this name, with `.gz` or without.
fn find(directory: &Path, name: &str) -> Result<PathBuf, DataError> {
    let (packed, plain) = (directory.join(format!("{name}.gz")), directory.join(name));
    if packed.exists() {
        Ok(packed)
    } else if plain.exists() {
        Ok(plain)
    } else {
        let hint = format!(", nor {name} without .gz; is {} the right folder?", directory.display());
        Err(DataError::Missing { file: packed, hint })
    }
}

/// Reads the header: the lengths of the axes.
fn header<const AXES: usize>(source: &mut Source<'_>) -> Result<[usize; AXES], DataError> {
    let file = source.file();
    let cut = |source: &Source<'_>| DataError::Truncated {
        file: file.clone(),
        shape: Vec::new(),
        expected: 4 + 4 * AXES as u64,
        found: source.at(),
    };
    let magic = source.header::<4>()?.ok_or_else(|| cut(source))?;
    let [0, 0, element, axes] = magic else {
        return Err(DataError::NotIdx { file, found: magic });
    };
    if element != UNSIGNED_BYTE {
        return Err(DataError::ElementType { file, found: element });
    }
    if usize::from(axes) != AXES {
        return Err(DataError::Axes { file, expected: AXES, found: usize::from(axes) });
    }
    let mut shape = [0; AXES];
    for axis in &mut shape {
        *axis = u32::from_be_bytes(source.header()?.ok_or_else(|| cut(source))?) as usize;
    }
    Ok(shape)
}

/// The name of an element type.
pub(super) fn type_name(code: u8) -> &'static str {
    match code {
        0x08 => "unsigned bytes",
        0x09 => "signed bytes",
        0x0b => "16-bit integers",
        0x0c => "32-bit integers",
        0x0d => "32-bit floats",
        0x0e => "64-bit floats",
        _ => "unknown to IDX",
    }
}
