//! `Rows`: rows of an `.npy` file, read when they are asked for, so that the file may be larger than memory.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::header::Header;
use super::{Budget, PIECE, checked_header};
use crate::io::{FileError, Place, shown};
use crate::{Real, Tensor};

/// An `.npy` file whose rows, along its first axis, are read when they are asked for. It takes memory for these rows alone.
/// Several threads may read from one value; they take turns.
///
/// The file is read at positions instead of being mapped into memory: a mapping is only safe while nobody changes the file,
/// which no program can guarantee. A file that is cut meanwhile is an error when its missing rows are read.
///
/// ```
/// use elbo_engine::{Tensor, io::npy};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let path = std::env::temp_dir().join(format!("elbo-rows-{}.npy", std::process::id()));
/// npy::write(&path, &Tensor::<f32>::from_fn([1000, 3], |i| i as f64))?;
/// let file = npy::Rows::open(&path)?;
/// assert_eq!(file.shape(), [1000, 3]);
/// let mut batch = file.buffer::<f32>();
/// file.gather(&[999, 0], &mut batch)?;
/// assert_eq!(batch, Tensor::new([2, 3], [2997.0, 2998.0, 2999.0, 0.0, 1.0, 2.0]));
/// # drop(file);
/// # std::fs::remove_file(path)?;
/// # Ok(())
/// # }
/// ```
pub struct Rows {
    path: PathBuf,
    file: Mutex<File>,
    header: Header,
    /// Elements of a row.
    width: usize,
}

impl Rows {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If the file cannot be read, or is not a complete `.npy` file; if it is a scalar, or stored column by column
    /// (`fortran_order`).
    pub fn open(path: impl AsRef<Path>) -> Result<Rows, FileError> {
        let path = path.as_ref().to_owned();
        let fail = |source| FileError::Read { file: path.clone(), source };
        let mut file = File::open(&path).map_err(fail)?;
        let length = file.metadata().map_err(fail)?.len();
        let place = |byte| Place::new(&path, None, byte);
        let header = checked_header(&mut file, length, &Budget::NONE, 0, &place)?;
        let expected = match header.shape[..] {
            [] => Some("an array with rows"),
            [_, ..] if header.fortran && header.shape.len() > 1 => {
                Some("rows that are contiguous; write the array by `numpy.save(file, numpy.ascontiguousarray(array))`")
            }
            _ => None,
        };
        if let Some(expected) = expected {
            let order = if header.fortran { ", column by column" } else { "" };
            return Err(FileError::format(place(header.end), expected, format!("{}{order}", shown(&header.shape))));
        }
        let width = header.shape[1..].iter().product();
        Ok(Rows { file: Mutex::new(file), path, header, width })
    }

    /// The shape of the whole array: rows first.
    pub fn shape(&self) -> &[usize] {
        &self.header.shape
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.header.shape[0]
    }

    /// Whether the array has zero rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// An empty tensor for [`gather`](Rows::gather): no rows, otherwise of the array's shape.
    pub fn buffer<T: Real>(&self) -> Tensor<T> {
        let mut shape = self.header.shape.clone();
        shape[0] = 0;
        Tensor::zeros(shape)
    }

    /// Replaces the content of `into` by these rows, in this order. Rows that follow each other are read at once. Allocates
    /// only if `into` has never held as many rows.
    ///
    /// # Errors
    /// If the file cannot be read, or `T` cannot represent an element: see [the rules](crate::io).
    ///
    /// # Panics
    /// If a row is out of range, or the rows of `into` have another shape: see [`buffer`](Rows::buffer).
    #[track_caller]
    pub fn gather<T: Real>(&self, rows: &[usize], into: &mut Tensor<T>) -> Result<(), FileError> {
        assert!(
            into.shape().get(1..) == Some(&self.header.shape[1..]),
            "npy::Rows::gather: a tensor of shape {:?} does not hold rows of an array of shape {:?}",
            into.shape(),
            self.shape()
        );
        if let Some(row) = rows.iter().find(|&&row| row >= self.len()) {
            panic!("npy::Rows::gather: row {row} (from 0) is out of range for {} rows", self.len());
        }
        into.resize_rows(rows.len());
        let mut out = into.data_mut();
        for run in rows.chunk_by(|&a, &b| a + 1 == b) {
            let (to, rest) = out.split_at_mut(run.len() * self.width);
            self.read_elements(run[0] * self.width, to)?;
            out = rest;
        }
        Ok(())
    }

    /// Reads a range of rows.
    ///
    /// # Errors
    /// As for [`gather`](Rows::gather).
    ///
    /// # Panics
    /// If the range is out of bounds.
    #[track_caller]
    pub fn read<T: Real>(&self, rows: Range<usize>) -> Result<Tensor<T>, FileError> {
        assert!(
            rows.start <= rows.end && rows.end <= self.len(),
            "npy::Rows::read: the range {rows:?} is out of range for {} rows",
            self.len()
        );
        let mut tensor = self.buffer();
        tensor.resize_rows(rows.len());
        self.read_elements(rows.start * self.width, tensor.data_mut())?;
        Ok(tensor)
    }

    /// Reads as many elements as `out` has, from element `first` on.
    fn read_elements<T: Real>(&self, first: usize, out: &mut [T]) -> Result<(), FileError> {
        let Header { element, big_endian, end, .. } = self.header;
        let fail = |source| FileError::Read { file: self.path.clone(), source };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(end as u64 + first as u64 * element.size() as u64)).map_err(fail)?;
        let mut piece = [0; PIECE];
        for (i, out) in out.chunks_mut(PIECE / element.size()).enumerate() {
            let bytes = &mut piece[..out.len() * element.size()];
            file.read_exact(bytes).map_err(fail)?;
            let from = first + i * (PIECE / element.size());
            let mut out = out.iter_mut();
            let place = |byte| Place::new(&self.path, None, end + byte);
            element.convert(bytes, big_endian, from, place, |x| {
                if let Some(out) = out.next() {
                    *out = x;
                }
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::npy;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str, bytes: &[u8]) -> Scratch {
            let path = std::env::temp_dir().join(format!("elbo-npy-rows-{}-{name}.npy", std::process::id()));
            std::fs::write(&path, bytes).unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    #[test]
    fn any_rows_in_any_order_are_those_of_the_whole_array() {
        let array = Tensor::<f64>::from_fn([100, 7, 30], |i| (i as f64).sin());
        let scratch = Scratch::new("any", &npy::to_bytes(&array));
        let file = Rows::open(&scratch.0).unwrap();
        let width = 7 * 30;
        let mut batch = file.buffer::<f64>();
        for rows in [&[5, 6, 7, 99, 0, 0][..], &[], &[42], &(0..100).collect::<Vec<_>>()] {
            file.gather(rows, &mut batch).unwrap();
            let expected = rows.iter().flat_map(|row| &array.data()[row * width..][..width]);
            assert!(batch.data().iter().eq(expected), "{rows:?}");
        }
        assert_eq!(file.read::<f64>(0..100).unwrap(), array);
        assert_eq!(file.read::<f32>(3..3).unwrap().shape(), [0, 7, 30]);
    }

    #[test]
    fn files_that_cannot_be_read_row_by_row_are_refused() {
        let open = |name: &str, bytes: &[u8]| Rows::open(&Scratch::new(name, bytes).0).err().unwrap().to_string();
        assert!(open("scalar", &npy::to_bytes(&Tensor::<f32>::zeros([]))).contains("expected an array with rows"));
        let text = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2)}";
        let bytes = [b"\x93NUMPY\x01\0", &[text.len() as u8, 0][..], text.as_bytes(), &[0; 16]].concat();
        assert!(open("fortran", &bytes).contains("ascontiguousarray"));
        let short = npy::to_bytes(&Tensor::<f32>::zeros([5, 5]));
        assert!(open("short", &short[..short.len() - 1]).contains("99 bytes follow, but the header specifies 100"));
    }

    #[test]
    fn a_file_that_shrinks_is_an_error_and_not_a_panic() {
        let scratch = Scratch::new("shrinks", &npy::to_bytes(&Tensor::<f32>::zeros([50, 50])));
        let file = Rows::open(&scratch.0).unwrap();
        File::options().write(true).open(&scratch.0).unwrap().set_len(200).unwrap();
        assert!(file.read::<f32>(40..50).unwrap_err().to_string().contains("cannot be read"));
    }

    #[test]
    fn an_element_that_the_type_cannot_hold_is_named_by_its_byte() {
        let mut array = Tensor::<f64>::zeros([3000, 1]);
        array.data_mut()[2000] = 1e300;
        let scratch = Scratch::new("large", &npy::to_bytes(&array));
        let file = Rows::open(&scratch.0).unwrap();
        let message = file.read::<f32>(10..3000).unwrap_err().to_string();
        assert!(message.contains(&format!("byte {}: element 2000 is 1e300", 128 + 8 * 2000)), "{message}");
    }

    #[test]
    #[should_panic(expected = "npy::Rows::gather: row 3 (from 0) is out of range for 3 rows")]
    fn a_row_out_of_range_is_refused() {
        let scratch = Scratch::new("range", &npy::to_bytes(&Tensor::<f32>::zeros([3, 2])));
        let file = Rows::open(&scratch.0).unwrap();
        let _ = file.gather(&[0, 3], &mut file.buffer::<f32>());
    }
}
