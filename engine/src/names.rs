//! Owned names of tensors, which outlive the walk over the model.

use std::fmt;
use std::sync::OnceLock;

use crate::Path;
use crate::parameters::Segment;

/// An owned tensor name: a [`Path`] lives only during the walk.
///
/// ```
/// use elbo_engine::{Name, Path};
/// let name = Name::of(&Path::ROOT.at("hidden").index(0).at("weight"));
/// assert_eq!(name.to_string(), "hidden.0.weight");
/// assert!(name == *"hidden.0.weight");
/// ```
#[derive(Clone)]
pub struct Name(Box<[Segment]>);

impl Name {
    /// The name of this path.
    pub fn of(path: &Path<'_>) -> Self {
        let mut segments = Vec::with_capacity(path.depth());
        let mut at = Some(path);
        while let Some(path) = at {
            segments.extend(path.segment());
            at = path.parent();
        }
        segments.reverse();
        Name(segments.into())
    }

    /// Calls `f` with this name appended to `path`.
    pub fn below<R>(&self, path: &Path<'_>, f: impl FnOnce(&Path<'_>) -> R) -> R {
        fn go<R>(path: &Path<'_>, segments: &[Segment], f: impl FnOnce(&Path<'_>) -> R) -> R {
            match segments {
                [] => f(path),
                [first, rest @ ..] => go(&path.child(*first), rest, f),
            }
        }
        go(path, &self.0, f)
    }

    /// Whether this is the name of `path`.
    pub fn is(&self, path: &Path<'_>) -> bool {
        let mut at = Some(path);
        let mut segments = self.0.iter().rev();
        path.depth() == self.0.len()
            && std::iter::from_fn(|| {
                let path = at?;
                at = path.parent();
                path.segment()
            })
            .all(|segment| segments.next() == Some(&segment))
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Name {}

impl PartialEq<str> for Name {
    fn eq(&self, text: &str) -> bool {
        ends_at_root(self.0.iter().rev().copied(), text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.below(&Path::ROOT, |path| write!(f, "{path}"))
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

/// Whether `text` is made of these segments, the last one first.
fn ends_at_root(segments: impl Iterator<Item = Segment>, text: &str) -> bool {
    let mut rest = Some(text);
    for (back, segment) in segments.enumerate() {
        let end = if back == 0 { rest } else { rest.and_then(|rest| rest.strip_suffix('.')) };
        rest = end.and_then(|end| end.strip_suffix(&segment.to_string()[..]));
        if rest.is_none() {
            return false;
        }
    }
    rest == Some("")
}

/// The names of all tensors of a walk, by index. The text of a name is made on demand.
///
/// Names share common prefixes, so a chain of n nested models needs n segments, not n²/2.
#[derive(Default)]
pub(crate) struct Names {
    nodes: Vec<Node>,
    /// The node at which each name ends; `None` for the model itself, whose name is empty.
    ends: Vec<Option<u32>>,
    texts: Vec<OnceLock<String>>,
    /// The nodes of the latest name, from the root on, with the fingerprints of their paths.
    latest: Vec<(u64, u32)>,
}

struct Node {
    parent: Option<u32>,
    segment: Segment,
}

impl Names {
    /// Adds a name. The cost is that of the segments not shared with the previous name.
    pub(crate) fn push(&mut self, path: &Path<'_>) {
        let mut new = Vec::new();
        let mut at = Some(path);
        while let Some(path) = at.filter(|path| path.depth() > 0) {
            let is_shared = self.latest.get(path.depth() - 1).is_some_and(|&(seen, _)| seen == path.fingerprint());
            if is_shared {
                break;
            }
            new.push(path);
            at = path.parent();
        }
        self.latest.truncate(path.depth() - new.len());
        for path in new.into_iter().rev() {
            let parent = self.latest.last().map(|&(_, node)| node);
            self.latest.push((path.fingerprint(), self.nodes.len() as u32));
            self.nodes.extend(path.segment().map(|segment| Node { parent, segment }));
        }
        self.ends.push(self.latest.last().map(|&(_, node)| node));
        self.texts.push(OnceLock::new());
    }

    /// The text of a name, such as `hidden.0.weight`.
    pub(crate) fn get(&self, index: usize) -> &str {
        self.texts[index].get_or_init(|| {
            let segments: Vec<String> = self.segments(index).map(|segment| segment.to_string()).collect();
            segments.into_iter().rev().collect::<Vec<_>>().join(".")
        })
    }

    /// The index of the first tensor with this name.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        (0..self.ends.len()).find(|&index| ends_at_root(self.segments(index), name))
    }

    /// The segments, from the last one on.
    fn segments(&self, index: usize) -> impl Iterator<Item = Segment> {
        let mut at = self.ends[index];
        std::iter::from_fn(move || {
            let node = &self.nodes[at? as usize];
            at = node.parent;
            Some(node.segment)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Parameters, Tensor};

    fn names<M: Parameters + ?Sized>(model: &M) -> (Names, Vec<String>) {
        let (mut names, mut texts) = (Names::default(), Vec::new());
        model.visit(&Path::ROOT, &mut |path, _, _| {
            names.push(path);
            texts.push(path.to_string());
        });
        (names, texts)
    }

    #[test]
    fn names_are_what_the_walk_says_and_are_found() {
        let tensor = || Tensor::<f32>::zeros([1]);
        let row = || vec![(tensor(), tensor()), (tensor(), tensor())];
        let model = (row(), [row(), row()], Some(Box::new(tensor())), tensor());
        let (names, texts) = names(&model);
        assert_eq!(texts.len(), 14);
        for (index, text) in texts.iter().enumerate() {
            assert_eq!((names.get(index), names.position(text)), (&text[..], Some(index)));
        }
        for none in ["", "0", "0.0", "0.0.0.0", "1.0.0", ".2", "2.", "02", "0.0.00"] {
            assert_eq!(names.position(none), None, "{none}");
        }
    }

    #[test]
    fn a_tensor_alone_has_the_empty_name() {
        let (names, _) = names(&Tensor::<f32>::zeros([1]));
        assert_eq!((names.get(0), names.position(""), names.position("0")), ("", Some(0), None));
    }

    #[test]
    fn what_names_share_is_kept_once() {
        let deep = |path: &Path<'_>, names: &mut Names| {
            fn below(path: &Path<'_>, left: usize, names: &mut Names) {
                names.push(&path.at("weight"));
                if left > 0 {
                    below(&path.at("next"), left - 1, names);
                }
                names.push(&path.at("bias"));
            }
            below(path, 500, names);
        };
        let mut names = Names::default();
        deep(&Path::ROOT.at("a"), &mut names);
        deep(&Path::ROOT.at("b"), &mut names);
        // "a" and "b", and below each 500 nested ones with two tensors and the outermost two.
        assert_eq!(names.nodes.len(), 2 * (1 + 500 + 2 * 501));
        let last = names.ends.len() - 1;
        assert_eq!((names.get(0), names.get(last)), ("a.weight", "b.bias"));
        assert_eq!(names.get(2), "a.next.next.weight");
        assert_eq!(names.get(last - 1), "b.next.bias");
    }
}
