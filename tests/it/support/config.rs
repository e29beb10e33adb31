//! Configuration files for tests.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use super::gateway::Gateway;
use super::process::{Folder, command_behind, inside};
use super::upstream::{ClosedPort, Upstream};

/// The client's key in every test.
pub const CLIENT_KEY: &str = "client-key-4f9a1c77";

/// The key of a provider of this name.
pub fn provider_key(name: &str) -> String {
    format!("provider-key-{name}-8d2e7b")
}

/// Where a provider is to be found.
pub trait Reachable {
    fn base_url(&self) -> String;
}

impl Reachable for Upstream {
    fn base_url(&self) -> String {
        self.base_url()
    }
}

impl Reachable for ClosedPort {
    fn base_url(&self) -> String {
        self.base_url()
    }
}

impl Reachable for str {
    fn base_url(&self) -> String {
        self.to_owned()
    }
}

/// A step of a route.
pub struct Step {
    provider: String,
    model: String,
    lines: Vec<String>,
}

impl Step {
    pub fn new(provider: &str, model: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            model: model.to_owned(),
            lines: Vec::new(),
        }
    }

    /// Another line, such as `timeout: 300ms`.
    pub fn with(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }
}

impl From<(&str, &str)> for Step {
    fn from((provider, model): (&str, &str)) -> Self {
        Self::new(provider, model)
    }
}

/// A configuration file in the making. It listens on a port of the kernel's choice.
#[derive(Default)]
pub struct Config {
    top: String,
    server: String,
    providers: String,
    routes: String,
    environment: Vec<(String, String)>,
}

impl Config {
    pub fn new() -> Self {
        Self::default()
    }

    /// A line of its own at the top level, such as `response_model: upstream`.
    pub fn with(mut self, line: &str) -> Self {
        self.top.push_str(&format!("{line}\n"));
        self
    }

    /// A line below `server:`, such as `max_body: 1KiB`.
    pub fn server(mut self, line: &str) -> Self {
        self.server.push_str(&format!("  {line}\n"));
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A provider with the key of [`provider_key`].
    pub fn provider(self, name: &str, place: &(impl Reachable + ?Sized)) -> Self {
        let key = format!("api_key: {}", provider_key(name));
        self.provider_with(name, place, &[&key])
    }

    /// A provider with these lines and no key but one among them.
    pub fn provider_with(
        mut self,
        name: &str,
        place: &(impl Reachable + ?Sized),
        lines: &[&str],
    ) -> Self {
        let url = place.base_url();
        self.providers
            .push_str(&format!("  - name: {name}\n    base_url: {url}\n"));
        for line in lines {
            self.providers.push_str(&format!("    {line}\n"));
        }
        self
    }

    pub fn route<S: Into<Step>>(self, name: &str, steps: impl IntoIterator<Item = S>) -> Self {
        self.route_with(name, &[], steps)
    }

    /// A route with these lines besides its steps.
    pub fn route_with<S: Into<Step>>(
        mut self,
        name: &str,
        lines: &[&str],
        steps: impl IntoIterator<Item = S>,
    ) -> Self {
        self.routes.push_str(&format!("  - name: {name}\n"));
        for line in lines {
            self.routes.push_str(&format!("    {line}\n"));
        }
        self.routes.push_str("    steps:\n");
        for step in steps.into_iter().map(Into::into) {
            let (provider, model) = (&step.provider, &step.model);
            self.routes.push_str(&format!(
                "      - provider: {provider}\n        model: {model}\n"
            ));
            for line in &step.lines {
                self.routes.push_str(&format!("        {line}\n"));
            }
        }
        self
    }

    pub fn text(&self) -> String {
        let mut text = format!("listen: 127.0.0.1:0\n{}", self.top);
        if !self.top.contains("api_key") {
            text.push_str(&format!("api_key: {CLIENT_KEY}\n"));
        }
        if !self.server.is_empty() {
            text.push_str(&format!("server:\n{}", self.server));
        }
        text.push_str(&format!(
            "providers:\n{}routes:\n{}",
            self.providers, self.routes
        ));
        text
    }

    /// Starts it from a shell; see [`command_behind`].
    pub fn start_behind(&self, commands: &str) -> Gateway {
        Gateway::by(command_behind(commands), &self.text(), &self.environment)
    }

    /// Starts it as systemd does: the socket is descriptor 3, and the variables name the process.
    pub fn start_on(&self, listener: TcpListener) -> Gateway {
        let folder = Folder::new();
        let file = folder.file("config.yaml", &self.text());
        let commands = "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"";
        let mut shell = inside(folder.path(), &command_behind(commands));
        shell
            .arg("--config")
            .arg(file)
            .stdin(Stdio::from(OwnedFd::from(listener)));
        Gateway::running(shell, folder)
    }

    pub fn start(&self) -> Gateway {
        Gateway::with(&self.text(), &self.environment)
    }
}
