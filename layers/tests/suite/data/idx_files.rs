//! IDX files: plain and gzip, truncated, damaged, oversized, with wrong headers.

use elbo::data::idx;

use crate::own_process::largest_allocation;

use super::{Folder, contains, gzip, idx_file, message, two_images};

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
        // The same truncation within an intact gzip file.
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
            contains(&error, "the gzip data are truncated or damaged after");
        }
    }
}

#[test]
fn every_damaged_byte_of_the_gzip_data_is_detected_or_insignificant() {
    let folder = Folder::new("damaged");
    let (packed, whole) = (gzip(&two_images()), idx::images(folder.file("whole", &two_images())).unwrap());
    let header = 10; // its time, compressor flags and system are insignificant
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
        contains(&message(idx::images(&file), &file), "continues after the 28 bytes of [2, 2, 3] elements");
    }
    let file = folder.file("garbage.gz", &[gzip(&two_images()), b"garbage".to_vec()].concat());
    contains(
        &message(idx::images(&file), &file),
        "gzip data are truncated or damaged after 28 unpacked bytes, at byte ",
    );
}

#[test]
fn another_kind_of_file_is_refused() {
    let folder = Folder::new("kind");
    let file = folder.file("page", b"<!DOCTYPE html>");
    contains(&message(idx::images(&file), &file), "not an IDX file: it starts with the bytes [3c, 21, 44, 4f]");
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
    contains(
        &message(idx::labels(&file, 10), &file),
        "row 2 (from 0): label 10 is out of range for 10 classes, 0 to 9",
    );
}

#[test]
fn an_absurd_size_is_refused_before_anything_is_allocated() {
    let folder = Folder::new("absurd");
    let absurd = idx_file(&[u32::MAX; 3], &[0; 100]);
    for (name, bytes) in [("plain", absurd.clone()), ("packed.gz", gzip(&absurd))] {
        let file = folder.file(name, &bytes);
        let (error, largest) = largest_allocation(|| message(idx::images(&file), &file));
        contains(&error, "its header declares [4294967295, 4294967295, 4294967295]");
        assert!(largest < 1 << 17, "{largest} bytes at once for a file of {}", bytes.len());
    }
    // A few bytes of gzip cannot unpack to the gigabyte that the header declares.
    let file = folder.file("giga.gz", &gzip(&idx_file(&[1 << 20, 32, 32], &[0; 1000])));
    contains(&message(idx::images(&file), &file), "a file of this size can unpack to at most");
    let file = folder.file("giga", &idx_file(&[1 << 20, 32, 32], &[0; 1000]));
    contains(&message(idx::images(&file), &file), "ends after 1016 bytes");
}

#[test]
fn a_gzip_bomb_is_unpacked_no_further_than_its_header_says() {
    let folder = Folder::new("bomb");
    // 16 MiB of zeros in 16 KiB, after a header that declares one pixel.
    let bomb = gzip(&idx_file(&[1, 1, 1], &vec![0; 16 << 20]));
    assert!(bomb.len() < 20_000);
    let file = folder.file("bomb.gz", &bomb);
    let (error, largest) = largest_allocation(|| message(idx::images(&file), &file));
    contains(&error, "continues after the 17 bytes");
    assert!(largest < 1 << 17, "{largest} bytes at once for one pixel");
}

#[test]
fn the_error_for_a_missing_file_names_what_was_tried() {
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
    contains(&error, "has 2 images, but");
    contains(&error, "has 3 labels");
}
