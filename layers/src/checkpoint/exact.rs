//! An `f64` as serde writes and reads it in a checkpoint: as the text of Rust, which is exact, and has NaN and infinity.

use serde::{Deserialize, Deserializer, Serializer, de};

pub(crate) fn serialize<S: Serializer>(x: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    // `Debug` takes an exponent for small and large numbers.
    serializer.collect_str(&format_args!("{x:?}"))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| de::Error::custom("a text that is not a number"))
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "super")] f64);

    #[test]
    fn numbers_are_read_as_they_were_written() {
        for x in [0.1, -0.0, 1.0 / 3.0, f64::MIN_POSITIVE / 8.0, f64::MAX, f64::NAN, f64::INFINITY] {
            let text = serde_json::to_string(&One(x)).unwrap();
            let read: One = serde_json::from_str(&text).unwrap();
            assert!(read.0.to_bits() == x.to_bits(), "{text}");
        }
        assert!(serde_json::from_str::<One>("\"x\"").is_err());
    }
}
