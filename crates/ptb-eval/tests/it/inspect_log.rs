//! Logs as Inspect reads them. Needs `inspect_ai` in the Python that `PTB_TEST_PYTHON` names, else in `python3`.

use std::env;
use std::process::Command;

use ptb_eval::engine::{ChatRequest, EngineError};
use ptb_eval::evaluation::evaluate;

use crate::evaluation::{items, plan};
use crate::scripted_engine::{ScriptedEngine, right_for_even_seeds};

const READ: &str = r#"
import sys
from inspect_ai.log import read_eval_log
log = read_eval_log(sys.argv[1])
score = log.results.scores[0]
sample = log.samples[0]
print(log.status, log.eval.task, log.eval.dataset.samples, len(log.samples), score.name, score.unscored_samples,
      sorted(score.metrics), sample.id, sample.output.stop_reason, sample.output.completion, sample.messages[-1].text,
      sample.scores["numeric"].answer, sample.output.usage.total_tokens, log.samples[2].error.message, sep="|")
"#;

fn has_inspect(python: &str) -> bool {
    let import = Command::new(python).args(["-c", "import inspect_ai"]).output();
    import.is_ok_and(|output| output.status.success())
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so")]
fn inspect_opens_a_log_with_an_error_in_it() {
    let python = env::var("PTB_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !has_inspect(&python) {
        eprintln!(
            "skipped: {python} has no inspect_ai; `pip install inspect-ai` and name that python in PTB_TEST_PYTHON"
        );
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let engine = ScriptedEngine::new(|request: &ChatRequest| match request.messages[0].content.as_str() {
        "2" => Err(EngineError::Request("refused".to_owned())),
        _ => right_for_even_seeds(&ChatRequest { seed: 0, ..request.clone() }),
    });
    evaluate(&plan(items(4), |_| {}).unwrap(), &engine, None, folder.path(), &mut |_| {}).unwrap();
    let output = Command::new(python).args(["-c", READ]).arg(folder.path().join("11/log.json")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "error|micro-math|4|4|numeric|1|['accuracy', 'stderr']|test/0|stop|ANSWER: 0|ANSWER: 0|0|15|the request failed: refused"
    );
}
