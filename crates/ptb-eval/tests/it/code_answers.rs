//! Right and wrong programs that mean no harm: the two processes must not be noticed.

use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;

use ptb_eval::code::{CodeConfig, CodeGrader, Pool, PoolError};
use ptb_eval::data::{Item, ProgramTests, Reference};
use ptb_eval::engine::Completion;
use ptb_eval::grader::{Answer, Grade, Grader, GradingError};
use ptb_sandbox::{Mount, MountKind, SandboxSpec, spawn};

use crate::code_trial::{RIGHT, addition, config, pool, task, verdict};

fn passes(pool: &Pool, task: &ProgramTests, code: &str) -> bool {
    let verdict = pool.check(task, code).unwrap_or_else(|error| panic!("{error}\n{code}"));
    assert!(verdict.passed || code.contains("wrong"), "{}\n{code}", verdict.reason);
    verdict.passed
}

#[test]
fn right_answers_pass_and_wrong_ones_say_why() {
    let Some(pool) = pool() else { return };
    assert!(verdict(pool, RIGHT).passed);
    for (code, reason) in [
        ("    return x - y\n", "a test failed: AssertionError"),
        ("    return x + y if x > 0 else 1\n", "a test failed: AssertionError: zero"),
        ("    return x +\n", "the program failed: SyntaxError"),
        ("    return 1 / 0\n", "a test failed: ZeroDivisionError: division by zero"),
        (
            "    return sum\n",
            "a test failed: AnswerFailed: the function gave an object of type builtin_function_or_method",
        ),
        (" return x\n", "the program failed: IndentationError"),
        ("    return x + y\n\ndel add\n", "the program failed: NameError: name 'add' is not defined"),
        ("    return x + y\n\nadd = None\n", "a test failed: TypeError"),
        ("    return x + y\n\nimport no_such_module\n", "the program failed: ModuleNotFoundError"),
        ("    import os\n    os._exit(3)\n", "the process ended with exit code 3 while calling the function"),
        ("    return x + y\n# \0\n", "the program failed:"),
    ] {
        let verdict = verdict(pool, code);
        assert!(!verdict.passed && verdict.reason.starts_with(reason), "{}: {code}", verdict.reason);
    }
}

#[test]
fn programs_run_as_with_the_option_c() {
    let Some(pool) = pool() else { return };
    for statements in [
        "if __name__ == '__main__':\n    print(add(1, 2))",
        "import sys\nassert sys.argv == ['-c'], sys.argv",
        "import sys\nsys.stdin.read()\nsys.exit(0)",
        "import os\nprocess = os.fork()\nif process:\n    os.waitpid(process, 0)",
        "import os\nos.close(1)\nos.close(2)",
        "open('x.txt', 'w').write('x')\nassert open('x.txt').read() == 'x'",
        "import subprocess\nsubprocess.Popen(['sleep', '0.3'])",
        "import dataclasses, pickle\n@dataclasses.dataclass\nclass A:\n    x: int\nassert pickle.loads(pickle.dumps(A(3))) == A(3)",
        "import unittest\nclass T(unittest.TestCase):\n    def test(self):\n        self.assertEqual(add(1, 2), 3)\nunittest.main()",
        "add = lambda x, y: y + x",
        "class Adder:\n    def __call__(self, x, y):\n        return x + y\nadd = Adder()",
    ] {
        assert!(passes(pool, &addition(), &format!("{RIGHT}\n{statements}\n")));
    }
    for statements in ["input()", "import sys\nsys.exit(1)", "import inspect\ninspect.getsource(add)"] {
        let code = format!("{RIGHT}\n# wrong\n{statements}\n");
        assert!(!passes(pool, &addition(), &code), "{code}");
    }
}

#[test]
fn newer_syntax_than_that_of_the_definition_is_refused() {
    let Some(pool) = pool() else { return };
    let code = "    try:\n        return x + y\n    except* ValueError:\n        pass\n";
    assert!(!verdict(pool, code).passed);
    assert!(verdict(pool, "    match x:\n        case _:\n            return x + y\n").passed);
    if pool.interpreter().minor >= 11 {
        let newer = Pool::new(CodeConfig { minor: 0, workers: 1, ..pool.config().clone() }).expect("a pool");
        assert!(verdict(&newer, code).passed);
    }
}

#[test]
fn plain_values_go_through_unchanged() {
    let Some(pool) = pool() else { return };
    let checks = r#"
    import math
    values = [None, True, False, 0, -1, 10 ** 5000, 1.5, -0.0, float("inf"), 1e-320, 2 + 3j, "", "a\nb", "\ud800", "\U0001f600",
              b"\0\xff", bytearray(b"x"), [], [[1], (2, [3])], (), (1,), {}, {"a": {1: None}}, {(1, "x"): {2, 3}}, set(),
              frozenset({frozenset({1})}), range(3), range(5, 0, -2)]
    for value in values:
        got = candidate(value)
        assert type(got) is type(value) and got == value, (value, got)
    assert math.copysign(1, candidate(-0.0)) == -1 and math.isnan(candidate(float("nan")))
    assert candidate(values) == values
    assert candidate(value={"named": 1}) == {"named": 1}
    deep = current = []
    for _ in range(50):
        current.append([])
        current = current[0]
    assert candidate(deep) == deep
"#;
    let task = task("def same(value):\n", "same", checks);
    assert!(passes(pool, &task, "    return value\n"));
}

#[test]
fn subclasses_of_plain_types_count_as_plain() {
    let Some(pool) = pool() else { return };
    let checks = "    assert candidate('counter') == {'a': 2}\n    assert candidate('named') == (1, 2)\n    \
                  assert candidate('enum') == 3\n    assert tuple(candidate('iterator')) == (1, 2)\n    \
                  assert candidate('bool') is True\n    assert candidate('default') == {1: [2]}\n";
    let task = task("def some(kind):\n", "some", checks);
    let code = "    import collections, enum\n    class Three(enum.IntEnum):\n        THREE = 3\n    \
                default = collections.defaultdict(list)\n    default[1].append(2)\n    \
                return {'counter': collections.Counter('aa'), 'named': collections.namedtuple('P', 'x y')(1, 2), \
                'enum': Three.THREE, 'iterator': map(int, '12'), 'bool': 1 == 1, 'default': default}[kind]\n";
    assert!(passes(pool, &task, code));
}

#[test]
fn numbers_of_numpy_count_where_it_is_installed() {
    let Some(pool) = pool() else { return };
    let code =
        "    try:\n        import numpy\n    except ImportError:\n        return x + y\n    return numpy.add(x, y)\n";
    assert!(verdict(pool, code).passed);
}

#[test]
fn arguments_that_the_function_changes_are_changed_for_the_tests() {
    let Some(pool) = pool() else { return };
    let checks = "    values, inner = [3, 1, 2], [9]\n    nested = {'k': inner, 'old': 1}\n    items = {1}\n    \
                  candidate(values, nested, items)\n    assert values == [1, 2, 3, 4], values\n    \
                  assert inner == [9, 'x'] and nested == {'k': inner, 'new': 2} and nested['k'] is inner\n    \
                  assert items == {1, 5}\n";
    let task = task("def change(values, nested, items):\n", "change", checks);
    let code = "    values.sort()\n    values.append(4)\n    nested['k'].append('x')\n    del nested['old']\n    \
                nested['new'] = 2\n    items.add(5)\n";
    assert!(passes(pool, &task, code));
}

#[test]
fn state_stays_between_the_calls_of_one_answer() {
    let Some(pool) = pool() else { return };
    let task = task("def count():\n", "count", "    assert [candidate() for _ in range(200)] == list(range(200))\n");
    let code = "    global n\n    n += 1\n    return n - 1\n\nn = 0\n";
    assert!(passes(pool, &task, code) && passes(pool, &task, code));
}

#[test]
fn exceptions_that_the_tests_expect_arrive() {
    let Some(pool) = pool() else { return };
    let checks = "    for kind in (ValueError, KeyError, LookupError, ZeroDivisionError):\n        try:\n            \
                  candidate(kind.__name__)\n        except kind as error:\n            assert 'because' in str(error)\n        \
                  else:\n            assert False\n";
    let task = task("def fail(name):\n", "fail", checks);
    let code = "    import builtins\n    class Own(getattr(builtins, name)):\n        pass\n    raise Own('because')\n";
    assert!(passes(pool, &task, code));
    assert!(!passes(pool, &task, "    'wrong'\n    raise SystemExit('because')\n"));
}

#[test]
fn helpers_of_the_prompt_are_those_of_the_data_set() {
    let Some(pool) = pool() else { return };
    let prompt = "def double(x):\n    return 2 * x\n\n\ndef half(x):\n    \"\"\"Undoes double.\"\"\"\n";
    let task = task(prompt, "half", "    assert candidate(double(21)) == 21 and half(double(4)) == 4\n");
    assert!(passes(pool, &task, "    return x // 2\n"));
    assert!(!passes(pool, &task, "    return 21  # wrong\n\ndef double(x):\n    return 42 if x == 21 else 21\n"));
}

#[test]
fn tests_that_cannot_be_used_are_an_error_and_no_verdict() {
    let Some(pool) = pool() else { return };
    for tests in ["def check(candidate:\n", "x = 1\n", "import no_such_module\ndef check(candidate):\n    pass\n"] {
        let broken = ProgramTests { tests: tests.to_owned(), ..addition() };
        assert!(matches!(pool.check(&broken, RIGHT), Err(PoolError::Tests { .. })), "{tests}");
    }
    let odd = task("def f(x):\n", "f", "    assert candidate(lambda: 1)\n");
    let error = pool.check(&odd, "    return True\n").expect_err("an argument that cannot be sent").to_string();
    assert!(error.contains("`f`") && error.contains("object of type function"), "{error}");
    assert!(verdict(pool, RIGHT).passed);
}

#[test]
fn a_checker_that_ends_is_an_error_and_replaced() {
    let Some(pool) = pool() else { return };
    let broken = task("def f(x):\n", "f", "    import os\n    os.kill(os.getppid(), 9)\n    os._exit(0)\n");
    for _ in 0..3 {
        assert!(matches!(pool.check(&broken, "    return 1\n"), Err(PoolError::Checker { .. })));
        assert!(verdict(pool, RIGHT).passed);
    }
}

#[test]
fn answers_are_checked_at_the_same_time() {
    let Some(pool) = pool() else { return };
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let code = if number % 2 == 0 { RIGHT } else { "    return 0\n" };
                assert_eq!(verdict(pool, code).passed, number % 2 == 0);
            });
        }
    });
}

#[test]
fn grading_gives_every_answer_its_own_score_and_stops_on_request() {
    let Some(pool) = pool() else { return };
    let grader = CodeGrader::new(CodeConfig { workers: 2, ..pool.config().clone() }).expect("a grader");
    let item = Item { id: "one".to_owned(), reference: Reference::Tests(addition()), ..Item::default() };
    let bare = Item { id: "two".to_owned(), ..Item::default() };
    let right = Completion::of_text("So:\n```python\ndef add(x, y):\n    return x + y\n```\n");
    let wrong = Completion::of_text("<think>return x + y</think>    return 0\n");
    let mut answers = vec![Answer { item: &bare, completion: &right }];
    answers.extend([&right, &wrong, &right, &wrong].map(|completion| Answer { item: &item, completion }));
    let mut results = vec![None; answers.len()];
    let mut keep = |index: usize, grade: Result<Grade, GradingError>| {
        results[index] = Some(grade.map(|grade| grade.scored.score).map_err(|error| error.to_string()));
        ControlFlow::Continue(())
    };
    grader.grade(&answers, &mut keep).expect("graded");
    assert!(matches!(&results[0], Some(Err(error)) if error.contains("two")), "{results:?}");
    assert_eq!(results[1..], [1.0, 0.0, 1.0, 0.0].map(|score| Some(Ok(score))));
    let mut count = 0;
    let mut stop = |_: usize, _: Result<Grade, GradingError>| {
        count += 1;
        ControlFlow::Break(())
    };
    grader.grade(&answers, &mut stop).expect("stopped");
    assert_eq!(count, 1);
}

/// Runs this program's test of that name in a sandbox, where the kernel allows no further one, and gives what it prints.
fn in_a_sandbox(name: &str) -> Option<String> {
    let mut spec = SandboxSpec::new("/tests", "/nonexistent");
    spec.args = ["--exact", name, "--ignored", "--nocapture"].map(Into::into).to_vec();
    spec.env.insert("PATH".into(), "/usr/bin:/bin".into());
    let source = std::env::current_exe().expect("this program");
    spec.mounts = vec![Mount { source, target: "/tests".into(), kind: MountKind::ReadOnly }];
    let mut running = spawn(&spec).ok()?;
    let mut printed = String::new();
    running.stdout.read_to_string(&mut printed).expect("text");
    Some(printed)
}

#[test]
#[ignore = "runs inside a sandbox"]
#[expect(clippy::print_stdout, reason = "speaks to the test outside")]
fn inside() {
    let config = CodeConfig { python: None, workers: 1, ..config(10) };
    match Pool::new(config.clone()) {
        Err(error) => println!("refused: {error}"),
        Ok(_) => println!("not refused"),
    }
    match Pool::new(CodeConfig { allow_unprotected: true, ..config }) {
        Err(error) => println!("even unprotected: {error}"),
        Ok(pool) => {
            let verdicts = [RIGHT, "    return 0\n"].map(|code| verdict(&pool, code).passed);
            println!("unprotected: {verdicts:?}, {}", pool.protection().weaknesses.join(", "));
        }
    }
}

#[test]
fn without_sandboxes_nothing_runs_unless_it_is_asked_for() {
    let Some(_) = pool() else { return };
    let Some(text) = in_a_sandbox("code_answers::inside") else { return };
    if text.contains("cannot run the Python interpreter") {
        // The system itself has none.
        return;
    }
    assert!(text.contains("refused: model-written programs cannot be isolated on this machine"), "{text}");
    assert!(text.contains("allow unprotected execution"), "{text}");
    assert!(text.contains("unprotected: [true, false], there is no isolation"), "{text}");
}

#[test]
fn a_missing_interpreter_is_named() {
    let config = CodeConfig { python: Some(PathBuf::from("/nowhere/python3")), ..config(1) };
    let error = Pool::new(config).expect_err("no interpreter").to_string();
    assert!(error.contains("/nowhere/python3") && error.contains("install"), "{error}");
}
