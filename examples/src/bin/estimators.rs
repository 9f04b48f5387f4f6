//! The gradient's variance with every estimator.
//!
//! ```text
//! cargo run --release --bin estimators -- --picture estimators.svg
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo::report::{Chart, Scale};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::variance::{Row, log_log_slope, measure};

/// Measures the variance over draws of the gradient of the mean negative log-likelihood, for every estimator.
///
/// The network is 64-64-10 with relu; the same four correlated examples are repeated to batches of 4 to 1,024. Variances are
/// those of the derivatives by the posterior means, averaged over all weights. With four thousand draws each is accurate to
/// about half a percent.
#[derive(Parser)]
#[command(name = "estimators", version)]
struct Options {
    /// Draws per variance
    #[arg(long, value_name = "N", default_value_t = 4000, value_parser = clap::value_parser!(u32).range(2..))]
    draws: u32,

    /// Seed of the network, the examples and the noise
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Write a chart of the variances at σ = 0.05 to this file, as SVG
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    for sd in [0.05, 0.3] {
        let rows = measure(sd, options.draws as usize, options.seed);
        print(sd, &rows);
        if let Some(file) = options.picture.as_ref().filter(|_| sd == 0.05) {
            let written = chart(sd, &rows).write(file);
            written.map_err(|error| Failure::Run(format!("--picture: {error}").into()))?;
        }
    }
    Ok(())
}

fn print(sd: f64, rows: &[Row]) {
    println!("\nσ = {sd}: variance of ∂NLL/∂μ over draws");
    println!("  batch     shared  independent      local    flipout   antithetic   flipout/independent");
    for row in rows {
        println!(
            "{:7} {:10.2e}   {:10.2e} {:10.2e} {:10.2e}   {:10.2e} {:21.3}",
            row.batch,
            row.shared,
            row.independent,
            row.local,
            row.flipout,
            row.antithetic,
            row.flipout / row.independent
        );
    }
    let slope = |of: fn(&Row) -> f64| log_log_slope(rows.iter().map(|row| (row.batch as f64, of(row))));
    println!(
        "  slope {:12.3} {:12.3} {:10.3} {:10.3}",
        slope(|row| row.shared),
        slope(|row| row.independent),
        slope(|row| row.local),
        slope(|row| row.flipout)
    );
}

fn chart(sd: f64, rows: &[Row]) -> Chart {
    let x: Vec<f64> = rows.iter().map(|row| row.batch as f64).collect();
    let of = |value: fn(&Row) -> f64| rows.iter().map(value).collect::<Vec<f64>>();
    let chart = Chart::new(&format!("Variance of ∂NLL/∂μ over draws, σ = {sd}")).x("batch size").y("variance");
    let chart = chart.x_scale(Scale::Log).x_range(x[0], x[x.len() - 1]).y_scale(Scale::Log);
    let chart = chart.line("shared draw", &x, &of(|row| row.shared));
    let chart = chart.line("antithetic pair", &x, &of(|row| row.antithetic));
    let chart = chart.line("Flipout", &x, &of(|row| row.flipout));
    let chart = chart.line("independent draws", &x, &of(|row| row.independent));
    chart.line("local", &x, &of(|row| row.local))
}
