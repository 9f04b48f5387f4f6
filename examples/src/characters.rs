//! A text as numbers of characters, and windows of it for a network.

use std::io::Read;
use std::path::Path;

use elbo::Tensor;
use elbo::data::{Examples, Labels};
use flate2::read::MultiGzDecoder;

use crate::Failure;

/// The largest alphabet: the n-grams keep a count for each character after each context.
const MOST_CHARACTERS: usize = 1000;

/// A text, character by character.
pub struct Characters {
    /// The characters that occur, in order.
    pub alphabet: Vec<char>,
    /// The index of each character in the alphabet.
    pub indices: Vec<usize>,
}

/// The parts of a text, by position.
pub struct Parts<'a> {
    /// The first nine tenths.
    pub train: &'a [usize],
    /// The next twentieth.
    pub validation: &'a [usize],
    /// The last twentieth.
    pub test: &'a [usize],
}

impl Characters {
    /// Reads a text file, compressed by gzip or not, and keeps its first `limit` characters.
    ///
    /// # Errors
    /// If the file cannot be read, is not UTF-8, or has less than a thousand characters, or less than two or
    /// more than a thousand different ones.
    pub fn read(file: &Path, limit: usize) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Input(format!("{}: {what}", file.display()));
        let bytes = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
        let mut text = String::new();
        let read = match bytes.starts_with(&[0x1f, 0x8b]) {
            true => MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text),
            false => (&bytes[..]).read_to_string(&mut text),
        };
        read.map_err(|error| wrong(error.to_string()))?;
        let text: Vec<char> = text.chars().take(limit).collect();
        let mut alphabet = text.clone();
        alphabet.sort_unstable();
        alphabet.dedup();
        let (length, different) = (text.len(), alphabet.len());
        if length < 1000 || different < 2 {
            return Err(wrong(format!("{length} characters, {different} different ones; 1,000 and 2 are needed")));
        }
        if different > MOST_CHARACTERS {
            return Err(wrong(format!("{different} different characters; at most {MOST_CHARACTERS} are supported")));
        }
        let index = |character: &char| alphabet.partition_point(|other| other < character);
        Ok(Characters { indices: text.iter().map(index).collect(), alphabet })
    }

    /// The parts for training, choosing and testing.
    pub fn parts(&self) -> Parts<'_> {
        let (train, rest) = self.indices.split_at(self.indices.len() / 10 * 9);
        let (validation, test) = rest.split_at(rest.len() / 2);
        Parts { train, validation, test }
    }
}

/// Windows of `steps` characters that begin at `offset` and every `stride` characters after it, each with the character that
/// follows as the label of each step. A rest that is shorter than a window is left out.
///
/// # Errors
/// If there is not one window.
pub fn windows(text: &[usize], steps: usize, stride: usize, offset: usize) -> Result<Examples<f32, Labels>, Failure> {
    let starts: Vec<usize> = (offset..).step_by(stride).take_while(|start| start + steps < text.len()).collect();
    if starts.is_empty() {
        let length = text.len();
        return Err(Failure::Input(format!("a part of {length} characters is shorter than a window of {steps}")));
    }
    let all = |shift: usize| starts.iter().flat_map(move |start| &text[start + shift..][..steps]).copied();
    let inputs: Vec<f32> = all(0).map(|index| index as f32).collect();
    let labels: Vec<usize> = all(1).collect();
    Ok(Examples::new(Tensor::new([starts.len(), steps], inputs), Labels::new([starts.len(), steps], labels))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_of_a_step_is_the_character_after_it() {
        let text: Vec<usize> = (0..12).collect();
        let examples = windows(&text, 4, 3, 1).unwrap_or_else(|failure| panic!("{failure}"));
        assert_eq!(examples.inputs().shape(), [3, 4]);
        assert_eq!(examples.inputs().data()[4..8], [4.0, 5.0, 6.0, 7.0]);
        assert_eq!(examples.targets().values()[8..], [8, 9, 10, 11]);
        assert!(windows(&text, 12, 1, 0).is_err());
    }
}
