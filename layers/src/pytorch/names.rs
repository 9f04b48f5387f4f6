//! The names that a model's tensors have in files of PyTorch.

use std::collections::BTreeMap;

use crate::engine::{Parameters, Path, Role};
use crate::pattern::{matches, nearest};
use crate::pytorch::{PyTorch, PyTorchError};

/// A module of the file, and the part of the model that it is.
#[derive(Clone, Debug)]
pub(super) struct Rename {
    pub(super) theirs: String,
    pub(super) ours: String,
}

/// What a tensor of a model is to a plain network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The mean of a weight.
    Mean,
    /// A deterministic weight or a buffer.
    Value,
    /// A scale: a plain network has none.
    Scale,
}

/// The tensors of a model, by the name of the weight or buffer that they belong to.
pub(super) struct Names<'o> {
    options: &'o PyTorch,
    /// For each tensor of the walk: its name, that of its weight, and its kind.
    pub(super) tensors: Vec<(String, String, Kind)>,
    /// The roles of the weights and buffers.
    roles: BTreeMap<String, Role>,
}

/// The recurrent layers' tensors.
const RECURRENT: [&str; 5] = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"];

impl<'o> Names<'o> {
    /// # Errors
    /// If an option names nothing in the model.
    pub(super) fn of<M: Parameters>(model: &M, options: &'o PyTorch) -> Result<Self, PyTorchError> {
        let (mut tensors, mut roles) = (Vec::<(String, String, Kind)>::new(), BTreeMap::new());
        model.visit(&Path::ROOT, &mut |path, role, _| {
            let name = path.to_string();
            let weight = match role {
                Role::Mean | Role::Scale => name.rsplit_once('.').map_or("", |(weight, _)| weight).to_owned(),
                Role::Point | Role::Buffer => name.clone(),
            };
            let kind = match role {
                Role::Mean => Kind::Mean,
                Role::Scale => Kind::Scale,
                Role::Point if split(&name).1 == "rho" => Kind::Scale,
                Role::Point | Role::Buffer => Kind::Value,
            };
            if kind != Kind::Scale {
                roles.insert(weight.clone(), role);
            }
            tensors.push((name, weight, kind));
        });
        // A scale may lie deeper: `weight.rows.rho` belongs to `weight`.
        for (_, weight, _) in tensors.iter_mut().filter(|(.., kind)| *kind == Kind::Scale) {
            while !roles.contains_key(weight) && !weight.is_empty() {
                *weight = split(weight).0.to_owned();
            }
        }
        let names = Names { options, tensors, roles };
        let ours = options.renames.iter().map(|rename| ("rename", &rename.ours, false));
        let kept = options.kept.iter().map(|pattern| ("keep", pattern, true));
        let transposed = options.transposed.iter().map(|pattern| ("transposed", pattern, true));
        for (option, name, is_pattern) in ours.chain(kept).chain(transposed) {
            let is_known = |weight: &String| match is_pattern {
                true => matches(name, weight),
                false => below(name, weight).is_some(),
            };
            if !names.roles.keys().any(is_known) {
                let nearest = nearest(name, names.roles.keys().map(String::as_str));
                return Err(PyTorchError::Name { option, name: name.clone(), nearest });
            }
        }
        Ok(names)
    }

    /// The name of a weight or buffer in a file that is saved.
    pub(super) fn saved(&self, weight: &str) -> String {
        self.whole(weight).unwrap_or_else(|| {
            let name = self.by_convention(weight);
            self.renamed(name.as_deref().unwrap_or(weight))
        })
    }

    /// The names under which a plain network may have a weight or buffer, the likeliest first.
    pub(super) fn plain(&self, weight: &str) -> Vec<String> {
        if let Some(whole) = self.whole(weight) {
            return vec![whole];
        }
        let [array, stack] = stacked(weight);
        let names = [Some(weight.to_owned()), self.by_convention(weight), array, stack];
        names.into_iter().flatten().map(|name| self.renamed(&name)).collect()
    }

    /// The names under which a network of bayesian-torch may have the mean (`mu`) or the scale (`rho`) of a weight.
    pub(super) fn bayesian_torch(&self, what: &str, weight: &str) -> Vec<String> {
        let (layer, leaf) = split(weight);
        let names = match leaf {
            "weight" => vec![format!("{what}_weight"), format!("{what}_kernel")],
            "bias" => vec![format!("{what}_bias")],
            _ => match leaf.split_once('_').filter(|_| RECURRENT.contains(&leaf)) {
                Some((part, from)) => vec![format!("{from}.{what}_{part}")],
                None => Vec::new(),
            },
        };
        names.iter().map(|name| self.renamed(&join(layer, name))).collect()
    }

    /// Whether an option keeps this weight or buffer out.
    pub(super) fn is_kept(&self, weight: &str) -> bool {
        self.options.kept.iter().any(|pattern| matches(pattern, weight))
    }

    /// Whether the matrix of this weight is transposed in the file.
    pub(super) fn is_transposed(&self, weight: &str) -> bool {
        self.options.transposed.iter().any(|pattern| matches(pattern, weight))
    }

    /// The name of a weight that a rename gives as a whole.
    fn whole(&self, weight: &str) -> Option<String> {
        let rename = self.options.renames.iter().find(|rename| rename.ours == weight && !weight.is_empty())?;
        Some(rename.theirs.clone())
    }

    /// The name with the longest prefix that has another one in the file replaced.
    fn renamed(&self, name: &str) -> String {
        let fits = self.options.renames.iter().filter_map(|rename| Some((rename, below(&rename.ours, name)?)));
        match fits.max_by_key(|(rename, _)| rename.ours.len()) {
            Some((rename, rest)) => join(&rename.theirs, rest),
            None => name.to_owned(),
        }
    }

    /// The name of PyTorch's own layer for a tensor of ours, where the two differ.
    fn by_convention(&self, weight: &str) -> Option<String> {
        let (layer, leaf) = split(weight);
        let has = |leaf: &str, role: Role| self.roles.get(&join(layer, leaf)) == Some(&role);
        let are_statistics = has("mean", Role::Buffer) && has("variance", Role::Buffer);
        match leaf {
            "mean" if are_statistics => Some(join(layer, "running_mean")),
            "variance" if are_statistics => Some(join(layer, "running_var")),
            "table" if !self.roles.contains_key(&join(layer, "weight")) => Some(join(layer, "weight")),
            _ if RECURRENT.contains(&leaf) => Some(recurrent(layer, leaf, 0)),
            _ => None,
        }
    }
}

/// The name of a tensor of a recurrent layer that is number `index` of a stack.
fn recurrent(layer: &str, leaf: &str, index: usize) -> String {
    match split(layer) {
        (both, "forward_layer") => join(both, &format!("{leaf}_l{index}")),
        (both, "backward_layer") => join(both, &format!("{leaf}_l{index}_reverse")),
        _ => join(layer, &format!("{leaf}_l{index}")),
    }
}

/// The names of a tensor of `lstm.1`, a recurrent layer in an array, in PyTorch's stack of several layers: of the array, and of a
/// `Stacked` whose `layers` it is.
fn stacked(weight: &str) -> [Option<String>; 2] {
    let (layer, leaf) = split(weight);
    let (outer, last) = split(layer);
    let (array, index, direction) = match last {
        "forward_layer" | "backward_layer" => {
            let (array, index) = split(outer);
            (array, index, last)
        }
        index => (outer, index, ""),
    };
    let Ok(index) = index.parse() else { return [None, None] };
    if !RECURRENT.contains(&leaf) {
        return [None, None];
    }
    let name = |stack: &str| {
        let layer = if direction.is_empty() { stack.to_owned() } else { join(stack, direction) };
        recurrent(&layer, leaf, index)
    };
    let (stack, field) = split(array);
    [Some(name(array)), (field == "layers").then(|| name(stack))]
}

/// The parts before and after the last dot.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

fn join(part: &str, name: &str) -> String {
    if part.is_empty() || name.is_empty() { format!("{part}{name}") } else { format!("{part}.{name}") }
}

/// The rest of a name that is `part` or lies in it.
fn below<'n>(part: &str, name: &'n str) -> Option<&'n str> {
    match name.strip_prefix(part)? {
        rest if part.is_empty() || rest.is_empty() => Some(rest),
        rest => rest.strip_prefix('.'),
    }
}
