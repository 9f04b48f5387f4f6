//! The 8×8 optical digits: Alpaydin and Kaynak 1998, *Optical Recognition of Handwritten Digits*
//! (UCI), in the table that scikit-learn ships: 64 pixels from 0 to 16 and the digit, a line each.

use std::path::Path;

use super::source::Source;
use super::{DataError, Images};

/// The number of classes: the digits 0 to 9.
pub const CLASSES: usize = 10;

/// Height and width of an image.
const SIDE: usize = 8;
/// The darkest pixel.
const DARKEST: u8 = 16;
/// Far more than the table has; a gzip file that unpacks to more is something else.
const LIMIT: u64 = 16 << 20;

/// The table in a file, plain or gzip.
///
/// # Errors
/// If the file is missing, unreadable or not this table.
pub fn load(path: impl AsRef<Path>) -> Result<Images, DataError> {
    parse(Source::open(path.as_ref())?)
}

/// The table in memory, plain or gzip; `name` stands in errors.
///
/// # Errors
/// If the bytes are not this table.
pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Images, DataError> {
    parse(Source::of_bytes(name, bytes)?)
}

fn parse(mut source: Source<'_>) -> Result<Images, DataError> {
    let bytes = source.read(LIMIT)?;
    let file = source.file();
    if !source.is_at_end()? {
        return Err(DataError::TooLong { file, limit: LIMIT });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        DataError::Table {
            file: file.clone(),
            line: 1 + valid.iter().filter(|&&byte| byte == b'\n').count(),
            expected: "text".to_owned(),
            found: "bytes that are none (not UTF-8)".to_owned(),
        }
    })?;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for (index, line) in text.trim_end().lines().enumerate() {
        let wrong =
            |expected: String, found: String| DataError::Table { file: file.clone(), line: index + 1, expected, found };
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        if cells.len() != SIDE * SIDE + 1 {
            let expected = format!("{} pixels and a digit, separated by commas", SIDE * SIDE);
            return Err(wrong(expected, format!("{} values", cells.len())));
        }
        for (column, cell) in cells.into_iter().enumerate() {
            let (what, largest) = if column < SIDE * SIDE { ("pixel", DARKEST) } else { ("digit", CLASSES as u8 - 1) };
            let value = cell.parse::<u8>().ok().filter(|&value| value <= largest).ok_or_else(|| {
                wrong(format!("a {what} from 0 to {largest} in column {}", column + 1), format!("{cell:?}"))
            })?;
            match what {
                "pixel" => pixels.push(value),
                _ => labels.push(usize::from(value)),
            }
        }
    }
    if labels.is_empty() {
        return Err(DataError::Empty { what: file.display().to_string() });
    }
    Ok(Images { shape: [labels.len(), SIDE, SIDE], pixels, labels })
}
