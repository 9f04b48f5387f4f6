//! Tables of text: what a column holds, missing values, and every kind of malformed file.

use elbo::data::{Csv, Missing, Table};

use super::{Folder, contains, gzip};

#[track_caller]
fn wrong(csv: &Csv, text: impl AsRef<[u8]>) -> String {
    csv.parse("t.csv", text).unwrap_err().to_string()
}

fn names(table: &Table, column: &str) -> Vec<String> {
    table.names(column).unwrap().into_iter().map(|name| name.unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_table_is_read_from_a_file_from_bytes_and_from_a_reader() {
    let text = "a,b,y\n1,red,0.5\n2,blue,-1e3\n";
    let folder = Folder::new("csv");
    let csv = Csv::new().target("y");
    let table = csv.parse("t", text).unwrap();
    assert_eq!(table.len(), 2);
    assert_eq!(table.numbers("a").unwrap(), [1.0, 2.0]);
    assert_eq!(names(&table, "b"), ["red", "blue"]);
    assert_eq!(table.column("b").unwrap().categories().unwrap(), ["blue", "red"]);
    assert_eq!(table.numbers("y").unwrap(), [0.5, -1000.0]);
    assert_eq!(
        table.columns().iter().map(|c| (c.number(), c.is_target())).collect::<Vec<_>>(),
        [(1, false), (2, false), (3, true)]
    );
    let same = |other: Table| (0..3).all(|i| other.columns()[i] == table.columns()[i]);
    assert!(same(csv.read(folder.file("plain.csv", text.as_bytes())).unwrap()));
    assert!(same(csv.read(folder.file("packed.csv.gz", &gzip(text.as_bytes()))).unwrap()));
    assert!(same(csv.read_from("t", text.as_bytes()).unwrap()));
    assert!(same(csv.parse("t", format!("\u{feff}{}", text.replace('\n', "\r\n"))).unwrap()));
    let missing = csv.read(folder.0.join("none.csv")).unwrap_err().to_string();
    contains(&missing, "none.csv: no such file");
}

#[test]
fn a_value_of_another_kind_is_named_by_line_and_column() {
    let csv = Csv::new();
    for (cell, found) in [
        ("abc", r#""abc" (the column's first value, on line 2, is one); set `.categorical(..)`"#),
        ("\"1,5\"", r#""1,5", which has a comma; if it is the decimal sign, set `.decimal(b',')`"#),
        ("1e400", r#""1e400", which is too large for a 64-bit number"#),
        ("1e-400", r#""1e-400", which a 64-bit number rounds to 0"#),
        ("inf", r#""inf", which is not finite; name it in `.missing_values(..)`"#),
        ("12%", "remove units and separators"),
        ("2024-01-31", r#""2024-01-31", a date or time; turn it into numbers beforehand"#),
        ("", r#""", a missing value; leave such rows out by `.missing(Missing::DropRow)`"#),
        ("NA", r#""NA", a missing value"#),
    ] {
        let message = wrong(&csv, format!("a,b\n1,2\n3,4\n7,{cell}\n"));
        contains(&message, r#"t.csv, line 4, column 2 ("b"): expected "#);
        contains(&message, found);
    }
    // The first value decides, and the column must keep to it.
    contains(
        &wrong(&csv, "a\nx\n3\n"),
        r#"line 3, column 1 ("a"): expected a name (the column's first value, on line 2"#,
    );
    contains(&wrong(&csv, "a\n12:30\n"), "a date or time");
    contains(&wrong(&csv, "a\n12%\n"), "remove units and separators; set `.categorical(..)`");
    contains(&wrong(&Csv::new().numeric(["a"]), "a\nx\n"), "expected a number, found \"x\" (the column is declared");
    // Lines are those of an editor, also after cells of several lines.
    contains(&wrong(&csv, "a,b\n\"x\ny\",1\nz,w\n"), "line 4, column 2");
}

#[test]
fn declared_columns_hold_what_they_are_declared_to_hold() {
    let text = "size,y\n38,10\nM,9\n38,2\n";
    let table = Csv::new().categorical(["size", "y"]).parse("t", text).unwrap();
    assert_eq!(names(&table, "size"), ["38", "M", "38"]);
    // Whole numbers are ordered by value.
    assert_eq!(table.column("y").unwrap().categories().unwrap(), ["2", "9", "10"]);
    assert_eq!(table.labels("y").unwrap(), [2, 1, 0]);
    let table = Csv::new().categories("size", ["M", "L", "38"]).parse("t", text).unwrap();
    assert_eq!(table.column("size").unwrap().categories().unwrap(), ["M", "L", "38"]);
    let message = wrong(&Csv::new().categories("size", ["M", "L"]), text);
    contains(
        &message,
        r#"line 2, column 1 ("size"): expected one of the 2 categories set by `.categories(..)`, found "38""#,
    );
}

#[test]
fn labels_are_whole_numbers_from_zero_and_errors_otherwise() {
    let labels = |text: &str| Csv::new().parse("t.csv", text).unwrap().labels("y").map_err(|error| error.to_string());
    assert_eq!(labels("x,y\n1,0\n2,2\n3,1\n"), Ok(vec![0, 2, 1]));
    for (label, shown) in [("-1", "-1"), ("2.5", "2.5"), ("1e300", "1")] {
        let message = labels(&format!("x,y\n1,0\n2,{label}\n")).unwrap_err();
        contains(
            &message,
            &format!(
                r#"t.csv, line 3, column 2 ("y"): expected a class: a whole number from 0, or a category, found {shown}"#
            ),
        );
    }
    let table = Csv::new().missing(Missing::Mask).parse("t.csv", "x,y\n1,0\n2,\n").unwrap();
    contains(&table.labels("y").unwrap_err().to_string(), "line 3, column 2 (\"y\"): expected a class");
}

#[test]
fn missing_values_are_errors_or_drop_their_row_or_stay_missing() {
    let text = "a,b,c\n1,,x\n2,red,?\n3,blue,x\nNA,red,x\n";
    contains(
        &wrong(&Csv::new(), text),
        "t.csv, line 2, column 2 (\"b\"): expected a value, found \"\", a missing value",
    );
    let table = Csv::new().missing(Missing::DropRow).parse("t", text).unwrap();
    assert_eq!((table.len(), table.dropped(), table.line(0)), (1, 3, 4));
    // Categories of dropped rows are gone.
    assert_eq!(table.column("b").unwrap().categories().unwrap(), ["blue"]);
    let table = Csv::new().missing(Missing::Mask).parse("t", text).unwrap();
    assert_eq!(names(&table, "b"), ["-", "red", "blue", "red"]);
    assert!(table.numbers("a").unwrap()[3].is_nan());
    assert_eq!(table.drop_missing("b").unwrap().numbers("a").unwrap()[..2], [2.0, 3.0]);
    assert_eq!(table.columns().iter().map(|column| column.missing()).collect::<Vec<_>>(), [1, 1, 1]);
    // Other texts can stand for missing values, and these for themselves.
    let table = Csv::new().missing_values(["-9"]).missing(Missing::DropRow).parse("t", "a,b\n1,NA\n-9,x\n").unwrap();
    assert_eq!(names(&table, "b"), ["NA"]);
    let message = wrong(&Csv::new().missing(Missing::DropRow), "a,b\n1,\n,2\n");
    assert_eq!(message, "t.csv: each of its 2 rows has a missing value and is left out");
    let ignored = Csv::new().ignore(["b"]).parse("t", text.replace("NA", "4")).unwrap_err().to_string();
    contains(&ignored, "line 3, column 3");
}

#[test]
fn the_header_is_checked() {
    contains(&wrong(&Csv::new(), "a,b,a\n1,2,3\n"), "t.csv: columns 1 and 3 are both called \"a\"");
    assert_eq!(Csv::new().ignore([3]).parse("t", "a,b,a\n1,2,3\n").unwrap().columns().len(), 2);
    contains(&wrong(&Csv::new(), "\"\",b\n1,2\n"), "column 1 has no name; R and pandas write row numbers like this");
    let message = wrong(&Csv::new(), "5.1,3.5,setosa\n4.9,3.0,setosa\n");
    contains(
        &message,
        "line 1, column 1 (\"\"): expected a column's name in the header, found the number \"5.1\"; if the file",
    );
    assert_eq!(Csv::new().header(true).parse("t", "0,1\n5,6\n").unwrap().numbers("1").unwrap(), [6.0]);
    let table = Csv::new().header(false).target(3).parse("t", "5.1,3.5,setosa\n4.9,3.0,other\n").unwrap();
    assert_eq!((table.len(), table.numbers("2").unwrap()), (2, &[3.5, 3.0][..]));
    assert!(table.column("3").unwrap().is_target());
    let message = wrong(&Csv::new().target("speces"), "height,species\n1,oak\n");
    assert_eq!(message, "t.csv: `.target` names \"speces\", but the columns are \"height\", \"species\"");
    let message = wrong(&Csv::new().target("species"), "height;species\n1;oak\n");
    contains(&message, "if cells are separated by ';', set `.delimiter(b';')`");
    contains(&wrong(&Csv::new().target(3), "a,b\n1,2\n"), "names column 3, but there are columns 1 to 2");
    contains(&wrong(&Csv::new().target(0), "a,b\n1,2\n"), "names column 0, but there are columns 1 to 2");
    contains(&wrong(&Csv::new().target("a").ignore(["a"]), "a,b\n1,2\n"), "\"a\" is ignored, but another option");
    contains(&wrong(&Csv::new().target("a").target(1), "a,b\n1,2\n"), "is a target twice");
    contains(&wrong(&Csv::new().numeric(["a"]).categorical(["a"]), "a,b\n1,2\n"), "declared twice");
    contains(&wrong(&Csv::new().categories("a", ["x", "x"]), "a,b\n1,2\n"), "must be 1 to 65000 different names");
    let table = Csv::new().inputs(["c"]).target("a").parse("t", "a,b,c\n1,?,3\n").unwrap();
    assert_eq!(table.columns().iter().map(|column| column.name()).collect::<Vec<_>>(), ["a", "c"]);
}

#[test]
fn malformed_files_are_named_by_line() {
    let csv = Csv::new();
    for (text, message) in [
        ("", "t.csv: the file is empty"),
        ("\n\n", "t.csv: the file has no rows, only blank lines or comments"),
        ("\u{feff}", "t.csv: the file has no rows, only blank lines or comments"),
        ("a,b\n", "t.csv: has a header but no rows; a data set needs at least one"),
        ("a,b\n1,2\n3\n", "t.csv, line 3: expected 2 cells, as in the first row, found 1"),
        (
            "a,b\n1,5,2\n",
            "t.csv, line 2: expected 2 cells, as in the first row, found 3; a cell with the delimiter in it",
        ),
        ("a,b\n1,2\n\n3,4\n", "t.csv, line 3: expected a row, found a blank line"),
        ("a,b\n1,\"2\n3,4\n", "t.csv, line 2: expected a quote that ends the quoted cell which starts here"),
        ("a,b\n1,2\n3,\"4\"5\n", "t.csv, line 3: expected the delimiter or the end of the line after a quoted cell"),
        ("a,b\n1,2\nx\"y,4\n", "t.csv, line 3: expected quotes around a whole cell"),
    ] {
        contains(&wrong(&csv, text), message);
    }
    assert_eq!(csv.parse("t", "a,b\n1,2\n\r\n \n").unwrap().len(), 1);
    contains(
        &wrong(&csv, b"a,b\n1,caf\xe9\n"),
        "line 2, column 2 (\"b\"): expected text in UTF-8, found \"caf\u{fffd}\", bytes",
    );
    contains(&wrong(&csv, b"\xff\xfea\0,\0b\0"), "expected text in UTF-8 (in a spreadsheet, save as \"CSV UTF-8\")");
    contains(&wrong(&csv, format!("a,b\n1,{}\n", "x".repeat(70_000))), "found more than 65536 bytes");
    // Cells of ignored columns may hold anything that is a cell.
    let mut text = b"a,b\n1,\"".to_vec();
    text.extend([0xff; 70_000]);
    text.extend(b"\"\n");
    assert_eq!(Csv::new().ignore(["b"]).parse("t", text).unwrap().numbers("a").unwrap(), [1.0]);
}

#[test]
fn other_dialects_are_read_by_their_options() {
    let german = "Größe;Art\n1,5;Eiche\n-2,25e1;Weide\n";
    contains(
        &wrong(&Csv::new().header(false).decimal(b','), "1,5,2,5\n"),
        "',' is the decimal sign and separates cells",
    );
    let table = Csv::new().delimiter(b';').decimal(b',').parse("t", german).unwrap();
    assert_eq!(table.numbers("Größe").unwrap(), [1.5, -22.5]);
    contains(&wrong(&Csv::new().delimiter(b';').decimal(b','), "a\n1.5\n"), "has a point, but the decimal sign is set");
    let spaces = Csv::new().header(false).delimiter(b' ').parse("t", "  1.5 \t 2 \n3 4").unwrap();
    assert_eq!(spaces.numbers("2").unwrap(), [2.0, 4.0]);
    let commented = Csv::new().comment(b'#').skip_lines(1).parse("t", "made by hand, \"\n#x\na\n1\n#2\n3\n").unwrap();
    assert_eq!((commented.numbers("a").unwrap(), commented.line(1)), (&[1.0, 3.0][..], 6));
    let inches = Csv::new().quotes(false).parse("t", "size,n\n5\",1\n3\" \"wide,2\n").unwrap();
    assert_eq!(names(&inches, "size"), ["5\"", "3\" \"wide"]);
    let padded = Csv::new().parse("t", "a, b\n 1 ,  x \n2,\" x \"\n").unwrap();
    assert_eq!(padded.numbers("a").unwrap(), [1.0, 2.0]);
    assert_eq!(names(&padded, "b"), ["x", " x "]);
    contains(&wrong(&Csv::new(), "a\n1\n\" 3\"\n"), "expected a number, found \" 3\"");
}

#[test]
fn too_many_categories_are_taken_for_an_identifier() {
    let text = (0..1200).fold("id\n".to_owned(), |text, i| text + &format!("n{i}\n"));
    let message = wrong(&Csv::new(), &text);
    contains(
        &message,
        "line 1002, column 1 (\"id\"): expected at most 1000 different names, found \"n1000\", one more",
    );
    let table = Csv::new().max_categories(1200).parse("t", &text).unwrap();
    assert_eq!(table.column("id").unwrap().categories().unwrap().len(), 1200);
}

#[test]
fn parts_of_a_table_are_those_of_its_examples() {
    let text =
        (0..50).fold("x,y\n".to_owned(), |text, i| text + &format!("{i},{}\n", ["a", "b", "b", "b", "b"][i % 5]));
    let table = Csv::new().target("y").parse("t", text).unwrap();
    let (train, test) = table.split(0.6, 7).unwrap();
    let examples = elbo::data::Encoding::default().raw_inputs().fit(&table).unwrap();
    let (same, _) = examples.classification::<f64>(&table).unwrap().split(0.6, 7).unwrap();
    assert_eq!(train.numbers("x").unwrap(), same.inputs().data());
    assert_eq!((train.len(), test.len()), (30, 20));
    assert_eq!(train.line(0), train.numbers("x").unwrap()[0] as u64 + 2);
    let (train, test) = table.split_stratified("y", 0.8, 1).unwrap();
    assert_eq!(train.labels("y").unwrap().iter().filter(|&&label| label == 0).count(), 8);
    assert_eq!(test.len(), 10);
    assert_eq!(table.folds(5, 1).unwrap().map(|(train, test)| train.len() + test.len()).collect::<Vec<_>>(), [50; 5]);
    assert!(table.subset(&[50]).is_err() && table.subset(&[]).is_err());
    assert_eq!(table.subset(&[3, 3]).unwrap().numbers("x").unwrap(), [3.0, 3.0]);
}

/// Every text that this reader accepts is split into the same cells by the crate `csv`.
#[test]
fn cells_are_those_of_another_reader() {
    let mut state = 1u64;
    let mut random = |end: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let mut accepted = 0;
    for _ in 0..200_000 {
        let pieces = ["a", "bc", ",", ",", "\n", "\r\n", "\"", "\"\"", "\"x\"", "é", "\",\""];
        let body: String = (0..random(14)).map(|_| pieces[random(pieces.len())]).collect();
        let text = format!("k,m\n{body}");
        let csv = Csv::new().categorical(["k", "m"]).missing_values(["none"]);
        let Ok(table) = csv.parse("t", &text) else { continue };
        accepted += 1;
        let mut other = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<Vec<String>> = other
            .records()
            .map(|record| record.unwrap_or_else(|e| panic!("{text:?}: {e}")).iter().map(str::to_owned).collect())
            .collect();
        let columns = [names(&table, "k"), names(&table, "m")];
        let ours: Vec<Vec<String>> =
            (0..table.len()).map(|row| columns.iter().map(|column| column[row].clone()).collect()).collect();
        assert_eq!(ours, rows, "{text:?}");
    }
    assert!(accepted > 5_000, "{accepted}");
}
