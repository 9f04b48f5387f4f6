//! `TensorBoard`: event files that TensorBoard reads.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::distribution::log_scale::softplus;
use crate::engine::{Path as Name, Real, Role};
use crate::infer::vi::Epoch;
use crate::model::Bayesian;
use crate::protobuf::Message;
use crate::report::records::record;

/// Files of this process, so that two writers in one folder have two files.
static FILES: AtomicUsize = AtomicUsize::new(0);

/// The buckets of a histogram.
const BUCKETS: usize = 40;

/// Writes scalars and histograms to a folder, for TensorBoard: `tensorboard --logdir FOLDER`.
///
/// ```
/// # use elbo::prelude::*;
/// use std::ops::ControlFlow;
/// use elbo::report::TensorBoard;
///
/// # let train: Examples = Examples::new(Tensor::from_fn([16, 2], |i| (i as f64).sin()), vec![0; 16])?;
/// # let folder = std::env::temp_dir().join("elbo-doc-tensorboard");
/// let mut model = Dense::new(2, 2);
/// let mut board = TensorBoard::create(&folder)?;
/// let mut written = Ok(());
/// let (mut elbo, mut number) = (Elbo::new(Categorical).quiet(), 0);
/// let record = |epoch: &elbo::Epoch, model: &Dense| {
///     number += 1;
///     written = board.epoch(number, epoch, model);
///     if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
/// };
/// elbo.training(&mut model, &train).on_epoch_end(record).run(Epochs(5))?;
/// written?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TensorBoard {
    file: BufWriter<File>,
    path: PathBuf,
}

impl TensorBoard {
    /// Makes a new event file in this folder, and the folder if it does not exist.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn create(folder: impl AsRef<Path>) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        let (seconds, process) = (seconds(), std::process::id());
        let number = FILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("events.out.tfevents.{:010}.elbo.{process}.{number}", seconds as u64);
        let path = folder.as_ref().join(name);
        let file = BufWriter::new(File::create_new(&path)?);
        let mut board = TensorBoard { file, path };
        let event = Message::new().double(1, seconds).text(3, "brain.Event:2");
        board.file.write_all(&record(event.bytes()))?;
        board.flush()?;
        Ok(board)
    }

    /// The event file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a number at a step.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn scalar(&mut self, tag: &str, step: usize, value: f64) -> io::Result<()> {
        self.add(step, Message::new().text(1, tag).float(2, value as f32))
    }

    /// Adds the histogram of values at a step. Those that are not finite are left out; without any other nothing is written.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn histogram(&mut self, tag: &str, step: usize, values: impl IntoIterator<Item = f64>) -> io::Result<()> {
        let values: Vec<f64> = values.into_iter().filter(|value| value.is_finite()).collect();
        if values.is_empty() {
            return Ok(());
        }
        self.add(step, Message::new().text(1, tag).message(5, &histogram(&values)))
    }

    /// Adds an epoch: both terms of the bound and the bound, the validation's NLL, the rate's factor, and histograms of the means and of
    /// the standard deviations of every weight. The step is the epoch's number. What is written can be read at once.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn epoch<M: Bayesian>(&mut self, number: usize, epoch: &Epoch, model: &M) -> io::Result<()> {
        let scalars = [
            ("training/NLL, nats per example", Some(epoch.nll)),
            ("training/KL, nats", Some(epoch.kl)),
            ("training/ELBO, nats", Some(epoch.elbo)),
            ("training/rate factor", Some(epoch.rate_factor)),
            ("validation/NLL, nats per example", epoch.validation_nll),
        ];
        for (tag, value) in scalars {
            value.map_or(Ok(()), |value| self.scalar(tag, number, value))?;
        }
        let mut histograms = Vec::new();
        model.visit(&Name::ROOT, &mut |path, role, tensor| {
            let values = tensor.data().iter().map(|value| value.to_f64());
            // `head.weight.rho` is the group `head.weight`, and its standard deviation.
            let name = path.to_string();
            let (weight, part) = name.rsplit_once('.').unwrap_or(("model", &name));
            match role {
                Role::Buffer => {}
                Role::Scale if part == "rho" => {
                    histograms.push((format!("{weight}/sd"), values.map(softplus).collect()))
                }
                _ => histograms.push((format!("{weight}/{part}"), values.collect::<Vec<f64>>())),
            }
        });
        histograms.into_iter().try_for_each(|(tag, values)| self.histogram(&tag, number, values))?;
        self.flush()
    }

    /// Hands everything to the operating system.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    /// Adds an event with one value of a summary.
    fn add(&mut self, step: usize, value: Message) -> io::Result<()> {
        let summary = Message::new().message(1, &value);
        let event = Message::new().double(1, seconds()).integer(2, step as u64).message(5, &summary);
        self.file.write_all(&record(event.bytes()))
    }
}

/// Seconds since 1970.
fn seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// The histogram's message of some finite values.
fn histogram(values: &[f64]) -> Message {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let buckets = if low < high { BUCKETS } else { 1 };
    let limit = |bucket: usize| low + (high - low) * ((bucket + 1) as f64 / buckets as f64);
    let limits: Vec<f64> =
        (0..buckets).map(|bucket| if bucket + 1 == buckets { high } else { limit(bucket) }).collect();
    let mut counts = vec![0.0; buckets];
    values.iter().for_each(|value| counts[limits.partition_point(|limit| limit < value).min(buckets - 1)] += 1.0);
    let squares = values.iter().map(|value| value * value).sum();
    let message = Message::new().double(1, low).double(2, high).double(3, values.len() as f64);
    message.double(4, values.iter().sum()).double(5, squares).doubles(6, &limits).doubles(7, &counts)
}
