//! NumPy's `.npy` files, with one array each (NEP 1, and `numpy.lib.format` for versions 2 and 3).
//!
//! The format: six bytes `\x93NUMPY`, the version, the length of the header, the header (a Python dictionary with the
//! elements' type, their order and the shape), then the elements.

mod header;
mod labels;
mod rows;
mod text;

use std::io::Read;
use std::path::Path;

use super::{FileError, Place, elements, read_file, shown, write_file};
use crate::{Real, Shape, Tensor};
use header::Header;
#[cfg(feature = "files")]
pub(super) use labels::parse_labels;
pub use labels::{labels, labels_from_bytes};
pub use rows::Rows;

/// Reads the array in a file.
///
/// ```no_run
/// # fn main() -> Result<(), elbo_engine::io::FileError> {
/// let images: elbo_engine::Tensor = elbo_engine::io::npy::read("images.npy")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If the file cannot be read or is not a complete `.npy` file, or if `T` cannot represent its elements: see [the
/// rules](super).
pub fn read<T: Real>(file: impl AsRef<Path>) -> Result<Tensor<T>, FileError> {
    let file = file.as_ref();
    from_bytes(file, &read_file(file)?)
}

/// Reads the array in the bytes of a file; `name` appears in errors.
///
/// # Errors
/// As for [`read`].
pub fn from_bytes<T: Real>(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Tensor<T>, FileError> {
    // A plain file needs no limit: a byte of it becomes at most eight.
    parse(&mut &bytes[..], bytes.len() as u64, &Budget::NONE, &|byte| Place::new(name.as_ref(), None, byte))
}

/// Writes a tensor to a file: version 1, little-endian, row by row, in its own scalar type.
///
/// # Errors
/// If the file cannot be written.
pub fn write<T: Real>(file: impl AsRef<Path>, tensor: &Tensor<T>) -> Result<(), FileError> {
    write_file(file.as_ref(), &to_bytes(tensor))
}

/// The bytes of the file that [`write()`] writes.
pub fn to_bytes<T: Real>(tensor: &Tensor<T>) -> Vec<u8> {
    let size = size_of::<T>();
    let mut bytes = header::write(size, tensor.shape());
    bytes.reserve_exact(size * tensor.len());
    append_elements(tensor, &mut bytes);
    bytes
}

/// Appends the elements row by row, little-endian, in their own type: `f32` if it has four bytes.
pub(super) fn append_elements<T: Real>(tensor: &Tensor<T>, bytes: &mut Vec<u8>) {
    for x in tensor.data() {
        match size_of::<T>() {
            4 => bytes.extend((x.to_f64() as f32).to_le_bytes()),
            _ => bytes.extend(x.to_f64().to_le_bytes()),
        }
    }
}

/// A limit of the memory that a tensor may take.
pub(super) struct Budget {
    /// Bytes that reading takes besides the tensor.
    pub(super) held: u64,
    /// The number of arrays that count together, and the total number of bytes that they unpack to.
    pub(super) together: (usize, u64),
    /// The total number of bytes allowed.
    pub(super) limit: u64,
}

impl Budget {
    const NONE: Budget = Budget { held: 0, together: (1, 0), limit: u64::MAX };
}

/// The size in bytes of the pieces in which elements are read: a multiple of all element sizes.
const PIECE: usize = 8192;

/// Reads the `length` bytes of a source within a budget; the function locates a byte.
#[cfg(feature = "files")]
pub(super) type Parse<V> = fn(&mut dyn Read, u64, &Budget, &dyn Fn(usize) -> Place) -> Result<V, FileError>;

/// Reads an array.
pub(super) fn parse<T: Real>(
    source: &mut dyn Read,
    length: u64,
    budget: &Budget,
    place: &dyn Fn(usize) -> Place,
) -> Result<Tensor<T>, FileError> {
    let header = checked_header(source, length, budget, size_of::<T>(), place)?;
    let mut tensor = Tensor::<T>::zeros(header.shape.clone());
    let out = tensor.data_mut();
    let mut columns = Columns::new(&header.shape);
    let mut i = 0;
    each_element(source, &header, out.len(), place, |x| {
        out[if header.fortran { columns.next() } else { i }] = x;
        i += 1;
    })?;
    Ok(tensor)
}

/// Reads a header and checks its shape against the length and the budget, for values of `size` bytes.
fn checked_header(
    source: &mut dyn Read,
    length: u64,
    budget: &Budget,
    size: usize,
    place: &dyn Fn(usize) -> Place,
) -> Result<Header, FileError> {
    let header = Header::read(source, length, place)?;
    let (end, shape) = (header.end, &header.shape);
    let count = elements(shape).ok_or_else(|| {
        FileError::format(place(end), "a shape that memory can address", format!("the shape {}", shown(shape)))
    })?;
    let (expected, found) = (count as u128 * header.element.size() as u128, length - end as u64);
    if u128::from(found) != expected {
        let expected = u64::try_from(expected).unwrap_or(u64::MAX);
        return Err(FileError::Length { place: place(end), expected, found });
    }
    let alone = (count as u64).saturating_mul(size as u64).saturating_add(budget.held);
    let (together, unpacked) = budget.together;
    let (arrays, needed) = if alone < unpacked { (together, unpacked) } else { (1, alone) };
    if needed > budget.limit {
        return Err(FileError::TooLarge { place: place(end), arrays, needed, limit: budget.limit });
    }
    Ok(header)
}

/// Passes the `count` elements after a header to `put`, in the order of the file.
fn each_element<T: Real>(
    source: &mut dyn Read,
    header: &Header,
    count: usize,
    place: &dyn Fn(usize) -> Place,
    mut put: impl FnMut(T),
) -> Result<(), FileError> {
    let (element, end) = (header.element, header.end);
    let mut i = 0;
    let mut piece = [0; PIECE];
    while i < count {
        let bytes = &mut piece[..PIECE.min((count - i) * element.size())];
        source.read_exact(bytes).map_err(|error| header::unreadable(place(end + i * element.size()), &error))?;
        element.convert(bytes, header.big_endian, i, |byte| place(end + byte), &mut put)?;
        i += bytes.len() / element.size();
    }
    Ok(())
}

/// Row-major positions of elements that are stored in Fortran order, with the first axis contiguous.
struct Columns {
    shape: Shape,
    index: Shape,
    strides: Shape,
    place: usize,
}

impl Columns {
    /// The shape must have been checked.
    fn new(shape: &[usize]) -> Columns {
        let mut strides: Shape = shape.iter().map(|_| 1).collect();
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis]);
        }
        Columns { shape: shape.into(), index: shape.iter().map(|_| 0).collect(), strides, place: 0 }
    }

    /// The position of the next element.
    fn next(&mut self) -> usize {
        let place = self.place;
        for axis in 0..self.shape.len() {
            self.index[axis] += 1;
            self.place += self.strides[axis];
            if self.index[axis] < self.shape[axis] {
                break;
            }
            self.place -= self.index[axis] * self.strides[axis];
            self.index[axis] = 0;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_arrays_are_read_back() {
        for shape in [&[][..], &[0], &[3], &[2, 0, 4], &[2, 3, 4, 1, 5]] {
            let tensor = Tensor::<f32>::from_fn(shape, |i| (i as f64).sin());
            assert_eq!(from_bytes::<f32>("x", &to_bytes(&tensor)).unwrap(), tensor);
            let tensor = Tensor::<f64>::from_fn(shape, |i| (i as f64).sin());
            assert_eq!(from_bytes::<f64>("x", &to_bytes(&tensor)).unwrap(), tensor);
        }
    }

    #[test]
    fn an_empty_array_has_axes_that_memory_can_address() {
        let with = |shape: &str, data: usize| {
            let text = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}");
            let length = (text.len() as u16).to_le_bytes();
            let bytes = [b"\x93NUMPY\x01\0", &length[..], text.as_bytes(), &vec![0; data]].concat();
            from_bytes::<f32>("x", &bytes).map_err(|error| error.to_string())
        };
        for shape in ["(0, 4294967296, 4294967296)", "(4294967296, 0, 4294967296)", "(4294967296, 4294967296, 0)"] {
            let message = with(shape, 0).unwrap_err();
            assert!(message.contains("expected a shape that memory can address, found the shape ["), "{message}");
        }
        assert!(with("(1152921504606846976,)", 8).unwrap_err().contains("a shape that memory can address"));
        assert_eq!(with("(0, 4294967296)", 0).unwrap(), Tensor::zeros([0, 4_294_967_296]));
    }

    #[test]
    fn a_header_is_not_longer_than_version_1_allows() {
        let with = |length: u32, there: usize| {
            let bytes = [b"\x93NUMPY\x02\0", &length.to_le_bytes()[..], &vec![b' '; there]].concat();
            from_bytes::<f32>("x", &bytes).unwrap_err().to_string()
        };
        assert_eq!(
            with(u32::MAX, 9),
            "x, byte 12: 9 bytes follow, but the header specifies 4294967295; is the file complete?"
        );
        assert!(with(65_535, 65_535).contains("expected `{`, found the end of the header"));
        assert_eq!(with(65_536, 65_536), "x, byte 8: expected a header of at most 65535 bytes, found one of 65536");
    }

    #[test]
    fn elements_begin_at_a_multiple_of_64_bytes() {
        for shape in [&[][..], &[1], &[123_456, 0, 7]] {
            assert_eq!(to_bytes(&Tensor::<f32>::zeros(shape)).len() % 64, if shape.contains(&0) { 0 } else { 4 });
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        let bytes = to_bytes(&Tensor::<f64>::zeros([2, 3]));
        for length in 0..bytes.len() {
            let message = from_bytes::<f64>("cut.npy", &bytes[..length]).unwrap_err().to_string();
            assert!(message.starts_with("cut.npy, byte "), "{message}");
        }
        let longer = [&bytes[..], &[0]].concat();
        let message = from_bytes::<f64>("long.npy", &longer).unwrap_err().to_string();
        assert_eq!(message, "long.npy, byte 128: 49 bytes follow, but the header specifies 48; is the file complete?");
    }
}
