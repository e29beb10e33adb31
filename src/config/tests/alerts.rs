//! `alerts:`: what each kind needs, what is filled in, and that nothing secret is shown.

use std::time::Duration;

use super::super::{AlertEvent, ReceiverKind};
use super::{MINIMAL, refuse, with};

#[test]
fn a_receiver_needs_little() {
    let config = with(
        "alerts:\n\
         - {kind: ntfy, url: 'https://ntfy.sh/topic'}\n\
         - {kind: ntfy, url: 'https://ntfy.sh/other', repeat: 24h, after: 0s, events: [budget, quota, budget]}\n\
         - {kind: telegram, token: '1234:abcdefghijk', chat: -100123}\n\
         - {kind: uptime_kuma, url: 'http://kuma.lan/api/push/abc?status=up&msg=OK&ping=', name: kuma}\n",
    );
    let [first, second, telegram, kuma] = config.alerts.as_slice() else {
        panic!("{:?}", config.alerts);
    };
    assert_eq!(
        (first.name.as_str(), second.name.as_str()),
        ("ntfy", "ntfy-2")
    );
    assert_eq!(
        first.events.len(),
        AlertEvent::ALL.len() - 1,
        "all but model_gone"
    );
    assert!(!first.events.contains(&AlertEvent::ModelGone));
    assert_eq!((first.after, first.repeat), (Duration::from_secs(30), None));
    assert_eq!(second.events, [AlertEvent::Budget, AlertEvent::Quota]);
    assert_eq!(second.repeat, Some(Duration::from_secs(24 * 3600)));
    assert_eq!(second.after, Duration::ZERO);
    assert_eq!(telegram.url.expose(), "https://api.telegram.org");
    assert_eq!(telegram.chat, "-100123");
    assert_eq!(
        (kuma.kind, kuma.after),
        (ReceiverKind::UptimeKuma, Duration::ZERO)
    );
    assert_eq!(kuma.url.expose(), "http://kuma.lan/api/push/abc");
    assert_eq!(kuma.interval, Duration::from_secs(60));
    assert!(!format!("{config:?}").contains("abcdefghijk"));
}

#[test]
fn mistakes_are_told_with_their_place_and_without_a_secret() {
    for (receiver, expected) in [
        ("{url: 'http://h/hidden'}", "alerts[0]: kind is missing"),
        (
            "{kind: email, url: 'http://h'}",
            "alerts[0].kind: \"email\" is not webhook or",
        ),
        ("{kind: slack}", "alerts[0]: url is missing"),
        (
            "{kind: slack, url: 'h/hidden'}",
            "alerts[0].url: must begin with https:// or http://",
        ),
        (
            "{kind: slack, url: 'http://u:hidden@h/'}",
            "must not hold a user",
        ),
        (
            "{kind: webhook, url: 'http://h/?a b=hidden'}",
            "alerts[0].url: holds a space",
        ),
        (
            "{kind: slack, url: 'http://h/x', token: hidden-token-1}",
            "alerts[0].token: is of no use for slack",
        ),
        (
            "{kind: gotify, url: 'http://h'}",
            "alerts[0]: token is missing: gotify needs one",
        ),
        (
            "{kind: gotify, url: 'http://h', token: ''}",
            "alerts[0].token: is empty",
        ),
        (
            "{kind: gotify, url: 'http://h?token=hidden', token: abcdefgh}",
            "alerts[0].url: must not have a query",
        ),
        ("{kind: telegram, token: 'a b'}", "alerts[0].token: holds a"),
        (
            "{kind: telegram, token: abcdefgh}",
            "alerts[0]: chat is missing",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', chat: 1}",
            "alerts[0].chat: is a setting of telegram alone",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', interval: 1s}",
            "alerts[0].interval: is a setting of uptime_kuma alone",
        ),
        (
            "{kind: uptime_kuma, url: 'http://h/x', events: [budget]}",
            "alerts[0].events: is of no use for uptime_kuma",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', events: []}",
            "alerts[0].events: is empty",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', events: [rout_down]}",
            "did you mean \"route_down\"?",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', routes: [nowhere]}",
            "alerts[0].routes[0]: unknown route \"nowhere\"",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', repeat: 0s}",
            "alerts[0].repeat: \"0s\" is not above zero",
        ),
        (
            "{kind: ntfy, url: 'http://h/x', afer: 1s}",
            "did you mean \"after\"?",
        ),
    ] {
        let error = refuse(&format!("{MINIMAL}alerts:\n- {receiver}\n"));
        assert!(error.contains(expected), "{receiver}: {error}");
        assert!(!error.contains("hidden"), "{error}");
        let line = MINIMAL.lines().count() + 2;
        assert!(error.contains(&format!("config.yaml:{line}: ")), "{error}");
    }
    let twice = "alerts:\n- {kind: slack, url: 'http://h/x', name: a}\n- {kind: slack, url: 'http://h/y', name: a}\n";
    assert!(refuse(&format!("{MINIMAL}{twice}")).contains("is the name of two receivers"));
}

#[test]
fn what_looks_like_a_token_is_masked_wherever_others_repeat_it() {
    let config = with(
        "alerts:\n- {kind: slack, url: 'https://hooks.example/services/T0/B0/abcdefghijklmnop'}\n\
         - {kind: webhook, url: 'https://n8n.lan/hook?key=qrstuvwxyz123456'}\n",
    );
    let text = config.redactor().redact(
        "no abcdefghijklmnop, no qrstuvwxyz123456, no https://n8n.lan/hook?key=qrstuvwxyz123456",
    );
    assert_eq!(text, "no ***, no ***, no ***");
}
