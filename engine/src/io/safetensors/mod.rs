//! Safetensors files: named tensors and text metadata, in the format of the `safetensors` crate.
//!
//! The format: eight bytes with the length of the header, the header (JSON with each tensor's type, shape and offsets),
//! then the elements, without gaps.

mod checksum;
mod header;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::safetensors::Dtype;
use ::safetensors::tensor::serialize;

use super::{FileError, Place, excerpt, npy, read_file, replace_file};
use crate::{Real, Shape, Tensor};
use header::{Header, element};

/// The number of bytes of the header's length.
const LENGTH: usize = 8;

/// The key of the metadata under which checksums are.
const CHECKSUM: &str = "checksum";

/// A safetensors file in memory. Its tensors are converted on request.
///
/// ```
/// use elbo_engine::Tensor;
/// use elbo_engine::io::safetensors::{self, Safetensors};
///
/// # fn main() -> Result<(), elbo_engine::io::FileError> {
/// let w = Tensor::<f32>::full([2, 3], 0.5);
/// let bytes = safetensors::to_bytes([("weight", &w)], [("made by", "an example")]);
/// let file = Safetensors::from_bytes("net.safetensors", bytes)?;
/// assert_eq!(file.tensor::<f32>("weight")?, w);
/// assert_eq!(file.metadata()["made by"], "an example");
/// # Ok(())
/// # }
/// ```
pub struct Safetensors {
    file: PathBuf,
    bytes: Vec<u8>,
    header: Header,
    /// The offset of the elements.
    start: usize,
}

impl Safetensors {
    /// Reads a file and checks its header.
    ///
    /// # Errors
    /// If it cannot be read or is not a complete safetensors file: the tensors must fill it without gaps or overlaps.
    pub fn open(file: impl AsRef<Path>) -> Result<Safetensors, FileError> {
        Safetensors::from_bytes(file.as_ref(), read_file(file.as_ref())?)
    }

    /// Reads the bytes of a file; `name` appears in errors.
    ///
    /// # Errors
    /// As for [`open`](Safetensors::open).
    pub fn from_bytes(name: impl AsRef<Path>, bytes: Vec<u8>) -> Result<Safetensors, FileError> {
        let file = name.as_ref().to_owned();
        let place = |byte| Place::new(&file, None, byte);
        let Some((length, rest)) = bytes.split_first_chunk::<LENGTH>() else {
            let found = format!("a file of {} bytes", bytes.len());
            return Err(FileError::format(place(0), "8 bytes with the length of a header", found));
        };
        let length = u64::from_le_bytes(*length);
        if length > rest.len() as u64 {
            return Err(FileError::Length { place: place(LENGTH), expected: length, found: rest.len() as u64 });
        }
        let (text, data) = rest.split_at(length as usize);
        let wrong = |found: String| FileError::format(place(LENGTH), "a header in JSON that describes tensors", found);
        // JSON would allow leading spaces; the format does not.
        if !text.starts_with(b"{") {
            return Err(wrong(format!("a header that begins with {}, not with `{{`", excerpt(text))));
        }
        let header: Header = serde_json::from_slice(text).map_err(|error| wrong(error.to_string()))?;
        let start = LENGTH + text.len();
        header.check(&file, start, data.len())?;
        Ok(Safetensors { file, header, start, bytes })
    }

    /// The tensors' names, in the order of their elements.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.header.tensors.iter().map(|(name, _)| &name[..])
    }

    /// The text metadata of the file, by key.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// The type in the file and the shape of the tensor with this name; `None` if there is none.
    pub fn info(&self, name: &str) -> Option<TensorInfo<'_>> {
        let Header { tensors, names, .. } = &self.header;
        let (_, info) = &tensors[names.find(name, |place| &tensors[place].0)?];
        Some(TensorInfo { dtype: info.dtype.to_string(), shape: &info.shape })
    }

    /// Reads the tensor with this name.
    ///
    /// # Errors
    /// If there is none, or `T` cannot represent its elements: see [the rules](super).
    pub fn tensor<T: Real>(&self, name: &str) -> Result<Tensor<T>, FileError> {
        let Header { tensors, names, .. } = &self.header;
        let Some(found) = names.find(name, |place| &tensors[place].0) else {
            return Err(FileError::missing(&self.file, name, self.names()));
        };
        let info = &tensors[found].1;
        let (from, to) = (self.start + info.data_offsets.0, self.start + info.data_offsets.1);
        let place = |byte| Place::new(&self.file, Some(name), from + byte);
        let element = element(info.dtype)
            .ok_or_else(|| FileError::Element { place: place(0), found: format!("{:?}", info.dtype) })?;
        // The header check ensured that memory can address its bytes.
        let mut tensor = Tensor::<T>::zeros(Shape::from(&info.shape[..]));
        let mut out = tensor.data_mut().iter_mut();
        element.convert(&self.bytes[from..to], false, 0, place, |x| {
            if let Some(out) = out.next() {
                *out = x;
            }
        })?;
        Ok(tensor)
    }
}

/// What the header of a file says of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo<'a> {
    /// The type of its elements in the file, such as `F32`.
    pub dtype: String,
    /// Its shape.
    pub shape: &'a [usize],
}

/// Writes tensors and text metadata, by key, to a file.
///
/// # Errors
/// If the file cannot be written.
///
/// # Panics
/// As [`to_bytes`].
#[track_caller]
pub fn write<'a, T: Real>(
    file: impl AsRef<Path>,
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor<T>)>,
    metadata: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<(), FileError> {
    replace_file(file.as_ref(), &to_bytes(tensors, metadata))
}

/// The bytes of the file that [`write()`] writes.
///
/// # Panics
/// If a name is repeated, or is `__metadata__`, which the format reserves.
#[track_caller]
pub fn to_bytes<'a, T: Real>(
    tensors: impl IntoIterator<Item = (&'a str, &'a Tensor<T>)>,
    metadata: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<u8> {
    let mut contents = Contents::new();
    for (name, tensor) in tensors {
        contents.tensor(name, tensor);
    }
    for (key, text) in metadata {
        contents.metadata(key, text);
    }
    contents.into_bytes()
}

/// The contents of a file to write, for tensors of several types.
///
/// ```
/// use elbo_engine::Tensor;
/// use elbo_engine::io::safetensors::{Contents, Safetensors};
///
/// # fn main() -> Result<(), elbo_engine::io::FileError> {
/// let mut contents = Contents::new();
/// contents.tensor("weight", &Tensor::<f32>::full([2], 0.5));
/// contents.tensor("energy", &Tensor::<f64>::full([3], 1.25));
/// contents.flags("diverging", &[3], vec![false, true, false]);
/// let file = Safetensors::from_bytes("draws.safetensors", contents.into_bytes())?;
/// assert_eq!(file.tensor::<f64>("diverging")?.data(), [0.0, 1.0, 0.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Default)]
pub struct Contents {
    tensors: BTreeMap<String, Elements>,
    metadata: BTreeMap<String, String>,
}

impl Contents {
    /// Nothing.
    pub fn new() -> Self {
        Contents::default()
    }

    /// Adds a tensor.
    ///
    /// # Panics
    /// If its name is taken, or is `__metadata__`, which the format reserves.
    #[track_caller]
    pub fn tensor<T: Real>(&mut self, name: &str, tensor: &Tensor<T>) {
        let dtype = if size_of::<T>() == 4 { Dtype::F32 } else { Dtype::F64 };
        let mut bytes = Vec::with_capacity(size_of::<T>() * tensor.len());
        npy::append_elements(tensor, &mut bytes);
        self.add(name, Elements { dtype, shape: tensor.shape().to_vec(), bytes });
    }

    /// Adds a tensor of booleans.
    ///
    /// # Panics
    /// As [`tensor`](Contents::tensor), or if the shape has another number of elements.
    #[track_caller]
    pub fn flags(&mut self, name: &str, shape: &[usize], flags: Vec<bool>) {
        assert!(
            shape.iter().product::<usize>() == flags.len(),
            "safetensors: {} flags of shape {shape:?}",
            flags.len()
        );
        let bytes = flags.into_iter().map(u8::from).collect();
        self.add(name, Elements { dtype: Dtype::BOOL, shape: shape.to_vec(), bytes });
    }

    /// Sets a text of the metadata.
    pub fn metadata(&mut self, key: &str, text: &str) {
        self.metadata.insert(key.to_owned(), text.to_owned());
    }

    #[track_caller]
    fn add(&mut self, name: &str, elements: Elements) {
        assert!(name != "__metadata__", "safetensors: the name `__metadata__` is reserved");
        let before = self.tensors.insert(name.to_owned(), elements);
        assert!(before.is_none(), "safetensors: duplicate tensor name `{name}`");
    }

    /// The bytes of the file: the same for the same contents.
    pub fn into_bytes(self) -> Vec<u8> {
        let bytes = serialize(self.tensors, None).expect("a tensor's elements match its shape");
        if self.metadata.is_empty() { bytes } else { with_metadata(&bytes, &self.metadata) }
    }

    /// Writes the file in one step: a reader, or a program that starts again after it was killed, finds the previous file or
    /// this one, never a part of it. It is first written under another name in the same folder, `.<name>.<process>.part`.
    ///
    /// # Errors
    /// If it cannot be written. The previous file then stays.
    pub fn write(self, file: impl AsRef<Path>) -> Result<(), FileError> {
        replace_file(file.as_ref(), &self.into_bytes())
    }
}

/// The file with these metadata, in order. The crate writes those of a hash map, whose order differs from run to run.
fn with_metadata(bytes: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let (length, rest) = bytes.split_at(LENGTH);
    let length = u64::from_le_bytes(length.try_into().expect("it has eight bytes")) as usize;
    let (header, data) = rest.split_at(length);
    let tensors = header.strip_prefix(b"{").expect("the header is an object").trim_ascii_end();
    let comma = if tensors == b"}" { "" } else { "," };
    let texts = serde_json::to_string(metadata).expect("texts are JSON");
    let mut header = format!("{{\"__metadata__\":{texts}{comma}").into_bytes();
    header.extend(tensors);
    header.resize(header.len().next_multiple_of(LENGTH), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header);
    file.extend(data);
    file
}

/// A tensor's elements, as the `safetensors` crate reads them.
struct Elements {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl ::safetensors::View for Elements {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.bytes).into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    fn rejected(header: &str, data: &[u8]) -> String {
        Safetensors::from_bytes("x", file(header, data)).err().expect("a wrong file").to_string()
    }

    #[test]
    fn equal_contents_are_equal_files() {
        let keys: Vec<String> = (0..20).map(|key| format!("key {key} \"quoted\" ä")).collect();
        let file = |order: &mut dyn Iterator<Item = &String>, has_tensor: bool| {
            let mut contents = Contents::new();
            order.for_each(|key| contents.metadata(key, &format!("text of {key}")));
            if has_tensor {
                contents.tensor("w", &Tensor::<f32>::from_fn([3], |i| i as f64));
            }
            contents.add_checksums();
            contents.into_bytes()
        };
        for has_tensor in [true, false] {
            let bytes = file(&mut keys.iter(), has_tensor);
            assert_eq!(bytes, file(&mut keys.iter().rev(), has_tensor));
            let read = Safetensors::from_bytes("x", bytes.clone()).unwrap();
            read.verify().unwrap();
            assert!(keys.iter().all(|key| read.metadata()[key] == format!("text of {key}")));
            // The elements begin at a multiple of their size.
            assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, 0);
            let theirs = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
            assert_eq!(theirs.names().len(), usize::from(has_tensor));
        }
    }

    #[test]
    fn written_tensors_are_read_back() {
        let (w, b) = (Tensor::<f32>::from_fn([2, 3], |i| i as f64), Tensor::full([], 7.0));
        let empty = Tensor::zeros([0, 4]);
        let bytes = to_bytes([("w", &w), ("b", &b), ("empty", &empty)], []);
        let read = Safetensors::from_bytes("x", bytes).unwrap();
        for (name, tensor) in [("w", &w), ("b", &b), ("empty", &empty)] {
            assert_eq!(read.tensor::<f32>(name).unwrap(), *tensor);
            assert_eq!(read.tensor::<f64>(name).unwrap(), tensor.cast());
        }
        assert!(read.tensor::<f32>("c").unwrap_err().to_string().starts_with("x: no array `c`; there are ["));
    }

    #[test]
    fn the_safetensors_crate_reads_the_same() {
        let w = Tensor::<f64>::from_fn([2, 3], |i| (i as f64).exp());
        let bytes = to_bytes([("w", &w)], [("key", "text")]);
        let theirs = ::safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let view = theirs.tensor("w").unwrap();
        let elements: Vec<f64> = view.data().as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes)).collect();
        assert_eq!((view.shape(), &elements[..]), (&[2, 3][..], w.data()));
    }

    #[test]
    fn a_file_is_replaced_in_one_step() {
        let folder = std::env::temp_dir().join(format!("elbo-replace-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("a.safetensors");
        for value in [1.0, 2.0] {
            let mut contents = Contents::new();
            contents.tensor("single", &Tensor::<f32>::full([1], value));
            contents.tensor("double", &Tensor::<f64>::full([1], 0.1));
            contents.flags("flags", &[2], vec![true, false]);
            contents.write(&file).unwrap();
            let read = Safetensors::open(&file).unwrap();
            assert_eq!(read.tensor::<f64>("single").unwrap().data(), [value]);
            assert_eq!(read.tensor::<f64>("double").unwrap().data(), [0.1]);
            assert_eq!(read.tensor::<f32>("flags").unwrap().data(), [1.0, 0.0]);
        }
        // Nothing else is left, and a folder in the file's place stays.
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
        assert!(Contents::new().write(&folder).is_err());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let mut contents = Contents::new();
        contents.tensor("a", &Tensor::<f32>::from_fn([3], |i| i as f64));
        contents.tensor("b", &Tensor::<f64>::full([1], 0.1));
        contents.metadata("key", "text");
        contents.add_checksums();
        let bytes = contents.into_bytes();
        let read = |bytes| Safetensors::from_bytes("x", bytes).and_then(|file| file.verify());
        assert!(read(bytes.clone()).unwrap());
        assert!(!read(to_bytes([("a", &Tensor::<f32>::zeros([1]))], [])).unwrap());
        for bit in 0..8 * bytes.len() {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // A flip in the key `checksum` leaves a file without one.
            assert!(!matches!(read(damaged), Ok(true)), "bit {bit}");
        }
        let mut last = bytes.clone();
        *last.last_mut().unwrap() ^= 1;
        let error = read(last).unwrap_err().to_string();
        assert!(error.starts_with("x, array `a`, byte ") && error.ends_with("its checksum is another one"), "{error}");
    }

    #[test]
    fn inconsistent_headers_are_rejected() {
        let entry = |shape: &str, from: u64, to: u64| {
            format!(r#"{{"dtype":"U8","shape":{shape},"data_offsets":[{from},{to}]}}"#)
        };
        let one = |shape: &str, from, to| format!(r#"{{"w":{}}}"#, entry(shape, from, to));
        for (header, data, message) in [
            (one("[3]", 0, 2), 2, "x, array `w`, byte 61: expected the data of shape [3] and type U8, found 2 bytes"),
            (one("[2]", 0, 2), 3, "x, byte 61: 3 bytes follow, but the header specifies 2"),
            (one("[2]", 1, 3), 3, "expected data that begin at offset 0 and end within the 3 bytes present"),
            (one("[2]", 0, 2), 1, "found the offsets 0 and 2"),
            (one("[4294967296,4294967296]", 0, 2), 2, "expected the data of shape [4294967296, 4294967296]"),
            (r#"{"w":1}"#.into(), 0, "expected a header in JSON that describes tensors, found invalid type"),
            ("[".into(), 0, "expected a header in JSON that describes tensors"),
        ] {
            let found = rejected(&header, &vec![0; data]);
            assert!(found.contains(message), "{found} does not contain {message}");
        }
        let twice = format!(r#"{{"w":{0},"w":{0}}}"#, entry("[0]", 0, 0));
        assert!(rejected(&twice, &[]).contains("duplicate tensor name `w`"));
        let keys = r#"{"__metadata__":{"key":"a","key":"b"}}"#;
        assert!(rejected(keys, &[]).contains("duplicate key `key`"));
        let metadata = r#"{"__metadata__":{},"__metadata__":{}}"#;
        assert!(rejected(metadata, &[]).contains("a second `__metadata__`"));
        assert!(rejected(" {}", &[]).contains("x, byte 8: expected a header in JSON"));
        let empty = one("[0,4294967296,4294967296]", 0, 0);
        assert!(rejected(&empty, &[]).contains("expected the data of shape [0, 4294967296, 4294967296]"));
        let message = Safetensors::from_bytes("x", vec![9, 0, 0, 0, 0, 0, 0, 0]).err().unwrap().to_string();
        assert_eq!(message, "x, byte 8: 0 bytes follow, but the header specifies 9; is the file complete?");
    }

    #[test]
    fn offsets_whose_sum_overflows_are_rejected() {
        let size = (1u64 << 61) - 1;
        let entries = (0..9u64).map(|i| {
            let (from, to) = (i.wrapping_mul(size), (i + 1).wrapping_mul(size));
            format!(r#""{i}":{{"dtype":"U8","shape":[{size}],"data_offsets":[{from},{to}]}}"#)
        });
        let header = format!("{{{}}}", entries.collect::<Vec<_>>().join(","));
        assert!(rejected(&header, &[0; 9]).contains("end within the 9 bytes present"));
    }
}
