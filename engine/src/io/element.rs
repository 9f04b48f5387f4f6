//! Element types of files, and their conversion to `f32` and `f64`.

use super::{FileError, Place};
use crate::Real;

/// The type of a file's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Element {
    Bool,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    F16,
    #[cfg_attr(not(feature = "files"), allow(dead_code, reason = "only safetensors has it"))]
    Bf16,
    F32,
    F64,
}

impl Element {
    /// Bytes of an element.
    pub(super) fn size(self) -> usize {
        use Element::{Bf16, Bool, F16, F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        match self {
            Bool | I8 | U8 => 1,
            I16 | U16 | F16 | Bf16 => 2,
            I32 | U32 | F32 => 4,
            I64 | U64 | F64 => 8,
        }
    }

    /// Converts the elements of `bytes` in order and passes them to `put`. The first one is element `first` of the
    /// array. Bytes after the last whole element are ignored. `place` locates an element, given the offset of its first
    /// byte within the array.
    pub(super) fn convert<T: Real>(
        self,
        bytes: &[u8],
        big_endian: bool,
        first: usize,
        place: impl Fn(usize) -> Place,
        put: impl FnMut(T),
    ) -> Result<(), FileError> {
        macro_rules! each {
            ($type:ty, $into:expr) => {
                each(bytes, big_endian, |bytes| <$type>::from_le_bytes(bytes), $into, put)
            };
        }
        let outcome = match self {
            Element::Bool => each!(u8, |x| if x <= 1 { Ok(T::from_f64(f64::from(x))) } else { Err(whole(x)) }),
            Element::I8 => each!(i8, |x| Ok(T::from_f64(f64::from(x)))),
            Element::U8 => each!(u8, |x| Ok(T::from_f64(f64::from(x)))),
            Element::I16 => each!(i16, exact),
            Element::U16 => each!(u16, exact),
            Element::I32 => each!(i32, exact),
            Element::U32 => each!(u32, exact),
            Element::I64 => each!(i64, exact),
            Element::U64 => each!(u64, exact),
            Element::F16 => each!(u16, |x| nearest(half(x))),
            Element::Bf16 => each!(u16, |x| nearest(f64::from(f32::from_bits(u32::from(x) << 16)))),
            Element::F32 => each!(f32, |x| nearest(f64::from(x))),
            Element::F64 => each!(f64, nearest),
        };
        outcome.map_err(|(element, value)| FileError::Value {
            place: place((first + element) * self.size()),
            element: first + element,
            value,
            into: T::NAME,
        })
    }
}

/// Calls `put` with every element; on error, returns the index and value of the first element that cannot be converted.
fn each<T, E, const SIZE: usize>(
    bytes: &[u8],
    big_endian: bool,
    from_bytes: impl Fn([u8; SIZE]) -> E,
    into: impl Fn(E) -> Result<T, String>,
    mut put: impl FnMut(T),
) -> Result<(), (usize, String)> {
    for (i, &element) in bytes.as_chunks::<SIZE>().0.iter().enumerate() {
        let mut element = element;
        if big_endian {
            element.reverse();
        }
        put(into(from_bytes(element)).map_err(|value| (i, value))?);
    }
    Ok(())
}

/// Converts an integer if the type represents it exactly.
fn exact<T: Real>(x: impl Into<i128>) -> Result<T, String> {
    let x = x.into();
    let y = T::from_f64(x as f64);
    // Integers have at most 64 bits, so the cast back is exact.
    if y.to_f64() as i128 == x { Ok(y) } else { Err(whole(x)) }
}

fn whole(x: impl Into<i128>) -> String {
    x.into().to_string()
}

/// Rounds a floating-point number to the type; a finite number that becomes infinite is an error.
fn nearest<T: Real>(x: f64) -> Result<T, String> {
    let y = T::from_f64(x);
    if x.is_finite() && !y.is_finite() { Err(format!("{x:e}")) } else { Ok(y) }
}

/// The value of an IEEE 754 binary16: a sign, 5 bits of exponent, 10 of fraction.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
    let magnitude = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    if bits >> 15 == 1 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<T: Real>(element: Element, bytes: &[u8], big_endian: bool) -> Result<Vec<T>, String> {
        let mut values = Vec::new();
        let place = |byte| Place::new("x".as_ref(), None, byte);
        element.convert(bytes, big_endian, 0, place, |x| values.push(x)).map_err(|error| error.to_string())?;
        Ok(values)
    }

    #[test]
    fn halves_have_their_values() {
        let known: [(u16, f64); 8] = [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_625e-5),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x3555, 0.333_251_953_125),
            (0x7c00, f64::INFINITY),
            (0x8000, -0.0),
        ];
        for (bits, value) in known {
            assert_eq!(half(bits).to_bits(), value.to_bits(), "{bits:04x}");
        }
        assert!(half(0x7e01).is_nan());
    }

    #[test]
    fn integers_are_exact_or_rejected() {
        let bytes = |x: i64| x.to_le_bytes();
        assert_eq!(of::<f64>(Element::I64, &bytes(-(1 << 53)), false), Ok(vec![-(2f64.powi(53))]));
        let message = of::<f64>(Element::I64, &[bytes(0), bytes((1 << 53) + 1)].concat(), false).unwrap_err();
        assert!(message.contains("byte 8: element 1 is 9007199254740993, which `f64` cannot hold"), "{message}");
        assert!(of::<f32>(Element::I32, &16_777_217_i32.to_be_bytes(), true).is_err());
        assert_eq!(of::<f32>(Element::I32, &16_777_218_i32.to_be_bytes(), true), Ok(vec![16_777_218.0]));
        assert!(of::<f64>(Element::U64, &u64::MAX.to_le_bytes(), false).is_err());
        assert_eq!(of::<f32>(Element::U64, &(1u64 << 63).to_le_bytes(), false), Ok(vec![2f32.powi(63)]));
        assert!(of::<f64>(Element::I64, &i64::MAX.to_le_bytes(), false).is_err());
        assert_eq!(of::<f64>(Element::I64, &i64::MIN.to_le_bytes(), false), Ok(vec![-(2f64.powi(63))]));
    }

    #[test]
    fn no_finite_number_becomes_infinite() {
        let message = of::<f32>(Element::F64, &1e39f64.to_le_bytes(), false).unwrap_err();
        assert!(message.contains("element 0 is 1e39, which `f32` cannot hold"), "{message}");
        assert_eq!(of::<f32>(Element::F64, &0.1f64.to_le_bytes(), false), Ok(vec![0.1f32]));
        assert_eq!(of::<f32>(Element::F64, &f64::NEG_INFINITY.to_be_bytes(), true), Ok(vec![f32::NEG_INFINITY]));
    }

    #[test]
    fn a_boolean_is_zero_or_one() {
        assert_eq!(of::<f32>(Element::Bool, &[0, 1, 1], false), Ok(vec![0.0, 1.0, 1.0]));
        assert!(of::<f32>(Element::Bool, &[0, 2], false).unwrap_err().contains("element 1 is 2"));
    }

    #[test]
    fn a_bfloat_is_the_upper_half_of_a_float() {
        assert_eq!(of::<f32>(Element::Bf16, &0x3fc0u16.to_le_bytes(), false), Ok(vec![1.5]));
    }
}
