//! `Summary`: what a model consists of, as a table.

use std::collections::HashMap;
use std::fmt;

use crate::engine::{Key, Path, Role, Tape};
use crate::model::{Bayesian, Drawn};

/// What a model consists of: a row for each random weight, deterministic parameter and buffer. `Display` prints a table.
///
/// ```
/// # use elbo::prelude::*;
/// let model = [Dense::new(4, 16), Dense::new(16, 3)];
/// let summary = model.summary();
/// println!("{summary}");
/// assert_eq!((summary.rows[0].name.as_str(), &summary.rows[0].shape[..]), ("0.weight", &[16, 4][..]));
/// assert_eq!((summary.weights(), summary.parameters()), (131, 262));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Summary {
    /// The rows: random weights in the order of the model's draw, then deterministic parameters and buffers in that of its tensors.
    pub rows: Vec<SummaryRow>,
}

/// A part of a model, in its [`Summary`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SummaryRow {
    /// The name, such as `hidden.0.weight`; empty for a model that is a single weight.
    pub name: String,
    /// The shape.
    pub shape: Vec<usize>,
    /// What it is.
    pub kind: Kind,
    /// The number of elements.
    pub elements: usize,
    /// The number of learned scalars: means, scales and others.
    pub parameters: usize,
}

/// What a part of a model is.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A weight with a prior.
    #[non_exhaustive]
    Random {
        /// The posterior family.
        posterior: String,
        /// The prior, as [`Prior::description`](crate::Prior::description) says.
        prior: String,
        /// The divergence from the prior, in nats.
        kl: f64,
        /// Whether `kl` is an estimate, the mean over [`SUMMARY_DRAWS`] draws, because there is no closed form.
        is_estimated: bool,
    },
    /// A parameter without a prior, such as a [`Point`](crate::Point) or a hyperparameter that a prior learns.
    Deterministic,
    /// A tensor that is not learned.
    Buffer,
}

/// The draws that divergences without a closed form are averaged over.
pub const SUMMARY_DRAWS: usize = 64;

impl Summary {
    pub(super) fn of<M: Bayesian + ?Sized>(model: &M) -> Self {
        let mut closed = HashMap::new();
        model.each_kl(&Path::ROOT, &mut |path, nats| *closed.entry(path.to_string()).or_insert(0.0) += nats);
        let mut rows = random_weights(model, &closed);
        let (random, mut others) = (rows.len(), Vec::new());
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            let name = path.to_string();
            // The weight with the longest name that the tensor is below.
            let owners = rows.iter_mut().filter(|row| is_below(&name, &row.name));
            let owner = owners.max_by_key(|row| row.name.len()).filter(|_| role.is_learned());
            if let Some(owner) = owner {
                owner.parameters += tensor.len();
                return;
            }
            let kind = if role == Role::Buffer { Kind::Buffer } else { Kind::Deterministic };
            let (shape, elements) = (tensor.shape().to_vec(), tensor.len());
            others.push(SummaryRow {
                name,
                shape,
                kind,
                elements,
                parameters: if role.is_learned() { elements } else { 0 },
            });
        });
        debug_assert_eq!(rows.len(), random);
        rows.append(&mut others);
        Summary { rows }
    }

    /// The number of elements of all random weights.
    pub fn weights(&self) -> usize {
        self.rows.iter().filter(|row| row.kl().is_some()).map(|row| row.elements).sum()
    }

    /// The number of learned scalars, as [`Bayesian::num_parameters`] counts them.
    pub fn parameters(&self) -> usize {
        self.rows.iter().map(|row| row.parameters).sum()
    }

    /// The divergence of all random weights, in nats.
    pub fn kl(&self) -> f64 {
        self.rows.iter().filter_map(SummaryRow::kl).sum()
    }
}

impl SummaryRow {
    /// The divergence in nats; `None` for what is not random.
    pub fn kl(&self) -> Option<f64> {
        match self.kind {
            Kind::Random { kl, .. } => Some(kl),
            Kind::Deterministic | Kind::Buffer => None,
        }
    }
}

/// A row for each random weight, with its divergence: in closed form if it has one, else the mean over draws.
fn random_weights<M: Bayesian + ?Sized>(model: &M, closed: &HashMap<String, f64>) -> Vec<SummaryRow> {
    let (mut rows, mut tape): (Vec<SummaryRow>, _) = (Vec::new(), Tape::inference());
    for draw in 0..SUMMARY_DRAWS {
        tape.reset();
        let (net, mut index) = (model.draw(&tape, Key::new(0).draw(draw)), 0);
        net.walk(&Path::ROOT, &mut |path, weight| {
            if draw == 0 {
                let (name, mean) = (path.to_string(), weight.mean_var());
                let kl = closed.get(&name).copied();
                let (posterior, prior) = (weight.family().to_owned(), weight.prior());
                let kind = Kind::Random { posterior, prior, kl: kl.unwrap_or(0.0), is_estimated: kl.is_none() };
                let (shape, elements) = (mean.shape().to_vec(), mean.len());
                rows.push(SummaryRow { name, shape, kind, elements, parameters: 0 });
            }
            if let Kind::Random { kl, is_estimated: true, .. } = &mut rows[index].kind {
                *kl += weight.kl_var().item() / SUMMARY_DRAWS as f64;
            }
            index += 1;
        });
        if !rows.iter().any(|row| matches!(row.kind, Kind::Random { is_estimated: true, .. })) {
            break;
        }
    }
    rows
}

/// Whether the tensor `name` belongs to the weight `weight`.
fn is_below(name: &str, weight: &str) -> bool {
    let rest = name.strip_prefix(weight);
    rest.is_some_and(|rest| weight.is_empty() || rest.is_empty() || rest.starts_with('.'))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["name", "shape", "posterior", "prior", "elements", "parameters", "KL, nats", "per weight"];
        let mut table = vec![header.map(str::to_owned)];
        let nats = |kl: f64, is_estimated: bool| format!("{}{kl:.1}", if is_estimated { "≈ " } else { "" });
        for row in &self.rows {
            let counts = [row.elements, row.parameters].map(grouped);
            let [posterior, prior, kl, each] = match &row.kind {
                Kind::Random { posterior, prior, kl, is_estimated } => {
                    let each = format!("{:.3}", kl / row.elements as f64);
                    [posterior.clone(), prior.clone(), nats(*kl, *is_estimated), each]
                }
                Kind::Deterministic => ["deterministic", "", "", ""].map(str::to_owned),
                Kind::Buffer => ["buffer", "", "", ""].map(str::to_owned),
            };
            let [elements, parameters] = counts;
            table.push([
                row.name.clone(),
                format!("{:?}", row.shape),
                posterior,
                prior,
                elements,
                parameters,
                kl,
                each,
            ]);
        }
        let is_estimated = self.rows.iter().any(|row| matches!(row.kind, Kind::Random { is_estimated: true, .. }));
        let each = if self.weights() > 0 { format!("{:.3}", self.kl() / self.weights() as f64) } else { String::new() };
        let [none, also_none, last] = [const { String::new() }; 3];
        let counts = [self.weights(), self.parameters()].map(grouped);
        let [weights, parameters] = counts;
        table.push([
            "random weights".into(),
            none,
            also_none,
            last,
            weights,
            parameters,
            nats(self.kl(), is_estimated),
            each,
        ]);
        let widths: [usize; 8] =
            std::array::from_fn(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
        for row in &table {
            let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
                if column < 4 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
            });
            writeln!(f, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
        }
        Ok(())
    }
}

/// With commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
