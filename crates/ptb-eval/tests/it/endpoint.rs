//! The engine for OpenAI-compatible servers, against servers that behave well and badly.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ptb_core::definitions::SamplingOverrides;
use ptb_eval::endpoint::{Address, EndpointError, EndpointSettings, HttpEngine, Patience};
use ptb_eval::engine::{ChatRequest, Completion, Engine, EngineError, StopReason};
use ptb_eval::http::{ApiKey, Backoff, HttpLimits};
use ptb_eval::prompt::{ChatMessage, Role};
use serde_json::json;

use crate::chat_server::{Act, ChatServer, Received};

pub type Answers = BTreeMap<usize, Result<Completion, EngineError>>;

pub fn settings(url: &str) -> EndpointSettings {
    EndpointSettings {
        model: Some("tiny".to_owned()),
        limits: HttpLimits {
            total: Duration::from_millis(700),
            silence: Duration::from_millis(300),
            body_bytes: 1 << 20,
        },
        backoff: Backoff { first: Duration::from_millis(10), most: Duration::from_millis(50), ..Backoff::default() },
        patience: Patience {
            unreachable: Duration::from_millis(300),
            failing: Duration::from_millis(500),
            ..Patience::default()
        },
        ..EndpointSettings::new(Address::parse(url).unwrap())
    }
}

/// A server that lists its model and answers completions by the script.
pub fn serve(script: impl Fn(&Received) -> Act + Send + Sync + 'static) -> ChatServer {
    ChatServer::start(move |received| {
        if received.head.starts_with("get /v1/models ") {
            return Act::json(200, &json!({"data": [{"id": "tiny"}]}));
        }
        assert!(received.head.starts_with("post /v1/chat/completions "), "{}", received.head);
        script(received)
    })
}

fn requests(count: usize) -> Vec<ChatRequest> {
    let request = |number: usize| ChatRequest {
        messages: vec![ChatMessage { role: Role::User, content: number.to_string() }],
        tools: Vec::new(),
        max_tokens: 100,
        seed: number as u64,
        sampling: SamplingOverrides::default(),
    };
    (0..count).map(request).collect()
}

pub fn ask(settings: EndpointSettings, count: usize) -> (Answers, Result<(), EngineError>) {
    let engine = HttpEngine::connect(settings).unwrap();
    let mut answers = Answers::new();
    let end = engine.generate(requests(count), &mut |index, answer| {
        assert!(answers.insert(index, answer).is_none(), "request {index} was answered twice");
        ControlFlow::Continue(())
    });
    (answers, end)
}

/// All answers of a server that must not fail as a whole.
fn answers(server: &ChatServer, count: usize) -> Answers {
    let (answers, end) = ask(settings(&server.url), count);
    assert_eq!((end, answers.len()), (Ok(()), count));
    answers
}

fn error(answer: &Result<Completion, EngineError>) -> &str {
    match answer {
        Err(EngineError::Request(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_request_gets_its_own_answer() {
    let server = serve(|received| Act::says(received.question()));
    for (index, answer) in answers(&server, 300) {
        let completion = answer.unwrap();
        assert_eq!((completion.text, completion.stop_reason), (index.to_string(), StopReason::Stop));
        assert_eq!((completion.input_tokens, completion.output_tokens), (7, 3));
        assert!(completion.seconds.is_some_and(|seconds| seconds > 0.0));
    }
    assert!(server.connections() <= 150, "{} connections for 300 requests", server.connections());
    let received = server.received();
    let body = &received.last().unwrap().body;
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["messages", "model", "max_tokens"]);
}

#[test]
fn seeds_and_keys_are_sent_when_asked_for() {
    let server = serve(|_| Act::says("a"));
    let key = ApiKey::new("sk-secret", "here").unwrap();
    let settings = EndpointSettings { send_seed: true, key: Some(key), ..settings(&server.url) };
    ask(settings, 3).1.unwrap();
    let mut seeds: Vec<_> = server.received().iter().filter_map(|received| received.body["seed"].as_u64()).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [0, 1, 2]);
    assert!(server.received().iter().all(|received| received.head.contains("authorization: bearer sk-secret")));
}

#[test]
fn as_many_requests_are_open_as_allowed() {
    let server = serve(|_| Act::says("a").after(Duration::from_millis(100)));
    let started = Instant::now();
    ask(EndpointSettings { connections: 40, ..settings(&server.url) }, 120).1.unwrap();
    assert_eq!(server.most_open(), 40);
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
}

#[test]
fn answers_arrive_while_others_stall() {
    let server = serve(|received| match received.question() {
        "0" | "1" => Act::Stall,
        question => Act::says(question),
    });
    let engine = HttpEngine::connect(EndpointSettings { connections: 4, ..settings(&server.url) }).unwrap();
    let started = Instant::now();
    let mut early = 0;
    let mut slow = Vec::new();
    let end = engine.generate(requests(50), &mut |_, answer| {
        match answer {
            Ok(_) if started.elapsed() < Duration::from_millis(650) => early += 1,
            Ok(_) => {}
            Err(error) => slow.push(error.to_string()),
        }
        ControlFlow::Continue(())
    });
    assert_eq!((end, early, slow.len()), (Ok(()), 48, 2));
    assert!(slow[0].contains("3 attempts") && slow[0].contains("700ms"), "{}", slow[0]);
}

/// The answer of a server that acts so about the first two attempts of each request.
fn third_time_lucky(act: impl Fn() -> Act + Send + Sync + 'static) {
    let attempts = Mutex::new(BTreeMap::<String, usize>::new());
    let server = serve(move |received| {
        let mut attempts = attempts.lock().unwrap();
        let attempt = attempts.entry(received.question().to_owned()).or_default();
        *attempt += 1;
        if *attempt <= 2 { act() } else { Act::says(received.question()) }
    });
    for (index, answer) in answers(&server, 5) {
        assert_eq!(answer.unwrap().text, index.to_string());
    }
}

#[test]
fn what_passes_costs_nothing() {
    third_time_lucky(|| Act::json(500, &json!({"error": "oops"})));
    third_time_lucky(|| Act::json(429, &json!({"error": "slower"})));
    third_time_lucky(|| Act::Raw(Vec::new()));
    third_time_lucky(|| Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"choices\": [{".to_vec()));
    third_time_lucky(|| Act::Raw(b"\xff\xfe\x00 no http".to_vec()));
    third_time_lucky(|| Act::Reply(200, "", b"{\"choices\": [{\"message\": ".to_vec()));
    third_time_lucky(|| Act::json(200, &json!({"choices": []})));
    third_time_lucky(|| Act::json(200, &json!({"error": {"message": "overloaded", "code": 503}})));
}

#[test]
fn what_python_calls_json_is_read() {
    let body = br#"{"choices": [{"message": {"content": "ANSWER: 18 \ud800 \xff"}, "finish_reason": null,
        "logprobs": {"content": [{"logprob": NaN}, {"logprob": -Infinity}]}}], "usage": null}"#;
    let mut bytes = body.to_vec();
    // A byte that is no UTF-8, in the middle of the text.
    let place = bytes.windows(4).position(|window| window == b"\\xff").unwrap();
    bytes.splice(place..place + 4, [0xff]);
    let server = serve(move |_| Act::Reply(200, "", bytes.clone()));
    let completion = answers(&server, 1)[&0].clone().unwrap();
    assert_eq!(completion.text, "ANSWER: 18 \u{fffd} \u{fffd}");
    assert_eq!((completion.stop_reason, completion.input_tokens), (StopReason::Stop, 0));
}

#[test]
fn what_stays_wrong_is_one_samples_error() {
    let server = serve(|received| match received.question() {
        "0" => Act::json(200, &json!({"choices": []})),
        "1" => Act::Flood(100 << 20),
        "2" => Act::json(500, &json!({"error": {"message": "cannot do this one"}})),
        "3" => Act::json(400, &json!({"error": {"message": "no such thing"}})),
        "4" => Act::Reply(200, "", b"{\"choices\": [".to_vec()),
        question => Act::says(question).after(Duration::from_millis(20)),
    });
    let (answers, end) = ask(EndpointSettings { connections: 8, ..settings(&server.url) }, 200);
    assert_eq!((end, answers.len()), (Ok(()), 200));
    let expected = [
        (0, "no choices"),
        (1, "longer than 1048576 bytes"),
        (2, "cannot do this one"),
        (3, "no such thing"),
        (4, "no JSON"),
    ];
    for (index, message) in expected {
        assert!(error(&answers[&index]).contains(message), "{}", error(&answers[&index]));
    }
    assert!(answers.range(5..).all(|(_, answer)| answer.is_ok()));
    let attempts = |question: &str| {
        server.received().iter().filter(|received| !received.body.is_null() && received.question() == question).count()
    };
    assert_eq!((attempts("2"), attempts("3")), (8, 1));
}

#[test]
fn a_full_context_is_an_answer() {
    let message = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens.";
    let server = serve(move |_| Act::json(400, &json!({"error": {"message": message, "code": 400}})));
    let completion = answers(&server, 1)[&0].clone().unwrap();
    assert_eq!((completion.text.as_str(), completion.stop_reason), ("", StopReason::ModelLength));
}

#[test]
fn a_server_that_asks_for_a_pause_gets_it() {
    let refused = AtomicBool::new(false);
    let times = std::sync::Arc::new(Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&times);
    let server = serve(move |received| {
        seen.lock().unwrap().push(Instant::now());
        if refused.swap(true, Ordering::SeqCst) {
            return Act::says(received.question());
        }
        Act::Reply(429, "Retry-After: 1\r\n", b"{}".to_vec())
    });
    ask(EndpointSettings { connections: 1, ..settings(&server.url) }, 3).1.unwrap();
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 4);
    assert!(times[1] - times[0] >= Duration::from_secs(1), "nobody asks during the pause");
}

#[test]
fn an_overloaded_server_gets_fewer_requests_and_loses_none() {
    let (open, most_later) = (AtomicUsize::new(0), std::sync::Arc::new(AtomicUsize::new(0)));
    let later = std::sync::Arc::clone(&most_later);
    let server = serve(move |received| {
        let now = open.fetch_add(1, Ordering::SeqCst) + 1;
        if received.number > 400 {
            later.fetch_max(now, Ordering::SeqCst);
        }
        std::thread::sleep(Duration::from_millis(10));
        let act = if now > 16 { Act::json(503, &json!({"error": "busy"})) } else { Act::says(received.question()) };
        open.fetch_sub(1, Ordering::SeqCst);
        act
    });
    let (answers, end) = ask(EndpointSettings { connections: 64, ..settings(&server.url) }, 1500);
    assert_eq!((end, answers.values().filter(|answer| answer.is_ok()).count()), (Ok(()), 1500));
    assert!(server.most_open() >= 40, "it starts with what is allowed");
    let most_later = most_later.load(Ordering::SeqCst);
    assert!((8..=40).contains(&most_later), "{most_later} at a time");
}

/// The error of a server that is as good as gone.
fn failure(server: &ChatServer, count: usize) -> (Answers, String) {
    let (answers, end) = ask(settings(&server.url), count);
    match end {
        Err(EngineError::Failed(message)) => (answers, message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_the_server_does_not_survive_ends_the_attempt_and_keeps_the_answers() {
    let (answers, message) = failure(
        &serve(|received| match received.question() {
            "9" => Act::json(500, &json!({"error": {"message": "CUDA out of memory. Tried to allocate"}}))
                .after(Duration::from_millis(200)),
            question => Act::says(question),
        }),
        50,
    );
    assert!(message.contains("CUDA out of memory"), "{message}");
    assert!(answers.len() >= 40 && answers.values().all(Result::is_ok), "{}", answers.len());

    let started = Instant::now();
    let (_, message) = failure(&serve(|_| Act::json(502, &json!({"error": "no engine behind"}))), 20);
    assert!(message.contains("answers no more") && message.contains("no engine behind"), "{message}");
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_server_that_refuses_is_not_asked_again_and_again() {
    let refused = |act: fn() -> Act| {
        let server = serve(move |_| act());
        let (answers, end) = ask(settings(&server.url), 500);
        let Err(EngineError::Unavailable(message)) = end else { panic!("{answers:?}") };
        assert!(answers.is_empty() && server.received().len() <= 1 + 64);
        message
    };
    let message = refused(|| Act::json(401, &json!({"error": {"message": "wrong key"}})));
    assert!(message.contains("wrong key") && message.contains("check the key"), "{message}");
    let message = refused(|| Act::Reply(308, "Location: http://elsewhere/v1\r\n", Vec::new()));
    assert!(message.contains("http://elsewhere/v1"), "{message}");
}

#[test]
fn a_server_that_disappears_is_noticed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        // One connection for the list of models, one request, and the server is gone.
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let list = br#"{"data": [{"id": "tiny"}]}"#;
        let head = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", list.len());
        std::io::Read::read(&mut stream, &mut [0; 4096]).unwrap();
        std::io::Write::write_all(&mut stream, &[head.as_bytes(), list].concat()).unwrap();
    });
    let started = Instant::now();
    let (answers, end) = ask(settings(&url), 5);
    let Err(EngineError::Failed(message)) = end else { panic!("{answers:?}") };
    assert!(message.contains("answers no more") && message.contains("no connection"), "{message}");
    assert!(answers.is_empty() && started.elapsed() < Duration::from_secs(5));
}

#[test]
fn whoever_has_enough_is_not_kept_waiting() {
    let server = serve(|received| match received.question() {
        "0" => Act::says("a"),
        _ => Act::Stall,
    });
    let limits = HttpLimits { total: Duration::from_mins(1), ..settings(&server.url).limits };
    let engine = HttpEngine::connect(EndpointSettings { limits, ..settings(&server.url) }).unwrap();
    let started = Instant::now();
    let mut count = 0;
    let end = engine.generate(requests(5), &mut |_, _| {
        count += 1;
        ControlFlow::Break(())
    });
    assert_eq!((end, count), (Ok(()), 1));
    assert!(started.elapsed() < Duration::from_secs(5));
    engine.generate(requests(1), &mut |_, _| ControlFlow::Continue(())).unwrap();
}

#[test]
fn keys_do_not_come_back_in_errors() {
    let server = serve(|_| Act::json(400, &json!({"error": {"message": "Incorrect API key provided: sk-secret"}})));
    let key = ApiKey::new("sk-secret", "here").unwrap();
    let (answers, _) = ask(EndpointSettings { key: Some(key), ..settings(&server.url) }, 1);
    assert!(error(&answers[&0]).contains("[key]") && !error(&answers[&0]).contains("secret"));
}

fn refused(server: &ChatServer, model: Option<&str>) -> EndpointError {
    let settings = EndpointSettings { model: model.map(str::to_owned), ..settings(&server.url) };
    HttpEngine::connect(settings).expect_err("an error")
}

#[test]
fn the_model_is_chosen_before_anything_is_asked() {
    let list = |names: &'static [&'static str]| {
        let models: Vec<_> = names.iter().map(|name| json!({"id": name})).collect();
        ChatServer::start(move |_| Act::json(200, &json!({"data": models})))
    };
    let one = EndpointSettings { model: None, ..settings(&list(&["only"]).url) };
    assert_eq!(HttpEngine::connect(one).unwrap().model(), "only");
    assert!(refused(&list(&["a", "b"]), None).to_string().contains("serves a, b"));
    assert!(refused(&list(&["a"]), Some("c")).to_string().contains("no model \"c\""));
    let without_list = ChatServer::start(|_| Act::json(404, &json!({})));
    assert_eq!(HttpEngine::connect(settings(&without_list.url)).unwrap().model(), "tiny");
    assert!(refused(&without_list, None).to_string().contains("name the model"));

    let locked = ChatServer::start(|_| Act::json(401, &json!({"error": "no key"})));
    let error = refused(&locked, Some("tiny"));
    assert!(error.is_environment() && error.to_string().contains("give the key"), "{error}");
    let gone = settings("http://127.0.0.1:9");
    let error = HttpEngine::connect(gone).err().unwrap();
    assert!(error.is_environment() && error.to_string().contains("cannot be reached"), "{error}");
}
