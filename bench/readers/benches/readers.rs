//! The readers of bytes that every request goes through, in bytes a second.

use std::hint::black_box;

use ai_gateway::config::EdgeLimits;
use ai_gateway::http::parsers;
use ai_gateway::json::Object;
use ai_gateway::sse::{Decoder, Item};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn head(criterion: &mut Criterion) {
    let head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: gateway.lan:8080\r\n\
        Authorization: Bearer sk-0123456789abcdef0123456789abcdef\r\nContent-Type: application/json\r\n\
        Accept: application/json\r\nAccept-Encoding: gzip, deflate\r\nUser-Agent: OpenAI/Python 2.1.0\r\n\
        X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 2.1.0\r\nX-Stainless-OS: Linux\r\n\
        X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Retry-Count: 0\r\n\
        Connection: keep-alive\r\nContent-Length: 412\r\n\r\n";
    let limits = EdgeLimits::default();
    let mut group = criterion.benchmark_group("head");
    group.throughput(Throughput::Bytes(head.len() as u64));
    group.bench_function("of the Python SDK", |bencher| {
        bencher.iter(|| {
            parsers::request(black_box(head), &limits).is_ok_and(|request| request.is_some())
        });
    });
    group.finish();
}

fn chunked(criterion: &mut Criterion) {
    let piece = [b"1000\r\n".as_slice(), &[b'x'; 4096], b"\r\n"].concat();
    let body = [piece.repeat(64), b"0\r\n\r\n".to_vec()].concat();
    let mut group = criterion.benchmark_group("chunked body");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("chunks of 4 KiB", |bencher| {
        bencher.iter(|| {
            parsers::dechunk([black_box(body.as_slice())], usize::MAX).map(|body| body.used)
        });
    });
    group.finish();
}

fn sse(criterion: &mut Criterion) {
    let event = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
        \"model\":\"mock-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"finish_reason\":null}]}\n\n";
    let stream = event.repeat(500);
    let mut group = criterion.benchmark_group("SSE decoder");
    group.throughput(Throughput::Bytes(stream.len() as u64));
    for (name, step) in [
        ("event by event", event.len()),
        ("in pieces of 16 KiB", 16 * 1024),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new(1 << 20);
                let mut bytes = 0;
                for piece in black_box(stream.as_bytes()).chunks(step) {
                    decoder.push(piece);
                    while let Some(Ok(item)) = decoder.next_item() {
                        bytes += match item {
                            Item::Event(event) => event.data.len(),
                            Item::Comment(comment) => comment.len(),
                        };
                    }
                }
                bytes
            });
        });
    }
    group.finish();
}

fn json(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("JSON object");
    for (name, bytes) in [("400 B", 300), ("32 KB", 32 << 10), ("1 MB", 1 << 20)] {
        let prompt = "Measure twice. ".repeat(bytes / 15);
        let request = format!(
            "{{\"model\":\"dynamic/n8n\",\"messages\":[{{\"role\":\"user\",\"content\":\"{prompt}\"}}],\
             \"temperature\":0.7,\"stream\":false}}"
        );
        group.throughput(Throughput::Bytes(request.len() as u64));
        group.bench_function(format!("view, {name}"), |bencher| {
            bencher.iter(|| Object::parse(black_box(&request)).is_ok());
        });
        let view = Object::parse(&request).expect("a valid request");
        group.bench_function(format!("edit and write, {name}"), |bencher| {
            bencher.iter(|| {
                let mut edited = black_box(&view).clone();
                edited.set("model", "\"gpt-oss-120b\"".to_owned());
                edited.to_json()
            });
        });
    }
    group.finish();
}

criterion_group!(readers, head, chunked, sse, json);
criterion_main!(readers);
