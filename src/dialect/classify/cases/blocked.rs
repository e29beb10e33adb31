//! A wall before the API answers, not the API.

use crate::dialect::class::Class;

pub const CASES: &[(&str, u16, &str, Class)] = &[
    (
        "Cloudflare's challenge",
        403,
        r#"<!DOCTYPE html><html><head><title>Just a moment...</title></head>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare's older challenge",
        503,
        r#"<html><head><title>Just a moment...</title>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare, a rule of its firewall",
        403,
        r#"<html><head><title>Attention Required! | Cloudflare</title>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare, \"I'm under attack\"",
        503,
        r#"<html><head><title>Checking your browser before accessing</title>"#,
        Class::Blocked,
    ),
    (
        "a security check",
        429,
        r#"<html><head><title>One more step: security check</title>"#,
        Class::Blocked,
    ),
    (
        "Google's sorry page",
        429,
        r#"<html><head><title>Please solve the CAPTCHA</title>"#,
        Class::Blocked,
    ),
    (
        "DDoS-Guard",
        403,
        r#"<!doctype html><html><head><title>DDoS-Guard</title>"#,
        Class::Blocked,
    ),
    (
        "Sucuri",
        500,
        r#"<html><body><h1>You have been blocked</h1>"#,
        Class::Blocked,
    ),
    (
        "Akamai",
        403,
        r#"<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD>"#,
        Class::Blocked,
    ),
    (
        "AWS CloudFront",
        403,
        r#"<!DOCTYPE HTML PUBLIC "x"><HTML><HEAD><TITLE>ERROR: The request could not be satisfied</TITLE>"#,
        Class::Blocked,
    ),
    (
        "Cloudflare 1006, an address",
        403,
        r#"error code: 1006"#,
        Class::Blocked,
    ),
    (
        "Cloudflare 1010, Groq's answer to Python-urllib",
        403,
        r#"error code: 1010"#,
        Class::Blocked,
    ),
    (
        "Cloudflare 1020",
        403,
        r#"error code: 1020"#,
        Class::Blocked,
    ),
    (
        "Cloudflare, the same as a problem of RFC 9457",
        403,
        r#"{"status":403,"title":"Error 1010: Access denied","detail":"banned","error_code":1010,"error_name":"browser_signature_banned"}"#,
        Class::Blocked,
    ),
    (
        "nginx that is down behind it",
        502,
        r#"<html><head><title>502 Bad Gateway</title>"#,
        Class::ServerError,
    ),
    (
        "nginx, limit_req",
        429,
        r#"<html><head><title>429 Too Many Requests</title>"#,
        Class::RateLimited,
    ),
    (
        "Perplexity, a bad key",
        401,
        r#"<html><head><title>401 Authorization Required</title>"#,
        Class::Unauthorized,
    ),
];
