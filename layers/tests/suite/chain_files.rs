//! Chains in files: written and read, and continued after a kill.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use elbo::prelude::*;
use elbo::{Chains, ChainsError, Likelihood, McmcError, Nuts};

/// A folder that is deleted at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("elbo-chains-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A straight line whose slope is positive.
#[bayesian]
struct Line {
    #[prior(LogNormalPrior::new(0.0, 1.0))]
    slope: LogNormal,
    #[prior(Normal(0.0, 1.0))]
    offset: MeanField,
}

#[bayesian]
impl Line {
    fn forward(&self, x: Var) -> Var {
        x * *self.slope + *self.offset
    }
}

fn line() -> (Line, Examples<f32, Tensor>) {
    let x = Tensor::from_fn([30, 1], |i| (i as f64 * 0.37).sin());
    let y = Tensor::from_fn([30, 1], |i| 2.0 * (i as f64 * 0.37).sin() + 0.3 * (i as f64 * 1.7).cos());
    (Line { slope: LogNormal::new([1]), offset: MeanField::new([1]) }, Examples::new(x, y).unwrap())
}

fn nuts() -> Nuts<Gaussian> {
    Nuts::new(Gaussian::new(0.3)).chains(2).warmup(40).seed(5).quiet()
}

#[test]
fn chains_are_read_as_they_were_written() {
    let folder = Folder::new("written");
    let file = folder.0.join("chains.safetensors");
    let (model, data) = line();
    let chains = nuts().draws(25).run(&model, &data).unwrap();
    chains.write(&file).unwrap();
    let read = Chains::read(&model, &file).unwrap();
    assert_eq!((read.all_weights(), read.chains()), (chains.all_weights(), chains.chains()));
    assert_eq!(read.diagnose(), chains.diagnose());

    // What others read: (chain, draw, the weight's shape).
    let bytes = std::fs::read(&file).unwrap();
    let arrays = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in [
        ("posterior/slope", &[2, 25, 1][..]),
        ("posterior/offset", &[2, 25, 1]),
        ("sample_stats/energy", &[2, 25]),
        ("sample_stats/tree_depth", &[2, 25]),
        ("sample_stats/step_size", &[2, 25]),
        ("sample_stats/diverging", &[2, 25]),
        ("chain/gradients", &[2]),
    ] {
        assert_eq!(arrays.tensor(name).unwrap().shape(), shape, "{name}");
    }
    let third = &arrays.tensor("posterior/slope").unwrap().data()[4 * 28..4 * 29];
    assert_eq!(f32::from_le_bytes(third.try_into().unwrap()), chains.weights(1)[3].get("slope").unwrap()[0]);
}

#[test]
fn files_that_do_not_fit_are_errors_that_say_why() {
    let folder = Folder::new("bad");
    let file = folder.0.join("chains.safetensors");
    let (model, data) = line();
    let chains = nuts().draws(5).run(&model, &data).unwrap();
    chains.write(&file).unwrap();
    let said = |result: Result<Chains<&Line>, ChainsError>| format!("{:?}", result.unwrap_err());

    let other = format!("{:?}", Chains::read(&Dense::new(1, 1), &file).unwrap_err());
    assert!(other.contains("the model has no random weight of that name"), "{other}");
    let wider = Line { slope: LogNormal::new([2]), offset: MeanField::new([1]) };
    let shape = said(Chains::read(&wider, &file));
    assert!(
        shape.contains("`posterior/slope` has the shape [2, 5, 1], expected (chains, draws) and then [2]"),
        "{shape}"
    );

    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(said(Chains::read(&model, &file)).contains("bytes present"));
    // A slope that is not positive: the elements come after the header, and those of `f64` come first.
    let arrays = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let at = arrays.tensor("posterior/slope").unwrap().data().as_ptr() as usize - bytes.as_ptr() as usize;
    let mut negative = bytes.clone();
    negative[at + 4 * 3 + 3] |= 0x80;
    std::fs::write(&file, negative).unwrap();
    let message = said(Chains::read(&model, &file));
    assert!(message.contains("draw 3 (from 0, chain after chain): element 0 (from 0) of `slope` is -"), "{message}");

    chains.weights(0)[0].write(&file).unwrap();
    assert!(said(Chains::read(&model, &file)).contains("it is not a file of chains"));
    assert!(said(Chains::read(&model, folder.0.join("none"))).contains("cannot be read"));
    assert!(format!("{:?}", chains.write(folder.0.join("no/folder"))).contains("cannot be written"));
}

/// A Gaussian likelihood in a program that is killed after so many gradients.
struct Killed(Gaussian, AtomicUsize);

impl Likelihood<f32> for Killed {
    type Targets = Tensor;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t>, targets: &'t Tensor) -> Var<'t> {
        assert!(self.1.fetch_sub(1, Ordering::Relaxed) > 1, "killed");
        Likelihood::<f32>::log_likelihood(&self.0, output, targets)
    }

    fn predictive(&self, _: &Outputs<f32>) {}
}

#[test]
fn a_chain_that_was_killed_goes_on_from_what_was_saved() {
    let folder = Folder::new("killed");
    let (model, data) = line();
    let run = |gradients: usize, draws: usize, folder: Option<&PathBuf>, data: &Examples<f32, Tensor>| {
        let likelihood = Killed(Gaussian::new(0.3), AtomicUsize::new(gradients));
        let nuts = Nuts::new(likelihood).chains(1).warmup(40).draws(draws).seed(5).threads(1).quiet();
        let nuts = match folder {
            Some(folder) => nuts.checkpoint(folder, 8),
            None => nuts,
        };
        nuts.run(&model, data).map(|chains| (chains.all_weights().to_vec(), chains.chains().to_vec()))
    };
    let straight = run(usize::MAX, 100, None, &data).unwrap();
    let gradients = straight.1[0].gradients;
    let killed = run(3 * gradients / 4, 100, Some(&folder.0), &data);
    assert!(matches!(killed, Err(McmcError::Panicked { chain: 0, .. })));
    // All but the last few draws are in the file, and are those of the undisturbed chain.
    let saved = Chains::read(&model, folder.0.join("chain-0.safetensors")).unwrap();
    let (count, draws) = (saved.count(), saved.all_weights().to_vec());
    assert!(count % 8 == 0 && (8..100).contains(&count), "{count}");
    assert_eq!(draws, straight.0[..count]);
    let copy = Folder::new("copy");
    std::fs::copy(folder.0.join("chain-0.safetensors"), copy.0.join("chain-0.safetensors")).unwrap();

    let resumed = run(usize::MAX, 100, Some(&folder.0), &data).unwrap();
    assert_eq!((resumed.0.len(), &resumed.0[..count]), (100, &draws[..]));
    assert_ne!(resumed.0[count..], straight.0[count..]);
    let [before, after] = [&saved.chains()[0], &resumed.1[0]];
    assert_eq!((after.energies.len(), &after.energies[..count]), (100, &before.energies[..]));
    assert!(after.gradients > before.gradients && after.seconds > before.seconds);
    // Equal files give equal chains; a run that has ended returns its draws, and can be lengthened.
    assert_eq!(run(usize::MAX, 100, Some(&copy.0), &data).unwrap().0, resumed.0);
    assert_eq!(run(usize::MAX, 100, Some(&folder.0), &data).unwrap(), resumed);
    let longer = run(usize::MAX, 120, Some(&folder.0), &data).unwrap();
    assert_eq!((longer.0.len(), &longer.0[..100]), (120, &resumed.0[..]));

    // The file is of this run only.
    let said = |result: Result<_, McmcError>| {
        format!("{:?}", result.map(|_: (Vec<Weights>, Vec<elbo::Chain>)| ()).unwrap_err())
    };
    assert!(said(run(usize::MAX, 50, Some(&folder.0), &data)).contains("has 120 draws of chain 0"));
    let mut targets = data.targets().clone();
    targets.data_mut()[0] += 0.5;
    let other = Examples::new(data.inputs().clone(), targets).unwrap();
    assert!(said(run(usize::MAX, 200, Some(&folder.0), &other)).contains("saved by another run"));
}

#[test]
fn a_continued_chain_has_the_same_posterior() {
    let folder = Folder::new("posterior");
    let (model, data) = line();
    let mean = |chains: &Chains<&Line>, from: usize| {
        let of = (0..4).flat_map(|chain| &chains.weights(chain)[from..]);
        let slopes: Vec<f64> = of.map(|weights| f64::from(weights.get("slope").unwrap()[0])).collect();
        slopes.iter().sum::<f64>() / slopes.len() as f64
    };
    let nuts = |draws| nuts().chains(4).warmup(200).draws(draws).checkpoint(&folder.0, 1000);
    nuts(10).run(&model, &data).unwrap();
    let chains = nuts(1510).run(&model, &data).unwrap();
    let long = nuts(1).draws(4000).checkpoint(folder.0.join("other"), 5000).run(&model, &data).unwrap();
    assert!((mean(&chains, 10) - mean(&long, 0)).abs() < 0.01, "{} {}", mean(&chains, 10), mean(&long, 0));
    assert!(chains.diagnose().is_good(), "{}", chains.diagnose());
}
