//! Patterns of parameter names, and the names nearest to one that matches none.

/// The most names that an error suggests.
const SUGGESTED: usize = 3;

/// Whether a pattern matches a name, or the name of a part that contains it: `*` stands for any characters, dots too.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    parts(name).any(|part| distance(pattern, part) == 0)
}

/// The names nearest to a pattern that matches none: the tensors, weights and parts with the fewest different characters,
/// quoted.
pub(crate) fn nearest<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut near: Vec<(usize, &str)> = Vec::new();
    for part in names.flat_map(parts) {
        if near.iter().all(|&(_, seen)| seen != part) {
            near.push((distance(pattern, part), part));
        }
    }
    near.sort_by_key(|&(distance, _)| distance);
    let named: Vec<String> = near.iter().take(SUGGESTED).map(|(_, name)| format!("`{name}`")).collect();
    named.join(", ")
}

/// `a`, `a.b` and `a.b.c` of `a.b.c`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.match_indices('.').map(|(dot, _)| dot);
    dots.chain([name.len()]).map(|end| &name[..end])
}

/// The number of characters to insert, delete or replace until the pattern matches the whole name (Levenshtein 1966, with
/// `*` for any characters at no cost).
fn distance(pattern: &str, name: &str) -> usize {
    let name: Vec<char> = name.chars().collect();
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for wanted in pattern.chars() {
        let is_star = wanted == '*';
        // The distance of the pattern before this character from the name before place i.
        let mut before = row[0];
        if !is_star {
            row[0] += 1;
        }
        for i in 1..row.len() {
            let above = row[i];
            row[i] = if is_star {
                above.min(row[i - 1])
            } else {
                (before + usize::from(wanted != name[i - 1])).min(above + 1).min(row[i - 1] + 1)
            };
            before = above;
        }
    }
    row[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_names_and_the_parts_that_contain_them() {
        let name = "body.0.weight.mean";
        for pattern in ["*", "body", "body.*", "body.0", "*.weight", "body.0.weight.mean", "*.mean", "b*.0.*", "**"] {
            assert!(matches(pattern, name), "{pattern}");
        }
        for pattern in ["", "bod", "ody.*", "weight", "body.1", "*.weigh", "*.bias", "body.0.weight.mean.*", "Body"] {
            assert!(!matches(pattern, name), "{pattern}");
        }
        assert!(matches("*", "") && matches("", "") && !matches("a", ""));
    }

    #[test]
    fn distances_are_known() {
        for (pattern, name, expected) in
            [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("a*c", "abbbc", 0), ("*.weigt", "a.weight", 1)]
        {
            assert_eq!(distance(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["body.weight.mean", "body.weight.rho", "head.bias.mean"];
        assert_eq!(nearest("bdy.*", names.into_iter()), "`body.weight`, `body.weight.mean`, `body.weight.rho`");
        assert!(nearest("haed.bias", names.into_iter()).starts_with("`head.bias`, "));
    }
}
