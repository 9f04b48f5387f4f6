//! The readers' memory limit: files within it, files that need a larger one, and pipes.

use std::path::Path;

use elbo::data::{DataError, idx};

use super::bombs::gzip;
use super::data_sets::{Scratch, idx_file};

/// Incompressible bytes: the high bytes of a linear congruential sequence.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn a_larger_limit_allows_images_and_labels_that_compress_well() {
    let (images, labels) = (Scratch::new("limit-images"), Scratch::new("limit-labels"));
    let (many, most) = (vec![0; 2000 * 784], vec![3; 200_000]);
    let images_file = images.with(&gzip(&idx_file(&[2000, 28, 28], &many)));
    let labels_file = labels.with(&gzip(&idx_file(&[200_000], &most)));
    // The limit that the message recommends.
    let limit = |error: DataError| {
        let message = error.to_string();
        let (before, rest) = message.split_once("with_limit(").unwrap_or_else(|| {
            panic!(
                "no recommendation: \
                                                 {message}"
            )
        });
        assert!(before.contains("(16 times the file's size plus 1 MiB, unless you set another limit)"), "{message}");
        rest.split_once(')').unwrap().0.parse::<u64>().unwrap()
    };
    let needed = limit(idx::images(images_file).unwrap_err());
    let reader = idx::Reader::default();
    assert_eq!(reader.with_limit(needed).images(images_file).unwrap(), (many, [2000, 28, 28]));
    assert!(matches!(reader.with_limit(needed - 1).images(images_file), Err(DataError::TooLarge { .. })));
    let needed = limit(idx::labels(labels_file, 10).unwrap_err());
    assert_eq!(reader.with_limit(needed).labels(labels_file, 10).unwrap(), vec![3; 200_000]);
    assert!(matches!(reader.with_limit(needed - 1).labels(labels_file, 10), Err(DataError::TooLarge { .. })));
    // Files that compress like images, and small files, need no larger limit.
    idx::images(images.with(&gzip(&idx_file(&[2000, 28, 28], &noise(2000 * 784))))).unwrap();
    idx::images(images.with(&gzip(&idx_file(&[500, 28, 28], &vec![0; 500 * 784])))).unwrap();
    idx::labels(labels.with(&gzip(&idx_file(&[60_000], &vec![3; 60_000]))), 10).unwrap();
}

/// A pipe has no size, so its limit grows with the bytes read.
#[cfg(target_os = "linux")]
#[test]
fn a_pipe_is_read_too() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let through = |bytes: Vec<u8>, read: &dyn Fn(&Path) -> Result<Vec<usize>, DataError>| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // The writer fails when the reader stops and closes the pipe.
        let thread = std::thread::spawn(move || drop(writer.write_all(&bytes)));
        let result = read(Path::new(&format!("/proc/self/fd/{}", reader.as_raw_fd())));
        drop(reader);
        thread.join().unwrap();
        result
    };
    let images = |path: &Path| idx::images(path).map(|(pixels, _)| pixels.into_iter().map(usize::from).collect());
    let labels = |path: &Path| idx::labels(path, 256);
    let noise = noise(500_000);
    let values: Vec<usize> = noise.iter().map(|&byte| byte.into()).collect();
    for packed in [false, true] {
        let file = |axes: &[u32]| {
            let bytes = idx_file(axes, &noise);
            if packed { gzip(&bytes) } else { bytes }
        };
        assert_eq!(through(file(&[500, 1000, 1]), &images).unwrap(), values);
        assert_eq!(through(file(&[500_000]), &labels).unwrap(), values);
        let error = through(file(&[u32::MAX]), &labels).unwrap_err().to_string();
        assert!(error.contains("ends after 500008 bytes of [4294967295] elements, expected 4294967303"), "{error}");
    }
    let bomb = gzip(&idx_file(&[1 << 24], &vec![0; 1 << 24]));
    assert!(matches!(through(bomb, &labels), Err(DataError::TooLarge { .. })));
}
