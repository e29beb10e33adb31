//! The settings at the top of the file.

use std::path::PathBuf;

use super::model::{Config, ResponseModel};
use super::section::Section;
use super::{
    alerts, clients, cors, hosts, limits, listen, ollama, providers, proxy, route_names, routes,
    server, shared, wyoming,
};

/// The requests that are remembered unless the file says otherwise, and at most.
const REMEMBERED: usize = 500;
const MOST_REMEMBERED: usize = 10_000;

/// The configuration in a document; meaningless when problems were reported.
pub(super) fn config(table: Section) -> Config {
    let (providers, models) = providers::providers(&table);
    let server = server::server(&table);
    let routes = routes::routes(&table, &providers, &server);
    limits::check_models(&models, &routes);
    let listen = listen::addresses(&table);
    let time_zone = limits::time_zone(&table, "time_zone").unwrap_or_default();
    let state_file = path(&table, "state_file").or_else(|| default_state_file(&table));
    let mut clients = clients::clients(&table, &routes, time_zone);
    let wyoming = wyoming::wyoming(&table, &routes, &listen, &clients).map(|(wyoming, account)| {
        clients.push(account);
        wyoming
    });
    let config = Config {
        response_model: response_model(&table),
        routing_summary: table
            .get("routing_summary")
            .and_then(|value| value.flag())
            .unwrap_or(true),
        propagate_trace: flag(&table, "propagate_trace"),
        capture_content: flag(&table, "capture_content"),
        server,
        ca_file: path(&table, "ca_file"),
        proxy: proxy::proxy(&table),
        proxy_private: flag(&table, "proxy_private"),
        cors: cors::cors(&table),
        cors_private_network: flag(&table, "cors_private_network"),
        shared: shared::shared(&table),
        accounts_file: path(&table, "accounts_file").or_else(|| {
            let beside = state_file.as_ref()?;
            Some(beside.with_file_name("accounts.jsonl"))
        }),
        state_file,
        currency: currency(&table),
        time_zone,
        watch_config: flag(&table, "watch_config"),
        hosts: hosts::hosts(&table),
        metrics_need_key: metrics_need_key(&table),
        status_page: table
            .get("status_page")
            .and_then(|value| value.flag())
            .unwrap_or(true),
        history: table
            .get("history")
            .and_then(|value| value.count(&(0..=MOST_REMEMBERED)))
            .unwrap_or(REMEMBERED),
        health_needs_key: flag(&table, "health_needs_key"),
        alerts: alerts::alerts(&table, &routes),
        ollama: ollama::ollama(&table, &routes, &listen, &clients),
        wyoming,
        clients,
        listen,
        providers,
        default_routes: route_names::default_routes(&table, &routes),
        routes,
    };
    // Read before all else, as it decides what variables there are.
    let _ = path(&table, "env_file");
    // Anchors need a place to be written down at; these two spellings are customary for it.
    table.finish(|key| key.starts_with("x-") || key.starts_with('.'));
    config
}

fn response_model(table: &Section) -> ResponseModel {
    let options = [
        ("route", ResponseModel::Route),
        ("upstream", ResponseModel::Upstream),
    ];
    table
        .get("response_model")
        .and_then(|value| value.choice(&options))
        .unwrap_or_default()
}

/// The name of the currency (at most 16 characters): it stands in every log line with a cost.
fn currency(table: &Section) -> Option<String> {
    let value = table.get("currency")?;
    let text = value.filled()?;
    let fits = value.is_printable(&text);
    if fits && text.content.chars().count() > 16 {
        value.report("is longer than 16 characters: a name such as EUR is meant");
    }
    fits.then_some(text.content)
}

fn flag(table: &Section, key: &'static str) -> bool {
    table
        .get(key)
        .and_then(|value| value.flag())
        .unwrap_or(false)
}

fn metrics_need_key(root: &Section) -> bool {
    let Some(table) = root.get("metrics").and_then(|value| value.table()) else {
        return false;
    };
    let needed = table.get("require_key").and_then(|value| value.flag());
    table.finish(|_| false);
    needed.unwrap_or(false)
}

fn path(table: &Section, key: &'static str) -> Option<PathBuf> {
    table
        .get(key)?
        .filled()
        .map(|text| PathBuf::from(text.content))
}

/// The state file in systemd's directory, which has no setting of its own. systemd names the directory of
/// `StateDirectory=`, or several with colons between them (systemd.exec(5)).
fn default_state_file(table: &Section) -> Option<PathBuf> {
    let directories = table.environment().variable("STATE_DIRECTORY")?;
    let first = std::env::split_paths(&directories).next()?;
    (!first.as_os_str().is_empty()).then(|| first.join("state.json"))
}
