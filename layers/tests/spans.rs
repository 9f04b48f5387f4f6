//! Spans of `tracing`: a training has one, with one for each epoch in it and one for each step in these; so have predictions, chains and
//! Laplace approximations. A test of its own, because the subscriber is the process's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Mutex;

use elbo::Sghmc;
use elbo::prelude::*;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// How often each span was entered, by its path: the names from the outermost.
static COUNTS: Mutex<BTreeMap<String, usize>> = Mutex::new(BTreeMap::new());
/// The paths of the spans, in the order of their numbers.
static PATHS: Mutex<Vec<String>> = Mutex::new(Vec::new());

thread_local! {
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

fn path(id: &Id) -> String {
    PATHS.lock().unwrap()[id.into_u64() as usize - 1].clone()
}

struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "elbo" && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let current = || ENTERED.with_borrow(|entered| entered.last().map(path));
        let above = span.parent().map_or_else(current, |parent| Some(path(parent)));
        let name = span.metadata().name();
        let mut paths = PATHS.lock().unwrap();
        paths.push(above.map_or_else(|| name.to_owned(), |above| format!("{above}/{name}")));
        Id::from_u64(paths.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.clone()));
        *COUNTS.lock().unwrap().entry(path(id)).or_default() += 1;
    }

    fn exit(&self, _: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.pop());
    }
}

/// The counts since the last call.
fn taken() -> Vec<(String, usize)> {
    std::mem::take(&mut *COUNTS.lock().unwrap()).into_iter().collect()
}

#[test]
fn every_part_of_a_run_has_its_span() {
    tracing::subscriber::set_global_default(Counting).unwrap();
    let x = Tensor::from_fn([48, 2], |i| (i as f64 * 0.61).sin() * 2.0);
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    let data: Examples = Examples::new(x, labels).unwrap();
    let owned =
        |counts: &[(&str, usize)]| counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>();

    let mut model = Dense::new(2, 2);
    Elbo::new(Categorical).batch_size(16).threads(2).quiet().fit(&mut model, &data, Epochs(4)).unwrap();
    assert_eq!(taken(), owned(&[("fit", 1), ("fit/epoch", 4), ("fit/epoch/step", 12)]));

    let _ = model.predict(&Categorical, data.inputs(), Draws(8));
    assert_eq!(taken(), owned(&[("predict", 1)]));

    Sghmc::new(Categorical).chains(3).warmup(2).draws(4).quiet().run(&model, &data).unwrap();
    assert_eq!(taken(), owned(&[("chains", 1), ("chains/chain", 3)]));

    Map::new(Categorical).quiet().fit(&mut model, &data, Epochs(2)).unwrap();
    taken();
    Laplace::new(Categorical).fit(&model, &data).unwrap();
    assert_eq!(taken().iter().filter(|(path, _)| path == "Laplace").count(), 1);
}
