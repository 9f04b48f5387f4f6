//! The networks of posteriordb: densities and gradients beside Stan, and a short run of the program.

use std::f64::consts::{LN_2, TAU};
use std::path::Path;
use std::process::Command;

use elbo::prelude::*;
use elbo_examples::posteriordb::{Network, images, log_density};
use libtest_mimic::Failed;
use serde_json::Value;

use crate::number;

/// Printed by `layers/benches/peers/posteriordb_stan.py`, whose formulas give the points.
const STAN: &str = include_str!("../../data/posteriordb-stan.json");

/// Pixels of an image.
const PIXELS: usize = 784;

/// Classes with learned logits.
const OTHERS: usize = 9;

/// Γ(1/4).
const GAMMA_OF_A_QUARTER: f64 = 3.625_609_908_221_908;

/// The log-density and the gradient on the first 100 images are those of Stan, at three points of both networks.
pub(crate) fn density(data: &Path) -> Result<(), Failed> {
    let stan: Value = serde_json::from_str(STAN)?;
    let images = images(data, "train", 100).map_err(|error| error.to_string())?;
    for hidden in [10, 100] {
        let network = Network::new(PIXELS, hidden);
        let sizes = [1, 1, hidden * PIXELS, hidden * OTHERS, hidden, OTHERS];
        let rows = stan[hidden.to_string()].as_array().ok_or("points")?;
        assert_eq!(rows.len(), 3);
        for (k, row) in rows.iter().enumerate() {
            let mut at = network.mean_weights().unconstrained()?;
            at.set_flat(&point(sizes, k as f64))?;
            let (value, gradient) = log_density(&network, &images, &at);
            // Stan leaves constants out, and has ln σ² where elbo has ln σ.
            let expected = number(row, "log_density") + constants(hidden) + 2.0 * LN_2;
            assert!((value / expected - 1.0).abs() < 1e-10, "{hidden} units, point {k}: {value}, not {expected}");
            let mut rest = gradient.as_slice();
            for (block, size) in sizes.into_iter().enumerate() {
                let (part, others) = rest.split_at(size);
                rest = others;
                let factor = if block < 2 { 0.5 } else { 1.0 };
                let part = part.iter().map(|slope| factor * slope);
                let squares: f64 = part.clone().map(|slope| slope * slope).sum();
                let cosines: f64 = part.enumerate().map(|(i, slope)| slope * (3.0 * i as f64).cos()).sum();
                let known = ["squares", "cosines"].map(|name| row[name][block].as_f64().unwrap_or(f64::NAN));
                let near = |found: f64, known: f64, scale: f64| (found - known).abs() < 1e-8 * scale;
                let fits = near(squares, known[0], known[0]) && near(cosines, known[1], known[0].sqrt());
                assert!(fits, "{hidden} units, point {k}, block {block}: {squares} and {cosines}, not {known:?}");
            }
            assert!(rest.is_empty());
        }
    }
    Ok(())
}

/// The k-th point of the script: ln σ of both layers, alpha, beta, alpha1 and beta1.
fn point([.., alpha, beta, alpha1, beta1]: [usize; 6], k: f64) -> Vec<f64> {
    let formula = |count: usize, of: &dyn Fn(f64) -> f64| (0..count).map(|i| of(i as f64)).collect::<Vec<f64>>();
    [
        vec![(-8.0 - k) / 2.0, (-1.0 + 0.5 * k) / 2.0],
        formula(alpha, &|i| 0.004 * (0.7 * i + k).sin()),
        formula(beta, &|i| 0.6 * (1.3 * i + k).sin()),
        formula(alpha1, &|i| 0.5 * (i + k).cos()),
        formula(beta1, &|i| 0.4 * (2.0 * i + k).cos()),
    ]
    .concat()
}

/// The constants that Stan leaves out: −½ ln 2π for each weight, and a ln b − ln Γ(a) for each inverse gamma prior, with a = ¼ and
/// b = ¼ (0.05/n²)² for n inputs.
fn constants(hidden: usize) -> f64 {
    let normals = hidden * (PIXELS + 1) + OTHERS * (hidden + 1);
    let of_variance = |inputs: usize| {
        let b = 0.25 * (0.05 / (inputs as f64).powi(2)).powi(2);
        0.25 * b.ln() - GAMMA_OF_A_QUARTER.ln()
    };
    -0.5 * TAU.ln() * normals as f64 + of_variance(PIXELS) + of_variance(hidden)
}

/// A short run writes draws that go on from checkpoints, with how they were made, and says that they are too few.
pub(crate) fn program(data: &Path) -> Result<(), Failed> {
    let scratch = std::env::temp_dir().join(format!("elbo-posteriordb-{}", std::process::id()));
    std::fs::create_dir_all(&scratch)?;
    let [draws, how, checkpoints] = ["draws.safetensors", "draws.json", "chains"].map(|file| scratch.join(file));
    let run = |options: &[&str]| -> Result<_, Failed> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_posteriordb"));
        command.arg("--short").args(options).arg("--data").arg(data).arg("--checkpoints").arg(&checkpoints);
        let output = command.arg("--draws-file").arg(&draws).output()?;
        let text = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        Ok((output.status.code(), text))
    };
    let (code, [shown, message]) = run(&[])?;
    assert_eq!(code, Some(0), "{message}");
    assert!(shown.contains("the library's verdict: not to be used"), "{shown}");
    let made: Value = serde_json::from_slice(&std::fs::read(&how)?)?;
    assert_eq!(
        (&made["is_good"], &made["how"]["chains"], &made["how"]["draws"]),
        (&false.into(), &2.into(), &20.into())
    );
    assert_eq!((made["weights"]["of"].as_u64(), made["predictions"]["of"].as_u64()), (Some(7951), Some(100)));
    // The chains have learned the training images, from weights of the prior with an NLL above ln 10.
    let quantities = made["quantities"].as_array().ok_or("quantities")?;
    let nll = quantities.iter().find(|of| of["name"] == "NLL of training images").ok_or("an NLL")?;
    assert!(number(nll, "mean") < 1.0, "{nll}");
    // 2 chains of 20 draws of 7,951 numbers in double precision.
    let size = std::fs::metadata(&draws)?.len();
    assert!(size > 2 * 20 * 7951 * 8 && size < 2 * 20 * 7951 * 9, "{size}");

    // A run that has ended is not repeated: the same draws come from the checkpoints.
    let first = std::fs::read(&draws)?;
    run(&[])?;
    assert!(std::fs::read(&draws)? == first);
    let (code, [_, message]) = run(&["--seed", "2"])?;
    assert!(code != Some(0) && message.contains("seed"), "{message}");
    let (code, [_, message]) = run(&["--target-acceptance", "1.5"])?;
    assert!(code == Some(2) && message.contains("--target-acceptance 1.5"), "{message}");
    let (code, [_, message]) = run(&["--rows", "70000"])?;
    assert!(code == Some(2) && message.contains("60000"), "{message}");
    std::fs::remove_dir_all(scratch)?;
    Ok(())
}
