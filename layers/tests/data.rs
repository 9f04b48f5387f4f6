//! Readers of data files, on whole files, on every way a file can be wrong, and on real data.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use elbo::data::{DataError, digits, idx};
use flate2::Compression;
use flate2::write::GzEncoder;

/// The system's allocator, which remembers the largest allocation of each thread.
struct Watched;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator unchanged; a cell of a number is all that is touched besides.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static WATCHED: Watched = Watched;

/// The most bytes that `work` allocates at once on this thread.
fn largest_allocation<R>(work: impl FnOnce() -> R) -> (R, usize) {
    LARGEST.set(0);
    let result = work();
    (result, LARGEST.get())
}

/// A folder of one test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("elbo-data-{}-{test}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn idx_file(axes: &[u32], elements: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, axes.len() as u8];
    axes.iter().for_each(|axis| bytes.extend(axis.to_be_bytes()));
    bytes.extend(elements);
    bytes
}

/// Two images of 2×3 pixels.
fn two_images() -> Vec<u8> {
    idx_file(&[2, 2, 3], &[0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255])
}

/// The message, which must name the file.
#[track_caller]
fn message<T: std::fmt::Debug>(result: Result<T, DataError>, file: &Path) -> String {
    let error = result.unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "does not name {}: {error}", file.display());
    error.to_string()
}

#[track_caller]
fn contains(message: &str, part: &str) {
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

#[test]
fn images_and_labels_are_read_plain_or_packed() {
    let folder = Folder::new("whole");
    for (name, bytes) in
        [("plain", two_images()), ("packed.gz", gzip(&two_images())), ("misnamed", gzip(&two_images()))]
    {
        let (pixels, shape) = idx::images(folder.file(name, &bytes)).unwrap();
        assert_eq!(shape, [2, 2, 3]);
        assert_eq!(pixels, [0, 1, 2, 3, 4, 5, 250, 251, 252, 253, 254, 255]);
    }
    let labels = idx_file(&[3], &[9, 0, 4]);
    for (name, bytes) in [("labels", labels.clone()), ("labels.gz", gzip(&labels))] {
        assert_eq!(idx::labels(folder.file(name, &bytes), 10).unwrap(), [9, 0, 4]);
    }
}

#[test]
fn several_gzip_members_are_one_file() {
    let folder = Folder::new("members");
    let whole = two_images();
    let members = [gzip(&whole[..10]), gzip(&whole[10..])].concat();
    assert_eq!(idx::images(folder.file("two.gz", &members)).unwrap().1, [2, 2, 3]);
}

#[test]
fn every_truncation_is_an_error() {
    let folder = Folder::new("truncated");
    let whole = two_images();
    for length in 0..whole.len() {
        let file = folder.file("plain", &whole[..length]);
        let error = message(idx::images(&file), &file);
        contains(&error, &format!("ends after {length} bytes"));
        contains(&error, if length < 16 { "expected 16" } else { "of [2, 2, 3] elements, expected 28" });
        // The same in an intact gzip file.
        let file = folder.file("packed", &gzip(&whole[..length]));
        contains(&message(idx::images(&file), &file), &format!("ends after {length} bytes"));
    }
}

#[test]
fn every_truncation_of_the_gzip_data_is_an_error() {
    let folder = Folder::new("cut");
    let packed = gzip(&two_images());
    for length in 0..packed.len() {
        let file = folder.file("cut.gz", &packed[..length]);
        let error = message(idx::images(&file), &file);
        if length >= 2 {
            contains(&error, "its gzip data break off or are damaged after");
        }
    }
}

#[test]
fn every_damaged_byte_of_the_gzip_data_is_noticed_or_means_nothing() {
    let folder = Folder::new("damaged");
    let (packed, whole) = (gzip(&two_images()), idx::images(folder.file("whole", &two_images())).unwrap());
    let header = 10; // whose time, flags of the compressor and system mean nothing
    let mut unnoticed = 0;
    for at in header..packed.len() {
        let mut damaged = packed.clone();
        damaged[at] ^= 0x10;
        let file = folder.file("damaged.gz", &damaged);
        match idx::images(&file) {
            Ok(read) => {
                assert_eq!(read, whole, "byte {at}");
                unnoticed += 1;
            }
            error => drop(message(error, &file)),
        }
    }
    assert!(unnoticed <= 1, "only the padding after the last block may change: {unnoticed}");
}

#[test]
fn trailing_bytes_are_an_error() {
    let folder = Folder::new("oversized");
    let longer = [two_images(), vec![0]].concat();
    for (name, bytes) in [("plain", longer.clone()), ("packed.gz", gzip(&longer))] {
        let file = folder.file(name, &bytes);
        contains(&message(idx::images(&file), &file), "goes on after the 28 bytes of [2, 2, 3] elements");
    }
    let file = folder.file("garbage.gz", &[gzip(&two_images()), b"garbage".to_vec()].concat());
    contains(
        &message(idx::images(&file), &file),
        "gzip data break off or are damaged after 28 unpacked bytes, at byte ",
    );
}

#[test]
fn another_kind_of_file_is_refused() {
    let folder = Folder::new("kind");
    let file = folder.file("page", b"<!DOCTYPE html>");
    contains(&message(idx::images(&file), &file), "no IDX file: it begins with the bytes [3c, 21, 44, 4f]");
    let mut floats = two_images();
    floats[2] = 0x0d;
    let file = folder.file("floats", &floats);
    contains(&message(idx::images(&file), &file), "elements of type 0x0d (32-bit floats), expected 0x08");
    let file = folder.file("labels", &idx_file(&[3], &[1, 2, 3]));
    contains(&message(idx::images(&file), &file), "1 axes, expected 3");
    let file = folder.file("images", &two_images());
    contains(&message(idx::labels(&file, 10), &file), "3 axes, expected 1");
    let file = folder.file("empty", &idx_file(&[0, 28, 28], &[]));
    contains(&message(idx::images(&file), &file), "no examples");
}

#[test]
fn a_label_out_of_range_is_named_by_file_and_row() {
    let folder = Folder::new("label");
    let file = folder.file("labels", &idx_file(&[4], &[0, 9, 10, 3]));
    contains(&message(idx::labels(&file, 10), &file), "row 2 (from 0): label 10 is none of the 10 classes, 0 to 9");
}

#[test]
fn an_absurd_size_is_refused_before_anything_is_allocated() {
    let folder = Folder::new("absurd");
    let absurd = idx_file(&[u32::MAX; 3], &[0; 100]);
    for (name, bytes) in [("plain", absurd.clone()), ("packed.gz", gzip(&absurd))] {
        let file = folder.file(name, &bytes);
        let (error, largest) = largest_allocation(|| message(idx::images(&file), &file));
        contains(&error, "its header announces [4294967295, 4294967295, 4294967295]");
        assert!(largest < 1 << 17, "{largest} bytes at once for a file of {}", bytes.len());
    }
    // A few bytes of gzip cannot be the gigabyte that the header announces.
    let file = folder.file("giga.gz", &gzip(&idx_file(&[1 << 20, 32, 32], &[0; 1000])));
    contains(&message(idx::images(&file), &file), "a file of this size cannot unpack to more than");
    let file = folder.file("giga", &idx_file(&[1 << 20, 32, 32], &[0; 1000]));
    contains(&message(idx::images(&file), &file), "ends after 1016 bytes");
}

#[test]
fn a_gzip_bomb_is_unpacked_no_further_than_its_header_says() {
    let folder = Folder::new("bomb");
    // 16 MiB of zeros in 16 KiB, behind a header that announces one pixel.
    let bomb = gzip(&idx_file(&[1, 1, 1], &vec![0; 16 << 20]));
    assert!(bomb.len() < 20_000);
    let file = folder.file("bomb.gz", &bomb);
    let (error, largest) = largest_allocation(|| message(idx::images(&file), &file));
    contains(&error, "goes on after the 17 bytes");
    assert!(largest < 1 << 17, "{largest} bytes at once for one pixel");
}

#[test]
fn a_missing_file_says_what_was_looked_for() {
    let folder = Folder::new("missing");
    let file = folder.0.join("train-images-idx3-ubyte.gz");
    contains(&message(idx::images(&file), &file), "no such file");
    let error = message(idx::load(&folder.0, "train", 10), &file);
    contains(&error, "nor train-images-idx3-ubyte without .gz");
    contains(&message(idx::images(&folder.0), &folder.0), "cannot be read");
}

#[test]
fn a_folder_is_loaded_and_its_files_must_belong_together() {
    let folder = Folder::new("load");
    folder.file("t10k-images-idx3-ubyte.gz", &gzip(&two_images()));
    folder.file("t10k-labels-idx1-ubyte", &idx_file(&[2], &[7, 1]));
    let images = idx::load(&folder.0, "t10k", 10).unwrap();
    assert_eq!((images.shape(), images.labels()), ([2, 2, 3], &[7, 1][..]));
    folder.file("t10k-labels-idx1-ubyte", &idx_file(&[3], &[7, 1, 1]));
    let error = message(idx::load(&folder.0, "t10k", 10), &folder.0.join("t10k-labels-idx1-ubyte"));
    contains(&error, "holds 2 images, but");
    contains(&error, "holds 3 labels");
}

/// `lines` lines of the digits' table, all zeros with label 3.
fn digits_table(lines: usize) -> String {
    format!("{}3\n", "0,".repeat(64)).repeat(lines)
}

#[test]
fn the_digits_table_is_read_plain_or_packed() {
    let table = format!("{}{}7\r\n\n", digits_table(2), "16,".repeat(64));
    for bytes in [table.clone().into_bytes(), gzip(table.as_bytes())] {
        let images = digits::from_bytes("table", &bytes).unwrap();
        assert_eq!((images.shape(), images.labels()), ([3, 8, 8], &[3, 3, 7][..]));
        assert_eq!(images.pixels()[127..130], [0, 16, 16]);
    }
}

#[test]
fn a_wrong_cell_is_named_by_line_and_column() {
    let wrong = |table: String| digits::from_bytes("digits.csv", table.as_bytes()).unwrap_err().to_string();
    let good = digits_table(2);
    let error = wrong(format!("{good}{}x,3\n", "0,".repeat(63)));
    assert_eq!(error, r#"digits.csv, line 3: expected a pixel from 0 to 16 in column 64, found "x""#);
    contains(
        &wrong(format!("17,{}3\n", "0,".repeat(63))),
        r#"line 1: expected a pixel from 0 to 16 in column 1, found "17""#,
    );
    contains(&wrong(format!("{good}{}10\n", "0,".repeat(64))), r#"a digit from 0 to 9 in column 65, found "10""#);
    contains(&wrong(format!("{good}{}\n", "0,".repeat(64))), r#"column 65, found """#);
    contains(&wrong(format!("{good}1,2,3\n")), "line 3: expected 64 pixels and a digit, separated by commas, found 3");
    contains(&wrong(format!("\n{good}")), "line 1: expected 64 pixels");
    contains(&wrong(String::new()), "digits.csv: no examples");
    let bytes = [good.as_bytes(), &[0xff]].concat();
    contains(&digits::from_bytes("digits.csv", &bytes).unwrap_err().to_string(), "digits.csv, line 3: expected text");
}

#[test]
fn a_number_of_the_table_is_its_digits_alone() {
    let read = |cell: &str| {
        let table = format!("{}{cell},{}7\n", digits_table(1), "0,".repeat(63));
        digits::from_bytes("digits.csv", table.as_bytes())
    };
    for cell in ["+5", "-0", "05", "00", "0x5", "5.0", "1e1", "1_0", "", "\u{a0}5", "٥", "\"5\"", "5 5"] {
        contains(&read(cell).unwrap_err().to_string(), "line 2: expected a pixel from 0 to 16 in column 1, found ");
    }
    for cell in ["5", " 5", "5\t"] {
        assert_eq!(read(cell).unwrap().pixels()[64], 5);
    }
}

#[test]
fn nothing_follows_the_end_of_the_table() {
    let wrong = |table: String| digits::from_bytes("digits.csv", table.as_bytes()).unwrap_err().to_string();
    let good = digits_table(1);
    contains(
        &wrong(format!("{good}\n \n{good}")),
        "line 2: expected 64 pixels and a digit, separated by commas, found",
    );
    contains(&wrong(format!("{good}{}", " ".repeat(1025))), "line 2: expected 64 pixels and a digit");
    assert_eq!(digits::from_bytes("digits.csv", format!("{good}\r\n \n\t").as_bytes()).unwrap().labels(), [3]);
    assert_eq!(digits::from_bytes("digits.csv", good.trim_end().as_bytes()).unwrap().labels(), [3]);
}

/// The folder of real data, or a loud word that it is not there.
fn real(test: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ELBO_DATA").map(PathBuf::from);
    if folder.is_none() {
        eprintln!("SKIPPED: {test}: ELBO_DATA names no folder of real data");
    }
    folder
}

#[test]
fn the_real_sets_are_read_whole() {
    let Some(data) = real("the_real_sets_are_read_whole") else { return };
    for (set, prefix, rows) in [
        ("mnist", "train", 60_000),
        ("mnist", "t10k", 10_000),
        ("fashion-mnist", "t10k", 10_000),
        ("notmnist", "t10k", 10_000),
    ] {
        let images = idx::load(data.join(set), prefix, 10).unwrap();
        assert_eq!(images.shape(), [rows, 28, 28], "{set} {prefix}");
        let examples = images.examples::<f32>(255.0).unwrap();
        assert_eq!(examples.inputs().shape(), [rows, 784]);
        assert!((0..10).all(|class| images.labels().contains(&class)));
    }
    let digits = digits::load(data.join("tables/digits.csv.gz")).unwrap();
    assert_eq!(digits.shape(), [1797, 8, 8]);
    assert_eq!(digits.labels()[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn mnist_has_the_pixels_it_is_known_for() {
    let Some(data) = real("mnist_has_the_pixels_it_is_known_for") else { return };
    let train = idx::load(data.join("mnist"), "train", 10).unwrap();
    let pixels = train.pixels().iter().map(|&pixel| f64::from(pixel) / 255.0);
    let mean = pixels.clone().sum::<f64>() / pixels.len() as f64;
    let variance = pixels.clone().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / pixels.len() as f64;
    // The constants that everyone normalises MNIST with.
    assert!((mean - 0.1307).abs() < 5e-5 && (variance.sqrt() - 0.3081).abs() < 5e-5, "{mean} {variance}");
}
