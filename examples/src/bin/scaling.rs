//! Scaling of a training step with width, depth, batch, draws and threads.
//!
//! ```text
//! cargo run --release --bin scaling -- --pictures docs/scaling
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use elbo::report::{Chart, Scale};
use elbo_examples::cli::integer;
use elbo_examples::failure::{Failure, exit};
use elbo_examples::scaling::{Work, median_step};

/// Times training steps (draw, forward pass, bound, backward pass and Adam) of networks of square layers.
///
/// The default size is two layers of width 512, a batch of 128 and one draw; each table varies one of these. Each time is a
/// median. The time per unit is divided by the varied size (by the number of weights for the width), and a star marks a
/// change by more than half from one line to the next.
#[derive(Parser)]
#[command(name = "scaling", version)]
struct Options {
    /// Number of threads in the second column
    #[arg(long, value_name = "N", default_value = "2", value_parser = integer::<1>)]
    threads: usize,

    /// Minimum milliseconds of each measurement
    #[arg(long, value_name = "MS", default_value_t = 500)]
    turn: u64,

    /// Write a chart of each table to this folder, as SVG
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
}

/// A change of the time per unit by more than this factor is marked.
const JUMP: f64 = 1.5;

/// The default size.
const BASE: Work = Work { width: 512, depth: 2, batch: 128, draws: 1, threads: 1 };

/// A table that varies one size.
struct Sweep {
    name: &'static str,
    /// The unit that a step's time is divided by.
    unit: &'static str,
    values: Vec<usize>,
    work: fn(usize) -> Work,
    units: fn(Work) -> usize,
}

/// 2^first, 2^(first+1) .. to 2^last.
fn powers(first: u32, last: u32) -> Vec<usize> {
    (first..=last).map(|power| 1 << power).collect()
}

fn sweeps() -> Vec<Sweep> {
    vec![
        Sweep {
            name: "width",
            unit: "weight",
            values: powers(6, 13),
            work: |width| Work { width, ..BASE },
            units: |work| work.weights(),
        },
        Sweep {
            name: "depth",
            unit: "layer",
            values: powers(0, 6),
            work: |depth| Work { depth, ..BASE },
            units: |work| work.depth,
        },
        Sweep {
            name: "batch",
            unit: "example",
            values: powers(0, 13),
            work: |batch| Work { batch, ..BASE },
            units: |work| work.batch,
        },
        Sweep {
            name: "draws",
            unit: "draw",
            values: powers(0, 6),
            work: |draws| Work { draws, ..BASE },
            units: |work| work.draws,
        },
    ]
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let duration = Duration::from_millis(options.turn);
    for sweep in sweeps() {
        let columns = [1, options.threads].map(|threads| {
            let time = |&value: &usize| median_step(Work { threads, ..(sweep.work)(value) }, duration);
            sweep.values.iter().map(time).collect::<Vec<f64>>()
        });
        print(&sweep, options.threads, &columns);
        if let Some(folder) = &options.pictures {
            write_chart(&sweep, options.threads, columns, folder)?;
        }
    }
    Ok(())
}

fn print(sweep: &Sweep, threads: usize, columns: &[Vec<f64>; 2]) {
    println!("\n{:>8} {:>12}   1 thread: ms, µs per {}   {threads} threads", sweep.name, "weights", sweep.unit);
    let mut before = [f64::NAN; 2];
    for (row, &value) in sweep.values.iter().enumerate() {
        let work = (sweep.work)(value);
        print!("{value:>8} {:>12}", work.weights());
        for (column, before) in columns.iter().zip(&mut before) {
            let each = column[row] / (sweep.units)(work) as f64;
            let ratio = each / *before;
            let star = if ratio.max(1.0 / ratio) > JUMP { '*' } else { ' ' };
            print!("   {:>10.3} {:>10.4}{star}", 1e3 * column[row], 1e6 * each);
            *before = each;
        }
        println!();
    }
}

fn write_chart(sweep: &Sweep, threads: usize, columns: [Vec<f64>; 2], folder: &Path) -> Result<(), Failure> {
    let x: Vec<f64> = sweep.values.iter().map(|&value| value as f64).collect();
    let ends = [x[0], x[x.len() - 1]];
    let [one_thread, more_threads] =
        columns.map(|column| column.iter().map(|seconds| 1e3 * seconds).collect::<Vec<f64>>());
    let chart = Chart::new(&format!("A training step by {}", sweep.name)).x(sweep.name).y("milliseconds");
    let chart = chart.x_scale(Scale::Log).x_range(ends[0], ends[1]).y_scale(Scale::Log);
    let chart = chart.line("1 thread", &x, &one_thread).line(&format!("{threads} threads"), &x, &more_threads);
    let file = folder.join(format!("{}.svg", sweep.name));
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::Run(format!("--pictures: cannot make {}: {error}", folder.display()).into()))?;
    chart.write(&file).map_err(|error| Failure::Run(format!("--pictures: {error}").into()))
}
