//! Every `unsafe` block has a SAFETY comment, and `docs/architecture.md` lists the number of blocks per file.
//!
//! `UPDATE_UNSAFE=1 cargo test -p elbo-engine --test suite unsafe_is_listed::` updates the list.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 4] = ["engine", "macros", "layers", "examples"];

const BEGIN: &str = "| file | blocks |\n|---|---|\n";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap()
}

/// The lines with an `unsafe` block or implementation.
fn blocks(source: &str) -> impl Iterator<Item = usize> {
    let is_one = |line: &str| code(line).contains("unsafe {") || code(line).contains("unsafe impl");
    source.lines().enumerate().filter(move |(_, line)| is_one(line)).map(|(number, _)| number)
}

/// The number of blocks per file, without files that have none.
fn counts() -> BTreeMap<String, usize> {
    let mut files = Vec::new();
    CRATES.iter().for_each(|name| sources(&root().join(name).join("src"), &mut files));
    assert!(files.len() > 100, "the scan finds only {} files", files.len());
    let name = |file: &Path| file.strip_prefix(root()).unwrap().to_str().unwrap().replace('\\', "/");
    let count = |file: &Path| blocks(&fs::read_to_string(file).unwrap()).count();
    files.iter().map(|file| (name(file), count(file))).filter(|&(_, count)| count > 0).collect()
}

/// The table of the document.
fn table(counts: &BTreeMap<String, usize>) -> String {
    let rows = counts.iter().map(|(file, count)| format!("| `{file}` | {count} |\n"));
    format!("{BEGIN}{}| all | {} |\n", rows.collect::<String>(), counts.values().sum::<usize>())
}

#[test]
fn the_document_lists_every_block() {
    let document = root().join("docs/architecture.md");
    let text = fs::read_to_string(&document).unwrap();
    let start = text.find(BEGIN).expect("docs/architecture.md has a table of `unsafe` blocks");
    let end = text[start..].find("\n\n").map_or(text.len(), |end| start + end + 1);
    let expected = table(&counts());
    if std::env::var_os("UPDATE_UNSAFE").is_some() {
        fs::write(&document, format!("{}{expected}{}", &text[..start], &text[end..])).unwrap();
        return;
    }
    assert_eq!(text[start..end], expected, "UPDATE_UNSAFE=1 updates the table; review the new blocks first");
}

/// Clippy requires the comment somewhere; this test requires it close to the block.
#[test]
fn every_block_has_its_reason() {
    let mut without = Vec::new();
    for file in counts().keys() {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let lines: Vec<&str> = source.lines().collect();
        for at in blocks(&source) {
            let near = &lines[at.saturating_sub(6)..=at];
            let reason = near.iter().find_map(|line| line.split_once("// SAFETY: "));
            if reason.is_none_or(|(_, reason)| reason.trim().is_empty()) {
                without.push(format!("{file}:{}", at + 1));
            }
        }
    }
    assert!(without.is_empty(), "no reason above {without:?}");
}
