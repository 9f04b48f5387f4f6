//! The categories of a column while its table is read, and their final order.

use std::cmp::Ordering;
use std::collections::HashMap;

/// The names of a column's categories, in the order in which they occur or in one that the user set.
pub(super) struct Categories {
    codes: HashMap<Box<str>, u16>,
    /// The number of rows of each.
    rows: Vec<u64>,
    /// Whether the user set names and order.
    fixed: bool,
}

impl Categories {
    pub(super) fn new(fixed: Option<&[String]>) -> Categories {
        let names = fixed.unwrap_or_default();
        let codes = names.iter().enumerate().map(|(code, name)| (name.as_str().into(), code as u16)).collect();
        Categories { codes, rows: vec![0; names.len()], fixed: fixed.is_some() }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_fixed(&self) -> bool {
        self.fixed
    }

    pub(super) fn code(&self, name: &str) -> Option<u16> {
        self.codes.get(name).copied()
    }

    /// The memory that a new category of this name takes, as an upper bound: the name, twice when it gets its final order,
    /// and a hash map's entry while the map grows.
    pub(super) fn needed(name: &str) -> u64 {
        200 + 2 * name.len() as u64
    }

    /// Adds a category. The caller limits their number.
    pub(super) fn add(&mut self, name: &str) -> u16 {
        let code = self.rows.len() as u16;
        self.codes.insert(name.into(), code);
        self.rows.push(0);
        code
    }

    pub(super) fn count(&mut self, code: u16) {
        self.rows[usize::from(code)] += 1;
    }

    /// The names in their final order, and the new code of each old one. Categories of dropped rows only are left out.
    pub(super) fn finish(self) -> (Vec<String>, Vec<u16>) {
        let mut names: Vec<(Box<str>, u16)> = self.codes.into_iter().collect();
        if self.fixed {
            names.sort_unstable_by_key(|&(_, code)| code);
        } else {
            names.retain(|&(_, code)| self.rows[usize::from(code)] > 0);
            let whole: Option<Vec<i64>> = names.iter().map(|(name, _)| name.parse().ok()).collect();
            if whole.is_some() {
                names.sort_unstable_by(|(a, _), (b, _)| by_value(a, b));
            } else {
                names.sort_unstable();
            }
        }
        let mut codes = vec![0; self.rows.len()];
        for (new, &(_, old)) in names.iter().enumerate() {
            codes[usize::from(old)] = new as u16;
        }
        (names.into_iter().map(|(name, _)| name.into_string()).collect(), codes)
    }
}

/// Compares whole numbers, and numbers of equal value, such as `1` and `01`, by their characters.
fn by_value(a: &str, b: &str) -> Ordering {
    let value = |text: &str| text.parse::<i64>().unwrap_or_default();
    value(a).cmp(&value(b)).then_with(|| a.cmp(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut categories = Categories::new(None);
        for name in names {
            let code = categories.add(name);
            categories.count(code);
        }
        let (sorted, codes) = categories.finish();
        assert!(names.iter().zip(codes).all(|(name, code)| sorted[usize::from(code)] == *name));
        sorted
    }

    #[test]
    fn whole_numbers_are_ordered_by_value_and_other_names_by_characters() {
        assert_eq!(sorted(&["10", "-1", "2"]), ["-1", "2", "10"]);
        assert_eq!(sorted(&["10", "b", "2"]), ["10", "2", "b"]);
    }

    #[test]
    fn categories_without_rows_are_left_out_unless_they_were_set() {
        let mut categories = Categories::new(None);
        categories.add("dropped");
        let code = categories.add("kept");
        categories.count(code);
        assert_eq!(categories.finish().0, ["kept"]);
        let fixed = ["b".to_owned(), "a".to_owned()];
        assert_eq!(Categories::new(Some(&fixed)).finish(), (fixed.to_vec(), vec![0, 1]));
    }
}
