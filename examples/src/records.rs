//! Results of single trainings, each in a JSON file of its own, so that a stopped run goes on.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Failure;

/// A folder of records, or none: then nothing is found, and nothing kept.
#[derive(Clone, Copy, Debug)]
pub struct Records<'a> {
    option: &'static str,
    folder: Option<&'a Path>,
}

impl<'a> Records<'a> {
    /// The folder that an option such as `--records` names.
    pub fn new(option: &'static str, folder: Option<&'a Path>) -> Self {
        Records { option, folder }
    }

    /// The file of a record.
    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder?.join(format!("{name}.json")))
    }

    /// A folder beside the record for what its training keeps until it is done.
    pub fn unfinished(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder?.join(format!("{name}.unfinished")))
    }

    /// The record of this name, if there is one.
    ///
    /// # Errors
    /// If its file cannot be read, or `is_of_this_run` refuses it.
    pub fn find<R: DeserializeOwned>(
        &self,
        name: &str,
        is_of_this_run: impl Fn(&R) -> bool,
    ) -> Result<Option<R>, Failure> {
        let Some(file) = self.file(name).filter(|file| file.exists()) else { return Ok(None) };
        let wrong = |what: String| Failure::Input(format!("{}: {}: {what}", self.option, file.display()));
        let text = fs::read(&file).map_err(|error| wrong(error.to_string()))?;
        let record: R =
            serde_json::from_slice(&text).map_err(|error| wrong(format!("{error}; delete the file to train again")))?;
        if !is_of_this_run(&record) {
            return Err(wrong("it is of a run with other options; pass another folder".to_owned()));
        }
        Ok(Some(record))
    }

    /// Writes a record, whole or not at all.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save<R: Serialize>(&self, name: &str, record: &R) -> Result<(), Failure> {
        let (Some(file), Some(folder)) = (self.file(name), self.folder) else { return Ok(()) };
        let part = file.with_extension("part");
        let text = serde_json::to_vec_pretty(record).map_err(|error| Failure::Run(error.into()))?;
        let written =
            fs::create_dir_all(folder).and_then(|()| fs::write(&part, text)).and_then(|()| fs::rename(&part, &file));
        written
            .map_err(|error| Failure::Run(format!("{}: cannot write {}: {error}", self.option, file.display()).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_by_its_name_and_a_wrong_one_is_named() {
        let folder = std::env::temp_dir().join(format!("elbo-records-{}", std::process::id()));
        let records = Records::new("--records", Some(&folder));
        assert_eq!(records.find::<[f64; 2]>("one", |_| true).unwrap(), None);
        records.save("one", &[0.1, 1.0 / 3.0]).unwrap();
        assert_eq!(records.find("one", |_| true).unwrap(), Some([0.1, 1.0 / 3.0]));
        assert_eq!(records.find::<[f64; 2]>("two", |_| true).unwrap(), None);
        let refused =
            |is_of_this_run: bool| records.find::<[f64; 2]>("one", |_| is_of_this_run).unwrap_err().to_string();
        assert!(refused(false).ends_with("one.json: it is of a run with other options; pass another folder"));
        fs::write(folder.join("one.json"), "[0.1").unwrap();
        let damaged = refused(true);
        assert!(damaged.starts_with("--records: ") && damaged.contains("one.json: EOF"), "{damaged}");
        fs::remove_dir_all(&folder).unwrap();
        fs::write(&folder, "").unwrap();
        let unwritten = records.save("one", &1.0).unwrap_err().to_string();
        fs::remove_file(&folder).unwrap();
        assert!(unwritten.starts_with("--records: cannot write ") && unwritten.contains("one.json"), "{unwritten}");
        Records::new("--records", None).save("one", &1.0).unwrap();
    }
}
