//! The gradient's variance with every estimator.
//!
//! ```text
//! cargo run --release --bin estimators -- --picture estimators.svg
//! ```

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use elbo_examples::failure::{Failure, exit};
use elbo_examples::plot::Chart;
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
        let title = format!("Variance of ∂NLL/∂μ over draws, σ = {sd}");
        let chart = chart(&title, &rows);
        println!("\n{}", chart.text());
        if let Some(file) = options.picture.as_ref().filter(|_| sd == 0.05) {
            std::fs::write(file, chart.svg())
                .map_err(|error| Failure::Run(format!("--picture: cannot write {}: {error}", file.display()).into()))?;
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

fn chart<'a>(title: &'a str, rows: &[Row]) -> Chart<'a> {
    let line = |of: fn(&Row) -> f64| rows.iter().map(of).collect();
    Chart {
        title,
        x_label: "batch size",
        x: rows.iter().map(|row| row.batch as f64).collect(),
        lines: vec![
            ("shared draw", line(|row| row.shared)),
            ("antithetic pair", line(|row| row.antithetic)),
            ("Flipout", line(|row| row.flipout)),
            ("independent draws", line(|row| row.independent)),
            ("local", line(|row| row.local)),
        ],
    }
}
