//! The calls of each kind, byte for byte, and what follows from their answers.

use std::time::Duration;

use super::{TOKEN, address, config, receiver, wait_for};
use crate::support::process::{Folder, command_in, run};
use crate::support::{Config, Script, Upstream};

/// The name of the machine, as messages have it.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim().to_owned()
}

/// `ai-gateway alert` with these words over a configuration with these receivers.
fn alert(words: &[&str], receivers: &str) -> (Option<i32>, String, String) {
    let folder = Folder::new();
    let text = Config::new()
        .with(receivers)
        .provider("a", "http://127.0.0.1:1/v1")
        .route("r", [("a", "model-a")])
        .text();
    folder.file("config.yaml", &text);
    let ended = run(command_in(folder.path()).arg("alert").args(words));
    assert!(!ended.stdout.contains(TOKEN), "{}", ended.stdout);
    assert!(!ended.stderr.contains(TOKEN), "{}", ended.stderr);
    (ended.code, ended.stdout, ended.stderr)
}

#[test]
fn each_kind_is_called_as_it_wants() {
    let there = receiver();
    let at = format!("http://{}", there.address);
    let receivers = format!(
        "alerts:\n\
         - {{kind: webhook, url: '{at}/hook?a=b', token: {TOKEN}}}\n\
         - {{kind: ntfy, url: '{at}/topic', token: {TOKEN}}}\n\
         - {{kind: gotify, url: '{at}/gotify/', token: {TOKEN}}}\n\
         - {{kind: telegram, url: '{at}', token: '{TOKEN}', chat: '-100'}}\n\
         - {{kind: slack, url: '{at}/services/{TOKEN}'}}\n\
         - {{kind: discord, url: '{at}/api/webhooks/1/{TOKEN}'}}\n\
         - {{kind: uptime_kuma, name: kuma, url: '{at}/api/push/{TOKEN}?status=up&msg=OK&ping='}}"
    );
    let (code, stdout, _) = alert(&["--test"], &receivers);
    assert_eq!(
        stdout,
        "webhook: sent (HTTP status 200)\nntfy: sent (HTTP status 200)\ngotify: sent (HTTP status 200)\n\
         telegram: sent (HTTP status 200)\nslack: sent (HTTP status 200)\ndiscord: sent (HTTP status 200)\n\
         kuma (uptime_kuma): sent (HTTP status 200)"
    );
    assert_eq!(code, Some(0));
    let host = machine();
    let text = format!("This is a test of the alerts of the gateway on {host}.");
    let requests = there.requests();
    let [webhook, ntfy, gotify, telegram, slack, discord, kuma] = requests.as_slice() else {
        panic!("{} requests", requests.len());
    };
    let line = |request: &crate::support::upstream::Request| request.head.first_line.clone();
    let header = |request: &crate::support::upstream::Request, name: &str| {
        request.head.get(name).map(str::to_owned)
    };
    let bearer = Some(format!("Bearer {TOKEN}"));

    assert_eq!(line(webhook), "POST /hook?a=b HTTP/1.1");
    assert_eq!(header(webhook, "authorization"), bearer);
    assert_eq!(
        header(webhook, "content-type").as_deref(),
        Some("application/json")
    );
    let at = webhook.json()["at"].as_str().unwrap().to_owned();
    assert_eq!(
        webhook.text(),
        format!(
            r#"{{"event":"test","state":"began","text":"{text}","at":"{at}","gateway":"{host}"}}"#
        )
    );

    assert_eq!(line(ntfy), "POST /topic HTTP/1.1");
    assert_eq!(header(ntfy, "authorization"), bearer);
    assert_eq!(header(ntfy, "title"), Some(format!("Test ({host})")));
    assert_eq!(header(ntfy, "priority").as_deref(), Some("3"));
    assert_eq!(header(ntfy, "tags").as_deref(), Some("warning"));
    assert_eq!(ntfy.text(), text);

    assert_eq!(line(gotify), "POST /gotify/message HTTP/1.1");
    assert_eq!(header(gotify, "x-gotify-key").as_deref(), Some(TOKEN));
    assert_eq!(
        gotify.text(),
        format!(r#"{{"title":"Test ({host})","message":"{text}","priority":4}}"#)
    );

    assert_eq!(
        line(telegram),
        format!("POST /bot{TOKEN}/sendMessage HTTP/1.1")
    );
    assert_eq!(
        telegram.text(),
        format!(r#"{{"chat_id":"-100","text":"{text}"}}"#)
    );

    assert_eq!(line(slack), format!("POST /services/{TOKEN} HTTP/1.1"));
    assert_eq!(slack.text(), format!(r#"{{"text":"{text}"}}"#));

    assert_eq!(
        line(discord),
        format!("POST /api/webhooks/1/{TOKEN} HTTP/1.1")
    );
    assert_eq!(discord.text(), format!(r#"{{"content":"{text}"}}"#));

    assert_eq!(
        line(kuma),
        format!("GET /api/push/{TOKEN}?status=up&msg=OK&ping= HTTP/1.1")
    );
}

#[test]
fn the_command_tells_what_came_back_without_a_token() {
    let there = Upstream::answering(|request| match &request.head.first_line {
        line if line.starts_with("POST /moved") => {
            Script::body(302, &[("Location", "http://127.0.0.1:1/")], "")
        }
        line => Script::body(400, &[], format!("no chat at {line}")),
    });
    let at = format!("http://{}", there.address);
    let receivers = format!(
        "alerts:\n\
         - {{kind: telegram, url: '{at}', token: '{TOKEN}', chat: '1'}}\n\
         - {{kind: slack, url: '{at}/moved/{TOKEN}'}}\n\
         - {{kind: discord, url: 'http://127.0.0.1:1/{TOKEN}'}}"
    );
    let (code, stdout, _) = alert(&["--test"], &receivers);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains("telegram: not sent: HTTP status 400: no chat at POST /bot***/sendMessage"),
        "{stdout}"
    );
    assert!(
        stdout.contains("slack: not sent: HTTP status 302\n"),
        "{stdout}"
    );
    assert!(
        stdout.contains("discord: not sent: unreachable"),
        "{stdout}"
    );

    let (code, stdout, _) = alert(&["--test", "slack"], &receivers);
    assert_eq!((code, stdout.lines().count()), (Some(1), 1));
    let (code, _, stderr) = alert(&["--test", "slak"], &receivers);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("did you mean \"slack\"?"), "{stderr}");
    let (code, _, stderr) = alert(&[], &receivers);
    assert_eq!(code, Some(64), "{stderr}");
    let (code, _, stderr) = alert(&["--test"], "");
    assert_eq!(code, Some(1));
    assert!(stderr.contains("has no alerts"), "{stderr}");
    let (code, _, _) = alert(&["--test"], "alerts: [{kind: slack}]");
    assert_eq!(code, Some(78));
}

#[test]
fn what_fails_is_tried_again_and_what_is_refused_is_not() {
    let there = receiver();
    there.then(Script::json(503, "{}"));
    let upstream = Upstream::saying("fine");
    let gateway = config(&there, "events: [started]", &[("a", &upstream)]).start();
    let requests = there.wait_for_requests(2);
    assert_eq!(requests[0].text(), requests[1].text());
    let gap = requests[1].at - requests[0].at;
    assert!(gap >= Duration::from_millis(900), "{gap:?}");
    drop(gateway);

    let refusing = receiver();
    refusing.then(Script::body(404, &[], format!("no {}", address(&refusing))));
    let gateway = config(&refusing, "events: [started]", &[("a", &upstream)]).start();
    let line = gateway.wait_for_log(|line| line["msg"] == "an alert is not delivered");
    assert_eq!(line["receiver"], "webhook");
    assert_eq!(line["error"], "HTTP status 404: no ***");
    assert_eq!(refusing.requests().len(), 1);
    let metrics = gateway.get("/metrics").text();
    for line in [
        r#"ai_gateway_alerts_total{kind="webhook",result="failed"} 1"#,
        r#"ai_gateway_alerts_total{kind="webhook",result="sent"} 0"#,
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(!metrics.contains(r#"kind="ntfy""#));
}

#[test]
fn telegram_says_in_its_answer_when_to_come_back() {
    let there = receiver();
    there.then(Script::json(
        429,
        r#"{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":2}}"#,
    ));
    let upstream = Upstream::saying("fine");
    let url = format!("http://{}", there.address);
    let alerts = format!("alerts: [{{kind: telegram, url: '{url}', token: {TOKEN}, chat: 1}}]");
    let gateway = Config::new()
        .with(&alerts)
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .start();
    let requests = there.wait_for_requests(2);
    let gap = requests[1].at - requests[0].at;
    assert!(gap >= Duration::from_millis(1900), "{gap:?}");
    assert!(gateway.is_healthy());
}

#[test]
fn a_monitor_is_told_at_once_and_again() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    let alerts = format!(
        "alerts: [{{kind: uptime_kuma, url: 'http://{}/push', interval: 1s}}]",
        there.address
    );
    let gateway = Config::new()
        .with(&alerts)
        .provider("a", &upstream)
        .route("r", [("a", "model-a")])
        .start();
    let requests = there.wait_for_requests(3);
    for request in &requests {
        let line = &request.head.first_line;
        assert_eq!(line, "GET /push?status=up&msg=OK&ping= HTTP/1.1");
    }
    upstream.then(super::limited("1"));
    assert_eq!(gateway.ask("r", false).status, 429);
    there.wait_for("down", |requests| {
        let lines = requests.iter().map(|request| &request.head.first_line);
        let mut down = lines.filter(|line| line.contains("status=down"));
        down.find(|line| line.contains("msg=r%20cannot%20answer%3A%20a%20is%20rate%20limited"))
            .cloned()
    });
    while gateway.ask("r", false).status != 200 {}
    there.wait_for("up again", |requests| {
        let last = requests.last()?;
        last.head.first_line.contains("status=up").then_some(())
    });
}

#[test]
fn nothing_runs_without_alerts_until_a_reload_brings_some() {
    let (there, upstream) = (receiver(), Upstream::saying("fine"));
    let without = Config::new()
        .provider("a", &upstream)
        .route("r", [("a", "model-a")]);
    let gateway = without.start();
    assert_eq!(gateway.ask("r", false).status, 200);
    let has_thread = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", gateway.pid())).unwrap();
        tasks.flatten().any(|task| {
            let name = std::fs::read_to_string(task.path().join("comm"));
            name.is_ok_and(|name| name.trim() == "alerts")
        })
    };
    assert!(!has_thread());
    assert!(!gateway.get("/metrics").text().contains("ai_gateway_alerts"));

    gateway.rewrite(&config(&there, "", &[("a", &upstream)]).text());
    gateway.signal(rustix::process::Signal::HUP);
    gateway.wait_for_log(|line| line["msg"] == "reloaded");
    gateway.rewrite("port: wrong");
    gateway.signal(rustix::process::Signal::HUP);
    let refused = wait_for(&there, "config_refused", "began");
    let text = refused["text"].as_str().unwrap();
    assert!(
        text.starts_with("the new configuration is refused"),
        "{text}"
    );
    assert!(has_thread());

    gateway.rewrite(&config(&there, "", &[("a", &upstream)]).text());
    gateway.signal(rustix::process::Signal::HUP);
    wait_for(&there, "config_refused", "ended");
}
