//! Reads and checks the header of a safetensors file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use ::safetensors::Dtype;
use ::safetensors::tensor::TensorInfo;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::io::element::Element;
use crate::io::{FileError, Names, Place, elements, shown};

/// The contents of the header.
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    /// In the order of their elements.
    pub(super) tensors: Vec<(Box<str>, TensorInfo)>,
    pub(super) names: Names,
}

impl Header {
    /// Checks that the tensors follow each other without gaps, that each has the size of its shape and type, and that
    /// they fill all `held` bytes.
    pub(super) fn check(&self, file: &Path, start: usize, held: usize) -> Result<(), FileError> {
        let mut end = 0;
        for (name, info) in &self.tensors {
            let (from, to) = info.data_offsets;
            let place = |byte| Place::new(file, Some(name), start.saturating_add(byte));
            if from != end || to < from || to > held {
                let expected = format!("data that begin at offset {end} and end within the {held} bytes present");
                return Err(FileError::format(place(end), expected, format!("the offsets {from} and {to}")));
            }
            let bits = elements(&info.shape).and_then(|count| count.checked_mul(info.dtype.bitsize()));
            if bits != (to - from).checked_mul(8) {
                let expected = format!("the data of shape {} and type {:?}", shown(&info.shape), info.dtype);
                return Err(FileError::format(place(from), expected, format!("{} bytes", to - from)));
            }
            end = to;
        }
        if end != held {
            let place = Place::new(file, None, start);
            return Err(FileError::Length { place, expected: end as u64, found: held as u64 });
        }
        Ok(())
    }
}

/// Implemented by hand instead of with `#[serde(flatten)]` as in the `safetensors` crate, which buffers unknown entries
/// in 32 bytes of memory per two bytes of the file.
impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with an entry for each tensor")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let (mut metadata, mut tensors) = (None, Vec::<(Box<str>, TensorInfo)>::new());
                while let Some(name) = map.next_key::<Box<str>>()? {
                    let value = map.next_value::<&RawValue>()?.get();
                    let wrong = |error| A::Error::custom(format_args!("{error}, under the name `{name}`"));
                    match &name[..] {
                        "__metadata__" if metadata.is_some() => {
                            return Err(A::Error::custom("a second `__metadata__`"));
                        }
                        "__metadata__" => metadata = Some(texts(value).map_err(wrong)?),
                        _ => {
                            let info = info(value).map_err(wrong)?;
                            tensors.push((name, info));
                        }
                    }
                }
                tensors.sort_by_key(|(_, info)| info.data_offsets);
                let names = Names::new(tensors.len(), |place| &tensors[place].0)
                    .map_err(|twice| A::Error::custom(format!("duplicate tensor name `{}`", tensors[twice].0)))?;
                Ok(Header { metadata: metadata.unwrap_or_default(), tensors, names })
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

/// The entry of one tensor. Long texts and escapes are rejected, because messages of `serde_json` quote them, with six
/// bytes per escape.
fn info(json: &str) -> serde_json::Result<TensorInfo> {
    const LONGEST: usize = 64;
    if json.contains('\\') || json.split('"').skip(1).step_by(2).any(|text| text.len() > LONGEST) {
        return Err(Error::custom("a text that does not describe a tensor"));
    }
    serde_json::from_str(json)
}

/// Texts by key, with unique keys.
fn texts(json: &str) -> serde_json::Result<BTreeMap<String, String>> {
    struct Texts;

    impl<'de> Visitor<'de> for Texts {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object with a text for each key")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut texts = BTreeMap::new();
            while let Some((key, text)) = map.next_entry::<String, String>()? {
                if texts.contains_key(&key) {
                    return Err(A::Error::custom(format_args!("duplicate key `{key}`")));
                }
                texts.insert(key, text);
            }
            Ok(texts)
        }
    }

    // As above, because the message would quote the value.
    if !json.starts_with('{') {
        return Err(Error::custom("not an object with a text for each key"));
    }
    serde_json::Deserializer::from_str(json).deserialize_map(Texts)
}

pub(super) fn element(dtype: Dtype) -> Option<Element> {
    Some(match dtype {
        Dtype::BOOL => Element::Bool,
        Dtype::I8 => Element::I8,
        Dtype::I16 => Element::I16,
        Dtype::I32 => Element::I32,
        Dtype::I64 => Element::I64,
        Dtype::U8 => Element::U8,
        Dtype::U16 => Element::U16,
        Dtype::U32 => Element::U32,
        Dtype::U64 => Element::U64,
        Dtype::F16 => Element::F16,
        Dtype::BF16 => Element::Bf16,
        Dtype::F32 => Element::F32,
        Dtype::F64 => Element::F64,
        _ => return None,
    })
}
