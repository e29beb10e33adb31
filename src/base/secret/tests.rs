use super::*;

#[test]
fn a_secret_does_not_print_itself() {
    assert_eq!(format!("{:?}", Secret::new("sk-12345678")), "***");
    let redactor = Redactor::new([Secret::new("sk-12345678")]);
    assert_eq!(format!("{redactor:?}"), "Redactor(1 keys)");
}

#[test]
fn a_hint_gives_little_of_a_long_key_and_nothing_of_a_short_one() {
    assert_eq!(Secret::new("sk-0123456789abcdefgh").hint(), "***efgh");
    assert_eq!(Secret::new("sk-12345678").hint(), "***");
    assert_eq!(Secret::new("").hint(), "***");
}

#[test]
fn matching_is_exact() {
    let secret = Secret::new("sk-12345678");
    assert!(secret.matches(b"sk-12345678"));
    for wrong in ["", "sk-1234567", "sk-123456789", "sk-12345679"] {
        assert!(!secret.matches(wrong.as_bytes()), "{wrong}");
    }
}

#[test]
fn keys_are_masked_wherever_they_stand() {
    let redactor = Redactor::new(["sk-12345678", "sk-12345678-long", "short"].map(Secret::new));
    assert_eq!(
        redactor.redact("bad key sk-12345678, sk-12345678-long; short"),
        "bad key ***, ***; short"
    );
}

#[test]
fn two_redactors_together_mask_the_keys_of_both() {
    let [old, new] = ["sk-old-key", "sk-new-key"].map(|key| Redactor::new([Secret::new(key)]));
    let both = old.and(&new);
    assert_eq!(both.mask("sk-new-key sk-old-key"), "*** ***");
    assert!(matches!(both.mask("nothing"), Cow::Borrowed("nothing")));
}

#[test]
fn a_key_that_was_cut_off_is_masked_too() {
    let redactor = Redactor::new(["sk-0123456789", "sk-01234-other"].map(Secret::new));
    for (text, masked) in [
        ("bad key sk-012345678", "bad key ***"),
        ("bad key sk-01234", "bad key ***"),
        ("bad key sk-01234-o", "bad key ***"),
        // Too short a beginning to be the key's alone.
        ("bad key sk-0123", "bad key sk-0123"),
        ("sk-012345 is bad", "sk-012345 is bad"),
        ("sk-0123456789", "***"),
    ] {
        assert_eq!(redactor.redact(text), masked, "{text}");
    }
}

const ODD_KEY: &str = "sk-A/b+\"q\\w%z\u{e9}\u{1f600}-0123456789";

/// Spellings of one character, as encoders of JSON and of URLs write it.
fn spellings_of(character: char) -> Vec<String> {
    let units = |upper: bool| -> String {
        let mut units = [0; 2];
        let spell = |unit: &u16| match upper {
            true => format!("\\u{unit:04X}"),
            false => format!("\\u{unit:04x}"),
        };
        character
            .encode_utf16(&mut units)
            .iter()
            .map(spell)
            .collect()
    };
    let bytes = character.to_string().into_bytes();
    let percent: String = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    let json = serde_json::to_string(&character.to_string()).unwrap();
    let mut all = vec![
        character.to_string(),
        json[1..json.len() - 1].to_owned(),
        units(false),
        units(true),
        units(false).replace('\\', "\\\\"),
        percent.to_lowercase(),
        percent,
    ];
    if character == '/' {
        all.extend(["\\/".to_owned(), "\\\\/".to_owned()]);
    }
    // A quote or a backslash alone would end or change the string that it stands in.
    if "\"\\%".contains(character) {
        all.remove(0);
    }
    all
}

#[test]
fn a_key_is_masked_in_any_mix_of_spellings() {
    let redactor = Redactor::new([Secret::new(ODD_KEY)]);
    for seed in 0..300_u64 {
        let mut number = seed;
        let mut spelled = String::new();
        for character in ODD_KEY.chars() {
            let all = spellings_of(character);
            number = number
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            spelled.push_str(&all[(number >> 33) as usize % all.len()]);
        }
        let text = format!(r#"{{"key":"{spelled}","n":1}}"#);
        let masked = redactor.mask(&text).into_owned();
        assert_eq!(masked, r#"{"key":"***","n":1}"#, "{text}");
    }
}

/// A JSON string inside a JSON string inside a JSON string, as gateways in front of gateways make them.
#[test]
fn a_key_in_nested_json_is_masked() {
    let redactor = Redactor::new([Secret::new(ODD_KEY)]);
    let mut text = ODD_KEY.replace('/', "\\/");
    for _ in 0..3 {
        text = serde_json::to_string(&text).unwrap();
        let masked = redactor.mask(&text);
        assert!(
            masked.contains("***") && !masked.contains("0123456789"),
            "{masked}"
        );
    }
}

#[test]
fn a_key_that_was_cut_off_within_its_escapes_is_masked_too() {
    let key = "sk-0123/456789/abcdef";
    let redactor = Redactor::new([Secret::new(key)]);
    for spelled in [
        key.replace('/', "\\/"),
        key.replace('/', "\\u002f"),
        key.replace('/', "%2F"),
    ] {
        for end in 9..spelled.len() {
            let text = format!("bad \\n {}", &spelled[..end]);
            let masked = redactor.redact(&text);
            let shown = masked.strip_prefix("bad \\n ").unwrap();
            let is_short = !shown.contains("456") && !shown.contains('*');
            assert!(shown == "***" || is_short, "{text}: {masked}");
        }
    }
}

#[test]
fn texts_without_a_key_stay_as_they_are() {
    let redactor = Redactor::new([Secret::new(ODD_KEY)]);
    for text in [
        "100%",
        "%",
        "%2",
        "%zz",
        "\\",
        "a\\u",
        "\\u12",
        "C:\\dir\\ü",
        "\\ud83d",
        "\\ud83d\\u0041",
    ] {
        assert!(matches!(redactor.mask(text), Cow::Borrowed(_)), "{text}");
        assert_eq!(redactor.redact(text), text);
    }
}

/// The pieces of a text are looked at once, and backslashes in a row are no exception.
#[test]
fn a_hostile_text_is_searched_in_one_pass() {
    let redactor = Redactor::new((0..20).map(|n| Secret::new(format!("aaaaaaaaaaaaaaa{n:02}"))));
    for unit in ["\\", "%", "\\u0061", "%61", "a\\", "\\u"] {
        let text = unit.repeat(1 << 17);
        assert!(matches!(redactor.mask(&text), Cow::Borrowed(_)), "{unit}");
    }
}
