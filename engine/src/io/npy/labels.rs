//! Class labels from an `.npy` file: whole numbers from 0, of any numeric type.

use std::io::Read;
use std::path::Path;

use super::{Budget, checked_header, each_element};
use crate::io::{FileError, Place, read_file, shown};

/// Above this a double does not tell whole numbers apart.
const LARGEST: f64 = (1u64 << 53) as f64;

/// Reads an array of class labels, of shape (rows) or (rows, 1) and any integer or floating-point type. A number such as −1
/// or 2.5 is an error, unlike in a cast.
///
/// ```no_run
/// # fn main() -> Result<(), elbo_engine::io::FileError> {
/// let labels: Vec<usize> = elbo_engine::io::npy::labels("labels.npy")?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`FileError::Label`], with the row, if a number is negative, not whole or not finite; if the array has another shape; as
/// for [`read`](super::read).
pub fn labels(file: impl AsRef<Path>) -> Result<Vec<usize>, FileError> {
    let file = file.as_ref();
    labels_from_bytes(file, &read_file(file)?)
}

/// Reads class labels in the bytes of a file; `name` appears in errors.
///
/// # Errors
/// As for [`labels`].
pub fn labels_from_bytes(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Vec<usize>, FileError> {
    parse_labels(&mut &bytes[..], bytes.len() as u64, &Budget::NONE, &|byte| Place::new(name.as_ref(), None, byte))
}

/// Reads labels.
pub(in crate::io) fn parse_labels(
    source: &mut dyn Read,
    length: u64,
    budget: &Budget,
    place: &dyn Fn(usize) -> Place,
) -> Result<Vec<usize>, FileError> {
    let header = checked_header(source, length, budget, size_of::<usize>(), place)?;
    let &([rows] | [rows, 1]) = &header.shape[..] else {
        let found = format!("the shape {}", shown(&header.shape));
        return Err(FileError::format(place(header.end), "labels of shape (rows) or (rows, 1)", found));
    };
    let mut labels = Vec::with_capacity(rows);
    let mut wrong = None;
    each_element(source, &header, rows, place, |x: f64| {
        if !((0.0..=LARGEST).contains(&x) && x.fract() == 0.0) {
            wrong.get_or_insert((labels.len(), x));
        }
        labels.push(x as usize);
    })?;
    match wrong {
        Some((row, value)) => {
            Err(FileError::Label { place: place(header.end + row * header.element.size()), row, value })
        }
        None => Ok(labels),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(element: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let text = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': {shape}}}");
        [b"\x93NUMPY\x01\0", &(text.len() as u16).to_le_bytes()[..], text.as_bytes(), data].concat()
    }

    fn read(element: &str, shape: &str, data: &[u8]) -> Result<Vec<usize>, String> {
        labels_from_bytes("y.npy", &file(element, shape, data)).map_err(|error| error.to_string())
    }

    #[test]
    fn labels_of_any_type_are_read() {
        assert_eq!(read("|u1", "(3,)", &[0, 255, 7]), Ok(vec![0, 255, 7]));
        assert_eq!(read("<i8", "(2, 1)", &[3i64, 0].map(i64::to_le_bytes).concat()), Ok(vec![3, 0]));
        assert_eq!(read(">i4", "(2,)", &[3i32, 70_000].map(i32::to_be_bytes).concat()), Ok(vec![3, 70_000]));
        assert_eq!(read("<f4", "(2,)", &[3f32, 0.0].map(f32::to_le_bytes).concat()), Ok(vec![3, 0]));
        assert_eq!(read("|b1", "(2,)", &[1, 0]), Ok(vec![1, 0]));
    }

    #[test]
    fn what_is_not_a_label_is_named_by_its_row() {
        let message = read("<i8", "(3,)", &[0i64, -1, -2].map(i64::to_le_bytes).concat()).unwrap_err();
        assert!(message.contains("row 1 (from 0) is -1, which is not a class"), "{message}");
        let message = read("<f8", "(1, 1)", &2.5f64.to_le_bytes()).unwrap_err();
        assert!(message.contains("row 0 (from 0) is 2.5"), "{message}");
        for x in [f32::NAN, f32::INFINITY] {
            assert!(read("<f4", "(1,)", &x.to_le_bytes()).unwrap_err().contains("row 0 (from 0) is"));
        }
        assert!(read("<i8", "(1,)", &((1i64 << 53) + 1).to_le_bytes()).unwrap_err().contains("cannot hold"));
        let message = read("|u1", "(1, 2)", &[0, 1]).unwrap_err();
        assert!(message.contains("expected labels of shape (rows) or (rows, 1), found the shape [1, 2]"), "{message}");
    }
}
