//! Reads files written by NumPy (`files/write.py`) and compares the values.

use std::path::PathBuf;

use elbo_engine::io::npy;
use elbo_engine::io::npz::Npz;
use elbo_engine::{Real, Tensor};

fn file(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "files", name].iter().collect()
}

/// The array `grid` of `write.py`: −1, −7/8, … 15/8.
fn grid<T: Real>() -> Tensor<T> {
    Tensor::from_fn([2, 3, 4], |i| i as f64 / 8.0 - 1.0)
}

#[test]
fn every_type_order_and_version_is_read() {
    for name in ["f8", "f4-big", "f2", "fortran", "version-2", "version-3"] {
        let name = file(&format!("{name}.npy"));
        assert_eq!(npy::read::<f64>(&name).unwrap(), grid(), "{}", name.display());
        assert_eq!(npy::read::<f32>(&name).unwrap(), grid(), "{}", name.display());
    }
    let signed = Tensor::<f32>::from_fn([2, 3, 4], |i| i as f64 - 8.0);
    for name in ["i1", "i4", "i8", "fortran-i2-big"] {
        assert_eq!(npy::read::<f32>(file(&format!("{name}.npy"))).unwrap(), signed, "{name}");
    }
    let unsigned = Tensor::<f64>::from_fn([2, 3, 4], |i| i as f64);
    for name in ["u1", "u2", "u4", "u8"] {
        assert_eq!(npy::read::<f64>(file(&format!("{name}.npy"))).unwrap(), unsigned, "{name}");
    }
    let positive = Tensor::<f32>::from_fn([2, 3, 4], |i| f64::from(u8::from(i > 8)));
    assert_eq!(npy::read::<f32>(file("bool.npy")).unwrap(), positive);
    assert_eq!(npy::read::<f64>(file("scalar.npy")).unwrap(), Tensor::full([], 2.5));
    assert_eq!(npy::read::<f32>(file("empty.npy")).unwrap(), Tensor::zeros([0, 3]));
}

#[test]
fn complex_text_and_record_types_are_rejected() {
    for (name, found) in [("complex", "<c16"), ("text", "<U1"), ("record", "[('a'")] {
        let message = npy::read::<f64>(file(&format!("{name}.npy"))).unwrap_err().to_string();
        assert!(message.contains(&format!("{name}.npy, byte 20: elements of type \"{found}")), "{message}");
    }
}

#[test]
fn the_error_of_a_missing_file_names_it() {
    let message = npy::read::<f32>(file("none.npy")).unwrap_err().to_string();
    assert!(message.contains("none.npy: cannot be read: "), "{message}");
}

#[test]
fn archives_are_read_stored_and_deflated() {
    for name in ["stored.npz", "deflated.npz"] {
        let npz = Npz::open(file(name)).unwrap();
        assert_eq!(npz.names().collect::<Vec<_>>(), ["grid", "half", "count"]);
        assert_eq!(npz.tensor::<f64>("grid").unwrap(), grid());
        assert_eq!(npz.tensor::<f32>("half").unwrap(), grid());
        assert_eq!(npz.tensor::<f32>("count").unwrap(), Tensor::new([3], [1.0, 2.0, 3.0]));
    }
}

/// NumPy writes checksum and sizes to the local header too, after the data.
#[test]
fn a_local_header_that_disagrees_with_the_directory_is_rejected() {
    let whole = std::fs::read(file("deflated.npz")).unwrap();
    let with = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        let npz = Npz::from_bytes("x", bytes).unwrap();
        npz.tensor::<f64>("grid").unwrap_err().to_string()
    };
    // The header has its sizes in a field of 64-bit numbers after the name.
    let sizes = 30 + "grid.npy".len() + 4;
    for (at, found) in [(14, "the checksum "), (sizes, " bytes, not "), (sizes + 8, " packed bytes, not ")] {
        let message = with(at);
        let expected = "x, array `grid`, byte 0: expected a header that agrees with the directory, found ";
        assert!(message.starts_with(expected) && message.contains(found), "{message}");
    }
}

/// NumPy writes an array with the same bytes as this crate.
#[test]
fn written_files_equal_those_of_numpy() {
    let theirs = std::fs::read(file("f8.npy")).unwrap();
    assert_eq!(npy::to_bytes(&grid::<f64>()), theirs);
}
