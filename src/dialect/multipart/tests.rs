use proptest::prelude::*;

use super::*;

const TYPE: &str = "multipart/form-data; boundary=b";

fn part(name: &str, content: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
}

fn written(form: &Form<'_>) -> String {
    String::from_utf8(form.slices().concat()).unwrap()
}

#[test]
fn the_boundary_is_read_in_every_legal_form() {
    for (content_type, expected) in [
        ("multipart/form-data; boundary=abc", Some("abc")),
        ("Multipart/Form-Data;boundary=abc", Some("abc")),
        ("multipart/form-data; BOUNDARY=\"abc\"", Some("abc")),
        (
            "multipart/form-data; charset=utf-8; boundary=abc ; x=y",
            Some("abc"),
        ),
        ("multipart/form-data; boundary=\"a b;c=d\"", Some("a b;c=d")),
        (
            "multipart/form-data; boundary=\"a\\\"b\\\\\"",
            Some("a\"b\\"),
        ),
        (
            "multipart/form-data; boundary='()+_,-./:=?",
            Some("'()+_,-./:=?"),
        ),
        (
            "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
            Some("----WebKitFormBoundary7MA4YWxkTrZu0gW"),
        ),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=\"\"", None),
        ("multipart/form-data; boundary=\"a \"", None),
        ("multipart/form-data; boundary=a; boundary=b", None),
        ("multipart/form-data; boundary=ä", None),
        ("multipart/mixed; boundary=abc", None),
        ("application/json; boundary=abc", None),
    ] {
        assert_eq!(
            boundary(content_type).as_deref(),
            expected,
            "{content_type}"
        );
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(201));
    assert_eq!(boundary(&long), None);
}

#[test]
fn the_model_is_replaced_and_nothing_else() {
    let file = "--b\r\ncontent-type: audio/wav\r\nContent-Disposition: form-data; name=file; filename=\"a\\\"b.wav\"\r\n\r\nRIFF\r\n--bin\r\n--b-\r\n";
    for body in [
        format!("{}{file}--b--\r\n", part("model", "route")),
        format!("{file}{}--b--", part("model", "route")),
        format!(
            "preamble\r\n{}{}{file}--b-- \r\nepilogue",
            part("x[]", "1"),
            part("model", "route")
        ),
        format!(
            "--b \t{}{file}--b--\r\n",
            part("model", "route").strip_prefix("--b").unwrap()
        ),
    ] {
        let mut form = Form::parse(body.as_bytes(), TYPE).unwrap();
        assert_eq!((form.text("model"), form.count("file")), (Some("route"), 1));
        assert_eq!(written(&form), body);
        form.set("model", "whisper-1");
        assert_eq!(
            written(&form),
            body.replace("\r\n\r\nroute\r\n", "\r\n\r\nwhisper-1\r\n")
        );
        assert_eq!(form.text("model"), Some("whisper-1"));
    }
}

#[test]
fn edits_add_up() {
    let body = format!(
        "{}{}{}--b--\r\n",
        part("a", "1"),
        part("b", "2"),
        part("a", "3")
    );
    let edited = |change: &dyn Fn(&mut Form<'_>)| {
        let mut form = Form::parse(body.as_bytes(), TYPE).unwrap();
        change(&mut form);
        written(&form)
    };
    let all = |parts: &[(&str, &str)]| {
        let parts: String = parts.iter().map(|(name, text)| part(name, text)).collect();
        parts + "--b--\r\n"
    };
    for (change, expected) in [
        (
            &(|form: &mut Form<'_>| form.remove("a")) as &dyn Fn(&mut Form<'_>),
            all(&[("b", "2")]),
        ),
        (
            &|form| form.rename("b", "c"),
            all(&[("a", "1"), ("c", "2"), ("a", "3")]),
        ),
        (
            &|form| form.rename("b", "a"),
            all(&[("a", "1"), ("a", "3")]),
        ),
        (
            &|form| {
                form.rename("b", "c");
                form.set("c", "4");
                form.rename("c", "d");
            },
            all(&[("a", "1"), ("d", "4"), ("a", "3")]),
        ),
        (
            &|form| {
                form.set("new", "4");
                form.set("new", "5");
                form.rename("new", "newer");
            },
            all(&[("a", "1"), ("b", "2"), ("a", "3"), ("newer", "5")]),
        ),
        (
            &|form| {
                form.remove("b");
                form.set("b", "4");
                form.remove("a");
            },
            all(&[("b", "4")]),
        ),
        (&|form| form.rename("absent", "x"), body.clone()),
    ] {
        assert_eq!(edited(change), expected);
    }
}

/// A name from the configuration must not begin a field, or a part, of its own.
#[test]
fn a_name_stays_within_its_quotes() {
    let mut form = Form::parse(b"--b--", TYPE).unwrap();
    form.set("a\"\r\nX: y\\", "1");
    let text = written(&form);
    let again = Form::parse(text.as_bytes(), TYPE).unwrap();
    assert_eq!(again.text("a\"__X: y\\"), Some("1"), "{text}");
}

#[test]
fn what_readers_may_read_differently_is_no_form() {
    for body in [
        "",
        "--b",
        "--b\r\n",
        "{\"model\":\"m\"}",
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm",
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--b",
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--c--\r\n",
        "--b\nContent-Disposition: form-data; name=\"model\"\n\nm\n--b--\n",
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n--b--\r\n",
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n--b--\r\n",
        "--b\r\n--b\r\n--b--\r\n",
    ] {
        let read = Form::parse(body.as_bytes(), TYPE);
        assert!(matches!(read, Err(RequestError::Form(_))), "{body}");
    }
    let many = "--b\r\n\r\n\r\n".repeat(MOST_PARTS + 1) + "--b--";
    assert!(Form::parse(many.as_bytes(), TYPE).is_err());
    let long = format!("--b\r\nX: {}\r\n\r\n\r\n--b--", "y".repeat(20 * 1024));
    assert!(Form::parse(long.as_bytes(), TYPE).is_err());
}

/// A form in the making: names, file names and contents.
fn parts() -> impl Strategy<Value = Vec<(String, bool, Vec<u8>)>> {
    let content = prop::collection::vec(
        prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..12),
            2 => Just(b"\r\n".to_vec()),
            2 => Just(b"--".to_vec()),
            2 => Just(b"\r\n--bound".to_vec()),
            1 => Just(b"--boundary".to_vec()),
            1 => Just(b"\r\n--boundaryx\r\n".to_vec()),
        ],
        0..8,
    );
    let content = content.prop_map(|pieces| pieces.concat());
    prop::collection::vec(("[a-z\\[\\]\"\\\\ ]{0,8}", any::<bool>(), content), 0..6)
}

fn spelled(parts: &[(String, bool, Vec<u8>)], boundary: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, is_file, content) in parts {
        let name = name.replace('\\', "\\\\").replace('"', "\\\"");
        let file = if *is_file {
            "; filename=\"f;name=x\""
        } else {
            ""
        };
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    body
}

/// Whether a content holds what would end its part, as it then may not stand in a form with this boundary.
fn holds_delimiter(content: &[u8], boundary: &str) -> bool {
    let framed = [b"\r\n", content, b"\r\n"].concat();
    let delimiter = format!("\r\n--{boundary}");
    let mut found = memmem::find_iter(&framed, delimiter.as_bytes());
    found.any(|at| {
        let behind = framed.get(at + delimiter.len()..).unwrap_or_default();
        let behind = behind.strip_prefix(b"--").unwrap_or(behind);
        let text = behind.iter().position(|byte| !matches!(byte, b' ' | b'\t'));
        text.is_none_or(|at| behind.get(at..).unwrap_or_default().starts_with(b"\r\n"))
    })
}

proptest! {
    /// Bytes that only look like a boundary are a file's, and every byte of a file reaches the provider.
    #[test]
    fn a_form_is_what_was_put_into_it(
        parts in parts(),
        boundary in "[a-zA-Z0-9'()+_,./:=?-]{1,30}|boundary",
        at in any::<prop::sample::Index>(),
        model in "[a-z/:.0-9-]{1,20}",
    ) {
        let mut parts = parts;
        parts.retain(|(_, _, content)| !holds_delimiter(content, &boundary));
        let place = at.index(parts.len() + 1);
        parts.insert(place, ("model".to_owned(), false, b"route".to_vec()));
        let content_type = format!("multipart/form-data; boundary=\"{boundary}\"");
        let body = spelled(&parts, &boundary);
        let mut form = Form::parse(&body, &content_type).unwrap();
        prop_assert_eq!(form.slices().concat(), body.clone());
        for (name, _, _) in &parts {
            let same = parts.iter().filter(|(other, _, _)| other == name).count();
            prop_assert_eq!(form.count(name), same);
        }
        form.set("model", &model);
        let expected: Vec<_> = parts
            .iter()
            .map(|(name, is_file, content)| {
                let is_set = name == "model" && !is_file;
                (name.clone(), *is_file, if is_set { model.clone().into_bytes() } else { content.clone() })
            })
            .collect();
        prop_assert_eq!(form.slices().concat(), spelled(&expected, &boundary));
    }

    /// No bytes make the reader panic, and what it reads it writes.
    #[test]
    fn any_bytes_are_a_form_or_none(body in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'-'), Just(b'\r'), Just(b'\n'), Just(b'b')], 0..64)) {
        if let Ok(form) = Form::parse(&body, TYPE) {
            prop_assert_eq!(form.slices().concat(), body);
        }
    }
}
