//! `K=V,K2=V2`, as headers and resource attributes are written (in the manner of W3C Baggage).

use percent_encoding::percent_decode_str;

/// The pairs, and how many entries are none. Values are percent-decoded; keys are not.
pub fn pairs(text: &str) -> (Vec<(String, String)>, usize) {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut wrong = 0;
    for entry in text
        .split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
    {
        match entry.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                found.push((key.trim().to_owned(), decoded(value.trim())));
            }
            _ => wrong += 1,
        }
    }
    (found, wrong)
}

/// What is not UTF-8 once decoded stays as it is.
fn decoded(value: &str) -> String {
    let decoded = percent_decode_str(value).decode_utf8();
    decoded.map_or_else(|_| value.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_and_the_rest_is_counted() {
        let (found, wrong) = pairs(" a=1, b = x=y==,,c=a%20b%2Cc ,novalue, =x, d=100%, e=%FF,f=");
        let expected = [
            ("a", "1"),
            ("b", "x=y=="),
            ("c", "a b,c"),
            ("d", "100%"),
            ("e", "%FF"),
            ("f", ""),
        ];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!((found, wrong), (expected.to_vec(), 2));
    }
}
