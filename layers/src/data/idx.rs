//! IDX files, plain or gzip: the format of MNIST, Fashion-MNIST, EMNIST, notMNIST and others.
//!
//! Two zero bytes, the element type, the number of axes, each axis as a big-endian `u32`, then the
//! elements row by row (LeCun, Cortes and Burges, *The MNIST database*). Only unsigned bytes occur in
//! these sets, and only they are read.
//!
//! No header makes a reader allocate more than its file holds.

use std::path::{Path, PathBuf};

use super::source::Source;
use super::{DataError, Images};

/// The code of unsigned bytes.
const UNSIGNED_BYTE: u8 = 0x08;

/// The pixels of a file of images, image by image and row by row, with the number of images, their
/// height and their width.
///
/// # Errors
/// If the file is missing or unreadable, no IDX file of unsigned bytes with three axes, shorter or
/// longer than its header says, or without any pixel.
pub fn images(path: impl AsRef<Path>) -> Result<(Vec<u8>, [usize; 3]), DataError> {
    read::<3>(path.as_ref())
}

/// The labels of a file of labels, each below `classes`.
///
/// # Errors
/// If the file is missing or unreadable, no IDX file of unsigned bytes with one axis, shorter or
/// longer than its header says, without any label, or with one that is no class.
pub fn labels(path: impl AsRef<Path>, classes: usize) -> Result<Vec<usize>, DataError> {
    let path = path.as_ref();
    let (bytes, _) = read::<1>(path)?;
    let labels: Vec<usize> = bytes.into_iter().map(usize::from).collect();
    match labels.iter().position(|&label| label >= classes) {
        Some(row) => Err(DataError::Label { file: path.to_owned(), row, label: labels[row], classes }),
        None => Ok(labels),
    }
}

/// Images with their labels from a folder, under the names that MNIST gave such files:
/// `PREFIX-images-idx3-ubyte` and `PREFIX-labels-idx1-ubyte`, with `.gz` or without. MNIST's
/// prefixes are `train` and `t10k`.
///
/// # Errors
/// As for [`images`] and [`labels`], and if the two files differ in their number of rows.
pub fn load(directory: impl AsRef<Path>, prefix: &str, classes: usize) -> Result<Images, DataError> {
    let images_file = find(directory.as_ref(), &format!("{prefix}-images-idx3-ubyte"))?;
    let labels_file = find(directory.as_ref(), &format!("{prefix}-labels-idx1-ubyte"))?;
    let (pixels, shape) = images(&images_file)?;
    let labels = labels(&labels_file, classes)?;
    if shape[0] != labels.len() {
        return Err(DataError::CountsDiffer { images_file, images: shape[0], labels_file, labels: labels.len() });
    }
    Ok(Images { pixels, shape, labels })
}

/// The file of this name, with `.gz` or without.
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

/// A whole IDX file of unsigned bytes with `AXES` axes.
fn read<const AXES: usize>(path: &Path) -> Result<(Vec<u8>, [usize; AXES]), DataError> {
    let mut source = Source::open(path)?;
    let shape = header::<AXES>(&mut source)?;
    let header = source.at();
    // Four axes of 32 bits could not overflow u128; `u64` may, and then no file holds it.
    let size = shape.iter().map(|&axis| axis as u128).product::<u128>();
    if let Some(limit) = source.at_most()
        && size > u128::from(limit)
    {
        let (file, shape, found) = (source.file(), shape.to_vec(), header + limit);
        return Err(match u64::try_from(size) {
            Ok(size) if !source.is_gzip() => DataError::Truncated { file, shape, expected: header + size, found },
            _ => DataError::TooLarge { file, shape, limit: found },
        });
    }
    let size = u64::try_from(size).unwrap_or(u64::MAX - header);
    let (file, expected) = (source.file(), header + size);
    let bytes = source.read(size)?;
    if (bytes.len() as u64) < size {
        return Err(DataError::Truncated { file, shape: shape.to_vec(), expected, found: source.at() });
    }
    if !source.is_at_end()? {
        return Err(DataError::Oversized { file, shape: shape.to_vec(), expected });
    }
    if bytes.is_empty() {
        return Err(DataError::Empty { what: format!("{}: of shape {shape:?}", file.display()) });
    }
    Ok((bytes, shape))
}

/// The lengths of the axes.
fn header<const AXES: usize>(source: &mut Source<'_>) -> Result<[usize; AXES], DataError> {
    let file = source.file();
    let cut = |found: u64| DataError::Truncated {
        file: file.clone(),
        shape: Vec::new(),
        expected: 4 + 4 * AXES as u64,
        found,
    };
    let magic: [u8; 4] = source.read(4)?.try_into().map_err(|short: Vec<u8>| cut(short.len() as u64))?;
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
        let bytes: [u8; 4] = source.read(4)?.try_into().map_err(|_| cut(source.at()))?;
        *axis = u32::from_be_bytes(bytes) as usize;
    }
    Ok(shape)
}
