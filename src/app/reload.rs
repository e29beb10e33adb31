//! A reload: another configuration for the gateway that runs.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::file_watch::FileWatch;
use super::model_watch::ModelWatch;
use super::signals::Chores;
use crate::config::{Config, EdgeLimits, Loaded, Source};
use crate::gateway::{Reloadable, alerts};
use crate::service_manager::{Notifier, RunFile};
use crate::sync::lock;
use crate::telemetry::Masking;
use crate::threads::{self, USUAL_STACK};

/// The most lines of a refusal; a file with more problems is another kind of file.
const MOST_LINES: usize = 100;

/// The time between two looks at the files (`watch_config`).
const PACE: Duration = Duration::from_secs(2);

/// The reloads of a process, one at a time, whoever asks for them: SIGHUP, the control socket, a changed file.
#[derive(Clone)]
pub struct Reloader(Arc<Inner>);

struct Inner {
    source: Source,
    current: Arc<Reloadable>,
    masking: Masking,
    notifier: Option<Arc<Notifier>>,
    run_file: Option<RunFile>,
    watch: Mutex<FileWatch>,
    models: ModelWatch,
}

impl Reloader {
    /// The reloads of the gateway that serves what was loaded. `files` are those it was made of.
    pub fn new(
        source: Source,
        files: Vec<PathBuf>,
        current: Arc<Reloadable>,
        masking: Masking,
        notifier: Option<Arc<Notifier>>,
    ) -> Self {
        let run_file = RunFile::create().unwrap_or_else(|error| {
            log::warn!(error:% = error; "no pid file");
            None
        });
        Self(Arc::new(Inner {
            source,
            current,
            masking,
            notifier,
            run_file,
            watch: Mutex::new(FileWatch::new(files)),
            models: ModelWatch::new(),
        }))
    }

    /// Reads the files again. A valid configuration takes over for new requests, an invalid one leaves all as it was. Both
    /// are logged, and told to the service manager. Returns the settings that take effect with a restart.
    ///
    /// # Errors
    /// The problems of the files, a line each.
    pub fn reload(&self) -> Result<Vec<&'static str>, String> {
        // Held throughout: two at once might end in the wrong order.
        let mut watch = lock(&self.0.watch);
        self.reload_and_tell(&mut watch)
    }

    /// The same on a thread of its own, for callers with a small stack.
    ///
    /// # Errors
    /// As [`Self::reload`], or no thread can be started.
    pub fn reload_apart(&self) -> Result<Vec<&'static str>, String> {
        let (tell, outcome) = mpsc::sync_channel(1);
        let reloader = self.clone();
        let work = move || {
            // The worker that asked may have left.
            let _ = tell.send(reloader.reload());
        };
        threads::start("reload", USUAL_STACK, work).map_err(|error| error.to_string())?;
        outcome
            .recv()
            .unwrap_or_else(|_| Err("the reload ended abnormally; the log may tell why".to_owned()))
    }

    /// Reloads if a file has changed. A file that is refused, half written perhaps, is tried again once it changes again.
    fn look(&self) {
        let mut watch = lock(&self.0.watch);
        if watch.has_changed() {
            log::debug!("a file of the configuration has changed");
            let _ = self.reload_and_tell(&mut watch);
        }
    }

    fn reload_and_tell(&self, watch: &mut FileWatch) -> Result<Vec<&'static str>, String> {
        let Inner {
            source,
            current,
            notifier,
            run_file,
            ..
        } = &*self.0;
        notifier.iter().for_each(|notifier| notifier.reloading());
        // Before the files are read: a change meanwhile is one more.
        watch.note();
        let loaded = source.load().map_err(|error| error.to_string());
        let taken = loaded.and_then(|loaded| self.take_over(loaded, watch));
        let taken = taken.map_err(|problem| {
            let lines: Vec<&str> = problem.lines().take(MOST_LINES).collect();
            for line in &lines {
                log::error!(error = line; "the new configuration is refused");
            }
            lines.join("\n")
        });
        let problem = taken.as_ref().err();
        current.reload_ended(problem.map(String::as_str));
        alerts::attend(current, false);
        alerts::reloaded(current, problem.map(String::as_str));
        let written = run_file
            .as_ref()
            .map(|file| file.reloaded(problem.map(String::as_str)));
        if let Some(Err(error)) = written {
            log::warn!(error:% = error; "the pid file cannot be written");
        }
        let status = problem.map_or_else(
            || current.status(),
            |problem| format!("new configuration refused, still with the old one: {problem}"),
        );
        notifier.iter().for_each(|notifier| notifier.ready(&status));
        taken
    }

    fn take_over(
        &self,
        loaded: Loaded,
        watch: &mut FileWatch,
    ) -> Result<Vec<&'static str>, String> {
        let Inner {
            source,
            current,
            masking,
            ..
        } = &*self.0;
        let Loaded { config, files, .. } = loaded;
        let old = current.config();
        let late = needs_restart(&old, &config);
        // Requests in flight end with the old keys, and the first ones with the new keys come at once.
        masking.replace(old.redactor().and(&config.redactor()));
        current
            .reload(config)
            .inspect_err(|_| masking.replace(old.redactor()))?;
        watch.follow(files);
        log::info!(config:% = source.file.display(); "reloaded");
        if !late.is_empty() {
            log::warn!(settings = late.join(", ").as_str(); "takes effect with a restart");
        }
        Ok(late)
    }
}

impl Chores for Reloader {
    fn reload(&self) {
        let _ = Self::reload(self);
    }

    fn look(&self) {
        self.0.models.look(&self.0.current);
        if self.0.current.config().watch_config {
            Self::look(self);
        }
    }

    fn pace(&self) -> Option<Duration> {
        let files = self.0.current.config().watch_config.then_some(PACE);
        files.into_iter().chain([self.0.models.pause()]).min()
    }
}

/// The settings that differ and belong to the server that is already listening.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let edge = |server: &EdgeLimits| EdgeLimits {
        // These two are the gateway's.
        max_answer: 0,
        connect_timeout: Default::default(),
        ..server.clone()
    };
    let mut late = Vec::new();
    if old.listen != new.listen {
        late.push("listen (or port)");
    }
    let of_ollama = |config: &Config| config.ollama.as_ref().and_then(|ollama| ollama.listen);
    if of_ollama(old) != of_ollama(new) {
        late.push("ollama.listen");
    }
    let of_speech = |config: &Config| config.wyoming.as_ref().map(|wyoming| wyoming.listen);
    if of_speech(old) != of_speech(new) {
        late.push("wyoming.listen");
    }
    if edge(&old.server) != edge(&new.server) {
        late.push("server");
    }
    late
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Config {
        let rest = "api_key: some-client-key\nproviders: [{name: a, base_url: 'http://localhost:1/v1'}]\n\
                    routes: [{name: r, steps: [{provider: a, model: m}]}]\n";
        crate::config::parse(
            &format!("{text}\n{rest}"),
            &std::collections::BTreeMap::new(),
        )
        .unwrap()
    }

    #[test]
    fn what_the_listening_server_cannot_change_is_named() {
        let old = parsed("listen: 127.0.0.1:8080");
        for (text, late) in [
            ("listen: 127.0.0.1:8080", &[][..]),
            ("listen: 127.0.0.1:8081", &["listen (or port)"][..]),
            (
                "listen: 127.0.0.1:8080\nollama: {enabled: true, listen: '127.0.0.1:11434'}",
                &["ollama.listen"],
            ),
            (
                "listen: 127.0.0.1:8080\nollama: {enabled: true, require_key: false}",
                &[],
            ),
            (
                "listen: 127.0.0.1:8080\nwyoming: {stt: r, listen: '127.0.0.1:10300'}",
                &["wyoming.listen"],
            ),
            (
                "listen: 127.0.0.1:8080\nserver: {max_body: 1MiB}",
                &["server"],
            ),
            (
                "listen: 127.0.0.1:8080\nserver: {max_answer: 1MiB, connect_timeout: 1s}",
                &[],
            ),
        ] {
            assert_eq!(needs_restart(&old, &parsed(text)), late, "{text}");
        }
    }
}
