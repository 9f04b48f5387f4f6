//! The numbers at an axis.

use crate::report::Scale;

/// An axis: its ends, and the numbers at it with their texts.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// An axis over all these numbers, of which those that are not finite, or not positive on a logarithmic scale, do not count.
    pub(super) fn over(values: impl Iterator<Item = f64>, scale: Scale, fixed: Option<[f64; 2]>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| scale.has(*value)) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = if scale == Scale::Log { (0.1, 1.0) } else { (0.0, 1.0) };
        }
        if let Some([from, to]) = fixed {
            (low, high) = (from, to);
        }
        match scale {
            Scale::Lin => Axis::linear(low, high, fixed.is_some()),
            Scale::Log if fixed.is_some_and(|[from, _]| from > 0.0) => Axis::logarithmic(low, high).within(low, high),
            Scale::Log => Axis::logarithmic(low, high),
        }
    }

    /// An axis of rows, from the top, with a name at each.
    pub(super) fn of_rows(names: impl ExactSizeIterator<Item = String>) -> Self {
        let (low, high) = (names.len() as f64 - 0.5, -0.5);
        Axis { scale: Scale::Lin, low, high, ticks: names.enumerate().map(|(row, name)| (row as f64, name)).collect() }
    }

    fn linear(mut low: f64, mut high: f64, fixed: bool) -> Self {
        // A range that rounding would lose is widened.
        if high - low <= 1e-12 * low.abs().max(high.abs()) || high - low < f64::MIN_POSITIVE * 1e16 {
            let half = if low.abs() < 1e-290 { 0.5 } else { 0.05 * low.abs() };
            (low, high) = (low - half, high + half);
        }
        if !((high - low) * 2.0).is_finite() {
            (low, high) = (low / 4.0, high / 4.0);
        }
        let step = step((high - low) / 5.0);
        if !fixed {
            (low, high) = ((low / step).floor() * step, (high / step).ceil() * step);
        }
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let tick = |index: i64| {
            let value = index as f64 * step;
            (value, number(value, decimals))
        };
        Axis { scale: Scale::Lin, low, high, ticks: (first..=last).map(tick).collect() }
    }

    fn logarithmic(low: f64, high: f64) -> Self {
        // Powers of ten that are normal numbers.
        let power = |value: f64| (value as i32).clamp(-307, 307);
        let (first, last) = (power(low.log10().floor()), power(high.log10().ceil()));
        let last = last.max(first + 1);
        // Not more than eight of them.
        let every = ((last - first) / 8 + 1) as usize;
        let tick = |power: i32| (10f64.powi(power), power_of_ten(power));
        let ticks = (first..=last).step_by(every).map(tick).collect();
        Axis { scale: Scale::Log, low: 10f64.powi(first), high: 10f64.powi(last), ticks }
    }

    /// With these ends: the powers of ten between them, or their multiples by 1, 2 and 5 if these are fewer than three.
    fn within(self, low: f64, high: f64) -> Self {
        let is_within = |(value, _): &(f64, String)| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(value);
        let mut ticks: Vec<(f64, String)> = self.ticks.iter().filter(|tick| is_within(tick)).cloned().collect();
        if ticks.len() < 3 {
            let multiple = |(power, _): &(f64, String), digit: f64| {
                let value = digit * power;
                (value, number(value, (-power.log10().round()).max(0.0) as usize))
            };
            let all = self.ticks.iter().flat_map(|tick| [1.0, 2.0, 5.0].map(|digit| multiple(tick, digit)));
            ticks = all.filter(is_within).collect();
        }
        Axis { low, high, ticks, ..self }
    }

    /// The place of a value between the ends, from 0 to 1; `None` if it has none.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        if !self.scale.has(value) {
            return None;
        }
        let of = |value: f64| if self.scale == Scale::Log { value.ln() } else { value };
        Some(((of(value) - of(self.low)) / (of(self.high) - of(self.low))).clamp(-1.0, 2.0))
    }
}

/// The next of 1, 2 and 5 times a power of ten that is not below `least`.
fn step(least: f64) -> f64 {
    let power = 10f64.powf(least.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|digit| digit * power)
        .find(|step| *step >= least * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

fn power_of_ten(power: i32) -> String {
    match power {
        0..=3 => format!("{}", 10f64.powi(power)),
        -3..0 => format!("{:.*}", power.unsigned_abs() as usize, 10f64.powi(power)),
        _ => format!("1e{power}"),
    }
}

/// A number with these decimals, and commas between thousands; with an exponent where it would be long.
pub(super) fn number(value: f64, decimals: usize) -> String {
    if decimals > 6 || value.abs() >= 1e7 {
        return if value == 0.0 { "0".to_owned() } else { format!("{value:.2e}") };
    }
    let text = format!("{:.*}", decimals, value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    let sign = if value < 0.0 && !is_zero { "−" } else { "" };
    format!("{sign}{grouped}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, text)| &text[..]).collect()
    }

    #[test]
    fn ticks_are_round_and_cover_the_values() {
        let axis = Axis::over([-1781.3, -4255.0].into_iter(), Scale::Lin, None);
        assert_eq!(texts(&axis), ["−4,500", "−4,000", "−3,500", "−3,000", "−2,500", "−2,000", "−1,500"]);
        let axis = Axis::over([0.013, 0.094].into_iter(), Scale::Lin, None);
        assert_eq!(texts(&axis), ["0.00", "0.02", "0.04", "0.06", "0.08", "0.10"]);
        let axis = Axis::over([0.0].into_iter(), Scale::Lin, Some([0.0, 1.0]));
        assert_eq!(texts(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(axis.place(0.25), Some(0.25));
        let axis = Axis::over([0.002, 3.0].into_iter(), Scale::Log, None);
        assert_eq!(texts(&axis), ["0.001", "0.01", "0.1", "1", "10"]);
        assert!((axis.place(0.1).unwrap() - 0.5).abs() < 1e-12);
        assert_eq!((axis.place(0.0), axis.place(f64::NAN)), (None, None));
        // With given ends.
        let axis = Axis::over([1.0].into_iter(), Scale::Log, Some([1.0, 8192.0]));
        assert_eq!((texts(&axis), axis.place(8192.0)), (vec!["1", "10", "100", "1000"], Some(1.0)));
        let axis = Axis::over([1.0].into_iter(), Scale::Log, Some([0.1, 3.0]));
        assert_eq!(texts(&axis), ["0.1", "0.2", "0.5", "1", "2"]);
        let axis = Axis::of_rows(["a".to_owned(), "b".to_owned()].into_iter());
        assert_eq!((texts(&axis), axis.place(0.0), axis.place(1.0)), (vec!["a", "b"], Some(0.75), Some(0.25)));
    }

    #[test]
    fn strange_values_have_an_axis() {
        for values in
            [vec![], vec![f64::NAN], vec![f64::INFINITY, 3.0], vec![0.0, 0.0], vec![1e300, -1e300], vec![5e-324]]
        {
            for scale in [Scale::Lin, Scale::Log] {
                let axis = Axis::over(values.iter().copied(), scale, None);
                assert!((1..20).contains(&axis.ticks.len()), "{values:?} {axis:?}");
                for value in &values {
                    assert!(axis.place(*value).is_none_or(f64::is_finite), "{values:?} {axis:?}");
                }
            }
        }
    }

    #[test]
    fn numbers_have_commas() {
        assert_eq!(number(1_234_567.0, 0), "1,234,567");
        assert_eq!(number(-999.5, 1), "−999.5");
        assert_eq!(number(-0.0, 2), "0.00");
        assert_eq!(number(2.5e9, 0), "2.50e9");
    }
}
