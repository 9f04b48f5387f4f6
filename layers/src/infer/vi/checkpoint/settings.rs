//! `Settings`: what tells a training from others.

use std::collections::BTreeMap;

use crate::checkpoint::json;
use crate::data::{Checksum, Examples, Targets};
use crate::engine::{Path, Real};
use crate::infer::vi::agreement::Agreement;
use crate::infer::vi::early_stopping::EarlyStopping;
use crate::infer::vi::options::Options;
use crate::infer::vi::training::Validation;
use crate::infer::vi::{Budget, DrawOptions, TrainError};
use crate::model::Bayesian;
use crate::optim::{Optimizer, OptimizerState};

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

    /// Checks that all ranks are about to make this training, of this model, after so many steps and epochs.
    ///
    /// # Errors
    /// If a rank is not, on all ranks: which one, and what differs.
    pub(in crate::infer::vi) fn same_on_all_ranks<M: Bayesian, L, Y: Targets>(
        &self,
        agreement: Agreement<'_>,
        (model, optimizer): (&M, &impl Optimizer),
        (likelihood, data): (&L, &Examples<M::Scalar, Y>),
        validation: Option<&Validation<'_, M::Scalar, Y>>,
        begun: [usize; 2],
    ) -> Result<(), TrainError> {
        if agreement.is_alone() {
            return Ok(());
        }
        let mut names = Checksum::default();
        model.visit(&Path::ROOT, &mut |path, _, tensor| {
            path.to_string().bytes().for_each(|byte| names.add(byte.into()));
            names.add_all(tensor.shape());
        });
        let (of_model, count) = (std::any::type_name::<M>(), model.num_parameters());
        let mut state = OptimizerState::<M::Scalar>::new();
        let optimizer =
            optimizer.save_state(model, &mut state).map_or_else(|_| String::new(), |()| state.settings().to_owned());
        let checkpoint = self.options.checkpoint.as_ref().map_or("none", |_| "set");
        let more = [
            (
                "model",
                format!("{of_model} of {count} parameters, checksum of names and shapes {:016x}", names.finish()),
            ),
            ("optimiser", optimizer),
            ("steps and epochs before", format!("{begun:?}")),
            ("checkpoint", checkpoint.to_owned()),
        ];
        let mut texts = self.texts(likelihood, data, validation);
        texts.extend(more.map(|(name, text)| (name.to_owned(), text)));
        agreement.same_settings(json(&texts).into_bytes(), |first| match serde_json::from_slice(first) {
            Ok(first) => differences([("rank 0 has", &first), ("this rank has", &texts)]),
            Err(_) => Some("It runs another version of elbo".to_owned()),
        })
    }
}

/// What differs between two, in words.
pub(super) fn differences([(before, saved), (after, now)]: [(&str, &Texts); 2]) -> Option<String> {
    let none = "not set".to_owned();
    let mut names: Vec<&String> = saved.keys().chain(now.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |name: &String| {
        let [was, is] = [saved, now].map(|texts| texts.get(name).unwrap_or(&none));
        (was != is).then(|| format!("{name}: {before} {was}, {after} {is}"))
    };
    let found: Vec<String> = names.into_iter().filter_map(of).collect();
    (!found.is_empty()).then(|| found.join("; "))
}
