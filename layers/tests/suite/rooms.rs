//! The rooms of the library, its top-level modules, import each other one way: no room imports one that imports it, by
//! itself or through others. Tests may import what they like.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// A path from one room into another module of the crate root.
#[derive(Clone, Debug, PartialEq)]
struct Import {
    from: String,
    to: String,
    /// File and line, and the line itself.
    place: String,
}

/// The engine is a crate of its own, which every room may import.
const ENGINE: &str = "engine";

/// The room of a file below `src`.
fn room(file: &str) -> &str {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs")
}

/// How deep below the crate root the module of a file is.
fn depth(file: &str) -> usize {
    file.split('/').count() - usize::from(file.ends_with("/mod.rs"))
}

/// The text with spaces for comments and for test modules, so that lines keep their numbers.
fn code(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        code += line.split("//").next().unwrap_or_default();
        code.push('\n');
    }
    while let Some(start) = code.find("#[cfg(test)]") {
        let rest = &code[start..];
        let end = match rest.find(['{', ';']) {
            Some(open) if rest[open..].starts_with('{') => open + block(&rest[open..]),
            Some(semicolon) => semicolon + 1,
            None => rest.len(),
        };
        let blank: String = rest[..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        code.replace_range(start..start + end, &blank);
    }
    code
}

/// The length of a block in braces, from its `{`.
fn block(text: &str) -> usize {
    let mut open = 0;
    for (i, c) in text.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return i + 1;
        }
    }
    text.len()
}

/// The first words of what follows `crate::`: one, or those of a list in braces.
fn heads(path: &str) -> Vec<String> {
    let word = |text: &str| text.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if !path.starts_with('{') {
        return vec![word(path)];
    }
    let inner = &path[1..block(path) - 1];
    let (mut open, mut start, mut heads) = (0, 0, Vec::new());
    for (i, c) in inner.char_indices() {
        match c {
            '{' => open += 1,
            '}' => open -= 1,
            ',' if open == 0 => {
                heads.push(word(&inner[start..i]));
                start = i + 1;
            }
            _ => {}
        }
    }
    heads.push(word(&inner[start..]));
    heads.retain(|head| !head.is_empty());
    heads
}

fn imports(file: &str, text: &str) -> Vec<Import> {
    let code = code(text);
    let to_root = "super::".repeat(depth(file));
    let mut imports = Vec::new();
    for root in ["crate::", &to_root] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            let is_part = before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ':' | '$'));
            if is_part {
                continue;
            }
            let line = code[..at].matches('\n').count();
            let place = format!("{file}:{}: {}", line + 1, text.lines().nth(line).unwrap_or_default().trim());
            for to in heads(&code[at + root.len()..]) {
                if to != room(file) && to != ENGINE && to != "super" {
                    imports.push(Import { from: room(file).to_owned(), to, place: place.clone() });
                }
            }
        }
    }
    imports
}

/// What is wrong with the imports of these files, each with its text.
fn mistakes(files: &[(String, String)]) -> Vec<String> {
    let rooms: BTreeSet<&str> = files.iter().map(|(file, _)| room(file)).collect();
    let all = files.iter().flat_map(|(file, text)| imports(file, text));
    let (known, unknown): (Vec<Import>, Vec<Import>) = all.partition(|import| rooms.contains(&import.to[..]));
    let mut mistakes: Vec<String> = unknown
        .iter()
        .map(|Import { place, .. }| format!("imports through the crate root; name the room:\n  {place}"))
        .collect();
    let mut edges: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for Import { from, to, place } in &known {
        edges.entry(from).or_default().entry(to).or_insert(place);
    }
    for (&from, targets) in &edges {
        for (&to, &place) in targets {
            // Each cycle once, from its first room.
            if let Some(back) = way(&edges, to, from)
                && from < to
                && back.iter().all(|(room, _)| from <= *room)
            {
                let lines = std::iter::once(place).chain(back.iter().map(|(_, place)| *place));
                mistakes.push(format!("rooms import each other:\n  {}", lines.collect::<Vec<_>>().join("\n  ")));
            }
        }
    }
    mistakes
}

/// The imports of a shortest way from one room to another, each with the room that it leads to.
fn way<'a>(
    edges: &BTreeMap<&'a str, BTreeMap<&'a str, &'a str>>,
    from: &'a str,
    to: &str,
) -> Option<Vec<(&'a str, &'a str)>> {
    let mut ways = VecDeque::from([(from, Vec::new())]);
    let mut seen = BTreeSet::from([from]);
    while let Some((room, way)) = ways.pop_front() {
        for (&next, &place) in edges.get(room).into_iter().flatten() {
            let way = [&way[..], &[(next, place)]].concat();
            if next == to {
                return Some(way);
            }
            if seen.insert(next) {
                ways.push_back((next, way));
            }
        }
    }
    None
}

fn read(folder: &Path, below: &str, files: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let file = format!("{below}{name}");
        if path.is_dir() {
            read(&path, &format!("{file}/"), files);
        } else if name.ends_with(".rs") && name != "tests.rs" && file != "lib.rs" {
            files.push((file, std::fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn no_room_imports_one_that_imports_it() {
    let mut files = Vec::new();
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut files);
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mistakes = mistakes(&files);
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

fn found(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<_> = files.iter().map(|(file, text)| (file.to_string(), text.to_string())).collect();
    mistakes(&files)
}

#[test]
fn two_rooms_that_import_each_other_are_found_with_both_lines() {
    let found = found(&[
        ("attic/mod.rs", "//! Old things.\nuse crate::{cellar::Wine, engine::Var};\n"),
        ("cellar/shelf.rs", "fn up() -> crate::attic::Trunk {}\n"),
        ("hall.rs", "use crate::attic::Trunk;\nuse crate::cellar::{Wine, shelf::Shelf};\n"),
    ]);
    assert_eq!(
        found,
        ["rooms import each other:\n  attic/mod.rs:2: use crate::{cellar::Wine, engine::Var};\n  \
          cellar/shelf.rs:1: fn up() -> crate::attic::Trunk {}"]
    );
}

#[test]
fn a_circle_of_three_rooms_is_found_once() {
    let found = found(&[
        ("attic.rs", "use crate::{engine::{Tape, Var},\n    cellar::{self, Wine}};\n"),
        ("cellar/mod.rs", "use super::hall::Lamp;\n"),
        ("hall/lamp/oil.rs", "use super::super::super::attic::Trunk;\n"),
    ]);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(["attic.rs:1", "cellar/mod.rs:1", "hall/lamp/oil.rs:1"].iter().all(|place| found[0].contains(place)));
}

#[test]
fn a_path_through_the_crate_root_is_found() {
    let found = found(&[("attic.rs", "use crate::cellar::Wine;\nuse crate::Wine;\n"), ("cellar.rs", "")]);
    assert_eq!(found, ["imports through the crate root; name the room:\n  attic.rs:2: use crate::Wine;"]);
}

#[test]
fn comments_and_tests_import_what_they_like() {
    let attic = "/// See [`Wine`](crate::cellar::Wine).\n#[cfg(test)]\nmod tests;\npub(crate) struct Trunk; // crate::cellar\n\
                 #[cfg(test)]\nmod more {\n    use crate::cellar::Wine;\n    fn f() { crate::Wine::new(); }\n}\n\
                 macro_rules! m { () => { $crate::cellar::Wine } }\n";
    assert!(found(&[("attic.rs", attic), ("cellar.rs", "use crate::attic::Trunk;\n")]).is_empty());
}
