//! Pictures in folders, in a binary of its own because it needs the feature `images`.

use std::fs;
use std::path::{Path, PathBuf};

use elbo::data::{Examples, PictureFolder};

/// A temporary folder of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("elbo-pictures-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn picture(&self, name: &str, width: u32, height: u32, value: impl Fn(u32, u32) -> [u8; 3]) {
        let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb(value(x, y)));
        picture.save(self.path(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[track_caller]
fn wrong(folder: &Path, part: &str) {
    let message = PictureFolder::new().read(folder).unwrap_err().to_string();
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

#[test]
fn sub_folders_are_classes_in_sorted_order() {
    let folder = Folder::new("classes");
    folder.picture("rose/b.png", 3, 2, |x, y| [(10 * y + x) as u8, 100, 200]);
    folder.picture("aster/z.bmp", 3, 2, |_, _| [255, 255, 255]);
    folder.picture("rose/a.png", 3, 2, |_, _| [0, 0, 0]);
    fs::write(folder.path("rose/.hidden"), "x").unwrap();
    fs::write(folder.path("readme.txt"), "files beside the classes are no pictures of a class").unwrap();
    let pictures = PictureFolder::new().read(&folder.0).unwrap();
    assert_eq!((pictures.shape(), pictures.labels()), ([3, 3, 2, 3], &[0, 1, 1][..]));
    assert_eq!(pictures.classes(), ["aster", "rose"]);
    assert_eq!(
        pictures.values()[36..],
        [0, 1, 2, 10, 11, 12, 100, 100, 100, 100, 100, 100, 200, 200, 200, 200, 200, 200]
    );
    let examples: Examples = pictures.examples().unwrap();
    assert_eq!(examples.inputs().shape(), [3, 3, 2, 3]);
    assert_eq!(examples.inputs().data()[0], 1.0);
    let grey = PictureFolder::new().grey().resized(4, 5).read(&folder.0).unwrap();
    assert_eq!(grey.shape(), [3, 1, 4, 5]);
    assert_eq!((grey.values()[0], grey.values()[20]), (255, 0));
}

#[test]
fn a_picture_that_does_not_fit_is_named() {
    let folder = Folder::new("sizes");
    folder.picture("a/1.png", 3, 2, |_, _| [0; 3]);
    folder.picture("a/2.png", 2, 2, |_, _| [0; 3]);
    wrong(&folder.0, "2.png: 2 × 2 pixels, but the first picture has 2 × 3; resize all by `.resized(height, width)`");
    assert_eq!(PictureFolder::new().resized(8, 8).read(&folder.0).unwrap().shape(), [2, 3, 8, 8]);
    let whole = fs::read(folder.path("a/1.png")).unwrap();
    for length in 0..whole.len() {
        fs::write(folder.path("a/2.png"), &whole[..length]).unwrap();
        // The last chunk of a PNG has no data, so a file without it may be read.
        if let Err(error) = PictureFolder::new().read(&folder.0) {
            assert!(error.to_string().contains("2.png"), "{error}");
        } else {
            assert!(length + 12 >= whole.len(), "{length} of {} bytes are enough", whole.len());
        }
    }
    fs::write(folder.path("a/2.png"), "text").unwrap();
    wrong(&folder.0, "2.png");
    image::RgbaImage::from_pixel(3, 2, image::Rgba([9, 9, 9, 255])).save(folder.path("a/2.png")).unwrap();
    assert_eq!(PictureFolder::new().read(&folder.0).unwrap().shape(), [2, 3, 2, 3], "opaque");
    image::RgbaImage::new(3, 2).save(folder.path("a/2.png")).unwrap();
    wrong(&folder.0, "2.png: the picture is transparent in places; flatten it");
}

#[test]
fn a_picture_that_unpacks_to_far_more_is_refused_by_the_limit() {
    let folder = Folder::new("large");
    folder.picture("a/1.png", 3000, 3000, |_, _| [0; 3]);
    let message = PictureFolder::new().memory_limit(1 << 20).read(&folder.0).unwrap_err().to_string();
    assert!(message.contains("1.png") && message.to_lowercase().contains("limit"), "{message}");
    assert_eq!(PictureFolder::new().read(&folder.0).unwrap().shape()[0], 1);
}

#[test]
fn folders_without_pictures_are_refused() {
    let folder = Folder::new("empty");
    wrong(&folder.0, "there is no sub-folder for a class: no examples");
    fs::create_dir_all(folder.0.join("a")).unwrap();
    wrong(&folder.0, "no examples");
    wrong(&folder.0.join("b"), "no such file");
}
