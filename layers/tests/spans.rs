//! Spans of `tracing`: a training has one, with one for each epoch in it and one for each step in these; so have predictions, chains and
//! Laplace approximations. A test of its own, because the subscriber is the process's.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use elbo::Sghmc;
use elbo::prelude::*;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// The names of the spans that are entered on this thread, from the outermost, and how often each path was.
struct Counts(Mutex<BTreeMap<String, usize>>);

static COUNTS: Counts = Counts(Mutex::new(BTreeMap::new()));
static NAMES: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
static IDS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static ENTERED: std::cell::RefCell<Vec<&'static str>> = const { std::cell::RefCell::new(Vec::new()) };
}

struct Counting;

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "elbo" && *metadata.level() <= Level::DEBUG
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut names = NAMES.lock().unwrap();
        names.push(span.metadata().name());
        assert_eq!(names.len() as u64, IDS.load(Ordering::SeqCst));
        Id::from_u64(IDS.fetch_add(1, Ordering::SeqCst))
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        let name = NAMES.lock().unwrap()[id.into_u64() as usize - 1];
        ENTERED.with_borrow_mut(|entered| {
            entered.push(name);
            *COUNTS.0.lock().unwrap().entry(entered.join("/")).or_default() += 1;
        });
    }

    fn exit(&self, _: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.pop());
    }
}

/// The counts since the last call.
fn taken() -> Vec<(String, usize)> {
    std::mem::take(&mut *COUNTS.0.lock().unwrap()).into_iter().collect()
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
    let counts = taken();
    let of = |end: &str| counts.iter().filter(|(path, _)| path.ends_with(end)).map(|(_, count)| count).sum::<usize>();
    assert_eq!((of("chains"), of("chain")), (1, 3), "{counts:?}");

    Map::new(Categorical).quiet().fit(&mut model, &data, Epochs(2)).unwrap();
    taken();
    Laplace::new(Categorical).fit(&model, &data).unwrap();
    assert_eq!(taken().iter().filter(|(path, _)| path == "Laplace").count(), 1);
}
