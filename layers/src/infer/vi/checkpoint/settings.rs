//! `Settings`: what tells a training from others.

use std::collections::BTreeMap;

use crate::data::{Examples, Targets};
use crate::engine::Real;
use crate::infer::vi::early_stopping::EarlyStopping;
use crate::infer::vi::options::Options;
use crate::infer::vi::training::Validation;
use crate::infer::vi::{Budget, DrawOptions};

/// The settings of a training.
pub(in crate::infer::vi) struct Settings<'a> {
    pub(in crate::infer::vi) budget: Budget,
    pub(in crate::infer::vi) batch_size: usize,
    pub(in crate::infer::vi) shards: Option<usize>,
    pub(in crate::infer::vi) options: &'a Options,
    pub(in crate::infer::vi) draw: &'a DrawOptions,
    pub(in crate::infer::vi) early_stopping: Option<EarlyStopping>,
}

/// Settings as text, by name.
pub(super) type Texts = BTreeMap<String, String>;

impl Settings<'_> {
    /// As text: everything that the steps depend on, except for the optimiser and the model, but not the numbers of a likelihood and
    /// of priors, which no trait shows: the loss at the checkpoint shows them.
    pub(super) fn texts<T: Real, L, Y: Targets>(
        &self,
        _: &L,
        data: &Examples<T, Y>,
        validation: Option<&Validation<'_, T, Y>>,
    ) -> Texts {
        let Settings { budget, batch_size, shards, options, draw, early_stopping } = self;
        let examples = |data: &Examples<T, Y>| {
            format!("{} of shape {:?}, checksum {:016x}", data.len(), &data.inputs().shape()[1..], data.checksum())
        };
        let validation = validation
            .map_or("none".to_owned(), |validation| format!("{}, {:?}", examples(validation.data), validation.draws));
        let shards = shards.map(|shards| ("shards", shards.to_string()));
        let texts = [
            ("budget", format!("{budget:?}")),
            ("batch size", format!("{batch_size}, {} accumulated", options.accumulated)),
            ("seed", options.seed.to_string()),
            ("loss", format!("{:?}", options.loss)),
            ("draws", format!("{draw:?}")),
            ("schedule", format!("{:?}", options.schedule)),
            ("clipping", format!("{:?}", options.clip)),
            ("early stopping", format!("{early_stopping:?}")),
            ("likelihood", std::any::type_name::<L>().to_owned()),
            ("training set", examples(data)),
            ("validation set", validation),
        ];
        texts.into_iter().chain(shards).map(|(name, text)| (name.to_owned(), text)).collect()
    }
}

/// What differs, in words.
pub(super) fn differences(saved: &Texts, now: &Texts) -> Option<String> {
    let none = "not set".to_owned();
    let mut names: Vec<&String> = saved.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &String| {
        let [was, is] = [saved, now].map(|texts| texts.get(name).unwrap_or(&none));
        (was != is).then(|| format!("{name}: saved {was}, now {is}"))
    };
    let found: Vec<String> = names.into_iter().filter_map(of).collect();
    (!found.is_empty()).then(|| found.join("; "))
}
