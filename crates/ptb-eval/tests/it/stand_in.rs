//! A program that behaves like a model server: this test program itself, started through a small script.

use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::exit;
use std::thread::sleep;
use std::time::Duration;

use serde_json::json;

use crate::chat_server::{Act, ChatServer, Received};

/// Makes an executable that behaves so; see [`behave`]. `shell` is run by the script before.
pub fn executable(folder: &Path, behaviour: &str, shell: &str) -> PathBuf {
    let path = folder.join("stand-in");
    let program = std::env::current_exe().expect("this program");
    let script = format!(
        "#!/bin/sh\n{shell}\nexport STAND_IN_BEHAVIOUR='{behaviour}' STAND_IN_FOLDER='{}' STAND_IN_ARGUMENTS=\"$*\"\n\
         env > \"$STAND_IN_FOLDER/environment\"\n\
         exec '{}' stand_in::process --exact --ignored --nocapture\n",
        folder.display(),
        program.display()
    );
    // A script that is still open for writing cannot be started.
    let mut file = fs::File::create(&path).expect("a file");
    file.write_all(script.as_bytes()).expect("written");
    file.set_permissions(fs::Permissions::from_mode(0o755)).expect("executable");
    path
}

/// What follows a flag on the command line.
fn argument<'a>(arguments: &'a str, flag: &str) -> Option<&'a str> {
    let mut words = arguments.split(' ').skip_while(|word| *word != flag);
    words.nth(1)
}

#[test]
#[ignore = "the process of a stand-in server, started by other tests"]
fn process() {
    let Ok(behaviour) = std::env::var("STAND_IN_BEHAVIOUR") else { return };
    let folder = PathBuf::from(std::env::var("STAND_IN_FOLDER").expect("a folder"));
    let arguments = std::env::var("STAND_IN_ARGUMENTS").expect("arguments");
    let template = argument(&arguments, "--chat-template").expect("a template");
    fs::copy(template, folder.join("template")).expect("the template is there");
    behave(&behaviour, &arguments, &folder)
}

fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("somebody reads the log");
}

/// Starts are counted, so that a behaviour can be better the second time.
fn start_number(folder: &Path) -> u32 {
    let path = folder.join("starts");
    let number = fs::read_to_string(&path).ok().and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
    fs::write(path, number.to_string()).expect("written");
    number
}

#[expect(clippy::exit, reason = "it is a program of its own")]
fn behave(behaviour: &str, arguments: &str, folder: &Path) -> ! {
    let start = start_number(folder);
    say("INFO loading the model");
    match (behaviour, start) {
        ("out-of-memory-at-start", _) => {
            say(
                "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 79 GiB",
            );
            exit(1)
        }
        ("unknown-architecture", _) => {
            say("ValueError: Model architectures ['OddForCausalLM'] are not supported for now.");
            exit(1)
        }
        ("old-version", _) => {
            say("vllm: error: unrecognized arguments: --chat-template-content-format string");
            exit(2)
        }
        ("port-taken", 1) => {
            say("OSError: [Errno 98] Address already in use");
            exit(1)
        }
        ("never-ready", _) => loop {
            say("INFO still compiling");
            sleep(Duration::from_millis(100));
        },
        ("slow", _) => sleep(Duration::from_millis(600)),
        _ => {}
    }
    let port = argument(arguments, "--port").and_then(|port| port.parse().ok()).expect("a port");
    let name = argument(arguments, "--served-model-name").expect("a name").to_owned();
    let behaviour = behaviour.to_owned();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port is free");
    let _server = ChatServer::on(listener, move |received| answer(&behaviour, start, &name, received));
    say("INFO ready");
    loop {
        sleep(Duration::from_mins(1));
    }
}

#[expect(clippy::exit, reason = "it is a program of its own")]
fn answer(behaviour: &str, start: u32, name: &str, received: &Received) -> Act {
    if received.head.starts_with("get /health ") {
        return Act::json(200, &json!({}));
    }
    if received.head.starts_with("get /v1/models ") {
        return Act::json(200, &json!({"data": [{"id": name}]}));
    }
    match (behaviour, received.question()) {
        ("crash-at-5", "5") if start == 1 => {
            sleep(Duration::from_millis(200));
            say("RuntimeError: CUDA error: out of memory");
            exit(1)
        }
        ("killed-at-5", "5") if start == 1 => {
            sleep(Duration::from_millis(200));
            std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status().expect("killed");
            Act::Stall
        }
        ("error-at-5", "5") if start == 1 => {
            Act::json(500, &json!({"error": {"message": "EngineCore encountered an issue. CUDA out of memory"}}))
        }
        (_, question) => Act::says(question),
    }
}
