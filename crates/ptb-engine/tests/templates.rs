//! All chat templates against recorded renderings, and against Jinja itself.
#![expect(clippy::print_stderr, reason = "a skipped test says so")]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use ptb_engine::template::{ChatTemplate, Template, render_line};
use serde_json::{Value, json};

/// The recorded lines, where they are there.
fn records() -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/golden/evals/templates.jsonl");
    let records = std::fs::read_to_string(&path).ok();
    if records.is_none() {
        eprintln!("skipped: there is no {}", path.display());
    }
    records
}

#[test]
fn recorded_conversations_are_rendered_or_refused_exactly() {
    let Some(records) = records() else { return };
    let mut templates = BTreeMap::new();
    let (mut counts, mut wrong) = (BTreeMap::<String, u32>::new(), Vec::new());
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let family = record["family"].as_str().unwrap().to_owned();
        let template = templates
            .entry(family.clone())
            .or_insert_with(|| ChatTemplate::only(family.parse::<Template>().unwrap()).unwrap());
        let rendered = render_line(template, line.as_bytes());
        assert!(!rendered.malformed, "{line}");
        let given: Value = serde_json::from_str(&rendered.json).unwrap();
        let id = &record["record_id"];
        assert_eq!(given["record_id"], *id);
        for name in ["rendered", "error"] {
            if given[name] != record[name] {
                wrong.push(format!("{id} {}: {name} is {}, not {}", record["kind"], given[name], record[name]));
            }
        }
        *counts.entry(family).or_default() += 1;
    }
    assert!(wrong.is_empty(), "{} of {counts:?} are wrong, the first: {}", wrong.len(), wrong[0]);
    assert!(counts.len() == 4 && counts.values().all(|count| *count > 100), "{counts:?}");
}

/// Conversations of many shapes, right and wrong ones.
fn conversations() -> Vec<Value> {
    let call = json!({"type": "function", "function": {"name": "f", "arguments": {"a": [1, 1.5, null, "é\"<"]}}});
    let tool = json!({"type": "function", "function": {"name": "it's", "parameters": {"x": 1e-7, "y": true}}});
    let contents = [
        json!("Hi"),
        json!(" \n/no_think\u{a0}x\u{1c}"),
        json!("<think>a</think>\n\nb"),
        json!("<tool_response>1</tool_response>"),
        json!("/system_override é\u{200b}"),
        json!([{"type": "text", "text": " a "}, {"type": "image"}]),
        json!(["a", 1]),
        json!({"a'b": [null, false]}),
        json!([]),
        Value::Null,
        json!(5),
    ];
    let mut conversations = Vec::new();
    for (first, content) in contents.iter().enumerate() {
        for form in 0..4 {
            let roles =
                if form < 2 { ["user", "assistant"].repeat(2) } else { vec!["user", "assistant", "tool", "system"] };
            let said = |place: usize| {
                let mut message = json!({"role": roles[place % 4], "content": contents[(first * place) % 9]});
                if place == 1 {
                    message["tool_calls"] = json!([call, call["function"]]);
                    message["reasoning_content"] = [json!("\nwhy\n"), Value::Null, json!("")][first % 3].clone();
                }
                message
            };
            let opening = (form % 2 == 0).then(|| json!({"role": "system", "content": content}));
            let question =
                if first == 1 { json!({"role": "user"}) } else { json!({"role": "user", "content": content}) };
            let messages: Vec<_> = opening.into_iter().chain([question]).chain((1..form + 2).map(said)).collect();
            for tools in [Value::Null, json!([tool])] {
                conversations.push(json!({
                    "messages": messages, "tools": tools, "add_generation_prompt": form != 1, "today": "2026-02-03",
                    "special_tokens": {"bos_token": "<bos>"}, "template_kwargs": {"enable_thinking": first % 4 != 0},
                }));
            }
        }
    }
    conversations
}

/// What Jinja itself makes of the lines; nothing where it is not installed.
fn rendered_by_jinja(template: Template, lines: &str) -> Option<Vec<Value>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var("PTB_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut child = Command::new(python)
        .arg(root.join("tests/jinja2_render.py"))
        .arg(root.join(format!("../../definitions/templates/{template}.jinja")))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    // Without Jinja the script ends before it reads anything.
    let written = child.stdin.take()?.write_all(lines.as_bytes());
    let output = child.wait_with_output().unwrap();
    written.ok().filter(|()| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

#[test]
fn servers_on_python_render_the_same_templates_the_same() {
    let lines: Vec<_> = conversations().iter().map(Value::to_string).collect();
    for template in Template::ALL {
        let Some(expected) = rendered_by_jinja(template, &format!("{}\n", lines.join("\n"))) else {
            eprintln!("skipped: no Jinja; `pip install jinja2`, or name a Python that has it in PTB_TEST_PYTHON");
            return;
        };
        let chat = ChatTemplate::only(template).unwrap();
        let mut rendered = 0;
        for (line, expected) in lines.iter().zip(&expected) {
            let given: Value = serde_json::from_str(&render_line(&chat, line.as_bytes()).json).unwrap();
            // Some of the rarest messages name other types than Python's.
            assert_eq!(given["error"].is_null(), expected["error"].is_null(), "{template} {line}: {given} {expected}");
            assert_eq!(given["rendered"], expected["rendered"], "{template} {line}");
            rendered += usize::from(given["error"].is_null());
        }
        assert!(expected.len() == lines.len() && rendered > 0, "{template}: {rendered} of {}", lines.len());
    }
}
