//! Servers that are started, used, lost and stopped, with a stand-in for the real ones.

use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ptb_core::definitions::{Family, SamplingOverrides};
use ptb_eval::engine::{ChatRequest, Engine, EngineError};
use ptb_eval::prompt::{ChatMessage, Role};
use ptb_eval::server::{Cause, Launch, ServerEngine, ServerError, ServerProgress, Sglang, Vllm, kind_named};
use tempfile::TempDir;

use crate::stand_in;

/// A stand-in to be.
struct Trial {
    folder: TempDir,
    launch: Launch,
}

impl Trial {
    fn new(behaviour: &str) -> Self {
        Self::with_shell(behaviour, "")
    }

    fn with_shell(behaviour: &str, shell: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        fs::create_dir(&model).unwrap();
        let mut launch = Launch::new(model, "tiny", Family::Qwen3, folder.path().join("logs/server.log"));
        launch.executable = Some(stand_in::executable(folder.path(), behaviour, shell));
        launch.start_time = Duration::from_secs(20);
        launch.grace = Duration::from_millis(500);
        Self { folder, launch }
    }

    fn start(&self) -> Result<ServerEngine, ServerError> {
        ServerEngine::start(Box::new(Vllm), self.launch.clone(), &mut |_| {})
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }
}

/// The answers to questions 0 to 9, and how it ended.
fn ask(engine: &ServerEngine) -> (Vec<String>, Result<(), EngineError>) {
    let request = |number: usize| ChatRequest {
        messages: vec![ChatMessage { role: Role::User, content: number.to_string() }],
        tools: Vec::new(),
        max_tokens: 100,
        seed: 1,
        sampling: SamplingOverrides::default(),
    };
    let mut answers = Vec::new();
    let end = engine.generate((0..10).map(request).collect(), &mut |_, answer| {
        answers.push(answer.unwrap().text);
        ControlFlow::Continue(())
    });
    (answers, end)
}

/// The processes that have this text on their command lines.
fn processes_with(text: &str) -> Vec<PathBuf> {
    let found =
        fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path()).filter(|path| {
            fs::read(path.join("cmdline")).is_ok_and(|line| String::from_utf8_lossy(&line).contains(text))
        });
    found.collect()
}

/// A number of seconds that no other process sleeps.
fn marker() -> String {
    let nanoseconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    format!("7{:06}.{nanoseconds:09}", std::process::id())
}

#[test]
fn a_server_is_started_used_and_stopped() {
    let mut trial = Trial::new("slow");
    trial.launch.tools = true;
    let engine = trial.start().unwrap();
    assert_eq!((engine.name(), engine.is_greedy()), ("vllm", false));
    let (answers, end) = ask(&engine);
    assert_eq!((answers.len(), end), (10, Ok(())));
    assert_eq!(trial.read("template"), Family::Qwen3.template(true).source());
    let environment = trial.read("environment");
    assert!(environment.contains("HF_HUB_OFFLINE=1") && !environment.contains("CARGO"), "{environment}");
    assert!(trial.read("logs/server.log").contains("INFO ready"));
    let name = trial.folder.path().join("stand-in");
    drop(engine);
    assert_eq!(processes_with(name.to_str().unwrap()), Vec::<PathBuf>::new());
}

#[test]
fn the_checkpoint_says_whether_decoding_is_greedy() {
    let trial = Trial::new("ready");
    fs::write(trial.launch.model.join("generation_config.json"), r#"{"temperature": 0.0}"#).unwrap();
    assert!(trial.start().unwrap().is_greedy());
}

fn death(behaviour: &str) -> (ServerError, Option<Cause>) {
    let started = Instant::now();
    let error = Trial::new(behaviour).start().unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10), "noticed at once");
    match error {
        ServerError::Died { cause, .. } => (error, cause),
        other => panic!("{other}"),
    }
}

#[test]
fn a_server_that_dies_at_its_start_says_why() {
    let (error, cause) = death("out-of-memory-at-start");
    assert_eq!((cause, error.is_environment()), (Some(Cause::GpuMemory), false));
    let text = error.to_string();
    for part in ["vllm ended with exit code 1", "the GPU is out of memory", "server.log", "INFO loading the model"] {
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(death("unknown-architecture").1, Some(Cause::Architecture));
    let (error, cause) = death("old-version");
    assert_eq!((cause, error.is_environment()), (Some(Cause::Flags), true));
}

#[test]
fn a_taken_port_costs_nothing() {
    let trial = Trial::new("port-taken");
    assert_eq!(ask(&trial.start().unwrap()).0.len(), 10);
    assert_eq!(trial.read("starts"), "2");
}

#[test]
fn a_server_that_is_never_ready_is_given_up_and_stopped() {
    let mut trial = Trial::new("never-ready");
    trial.launch.start_time = Duration::from_millis(800);
    let error = trial.start().unwrap_err();
    assert!(matches!(error, ServerError::Slow { .. }), "{error}");
    assert!(error.to_string().contains("still compiling"), "{error}");
    assert_eq!(processes_with(trial.folder.path().to_str().unwrap()), Vec::<PathBuf>::new());
}

#[test]
fn what_is_not_installed_is_named_with_the_command_that_installs_it() {
    let mut trial = Trial::new("ready");
    trial.launch.executable = Some("no-such-server".into());
    let error = trial.start().unwrap_err();
    assert!(error.is_environment(), "{error}");
    assert_eq!(
        error.to_string(),
        "no-such-server is not installed, or not on the search path: pip install 'vllm>=0.11'"
    );
    trial.launch.executable = Some("python3".into());
    let sglang = ServerEngine::start(Box::new(Sglang), trial.launch.clone(), &mut |_| {}).unwrap_err();
    assert!(sglang.is_environment(), "{sglang}");
    let llama = kind_named("llama-server").unwrap();
    let error = ServerEngine::start(llama, trial.launch.clone(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, ServerError::Model { .. }), "{error}");
}

/// A server that is lost in the middle: what it says, after which the next attempt has a new one.
fn lost(behaviour: &str) -> String {
    let trial = Trial::new(behaviour);
    let engine = trial.start().unwrap();
    let started = Instant::now();
    let (answers, end) = ask(&engine);
    let Err(EngineError::Failed(message)) = end else { panic!("{answers:?}") };
    assert!(started.elapsed() < Duration::from_secs(10), "noticed at once");
    assert!(answers.len() <= 9);
    let (answers, end) = ask(&engine);
    assert_eq!((answers.len(), end, trial.read("starts").as_str()), (10, Ok(()), "2"));
    message
}

#[test]
fn a_server_that_is_lost_fails_the_attempt_and_the_next_one_has_a_new_one() {
    let message = lost("crash-at-5");
    assert!(message.contains("exit code 1 because the GPU is out of memory"), "{message}");
    let message = lost("killed-at-5");
    assert!(message.contains("signal 9 because the machine is out of memory"), "{message}");
    let message = lost("error-at-5");
    assert!(message.contains("CUDA out of memory"), "{message}");
}

#[test]
fn deaf_servers_and_their_children_end_too() {
    let marker = marker();
    let shell =
        format!("trap '' TERM; (setsid sleep {marker} &); sh -c 'nohup setsid sleep {marker} >/dev/null 2>&1 &'");
    let trial = Trial::with_shell("ready", &shell);
    let engine = trial.start().unwrap();
    assert_eq!(processes_with(&marker).len(), 2);
    let started = Instant::now();
    drop(engine);
    assert!(started.elapsed() >= Duration::from_millis(400), "everybody is asked first");
    assert_eq!(processes_with(&marker), Vec::<PathBuf>::new());
}

#[test]
fn progress_shows_what_the_server_says() {
    let trial = Trial::new("slow");
    let mut seen = Vec::new();
    ServerEngine::start(Box::new(Vllm), trial.launch.clone(), &mut |progress| seen.push(progress)).unwrap();
    assert!(matches!(seen.last(), Some(ServerProgress::Ready { elapsed }) if *elapsed >= Duration::from_millis(500)));
}
