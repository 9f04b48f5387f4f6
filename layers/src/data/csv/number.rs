//! What a cell's text is: a number, almost a number, a date, or any other text.

/// What a text is.
#[derive(Debug, PartialEq)]
pub(super) enum Text {
    /// A finite number, in digits with an optional sign, fraction and exponent.
    Number(f64),
    /// Something that looks like a number and cannot be taken as one, with the reason.
    Almost(&'static str),
    /// A date or a time of day.
    Date,
    /// Anything else.
    Other,
}

/// Classifies a text, whose fractions follow the byte `decimal`.
pub(super) fn classify(text: &str, decimal: u8) -> Text {
    if let Some(number) = plain(text, decimal) {
        return match number {
            _ if number.is_infinite() => Text::Almost("which is too large for a 64-bit number"),
            0.0 if mantissa(text).any(|byte| (b'1'..=b'9').contains(&byte)) => {
                Text::Almost("which a 64-bit number rounds to 0")
            }
            // Two names of 17 digits would become one number.
            _ if number.abs() >= LARGEST_WHOLE && !is_exact(text, number) => {
                Text::Almost("which a 64-bit number rounds; for names, declare the column by `.categorical(..)`")
            }
            _ => Text::Number(number),
        };
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if ["inf", "infinity", "nan"].iter().any(|word| unsigned.eq_ignore_ascii_case(word)) {
        return Text::Almost("which is not finite; name it in `.missing_values(..)` if it stands for a missing value");
    }
    if is_date(text) {
        return Text::Date;
    }
    if unsigned.contains(|c: char| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_digit() || "., '_%$€£¥".contains(c))
    {
        return Text::Almost(match (text.contains(','), decimal) {
            (true, b'.') => {
                "which has a comma; if it is the decimal sign, set `.decimal(b',')`, and separators of thousands must be \
                 removed"
            }
            (false, b',') if text.contains('.') => "which has a point, but the decimal sign is set to the comma",
            _ => "which has more than digits, a sign and a decimal sign; remove units and separators",
        });
    }
    Text::Other
}

/// From here on, a double does not tell whole numbers apart.
const LARGEST_WHOLE: f64 = (1u64 << 53) as f64;

/// Whether this double is the whole number that a text of digits is; true for a number in another form.
fn is_exact(text: &str, number: f64) -> bool {
    let digits = text.trim_start_matches(['+', '-']).trim_start_matches('0');
    !digits.bytes().all(|byte| byte.is_ascii_digit()) || format!("{:.0}", number.abs()) == digits
}

/// The number that a text of digits is, with an optional sign, fraction and exponent.
fn plain(text: &str, decimal: u8) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut at = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let mut count = digits(at);
    at += count;
    let point = at;
    let has_fraction = bytes.get(at) == Some(&decimal);
    if has_fraction {
        let fraction = digits(at + 1);
        count += fraction;
        at += 1 + fraction;
    }
    if count > 0 && matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at = if exponent > 0 { at + exponent } else { usize::MAX };
    }
    if count == 0 || at != bytes.len() {
        return None;
    }
    // The standard library reads more than this, such as `inf`, and this with a point as the decimal sign.
    if has_fraction && decimal != b'.' {
        return format!("{}.{}", &text[..point], &text[point + 1..]).parse().ok();
    }
    text.parse().ok()
}

/// The bytes before the exponent.
fn mantissa(text: &str) -> impl Iterator<Item = u8> {
    text.bytes().take_while(|byte| !byte.eq_ignore_ascii_case(&b'e'))
}

/// Whether a text is a date in digits, such as 2024-01-31, 2024-01, 31.1.24 or 1/31/2024, a time such as 12:30, or both.
fn is_date(text: &str) -> bool {
    let (date, time) = match text.find(['T', ' ']) {
        Some(at) => (&text[..at], Some(text[at + 1..].trim_end_matches('Z'))),
        None => (text, None),
    };
    let lengths = |part: &str, separator: char| -> Option<Vec<usize>> {
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        // A few parts, however long the text.
        let parts: Vec<&str> = part.split(separator).take(4).collect();
        (parts.iter().all(|part| digits(part))).then(|| parts.iter().map(|part| part.len()).collect())
    };
    let is_time = |part: &str| {
        let whole = part.split(['.', ',', '+']).next().unwrap_or(part);
        matches!(lengths(whole, ':').as_deref(), Some([1 | 2, 2] | [1 | 2, 2, 2]))
    };
    let is_day = ['-', '/', '.'].iter().any(|&separator| {
        matches!(
            (lengths(date, separator).as_deref(), separator),
            (Some([4, 1 | 2, 1 | 2] | [1 | 2, 1 | 2, 2 | 4]), _) | (Some([4, 2]), '-' | '/')
        )
    });
    match time {
        Some(time) => is_day && is_time(time),
        None => is_day || is_time(date),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_with_sign_fraction_and_exponent() {
        for (text, number) in [
            ("0", 0.0),
            ("-1", -1.0),
            ("+2.5", 2.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e3", 1000.0),
            ("1.5E-2", 0.015),
            ("007", 7.0),
            ("-0.0e5", 0.0),
            ("4.9e-324", 4.9e-324),
            ("9007199254740992", 9_007_199_254_740_992.0),
            ("00100000000000000000000", 1e20),
            ("1.5e300", 1.5e300),
        ] {
            assert_eq!(classify(text, b'.'), Text::Number(number), "{text}");
        }
        assert_eq!(classify("1,5", b','), Text::Number(1.5));
        assert_eq!(classify(",5e1", b','), Text::Number(5.0));
        assert_eq!(classify("15", b','), Text::Number(15.0));
    }

    #[test]
    fn what_is_almost_a_number_is_not_taken_for_a_name() {
        for text in [
            "1e400",
            "-1e400",
            "1e-400",
            "inf",
            "-Infinity",
            "NaN",
            "1,5",
            "1,234.5",
            "1 000",
            "12%",
            "$3",
            "1_0",
            "1.2.3",
            "9007199254740993",
            "-00123456789012345678901234567890",
        ] {
            assert!(matches!(classify(text, b'.'), Text::Almost(_)), "{text}: {:?}", classify(text, b'.'));
        }
        assert!(matches!(classify("1.5", b','), Text::Almost(reason) if reason.contains("has a point")));
        for text in ["", "e5", "1e", "-", "+", ".", "abc", "30-39", "x1", "1x", "0x5", "٥", "1e+", "A", "1-2-3-4"] {
            assert_eq!(classify(text, b'.'), Text::Other, "{text}");
        }
    }

    #[test]
    fn dates_and_times_are_recognised() {
        for text in [
            "2024-01-31",
            "1949-01",
            "31.1.24",
            "1/31/2024",
            "2024/1/2",
            "12:30",
            "7:05:59",
            "2024-01-31T12:30:00Z",
            "2024-01-31 12:30",
            "2024-01-31 12:30:01.5",
        ] {
            assert_eq!(classify(text, b'.'), Text::Date, "{text}");
        }
    }
}
