//! The server over real connections.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ptb_engine::checkpoint::{Checkpoint, GenerationConfig};
use ptb_engine::config::DecoderConfig;
use ptb_engine::decoder::random_weights;
use ptb_engine::generate::Model;
use ptb_engine::serve::{ServeError, ServeOptions, Server};
use ptb_engine::template::{ChatTemplate, Family};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

fn model(context: usize) -> Arc<Model> {
    let file = json!({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_size": 24, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 12, "intermediate_size": 32, "vocab_size": 320,
        "max_position_embeddings": context, "rms_norm_eps": 1e-6, "rope_theta": 1e4, "tie_word_embeddings": true,
        "initializer_range": 0.3, "eos_token_id": 319
    });
    let config = DecoderConfig::from_json(file.to_string().as_bytes()).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tied");
    let tokenizer = Checkpoint::open(&folder).unwrap().tokenizer().clone();
    let template = ChatTemplate::for_family(Family::Qwen3).unwrap();
    let weights = random_weights(&config, 3).unwrap();
    Arc::new(Model::new(&config, weights, tokenizer, GenerationConfig::default(), template).unwrap())
}

/// A server that is shut down with the test.
struct Running {
    address: SocketAddr,
    shutdown: Option<oneshot::Sender<()>>,
    runtime: Runtime,
    task: Option<tokio::task::JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    fn start(context: usize, change: impl FnOnce(&mut ServeOptions)) -> Self {
        let mut options = ServeOptions {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            model_name: "tiny".to_owned(),
            body_limit: 20_000,
            grace: Duration::from_millis(200),
            ..ServeOptions::default()
        };
        change(&mut options);
        let runtime = Runtime::new().unwrap();
        let server = runtime.block_on(Server::bind(model(context), options)).unwrap();
        let address = server.address();
        let (shutdown, is_asked) = oneshot::channel::<()>();
        let task = runtime.spawn(server.run(async { drop(is_asked.await) }));
        Self { address, shutdown: Some(shutdown), runtime, task: Some(task) }
    }

    fn small() -> Self {
        Self::start(256, |_| ())
    }

    /// A model with so long a context that an unlimited request runs for the whole test.
    fn endless(change: impl FnOnce(&mut ServeOptions)) -> Self {
        Self::start(1 << 20, |options| {
            options.limits.cache_bytes = 1 << 30;
            change(options);
        })
    }

    fn send(&self, method: &str, path: &str, body: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let length = body.len();
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n");
        write!(stream, "{head}Content-Length: {length}\r\n\r\n{body}").unwrap();
        BufReader::new(stream)
    }

    fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        let mut text = String::new();
        self.send(method, path, body).read_to_string(&mut text).unwrap();
        Reply::parse(&text)
    }

    fn chat(&self, change: Value) -> Reply {
        self.call("POST", "/v1/chat/completions", &request(change).to_string())
    }

    fn shut_down(&mut self) -> Result<(), ServeError> {
        self.shutdown.take().unwrap().send(()).unwrap();
        self.runtime.block_on(self.task.take().unwrap()).unwrap()
    }

    /// Waits until every place of the queue is free again.
    fn wait_until_free(&self, places: usize) {
        let begin = Instant::now();
        while self.chat(json!({"n": places, "max_tokens": 1})).status != 200 {
            assert!(begin.elapsed() < Duration::from_secs(10), "the places are never given back");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

struct Reply {
    status: u16,
    head: String,
    body: String,
}

impl Reply {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let is_chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        let body = if is_chunked { unchunk(body) } else { body.to_owned() };
        Self { status, head: head.to_lowercase(), body }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The data of all events of a stream.
    fn events(&self) -> Vec<&str> {
        self.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
    }
}

fn unchunk(mut body: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        out.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    out
}

/// A small valid request with the fields of `change`; null removes one.
fn request(change: Value) -> Value {
    let mut request = json!({"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 8});
    let Value::Object(change) = change else { panic!("not an object") };
    for (key, value) in change {
        request[key] = value;
    }
    request
}

#[test]
fn health_and_models_answer() {
    let server = Running::small();
    assert_eq!(server.call("GET", "/health", "").json(), json!({"status": "ok"}));
    let models = server.call("GET", "/v1/models", "").json();
    assert_eq!((&models["data"][0]["id"], &models["data"][0]["max_model_len"]), (&json!("tiny"), &json!(256)));
}

#[test]
fn a_chat_is_completed_with_usage() {
    let server = Running::small();
    let reply = server.chat(json!({}));
    let body = reply.json();
    assert_eq!((reply.status, &body["object"]), (200, &json!("chat.completion")));
    assert_eq!(body["choices"][0]["message"]["role"], "assistant");
    assert_eq!(body["choices"][0]["finish_reason"], "length");
    assert_eq!(body["usage"]["completion_tokens"], 8);
    let prompt = body["usage"]["prompt_tokens"].as_u64().unwrap();
    assert_eq!(body["usage"]["total_tokens"], prompt + 8);
    assert_eq!(
        server.chat(json!({"max_tokens": null, "max_completion_tokens": 3})).json()["usage"]["completion_tokens"],
        3
    );
}

#[test]
fn seeds_repeat_and_choices_differ() {
    let server = Running::small();
    let ask = |change: Value| server.chat(change).json()["choices"].clone();
    let sampled = json!({"temperature": 1.5, "seed": 42, "n": 3, "max_tokens": 20});
    let choices = ask(sampled.clone());
    assert_eq!(choices, ask(sampled));
    let text = |index: usize| choices[index]["message"]["content"].as_str().unwrap();
    assert!(text(0) != text(1) && text(1) != text(2), "{choices}");
    let one = ask(json!({"temperature": 1.5, "seed": 42, "max_tokens": 20}));
    assert_eq!(one[0]["message"]["content"], text(0));
    let unseeded = json!({"temperature": 1.5, "max_tokens": 20});
    assert_ne!(ask(unseeded.clone()), ask(unseeded));
}

#[test]
fn a_stream_brings_the_same_text_and_usage_as_the_whole_answer() {
    let server = Running::small();
    let change = json!({"temperature": 1.0, "seed": 7, "n": 2, "max_tokens": 15});
    let whole = server.chat(change.clone()).json();
    let mut streamed = change;
    streamed["stream"] = json!(true);
    streamed["stream_options"] = json!({"include_usage": true});
    let reply = server.chat(streamed);
    assert!(reply.head.contains("text/event-stream"), "{}", reply.head);
    let (last, chunks) = reply.events().split_last().map(|(last, chunks)| (*last, chunks.to_vec())).unwrap();
    assert_eq!(last, "[DONE]");
    let chunks: Vec<Value> = chunks.iter().map(|chunk| serde_json::from_str(chunk).unwrap()).collect();
    let (usage, chunks) = chunks.split_last().unwrap();
    assert_eq!((&usage["usage"], &usage["choices"]), (&whole["usage"], &json!([])));
    for index in 0..2 {
        let own: Vec<&Value> =
            chunks.iter().map(|chunk| &chunk["choices"][0]).filter(|choice| choice["index"] == index).collect();
        let text: String = own.iter().filter_map(|choice| choice["delta"]["content"].as_str()).collect();
        assert_eq!(own[0]["delta"]["role"], "assistant");
        assert_eq!(whole["choices"][index]["message"]["content"], text);
        assert_eq!(own.last().unwrap()["finish_reason"], whole["choices"][index]["finish_reason"]);
    }
}

#[test]
fn a_stop_text_ends_the_answer() {
    let server = Running::small();
    let text =
        server.chat(json!({"max_tokens": 30})).json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    let stop: String = text.chars().skip(2).take(1).collect();
    let stopped = server.chat(json!({"max_tokens": 30, "stop": stop})).json();
    assert_eq!(stopped["choices"][0]["message"]["content"], text.split(&stop).next().unwrap());
    assert_eq!(stopped["choices"][0]["finish_reason"], "stop");
}

#[test]
fn bad_requests_are_refused_with_the_reason() {
    let server = Running::small();
    let tool = json!([{"type": "function", "function": {"name": "f"}}]);
    for (change, word) in [
        (json!({"max_tokens": -1}), "max_tokens"),
        (json!({"max_tokens": 0}), "max_tokens"),
        (json!({"max_tokens": "ten"}), "expected"),
        (json!({"n": 0}), "`n`"),
        (json!({"n": 1000}), "`n`"),
        (json!({"temperature": -1}), "temperature"),
        (json!({"top_p": 3}), "top_p"),
        (json!({"top_k": -2}), "top_k"),
        (json!({"messages": []}), "no messages"),
        (json!({"messages": "hello"}), "expected"),
        (json!({"messages": [{"role": "wizard", "content": "x"}]}), "wizard"),
        (json!({"messages": [{"role": "user"}]}), "content"),
        (json!({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), "text parts"),
        (json!({"messages": [{"role": "user", "content": "x".repeat(5000)}]}), "context"),
        (json!({"tools": [{"name": "f"}]}), "tools[0]"),
        (json!({"tools": "f"}), "tools"),
        (json!({"tools": tool, "tool_choice": "required"}), "tool_choice"),
        (json!({"tools": tool, "tool_choice": {"type": "function", "function": {"name": "f"}}}), "tool_choice"),
        (json!({"messages": [{"role": "assistant", "tool_calls": [{"name": "f"}]}]}), "tool_calls"),
        (json!({"messages": [{"role": "assistant", "tool_calls": calls("{")}]}), "arguments"),
        (json!({"messages": [{"role": "assistant", "tool_calls": []}]}), "content"),
        (json!({"logprobs": true}), "logprobs"),
        (json!({"response_format": {"type": "json_object"}}), "response_format"),
        (json!({"chat_template": "{{ x }}"}), "chat_template"),
        (json!({"stop": vec!["x"; 17]}), "stop"),
        (json!({"stop": ""}), "stop text is empty"),
    ] {
        let reply = server.chat(change.clone());
        let error = &reply.json()["error"];
        assert_eq!((reply.status, &error["type"]), (400, &json!("invalid_request_error")), "{change}: {}", reply.body);
        assert!(error["message"].as_str().unwrap().contains(word), "{change}: {error}");
    }
    assert_eq!(server.chat(json!({})).status, 200, "the server goes on");
}

/// A call of a function whose arguments are this text.
fn calls(arguments: &str) -> Value {
    json!([{"id": "1", "type": "function", "function": {"name": "f", "arguments": arguments}}])
}

#[test]
fn tools_calls_and_results_are_part_of_the_prompt() {
    let server = Running::start(2048, |_| ());
    let tokens = |change: Value| {
        let reply = server.chat(change.clone());
        assert_eq!(reply.status, 200, "{change}: {}", reply.body);
        reply.json()["usage"]["prompt_tokens"].as_u64().unwrap()
    };
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {}}}]);
    let question = json!({"role": "user", "content": "q"});
    let called = |calls: Value| json!({"role": "assistant", "content": null, "tool_calls": calls});
    let result = json!({"role": "tool", "tool_call_id": "1", "content": "20"});
    let plain = tokens(json!({"messages": [question]}));
    let with_tools = tokens(json!({"messages": [question], "tools": tools}));
    assert_eq!(with_tools, tokens(json!({"messages": [question], "tools": tools, "tool_choice": "none"})));
    let answered = |arguments| json!({"messages": [question, called(calls(arguments)), result], "tools": tools});
    let with_result = tokens(answered("{\"a\":1}"));
    assert!(plain < with_tools && with_tools < with_result);
    // Arguments are a value for the template, so blanks in them do not matter.
    assert_eq!(with_result, tokens(answered("{ \"a\" : 1 }")));
}

#[test]
fn text_parts_and_template_settings_are_understood() {
    let server = Running::small();
    let parts = json!([{"type": "text", "text": "hello"}]);
    let listed = server.chat(json!({"messages": [{"role": "user", "content": parts}]})).json();
    assert_eq!(listed["choices"], server.chat(json!({})).json()["choices"]);
    let tokens = |change: Value| server.chat(change).json()["usage"]["prompt_tokens"].as_u64().unwrap();
    assert!(tokens(json!({"chat_template_kwargs": {"enable_thinking": false}})) > tokens(json!({})));
}

#[test]
fn other_mistakes_have_their_own_status() {
    let server = Running::small();
    for (reply, status) in [
        (server.chat(json!({"model": "gpt-5"})), 404),
        (server.call("GET", "/v2/nothing", ""), 404),
        (server.call("GET", "/v1/chat/completions", ""), 405),
        (server.call("POST", "/v1/chat/completions", "{"), 400),
        (server.call("POST", "/v1/chat/completions", &"[".repeat(10_000)), 400),
        (server.call("POST", "/v1/chat/completions", &" ".repeat(30_000)), 413),
    ] {
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(reply.json()["error"]["message"].is_string(), "{}", reply.body);
    }
}

#[test]
fn a_full_queue_answers_429_and_a_client_that_leaves_gives_its_places_back() {
    let server = Running::endless(|options| options.queue = 2);
    let endless = request(json!({"max_tokens": null, "stream": true, "n": 2})).to_string();
    let mut client = server.send("POST", "/v1/chat/completions", &endless);
    let mut line = String::new();
    client.read_line(&mut line).unwrap();
    assert!(line.contains("200"), "{line}");
    let refused = server.chat(json!({}));
    assert_eq!(refused.status, 429, "{}", refused.body);
    assert!(refused.head.contains("retry-after: "), "{}", refused.head);
    assert_eq!(refused.json()["error"]["type"], "rate_limit_error");
    drop(client);
    server.wait_until_free(2);
}

#[test]
fn a_client_that_leaves_while_waiting_for_a_whole_answer_is_noticed() {
    let server = Running::endless(|options| options.queue = 1);
    let endless = request(json!({"max_tokens": null})).to_string();
    let begin = Instant::now();
    let client = loop {
        let client = server.send("POST", "/v1/chat/completions", &endless);
        std::thread::sleep(Duration::from_millis(100));
        // Otherwise this question came before the endless one, or took its place.
        if server.chat(json!({"max_tokens": 1})).status == 429 {
            break client;
        }
        assert!(begin.elapsed() < Duration::from_secs(20), "the endless request never gets its place");
    };
    drop(client);
    server.wait_until_free(1);
}

#[test]
fn shutting_down_lets_running_requests_finish() {
    let mut server = Running::start(4096, |options| options.grace = Duration::from_secs(30));
    let mut client =
        server.send("POST", "/v1/chat/completions", &request(json!({"max_tokens": 400, "stream": true})).to_string());
    let mut text = String::new();
    client.read_line(&mut text).unwrap();
    server.shut_down().unwrap();
    client.read_to_string(&mut text).unwrap();
    assert!(text.contains("[DONE]"));
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
}

#[test]
fn shutting_down_does_not_wait_for_ever() {
    let mut server = Running::endless(|_| ());
    let endless = request(json!({"max_tokens": null, "stream": true})).to_string();
    let mut client = server.send("POST", "/v1/chat/completions", &endless);
    client.read_line(&mut String::new()).unwrap();
    let begin = Instant::now();
    server.shut_down().unwrap();
    assert!(begin.elapsed() < Duration::from_secs(5));
    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("the server is stopping"), "the client is told");
}

#[test]
fn a_taken_address_is_reported() {
    let server = Running::small();
    let options = ServeOptions { address: server.address, ..ServeOptions::default() };
    let error = server.runtime.block_on(Server::bind(model(64), options)).unwrap_err();
    assert!(error.to_string().contains("choose another port"), "{error}");
}
