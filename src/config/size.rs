//! Sizes in bytes: `1048576`, `32KiB`, `10MB`.

/// Reads a size; `None` when the text is none or the number does not fit.
pub(super) fn parse(text: &str) -> Option<usize> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let factor = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "kib" => 1 << 10,
        "mb" => 1_000_000,
        "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let cases = [
            ("0", Some(0)),
            ("1048576", Some(1_048_576)),
            ("512B", Some(512)),
            ("32KiB", Some(32_768)),
            ("32 KiB", Some(32_768)),
            ("32kib", Some(32_768)),
            ("32kB", Some(32_000)),
            ("10MB", Some(10_000_000)),
            ("32MiB", Some(33_554_432)),
            ("1GB", Some(1_000_000_000)),
            ("1GiB", Some(1_073_741_824)),
            ("", None),
            ("MiB", None),
            ("-1", None),
            ("1.5MiB", None),
            ("10M", None),
            ("10 bytes", None),
            ("0x10", None),
            ("99999999999999999999", None),
            ("99999999999GiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
