//! The header of an `.npy` file.

use crate::Shape;
use crate::io::element::Element;
use crate::io::{FileError, Place, excerpt};

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// NumPy's own limit.
const AXES: usize = 64;

/// Elements begin at a multiple of this many bytes.
const ALIGNMENT: usize = 64;

/// What a header says.
pub(super) struct Header {
    pub(super) element: Element,
    pub(super) big_endian: bool,
    /// Whether the first axis is contiguous, not the last.
    pub(super) fortran: bool,
    pub(super) shape: Shape,
    /// Where the elements begin.
    pub(super) end: usize,
}

impl Header {
    pub(super) fn parse(bytes: &[u8], place: &dyn Fn(usize) -> Place) -> Result<Header, FileError> {
        if !bytes.starts_with(MAGIC) {
            let found = excerpt(&bytes[..bytes.len().min(MAGIC.len())]);
            return Err(FileError::format(place(0), "the bytes \\x93NUMPY of an .npy file", found));
        }
        let short = || FileError::format(place(bytes.len()), "a header", "the end of the file");
        let &[major, minor] = bytes[MAGIC.len()..].first_chunk().ok_or_else(short)?;
        let (start, length) = match (major, minor) {
            (1, 0) => (10, bytes[8..].first_chunk().map(|&length| u64::from(u16::from_le_bytes(length)))),
            (2 | 3, 0) => (12, bytes[8..].first_chunk().map(|&length| u64::from(u32::from_le_bytes(length)))),
            _ => {
                return Err(FileError::format(place(6), "version 1.0, 2.0 or 3.0", format!("version {major}.{minor}")));
            }
        };
        let length = length.ok_or_else(short)?;
        let there = bytes.len() - start;
        if length > there as u64 {
            return Err(FileError::Length { place: place(start), expected: length, found: there as u64 });
        }
        let end = start + length as usize;
        let mut text = Text { bytes: &bytes[..end], at: start, place };
        let (mut element, mut fortran, mut shape) = (None, None, None);
        text.expect("{")?;
        while !text.take(b"}") {
            let at = text.at;
            match text.string()? {
                b"descr" => element = Some(text.colon(Text::element)?),
                b"fortran_order" => fortran = Some(text.colon(Text::boolean)?),
                b"shape" => shape = Some(text.colon(Text::shape)?),
                other => {
                    let expected = "the key 'descr', 'fortran_order' or 'shape'";
                    return Err(FileError::format(place(at), expected, excerpt(other)));
                }
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

/// The header of an array of `f32` or `f64`, which have 4 or 8 bytes.
pub(super) fn write(size: usize, shape: &[usize]) -> Vec<u8> {
    let mut axes = String::new();
    shape.iter().for_each(|length| axes.push_str(&format!("{length}, ")));
    let tuple = if shape.len() == 1 { axes.trim_end() } else { axes.trim_end_matches(", ") };
    let text = format!("{{'descr': '<f{size}', 'fortran_order': False, 'shape': ({tuple}), }}");
    // Version 1 holds 65535 bytes of header, which is more than three thousand axes take.
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

/// Reads the part of Python's syntax that such a dictionary is written in.
struct Text<'a> {
    /// The file up to the end of its header.
    bytes: &'a [u8],
    at: usize,
    place: &'a dyn Fn(usize) -> Place,
}

impl<'a> Text<'a> {
    fn skip_space(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Steps over `token` if it comes next.
    fn take(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        let is_next = self.bytes[self.at..].starts_with(token);
        self.at += if is_next { token.len() } else { 0 };
        is_next
    }

    fn expect(&mut self, token: &str) -> Result<(), FileError> {
        if self.take(token.as_bytes()) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    fn unexpected(&self, expected: &str) -> FileError {
        let found = excerpt(&self.bytes[self.at..]);
        let found = if self.at == self.bytes.len() { "the end of the header" } else { &found };
        FileError::format((self.place)(self.at), expected, found)
    }

    fn colon<V>(&mut self, value: impl Fn(&mut Self) -> Result<V, FileError>) -> Result<V, FileError> {
        self.expect(":")?;
        value(self)
    }

    /// A text between quotes of either kind, without escapes: no key and no type needs one.
    fn string(&mut self) -> Result<&'a [u8], FileError> {
        self.skip_space();
        let rest = &self.bytes[self.at..];
        let closed = match rest {
            [quote @ (b'\'' | b'"'), text @ ..] => text.iter().position(|byte| byte == quote).map(|end| &text[..end]),
            _ => None,
        };
        let text = closed.ok_or_else(|| self.unexpected("a quoted text"))?;
        self.at += text.len() + 2;
        Ok(text)
    }

    /// The elements' type, and whether their most significant byte comes first.
    fn element(&mut self) -> Result<(Element, bool), FileError> {
        self.skip_space();
        let start = self.at;
        // A list stands where a record has several fields.
        if self.take(b"[") {
            let found = excerpt(&self.bytes[start..]);
            return Err(FileError::Element { place: (self.place)(start), found });
        }
        let name = self.string()?;
        let unreadable = || FileError::Element { place: (self.place)(start), found: excerpt(name) };
        let (order, kind) = name.split_first().ok_or_else(unreadable)?;
        let element = match kind {
            b"b1" => Element::Bool,
            b"i1" => Element::I8,
            b"i2" => Element::I16,
            b"i4" => Element::I32,
            b"i8" => Element::I64,
            b"u1" => Element::U8,
            b"u2" => Element::U16,
            b"u4" => Element::U32,
            b"u8" => Element::U64,
            b"f2" => Element::F16,
            b"f4" => Element::F32,
            b"f8" => Element::F64,
            _ => return Err(unreadable()),
        };
        match order {
            b'<' => Ok((element, false)),
            b'>' => Ok((element, true)),
            b'|' if element.size() == 1 => Ok((element, false)),
            _ => Err(unreadable()),
        }
    }

    fn boolean(&mut self) -> Result<bool, FileError> {
        if self.take(b"True") {
            Ok(true)
        } else if self.take(b"False") {
            Ok(false)
        } else {
            Err(self.unexpected("True or False"))
        }
    }

    /// A tuple of integers.
    fn shape(&mut self) -> Result<Shape, FileError> {
        self.expect("(")?;
        let mut shape = Shape::default();
        while !self.take(b")") {
            if shape.len() == AXES {
                return Err(self.unexpected("at most 64 axes"));
            }
            shape.push(self.integer()?);
            if !self.take(b",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }

    /// An axis' length; Python 2 wrote an `L` behind some.
    fn integer(&mut self) -> Result<usize, FileError> {
        self.skip_space();
        let rest = &self.bytes[self.at..];
        let digits = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        let number = std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| self.unexpected("the length of an axis, which memory can address"))?;
        self.at += digits;
        self.take(b"L");
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Header, String> {
        let mut bytes = [&MAGIC[..], &[1, 0]].concat();
        bytes.extend((text.len() as u16).to_le_bytes());
        bytes.extend(text.as_bytes());
        Header::parse(&bytes, &|byte| Place::new("x.npy".as_ref(), None, byte)).map_err(|error| error.to_string())
    }

    #[test]
    fn python_may_write_it_in_many_ways() {
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
    fn mistakes_are_told_with_their_place() {
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
            ("{'what': 1}", "byte 11: expected the key 'descr', 'fortran_order' or 'shape', found \"what\""),
            (&long, "expected at most 64 axes"),
        ] {
            let found = parse(text).err().unwrap_or_else(|| panic!("{text} is accepted"));
            assert!(found.contains(message), "{found} does not contain {message}");
        }
    }
}
