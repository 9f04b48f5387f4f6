//! Reads and writes the header of an `.npy` file.

use std::io::{self, Read};

use super::text::Text;
use crate::Shape;
use crate::io::element::Element;
use crate::io::{FileError, Place, excerpt};

/// The number of bytes before a header of version 2 or 3: the magic, the version, and the header's length in four
/// bytes. Version 1 has two bytes for the length.
const PREFIX: usize = 12;

/// The longest header that version 1 supports. Longer ones describe records of many fields.
const LONGEST: u64 = u16::MAX as u64;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Elements begin at a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// The contents of a header.
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) big_endian: bool,
    /// Whether the first axis is contiguous, not the last.
    pub(super) fortran: bool,
    pub(super) shape: Shape,
    /// The offset of the elements.
    pub(super) end: usize,
}

impl Header {
    /// Reads the header at the start of the `length` bytes of `source`.
    pub(super) fn read(
        source: &mut dyn Read,
        length: u64,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<Header, FileError> {
        let mut bytes = Vec::with_capacity(PREFIX);
        let mut read_to = |bytes: &mut Vec<u8>, end: usize| {
            let more = source.take((end - bytes.len()) as u64).read_to_end(bytes);
            more.map(drop).map_err(|error| unreadable(place(bytes.len()), &error))
        };
        read_to(&mut bytes, PREFIX - 2)?;
        if !bytes.starts_with(MAGIC) {
            let found = excerpt(&bytes[..bytes.len().min(MAGIC.len())]);
            return Err(FileError::format(place(0), "the bytes \\x93NUMPY of an .npy file", found));
        }
        let short = |at| FileError::format(place(at), "a header", "the end of the file");
        let &[major, minor] = bytes[MAGIC.len()..].first_chunk().ok_or_else(|| short(bytes.len()))?;
        let start = match (major, minor) {
            (1, 0) => PREFIX - 2,
            (2 | 3, 0) => PREFIX,
            _ => {
                return Err(FileError::format(place(6), "version 1.0, 2.0 or 3.0", format!("version {major}.{minor}")));
            }
        };
        read_to(&mut bytes, start)?;
        let announced = match bytes[8..] {
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => return Err(short(bytes.len())),
        };
        let there = length.saturating_sub(start as u64);
        if announced > there {
            return Err(FileError::Length { place: place(start), expected: announced, found: there });
        }
        if announced > LONGEST {
            let expected = format!("a header of at most {LONGEST} bytes");
            return Err(FileError::format(place(8), expected, format!("one of {announced}")));
        }
        let end = start + announced as usize;
        read_to(&mut bytes, end)?;
        if bytes.len() < end {
            return Err(short(bytes.len()));
        }
        Header::parse(&bytes, start, place)
    }

    /// Parses the header in `bytes`, whose text begins at `start`.
    fn parse(bytes: &[u8], start: usize, place: &dyn Fn(usize) -> Place) -> Result<Header, FileError> {
        let end = bytes.len();
        let mut text = Text { bytes, at: start, place };
        let (mut element, mut fortran, mut shape) = (None, None, None);
        text.expect("{")?;
        while !text.take(b"}") {
            text.skip_space();
            let at = text.at;
            let key = text.string()?;
            let twice = match key {
                b"descr" => element.replace(text.colon(Text::element)?).is_some(),
                b"fortran_order" => fortran.replace(text.colon(Text::boolean)?).is_some(),
                b"shape" => shape.replace(text.colon(Text::shape)?).is_some(),
                other => {
                    let expected = "the key 'descr', 'fortran_order' or 'shape'";
                    return Err(FileError::format(place(at), expected, excerpt(other)));
                }
            };
            if twice {
                return Err(FileError::format(place(at), "every key once", format!("a second key {}", excerpt(key))));
            }
            if !text.take(b",") {
                text.expect("}")?;
                break;
            }
        }
        text.skip_space();
        if text.at < end {
            return Err(text.unexpected("the end of the header"));
        }
        let missing = |key| FileError::format(place(start), format!("the key '{key}'"), "a header without it");
        let (element, big_endian) = element.ok_or_else(|| missing("descr"))?;
        let fortran = fortran.ok_or_else(|| missing("fortran_order"))?;
        Ok(Header { element, big_endian, fortran, shape: shape.ok_or_else(|| missing("shape"))?, end })
    }
}

/// The error for a source that ends early or whose packed data are corrupt.
pub(super) fn unreadable(place: Place, error: &io::Error) -> FileError {
    FileError::Damaged { place, reason: error.to_string() }
}

/// The header of an array of `f32` or `f64`, which have 4 or 8 bytes.
pub(super) fn write(size: usize, shape: &[usize]) -> Vec<u8> {
    let mut axes = String::new();
    shape.iter().for_each(|length| axes.push_str(&format!("{length}, ")));
    let tuple = if shape.len() == 1 { axes.trim_end() } else { axes.trim_end_matches(", ") };
    let text = format!("{{'descr': '<f{size}', 'fortran_order': False, 'shape': ({tuple}), }}");
    // Version 1 allows 65535 bytes of header, more than three thousand axes need.
    let start = if text.len() < 65_000 { 10 } else { 12 };
    let total = (start + text.len() + 1).next_multiple_of(ALIGNMENT);
    let mut bytes = Vec::with_capacity(total);
    bytes.extend(MAGIC);
    match start {
        10 => bytes.extend([&[1, 0][..], &((total - start) as u16).to_le_bytes()].concat()),
        _ => bytes.extend([&[2, 0][..], &((total - start) as u32).to_le_bytes()].concat()),
    }
    bytes.extend(text.as_bytes());
    bytes.resize(total - 1, b' ');
    bytes.push(b'\n');
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, String> {
        let mut bytes = [&MAGIC[..], &[1, 0]].concat();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        let place = |byte| Place::new("x.npy".as_ref(), None, byte);
        Header::read(&mut &bytes[..], bytes.len() as u64, &place).map_err(|error| error.to_string())
    }

    #[test]
    fn all_python_spellings_are_accepted() {
        for text in [
            "{'descr': '>f8', 'fortran_order': True, 'shape': (3, 4), }   \n",
            "{'shape':(3,4),'fortran_order':True,'descr':'>f8'}",
            "  { \"fortran_order\" : True , \"shape\" : ( 3L , 4L , ) , \"descr\" : \">f8\" } ",
        ] {
            let header = parse(text).map_err(|error| format!("{text}: {error}")).unwrap();
            assert_eq!((header.element, header.big_endian, header.fortran), (Element::F64, true, true));
            assert_eq!(header.shape, [3, 4]);
            assert_eq!(header.end, 10 + text.len());
        }
        assert_eq!(parse("{'descr': '|u1', 'fortran_order': False, 'shape': (), }").unwrap().shape, []);
    }

    #[test]
    fn errors_name_their_byte() {
        let long = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}), }}", "1, ".repeat(65));
        for (text, message) in [
            ("", "byte 10: expected `{`, found the end of the header"),
            (
                "{'descr': '<f4', 'shape': (1,), }",
                "byte 10: expected the key 'fortran_order', found a header without it",
            ),
            ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "byte 20: elements of type \"<c8\"; booleans"),
            ("{'descr': '=f4', 'fortran_order': False, 'shape': (1,)}", "byte 20: elements of type \"=f4\""),
            ("{'descr': '|f4', 'fortran_order': False, 'shape': (1,)}", "byte 20: elements of type \"|f4\""),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "byte 20: elements of type \"[('a'"),
            ("{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "expected True or False, found \"0, 'shape'"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", "expected the length of an axis"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", "memory can address, found"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)", "expected `}`, found the end of the header"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
                "expected the end of the header, found \"x\"",
            ),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (3)}", "byte 62: expected `,` after the only axis"),
            (
                "{'descr': '<f4', 'fortran_order': False, 'shape': (03,)}",
                "axis without a leading zero, found \"03,)}\"",
            ),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (00,)}", "axis without a leading zero"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (+3,)}", "expected the length of an axis"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (1_0,)}", "byte 62: expected `,` after"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (3 L,)}", "byte 63: expected `,` after"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3LL)}", "expected `)`, found \"L)}\""),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (٣,)}", "expected the length of an axis"),
            (
                "{'shape': (1,), 'descr': '<f4', 'fortran_order': False, 'shape': (2,)}",
                "byte 66: expected every key once, found a second key \"shape\"",
            ),
            ("{'what': 1}", "byte 11: expected the key 'descr', 'fortran_order' or 'shape', found \"what\""),
            (&long, "expected at most 64 axes"),
        ] {
            let found = parse(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
            assert!(found.contains(message), "{found} does not contain {message}");
        }
    }
}
