//! The data sets with their standard splits, from a compressed archive.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use elbo::data::{Examples, Scaling};
use elbo::metrics::Mixture;
use elbo::{Likelihood, Tensor, Univariate};
use flate2::read::GzDecoder;

use super::{Scores, Set};
use crate::Failure;

/// Bytes of a block of a tar archive.
const BLOCK: usize = 512;

/// The files of the archive `uci/standard.tar.gz`: `standard/SET/data/data.txt` and the indices of columns and rows.
pub struct Archive {
    files: BTreeMap<String, Vec<u8>>,
}

/// The training and the test rows of a split, with inputs and targets scaled by the training rows.
pub struct Split {
    /// Training rows, scaled.
    pub train: Examples<f32, Tensor>,
    /// Test inputs, scaled.
    pub inputs: Tensor,
    targets: Tensor,
    scaling: Scaling,
}

impl Archive {
    /// Reads the archive below the folder of the data.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn read(data: &Path) -> Result<Archive, Failure> {
        let file = data.join("uci/standard.tar.gz");
        let wrong = |error: &dyn std::fmt::Display| Failure::Input(format!("{}: {error}", file.display()));
        let mut bytes = Vec::new();
        let compressed = File::open(&file).map_err(|error| wrong(&error))?;
        GzDecoder::new(compressed).read_to_end(&mut bytes).map_err(|error| wrong(&error))?;
        Ok(Archive { files: unpack(&bytes).map_err(|mistake| wrong(&mistake))? })
    }

    /// A split of a set; if `held_out`, the last fifth of its training rows, whose order is random, in place of the test rows.
    ///
    /// # Errors
    /// If its files are missing, or are not numbers.
    pub fn split(&self, set: Set, split: usize, held_out: bool) -> Result<Split, Failure> {
        let (table, features, target) = (
            self.numbers(set, "data.txt")?,
            self.indices(set, "index_features.txt")?,
            self.indices(set, "index_target.txt")?,
        );
        let mut train = self.indices(set, &format!("index_train_{split}.txt"))?;
        let test = match held_out {
            true => train.split_off(train.len() - train.len() / 5),
            false => self.indices(set, &format!("index_test_{split}.txt"))?,
        };
        let part = |rows: &[usize]| -> Result<[Tensor; 2], Failure> {
            let columns = |of: &[usize]| -> Result<Tensor, Failure> {
                let each = rows.iter().flat_map(|&row| of.iter().map(move |&column| (row, column)));
                let numbers: Option<Vec<f64>> =
                    each.map(|(row, column)| table.get(row)?.get(column).copied()).collect();
                let numbers = numbers
                    .ok_or_else(|| Failure::Input(format!("{} {split}: an index is out of range", set.name())))?;
                Ok(Tensor::from_fn([rows.len(), of.len()], |i| numbers[i]))
            };
            Ok([columns(&features)?, columns(&target)?])
        };
        let ([mut x, mut y], [mut inputs, targets]) = (part(&train)?, part(&test)?);
        let [of_inputs, scaling] = [Scaling::fit(&x), Scaling::fit(&y)];
        of_inputs.transform(&mut x);
        of_inputs.transform(&mut inputs);
        scaling.transform(&mut y);
        Ok(Split { train: Examples::new(x, y)?, inputs, targets, scaling })
    }

    fn numbers(&self, set: Set, name: &str) -> Result<Vec<Vec<f64>>, Failure> {
        let path = format!("standard/{}/data/{name}", set.name());
        let wrong = |problem: String| Failure::Input(format!("uci/standard.tar.gz: {path}: {problem}"));
        let bytes = self.files.get(&path).ok_or_else(|| wrong("missing".to_owned()))?;
        let text = std::str::from_utf8(bytes).map_err(|error| wrong(error.to_string()))?;
        let row = |line: &str| line.split_whitespace().map(str::parse).collect::<Result<Vec<f64>, _>>();
        let rows = text.lines().filter(|line| !line.trim().is_empty()).map(row);
        rows.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))
    }

    fn indices(&self, set: Set, name: &str) -> Result<Vec<usize>, Failure> {
        Ok(self.numbers(set, name)?.into_iter().flatten().map(|index| index as usize).collect())
    }
}

impl Split {
    /// The scores of a prediction for the test rows, in the target's unit.
    pub fn scores<L: Univariate + Likelihood<f64, Targets = Tensor<f64>>>(&self, predicted: Mixture<L>) -> Scores {
        let predicted = predicted.unscaled(&self.scaling);
        Scores {
            rmse: predicted.rmse(&self.targets),
            log_likelihood: -predicted.nll(&self.targets),
            coverage_90: predicted.coverage(&self.targets, 0.9),
            bound: None,
        }
    }
}

/// The regular files of a tar archive, by their paths.
fn unpack(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let text = |field: &[u8]| {
        let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(&field[..end]).trim().to_owned()
    };
    let (mut files, mut at) = (BTreeMap::new(), 0);
    while let Some(header) = bytes.get(at..at + BLOCK).filter(|header| header[0] != 0) {
        let size = text(&header[124..136]);
        let size = usize::from_str_radix(&size, 8).map_err(|error| format!("byte {at}: size {size:?}: {error}"))?;
        let from = at + BLOCK;
        let content =
            bytes.get(from..from + size).ok_or_else(|| format!("the archive ends within byte {at}'s file"))?;
        if matches!(header[156], b'0' | 0) {
            let path = text(&header[..100]);
            files.insert(path.trim_start_matches("./").to_owned(), content.to_vec());
        }
        at = from + size.next_multiple_of(BLOCK);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of the format ustar with a file of these bytes.
    fn entry(path: &str, content: &[u8]) -> Vec<u8> {
        let mut block = vec![0; BLOCK];
        block[..path.len()].copy_from_slice(path.as_bytes());
        block[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
        block[156] = b'0';
        block.extend(content);
        block.resize(block.len().next_multiple_of(BLOCK), 0);
        block
    }

    #[test]
    fn a_held_out_part_is_of_the_training_rows_and_takes_no_part_in_the_scaling() {
        let rows: String = (0..12).map(|i| format!("{i} {}\n", 10 * i)).collect();
        let files = [
            ("data.txt", rows.as_str()),
            ("index_features.txt", "0"),
            ("index_target.txt", "1"),
            ("index_train_0.txt", "9 8 7 6 5 4 3 2 1 0"),
            ("index_test_0.txt", "10 11"),
        ];
        let file = |(name, text): (&str, &str)| (format!("standard/yacht/data/{name}"), text.as_bytes().to_vec());
        let archive = Archive { files: files.map(file).into() };
        let whole = archive.split(Set::Yacht, 0, false).unwrap();
        assert_eq!((whole.train.len(), whole.targets.data()), (10, &[100.0, 110.0][..]));
        let held_out = archive.split(Set::Yacht, 0, true).unwrap();
        assert_eq!((held_out.train.len(), held_out.targets.data()), (8, &[10.0, 0.0][..]));
        // Training rows 2 to 9: mean 5.5 and population variance 5.25.
        let scaled = held_out.inputs.data()[1];
        assert!((scaled + 5.5 / 5.25_f32.sqrt()).abs() < 1e-6, "{scaled}");
    }

    #[test]
    fn files_of_an_archive_are_found_and_a_cut_one_is_refused() {
        let long = vec![b'7'; 700];
        let bytes = [entry("a/one.txt", b"1 2\n"), entry("./two.txt", &long), vec![0; 2 * BLOCK]].concat();
        let files = unpack(&bytes).unwrap();
        assert_eq!((files["a/one.txt"].as_slice(), files["two.txt"].as_slice()), (&b"1 2\n"[..], long.as_slice()));
        assert!(unpack(&bytes[..2 * BLOCK + BLOCK + 100]).unwrap_err().contains("ends within"));
    }
}
