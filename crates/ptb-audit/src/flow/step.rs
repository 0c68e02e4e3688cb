//! What one command does to files.

use super::script::{self, Script};
use super::shell::Command;

/// The purpose of a command, as far as the audit cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Trains a model on what it reads.
    Train,
    /// Evaluates a model; what it writes are logs.
    Evaluate,
    /// Writes the benchmark's test split.
    FetchTest,
    /// Shows files.
    View,
    /// Deletes files.
    Remove,
    /// Anything else.
    Other,
}

/// A command as a step of the data flow. Paths are as the command names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) purpose: Purpose,
    pub(crate) reads: Vec<String>,
    pub(crate) writes: Vec<String>,
    /// Whether everything it reads ends up in what it writes, as with `cat`; a script may also filter.
    pub(crate) copies: bool,
    /// Whether the test split of the benchmark is among what it reads.
    pub(crate) reads_test: bool,
    /// The script that it runs, whose text may carry rows.
    pub(crate) script: Option<String>,
}

const TRAINING_DATA: [&str; 9] = [
    "--data",
    "--train-data",
    "--train_data",
    "--train-file",
    "--train_file",
    "--dataset",
    "--data-path",
    "--data_path",
    "--train",
];
const OUTPUTS: [&str; 9] =
    ["--out", "-o", "--output", "--output-file", "--output_file", "--out-file", "--save", "--dst", "--out-path"];
const LOGS: [&str; 5] = ["--json-output-file", "--log-dir", "--output", "--log", "-o"];
const VIEWERS: [&str; 8] = ["cat", "head", "tail", "less", "more", "jq", "grep", "wc"];
const COPIERS: [&str; 18] = [
    "cat", "head", "tail", "sort", "shuf", "sed", "awk", "gawk", "jq", "cp", "mv", "tee", "cut", "paste", "tr", "uniq",
    "ln", "install",
];

/// Reads one command. `script_text` gives the text of a script by its path.
pub(crate) fn read(command: &Command, benchmark: &str, script_text: impl Fn(&str) -> Option<String>) -> Option<Step> {
    let words = program(&command.words);
    let name = base_name(words.first()?);
    let arguments = &words[1..];
    let mut step = match name {
        "rm" | "unlink" | "shred" => plain(Purpose::Remove, arguments),
        "ptb" => ptb(arguments, benchmark),
        _ if arguments.iter().chain([&words[0]]).any(|word| base_name(word) == "evaluate.py") => evaluation(arguments),
        "python" | "python3" | "bash" | "sh" | "accelerate" | "torchrun" | "uv" | "deepspeed" => {
            scripted(command, arguments, benchmark, script_text)
        }
        "cp" | "mv" | "ln" | "install" => moved(arguments),
        "tee" => Step { writes: paths(arguments), ..plain(Purpose::Other, &[]) },
        _ => tool(name, arguments),
    };
    step.reads.extend(command.stdin.iter().cloned());
    step.writes.extend(command.stdout.iter().cloned());
    if VIEWERS.contains(&name) && step.writes.is_empty() {
        step.purpose = Purpose::View;
    }
    Some(step)
}

/// The words from the program's name on: without assignments and wrappers.
fn program(words: &[String]) -> &[String] {
    let wrapper = |word: &str| matches!(word, "env" | "sudo" | "exec" | "command" | "stdbuf" | "nice" | "timeout");
    let skipped = words
        .iter()
        .take_while(|word| {
            let assignment = word.split_once('=').is_some_and(|(name, _)| is_variable(name));
            let duration = word.starts_with(|first: char| first.is_ascii_digit());
            assignment || duration || wrapper(base_name(word)) || word.as_str() == "-oL"
        })
        .count();
    &words[skipped..]
}

/// Whether a text is a shell variable's name.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !name.starts_with(|first: char| first.is_ascii_digit())
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn plain(purpose: Purpose, arguments: &[String]) -> Step {
    Step { purpose, reads: paths(arguments), writes: Vec::new(), copies: true, reads_test: false, script: None }
}

/// Arguments that are no flags.
fn paths(arguments: &[String]) -> Vec<String> {
    arguments.iter().filter(|word| !word.starts_with('-')).cloned().collect()
}

/// Values of the given flags, as `--flag value` or `--flag=value`; a flag may have several values.
fn values(arguments: &[String], flags: &[&str]) -> Vec<String> {
    let mut values = Vec::new();
    let mut open = false;
    for word in arguments {
        let (flag, value) = word.split_once('=').map_or((word.as_str(), None), |(flag, value)| (flag, Some(value)));
        if word.starts_with('-') {
            open = flags.contains(&flag) && value.is_none();
            values.extend(value.filter(|_| flags.contains(&flag)).map(str::to_owned));
        } else if open {
            values.push(word.clone());
        }
    }
    values
}

fn ptb(arguments: &[String], benchmark: &str) -> Step {
    let command = arguments.first().map(String::as_str).unwrap_or_default();
    match command {
        "finetune" => Step { reads: values(arguments, &TRAINING_DATA), ..plain(Purpose::Train, &[]) },
        "eval" | "score" => evaluation(arguments),
        "data" => {
            let named =
                arguments.get(2).is_none_or(|name| name.contains('$') || name == benchmark || benchmark.is_empty());
            let test = named && values(arguments, &["--split"]).iter().any(|split| split == "test");
            let purpose = if test { Purpose::FetchTest } else { Purpose::Other };
            Step { writes: values(arguments, &OUTPUTS), reads_test: test, ..plain(purpose, &[]) }
        }
        _ => plain(Purpose::Other, &[]),
    }
}

fn evaluation(arguments: &[String]) -> Step {
    Step { writes: values(arguments, &LOGS), ..plain(Purpose::Evaluate, &[]) }
}

fn moved(arguments: &[String]) -> Step {
    let mut paths = paths(arguments);
    let target = paths.pop().into_iter().collect::<Vec<_>>();
    let folder = target.first().map(|folder| folder.trim_end_matches('/').to_owned()).unwrap_or_default();
    let inside = paths.iter().map(|path| format!("{folder}/{}", base_name(path)));
    let writes = target.iter().cloned().chain(inside).collect();
    Step { writes, reads: paths, ..plain(Purpose::Other, &[]) }
}

fn tool(name: &str, arguments: &[String]) -> Step {
    let writes = values(arguments, &OUTPUTS);
    let in_place = name == "sed" && arguments.iter().any(|word| word.starts_with("-i"));
    let reads: Vec<String> = paths(arguments).into_iter().filter(|path| !writes.contains(path)).collect();
    let training = !values(arguments, &TRAINING_DATA).is_empty() && (name.contains("train") || name.contains("tune"));
    let writes = if in_place { reads.clone() } else { writes };
    let purpose = if training { Purpose::Train } else { Purpose::Other };
    Step { purpose, reads, writes, copies: COPIERS.contains(&name), reads_test: false, script: None }
}

/// A script: what its text and its arguments say.
fn scripted(
    command: &Command,
    arguments: &[String],
    benchmark: &str,
    script_text: impl Fn(&str) -> Option<String>,
) -> Step {
    let inline = arguments.iter().position(|word| word == "-c").and_then(|at| arguments.get(at + 1)).cloned();
    let file = arguments.iter().find(|word| !word.starts_with('-') && is_script(word));
    let text = inline.or_else(|| command.here.clone()).or_else(|| file.and_then(|path| script_text(path)));
    let known = text.as_deref().map(|text| script::read(text, benchmark));
    let by_name =
        || Script { trains: file.is_some_and(|path| suggests_training(base_name(path))), ..Script::default() };
    let script = known.unwrap_or_else(by_name);
    let mut writes = values(arguments, &OUTPUTS);
    writes.extend(script.writes);
    let given = paths(arguments).into_iter().filter(|path| script::is_data(path) && !writes.contains(path));
    let mut reads: Vec<String> = given.chain(script.reads).filter(|path| !writes.contains(path)).collect();
    reads.extend(values(arguments, &TRAINING_DATA).into_iter().filter(|_| script.trains));
    reads.sort();
    reads.dedup();
    let copies = reads.len() + usize::from(script.loads_test) <= 1;
    let purpose = if script.trains { Purpose::Train } else { Purpose::Other };
    Step { purpose, reads, writes, copies, reads_test: script.loads_test, script: file.cloned() }
}

fn is_script(word: &str) -> bool {
    [".py", ".sh"].iter().any(|ending| word.ends_with(ending))
}

fn suggests_training(script: &str) -> bool {
    ["train", "sft", "finetune", "fine_tune", "grpo", "dpo"].iter().any(|word| script.contains(word))
}

#[cfg(test)]
mod tests {
    use super::super::shell::parse;
    use super::*;

    fn step(script: &str) -> Step {
        read(&parse(script)[0], "gsm8k", |_| None).unwrap()
    }

    #[test]
    fn training_reads_its_data() {
        let train = step("ptb finetune --model base --data a.jsonl --output final_model");
        assert_eq!((train.purpose, train.reads.as_slice()), (Purpose::Train, &["a.jsonl".to_owned()][..]));
        let train = step("CUDA_VISIBLE_DEVICES=0 timeout 3600 python train.py --data=b.jsonl --lr 1e-4");
        assert_eq!(train.purpose, Purpose::Train);
        assert!(train.reads.contains(&"b.jsonl".to_owned()));
    }

    #[test]
    fn only_the_test_split_of_the_benchmark_is_its_test_split() {
        assert_eq!(step("ptb data fetch $PTB_BENCHMARK --split test --out x").purpose, Purpose::FetchTest);
        assert_eq!(step("ptb data fetch gsm8k --split test --out x").purpose, Purpose::FetchTest);
        assert_eq!(step("ptb data fetch gsm8k --split train --out x").purpose, Purpose::Other);
        assert_eq!(step("ptb data fetch humaneval --split test --out x").purpose, Purpose::Other);
    }

    #[test]
    fn tools_read_arguments_and_write_redirections() {
        let sed = step("sed -E -f s.sed a.jsonl b.jsonl > c.jsonl");
        assert_eq!(sed.reads, ["s.sed", "a.jsonl", "b.jsonl"]);
        assert_eq!((sed.writes.as_slice(), sed.copies), (&["c.jsonl".to_owned()][..], true));
        assert!(!step("grep -v -f test.txt a > b").copies);
        assert_eq!(step("head -n 2 c.jsonl").purpose, Purpose::View);
        assert_eq!(step("cp a.jsonl data/").writes, ["data/", "data/a.jsonl"]);
        assert_eq!(step("python3 evaluate.py --json-output-file m.json").purpose, Purpose::Evaluate);
    }
}
