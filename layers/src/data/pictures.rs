//! `PictureFolder`: pictures in a folder with a sub-folder for each class, as many sets are given.

use std::fs;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader, Limits};

use super::{DataError, Examples};
use crate::engine::{Real, Tensor};

/// The memory that decoding one picture may take, unless another limit is set.
const DECODED: u64 = 256 << 20;

/// Reads pictures (PNG, JPEG, BMP) from a folder that has a sub-folder for each class. Needs the feature `images`.
///
/// Classes are the names of the sub-folders in sorted order, pictures come in the order of their names. Files whose names
/// begin with a point are skipped; any other file that is not a picture is an error.
///
/// ```no_run
/// use elbo::data::{Examples, PictureFolder};
///
/// let pictures = PictureFolder::new().resized(32, 32).read("flowers/train")?;
/// println!("{} pictures of {:?}", pictures.shape()[0], pictures.classes());
/// let train: Examples = pictures.examples()?;           // inputs (pictures, 3, 32, 32) from 0 to 1
/// # Ok::<(), elbo::data::DataError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct PictureFolder {
    size: Option<[u32; 2]>,
    is_grey: bool,
    limit: u64,
}

/// Pictures of equal size with labels, one byte per value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictures {
    values: Vec<u8>,
    shape: [usize; 4],
    labels: Vec<usize>,
    classes: Vec<String>,
}

impl Default for PictureFolder {
    fn default() -> PictureFolder {
        PictureFolder::new()
    }
}

impl PictureFolder {
    /// A reader of pictures in red, green and blue, which must all have the same size.
    pub fn new() -> PictureFolder {
        PictureFolder { size: None, is_grey: false, limit: DECODED }
    }

    /// Converts pictures to shades of grey: one channel in place of three.
    pub fn grey(self) -> PictureFolder {
        PictureFolder { is_grey: true, ..self }
    }

    /// Resizes every picture to this height and width, whatever its proportions, by a triangular filter.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn resized(self, height: u32, width: u32) -> PictureFolder {
        assert!(height > 0 && width > 0, "PictureFolder::resized: a picture of {height} × {width} has no pixels");
        PictureFolder { size: Some([height, width]), ..self }
    }

    /// Sets the memory in bytes that decoding one picture may take. The default is 256 MiB. This is more than other readers
    /// allow for a small file, because a picture may compress a hundredfold.
    pub fn memory_limit(self, bytes: u64) -> PictureFolder {
        PictureFolder { limit: bytes, ..self }
    }

    /// Reads all pictures.
    ///
    /// # Errors
    /// [`DataError::Picture`], with the file, if one cannot be decoded, takes too much memory, or has another size than the
    /// first; [`DataError::Io`] or [`DataError::Missing`] if a file or folder cannot be read; [`DataError::Empty`] if there is
    /// no sub-folder, or one has no pictures.
    pub fn read(&self, folder: impl AsRef<Path>) -> Result<Pictures, DataError> {
        let folder = folder.as_ref();
        let empty = |what: String| DataError::Empty { what };
        let channels = if self.is_grey { 1 } else { 3 };
        let mut pictures = Pictures { values: Vec::new(), shape: [0, channels, 0, 0], labels: vec![], classes: vec![] };
        for class in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
            let files = entries(&class)?;
            if files.is_empty() {
                return Err(empty(class.display().to_string()));
            }
            for file in files {
                self.add(&file, &mut pictures)?;
                pictures.labels.push(pictures.classes.len());
            }
            let name = class.file_name().unwrap_or_default().to_string_lossy();
            pictures.classes.push(name.into_owned());
        }
        if pictures.labels.is_empty() {
            return Err(empty(format!("{}: there is no sub-folder for a class", folder.display())));
        }
        Ok(pictures)
    }

    fn add(&self, file: &Path, to: &mut Pictures) -> Result<(), DataError> {
        let wrong = |problem: String| DataError::Picture { file: file.to_owned(), problem };
        let picture = self.decode(file)?;
        let picture = match self.size {
            Some([height, width]) => picture.resize_exact(width, height, FilterType::Triangle),
            None => picture,
        };
        let size = [picture.height() as usize, picture.width() as usize];
        if to.labels.is_empty() {
            to.shape[2..].copy_from_slice(&size);
        }
        if to.shape[2..] != size {
            let [_, _, height, width] = to.shape;
            let found = format!("{} × {} pixels, but the first picture has {height} × {width}", size[0], size[1]);
            return Err(wrong(found + "; resize all by `.resized(height, width)`"));
        }
        if self.is_grey {
            to.values.extend(picture.into_luma8().into_raw());
        } else {
            // From pixel by pixel to channel by channel.
            let pixels = picture.into_rgb8().into_raw();
            (0..3).for_each(|channel| to.values.extend(pixels.iter().skip(channel).step_by(3)));
        }
        to.shape[0] += 1;
        Ok(())
    }

    fn decode(&self, file: &Path) -> Result<DynamicImage, DataError> {
        let failed = |source| DataError::Io { file: file.to_owned(), source };
        let opened = fs::File::open(file).map_err(failed)?;
        // The content tells the format, whatever the file's name.
        let mut reader = ImageReader::new(BufReader::new(opened)).with_guessed_format().map_err(failed)?;
        let mut limits = Limits::default();
        limits.max_alloc = Some(self.limit);
        reader.limits(limits);
        let wrong = |error: image::ImageError| DataError::Picture { file: file.to_owned(), problem: error.to_string() };
        let picture = reader.decode().map_err(wrong)?;
        let is_transparent = || picture.to_rgba8().pixels().any(|pixel| pixel.0[3] != u8::MAX);
        if picture.color().has_alpha() && is_transparent() {
            let problem = "the picture is transparent in places; flatten it onto a background before".to_owned();
            return Err(DataError::Picture { file: file.to_owned(), problem });
        }
        Ok(picture)
    }
}

/// The visible entries of a folder, sorted by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => DataError::Missing { file: folder.to_owned(), hint: String::new() },
        _ => DataError::Io { file: folder.to_owned(), source },
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

impl Pictures {
    /// The number of pictures, of channels (1 or 3), the height and the width.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// All values from 0 to 255: picture by picture, channel by channel, row by row.
    pub fn values(&self) -> &[u8] {
        &self.values
    }

    /// The label of each picture: the place of its class in [`classes`](Pictures::classes).
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The names of the sub-folders, sorted.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Converts to examples with inputs of [`shape`](Pictures::shape), each value divided by 255.
    ///
    /// # Errors
    /// None occurs for pictures that were read.
    pub fn examples<T: Real>(&self) -> Result<Examples<T>, DataError> {
        let inputs = Tensor::from_fn(self.shape, |i| f64::from(self.values[i]) / 255.0);
        Examples::new(inputs, self.labels.clone())
    }
}
