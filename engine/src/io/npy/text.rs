//! A parser for the subset of Python literals in the header of an `.npy` file.

use crate::Shape;
use crate::io::element::Element;
use crate::io::{FileError, Place, excerpt};

/// NumPy's own limit on the number of axes.
const AXES: usize = 64;

/// The parser: the text and the current position.
pub(super) struct Text<'a> {
    /// The file up to the end of its header.
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
    pub(super) place: &'a dyn Fn(usize) -> Place,
}

impl<'a> Text<'a> {
    pub(super) fn skip_space(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Consumes `token` if it comes next.
    pub(super) fn take(&mut self, token: &[u8]) -> bool {
        self.skip_space();
        let is_next = self.bytes[self.at..].starts_with(token);
        self.at += if is_next { token.len() } else { 0 };
        is_next
    }

    pub(super) fn expect(&mut self, token: &str) -> Result<(), FileError> {
        if self.take(token.as_bytes()) { Ok(()) } else { Err(self.unexpected(&format!("`{token}`"))) }
    }

    pub(super) fn unexpected(&self, expected: &str) -> FileError {
        let found = excerpt(&self.bytes[self.at..]);
        let found = if self.at == self.bytes.len() { "the end of the header" } else { &found };
        FileError::format((self.place)(self.at), expected, found)
    }

    pub(super) fn colon<V>(&mut self, value: impl Fn(&mut Self) -> Result<V, FileError>) -> Result<V, FileError> {
        self.expect(":")?;
        value(self)
    }

    /// A quoted string, with either kind of quotes and without escapes: keys and types need none.
    pub(super) fn string(&mut self) -> Result<&'a [u8], FileError> {
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

    /// The elements' type, and whether they are big-endian.
    pub(super) fn element(&mut self) -> Result<(Element, bool), FileError> {
        self.skip_space();
        let start = self.at;
        // A list describes a record with several fields.
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

    pub(super) fn boolean(&mut self) -> Result<bool, FileError> {
        if self.take(b"True") {
            Ok(true)
        } else if self.take(b"False") {
            Ok(false)
        } else {
            Err(self.unexpected("True or False"))
        }
    }

    /// A tuple of integers.
    pub(super) fn shape(&mut self) -> Result<Shape, FileError> {
        self.expect("(")?;
        let mut shape = Shape::default();
        while !self.take(b")") {
            if shape.len() == AXES {
                return Err(self.unexpected("at most 64 axes"));
            }
            shape.push(self.integer()?);
            if !self.take(b",") {
                // In Python `(3)` is the number 3; the tuple is `(3,)`.
                if shape.len() == 1 {
                    return Err(self.unexpected("`,` after the only axis of a tuple"));
                }
                self.expect(")")?;
                break;
            }
        }
        Ok(shape)
    }

    /// The length of an axis, in digits without a leading zero; Python 2 appended an `L` in some cases.
    fn integer(&mut self) -> Result<usize, FileError> {
        self.skip_space();
        let rest = &self.bytes[self.at..];
        let digits = match rest {
            [b'0', b'0'..=b'9', ..] => return Err(self.unexpected("the length of an axis without a leading zero")),
            _ => rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len()),
        };
        let number = std::str::from_utf8(&rest[..digits]).ok().and_then(|digits| digits.parse().ok());
        let number = number.ok_or_else(|| self.unexpected("the length of an axis, which memory can address"))?;
        self.at += digits + usize::from(rest.get(digits) == Some(&b'L'));
        Ok(number)
    }
}
