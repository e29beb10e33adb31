//! The validated configuration: every default filled in, every reference resolved.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::dialect::reading::ThinkTags;
use crate::dialect::step_traits::StepTraits;
use crate::json::raw;
use crate::limits::{Limit, Price, TimeZone, UnixMs};
use crate::secret::{Redactor, Secret};

use super::alerts::Alert;
use super::fit::{HeaderEdit, ProviderFit, StepFit};
use super::limits::ModelTerms;
use super::name::Name;
use super::network::Network;
use super::ollama::Ollama;
use super::order::Order;
use super::quotas::Quotas;
use super::route_names::{self, Alias};
use super::shared::Shared;
use super::wyoming::Wyoming;

/// A validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses to listen on; `port` alone means every IPv6 and IPv4 address.
    pub listen: Vec<SocketAddr>,
    pub clients: Vec<Account>,
    pub response_model: ResponseModel,
    /// Whether the bodies of answers and refusals hold the `routing_summary`.
    pub routing_summary: bool,
    /// Whether providers are told the trace that their calls belong to.
    pub propagate_trace: bool,
    /// Whether spans hold the messages of requests and answers.
    pub capture_content: bool,
    pub server: EdgeLimits,
    /// A file of PEM certificates trusted besides the built-in roots.
    pub ca_file: Option<PathBuf>,
    /// The proxy of upstream calls. Proxy variables of the environment are not read.
    pub proxy: Option<Proxy>,
    /// Whether calls to loopback and private addresses go through the proxy, too.
    pub proxy_private: bool,
    /// The pages of other sites that may call the gateway from a browser.
    pub cors: Cors,
    /// Whether pages of the internet may call a gateway in a private network (`Access-Control-Allow-Private-Network`).
    pub cors_private_network: bool,
    /// The server through which several gateways count together; `None` for a gateway alone.
    pub shared: Option<Shared>,
    /// The file in which cooldowns survive a restart.
    pub state_file: Option<PathBuf>,
    /// The file in which the usage of clients survives a restart.
    pub accounts_file: Option<PathBuf>,
    /// The name of the currency that prices and budgets are in; a label alone.
    pub currency: Option<String>,
    /// The time zone of the days and months of clients.
    pub time_zone: TimeZone,
    /// Whether the configuration is read again when its files change.
    pub watch_config: bool,
    /// Whether `GET /metrics` wants a client's key; otherwise it is open as `/health` is.
    pub metrics_need_key: bool,
    /// The names that `Host` may hold, in lower case; empty for any. Addresses and `localhost` need not be named.
    pub hosts: Vec<String>,
    /// Whether `GET /` shows the status page.
    pub status_page: bool,
    /// The requests that are remembered, at most; 0 for none.
    pub history: usize,
    /// Whether `GET /health/{route}` wants a client's key; otherwise it is open as `/health` is.
    pub health_needs_key: bool,
    /// The receivers of messages; none by default.
    pub alerts: Vec<Alert>,
    pub providers: Vec<Arc<Provider>>,
    pub routes: Vec<Arc<Route>>,
    /// Ollama's API; `None` where it is off.
    pub ollama: Option<Ollama>,
    /// Speech to text and text to speech for Home Assistant; `None` where they are off.
    pub wyoming: Option<Wyoming>,
    /// The routes of requests that name no model, by the name of their dialect.
    pub default_routes: Vec<(&'static str, String)>,
}

/// The account of a client that may use the gateway.
#[derive(Clone, Debug)]
pub struct Account {
    /// The name in the log; `default` for the top-level `api_key`.
    pub name: Name,
    pub key: Secret,
    /// The routes this client sees; `None` means all.
    pub routes: Option<Vec<AllowedRoutes>>,
    /// The limits of its use, those in money among them.
    pub limits: Vec<Limit>,
    /// Whether tokens and money are charged only afterwards: nothing of them is reserved.
    pub soft: bool,
    /// The time from which its key is none.
    pub expires: Option<UnixMs>,
    /// Whether it may see the usage of others.
    pub admin: bool,
}

/// An entry of a client's `routes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedRoutes {
    Named(String),
    /// Of all routes whose names begin so.
    Below(String),
}

impl Account {
    /// An account that may use everything, and see nothing of others.
    pub fn unlimited(name: &str, key: Secret) -> Self {
        Self {
            name: name.into(),
            key,
            routes: None,
            limits: Vec::new(),
            soft: false,
            expires: None,
            admin: false,
        }
    }

    /// Whether the client may use the route of this name.
    pub fn may_use(&self, route: &str) -> bool {
        let allowed = self.routes.as_ref();
        allowed.is_none_or(|allowed| allowed.iter().any(|entry| entry.hold(route)))
    }
}

impl AllowedRoutes {
    pub fn hold(&self, route: &str) -> bool {
        match self {
            Self::Named(name) => name == route,
            Self::Below(prefix) => route.starts_with(prefix.as_str()),
        }
    }
}

/// A proxy that is asked to CONNECT.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// `http://[user:password@]host:port`, user and password percent-encoded.
    pub url: Secret,
    /// The masked texts: the password, and the token that stands for user and password in the request.
    pub secrets: Vec<Secret>,
}

/// The origins of pages that may call endpoints that need a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    Off,
    #[default]
    Any,
    /// As browsers write them in `Origin`: `https://app.example.com`, in lower case.
    Origins(Vec<String>),
}

/// The `model` of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResponseModel {
    /// The route's name, which the client asked for.
    #[default]
    Route,
    /// The provider's own word.
    Upstream,
}

/// A provider: an OpenAI-compatible API, or Anthropic's.
#[derive(Clone, Debug)]
pub struct Provider {
    /// The index in [`Config::providers`].
    pub index: usize,
    pub name: String,
    /// Keys in the order of the file; empty for servers without one.
    pub keys: Vec<Secret>,
    /// The base URL without a trailing slash.
    pub base_url: String,
    /// The host and port in the base URL.
    pub server: (String, u16),
    /// The traits of its steps, unless they say otherwise.
    pub traits: StepTraits,
    /// The header that holds a key.
    pub auth: Auth,
    pub strict_json_schema: bool,
    /// Whether its answers are mended where no client could use them.
    pub repair: bool,
    /// Whether it has a list of its models to look at.
    pub model_list: bool,
    /// Whether calls to its server do not go through the proxy.
    pub direct: bool,
    /// Extra request headers. Their values may be keys.
    pub headers: Vec<(String, Secret)>,
    /// The settings that make requests fit the provider.
    pub fit: ProviderFit,
    /// The quotas that are counted before calls.
    pub quotas: Quotas,
    /// The terms of its models, by their names.
    pub models: Vec<(String, ModelTerms)>,
    /// The host is a loopback or private address, `localhost`, or a name of a private network (without a dot, `.local`
    /// and the like): a local server that is soon back.
    pub private: bool,
}

impl Provider {
    /// The terms of a model; `None` where the configuration names none.
    pub fn terms(&self, model: &str) -> Option<&ModelTerms> {
        let named = self.models.iter().find(|(name, _)| name == model);
        named.map(|(_, terms)| terms)
    }
}

/// The header in which a provider looks for its key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// `Authorization: Bearer`.
    #[default]
    Bearer,
    /// `X-Api-Key`, Anthropic's.
    ApiKey,
}

/// A route: a name that clients put into `model`, and the steps behind it.
#[derive(Clone, Debug)]
pub struct Route {
    pub name: Name,
    /// Further names of the route.
    pub aliases: Vec<Alias>,
    /// The names of the dialects that it serves; `None` is all.
    pub endpoints: Option<Vec<&'static str>>,
    /// The deadline over all steps, before the commit point.
    pub timeout: Option<Duration>,
    /// Whether JSON that was asked for is checked to be JSON.
    pub check_format: bool,
    /// The time after which a stream without content gets its head and a comment, and then another each time.
    pub stream_keepalive: Option<Duration>,
    /// The context length that model lists advertise (tokens).
    pub context_length: Option<u64>,
    /// The capabilities that Ollama's API lists.
    pub capabilities: Vec<&'static str>,
    /// The longest wait for the soonest step where all are cooling and their providers said until when; zero: none.
    pub wait_when_cooling: Duration,
    pub order: Order,
    /// The time for which a conversation goes on at the step that answered it last; zero: none.
    pub sticky: Duration,
    pub steps: Vec<Step>,
}

/// A step: a provider and model to try.
#[derive(Clone, Debug)]
pub struct Step {
    pub provider: Arc<Provider>,
    pub model: String,
    /// The step in `X-Routed-Via` and in the log: `provider/model`.
    pub label: Arc<str>,
    /// The members of `routing_summary` that name the step: `"provider":"...","model":"..."`.
    pub summary_names: Box<str>,
    /// The model as a JSON string: each request to the step has it.
    pub quoted_model: Box<str>,
    /// The time until the first byte, and for the whole answer when it is not streamed.
    pub timeout: Duration,
    /// The configuration names the timeout; else an endpoint may have one of its own built in.
    pub has_timeout: bool,
    /// The longest gap between two reads of a stream after its first content.
    pub stall_timeout: Duration,
    /// The base of guessed cooldowns; `None` is the built-in one, zero turns them off.
    pub cooldown: Option<Duration>,
    /// The number of retries after a failure that may pass.
    pub retries: u32,
    /// The weight that the configuration names; see [`Order::Spread`].
    pub weight: Option<u32>,
    pub conflict_resolution: Option<ConflictResolution>,
    /// Whether the model reasons. `Some(true)`: always relax a forced `tool_choice`; `Some(false)`: never; `None`: for
    /// models known to need it.
    pub thinking: Option<bool>,
    /// Whether an answer that only reasons counts as empty.
    pub reasoning_only_fails: bool,
    pub think_tags: Option<ThinkTags>,
    /// Whether the provider is asked for a stream also where the client asks for none.
    pub upstream_stream: bool,
    /// The samples a second of its speech, where it answers bare PCM.
    pub pcm_rate: Option<u32>,
    /// The settings that make requests fit the step, and the loads that it cannot carry.
    pub fit: StepFit,
    /// The traits that dialects go by.
    pub traits: StepTraits,
    /// The prices of the model's tokens; `None` where it costs nothing.
    pub price: Option<Price>,
}

impl Step {
    /// See [`Self::summary_names`]: each answer has them, so they are spelled once.
    pub fn summary_names_of(provider: &str, model: &str) -> Box<str> {
        let (provider, model) = (raw::quoted(provider), raw::quoted(model));
        let names = ["\"provider\":", &provider, ",\"model\":", &model];
        names.concat().into_boxed_str()
    }
}

/// The side that stays when a request has both `tools` and `response_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictResolution {
    /// `tools`: the tools stay, `response_format` goes.
    Tools,
    /// `format`: `response_format` stays; `tools`, `tool_choice` and `parallel_tool_calls` go.
    Format,
}

/// The limits of the HTTP edge, `server:` in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeLimits {
    /// The requests in flight; above it clients get 503.
    pub max_concurrent_requests: usize,
    pub max_connections: usize,
    /// The connections of one address, or of one network of IPv6 (64 bits); 503 above it. Behind trusted proxies: the
    /// requests in flight. `None` is a quarter of `max_connections` for all but loopback, and no limit of requests.
    pub max_connections_per_ip: Option<usize>,
    /// The proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Network>,
    /// The size of request line and fields (bytes), 431 above it.
    pub max_head: usize,
    /// The number of fields, 431 above it.
    pub max_fields: usize,
    /// The size of the request target (bytes), 414 above it.
    pub max_target: usize,
    /// The size of a request body that is no form with files (bytes), 413 above it.
    pub max_body: usize,
    /// The size of a form with files (bytes), 413 above it.
    pub max_upload: usize,
    /// The memory for all bodies that wait for something (bytes); `None` is a third of what the system allows the process.
    pub body_memory: Option<usize>,
    /// The size of a provider's answer that is not streamed (bytes).
    pub max_answer: usize,
    /// The time from the first byte of a head to its end, 408 after it.
    pub head_timeout: Duration,
    /// The time for a whole request body, 408 after it.
    pub body_timeout: Duration,
    /// The idle timeout of a connection.
    pub keep_alive: Duration,
    /// The time for which a client that was refused may go on sending what is thrown away: less than its whole request, and
    /// it may see a reset instead of its refusal.
    pub linger_timeout: Duration,
    /// The write timeout: the time that a client may refuse to take any more of its answer.
    pub write_timeout: Duration,
    /// The time for which `/readyz` says no after SIGTERM while all is still served, for a load balancer to notice.
    pub shutdown_delay: Duration,
    /// The time that requests in flight may take to end after that.
    pub shutdown_timeout: Duration,
    pub connect_timeout: Duration,
    /// The default of [`Route::stream_keepalive`].
    pub stream_keepalive: Option<Duration>,
}

impl Default for EdgeLimits {
    fn default() -> Self {
        Self {
            max_concurrent_requests: 1024,
            max_connections: 4096,
            max_connections_per_ip: None,
            trusted_proxies: Vec::new(),
            max_head: 32 * 1024,
            max_fields: 100,
            max_target: 8 * 1024,
            max_body: 32 * 1024 * 1024,
            max_upload: 64 * 1024 * 1024,
            body_memory: None,
            max_answer: 64 * 1024 * 1024,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(60),
            // Above the 90 s and 120 s for which Traefik and Caddy keep idle connections: one that closes just when a
            // request is sent on it is a 502, as a POST is not repeated.
            keep_alive: Duration::from_secs(130),
            linger_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            shutdown_delay: Duration::ZERO,
            shutdown_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            stream_keepalive: None,
        }
    }
}

impl Route {
    /// Whether requests of this dialect may use the route.
    pub fn serves(&self, dialect: &str) -> bool {
        let mut served = self.endpoints.iter().flatten();
        self.endpoints.is_none() || served.any(|name| *name == dialect)
    }
}

impl Config {
    /// The route with this name or alias; `None` where there is none.
    pub fn route(&self, name: &str) -> Option<&Arc<Route>> {
        let may_be_tagged = self.ollama.is_some();
        route_names::find(&self.routes, name, may_be_tagged)
    }

    /// The route of requests of a dialect that name no model; `None` where none is configured.
    pub fn default_route(&self, dialect: &str) -> Option<&Arc<Route>> {
        let mut routes = self.default_routes.iter();
        let (_, name) = routes.find(|(of, _)| *of == dialect)?;
        self.routes.iter().find(|route| route.name == *name)
    }

    /// A redactor that masks every key of this configuration.
    pub fn redactor(&self) -> Redactor {
        let clients = self.clients.iter().map(|client| client.key.clone());
        let providers = self.providers.iter().flat_map(|provider| {
            let headers = provider.headers.iter().map(|(_, value)| value.clone());
            let edits = provider.fit.edits.headers.iter().filter_map(value_of);
            provider.keys.iter().cloned().chain(headers).chain(edits)
        });
        let steps = self.routes.iter().flat_map(|route| &route.steps);
        let edits = steps.flat_map(|step| step.fit.edits.headers.iter().filter_map(value_of));
        let proxy = self.proxy.iter().flat_map(|proxy| proxy.secrets.iter());
        let shared = self.shared.iter();
        let shared = shared.filter_map(|shared| shared.server.password.as_ref());
        let alerts = self.alerts.iter().flat_map(Alert::secrets);
        let others = edits.chain(proxy.chain(shared).cloned()).chain(alerts);
        Redactor::new(clients.chain(providers).chain(others))
    }
}

fn value_of(edit: &HeaderEdit) -> Option<Secret> {
    match edit {
        HeaderEdit::Set(_, value) => Some(value.clone()),
        HeaderEdit::Unset(_) | HeaderEdit::Unlist(..) => None,
    }
}
