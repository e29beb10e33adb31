//! `error` members that stand beside good answers and say that nothing went wrong.

use crate::json::raw;

/// The words for success, in lower case. Each stands in some provider's answers: Baidu's and MiniMax's `"success"`,
/// Alibaba's `"ok"` and `"200"`.
const WORDS: [&str; 15] = [
    "",
    "ok",
    "200 ok",
    "success",
    "succeeded",
    "successful",
    "request succeeded",
    "none",
    "null",
    "no error",
    "no errors",
    "normal",
    "0",
    "200",
    "false",
];

/// Whether an `error` member, raw, says success: nothing in it is filled, or all that is says so. `code: 0` and
/// `message: "success"` are the usual spelling.
pub fn says_success(error: &str) -> bool {
    if !raw::is_object(error) {
        return is_success(error);
    }
    let mut all = true;
    let read = raw::each_member(error, &mut |_, value| all &= is_success(value));
    read.is_ok() && all
}

fn is_success(value: &str) -> bool {
    match value.as_bytes().first() {
        Some(b'"') => raw::text(value).is_some_and(|text| {
            let text = text.trim_end_matches(['.', '!']).trim();
            WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
        }),
        Some(b'{' | b'[') => value
            .bytes()
            .all(|byte| matches!(byte, b'{' | b'}' | b'[' | b']' | b' ' | b'\n')),
        _ => matches!(value, "null" | "false" | "0" | "200" | "0.0"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_says_so() {
        for error in [
            "null",
            "{}",
            "0",
            r#""OK""#,
            r#"{"code":0,"message":"success"}"#,
            r#"{"code":"0","message":"Success.","type":null}"#,
            r#"{"message":null,"type":"","code":null,"param":null,"details":[]}"#,
            r#"{"code":200,"msg":"ok","data":{ }}"#,
            r#"{"error_code":0,"error_msg":"no error"}"#,
        ] {
            assert!(says_success(error), "{error}");
        }
        for error in [
            "true",
            "1",
            r#""failed""#,
            r#"{"code":0,"message":"quota"}"#,
            r#"{"code":429,"message":""}"#,
            r#"{"code":null,"message":null,"type":"server_error"}"#,
            r#"["x"]"#,
        ] {
            assert!(!says_success(error), "{error}");
        }
    }
}
