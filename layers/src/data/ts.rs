//! Sequences with labels in the `.ts` format of the UEA and UCR archives of time series (Bagnall et al. 2018, *The UEA
//! multivariate time series classification archive*).
//!
//! Lines that start with `#` are comments, and lines that start with `@` name properties. Behind `@data`, each line is a case:
//! the values of a channel separated by commas, channels separated by colons, and the class last.
//!
//! Reading takes at most 16 times the file's size plus 1 MiB of memory, like [all readers](elbo_engine::io), including the
//! padded tensor.

use std::path::{Path, PathBuf};

use super::source::{Source, WORKING};
use super::table::excerpt;
use super::{DataError, Examples, TableError};
use crate::engine::{Real, Tensor};

/// Sequences of different lengths in one tensor, padded by zeros, with their labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences<T: Real = f32> {
    values: Tensor<T>,
    lengths: Vec<usize>,
    labels: Vec<usize>,
    classes: Vec<String>,
}

impl<T: Real> Sequences<T> {
    /// The values, (cases, steps, channels): zeros after a sequence's end. The number of steps is that of the longest.
    pub fn values(&self) -> &Tensor<T> {
        &self.values
    }

    /// The number of steps of each case.
    pub fn lengths(&self) -> &[usize] {
        &self.lengths
    }

    /// The label of each case: the place of its class in [`classes`](Sequences::classes).
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The classes' names, in the order of the file's `@classLabel` line.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The padded values and the labels as examples, without the lengths.
    ///
    /// # Errors
    /// [`DataError::NotFinite`] if a value is too large for `T`.
    pub fn examples(self) -> Result<Examples<T>, DataError> {
        Examples::new(self.values, self.labels)
    }
}

/// Reads a file, plain or gzip.
///
/// # Errors
/// As [`Reader::load`].
pub fn load<T: Real>(path: impl AsRef<Path>) -> Result<Sequences<T>, DataError> {
    Reader::default().load(path)
}

/// Reads bytes in memory, plain or gzip; `name` is used in errors.
///
/// # Errors
/// As [`Reader::load`].
pub fn from_bytes<T: Real>(name: &str, bytes: &[u8]) -> Result<Sequences<T>, DataError> {
    Reader::default().parse(Source::of_bytes(name, bytes)?)
}

/// Reads `.ts` files with a memory limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reader {
    limit: Option<u64>,
}

impl Reader {
    /// Sets the memory limit in bytes. The default is 16 times the file's size plus 1 MiB.
    #[must_use]
    pub fn memory_limit(self, bytes: u64) -> Reader {
        Reader { limit: Some(bytes) }
    }

    /// Reads a file, plain or gzip.
    ///
    /// # Errors
    /// If the file is missing, unreadable or not of the format; if a case has no class or one that the header does not name,
    /// channels of different lengths, another number of channels than the first, a missing value, or one that is not a
    /// number; if the padded tensor takes more memory than [the limit](Reader::memory_limit).
    pub fn load<T: Real>(&self, path: impl AsRef<Path>) -> Result<Sequences<T>, DataError> {
        self.parse(Source::open(path.as_ref())?)
    }

    fn parse<T: Real>(&self, mut source: Source<'_>) -> Result<Sequences<T>, DataError> {
        let largest = if T::from_f64(f64::MAX).is_finite() { f64::MAX } else { f64::from(f32::MAX) };
        let mut reading = Reading { file: source.file(), largest, ..Reading::default() };
        let mut line = Vec::new();
        source.pieces(u64::MAX, |source, piece| {
            reading.limit = self.limit.unwrap_or_else(|| source.memory_limit());
            for &byte in piece {
                if byte == b'\n' {
                    reading.line(&line)?;
                    line.clear();
                } else {
                    line.push(byte);
                    // The line, while it grows, beside the values.
                    if line.len().is_multiple_of(512) {
                        reading.check(3 * line.len() as u64)?;
                    }
                }
            }
            Ok(())
        })?;
        reading.line(&line)?;
        drop(line);
        reading.finish()
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    file: PathBuf,
    limit: u64,
    /// The number of lines so far.
    at: u64,
    is_data: bool,
    classes: Vec<String>,
    channels: usize,
    lengths: Vec<usize>,
    labels: Vec<usize>,
    /// Case by case, channel by channel.
    values: Vec<f64>,
    /// The largest number of the tensor's type.
    largest: f64,
}

impl Reading {
    fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> DataError {
        let (file, expected, found) = (self.file.clone(), expected.into(), found.into());
        TableError::Line { file, line: self.at, expected, found }.into()
    }

    /// Checks the memory of the values and labels while they grow, and `more`.
    fn check(&self, more: u64) -> Result<(), DataError> {
        let words = self.values.capacity() + self.values.len() / 2 + 2 * self.labels.capacity() + self.labels.len();
        let names: usize = self.classes.iter().map(|name| 3 * size_of::<String>() + name.len()).sum();
        let needed = WORKING + 8 * words as u64 + names as u64 + more;
        if needed <= self.limit {
            return Ok(());
        }
        Err(TableError::TooLarge { file: self.file.clone(), line: self.at, needed, limit: self.limit }.into())
    }

    fn line(&mut self, line: &[u8]) -> Result<(), DataError> {
        self.at += 1;
        let line = std::str::from_utf8(line).map_err(|_| self.wrong("text in UTF-8", "bytes that are not UTF-8"))?;
        // Some programs write a byte order mark before UTF-8.
        let line = line.strip_prefix('\u{feff}').filter(|_| self.at == 1).unwrap_or(line).trim_ascii();
        match line.as_bytes().first() {
            None | Some(b'#') => Ok(()),
            Some(b'@') if !self.is_data => self.property(line),
            _ if self.is_data => self.case(line),
            _ => Err(self.wrong("a comment, a property or `@data`", excerpt(line))),
        }
    }

    fn property(&mut self, line: &str) -> Result<(), DataError> {
        let mut words = line.split_ascii_whitespace();
        let name = words.next().unwrap_or_default();
        if name.eq_ignore_ascii_case("@data") {
            self.is_data = true;
            if self.classes.is_empty() {
                return Err(self.wrong("a line `@classLabel true ..` before `@data`", "no classes"));
            }
        } else if name.eq_ignore_ascii_case("@classLabel") {
            if !words.next().is_some_and(|word| word.eq_ignore_ascii_case("true")) {
                return Err(self.wrong("`@classLabel true` and the classes", excerpt(line)));
            }
            for class in words {
                if self.classes.iter().any(|other| other == class) {
                    return Err(self.wrong("different classes", format!("{} twice", excerpt(class))));
                }
                if self.classes.len() == 1000 {
                    return Err(self.wrong("at most 1000 classes", "more"));
                }
                self.check(line.len() as u64)?;
                self.classes.push(class.to_owned());
            }
        } else if name.eq_ignore_ascii_case("@timeStamps")
            && words.next().is_some_and(|word| word.eq_ignore_ascii_case("true"))
        {
            return Err(self.wrong("values without time stamps", "`@timeStamps true`"));
        }
        Ok(())
    }

    fn case(&mut self, line: &str) -> Result<(), DataError> {
        let Some((channels, class)) = line.rsplit_once(':') else {
            return Err(self.wrong("channels and a class, separated by colons", excerpt(line)));
        };
        let class = class.trim_ascii();
        let label = self.classes.iter().position(|other| other == class);
        let label = label.ok_or_else(|| self.wrong("a class that `@classLabel` names", excerpt(class)))?;
        let (mut count, mut length) = (0, None);
        for channel in channels.split(':') {
            let start = self.values.len();
            for value in channel.split(',').map(str::trim_ascii) {
                let number = value.parse::<f64>().ok().filter(|number| number.abs() <= self.largest);
                let number = number.ok_or_else(|| {
                    let advice = if value == "?" { ", a missing value; fill the gap before" } else { "" };
                    let step = self.values.len() - start + 1;
                    let expected = format!("a finite number at step {step} of channel {}", count + 1);
                    self.wrong(expected, excerpt(value) + advice)
                })?;
                if self.values.len() == self.values.capacity() {
                    self.check(16 * self.values.capacity() as u64 + 3 * line.len() as u64)?;
                }
                self.values.push(number);
            }
            let found = self.values.len() - start;
            let expected = *length.get_or_insert(found);
            if found != expected {
                let expected = format!("channels of equal length, {expected} as in the first");
                return Err(self.wrong(expected, format!("{found} in channel {}", count + 1)));
            }
            count += 1;
        }
        if self.lengths.is_empty() {
            self.channels = count;
        }
        if count != self.channels {
            return Err(self.wrong(format!("{} channels, as in the first case", self.channels), count.to_string()));
        }
        self.lengths.push(length.unwrap_or(0));
        self.labels.push(label);
        self.check(3 * line.len() as u64)
    }

    fn finish<T: Real>(self) -> Result<Sequences<T>, DataError> {
        let Some(&steps) = self.lengths.iter().max() else {
            return Err(DataError::Empty { what: self.file.display().to_string() });
        };
        let shape = [self.lengths.len(), steps, self.channels];
        let padded = shape.iter().fold(size_of::<T>() as u64, |bytes, &axis| bytes.saturating_mul(axis as u64));
        self.check(padded)?;
        let mut values = Tensor::zeros(shape);
        let mut rest = &self.values[..];
        for (out, &length) in values.data_mut().chunks_exact_mut(steps * self.channels).zip(&self.lengths) {
            for channel in 0..self.channels {
                let (of, after) = rest.split_at(length);
                of.iter().enumerate().for_each(|(step, &x)| out[step * self.channels + channel] = T::from_f64(x));
                rest = after;
            }
        }
        Ok(Sequences { values, lengths: self.lengths, labels: self.labels, classes: self.classes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "# two channels\n@problemName x\n@timeStamps false\n@classLabel true b a\n@data\n";

    fn read(cases: &str) -> Result<Sequences<f64>, String> {
        from_bytes("x.ts", format!("{HEADER}{cases}").as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn sequences_are_padded_by_zeros() {
        let read = read("1,2,3:4,5,6:a\r\n7:-8e1:b\n\n").unwrap();
        assert_eq!(read.values(), &Tensor::new([2, 3, 2], [1., 4., 2., 5., 3., 6., 7., -80., 0., 0., 0., 0.]));
        assert_eq!((read.lengths(), read.labels()), (&[3, 1][..], &[1, 0][..]));
        assert_eq!(read.classes(), ["b", "a"]);
        assert_eq!(read.examples().unwrap().len(), 2);
        let marked = format!("\u{feff}{HEADER}1:2:a\n");
        assert_eq!(from_bytes::<f64>("x.ts", marked.as_bytes()).unwrap().labels(), [1]);
    }

    #[test]
    fn mistakes_are_named_by_line() {
        for (cases, message) in [
            ("1,2:a\n1,2:c\n", "x.ts, line 7: expected a class that `@classLabel` names, found \"c\""),
            ("1,2:3:a\n", "x.ts, line 6: expected channels of equal length, 2 as in the first, found 1 in channel 2"),
            ("1:a\n1:2:a\n", "x.ts, line 7: expected 1 channels, as in the first case, found 2"),
            (
                "1,?:a\n",
                "x.ts, line 6: expected a finite number at step 2 of channel 1, found \"?\", a missing value; fill the gap before",
            ),
            ("1:2:a\n1:inf:a\n", "line 7: expected a finite number at step 1 of channel 2, found \"inf\""),
            ("1,2\n", "expected channels and a class, separated by colons"),
            ("", "x.ts: no examples"),
        ] {
            let error = read(cases).unwrap_err();
            assert!(error.starts_with(message) || error.contains(message), "{error}");
        }
        // A number may be too large for the tensor's type.
        let error = from_bytes::<f32>("x.ts", format!("{HEADER}1e39:a\n").as_bytes()).unwrap_err().to_string();
        assert!(error.contains("line 6: expected a finite number at step 1 of channel 1, found \"1e39\""), "{error}");
        assert!(read("1e39:a\n").is_ok());
        let header = |text: &str| from_bytes::<f32>("x.ts", text.as_bytes()).unwrap_err().to_string();
        assert!(header("@timestamps true\n").contains("expected values without time stamps"));
        assert!(header("@data\n").contains("line 1: expected a line `@classLabel true ..`"));
        assert!(header("1,2:a\n").contains("expected a comment, a property or `@data`"));
        assert!(header("@classLabel true a a\n").contains("\"a\" twice"));
    }

    #[test]
    fn padding_that_takes_far_more_than_the_file_is_refused() {
        let long = "1,".repeat(100_000) + "1:a\n" + &"1:a\n".repeat(100_000);
        let error = read(&long).unwrap_err();
        assert!(error.contains("the table takes 8000"), "{error}");
    }
}
