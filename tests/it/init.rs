//! `ai-gateway init`: what a newcomer has after it, and what a script can rely on.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use dialogue::Dialogue;

use crate::support::process::{Ended, Folder, command, command_in, run, wait};
use crate::support::{Gateway, Upstream};

/// The lines of `.env`, as pairs.
fn environment(folder: &Folder) -> Vec<(String, String)> {
    let text = fs::read_to_string(folder.path().join(".env")).expect(".env");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn init(folder: &Folder, arguments: &[&str], keys: &[(&str, &str)]) -> Ended {
    run(command_in(folder.path())
        .arg("init")
        .args(arguments)
        .envs(keys.iter().copied()))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[test]
fn what_it_writes_is_valid_and_what_it_says_to_paste_is_what_the_files_hold() {
    let folder = Folder::new();
    let all = "groq,cerebras,openrouter,google,mistral,nvidia,cloudflare,ollama,llamacpp";
    let keys = [
        ("GROQ_API_KEY", "gsk-of-the-environment"),
        ("NVIDIA_API_KEY", "Bearer nvapi-1"),
    ];
    let arguments = [
        "--provider",
        all,
        "--route",
        "dynamic/n8n",
        "--port",
        "8190",
        "--keys-later",
    ];
    let ended = init(&folder, &arguments, &keys);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for name in ["config.yaml", ".env"] {
        assert_eq!(mode(&folder.path().join(name)), 0o600, "{name}");
    }
    let variables = environment(&folder);
    let value = |wanted: &str| {
        let found = variables.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).expect("a variable")
    };
    assert_eq!(value("GROQ_API_KEY"), "gsk-of-the-environment");
    assert_eq!(value("NVIDIA_API_KEY"), "nvapi-1");
    let key = value("GATEWAY_API_KEY");
    assert!(key.len() >= 32, "{key}");
    for words in [
        &*key,
        "http://localhost:8190/v1",
        "dynamic/n8n",
        "MISTRAL_API_KEY",
    ] {
        assert!(ended.stdout.contains(words), "{words}: {}", ended.stdout);
    }
    let text = fs::read_to_string(folder.path().join("config.yaml")).unwrap();
    assert!(!text.contains("gsk-") && !text.contains(&key), "{text}");

    let filled = variables
        .into_iter()
        .map(|(name, value)| match value.as_str() {
            "" => (name.clone(), format!("key-of-{name}")),
            _ => (name, value),
        });
    let checked = run(command_in(folder.path()).arg("check").envs(filled));
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
    for words in [
        "dynamic/n8n",
        "groq/openai/gpt-oss-120b",
        "llamacpp/default",
    ] {
        assert!(checked.stdout.contains(words), "{}", checked.stdout);
    }
}

#[test]
fn what_it_writes_serves() {
    let upstream = Upstream::saying("from here");
    let folder = Folder::new();
    let provider = format!("http://{}/v1=qwen3", upstream.address);
    let ended = init(&folder, &["--provider", &provider], &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let variables = environment(&folder);
    let (_, key) = variables.first().expect("the key").clone();
    // Any free port instead of the usual one.
    let config = folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("port: 8080", "listen: 127.0.0.1:0")).unwrap();
    let mut serving = command_in(folder.path());
    serving.args(["--config", "config.yaml"]).envs(variables);
    let gateway = Gateway::running(serving, folder);
    let body = r#"{"model":"home","messages":[{"role":"user","content":"hi"}]}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: g\r\nX-Api-Key: {key}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let response = gateway.exchange(request);
    assert_eq!(response.status, 200, "{}", response.text());
    assert!(response.text().contains("from here"));
}

#[test]
fn nothing_is_overwritten_and_nothing_is_left_behind() {
    for (name, make) in [
        ("config.yaml", "file"),
        (".env", "file"),
        ("config.yaml", "link"),
        (".env", "link"),
    ] {
        let folder = Folder::new();
        let elsewhere = folder.path().join("elsewhere");
        let path = folder.path().join(name);
        match make {
            "file" => fs::write(&path, "mine").unwrap(),
            _ => symlink(&elsewhere, &path).unwrap(),
        }
        let ended = init(&folder, &["--provider", "ollama"], &[]);
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.stdout);
        let words = format!("./{name} is there already");
        assert!(ended.stderr.contains(&words), "{}", ended.stderr);
        assert!(!elsewhere.exists());
        let entries = fs::read_dir(folder.path()).unwrap();
        assert_eq!(entries.count(), 1, "{name} as a {make}");
    }
}

/// Without a terminal nobody can be asked, and a script wants to know everything at once.
#[test]
fn what_is_missing_is_named_all_of_it() {
    let folder = Folder::new();
    for (arguments, words) in [
        (&[][..], &["--provider", "groq, cerebras", "or a URL"][..]),
        (
            &["--provider", "groq", "--provider", "http://10.0.0.9:1/v1"],
            &[
                "GROQ_API_KEY",
                "--keys-later",
                "--provider http://10.0.0.9:1/v1=MODEL",
            ],
        ),
        (&["--provider", "grok"], &["did you mean \"groq\"?"]),
        (
            &["--provider", "http://127.0.0.1:8080/v1=m"],
            &["the gateway itself", "--port"],
        ),
        (&["--providr", "groq"], &["did you mean --provider?"]),
        (&["--provider", "ollama", "--port", "0"], &["--port"]),
        (&["now"], &["init does not take"]),
    ] {
        let ended = init(&folder, arguments, &[]);
        assert_eq!(ended.code, Some(64), "{arguments:?}: {}", ended.stdout);
        for word in words {
            assert!(
                ended.stderr.contains(word),
                "{arguments:?}: {}",
                ended.stderr
            );
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// On a terminal it asks, and does not show the key that is typed.
#[test]
fn on_a_terminal_it_asks() {
    let folder = Folder::new();
    // script(1) gives it one.
    let binary = command().get_program().to_owned();
    let inner = format!("{} init; echo ended with $?", binary.display());
    let Ok(mut child) = Command::new("script")
        .args(["-qec", &inner, "/dev/null"])
        .current_dir(folder.path())
        .env_remove("GROQ_API_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
    else {
        println!("skipped: there is no script(1)");
        return;
    };
    let mut dialogue = Dialogue::new(&mut child);
    for (question, answer) in [
        ("First provider", "groq\n"),
        ("Model at groq", "\n"),
        ("if it cannot answer", "9\n"),
        ("Model at llamacpp", "\n"),
        ("if it cannot answer", "\n"),
        ("Name of the route", "kitchen\n"),
        ("GROQ_API_KEY", "gsk-typed-by-hand\n"),
    ] {
        dialogue.answer(question, answer);
    }
    let said = dialogue.rest();
    wait(&mut child);
    assert!(said.contains("ended with 0"), "{said}");
    assert!(!said.contains("gsk-typed"), "{said}");
    let variables = environment(&folder);
    let typed = variables.iter().find(|(name, _)| name == "GROQ_API_KEY");
    assert_eq!(typed.map(|(_, value)| &**value), Some("gsk-typed-by-hand"));
    let text = fs::read_to_string(folder.path().join("config.yaml")).unwrap();
    for words in [
        "name: kitchen",
        "profile: llamacpp",
        "upstream_stream: always",
    ] {
        assert!(text.contains(words), "{text}");
    }
}

mod dialogue {
    use std::io::{Read, Write};
    use std::process::{Child, ChildStdin, ChildStdout};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use crate::support::PATIENCE;

    /// The other side of the questions.
    pub struct Dialogue {
        stdin: ChildStdin,
        stdout: ChildStdout,
        said: String,
        seen: usize,
    }

    impl Dialogue {
        pub fn new(child: &mut Child) -> Self {
            Self {
                stdin: child.stdin.take().unwrap(),
                stdout: child.stdout.take().unwrap(),
                said: String::new(),
                seen: 0,
            }
        }

        /// Answers as soon as the question has been asked.
        pub fn answer(&mut self, question: &str, answer: &str) {
            let end = loop {
                let unseen = self.said.get(self.seen..).unwrap_or_default();
                if let Some(at) = unseen.find(question)
                    && let Some(end) = unseen[at..].find(": ")
                {
                    break self.seen + at + end;
                }
                assert!(self.read() > 0, "no {question:?} in {}", self.said);
            };
            self.seen = end;
            self.stdin.write_all(answer.as_bytes()).unwrap();
        }

        pub fn rest(mut self) -> String {
            while !self.said.contains("ended with") && self.read() > 0 {}
            self.said
        }

        /// A question that never comes is a failure, and no test without an end.
        fn read(&mut self) -> usize {
            let mut watched = [PollFd::new(&self.stdout, PollFlags::IN)];
            let limit = Timespec::try_from(PATIENCE).unwrap();
            let ready = poll(&mut watched, Some(&limit)).unwrap();
            assert!(ready > 0, "it waits behind {}", self.said);
            let mut buffer = [0; 4096];
            let read = self.stdout.read(&mut buffer).unwrap_or(0);
            self.said
                .push_str(&String::from_utf8_lossy(&buffer[..read]));
            read
        }
    }
}
