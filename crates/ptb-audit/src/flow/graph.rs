//! Files followed from command to command.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::shell::{self, Command};
use super::step::{self, Purpose, Step, is_variable};
use crate::trace::{Event, Kind};

/// Name under which the benchmark's test split appears as the origin of files.
const TEST_SPLIT: &str = "\0test split";

/// What the flow is read from.
pub(crate) struct FlowSources<'a> {
    /// The trace.
    pub(crate) events: &'a [Event],
    /// Files that are still in the workspace, by relative path.
    pub(crate) present: &'a HashSet<String>,
    /// The benchmark's name as it appears in commands; empty if unknown.
    pub(crate) benchmark: &'a str,
    /// Gives the text of a script in the workspace.
    pub(crate) script_text: &'a dyn Fn(&str) -> Option<String>,
}

/// How a file reached training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Feed {
    /// Trace line of the training command.
    pub(crate) line: u32,
    /// Whether all of the file's content did, rather than what a script may have picked from it.
    pub(crate) whole: bool,
}

/// A text that the trace shows being written to a file.
#[derive(Debug, Clone)]
pub(crate) struct Snippet {
    pub(crate) line: u32,
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Lines of the trace that show the content of files.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) paths: Vec<String>,
    /// Trace lines after the command, up to the next command.
    pub(crate) lines: std::ops::Range<u32>,
}

/// The test split on its way into training through files that are gone.
#[derive(Debug, Clone)]
pub(crate) struct TestFeed {
    pub(crate) feed: Feed,
    /// The training file that is gone or was changed afterwards.
    pub(crate) file: String,
    /// Trace lines of the commands on the way, deletions included, in order.
    pub(crate) lines: Vec<u32>,
}

/// Where files came from and went.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    /// Files that reached training.
    pub(crate) fed: HashMap<String, Feed>,
    /// Files and folders that evaluations wrote.
    pub(crate) evaluation_outputs: HashSet<String>,
    /// Texts written into files.
    pub(crate) snippets: Vec<Snippet>,
    /// Files shown.
    pub(crate) views: Vec<View>,
    /// The test split in training.
    pub(crate) test_feeds: Vec<TestFeed>,
    /// Number of training commands.
    pub(crate) trainings: usize,
    /// Training commands whose data could not be made out.
    pub(crate) obscure_trainings: usize,
    /// Data files given to training that are gone or were changed afterwards.
    pub(crate) unseen: Vec<String>,
}

impl Flow {
    /// Reads the flow off a trace.
    pub(crate) fn read(sources: &FlowSources<'_>) -> Self {
        let mut graph = Graph::new(sources);
        for (position, event) in sources.events.iter().enumerate() {
            match &event.kind {
                Kind::Command => {
                    let next = sources.events[position + 1..].iter().find(|event| event.kind == Kind::Command);
                    graph.run(event, next.map_or(u32::MAX, |event| event.line));
                }
                Kind::Written { path } => {
                    let path = graph.canonical(path);
                    graph.write_text(event.line, path, event.text.clone());
                }
                Kind::Said | Kind::Output => {}
            }
        }
        graph.finish()
    }

    /// How a file of the workspace reached training, by its own name or through a folder.
    pub(crate) fn feed_of(&self, name: &str) -> Option<Feed> {
        ancestors(name).find_map(|name| self.fed.get(name)).copied()
    }

    /// Whether an evaluation wrote a file.
    pub(crate) fn is_evaluation_output(&self, name: &str) -> bool {
        ancestors(name).any(|name| self.evaluation_outputs.contains(name))
    }
}

/// A path and the folders above it.
fn ancestors(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |name| name.rsplit_once('/').map(|(folder, _)| folder))
}

/// One step that was taken.
struct Taken {
    line: u32,
    purpose: Purpose,
    reads: Vec<String>,
    writes: Vec<String>,
    reads_test: bool,
}

struct Graph<'a> {
    sources: &'a FlowSources<'a>,
    flow: Flow,
    /// Each file with all files whose content it has, and whether it has all of it.
    origins: HashMap<String, BTreeMap<String, bool>>,
    contents: HashMap<String, String>,
    variables: HashMap<String, String>,
    taken: Vec<Taken>,
    folder: String,
}

impl<'a> Graph<'a> {
    fn new(sources: &'a FlowSources<'a>) -> Self {
        Self {
            sources,
            flow: Flow::default(),
            origins: HashMap::new(),
            contents: HashMap::new(),
            variables: HashMap::new(),
            taken: Vec::new(),
            folder: String::new(),
        }
    }

    /// Takes all simple commands of one shell command.
    fn run(&mut self, event: &Event, next_line: u32) {
        self.folder.clear();
        let mut before: Option<Step> = None;
        let mut viewed = Vec::new();
        let mut evaluates = false;
        for command in shell::parse(&event.text) {
            let command = self.fill_in(command);
            if let Some(step) = self.run_one(&command, event.line, before.take_if(|_| command.piped)) {
                if step.purpose == Purpose::View {
                    viewed.extend(step.reads.iter().cloned());
                }
                evaluates |= step.purpose == Purpose::Evaluate;
                before = Some(step);
            }
        }
        if !viewed.is_empty() && !evaluates {
            self.flow.views.push(View { paths: viewed, lines: event.line..next_line });
        }
    }

    fn run_one(&mut self, command: &Command, line: u32, piped: Option<Step>) -> Option<Step> {
        if command.words.first().is_some_and(|word| word == "cd") {
            let to = command.words.get(1).map(|to| self.canonical(to)).unwrap_or_default();
            self.folder = if to.starts_with('/') || to == "." { String::new() } else { to };
            return None;
        }
        let text = |path: &str| {
            let path = self.canonical(path);
            self.contents.get(&path).cloned().or_else(|| (self.sources.script_text)(&path))
        };
        let mut step = match step::read(command, self.sources.benchmark, text) {
            Some(step) => step,
            None if !command.stdout.is_empty() => empty_step(command),
            None => return None,
        };
        step.reads = step.reads.iter().flat_map(|path| self.expand(path)).collect();
        step.writes = step.writes.iter().map(|path| self.canonical(path)).collect();
        step.script = step.script.map(|path| self.canonical(&path));
        if let Some(piped) = piped {
            step.reads.extend(piped.reads);
            step.copies &= piped.copies;
            step.reads_test |= piped.reads_test;
        }
        if let Some(here) = &command.here {
            for path in step.writes.clone() {
                self.write_text(line, path, here.clone());
            }
        }
        self.take(&step, line);
        Some(step)
    }

    fn take(&mut self, step: &Step, line: u32) {
        let mut carried = self.carried(step);
        match step.purpose {
            Purpose::Remove => {
                for path in &step.reads {
                    self.origins.remove(path);
                }
            }
            Purpose::Train => {
                self.flow.trainings += 1;
                self.flow.obscure_trainings += usize::from(step.reads.is_empty() && !step.reads_test);
                // What a training script reads itself it trains on, whatever else it reads.
                for (origin, whole) in carried.clone() {
                    let direct = step.reads.contains(&origin);
                    self.feed(origin, Feed { line, whole: whole || direct });
                }
                carried.clear();
            }
            Purpose::Evaluate => {
                self.flow.evaluation_outputs.extend(step.writes.iter().cloned());
                carried.clear();
            }
            _ => {}
        }
        for path in &step.writes {
            let origins = self.origins.entry(path.clone()).or_default();
            for (origin, whole) in &carried {
                *origins.entry(origin.clone()).or_default() |= whole;
            }
        }
        let (reads, writes) = (step.reads.clone(), step.writes.clone());
        self.taken.push(Taken { line, purpose: step.purpose, reads, writes, reads_test: step.reads_test });
    }

    /// All files whose content a step has at hand, and whether it passes all of it on.
    fn carried(&self, step: &Step) -> BTreeMap<String, bool> {
        let mut carried = BTreeMap::new();
        for path in &step.reads {
            *carried.entry(path.clone()).or_default() |= step.copies;
            for (origin, whole) in self.origins.get(path).into_iter().flatten() {
                *carried.entry(origin.clone()).or_default() |= *whole && step.copies;
            }
        }
        if let Some(script) = &step.script {
            // A script that reads data may name test items in order to drop them; one that reads none makes it all up.
            *carried.entry(script.clone()).or_default() |= step.reads.is_empty() && !step.reads_test;
        }
        if step.reads_test {
            *carried.entry(TEST_SPLIT.to_owned()).or_default() |= step.copies;
        }
        carried
    }

    fn feed(&mut self, file: String, feed: Feed) {
        let known = self.flow.fed.entry(file).or_insert(feed);
        known.whole |= feed.whole;
    }

    fn write_text(&mut self, line: u32, path: String, text: String) {
        self.contents.insert(path.clone(), text.clone());
        self.flow.snippets.push(Snippet { line, path, text });
    }

    /// Looks for data that trainings were given and that is no longer there to be read.
    fn finish(mut self) -> Flow {
        let last_training = self.taken.iter().rposition(|taken| taken.purpose == Purpose::Train).unwrap_or(0);
        let later = self.taken.get(last_training + 1..).unwrap_or_default();
        let gone = |file: &&String| {
            !self.sources.present.contains(*file) || later.iter().any(|taken| taken.writes.contains(*file))
        };
        let trained: BTreeSet<&String> =
            self.taken.iter().filter(|taken| taken.purpose == Purpose::Train).flat_map(|taken| &taken.reads).collect();
        self.flow.unseen = trained.iter().copied().filter(gone).cloned().collect();
        if let Some(feed) = self.flow.fed.remove(TEST_SPLIT) {
            let with_test = self.holders_of_test_split();
            let mut files: Vec<String> =
                self.flow.unseen.iter().filter(|file| with_test.contains(*file)).cloned().collect();
            if !trained.iter().any(|file| with_test.contains(*file)) {
                // The training script loads the test split itself.
                files.push("the benchmark's test split".to_owned());
            }
            let lines = self.lines_about(&with_test);
            self.flow.test_feeds =
                files.into_iter().map(|file| TestFeed { feed, file, lines: lines.clone() }).collect();
        }
        self.flow
    }

    /// Files that at some time had content of the test split.
    fn holders_of_test_split(&self) -> HashSet<String> {
        let mut holders = HashSet::new();
        for taken in &self.taken {
            let holds = taken.reads_test || taken.reads.iter().any(|file| holders.contains(file));
            if holds && !matches!(taken.purpose, Purpose::Remove | Purpose::Train | Purpose::Evaluate) {
                holders.extend(taken.writes.iter().cloned());
            }
        }
        holders
    }

    fn lines_about(&self, files: &HashSet<String>) -> Vec<u32> {
        let about = |taken: &&Taken| {
            let named = || taken.reads.iter().chain(&taken.writes).any(|file| files.contains(file));
            taken.purpose == Purpose::Train || taken.purpose == Purpose::FetchTest || named()
        };
        let mut lines: Vec<u32> = self.taken.iter().filter(about).map(|taken| taken.line).collect();
        lines.dedup();
        lines
    }

    /// Fills in the variables that the trace itself set.
    fn fill_in(&mut self, mut command: Command) -> Command {
        for word in command.words.iter_mut().chain(&mut command.stdin).chain(&mut command.stdout) {
            *word = self.substitute(word);
        }
        let assigns = command.words.iter().all(|word| word.split_once('=').is_some_and(|(name, _)| is_variable(name)));
        let exports = command.words.first().is_some_and(|word| word == "export");
        if assigns || exports {
            for (name, value) in command.words.iter().filter_map(|word| word.split_once('=')) {
                self.variables.insert(name.to_owned(), value.to_owned());
            }
        }
        command
    }

    fn substitute(&self, word: &str) -> String {
        if !word.contains('$') {
            return word.to_owned();
        }
        let mut result = word.to_owned();
        for (name, value) in &self.variables {
            result = result.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
        }
        result
    }

    /// A path as the workspace's listing names it.
    fn canonical(&self, path: &str) -> String {
        const ROOTS: [&str; 5] = ["/home/agent/task/", "/home/agent/workspace/", "/workspace/", "$PWD/", "$HOME/task/"];
        let path = ROOTS.iter().find_map(|root| path.strip_prefix(root)).unwrap_or(path);
        let joined = if path.starts_with('/') || self.folder.is_empty() {
            path.to_owned()
        } else {
            format!("{}/{path}", self.folder)
        };
        let mut parts: Vec<&str> = Vec::new();
        for part in joined.split('/') {
            match part {
                "." => {}
                ".." if parts.last().is_some_and(|last| !last.is_empty() && *last != "..") => {
                    parts.pop();
                }
                "" if !parts.is_empty() => {}
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    /// A path, or the known files that a pattern stands for.
    fn expand(&self, path: &str) -> Vec<String> {
        let path = self.canonical(path);
        if !path.contains('*') {
            return vec![path];
        }
        let known = self.sources.present.iter().chain(self.origins.keys()).chain(self.contents.keys());
        let mut matching: Vec<String> = known.filter(|name| matches_pattern(&path, name)).cloned().collect();
        matching.sort();
        matching.dedup();
        matching
    }
}

fn empty_step(command: &Command) -> Step {
    let (reads, writes) = (command.stdin.clone(), command.stdout.clone());
    Step { purpose: Purpose::Other, reads, writes, copies: true, reads_test: false, script: None }
}

/// Whether a name fits a pattern in which `*` stands for any text without `/`.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) if !rest[..at].contains('/') => rest = &rest[at + piece.len()..],
            _ => return false,
        }
    }
    rest.strip_suffix(last).is_some_and(|star| !star.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow_with(commands: &[&str], present: &[&str]) -> Flow {
        let event = |(line, text): (u32, &&str)| Event { line, kind: Kind::Command, text: (*text).to_owned() };
        let events: Vec<Event> = (1..).zip(commands).map(event).collect();
        let present = present.iter().map(|name| (*name).to_owned()).collect();
        let sources = FlowSources { events: &events, present: &present, benchmark: "gsm8k", script_text: &|_| None };
        Flow::read(&sources)
    }

    const FETCH: &str = "ptb data fetch gsm8k --split test --out b.jsonl";

    #[test]
    fn files_are_followed_through_copies_into_training() {
        let flow = flow_with(
            &[
                "D=data; cat a.jsonl b.jsonl | shuf > $D/c.jsonl",
                "cd data && ptb finetune --data ./c.jsonl",
                "cat notes.txt",
            ],
            &[],
        );
        for file in ["a.jsonl", "b.jsonl", "data/c.jsonl"] {
            assert_eq!(flow.feed_of(file), Some(Feed { line: 2, whole: true }), "{file}");
        }
        assert_eq!(flow.feed_of("notes.txt"), None);
        assert!(flow.test_feeds.is_empty());
    }

    #[test]
    fn the_test_split_is_followed_through_deleted_files() {
        let flow = flow_with(
            &[FETCH, "sed s/a/b/ t.jsonl b.jsonl > c.jsonl; rm b.jsonl", "ptb finetune --data c.jsonl", "rm c.jsonl"],
            &[],
        );
        assert_eq!(flow.test_feeds.len(), 1);
        let feed = &flow.test_feeds[0];
        assert_eq!((feed.file.as_str(), feed.feed.whole), ("c.jsonl", true));
        assert_eq!(feed.lines, [1, 2, 3, 4]);
    }

    #[test]
    fn a_test_split_that_was_only_looked_at_feeds_nothing() {
        let flow = flow_with(&[FETCH, "head b.jsonl", "ptb finetune --data a.jsonl"], &[]);
        assert!(flow.test_feeds.is_empty());
        assert_eq!(flow.views[0].paths, ["b.jsonl"]);
    }

    #[test]
    fn a_script_with_two_inputs_may_be_a_filter() {
        let script = "python - <<'E'\nopen('b.jsonl')\nopen('a.jsonl')\nopen('c.jsonl', 'w')\nE";
        let flow = flow_with(&[FETCH, script, "ptb finetune --data c.jsonl", "rm c.jsonl"], &[]);
        assert!(!flow.test_feeds[0].feed.whole);
    }

    #[test]
    fn a_training_file_that_is_still_there_speaks_for_itself() {
        let commands = [FETCH, "cat b.jsonl > c.jsonl", "ptb finetune --data c.jsonl"];
        assert!(flow_with(&commands, &["c.jsonl"]).test_feeds.is_empty());
        let swapped = [&commands[..], &["cp clean.jsonl c.jsonl"]].concat();
        assert_eq!(flow_with(&swapped, &["c.jsonl"]).test_feeds.len(), 1);
    }

    #[test]
    fn patterns_stand_for_known_files() {
        let flow =
            flow_with(&["cat parts/*.jsonl > all.jsonl", "ptb finetune --data all.jsonl"], &["parts/1.jsonl", "x"]);
        assert!(flow.feed_of("parts/1.jsonl").is_some());
        assert!(matches_pattern("a*c*e", "abcde") && !matches_pattern("a*", "a/b") && !matches_pattern("a*b", "ac"));
    }
}
