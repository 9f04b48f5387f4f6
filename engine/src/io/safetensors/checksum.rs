//! Checksums of the contents of a safetensors file, in its metadata.

use super::{CHECKSUM, Contents, LENGTH, Safetensors};
use crate::io::{FileError, Place, xxh64};

/// The method, and what the text of a checksum begins with.
const METHOD: &str = "xxh64";

/// The checksum of the metadata.
fn of_metadata<'a>(metadata: impl Iterator<Item = (&'a String, &'a String)>) -> u64 {
    let texts = metadata.filter(|(key, _)| *key != CHECKSUM);
    texts.fold(0, |hash, (key, text)| xxh64(text.as_bytes(), xxh64(key.as_bytes(), hash)))
}

/// The checksum of a tensor: its name, type, shape and elements.
fn of_tensor(name: &str, dtype: &str, shape: &[usize], bytes: &[u8]) -> u64 {
    let hash = xxh64(dtype.as_bytes(), xxh64(name.as_bytes(), 0));
    let hash = shape.iter().fold(hash, |hash, &length| xxh64(&(length as u64).to_le_bytes(), hash));
    xxh64(bytes, hash)
}

impl Contents {
    /// Adds checksums of everything added so far to the metadata, under `checksum`: the method, that of the metadata, and that of
    /// each tensor in the order of their names. [`Safetensors::verify`] checks them.
    pub fn add_checksums(&mut self) {
        let mut text = format!("{METHOD} {:016x}", of_metadata(self.metadata.iter()));
        for (name, elements) in &self.tensors {
            let hash = of_tensor(name, &elements.dtype.to_string(), &elements.shape, &elements.bytes);
            text += &format!(" {hash:016x}");
        }
        self.metadata.insert(CHECKSUM.to_owned(), text);
    }
}

impl Safetensors {
    /// Verifies the checksums of [`Contents::add_checksums`]; false if the file has none.
    ///
    /// # Errors
    /// [`FileError::Damaged`] with the first tensor that has another checksum.
    pub fn verify(&self) -> Result<bool, FileError> {
        let Some(text) = self.metadata().get(CHECKSUM) else { return Ok(false) };
        let damaged =
            |array, byte, reason| Err(FileError::Damaged { place: Place::new(&self.file, array, byte), reason });
        let mut expected = text.split(' ');
        if expected.next() != Some(METHOD) {
            return damaged(None, LENGTH, format!("its checksums are not those of {METHOD}"));
        }
        let mut matches = |found: u64| expected.next().is_some_and(|text| text == format!("{found:016x}"));
        if !matches(of_metadata(self.metadata().iter())) {
            return damaged(None, LENGTH, "the checksum of its metadata is another one".to_owned());
        }
        for &place in &self.header.names.0 {
            let (name, info) = &self.header.tensors[place];
            let (from, to) = (self.start + info.data_offsets.0, self.start + info.data_offsets.1);
            if !matches(of_tensor(name, &info.dtype.to_string(), &info.shape, &self.bytes[from..to])) {
                return damaged(Some(name), from, "its checksum is another one".to_owned());
            }
        }
        match expected.next() {
            None => Ok(true),
            Some(_) => damaged(None, LENGTH, "it has more checksums than tensors".to_owned()),
        }
    }
}
