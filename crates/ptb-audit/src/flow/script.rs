//! What a script says about files, without running it.

/// Files that a script names, and what it does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// Data files that it seems to read.
    pub(crate) reads: Vec<String>,
    /// Data files that it seems to write.
    pub(crate) writes: Vec<String>,
    /// Whether it trains a model.
    pub(crate) trains: bool,
    /// Whether it loads the test split of the benchmark.
    pub(crate) loads_test: bool,
}

const DATA_ENDINGS: [&str; 8] = [".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".arrow", ".md"];
const TRAINS: [&str; 5] = ["Trainer(", ".backward(", "trainer.train(", "finetune", "run_sft"];
const WRITES: [&str; 11] =
    ["'w'", "\"w\"", "'wt'", "\"wt\"", "'a'", "\"a\"", "to_json", "to_csv", "to_parquet", "write_text", "dump("];

/// Reads a script of any language with quoted strings.
pub(crate) fn read(text: &str, benchmark: &str) -> Script {
    let mut script = Script { trains: TRAINS.iter().any(|sign| text.contains(sign)), ..Script::default() };
    for line in text.lines() {
        let name = line.split('=').next().unwrap_or_default().to_lowercase();
        let names_output = line.contains('=') && (name.contains("out") || name.contains("dst"));
        let writes = names_output || WRITES.iter().any(|sign| line.contains(sign));
        for literal in literals(line).filter(|literal| is_data(literal)) {
            let list = if writes { &mut script.writes } else { &mut script.reads };
            list.push(literal.to_owned());
        }
        script.loads_test |= loads_test(line, benchmark);
    }
    script
}

/// Whether a file name is one of data rather than code, weights or settings.
pub(crate) fn is_data(name: &str) -> bool {
    name.len() < 300
        && !name.contains(char::is_whitespace)
        && DATA_ENDINGS.iter().any(|ending| name.len() > ending.len() && name.ends_with(ending))
}

fn literals(line: &str) -> impl Iterator<Item = &str> {
    // Of text split at quotes, every second piece is inside.
    let quoted = |quote: char| line.split(quote).skip(1).step_by(2);
    quoted('"').chain(quoted('\''))
}

/// Whether a line loads the benchmark's test split from the hub.
fn loads_test(line: &str, benchmark: &str) -> bool {
    let letters = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    line.contains("load_dataset")
        && !benchmark.is_empty()
        && letters(line).contains(&letters(benchmark))
        && literals(line).any(|literal| literal == "test" || literal.starts_with("test["))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_are_told_apart() {
        let script = read("rows = open('a.jsonl')\nwith open(\"b.jsonl\", \"w\") as f:\nOUT = 'c.csv'\n", "gsm8k");
        assert_eq!(script.reads, ["a.jsonl"]);
        assert_eq!(script.writes, ["b.jsonl", "c.csv"]);
        assert!(!script.trains && !script.loads_test);
    }

    #[test]
    fn loading_the_test_split_is_seen_and_the_train_split_is_not() {
        assert!(read("d = load_dataset(\"openai/gsm8k\", \"main\", split='test')", "gsm8k").loads_test);
        assert!(!read("d = load_dataset(\"openai/gsm8k\", \"main\", split='train')", "gsm8k").loads_test);
        assert!(!read("d = load_dataset(\"cais/mmlu\", split='test')", "gsm8k").loads_test);
        assert!(read("trainer = SFTTrainer(model)", "gsm8k").trains);
    }
}
