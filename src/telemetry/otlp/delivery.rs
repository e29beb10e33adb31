//! The threads that send what waits, and what they put around it.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use prost::Message;

use super::courier::Courier;
use super::health::Health;
use crate::telemetry::queue::Queue;
use crate::telemetry::wire;

/// One signal's way out.
pub struct Line {
    pub health: Arc<Health>,
    pub courier: Courier,
    pub envelope: Arc<Envelope>,
}

impl Line {
    /// Delivers what comes through a queue until that is closed and empty. `delay` is how long the first of a batch
    /// waits for the others.
    pub fn deliver_all(&self, queue: &Queue, delay: Duration) {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        while let Some(batch) = queue.take(delay) {
            self.deliver(batch.count, batch.items);
        }
    }

    /// Delivers so many items.
    pub fn deliver(&self, count: usize, items: Vec<u8>) {
        let outcome = self.courier.deliver(&self.envelope.around(items));
        self.health.exported(count, outcome);
    }
}

/// Who tells all this. It is the same in every export, so it is encoded once.
///
/// `ExportTraceServiceRequest`, `ResourceSpans` and `ScopeSpans`, and their likes of the other signals, have the same
/// fields: a resource holds scopes, a scope holds items.
pub struct Envelope {
    /// `resource`, field 1 of `ResourceSpans`.
    resource: Vec<u8>,
    /// `scope`, field 1 of `ScopeSpans`.
    scope: Vec<u8>,
}

impl Envelope {
    pub fn new(resource: &opentelemetry_sdk::Resource, scope: &str, version: &str) -> Self {
        let resource = Resource {
            attributes: ResourceAttributesWithSchema::from(resource).attributes.0,
            ..Resource::default()
        };
        let scope = InstrumentationScope {
            name: scope.to_owned(),
            version: version.to_owned(),
            ..InstrumentationScope::default()
        };
        Self {
            resource: framed(&resource),
            scope: framed(&scope),
        }
    }

    /// The whole message around items that are framed already: in their own memory, of which there is a lot.
    fn around(&self, mut items: Vec<u8>) -> Vec<u8> {
        let scope = self.scope.len() + items.len();
        let mut before = Vec::new();
        let resource = self.resource.len() + wire::framed_size(scope);
        wire::begin(&mut before, 1, resource);
        before.extend_from_slice(&self.resource);
        wire::begin(&mut before, 2, scope);
        before.extend_from_slice(&self.scope);
        items.splice(..0, before);
        items
    }
}

fn framed(message: &impl Message) -> Vec<u8> {
    let mut out = Vec::new();
    wire::bytes(&mut out, 1, &message.encode_to_vec());
    out
}
