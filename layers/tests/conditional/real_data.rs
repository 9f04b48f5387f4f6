//! Readers on the real data sets in the folder `ELBO_DATA`. The tests show as ignored if it is not set.

use std::path::{Path, PathBuf};

use elbo::data::{Csv, Encoder, Missing, Table, digits, idx, ts};
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
        test("real_tables_are_read_completely", real_tables_are_read_completely),
        test("mushrooms_become_columns_of_zeros_and_ones", mushrooms_become_columns_of_zeros_and_ones),
        test("sequences_have_their_known_lengths", sequences_have_their_known_lengths),
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

fn real_tables_are_read_completely(data: &Path) {
    let tables = data.join("tables");
    let shape = |table: &Table| (table.len(), table.columns().len());
    // scikit-learn's tables begin with a line of counts and names of classes, and have no header.
    let counted = Csv::new().skip_lines(1).header(false);
    for (name, rows, columns, class_sizes) in [
        ("iris.csv", 150, 5, &[50, 50, 50][..]),
        ("breast_cancer.csv", 569, 31, &[212, 357]),
        ("wine_data.csv", 178, 14, &[59, 71, 48]),
    ] {
        let table = counted.clone().target(columns).read(tables.join(name)).unwrap();
        assert_eq!(shape(&table), (rows, columns), "{name}");
        let encoder = Encoder::fit(&table).unwrap();
        let examples = encoder.classification::<f32>(&table).unwrap();
        let sizes: Vec<usize> =
            (0..class_sizes.len()).map(|class| examples.targets().iter().filter(|&&y| y == class).count()).collect();
        assert_eq!(sizes, class_sizes, "{name}");
    }
    let digits = Csv::new().header(false).target(65).read(tables.join("digits.csv.gz")).unwrap();
    assert_eq!(digits.labels("65").unwrap(), digits::load(tables.join("digits.csv.gz")).unwrap().labels());
    let diabetes = Csv::new().header(false).delimiter(b' ').read(tables.join("diabetes_data_raw.csv.gz")).unwrap();
    assert_eq!(shape(&diabetes), (442, 10));
    assert_eq!(
        Csv::new().header(false).read(tables.join("diabetes_target.csv.gz")).unwrap().numbers("1").unwrap()[0],
        151.0
    );
    // R writes the row's number into a column without a name.
    let error = Csv::new().read(tables.join("faithful.csv")).unwrap_err().to_string();
    assert!(error.contains("column 1 has no name; R and pandas write row numbers like this"), "{error}");
    assert_eq!(shape(&Csv::new().ignore([1]).read(tables.join("faithful.csv")).unwrap()), (272, 2));
    assert_eq!(shape(&Csv::new().ignore([1]).target("accel").read(tables.join("mcycle.csv")).unwrap()), (133, 2));
    let co2 = Csv::new().target("co2");
    let error = co2.read(tables.join("co2.csv.gz")).unwrap_err().to_string();
    assert!(error.contains("line 8, column 2 (\"co2\"): expected a value, found \"\""), "{error}");
    let whole = co2.clone().missing(Missing::Mask).read(tables.join("co2.csv.gz")).unwrap();
    let dropped = co2.missing(Missing::DropRow).read(tables.join("co2.csv.gz")).unwrap();
    assert_eq!((whole.len(), whole.column("co2").unwrap().missing()), (2284, 59));
    assert_eq!((dropped.len(), dropped.dropped()), (2225, 59));
    // Months are dates.
    let error = Csv::new().read(data.join("timeseries/Airline.csv")).unwrap_err().to_string();
    assert!(
        error.contains("line 2, column 1 (\"Date\"): expected a number or a name, found \"1949-01\", a date"),
        "{error}"
    );
    assert_eq!(Csv::new().ignore(["Date"]).read(data.join("timeseries/Airline.csv")).unwrap().len(), 144);
}

fn mushrooms_become_columns_of_zeros_and_ones(data: &Path) {
    let file = data.join("mushroom/agaricus-lepiota.data.gz");
    let csv = Csv::new().header(false).target(1);
    // `?` is a missing stalk root in 2480 rows.
    let message = csv.read(&file).unwrap_err().to_string();
    assert!(message.contains("column 12 (\"12\"): expected a value, found \"?\", a missing value"), "{message}");
    assert_eq!(csv.clone().missing(Missing::DropRow).read(&file).unwrap().len(), 5644);
    let table = csv.missing(Missing::Mask).read(&file).unwrap();
    assert_eq!((table.len(), table.column("12").unwrap().missing()), (8124, 2480));
    let encoder = Encoder::fit(&table).unwrap();
    let examples = encoder.classification::<f32>(&table).unwrap();
    assert_eq!(encoder.classes(), ["e", "p"]);
    assert_eq!(examples.targets().iter().filter(|&&y| y == 1).count(), 3916);
    // One 1 in each of 22 groups of columns; the file's names list 117 values with the missing one.
    assert!(examples.inputs().data().chunks(encoder.width()).all(|row| row.iter().sum::<f32>() == 22.0));
    assert_eq!(encoder.width(), 117);
    assert_eq!(encoder.inverse_transform(examples.inputs()).names("12").unwrap(), table.names("12").unwrap());
}

fn sequences_have_their_known_lengths(data: &Path) {
    let folder = data.join("timeseries");
    let vowels = |name: &str| ts::load::<f32>(folder.join(name)).unwrap();
    let train = vowels("JapaneseVowels_TRAIN.ts");
    assert_eq!(train.values().shape(), [270, 26, 12]);
    assert_eq!((train.lengths().iter().min(), train.lengths().iter().max()), (Some(&7), Some(&26)));
    assert!((0..9).all(|speaker| train.labels().iter().filter(|&&label| label == speaker).count() == 30));
    let test = vowels("JapaneseVowels_TEST.ts");
    assert_eq!((test.values().shape(), test.lengths().iter().max()), (&[370, 29, 12][..], Some(&29)));
    assert_eq!(vowels("JapaneseVowels_eq_TRAIN.ts").values().shape(), [270, 25, 12]);
    assert_eq!(vowels("ItalyPowerDemand_TEST.ts").values().shape(), [1029, 24, 1]);
}
