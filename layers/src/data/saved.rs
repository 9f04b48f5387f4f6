//! `Scaling` and `Encoder` as serde writes and reads them.

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
    type Error = data::DataError;

    fn try_from(Scaling { shift, scale }: Scaling) -> Result<Self, data::DataError> {
        data::Scaling::from_parts(shift, scale)
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encoder {
    inputs: Vec<data::ColumnEncoding>,
    targets: Vec<data::ColumnEncoding>,
}

impl From<data::Encoder> for Encoder {
    fn from(data::Encoder { inputs, targets }: data::Encoder) -> Encoder {
        Encoder { inputs, targets }
    }
}

impl TryFrom<Encoder> for data::Encoder {
    type Error = data::DataError;

    fn try_from(Encoder { inputs, targets }: Encoder) -> Result<Self, data::DataError> {
        data::Encoder::from_parts(inputs, targets)
    }
}
