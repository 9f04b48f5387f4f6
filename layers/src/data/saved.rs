//! `Scaling` as serde writes and reads it.

use serde::{Deserialize, Serialize};

use crate::data;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scaling {
    shift: Vec<f64>,
    scale: Vec<f64>,
}

impl From<data::Scaling> for Scaling {
    fn from(data::Scaling { shift, scale }: data::Scaling) -> Scaling {
        Scaling { shift, scale }
    }
}

impl TryFrom<Scaling> for data::Scaling {
    type Error = String;

    fn try_from(Scaling { shift, scale }: Scaling) -> Result<Self, String> {
        if shift.len() != scale.len() {
            return Err(format!("Scaling: {} columns of shifts, but {} of scales", shift.len(), scale.len()));
        }
        for (column, (shift, scale)) in shift.iter().zip(&scale).enumerate() {
            if !shift.is_finite() {
                return Err(format!("Scaling: column {column} (from 0): the shift must be finite, got {shift}"));
            }
            if !(*scale > 0.0 && scale.is_finite()) {
                return Err(format!("Scaling: column {column} (from 0): the scale must be positive, got {scale}"));
            }
        }
        Ok(data::Scaling { shift, scale })
    }
}
