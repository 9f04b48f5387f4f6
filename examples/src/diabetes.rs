//! The diabetes data (Efron et al. 2004): ten columns, and a measure of the disease a year later.

use elbo::data::{Csv, DataError, Examples, Scaling, Table};
use elbo::prelude::*;

use crate::Failure;
use crate::job::Job;

/// Rows with a number as target.
pub type Rows = Examples<f32, Tensor>;

/// The rows as read.
///
/// # Errors
/// If the files are missing or damaged.
pub fn read(job: &Job) -> Result<Rows, Failure> {
    let csv = Csv::new().header(false).delimiter(b' ');
    let matrix = |table: &Table| -> Result<Tensor, Failure> {
        let columns: Result<Vec<&[f64]>, _> =
            table.columns().iter().map(|column| table.numbers(column.name())).collect();
        let columns = columns.map_err(DataError::from)?;
        Ok(Tensor::from_fn([table.len(), columns.len()], |i| columns[i % columns.len()][i / columns.len()]))
    };
    let inputs = csv.read(job.file("tables/diabetes_data_raw.csv.gz")?)?;
    let targets = csv.read(job.file("tables/diabetes_target.csv.gz")?)?;
    Ok(Examples::new(matrix(&inputs)?, matrix(&targets)?)?)
}

/// A part of the rows for training and the others, inputs and targets standardised by the first part.
///
/// # Errors
/// As [`read`].
pub fn standardised(job: &Job, share: f64) -> Result<(Rows, Rows), Failure> {
    let (train, rest) = read(job)?.split(share, job.seed)?;
    let [x, y] = [Scaling::fit(train.inputs()), Scaling::fit(train.targets())];
    let scaled = |data: &Rows| {
        let (mut inputs, mut targets) = (data.inputs().clone(), data.targets().clone());
        x.transform(&mut inputs);
        y.transform(&mut targets);
        Examples::new(inputs, targets)
    };
    Ok((scaled(&train)?, scaled(&rest)?))
}
