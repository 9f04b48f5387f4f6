//! Encoders: fitted on the training part alone, checked against statistics by hand, and refused mistakes.

use elbo::data::{ColumnEncoding, Csv, Encoder, Encoding, Missing, Table, Unknown};
use elbo::{Gaussian, Outputs, Tensor};

use super::contains;

fn parse(text: &str) -> Table {
    Csv::new().target("y").missing(Missing::Mask).parse("t.csv", text).unwrap()
}

#[test]
fn numbers_are_standardised_and_categories_become_columns() {
    let train = parse("height,leaf,y\n1,round,10\n3,long,30\n5,round,20\n7,round,40\n");
    let encoder = Encoder::fit(&train).unwrap();
    assert_eq!(
        (encoder.width(), encoder.names()),
        (3, ["height", "leaf=long", "leaf=round"].map(str::to_owned).into())
    );
    // Mean 4 and sd √5; targets 25 and √125.
    let x = encoder.transform::<f64>(&train).unwrap();
    let root = 5f64.sqrt();
    let expected = [-3.0 / root, 0.0, 1.0, -1.0 / root, 1.0, 0.0, 1.0 / root, 0.0, 1.0, 3.0 / root, 0.0, 1.0];
    assert!(x.data().iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{:?}", x.data());
    let data = encoder.regression::<f64>(&train).unwrap();
    assert_eq!(data.targets().shape(), [4, 1]);
    let scaling = encoder.target_scaling();
    assert_eq!((scaling.shift(), scaling.scale()), (&[25.0][..], &[125f64.sqrt()][..]));
    // And back.
    let back = encoder.inverse_transform(&x);
    assert_eq!(back.names("leaf").unwrap(), train.names("leaf").unwrap());
    let heights = back.numbers("height").unwrap().iter().zip(train.numbers("height").unwrap());
    assert!(heights.into_iter().all(|(a, b)| (a - b).abs() < 1e-14));
}

#[test]
fn the_test_part_changes_nothing() {
    let table = parse("x,leaf,y\n1,a,0\n2,b,1\n3,a,0\n1000,c,2\n");
    let (train, test) = (table.subset(&[0, 1, 2]).unwrap(), table.subset(&[3]).unwrap());
    let encoder = Encoder::fit(&train).unwrap();
    assert_eq!(encoder, Encoder::fit(&parse("x,leaf,y\n1,a,0\n2,b,1\n3,a,0\n")).unwrap());
    let message = encoder.transform::<f32>(&test).unwrap_err().to_string();
    contains(
        &message,
        r#"t.csv, line 5, column 2 ("leaf"): expected one of the 2 categories of the training part, found "c""#,
    );
    let encoder = Encoding::default().unknown(Unknown::Other).fit(&train).unwrap();
    assert_eq!(encoder.names()[3], "leaf: other");
    assert_eq!(encoder.transform::<f32>(&test).unwrap().data()[1..], [0.0, 0.0, 1.0]);
    assert_eq!(encoder.transform::<f32>(&train).unwrap().data()[3], 0.0);
    // The table may have other columns, in another order, and no target.
    let new = Csv::new().parse("new", "id,leaf,x\n7,b,2\n").unwrap();
    assert_eq!(encoder.transform::<f32>(&new).unwrap().data(), [0.0, 0.0, 1.0, 0.0]);
    let without = Csv::new().parse("new", "leaf\nb\n").unwrap();
    contains(
        &encoder.transform::<f32>(&without).unwrap_err().to_string(),
        "new: has no column \"x\"; there are \"leaf\"",
    );
    let other = Csv::new().parse("new", "leaf,x\n1,2\n").unwrap();
    contains(
        &encoder.transform::<f32>(&other).unwrap_err().to_string(),
        "column \"leaf\" holds numbers, but categories",
    );
    let other = Csv::new().parse("new", "leaf,x\na,2x\n").unwrap();
    contains(&encoder.transform::<f32>(&other).unwrap_err().to_string(), "column \"x\" holds categories, but numbers");
}

#[test]
fn missing_values_become_the_mean_and_a_flag() {
    let train = parse("x,leaf,y\n1,a,0\n,b,1\n3,,0\n");
    let encoder = Encoder::fit(&train).unwrap();
    assert_eq!(encoder.names(), ["x", "x: missing", "leaf=a", "leaf=b", "leaf: missing"]);
    let x = encoder.transform::<f64>(&train).unwrap();
    assert_eq!(x.data()[..5], [-1.0, 0.0, 1.0, 0.0, 0.0]);
    assert_eq!(x.data()[5..10], [0.0, 1.0, 0.0, 1.0, 0.0]);
    assert_eq!(x.data()[10..], [1.0, 0.0, 0.0, 0.0, 1.0]);
    let back = encoder.inverse_transform(&x);
    assert_eq!(back.names("leaf").unwrap(), [Some("a"), Some("b"), None]);
    assert!(back.numbers("x").unwrap()[1].is_nan());
    let complete = Encoder::fit(&parse("x,leaf,y\n1,a,0\n3,b,1\n")).unwrap();
    let message = complete.transform::<f32>(&train).unwrap_err().to_string();
    contains(
        &message,
        r#"line 3, column 1 ("x"): expected a value, as in every row of the training part, found a missing"#,
    );
    let message = Encoder::fit(&parse("x,z,y\n1,,0\n3,,1\n")).unwrap_err().to_string();
    contains(&message, "column \"z\" has only missing values in the training part");
}

#[test]
fn labels_are_classes_by_name_or_by_number() {
    let train = parse("x,y\n1,oak\n2,willow\n3,oak\n");
    let encoder = Encoder::fit(&train).unwrap();
    assert_eq!(encoder.classes(), ["oak", "willow"]);
    assert_eq!(encoder.classification::<f32>(&train).unwrap().targets(), &[0, 1, 0]);
    // By name, whatever the order of another file.
    assert_eq!(encoder.labels(&parse("x,y\n2,willow\n")).unwrap(), [1]);
    let message = encoder.labels(&parse("x,y\n2,elm\n")).unwrap_err().to_string();
    contains(
        &message,
        r#"line 2, column 2 ("y"): expected one of the 2 classes of the table that the encoder was fitted on, found "elm""#,
    );
    contains(&encoder.targets::<f32>(&train).unwrap_err().to_string(), "target \"y\" holds categories");
    let numbered = parse("x,y\n1,2\n2,0\n3,1\n");
    let encoder = Encoder::fit(&numbered).unwrap();
    assert_eq!(encoder.labels(&numbered).unwrap(), [2, 0, 1]);
    let message = encoder.labels(&parse("x,y\n1,0\n2,-1\n")).unwrap_err().to_string();
    contains(&message, r#"line 3, column 2 ("y"): expected a class"#);
    // A class that is in the test part only keeps its place.
    let table = parse("x,y\n1,a\n2,b\n3,c\n");
    assert_eq!(Encoder::fit(&table.subset(&[0, 2]).unwrap()).unwrap().classes(), ["a", "b", "c"]);
}

#[test]
fn several_targets_are_columns_and_their_gaps_a_mask() {
    let csv = Csv::new().targets(["u", "v"]).missing(Missing::Mask);
    let table = csv.parse("t.csv", "x,u,v\n1,10,5\n2,30,\n").unwrap();
    let encoder = Encoder::fit(&table).unwrap();
    let (targets, mask) = encoder.masked_targets::<f64>(&table).unwrap();
    assert_eq!((targets.data(), mask.data()), (&[-1.0, 0.0, 1.0, 0.0][..], &[1.0, 1.0, 1.0, 0.0][..]));
    let message = encoder.regression::<f64>(&table).unwrap_err().to_string();
    contains(&message, r#"t.csv, line 3, column 3 ("v"): expected a value"#);
    contains(&encoder.labels(&table).unwrap_err().to_string(), "one target, but the encoder was fitted with 2");
    let none = Encoder::fit(&Csv::new().parse("t.csv", "x\n1\n").unwrap()).unwrap();
    contains(
        &none.targets::<f32>(&Csv::new().parse("t.csv", "x\n1\n").unwrap()).unwrap_err().to_string(),
        "without targets",
    );
    let all = Csv::new().target("x").parse("t.csv", "x\n1\n").unwrap();
    contains(&Encoder::fit(&all).unwrap_err().to_string(), "all columns are targets");
}

#[test]
fn a_constant_column_is_only_shifted_and_too_large_numbers_are_refused() {
    let train = parse("x,z,y\n5,1,0\n5,2,1\n");
    let encoder = Encoder::fit(&train).unwrap();
    assert_eq!(encoder.transform::<f32>(&train).unwrap().data(), [0.0, -1.0, 0.0, 1.0]);
    let far = parse("x,z,y\n1e200,1,0\n");
    let message = encoder.transform::<f32>(&far).unwrap_err().to_string();
    contains(&message, r#"line 2, column 1 ("x"): expected a number that f32 can hold, found 1e200"#);
    let message = Encoder::fit(&parse("x,y\n1e308,0\n-1e308,1\n")).unwrap_err().to_string();
    contains(&message, "the range of column \"x\" overflows");
}

#[test]
fn predictions_return_to_the_unit_of_the_targets() {
    let table = parse("x,y\n1,100\n2,300\n");
    let encoder = Encoder::fit(&table).unwrap();
    let outputs = Outputs::<f64>::new(Tensor::new([1, 2, 1], encoder.targets::<f64>(&table).unwrap().data()));
    let predicted = outputs.under(&Gaussian::new(0.5)).unscaled(&encoder.target_scaling());
    assert_eq!((predicted.mean(), predicted.sd()), (vec![100.0, 300.0], vec![50.0, 50.0]));
}

#[test]
fn an_encoder_is_made_of_checked_parts() {
    let train = parse("x,leaf,y\n1,a,0\n,b,1\n3,a,0\n");
    let encoder = Encoding::default().unknown(Unknown::Other).fit(&train).unwrap();
    let same = Encoder::from_parts(encoder.inputs().to_vec(), encoder.target_columns().to_vec()).unwrap();
    assert_eq!(same, encoder);
    let number = |name: &str, mean, sd| ColumnEncoding::Number { name: name.into(), mean, sd, flags_missing: false };
    let categories = |names: &[&str]| ColumnEncoding::Categories {
        name: "c".into(),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        flags_missing: true,
        has_other: false,
    };
    for (inputs, targets, message) in [
        (vec![], vec![], "Encoder: there must be at least one input column"),
        (vec![number("x", f64::NAN, 1.0)], vec![], "column \"x\": the mean must be finite, got NaN"),
        (vec![number("x", 0.0, 0.0)], vec![], "column \"x\": the sd must be positive and finite, got 0"),
        (vec![number("x", 0.0, 1.0)], vec![number("x", 0.0, 1.0)], "column \"x\" occurs twice"),
        (vec![categories(&[])], vec![], "expected 1 to 65000 categories, got 0"),
        (vec![categories(&["a", "a"])], vec![], "category \"a\" occurs twice"),
        (vec![number("x", 0.0, 1.0)], vec![categories(&["a"])], "targets flag neither missing values nor other"),
    ] {
        contains(&Encoder::from_parts(inputs, targets).unwrap_err().to_string(), message);
    }
}
