//! The splitter on text of every dialect, in pieces of every size.

use super::*;

/// The rows, with each row's line first.
struct Rows(Vec<Vec<String>>, Vec<String>, Vec<u64>);

impl Cells for Rows {
    fn cell(&mut self, cell: Cell<'_>) -> Result<(), TableError> {
        self.1.push(String::from_utf8_lossy(cell.bytes).into_owned());
        Ok(())
    }

    fn end_of_row(&mut self, line: u64) -> Result<(), TableError> {
        self.1.insert(0, line.to_string());
        self.0.push(std::mem::take(&mut self.1));
        Ok(())
    }

    fn blank(&mut self, line: u64) {
        self.2.push(line);
    }

    fn wrong(&self, line: u64, expected: &str, found: &str) -> TableError {
        let (expected, found) = (expected.to_owned(), found.to_owned());
        TableError::Line { file: "x".into(), line, expected, found }
    }
}

/// Splits the text, in pieces of one byte and at once.
fn split(delimiter: u8, text: &str) -> Result<Vec<Vec<String>>, String> {
    let split = |piece: usize| {
        let (mut rows, mut splitter) = (Rows(vec![], vec![], vec![]), Splitter::new(delimiter, true, Some(b'#'), 0));
        text.as_bytes().chunks(piece).try_for_each(|bytes| splitter.push(bytes, &mut rows))?;
        splitter.finish(&mut rows)?;
        Ok(rows.0)
    };
    let [whole, bytes] = [text.len().max(1), 1].map(|piece| split(piece).map_err(|e: TableError| e.to_string()));
    assert_eq!(whole, bytes);
    whole
}

fn rows(delimiter: u8, text: &str) -> Vec<String> {
    split(delimiter, text).unwrap().iter().map(|row| row.join("|")).collect()
}

#[test]
fn every_kind_of_line_end_ends_a_row() {
    for text in ["a,b\nc,\n", "a,b\r\nc,\r\n", "a,b\rc,\r", "a,b\nc,", "\u{feff}a,b\n c ,\t\n"] {
        assert_eq!(rows(b',', text), ["1|a|b", "2|c|"], "{text:?}");
    }
}

#[test]
fn quotes_keep_delimiters_line_ends_quotes_and_spaces() {
    assert_eq!(rows(b';', "\"a;\"\"b\"\" \";2\n\"\";x"), ["1|a;\"b\" |2", "2||x"]);
    assert_eq!(rows(b',', "\"a\r\nb\" , \"c\nd\"\ne,f"), ["1|a\r\nb|c\nd", "4|e|f"]);
}

#[test]
fn runs_of_spaces_and_tabs_separate_cells_if_a_space_does() {
    assert_eq!(rows(b' ', "  1.5 \t2  \n\"a b\" 3\n\n4 5 "), ["1|1.5|2", "2|a b|3", "4|4|5"]);
    assert_eq!(rows(b'\t', "a \t\tb\n"), ["1|a||b"]);
}

#[test]
fn comments_are_skipped() {
    assert_eq!(rows(b',', "#x,\"\na,#b\n#\n"), ["2|a|#b"]);
}

#[test]
fn quotes_that_are_not_around_a_whole_cell_are_errors() {
    for (text, message) in [
        ("a\n\"b\nc", "x, line 2: expected a quote that ends the quoted cell which starts here, found the end of"),
        ("\"a\"b", "x, line 1: expected the delimiter or the end of the line after a quoted cell"),
        ("\"a\" \"b\"", "x, line 1: expected the delimiter"),
        ("\na\"b\"", "x, line 2: expected quotes around a whole cell"),
    ] {
        let error = split(b',', text).unwrap_err();
        assert!(error.starts_with(message), "{error}");
    }
    let mut splitter = Splitter::new(b',', false, None, 0);
    let mut out = Rows(vec![], vec![], vec![]);
    splitter.push(b"5\" disk,\"x", &mut out).unwrap();
    splitter.finish(&mut out).unwrap();
    assert_eq!(out.0, [["1", "5\" disk", "\"x"]]);
}

#[test]
fn a_file_in_utf_16_is_recognised() {
    let mut out = Rows(vec![], vec![], vec![]);
    let error = Splitter::new(b',', true, None, 0).push(b"\xff\xfea\0", &mut out).unwrap_err().to_string();
    assert!(error.contains("the start of a file in UTF-16"), "{error}");
}
