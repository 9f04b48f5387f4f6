//! From a tensor of inputs back to a table.

use super::{ColumnEncoding, Encoder};
use crate::data::Table;
use crate::data::table::{Column, MISSING, Values};
use crate::engine::{Real, Tensor};

impl Encoder {
    /// The table of which `tensor` is the [`transform`](Encoder::transform), up to rounding: numbers in their unit, and
    /// the category with the largest value. A category that is unknown to the encoder, and a flagged value, are missing.
    ///
    /// # Panics
    /// If `tensor` has no rows, or another number of columns.
    #[track_caller]
    pub fn inverse_transform<T: Real>(&self, tensor: &Tensor<T>) -> Table {
        let width = self.width();
        assert!(
            matches!(tensor.shape(), &[rows, columns] if rows > 0 && columns == width),
            "Encoder::inverse_transform: got shape {:?}, expected (rows, {width}) with at least one row",
            tensor.shape()
        );
        let rows = || tensor.data().chunks_exact(width);
        let mut start = 0;
        let columns = self.inputs.iter().enumerate().map(|(place, encoding)| {
            let of = start..start + encoding.width();
            start = of.end;
            let values = match encoding {
                ColumnEncoding::Number { mean, sd, flags_missing, .. } => {
                    let number = |row: &[T]| match *flags_missing && row[1].to_f64() > 0.5 {
                        true => f64::NAN,
                        false => row[0].to_f64() * *sd + *mean,
                    };
                    Values::Numbers(rows().map(|row| number(&row[of.clone()])).collect())
                }
                ColumnEncoding::Categories { names, .. } => {
                    let code = |row: &[T]| {
                        let largest = (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best });
                        if largest < names.len() { largest as u16 } else { MISSING }
                    };
                    Values::Categories {
                        names: names.clone(),
                        codes: rows().map(|row| code(&row[of.clone()])).collect(),
                    }
                }
            };
            Column { name: encoding.name().to_owned(), number: place + 1, is_target: false, values }
        });
        let columns = columns.collect();
        let lines = (1..=tensor.shape()[0] as u32).collect();
        Table { file: "tensor".into(), columns, lines, dropped: 0 }
    }
}
