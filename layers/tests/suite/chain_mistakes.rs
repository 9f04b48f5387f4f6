//! Mistakes around chains: panics of a model, checkpoints of other runs, weights beyond the scalar type, numbers that overflow.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::prelude::*;
use elbo::{Likelihood, McmcError, Outputs, Sghmc, Sgld};

/// A path that is removed at the end.
struct Removed(PathBuf);

impl Removed {
    fn new(name: &str) -> Self {
        Removed(std::env::temp_dir().join(format!("elbo-mistakes-{name}-{}", std::process::id())))
    }
}

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
        let _ = std::fs::remove_file(&self.0);
    }
}

fn data() -> Examples<f32, Tensor> {
    let x = Tensor::from_fn([30, 1], |i| (i as f64 * 0.37).sin());
    let y = Tensor::from_fn([30, 1], |i| 0.8 * (i as f64 * 0.37).sin() + 0.3 * (i as f64 * 1.7).cos());
    Examples::new(x, y).unwrap()
}

/// A normal likelihood that counts its calls, and panics where an output is above a limit.
struct Limited {
    calls: AtomicUsize,
    limit: f32,
}

impl Limited {
    fn new(limit: f32) -> Self {
        Limited { calls: AtomicUsize::new(0), limit }
    }
}

impl Likelihood<f32> for Limited {
    type Targets = Tensor;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t>, targets: &'t Tensor) -> Var<'t> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let largest = output.value().iter().copied().fold(f32::MIN, f32::max);
        assert!(largest < self.limit, "an output above the limit of {}", self.limit);
        Likelihood::<f32>::log_likelihood(&Gaussian::new(0.5), output, targets)
    }

    fn predictive(&self, _: &Outputs<f32>) {}
}

#[track_caller]
fn assert_panicked(error: &McmcError, limit: &str) {
    let said = error.to_string();
    assert!(matches!(error, McmcError::Panicked { chain: 0, transitions: 1.., .. }), "{said}");
    for words in ["chain 0 (from 0) stopped after", "panicked at", limit] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_panic_within_a_chain_is_an_error_with_its_message_and_place() {
    let (mut model, data) = (Dense::new(1, 1), data());
    let mut start = model.mean_weights();
    start.set_flat(&[0.0, 0.0]).unwrap();
    model.set_means(&start).unwrap();
    for threads in [1, 2] {
        let sgld = Sgld::new(Limited::new(0.6)).chains(2).warmup(0).draws(200).threads(threads).quiet();
        let error = sgld.start_from(vec![start.clone()]).run(&model, &data).unwrap_err();
        assert_panicked(&error, "an output above the limit of 0.6");
    }
    #[cfg(feature = "mcmc")]
    {
        let nuts = elbo::Nuts::new(Limited::new(0.8)).chains(1).warmup(20).draws(200).quiet();
        let error = nuts.start_from(vec![start.clone()]).run(&model, &data).unwrap_err();
        assert_panicked(&error, "an output above the limit of 0.8");
    }
    // At the first weights.
    start.set_flat(&[0.0, 2.0]).unwrap();
    let error = Sghmc::new(Limited::new(1.0)).quiet().start_from(vec![start]).run(&model, &data).unwrap_err();
    assert!(
        matches!(&error, McmcError::Panicked { transitions: 0, message, .. } if message.contains("above the limit")),
        "{error}"
    );
}

#[test]
fn a_checkpoint_of_another_run_is_an_error_before_the_first_step_of_any_chain() {
    let (model, data, folder) = (Dense::new(1, 1), data(), Removed::new("other"));
    let sampler = |likelihood: Limited| {
        Sghmc::new(likelihood).chains(2).warmup(5).draws(5).threads(1).quiet().checkpoint(&folder.0, usize::MAX)
    };
    sampler(Limited::new(f32::INFINITY)).run(&model, &data).unwrap();
    // What a run costs before the first step: the check of the model, and the densities where chains start.
    let calls = |sampler: &Sghmc<Limited>, data: &Examples<f32, Tensor>| sampler.run(&model, data).map(drop);
    let changed = |examples: Examples<f32, Tensor>, words: &str| {
        let likelihood = Limited::new(f32::INFINITY);
        let result = calls(&sampler(likelihood), &examples);
        let said = result.unwrap_err().to_string();
        assert!(said.contains("the checkpoint is of another run") && said.contains(words), "{said}");
    };
    let moved = |tensor: &Tensor, row: usize| {
        let mut moved = tensor.clone();
        moved.data_mut()[row] += 1e-6;
        moved
    };
    // Changes that no log density in single precision shows.
    changed(Examples::new(moved(data.inputs(), 0), data.targets().clone()).unwrap(), "data");
    changed(Examples::new(data.inputs().clone(), moved(data.targets(), 29)).unwrap(), "data");
    changed(data.clone().with_weights([1.0; 30]).unwrap(), "data");
    let wider = Sghmc::new(Gaussian::new(0.6)).chains(2).warmup(5).draws(5).quiet().checkpoint(&folder.0, 1);
    let said = wider.run(&model, &data).unwrap_err().to_string();
    assert!(said.contains("log density at the start"), "{said}");

    // The second chain's file alone is wrong: the first takes no step.
    std::fs::remove_file(folder.0.join("chain-0.safetensors")).unwrap();
    std::fs::write(folder.0.join("chain-1.safetensors"), b"not a checkpoint").unwrap();
    let sampler = sampler(Limited::new(f32::INFINITY));
    assert!(matches!(sampler.run(&model, &data), Err(McmcError::File(_))));
    assert!(!folder.0.join("chain-0.safetensors").exists());
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_before_the_first_step() {
    let (model, data, file) = (Dense::new(1, 1), data(), Removed::new("file"));
    std::fs::write(&file.0, b"in the way").unwrap();
    let sghmc = Sghmc::new(Gaussian::new(0.5)).quiet().checkpoint(&file.0, 10).run(&model, &data);
    assert!(matches!(&sghmc, Err(McmcError::File(_))), "{sghmc:?}");
    #[cfg(feature = "mcmc")]
    {
        let nuts = elbo::Nuts::new(Gaussian::new(0.5)).quiet().checkpoint(&file.0, 10).run(&model, &data);
        assert!(matches!(&nuts, Err(McmcError::File(_))), "{nuts:?}");
    }
}

/// A slope that is positive, under a prior so wide that it leaves the range of single precision.
#[bayesian]
struct Positive {
    #[prior(MonteCarlo(LogNormalPrior::new(0.0, 300.0)))]
    slope: LogNormal,
    #[prior(Normal(0.0, 1.0))]
    offset: MeanField,
}

#[bayesian]
impl Positive {
    fn forward(&self, x: Var) -> Var {
        x * 1e-30 * *self.slope + *self.offset
    }
}

#[test]
fn a_weight_that_leaves_the_range_of_its_type_stops_the_chain_by_name() {
    let model = Positive { slope: LogNormal::new([1]), offset: MeanField::new([1]) };
    let sgld = Sgld::new(Gaussian::new(0.5)).chains(1).warmup(0).draws(4000).thinning(1).learning_rate(3e4).quiet();
    let error = sgld.run(&model, &data()).unwrap_err();
    let said = error.to_string();
    match error {
        McmcError::Range { chain: 0, weight, element: 0, value, .. } => {
            assert!(weight == "slope" && value < -80.0, "{said}");
            assert!(said.contains("left the range of f32") && said.contains("`slope`"), "{said}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn numbers_of_steps_that_overflow_are_errors() {
    let (model, data) = (Dense::new(1, 1), data());
    let sghmc = || Sghmc::new(Gaussian::new(0.5)).quiet();
    for sampler in [
        sghmc().thinning(usize::MAX),
        sghmc().warmup(usize::MAX),
        sghmc().draws(usize::MAX),
        sghmc().draws(1 << 40).cyclical(1 << 20, 0.999_999_999),
    ] {
        let said = sampler.run(&model, &data).unwrap_err().to_string();
        assert!(said.contains("transitions together"), "{said}");
    }
    #[cfg(feature = "mcmc")]
    for nuts in
        [elbo::Nuts::new(Gaussian::new(0.5)).warmup(usize::MAX), elbo::Nuts::new(Gaussian::new(0.5)).draws(usize::MAX)]
    {
        assert!(nuts.quiet().run(&model, &data).unwrap_err().to_string().contains("transitions together"));
    }
}
