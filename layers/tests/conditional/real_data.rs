//! Readers on the real data sets in the folder `ELBO_DATA`. The tests show as ignored if it is not set.

use std::path::{Path, PathBuf};

use elbo::data::{digits, idx};
use libtest_mimic::Trial;

/// The tests, ignored without data.
pub(crate) fn tests() -> Vec<Trial> {
    let data = std::env::var_os("ELBO_DATA").map(PathBuf::from);
    let test = |name: &str, run: fn(&Path)| {
        let folder = data.clone();
        let run = move || {
            run(&folder.ok_or("set ELBO_DATA to the folder of the data sets")?);
            Ok(())
        };
        Trial::test(format!("real_data::{name}"), run).with_ignored_flag(data.is_none())
    };
    vec![
        test("the_real_sets_are_read_completely", the_real_sets_are_read_completely),
        test("mnist_has_its_known_mean_and_deviation", mnist_has_its_known_mean_and_deviation),
    ]
}

fn the_real_sets_are_read_completely(data: &Path) {
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

fn mnist_has_its_known_mean_and_deviation(data: &Path) {
    let train = idx::load(data.join("mnist"), "train", 10).unwrap();
    let pixels = train.pixels().iter().map(|&pixel| f64::from(pixel) / 255.0);
    let mean = pixels.clone().sum::<f64>() / pixels.len() as f64;
    let variance = pixels.clone().map(|pixel| (pixel - mean).powi(2)).sum::<f64>() / pixels.len() as f64;
    // The constants that MNIST is usually normalised with.
    assert!((mean - 0.1307).abs() < 5e-5 && (variance.sqrt() - 0.3081).abs() < 5e-5, "{mean} {variance}");
}
