//! Decompression bombs and other files crafted to take memory or time.

use std::io::Write;

use elbo::Tensor;
use elbo::data::{DataError, digits, idx};
use elbo::engine::io::npz::Npz;
use elbo::engine::io::safetensors::Safetensors;
use elbo::engine::io::{FileError, npy};
use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use super::archive::{Member, archive};
use super::data_sets::{Scratch, idx_file};
use super::memory::bounded;

/// Nearly the most that 64 KiB of gzip can unpack to.
const LARGE: usize = 64 << 20;

/// One gzip member, which compresses zeros a thousandfold.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn contains<T>(result: Result<T, impl std::fmt::Display>, part: &str) {
    let message = result.err().expect("a bomb").to_string();
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

/// The labels of a file, read within its memory limit.
fn labels(bytes: &[u8]) -> Result<Vec<usize>, DataError> {
    let file = Scratch::new("labels-bomb");
    bounded(bytes.len(), || idx::labels(file.with(bytes), 10))
}

fn images(bytes: &[u8]) -> Result<(Vec<u8>, [usize; 3]), DataError> {
    let file = Scratch::new("images-bomb");
    bounded(bytes.len(), || idx::images(file.with(bytes)))
}

#[test]
fn zeros_declared_as_labels_or_images_are_refused() {
    let zeros = gzip(&idx_file(&[LARGE as u32], &vec![0; LARGE]));
    assert!(zeros.len() < LARGE / 1000);
    contains(labels(&zeros), "[67108864] elements take 537198592 bytes of memory, but at most ");
    let zeros = gzip(&idx_file(&[LARGE as u32 / 64, 8, 8], &vec![0; LARGE]));
    contains(images(&zeros), "[1048576, 8, 8] elements take 67436544 bytes of memory, but at most ");
    // The header declares fewer than there are.
    contains(images(&gzip(&idx_file(&[1, 1, 1], &vec![0; LARGE]))), "continues after the 17 bytes");
    // The header declares more than there are.
    contains(labels(&gzip(&idx_file(&[1 << 30], &[0; 100]))), "can unpack to at most");
    contains(labels(&gzip(&idx_file(&[100_000], &[0; 1000]))), "can unpack to at most");
    contains(labels(&gzip(&idx_file(&[20_000], &[0; 1000]))), "ends after 1008 bytes of [20000] elements");
    contains(labels(&idx_file(&[u32::MAX], &[0; 1000])), "ends after 1008 bytes of [4294967295] elements");
}

#[test]
fn a_larger_limit_does_not_make_a_reader_trust_the_header() {
    let file = Scratch::new("trusted");
    let reader = idx::Reader::default().with_limit(u64::MAX);
    let lies = gzip(&idx_file(&[u32::MAX, u32::MAX, u32::MAX], &[0; 1000]));
    contains(bounded(lies.len(), || reader.images(file.with(&lies))), "can unpack to at most");
    contains(bounded(lies.len(), || reader.labels(file.with(&lies), 10)), "3 axes, expected 1");
}

#[test]
fn many_members_are_one_file_and_nested_members_are_not_unpacked() {
    // A member of zeros, a thousand times.
    let member = gzip(&[0; 1 << 16]);
    let many = [gzip(&idx_file(&[1000 << 16], &[])), member.repeat(1000)].concat();
    contains(labels(&many), "elements take ");
    contains(images(&[gzip(&idx_file(&[1000 << 10, 8, 8], &[])), member.repeat(1000)].concat()), "elements take ");
    // Empty members, which only take time.
    let nothing = gzip(&[]).repeat(100_000);
    contains(labels(&nothing), "ends after 0 bytes, expected 8");
    contains(images(&[gzip(&idx_file(&[1, 1, 1], &[])), nothing].concat()), "ends after 16 bytes");
    contains(labels(&gzip(&many)), "not an IDX file: it starts with the bytes [1f, 8b, ");
}

#[test]
fn the_texts_of_a_gzip_header_count_too() {
    let text = vec![b'x'; 65_000];
    let builder = GzBuilder::new().extra(text.clone()).comment(text.clone()).filename(text);
    let count = 1_000_000;
    let mut encoder = builder.write(Vec::new(), Compression::new(6));
    encoder.write_all(&idx_file(&[count], &vec![3; count as usize])).unwrap();
    contains(labels(&encoder.finish().unwrap()), "elements take 8327680 bytes");
}

#[test]
fn text_that_is_not_the_table_is_refused() {
    let read = |bytes: &[u8]| bounded(bytes.len(), || digits::from_bytes("digits", bytes));
    for (byte, message) in [
        (b',', "digits, line 1: expected 64 pixels and a digit, separated by commas, found more than 1024 bytes"),
        (b'0', "found more than 1024 bytes"),
        (b' ', "found more than 1024 bytes"),
        (b'\n', "digits: unpacks to more than "),
        (0xff, "found more than 1024 bytes"),
    ] {
        contains(read(&gzip(&vec![byte; 16 << 20])), message);
    }
    let commas = vec![b','; 16 << 10];
    contains(read(&commas), "found more than 1024 bytes");
    let line = "0,".repeat(64) + "3\n";
    contains(read(&gzip(line.repeat(400_000).as_bytes())), "digits: unpacks to more than ");
    assert_eq!(read(line.repeat(10_000).as_bytes()).unwrap().labels().len(), 10_000);
}

/// All arrays of an archive, each within the limit, and kept.
fn archived(bytes: &[u8]) -> Result<Vec<Tensor>, FileError> {
    bounded(bytes.len(), || {
        let npz = Npz::from_bytes("archive", bytes.to_vec())?;
        npz.names().map(|name| npz.tensor(name)).collect()
    })
}

fn zeros(count: usize) -> Vec<u8> {
    npy::to_bytes(&Tensor::<f32>::zeros([count]))
}

#[test]
fn archives_that_unpack_a_thousandfold_are_refused() {
    let bomb = Member::deflated("zeros.npy", &zeros(LARGE / 4), 6);
    contains(archived(&archive(std::slice::from_ref(&bomb))), "archive, array `zeros`, byte 128: takes 67");
    // Sizes that are not what the data unpack to.
    for size in [0, 127, 128, 1000, 1 << 20] {
        let small = archive(&[Member { size, ..bomb.clone() }]);
        contains(archived(&small), "archive, array `zeros`, byte ");
    }
    // Lists of many arrays, each of which is within the limit; and one array under many names.
    let part = zeros(1 << 18);
    let members: Vec<Member> = (0..64).map(|i| Member::deflated(&format!("{i}.npy"), &part, 6)).collect();
    contains(
        archived(&archive(&members)),
        "together with 63 arrays that are not larger, it takes 67117056 bytes of memory",
    );
    // What is small beside a bomb is read.
    let beside = archive(&[bomb, Member::deflated("small.npy", &zeros(1000), 6)]);
    let npz = Npz::from_bytes("archive", beside.clone()).unwrap();
    let small = bounded(beside.len(), || npz.tensor::<f32>("small"));
    assert_eq!(small.unwrap(), Tensor::zeros([1000]));
    contains(npz.tensor::<f32>("zeros"), "array `zeros`, byte 128: takes 67");
    let two =
        archive(&[Member::stored("a.npy", &part), Member { local_name: Some("a.npy".into()), ..members[1].clone() }]);
    contains(archived(&two), "expected a header that agrees with the directory, found the name \"a.npy\"");
    // An archive that is what it says is read.
    assert_eq!(archived(&archive(&[Member::deflated("zeros.npy", &zeros(1000), 6)])).unwrap(), [Tensor::zeros([1000])]);
}

#[test]
fn an_array_whose_header_is_a_bomb_is_refused() {
    let read = |bytes: &[u8]| bounded(bytes.len(), || npy::from_bytes::<f64>("array", bytes));
    let header = |length: u32, text: &[u8]| [b"\x93NUMPY\x02\0", &length.to_le_bytes()[..], text].concat();
    contains(read(&header(u32::MAX, b"{")), "array, byte 12: 1 bytes follow, but the header specifies 4294967295");
    let spaces = header(16 << 20, &vec![b' '; 16 << 20]);
    contains(read(&spaces), "array, byte 8: expected a header of at most 65535 bytes, found one of 16777216");
    let packed = archive(&[Member::deflated("spaces.npy", &spaces, 6)]);
    contains(archived(&packed), "expected a header of at most 65535 bytes");
    let shape = format!("{{'descr': '|u1', 'fortran_order': True, 'shape': ({})}}", "1,".repeat(30_000));
    contains(read(&header(shape.len() as u32, shape.as_bytes())), "expected at most 64 axes");
}

#[test]
fn the_header_of_safetensors_allocates_no_more_than_the_file_holds() {
    let read = |bytes: &[u8]| bounded(bytes.len(), || Safetensors::from_bytes("tensors", bytes.to_vec()));
    contains(read(&(1u64 << 63).to_le_bytes()), "tensors, byte 8: 0 bytes follow, but the header specifies 92233720");
    contains(read(&u64::MAX.to_le_bytes()), "the header specifies 18446744073709551615");
    let file = |header: String| [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
    for count in [1000, 1025, 33_000, 400_000] {
        let axes = format!(r#"{{"a":{{"dtype":"U8","shape":[{}0],"data_offsets":[0,0]}}}}"#, "0,".repeat(count));
        read(&file(axes)).unwrap();
        let axes = format!(r#"{{"a":{{"dtype":"U8","shape":[{}0],"data_offsets":[0,1]}}}}"#, "9,".repeat(count));
        contains(read(&file(axes)), "end within the 0 bytes present");
        let entries = (0..count).map(|i| format!(r#""{i:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#));
        read(&file(format!("{{{}}}", entries.collect::<Vec<_>>().join(",")))).unwrap();
        let texts = (0..count).map(|i| format!(r#""{i:x}":"""#)).collect::<Vec<_>>().join(",");
        read(&file(format!(r#"{{"__metadata__":{{{texts}}}}}"#))).unwrap();
        contains(read(&file(format!(r#"{{"a":{}"#, "[".repeat(count)))), "expected a header in JSON");
        contains(read(&file(format!(r#"{{"{}":0}}"#, "a".repeat(count)))), "expected a header in JSON");
        // A message that quotes such a text is six times as long.
        let text = format!("\"{}\"", "\x7f".repeat(count));
        for entry in [
            text.clone(),
            format!("[{text}]"),
            format!(r#"{{"dtype":{text}}}"#),
            format!(r#"{{"dtype":"U8","shape":{text}}}"#),
            format!(r#"{{"dtype":"U8","shape":[{text}]}}"#),
            format!(r#"{{"dtype":"U8","shape":[0],"data_offsets":[0,{text}]}}"#),
        ] {
            contains(read(&file(format!(r#"{{"a":{entry}}}"#))), "expected a header in JSON");
        }
        contains(read(&file(format!(r#"{{"__metadata__":{text}}}"#))), "expected a header in JSON");
        contains(read(&file(format!(r#"{{"__metadata__":{{{text}:"","a":{text},"a":""}}}}"#))), "duplicate key `a`");
    }
}
