//! The digits table: valid tables, and malformed lines and cells.

use elbo::data::digits;

use super::{contains, gzip};

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
fn a_number_of_the_table_must_be_plain_digits() {
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
