//! The HTTP client against servers that behave badly.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use ptb_eval::http::{ApiKey, HeaderMap, HttpClient, HttpError, HttpLimits, HttpProblem, HttpReply};
use serde_json::{Value, json};

use crate::chat_server::{Act, ChatServer};

const LIMITS: HttpLimits =
    HttpLimits { total: Duration::from_secs(2), silence: Duration::from_millis(300), body_bytes: 1 << 20 };

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn post(url: &str) -> Result<HttpReply, HttpError> {
    block_on(HttpClient::default().post_json(url, &HeaderMap::new(), &json!({"a": 1}), &LIMITS))
}

/// The problem with a server that does the same about every request.
fn problem(act: impl Fn() -> Act + Send + Sync + 'static) -> HttpProblem {
    post(&ChatServer::start(move |_| act()).url).unwrap_err().problem
}

#[test]
fn json_goes_out_and_comes_back_over_one_connection() {
    let server = ChatServer::start(|received| Act::json(200, &received.body));
    let client = HttpClient::default();
    let key = ApiKey::new("sk-secret", "here").unwrap();
    let headers = HeaderMap::from_iter([("authorization".parse().unwrap(), key.bearer())]);
    block_on(async {
        for number in 0..3 {
            let body = json!({"text": "é\u{1F600}", "number": number});
            let reply = client.post_json(&server.url, &headers, &body, &LIMITS).await.unwrap();
            assert!(reply.is_success());
            assert_eq!(reply.json().unwrap(), body);
        }
    });
    assert_eq!((server.connections(), server.received().len()), (1, 3));
    let head = server.received()[0].head.clone();
    assert!(head.contains("authorization: bearer sk-secret") && head.contains("content-type: application/json"));
}

#[test]
fn many_requests_are_open_at_one_time() {
    let server = ChatServer::start(|received| Act::says(received.question()).after(Duration::from_millis(200)));
    let client = HttpClient::default();
    block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..40 {
            let (client, url) = (client.clone(), server.url.clone());
            tasks.spawn(async move {
                let body = json!({"messages": [{"content": number.to_string()}]});
                let reply = client.post_json(&url, &HeaderMap::new(), &body, &LIMITS).await.unwrap().json().unwrap();
                assert_eq!(reply["choices"][0]["message"]["content"], number.to_string());
            });
        }
        tasks.join_all().await;
    });
    assert_eq!(server.most_open(), 40);
    let numbers: Vec<_> = server.received().iter().map(|received| received.number).collect();
    assert_eq!(numbers, (0..40).collect::<Vec<_>>());
}

#[test]
fn every_status_is_a_reply() {
    let server = ChatServer::start(|_| Act::Reply(429, "Retry-After: 3\r\n", b"slow \xff down".to_vec()));
    let reply = post(&server.url).unwrap();
    assert_eq!((reply.status, reply.asked_pause()), (429, Some(Duration::from_secs(3))));
    assert_eq!(reply.text(), "slow \u{fffd} down");
    assert!(!reply.is_success() && reply.json().is_err());
}

#[test]
fn replies_are_bounded_in_size_and_time() {
    assert_eq!(problem(|| Act::Flood(100 << 20)), HttpProblem::TooLong { limit: LIMITS.body_bytes });
    assert_eq!(problem(|| Act::Flood(LIMITS.body_bytes + 1)), HttpProblem::TooLong { limit: LIMITS.body_bytes });
    assert_eq!(problem(|| Act::Stall), HttpProblem::Timeout(LIMITS.total));
}

#[test]
fn a_reply_that_stops_in_the_middle_is_noticed() {
    let half = || Act::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec());
    assert!(matches!(problem(half), HttpProblem::Broken(_)));
    assert!(matches!(problem(|| Act::Raw(Vec::new())), HttpProblem::Broken(_)));
    assert!(matches!(problem(|| Act::Raw(b"what?\r\n\r\n".to_vec())), HttpProblem::Broken(_)));

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").unwrap();
        std::thread::sleep(Duration::from_secs(20));
    });
    assert_eq!(post(&url).unwrap_err().problem, HttpProblem::Silence(LIMITS.silence));
}

#[test]
fn a_missing_server_is_told_at_once_and_by_its_address() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let started = Instant::now();
    let error = post(&format!("http://user:sk-secret@{address}/v1?key=sk-secret")).unwrap_err();
    assert!(started.elapsed() < LIMITS.total);
    assert!(error.is_unreachable() && error.is_passing());
    let text = error.to_string();
    assert!(text.contains(&address.to_string()) && text.contains("refused") && !text.contains("secret"), "{text}");
}

#[test]
fn addresses_that_cannot_work_are_refused() {
    for address in ["", "localhost:8000", "ftp://host/", "http://", "https:///v1", "http://a b/", "/v1"] {
        let error = post(address).unwrap_err();
        assert!(matches!(error.problem, HttpProblem::Address(_)), "{address}: {error}");
        assert!(!error.is_passing());
    }
}

#[test]
fn encryption_that_does_not_come_about_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let client = HttpClient::new(Duration::from_millis(200));
    let outcome = block_on(client.post_json(&url, &HeaderMap::new(), &Value::Null, &LIMITS));
    let HttpProblem::Connect(reason) = outcome.unwrap_err().problem else { panic!("a connection") };
    assert!(reason.contains("nobody answered within 200ms"), "{reason}");
}
