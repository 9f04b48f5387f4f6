//! Pictures as PNG, by the crate `resvg`.

use std::path::Path;
use std::sync::Arc;

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Family, Query};
use resvg::usvg::{Options, Tree};
use thiserror::Error;

use crate::engine::io::{FileError, replace_file};
use crate::report::{Chart, Picture};

/// The most pixels of a picture: 1 GiB of memory.
const MOST_PIXELS: f64 = (1u64 << 28) as f64;

/// Families to look for first; without any of them, the first one found that is not monospaced.
const FAMILIES: [&str; 5] = ["DejaVu Sans", "Liberation Sans", "Noto Sans", "Arial", "Helvetica"];

/// Where the letters of a PNG come from.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Fonts {
    /// The fonts of the operating system. A container often has none: install one, such as the package `fonts-dejavu-core`, or give
    /// one as [`Fonts::Bytes`].
    #[default]
    System,
    /// A TrueType or OpenType font, as of a file, which needs no font of the system.
    Bytes(Vec<u8>),
}

/// Why a picture could not become a PNG. `Debug` prints the same text as `Display`, because `main` prints `Debug`.
#[derive(Error)]
#[non_exhaustive]
pub enum PngError {
    /// There is no font to draw the texts with.
    #[error(
        "there is no font for the texts of a PNG: install one on this machine, such as the package `fonts-dejavu-core`, or pass a \
         TrueType or OpenType file's bytes as `Fonts::Bytes`"
    )]
    NoFont,

    /// The scale is not positive, or the picture would be too large.
    #[error(
        "a picture of {width} × {height} units cannot have {scale} pixels per unit: it must be positive, and at most 2^28 pixels in all"
    )]
    Scale {
        /// The width, in units.
        width: f32,
        /// The height, in units.
        height: f32,
        /// Pixels per unit.
        scale: f64,
    },

    /// The picture cannot be drawn.
    #[error("the picture cannot be drawn: {0}")]
    Draw(String),

    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

crate::engine::debug_as_display!(PngError);

impl Picture {
    /// The picture as a PNG file's bytes, with this many pixels per unit: a picture is 640 units wide. It is the same for the same
    /// font.
    ///
    /// # Errors
    /// [`PngError::NoFont`]; [`PngError::Scale`].
    pub fn png(&self, scale: f64, fonts: &Fonts) -> Result<Vec<u8>, PngError> {
        let options = Options { fontdb: Arc::new(database(fonts)?), ..Options::default() };
        let tree = Tree::from_str(&self.svg(), &options).map_err(|error| PngError::Draw(error.to_string()))?;
        let (width, height) = (tree.size().width(), tree.size().height());
        let pixels = |units: f32| (f64::from(units) * scale).ceil();
        let is_possible = scale > 0.0 && pixels(width) * pixels(height) <= MOST_PIXELS;
        let pixmap = is_possible.then(|| Pixmap::new(pixels(width) as u32, pixels(height) as u32)).flatten();
        let Some(mut pixmap) = pixmap else { return Err(PngError::Scale { width, height, scale }) };
        resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixmap.as_mut());
        pixmap.encode_png().map_err(|error| PngError::Draw(error.to_string()))
    }

    /// Writes the picture to a file, as PNG with this many pixels per unit, in place of one that is there.
    ///
    /// ```no_run
    /// use elbo::report::{Fonts, Picture};
    /// # let picture = Picture::default();
    /// picture.write_png("calibration.png", 2.0, &Fonts::System)?; // 1,280 pixels wide
    /// # Ok::<(), elbo::report::PngError>(())
    /// ```
    ///
    /// # Errors
    /// As [`png`](Self::png), and if it cannot be written. The old file then stays.
    pub fn write_png(&self, file: impl AsRef<Path>, scale: f64, fonts: &Fonts) -> Result<(), PngError> {
        Ok(replace_file(file.as_ref(), &self.png(scale, fonts)?)?)
    }
}

impl Chart {
    /// Writes the chart to a file, as PNG: [`Picture::write_png`].
    ///
    /// # Errors
    /// As [`Picture::write_png`].
    pub fn write_png(&self, file: impl AsRef<Path>, scale: f64, fonts: &Fonts) -> Result<(), PngError> {
        Picture::from(self.clone()).write_png(file, scale, fonts)
    }
}

/// The fonts, of which one is that of `sans-serif`.
fn database(fonts: &Fonts) -> Result<Database, PngError> {
    let mut database = Database::new();
    match fonts {
        Fonts::System => database.load_system_fonts(),
        Fonts::Bytes(bytes) => database.load_font_data(bytes.clone()),
    }
    let has = |name: &&str| database.query(&Query { families: &[Family::Name(name)], ..Query::default() }).is_some();
    let known = FAMILIES.iter().find(|name| has(name)).map(|name| (*name).to_owned());
    let any = || {
        let mut faces = database.faces().filter(|face| !face.monospaced || database.len() == 1);
        faces.find_map(|face| face.families.first().map(|(name, _)| name.clone()))
    };
    let family = known.or_else(any).ok_or(PngError::NoFont)?;
    database.set_sans_serif_family(family.clone());
    // What is used for letters that the first one does not have.
    database.set_serif_family(family);
    Ok(database)
}
