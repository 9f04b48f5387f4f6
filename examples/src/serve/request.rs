//! Reads the body of a request, `{"rows": [[0, 12, ..], ..]}`, straight into one list of numbers, and stops at the first mistake: memory
//! is bounded by the numbers that a model takes, whatever the body says.

use std::cell::Cell;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;

use super::refusal::{Kind, Refusal};
use super::saved::input;

/// The most characters of a field's name in a message.
const NAME: usize = 40;

/// What a body may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// Numbers in a row.
    pub(super) inputs: usize,
    /// The largest pixel, and the divisor.
    pub(super) pixels: [f32; 2],
    /// Rows in a request.
    pub(super) most_rows: usize,
}

/// The network's inputs, row by row.
///
/// # Errors
/// If the body is not JSON or has other fields, rows or numbers than the model takes.
pub(super) fn parse(body: &[u8], form: Form) -> Result<Vec<f32>, Refusal> {
    let kind = Cell::new(Kind::WrongField);
    let reader = Reader { form, kind: &kind };
    let mut json = serde_json::Deserializer::from_slice(body);
    let rows = BodyOf(reader).deserialize(&mut json).and_then(|rows| json.end().map(|()| rows));
    rows.map_err(|error| {
        let kind = if error.classify() == Category::Data { kind.get() } else { Kind::InvalidJson };
        let Form { inputs, pixels: [largest, _], most_rows } = form;
        let remedy = match kind {
            Kind::InvalidJson => {
                "send JSON, such as {\"rows\": [[0, 12, ..]]}, which has no NaN and no Infinity".to_owned()
            }
            Kind::TooManyRows => format!("send at most {most_rows} rows in a request"),
            Kind::WrongNumber => format!("send numbers from 0 to {largest}; JavaScript writes NaN as null"),
            _ => format!("send {{\"rows\": [[..], ..]}} with {inputs} numbers in each row"),
        };
        Refusal::new(kind, error.to_string(), remedy)
    })
}

/// What all parts of a body need.
#[derive(Clone, Copy)]
struct Reader<'a> {
    form: Form,
    /// The kind of a mistake in the part that is read, other than in its JSON.
    kind: &'a Cell<Kind>,
}

impl Reader<'_> {
    fn mistake<E: Error>(self, kind: Kind, message: fmt::Arguments<'_>) -> E {
        self.kind.set(kind);
        E::custom(message)
    }
}

/// The whole body.
struct BodyOf<'a>(Reader<'a>);

impl<'de> DeserializeSeed<'de> for BodyOf<'_> {
    type Value = Vec<f32>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Vec<f32>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BodyOf<'_> {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with the field `rows`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Vec<f32>, A::Error> {
        let (reader, mut rows) = (self.0, None);
        while let Some(name) = fields.next_key::<String>()? {
            reader.kind.set(Kind::WrongField);
            if name != "rows" {
                let name: String = name.chars().take(NAME).collect();
                return Err(
                    reader.mistake(Kind::WrongField, format_args!("unknown field `{name}`; expected `rows` alone"))
                );
            }
            if rows.is_some() {
                return Err(reader.mistake(Kind::WrongField, format_args!("the field `rows` is there twice")));
            }
            reader.kind.set(Kind::WrongShape);
            rows = Some(fields.next_value_seed(RowsOf(reader))?);
        }
        rows.ok_or_else(|| reader.mistake(Kind::WrongField, format_args!("the object has no field `rows`")))
    }
}

/// The list of rows.
struct RowsOf<'a>(Reader<'a>);

impl<'de> DeserializeSeed<'de> for RowsOf<'_> {
    type Value = Vec<f32>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Vec<f32>, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowsOf<'_> {
    type Value = Vec<f32>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rows as `rows`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Vec<f32>, A::Error> {
        let (reader, most) = (self.0, self.0.form.most_rows);
        let mut inputs = Vec::with_capacity(reader.form.inputs);
        for row in 0..most {
            reader.kind.set(Kind::WrongShape);
            if rows.next_element_seed(RowOf { reader, row, inputs: &mut inputs })?.is_none() {
                let is_empty = row == 0;
                let empty = || reader.mistake(Kind::WrongShape, format_args!("`rows` has no rows"));
                return if is_empty { Err(empty()) } else { Ok(inputs) };
            }
        }
        match rows.next_element::<IgnoredAny>()? {
            None => Ok(inputs),
            Some(_) => Err(reader.mistake(Kind::TooManyRows, format_args!("there are more than {most} rows"))),
        }
    }
}

/// One row, appended to the numbers of those before.
struct RowOf<'a> {
    reader: Reader<'a>,
    row: usize,
    inputs: &'a mut Vec<f32>,
}

impl<'de> DeserializeSeed<'de> for RowOf<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for RowOf<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} numbers as row {} (from 0)", self.reader.form.inputs, self.row)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut numbers: A) -> Result<(), A::Error> {
        let RowOf { reader, row, inputs } = self;
        let width = reader.form.inputs;
        let wrong = |found: fmt::Arguments<'_>| {
            reader.mistake(Kind::WrongShape, format_args!("row {row} (from 0) has {found}; expected {width}"))
        };
        for column in 0..width {
            reader.kind.set(Kind::WrongNumber);
            match numbers.next_element_seed(NumberOf { reader, row, column })? {
                Some(number) => inputs.push(number),
                None => return Err(wrong(format_args!("{column} numbers"))),
            }
        }
        match numbers.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(wrong(format_args!("more than {width} numbers"))),
        }
    }
}

/// One number.
struct NumberOf<'a> {
    reader: Reader<'a>,
    row: usize,
    column: usize,
}

impl<'de> DeserializeSeed<'de> for NumberOf<'_> {
    type Value = f32;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<f32, D::Error> {
        json.deserialize_f64(self)
    }
}

impl<'de> Visitor<'de> for NumberOf<'_> {
    type Value = f32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number in row {}, column {} (both from 0)", self.row, self.column)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f32, E> {
        let NumberOf { reader, row, column } = self;
        let [largest, divisor] = reader.form.pixels;
        if (0.0..=f64::from(largest)).contains(&number) {
            return Ok(input(number as f32, divisor));
        }
        Err(reader.mistake(
            Kind::WrongNumber,
            format_args!("row {row}, column {column} (both from 0) is {number}; expected 0 to {largest}"),
        ))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f32, E> {
        self.visit_f64(number as f64)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f32, E> {
        self.visit_f64(number as f64)
    }
}
