//! `ImportReport`: what was loaded from a file of PyTorch.

use std::fmt;

/// What [`PyTorch::load`](crate::PyTorch::load) has loaded. `Display` prints it in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImportReport {
    /// Names in the file, and of the tensors of the model that were set to them.
    pub used: Vec<(String, String)>,
    /// Those, by their names in the file, that were transposed.
    pub transposed: Vec<String>,
    /// Those, by their names in the file, with their types there, that were rounded to fewer bits.
    pub rounded: Vec<(String, String)>,
    /// Tensors of the file that the model does not have.
    pub unused: Vec<String>,
    /// Tensors of the model that stay as they were.
    pub kept: Vec<String>,
    /// The scales that were set to the standard deviation of [`PyTorch::sd`](crate::PyTorch::sd).
    pub scales: Vec<String>,
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportReport { used, transposed, rounded, unused, kept, scales } = self;
        let used: Vec<String> = used.iter().map(|(theirs, ours)| format!("{theirs} as {ours}")).collect();
        write!(f, "loaded {}", used.join(", "))?;
        let rounded: Vec<String> = rounded.iter().map(|(name, dtype)| format!("{name} ({dtype})")).collect();
        let lists = [
            ("transposed", transposed),
            ("rounded", &rounded),
            ("not used", unused),
            ("set by `sd`", scales),
            ("kept", kept),
        ];
        for (what, names) in lists.into_iter().filter(|(_, names)| !names.is_empty()) {
            write!(f, "; {what}: {}", names.join(", "))?;
        }
        Ok(())
    }
}
