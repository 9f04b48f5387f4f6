//! `Differences`: how the tensors of a file differ from those of a model.

use std::fmt;

/// How the tensors of a file differ from those of a model, by name. `Display` prints a line for each. Of a shape in a file there
/// are at most the first 16 axes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Differences {
    /// Tensors of the model that the file does not have, with their shapes.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Tensors of the file that the model does not have, with their shapes.
    pub extra: Vec<(String, Vec<usize>)>,
    /// Tensors of another shape: that in the file, and that in the model.
    pub misshapen: Vec<(String, [Vec<usize>; 2])>,
    /// Tensors of another type: that in the file, and that in the model.
    pub mistyped: Vec<(String, [String; 2])>,
}

impl Differences {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        let Differences { missing, extra, misshapen, mistyped } = self;
        missing.is_empty() && extra.is_empty() && misshapen.is_empty() && mistyped.is_empty()
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Differences { missing, extra, misshapen, mistyped } = self;
        let mut separator = "";
        let mut line = |text: fmt::Arguments<'_>| write!(f, "{}  {text}", std::mem::replace(&mut separator, "\n"));
        for (name, shape) in missing {
            line(format_args!("missing in the file: `{name}` of shape {shape:?}"))?;
        }
        for (name, shape) in extra {
            line(format_args!("not in the model: `{name}` of shape {shape:?}"))?;
        }
        for (name, [found, expected]) in misshapen {
            line(format_args!("another shape: `{name}` is {found:?} in the file and {expected:?} in the model"))?;
        }
        for (name, [found, expected]) in mistyped {
            line(format_args!("another type: `{name}` is {found} in the file and {expected} in the model"))?;
        }
        Ok(())
    }
}
