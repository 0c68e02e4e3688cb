//! A pool for tests, and the small task that its answers are about.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use ptb_eval::code::{CodeConfig, Pool, PoolError, Verdict};
use ptb_eval::data::ProgramTests;

/// Occurs in the tests and nowhere else.
pub const SECRET: &str = "SECRET_EXPECTATION_7731";

/// The body of a right answer.
pub const RIGHT: &str = "    return x + y\n";

/// How the pools of the tests run programs.
pub fn config(seconds: u64) -> CodeConfig {
    CodeConfig {
        python: std::env::var_os("PTB_PYTHON").map(PathBuf::from),
        workers: 2,
        time_limit: Duration::from_secs(seconds),
        memory_bytes: 512 << 20,
        ..CodeConfig::default()
    }
}

/// A pool with a time limit that is only for programs that never end. None where this machine has no Python or allows no
/// sandbox.
#[expect(clippy::print_stderr, reason = "says why nothing was tested")]
pub fn pool() -> Option<&'static Pool> {
    static POOL: OnceLock<Option<Pool>> = OnceLock::new();
    let made = POOL.get_or_init(|| match Pool::new(config(60)) {
        Ok(pool) => Some(pool),
        Err(error @ (PoolError::Environment { .. } | PoolError::Interpreter { .. })) => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    });
    made.as_ref()
}

/// Adding two numbers, with tests that no constant and no guess passes.
pub fn addition() -> ProgramTests {
    ProgramTests {
        prompt: "def add(x: int, y: int):\n    \"\"\"The sum of two numbers.\"\"\"\n".to_owned(),
        tests: format!(
            "def check(candidate):\n    '{SECRET}'\n    assert candidate(2, 3) == 5\n    \
             assert candidate(20210, 7) == 20217\n    assert candidate(-1, 1) == 0, 'zero'\n"
        ),
        entry_point: "add".to_owned(),
    }
}

/// A function and its tests, from the body of `check`.
pub fn task(prompt: &str, entry_point: &str, checks: &str) -> ProgramTests {
    let tests = format!("def check(candidate):\n{checks}");
    ProgramTests { prompt: prompt.to_owned(), tests, entry_point: entry_point.to_owned() }
}

/// The verdict on an answer to [`addition`].
pub fn verdict(pool: &Pool, code: &str) -> Verdict {
    pool.check(&addition(), code).unwrap_or_else(|error| panic!("{error}\n{code}"))
}

/// Expects that each of these answers is wrong, and that the pool then still knows a right one.
pub fn refuses(pool: &Pool, answers: &[&str]) {
    for code in answers {
        let verdict = verdict(pool, code);
        assert!(!verdict.passed, "counted as right: {code}");
    }
    assert!(verdict(pool, RIGHT).passed, "{:?}", verdict(pool, RIGHT));
}
