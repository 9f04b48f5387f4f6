//! `Html`: a report as one HTML file.

use std::fmt::Write;
use std::path::Path;

use crate::engine::io::{FileError, replace_file};
use crate::report::Picture;
use crate::svg::escape;

/// A report as one HTML file, with its pictures in it: it needs nothing else, and asks nothing of any server.
#[derive(Clone, Debug)]
#[must_use]
pub struct Html {
    title: String,
    body: String,
}

impl Html {
    /// An empty report.
    pub fn new(title: &str) -> Self {
        Html { title: title.to_owned(), body: String::new() }
    }

    /// Adds a heading.
    pub fn heading(mut self, heading: &str) -> Self {
        let _ = writeln!(self.body, "<h2>{}</h2>", escape(heading));
        self
    }

    /// Adds a paragraph.
    pub fn text(mut self, text: &str) -> Self {
        let _ = writeln!(self.body, "<p>{}</p>", escape(text));
        self
    }

    /// Adds text in a fixed width with its line breaks, such as a table that a type's `Display` prints.
    pub fn printed(mut self, text: &str) -> Self {
        let _ = writeln!(self.body, "<pre>{}</pre>", escape(text));
        self
    }

    /// Adds a table with a header.
    ///
    /// # Panics
    /// If a row has another number of cells than the header.
    #[track_caller]
    pub fn table<const N: usize>(mut self, header: [&str; N], rows: &[[String; N]]) -> Self {
        let cells = |tag: &str, cells: &[String]| {
            cells.iter().map(|cell| format!("<{tag}>{}</{tag}>", escape(cell))).collect::<String>()
        };
        let header = cells("th", &header.map(str::to_owned));
        let _ = writeln!(self.body, "<table>\n<thead><tr>{header}</tr></thead>\n<tbody>");
        for row in rows {
            let _ = writeln!(self.body, "<tr>{}</tr>", cells("td", row));
        }
        self.body.push_str("</tbody>\n</table>\n");
        self
    }

    /// Adds a picture or a chart.
    pub fn picture(mut self, picture: impl Into<Picture>) -> Self {
        let picture = picture.into();
        let _ = writeln!(self.body, "<figure>\n{}</figure>", picture.svg_within(self.body.len()));
        self
    }

    /// Adds an SVG document, such as that of [`Diagnosis::svg`](crate::Diagnosis::svg), as it is.
    pub fn svg(mut self, svg: &str) -> Self {
        let _ = writeln!(self.body, "<figure>\n{svg}</figure>");
        self
    }

    /// The report as an HTML document.
    #[must_use]
    pub fn document(&self) -> String {
        let (title, body) = (escape(&self.title), &self.body);
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
             </head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
        )
    }

    /// Writes the report to a file, in place of one that is there.
    ///
    /// # Errors
    /// If it cannot be written. The old file then stays.
    pub fn write(&self, file: impl AsRef<Path>) -> Result<(), FileError> {
        replace_file(file.as_ref(), self.document().as_bytes())
    }
}

const STYLE: &str = "body { font-family: sans-serif; max-width: 58rem; margin: 2rem auto; padding: 0 1rem; color: #222 }\n\
                     pre { overflow-x: auto; background: #f6f6f6; padding: .6rem; font-size: .8rem }\n\
                     table { border-collapse: collapse; font-size: .9rem }\n\
                     th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid #ddd }\n\
                     th:first-child, td:first-child { text-align: left }\n\
                     figure { margin: 1rem 0 } svg { max-width: 100%; height: auto }\n";
