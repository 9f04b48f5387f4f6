//! A training that was interrupted anywhere and goes on from its checkpoint is the same, bit for bit, as one that was not.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use elbo::nn::BatchNorm;
use elbo::prelude::*;
use elbo::{Budget, Checkpoint, Ensemble, Epoch, Ivon, Model, OptimizerState};

use crate::common::Folder;

fn bits<M: Parameters>(model: &M) -> Vec<u64> {
    let mut bits = Vec::new();
    model.visit(&elbo::Path::ROOT, &mut |_, _, tensor| bits.extend(tensor.data().iter().map(|x| x.to_f64().to_bits())));
    bits
}

/// A report without what depends on the clock, as bits.
fn history(report: &Report) -> (Vec<[u64; 6]>, String) {
    let of = |epoch: &Epoch| {
        let Epoch { nll, kl, kl_weight, elbo, validation_nll, rate_factor, .. } = *epoch;
        [nll, kl, kl_weight, elbo, validation_nll.unwrap_or(0.5), rate_factor].map(f64::to_bits)
    };
    (report.epochs.iter().map(of).collect(), format!("{:?} {:?} {}", report.best, report.guessing, report.conclusion()))
}

type Forward<M> =
    for<'t> fn(<M as Bayesian>::Draw<'t>, Var<'t, <M as Parameters>::Scalar>) -> Var<'t, <M as Parameters>::Scalar>;

/// One configuration of a training.
struct Case<M: Bayesian, L: Likelihood<M::Scalar>, O> {
    name: &'static str,
    model: fn() -> M,
    forward: Forward<M>,
    elbo: fn() -> Elbo<L, O>,
    data: Examples<M::Scalar, L::Targets>,
    /// With it, early stopping.
    validation: Option<Examples<M::Scalar, L::Targets>>,
    budget: Budget,
    checkpoint: fn(Checkpoint) -> Checkpoint,
    /// The calls of forward after which each training is stopped.
    stops: &'static [usize],
}

impl<M, L, O> Case<M, L, O>
where
    M: Bayesian + Send + Sync,
    L: Likelihood<M::Scalar> + Send,
    L::Targets: Send + Sync,
    O: Optimizer + Send,
{
    /// Trains, until `stop` calls of forward.
    fn train(&self, elbo: Elbo<L, O>, stop: Option<usize>) -> (M, Report) {
        let (flag, calls) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
        let (mut elbo, mut model, forward) = (elbo.stop_when(&flag).quiet(), (self.model)(), self.forward);
        let mut training = elbo.training(&mut model, &self.data);
        if let Some(validation) = &self.validation {
            training = training.validate(validation, Draws(2)).early_stopping(Monitor::ValidationNll, 3);
        }
        let report = training.run_with(self.budget, |net, x| {
            if Some(calls.fetch_add(1, Ordering::Relaxed)) == stop {
                flag.store(true, Ordering::Relaxed);
            }
            forward(net, x)
        });
        (model, report.unwrap_or_else(|error| panic!("{}: {error}", self.name)))
    }

    fn check(&self) {
        let (expected, whole) = self.train((self.elbo)().threads(1), None);
        let folder = Folder::new(self.name);
        let checkpoint = || (self.checkpoint)(Checkpoint::new(folder.file("run")));
        for (index, &stop) in self.stops.iter().enumerate() {
            let (_, report) = self.train((self.elbo)().threads(1 + index % 2).checkpoint(checkpoint()), Some(stop));
            assert!(report.is_stopped(), "{}: the training was too short to be stopped so often", self.name);
        }
        // The others find it at its end.
        for threads in [2, 1, 2] {
            let (model, report) = self.train((self.elbo)().threads(threads).checkpoint(checkpoint()), None);
            assert!(bits(&model) == bits(&expected), "{}: other parameters", self.name);
            assert_eq!(history(&report), history(&whole), "{}", self.name);
            assert!(!report.is_stopped());
        }
    }
}

#[bayesian]
struct Net<T: Real> {
    body: Dense<MeanField<T>>,
    head: Dense<MeanField<T>>,
}

#[bayesian]
impl<T: Real> Net<T> {
    fn forward(&self, x: Var<T>) -> Var<T> {
        self.head.forward(self.body.forward(x).tanh())
    }
}

fn net<T: Real>() -> Net<T> {
    Net { body: Dense::mean_field(2, 6), head: Dense::mean_field(6, 3) }
}

fn labels<T: Real>(rows: usize) -> Examples<T, Vec<usize>> {
    let x = Tensor::from_fn([rows, 2], |i| (i as f64 * 0.7).sin());
    Examples::new(x, (0..rows).map(|i| (i * i) % 3).collect()).unwrap()
}

fn every_epoch(checkpoint: Checkpoint) -> Checkpoint {
    checkpoint
}

/// After each step.
fn always(checkpoint: Checkpoint) -> Checkpoint {
    checkpoint.every_minutes(1e-9).keep(3).keep_best()
}

#[test]
fn chosen_settings_go_on() {
    let case = Case {
        name: "automatic",
        model: net::<f32>,
        forward: |net, x| net.forward(x),
        elbo: || Elbo::new(Categorical).batch_size(16).seed(3),
        data: labels(50),
        validation: None,
        budget: Epochs(9).into(),
        checkpoint: every_epoch,
        // At the end of an epoch, and within several.
        stops: &[5, 3, 9, 2],
    };
    case.check();
    Case { name: "always", checkpoint: always, ..case }.check();
}

#[test]
fn a_training_until_it_has_converged_goes_on_in_f64_with_early_stopping() {
    Case {
        name: "until-converged",
        model: net::<f64>,
        forward: |net, x| net.forward(x),
        elbo: || Elbo::new(Categorical).batch_size(16),
        data: labels(50),
        validation: None,
        budget: UntilConverged::within(Epochs(24)).into(),
        checkpoint: always,
        stops: &[9, 21, 30, 7],
    }
    .check();
    Case {
        name: "early-stopping",
        model: net::<f64>,
        forward: |net, x| net.forward(x),
        elbo: || {
            let adam = Adam::new(0.3).weight_decay(0.1).freeze("head.bias");
            Elbo::new(Categorical).batch_size(16).optimizer(adam).antithetic_pairs(2)
        },
        data: labels(50),
        validation: Some(labels(20)),
        budget: Epochs(60).into(),
        checkpoint: |checkpoint| checkpoint.every_epochs(2),
        stops: &[9, 21],
    }
    .check();
}

/// With running statistics, and a prior that learns.
#[bayesian]
struct Normed {
    body: Dense,
    norm: BatchNorm,
    head: Dense<MeanField, LearnedNormal>,
}

#[bayesian]
impl Normed {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.norm.forward(self.body.forward(x)).relu())
    }
}

fn normed() -> Normed {
    Normed { body: Dense::new(2, 6), norm: BatchNorm::new(6), head: Dense::new(6, 3).prior(LearnedNormal::new(1.0)) }
}

#[test]
fn other_optimisers_and_options_go_on() {
    Case {
        name: "sgd",
        model: normed,
        forward: |net, x| net.forward(x),
        elbo: || {
            Elbo::new(Categorical)
                .optimizer(Sgd::new(0.05).momentum(0.9).rate_of("head", 0.01))
                .batch_size(5)
                .accumulate(3)
                .clip(Clip::Outliers(1.1))
                .kl_weight(KlWeight::Halving)
                .warm_up(WarmUp::linear(20))
                .schedule(Schedule::cosine(36))
        },
        data: labels(50),
        validation: None,
        budget: Epochs(9).into(),
        checkpoint: always,
        stops: &[16, 9, 40],
    }
    .check();
    Case {
        name: "ivon",
        model: net::<f64>,
        forward: |net, x| net.forward(x),
        elbo: || Elbo::new(Categorical).optimizer(Ivon::new(0.1)).batch_size(16),
        data: labels(50),
        validation: None,
        budget: Epochs(9).into(),
        checkpoint: every_epoch,
        stops: &[4, 11, 6],
    }
    .check();
}

/// The text of the newest checkpoint's metadata `training`.
fn training_of(folder: &Path) -> String {
    let newest = checkpoints(folder).pop().expect("there is a checkpoint");
    elbo::engine::io::safetensors::Safetensors::open(newest).unwrap().metadata()["training"].clone()
}

/// The checkpoints in a folder, from the oldest on.
fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("step-");
    let mut names: Vec<PathBuf> = names.filter(is_one).collect();
    names.sort();
    names
}

#[test]
fn a_doubled_divergence_goes_on_with_the_copy_to_return_to() {
    // Labels that cannot be explained: the bound settles below guessing, and the divergence counts twice from step 4,000 on.
    let x = Tensor::from_fn([100, 2], |i| (i as f64 * 12.9898).sin());
    let data: Examples = Examples::new(x, (0..100).map(|i| (i * i * 7 / 3) % 3).collect()).unwrap();
    let folder = Folder::new("doubled");
    let run = folder.file("run");
    let train = |checkpoint: Option<Checkpoint>, epochs: usize| {
        let flag = Arc::new(AtomicBool::new(false));
        let mut elbo = Elbo::new(Categorical).stop_when(&flag).quiet().threads(1);
        if let Some(checkpoint) = checkpoint {
            elbo = elbo.checkpoint(checkpoint);
        }
        let mut model = Net { body: Dense::new(2, 16), head: Dense::new(16, 3) };
        let mut left = epochs;
        let training = elbo.training(&mut model, &data).on_epoch_end(|_, _| {
            left -= 1;
            flag.store(left == 0, Ordering::Relaxed);
            ControlFlow::Continue(())
        });
        let report = training.run(UntilConverged::new()).unwrap();
        (bits(&model), history(&report))
    };
    let mut seen = Vec::new();
    for epochs in [4_050, 50, 600] {
        train(Some(Checkpoint::new(&run).every_epochs(10_000)), epochs);
        seen.push(training_of(&run));
    }
    assert!(seen[0].contains(r#""excess":{"Now""#) && seen[1].contains(r#""excess":{"Now""#), "{}", seen[0]);
    assert!(seen[2].contains(r#""excess":{"Settling""#), "{}", seen[2]);
    assert!(train(Some(Checkpoint::new(&run).every_epochs(10_000)), 50) == train(None, 4_750));
}

#[test]
fn map_estimates_and_ensembles_go_on() {
    let data = labels(50);
    let folder = Folder::new("map");
    let train = |folder: Option<PathBuf>, stop: bool, threads: usize| {
        let flag = Arc::new(AtomicBool::new(stop));
        let mut map = Map::new(Categorical).batch_size(16).threads(threads).stop_when(&flag).quiet();
        if let Some(folder) = folder {
            map = map.checkpoint(Checkpoint::new(folder));
        }
        let mut model = net::<f32>();
        let report = map.fit(&mut model, &data, Epochs(4)).unwrap();
        (bits(&model), history(&report))
    };
    let expected = train(None, false, 1);
    for _ in 0..3 {
        assert!(train(Some(folder.file("map")), true, 2) != expected);
    }
    assert!(train(Some(folder.file("map")), false, 2) == expected);

    let members = |folder: Option<PathBuf>, stop: bool| {
        let map = Map::new(Categorical).batch_size(16).stop_when(&Arc::new(AtomicBool::new(stop))).quiet();
        let map = folder.map_or(map.clone(), |folder| map.checkpoint(Checkpoint::new(folder)));
        let members = Ensemble::of(map, 3).threads(2).fit(net::<f32>, &data, Epochs(3)).unwrap();
        members.models().iter().map(bits).collect::<Vec<_>>()
    };
    let expected = members(None, false);
    assert!(members(Some(folder.file("ensemble")), true) != expected);
    assert!(members(Some(folder.file("ensemble")), false) == expected);
    assert!(folder.file("ensemble/member-2").is_dir());
}

fn refused<M, L, O>(mut elbo: Elbo<L, O>, mut model: M, data: &Examples<f32, L::Targets>, parts: &[&str])
where
    M: Model + Bayesian<Scalar = f32> + Send + Sync,
    L: Likelihood<f32> + Send,
    L::Targets: Send + Sync,
    O: Optimizer + Send,
{
    let before = bits(&model);
    let said = elbo.fit(&mut model, data, Epochs(3)).expect_err(parts[0]).to_string();
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(bits(&model) == before, "the model was changed, and: {said}");
}

/// An optimiser that does not say its state.
struct Own;

impl Optimizer for Own {
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        Sgd::new(0.1).step(model, gradients);
    }

    fn scale_rate(&mut self, _: f64) {}
}

/// One that has none.
struct Stateless;

impl Optimizer for Stateless {
    fn step<M: Parameters + ?Sized>(&mut self, model: &mut M, gradients: &mut Gradients<M::Scalar>) {
        Sgd::new(0.1).step(model, gradients);
    }

    fn scale_rate(&mut self, _: f64) {}

    fn save_state<M: Parameters + ?Sized>(&self, _: &M, _: &mut OptimizerState<M::Scalar>) -> Result<(), String> {
        Ok(())
    }

    fn load_state<M: Parameters + ?Sized>(&mut self, _: &M, _: &OptimizerState<M::Scalar>) -> Result<(), String> {
        Ok(())
    }
}

#[test]
fn another_training_is_refused_and_nothing_is_changed() {
    let folder = Folder::new("another");
    let run = folder.file("run");
    let checkpoint = || Checkpoint::new(&run);
    let elbo = || Elbo::new(Categorical).batch_size(16).checkpoint(checkpoint()).quiet();
    let stopped = |elbo: Elbo<Categorical>| elbo.stop_when(&Arc::new(AtomicBool::new(true)));
    let data = labels::<f32>(50);
    let mut model = net::<f32>();
    assert!(stopped(elbo()).fit(&mut model, &data, Epochs(3)).unwrap().is_stopped());
    let files = || {
        let mut files: Vec<_> = fs::read_dir(&run).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        files.into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect::<Vec<_>>()
    };
    let before = files();

    refused(elbo().seed(5), net(), &data, &["step-000000000001.safetensors", "seed: saved 0, now 5"]);
    refused(elbo().batch_size(8), net(), &data, &["batch size: saved 16, 1 accumulated, now 8, 1 accumulated"]);
    refused(elbo().optimizer(Adam::new(0.1)), net(), &data, &["optimiser: saved Adam of rate 0.03 by roles"]);
    let mut x = data.inputs().clone();
    x.data_mut()[7] += 1e-6;
    let other = Examples::new(x, data.targets().clone()).unwrap();
    refused(elbo(), net(), &other, &["training set: saved 50 of shape [2], checksum "]);
    let mut y = data.targets().clone();
    y.swap(0, 1);
    refused(elbo(), net(), &Examples::new(data.inputs().clone(), y).unwrap(), &["training set: saved"]);
    let wider = Net { body: Dense::new(2, 7), head: Dense::new(7, 3) };
    refused(elbo(), wider, &data, &["another shape: `body.weight.mean` is [6, 2] in the file and [7, 2] in the model"]);
    // Another prior has the same tensors.
    refused(
        elbo(),
        Net::<f32> { body: Dense::new(2, 6).prior(Normal(0.0, 1.01)), ..net() },
        &data,
        &["the divergence was"],
    );
    // Nor is the optimiser changed: the same `Elbo` then trains as a new one does.
    let other = || Net::<f32> { body: Dense::new(2, 6).prior(Normal(0.0, 1.01)), ..net() };
    let elsewhere = |elbo: Elbo<Categorical>, name: &str| {
        let mut model = other();
        elbo.checkpoint(Checkpoint::new(folder.file(name))).fit(&mut model, &data, Epochs(2)).unwrap();
        bits(&model)
    };
    let mut used = elbo();
    used.fit(&mut other(), &data, Epochs(3)).unwrap_err();
    assert!(elsewhere(used, "used") == elsewhere(elbo(), "new"), "the optimiser was changed");
    refused(
        elbo().optimizer(Own),
        net(),
        &data,
        &["cannot be saved in a checkpoint; implement `Optimizer::save_state`"],
    );
    assert!(files() == before, "files were changed");
    // It still goes on.
    elbo().fit(&mut model, &data, Epochs(3)).unwrap();

    let mut elbo = Elbo::new(Categorical).optimizer(Stateless).checkpoint(Checkpoint::new(folder.file("stateless")));
    elbo.fit(&mut net::<f32>(), &data, Epochs(2)).unwrap();
}

#[test]
fn one_process_holds_a_folder_and_files_that_cannot_be_written_are_errors() {
    let folder = Folder::new("held");
    let elbo = |run: &Path| Elbo::new(Categorical).checkpoint(Checkpoint::new(run)).quiet();
    let (run, data) = (folder.file("run"), labels::<f32>(20));
    fs::create_dir_all(&run).unwrap();
    let lock = fs::File::create(run.join("lock")).unwrap();
    lock.lock().unwrap();
    refused(elbo(&run), net(), &data, &["lock: another training holds this folder"]);
    drop(lock);
    elbo(&run).fit(&mut net::<f32>(), &data, Epochs(1)).unwrap();

    let file = folder.file("file");
    fs::write(&file, "").unwrap();
    refused(elbo(&file), net(), &data, &["file: cannot be written"]);
    // A folder is where the file would be.
    let run = folder.file("blocked");
    fs::create_dir_all(run.join("step-000000000001.safetensors/full")).unwrap();
    let said = elbo(&run).fit(&mut net::<f32>(), &data, Epochs(1)).unwrap_err().to_string();
    assert!(said.contains("step-000000000001.safetensors: cannot be"), "{said}");
}

#[test]
fn the_checkpoint_before_a_damaged_one_is_taken() {
    let folder = Folder::new("damaged");
    let run = folder.file("run");
    let data = labels::<f32>(50);
    let train = || {
        let checkpoint = Checkpoint::new(&run).every_epochs(1).keep(3).keep_best();
        let mut model = net::<f32>();
        let mut elbo = Elbo::new(Categorical).batch_size(16).checkpoint(checkpoint).quiet();
        elbo.fit(&mut model, &data, Epochs(5)).map(|_| bits(&model))
    };
    let expected = train().unwrap();
    let files = checkpoints(&run);
    let names: Vec<_> = files.iter().map(|file| file.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, [12, 16, 20].map(|steps| format!("step-{steps:012}.safetensors")));
    // The model can be taken out of them, and the best is one of a model alone.
    let mut model = net::<f32>();
    model.load(&files[2]).unwrap();
    assert!(bits(&model) == expected);
    model.load(run.join("best.safetensors")).unwrap();

    for damage in [0, 1, 2] {
        let mut bytes = fs::read(&files[2]).unwrap();
        match damage {
            0 => bytes.truncate(bytes.len() / 2),
            1 => *bytes.last_mut().unwrap() ^= 4,
            _ => bytes = b"something else".to_vec(),
        }
        fs::write(&files[2], bytes).unwrap();
        assert!(train().unwrap() == expected, "damage {damage}");
    }
    for file in &files {
        fs::write(file, "").unwrap();
    }
    let said = train().unwrap_err().to_string();
    assert!(said.contains("no checkpoint in") && said.contains("To begin anew, remove them"), "{said}");
    assert_eq!(said.matches("step-0").count(), 3, "{said}");
}

#[test]
fn the_same_program_may_go_on_in_the_same_process() {
    let folder = Folder::new("same-process");
    let data = labels::<f32>(50);
    let mut expected = net::<f32>();
    let mut whole = Elbo::new(Categorical).batch_size(16).quiet();
    whole.fit(&mut expected, &data, Epochs(3)).unwrap();
    whole.fit(&mut expected, &data, Epochs(2)).unwrap();

    let flag = Arc::new(AtomicBool::new(true));
    let checkpoint = Checkpoint::new(folder.file("first"));
    let mut elbo = Elbo::new(Categorical).batch_size(16).checkpoint(checkpoint).stop_when(&flag).quiet();
    let mut model = net::<f32>();
    for _ in 0..5 {
        assert!(elbo.fit(&mut model, &data, Epochs(3)).unwrap().is_stopped());
    }
    flag.store(false, Ordering::Relaxed);
    assert_eq!(elbo.fit(&mut model, &data, Epochs(3)).unwrap().epochs.len(), 3);
    // A second training in the folder of the first.
    let said = elbo.fit(&mut model, &data, Epochs(3)).unwrap_err().to_string();
    assert!(said.contains("It began after 0 steps, and this one begins after 12"), "{said}");
    elbo = elbo.checkpoint(Checkpoint::new(folder.file("second")));
    elbo.fit(&mut model, &data, Epochs(2)).unwrap();
    assert!(bits(&model) == bits(&expected));
}
