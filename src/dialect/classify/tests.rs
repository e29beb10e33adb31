use std::collections::BTreeSet;
use std::time::SystemTime;

use super::*;
use crate::dialect::provider_error::refusal_of;
use crate::dialect::rule::{LONGEST_GAP, speaks};

fn class_by(status: u16, body: &str) -> Class {
    let refusal = ProviderRefusal {
        status,
        headers: &[],
        said: &refusal_of(body),
    };
    class_of(&refusal, SystemTime::UNIX_EPOCH)
}

#[test]
fn every_status_has_the_class_of_the_table() {
    let table: &[(Class, &[u16])] = &[
        (
            Class::ServerError,
            &[500, 502, 503, 504, 520, 525, 529, 501, 530, 599],
        ),
        (Class::RateLimited, &[429]),
        (Class::QuotaExhausted, &[402]),
        (Class::Unauthorized, &[401]),
        // DESIGN section 5: a 403 says less than a 401. It was unauthorized.
        (Class::Forbidden, &[403]),
        (Class::ModelNotFound, &[404, 410]),
        (Class::Rejected, &[400, 405, 406, 415, 418, 422, 451, 499]),
        (Class::TooLarge, &[413]),
        // DESIGN section 5: 409 and 424 pass; they were rejections.
        (Class::Transient, &[408, 409, 424, 425]),
        (
            Class::BadResponse,
            &[101, 300, 301, 302, 304, 307, 308, 0, 600, 999],
        ),
    ];
    for (class, statuses) in table {
        for status in *statuses {
            assert_eq!(class_by(*status, ""), *class, "{status}");
        }
    }
}

#[test]
fn providers_are_understood_in_their_own_words() {
    for (source, status, body, class) in cases::all() {
        assert_eq!(class_by(*status, body), *class, "{source}: {status} {body}");
    }
}

#[test]
fn every_word_of_the_table_has_a_case_that_it_decides() {
    let words = rules::all().enumerate();
    let words = words
        .flat_map(|(rule, Rule(words, _, _))| words.all().iter().map(move |word| (rule, *word)));
    let mut missing: BTreeSet<(usize, &str)> = words.collect();
    for (_, status, body, _) in cases::all() {
        let said = refusal_of(body);
        let refusal = ProviderRefusal {
            status: *status,
            headers: &[],
            said: &said,
        };
        let status = effective_status(&refusal);
        if let Some(WordOfRule { rule, word, .. }) =
            decisive(&refusal, status, SystemTime::UNIX_EPOCH)
        {
            let rule = rules::all().position(|other| std::ptr::eq(rule, other));
            missing.remove(&(rule.unwrap(), word));
        }
    }
    assert_eq!(missing, BTreeSet::new(), "without a case");
}

#[test]
fn a_challenge_is_told_by_its_header_whatever_its_status() {
    for (status, class) in [
        (403, Class::Blocked),
        (429, Class::Blocked),
        (503, Class::Blocked),
        // Beside a success it says nothing.
        (200, Class::ServerError),
    ] {
        for name in ["CF-Mitigated", "x-amzn-waf-action", "x-vercel-mitigated"] {
            let refusal = ProviderRefusal {
                status,
                headers: &[(name, "challenge")],
                said: &ProviderError::default(),
            };
            let class_seen = class_of(&refusal, SystemTime::UNIX_EPOCH);
            assert_eq!(class_seen, class, "{status} {name}");
        }
    }
}

#[test]
fn a_bill_for_one_request_is_not_the_key_s() {
    for (body, expected) in [
        (
            r#"{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens. You requested up to 65536 tokens, but can only afford 2000."}}"#,
            true,
        ),
        (r#"{"error":{"message":"Insufficient credits"}}"#, false),
    ] {
        let said = refusal_of(body);
        assert_eq!(
            concerns_this_request_only(Class::QuotaExhausted, &said),
            expected,
            "{body}"
        );
        assert!(!concerns_this_request_only(Class::RateLimited, &said));
    }
}

#[test]
fn a_star_stands_for_a_sentence_at_most() {
    assert!(speaks("model 'x' not found", "model*not found"));
    assert!(speaks("model model not found", "model*not found"));
    assert!(speaks("modelnot found", "model*not found"));
    assert!(speaks("", ""));
    assert!(speaks("it does not support chat", "not support chat"));
    assert!(!speaks(
        "it does not support chat_template",
        "not support chat"
    ));
    assert!(!speaks("not found model", "model*not found"));
    let far = format!("model {} not found", "x".repeat(LONGEST_GAP));
    assert!(!speaks(&far, "model*not found"));
}
