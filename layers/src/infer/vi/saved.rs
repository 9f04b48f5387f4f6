//! Settings of a training as serde writes and reads them. A schedule of your own function cannot be written.

use serde::{Deserialize, Serialize};

use crate::infer::vi::{self, ScheduleShape};
use crate::saved::numbered;

numbered!(Clip from vi::Clip { ; Value, Norm, EachNorm, Outliers });

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    shape: ScheduleShape,
    #[serde(default)]
    warm_up: usize,
}

impl From<vi::Schedule> for Schedule {
    fn from(vi::Schedule { shape, warm_up }: vi::Schedule) -> Schedule {
        Schedule { shape, warm_up }
    }
}

impl TryFrom<Schedule> for vi::Schedule {
    type Error = String;

    fn try_from(Schedule { shape, warm_up }: Schedule) -> Result<Self, String> {
        vi::Schedule { shape, warm_up }.check()
    }
}
