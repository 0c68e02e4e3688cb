//! Shell commands, as far as the flow of files through them can be read off without running anything.

/// One simple command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Command {
    /// Program and arguments, quotes removed and known variables filled in.
    pub(crate) words: Vec<String>,
    /// Files behind `<`.
    pub(crate) stdin: Vec<String>,
    /// Files behind `>` and `>>`.
    pub(crate) stdout: Vec<String>,
    /// The text of a here-document.
    pub(crate) here: Option<String>,
    /// Whether its input comes from the command before it.
    pub(crate) piped: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Operator(String),
}

/// Splits a script into simple commands. Control words such as `if` are dropped; what cannot be read ends up as words.
pub(crate) fn parse(script: &str) -> Vec<Command> {
    let unwrap = |command: Command| match wrapped_script(&command) {
        // Once is what tools do; deeper nesting is left as words.
        Some(script) => parse_script(script),
        None => vec![command],
    };
    parse_script(script).into_iter().flat_map(unwrap).collect()
}

/// The script of `bash -lc SCRIPT`.
fn wrapped_script(command: &Command) -> Option<&str> {
    match command.words.as_slice() {
        [shell, flag, script, ..] => {
            let is_shell = ["bash", "sh", "zsh"].contains(&shell.rsplit('/').next()?);
            (is_shell && flag.starts_with('-') && flag.ends_with('c')).then_some(script)
        }
        _ => None,
    }
}

fn parse_script(script: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut lines = script.lines();
    let mut pending = String::new();
    while let Some(line) = lines.next() {
        pending.push_str(line);
        if let Some(joined) = pending.strip_suffix('\\') {
            pending = format!("{joined} ");
            continue;
        }
        if has_open_quote(&pending) && pending.len() < MOST_QUOTED {
            pending.push('\n');
            continue;
        }
        let first = commands.len();
        let here = parse_line(&pending, &mut commands);
        pending.clear();
        for end in here {
            let text = take_here_document(&mut lines, &end);
            if let Some(command) =
                commands.get_mut(first..).and_then(|new| new.iter_mut().find(|c| c.here.as_deref() == Some("")))
            {
                command.here = Some(text);
            }
        }
    }
    parse_line(&pending, &mut commands);
    commands
}

/// A quote that was never closed swallows at most so much.
const MOST_QUOTED: usize = 1 << 20;

fn take_here_document(lines: &mut std::str::Lines<'_>, end: &str) -> String {
    let mut text = String::new();
    for line in lines.by_ref() {
        if line.trim_start_matches('\t') == end {
            break;
        }
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn has_open_quote(text: &str) -> bool {
    let mut quote = None;
    let mut escaped = false;
    for letter in text.chars() {
        match (quote, letter) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    quote.is_some()
}

/// Reads one logical line. Returns the end marks of its here-documents; their commands carry an empty text until then.
fn parse_line(line: &str, commands: &mut Vec<Command>) -> Vec<String> {
    let mut ends = Vec::new();
    let mut command = Command::default();
    let mut tokens = tokenise(line).into_iter();
    while let Some(token) = tokens.next() {
        match token {
            Token::Word(word) => push_word(&mut command, word),
            Token::Operator(operator) => match operator.as_str() {
                ">" | ">>" | "&>" | "<" | "<<" | "<<<" => {
                    let Some(Token::Word(word)) = tokens.next() else { continue };
                    redirect(&mut command, &operator, word, &mut ends);
                }
                "#" => break,
                _ => {
                    let piped = operator == "|";
                    finish(&mut command, commands);
                    command.piped = piped;
                }
            },
        }
    }
    finish(&mut command, commands);
    ends
}

fn push_word(command: &mut Command, word: String) {
    const CONTROL: [&str; 13] =
        ["if", "then", "else", "elif", "fi", "do", "done", "while", "{", "}", "!", "nohup", "time"];
    if !(command.words.is_empty() && CONTROL.contains(&word.as_str())) {
        command.words.push(word);
    }
}

fn redirect(command: &mut Command, operator: &str, word: String, ends: &mut Vec<String>) {
    // `2> log` keeps errors apart; `2>&1` and `>&2` name no file.
    if word.starts_with('&') || word == "/dev/null" {
        return;
    }
    match operator {
        "<" => command.stdin.push(word),
        "<<" => {
            command.here = Some(String::new());
            ends.push(word.trim_start_matches('-').to_owned());
        }
        "<<<" => command.here = Some(word),
        _ => command.stdout.push(word),
    }
}

fn finish(command: &mut Command, commands: &mut Vec<Command>) {
    let done = std::mem::take(command);
    if !done.words.is_empty() || !done.stdout.is_empty() {
        commands.push(done);
    }
}

fn tokenise(line: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = line.chars().peekable();
    let flush = |word: &mut Option<String>, tokens: &mut Vec<Token>| {
        if let Some(word) = word.take() {
            tokens.push(Token::Word(word));
        }
    };
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => quoted(&mut letters, '\'', word.get_or_insert_default()),
            '"' => quoted(&mut letters, '"', word.get_or_insert_default()),
            '\\' => word.get_or_insert_default().extend(letters.next()),
            ' ' | '\t' => flush(&mut word, &mut tokens),
            '#' if word.is_none() => while letters.next_if(|letter| *letter != '\n').is_some() {},
            '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>' => {
                let descriptor = matches!(letter, '<' | '>') && word.as_deref().is_some_and(is_descriptor);
                if descriptor {
                    word = None;
                }
                flush(&mut word, &mut tokens);
                tokens.push(Token::Operator(operator(letter, &mut letters)));
                if let Some('&') = letters.peek().filter(|_| letter == '>') {
                    word.get_or_insert_default().extend(letters.next());
                }
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    flush(&mut word, &mut tokens);
    tokens
}

fn is_descriptor(word: &str) -> bool {
    matches!(word, "0" | "1" | "2")
}

fn operator(first: char, letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> String {
    let mut operator = String::from(first);
    while let Some(next) = letters.next_if(|next| {
        matches!(
            (operator.as_str(), *next),
            ("<" | "<<", '<') | (">", '>' | '|') | ("&", '>' | '&') | ("|", '|') | (";", ';')
        )
    }) {
        operator.push(next);
    }
    if operator == ">|" { ">".to_owned() } else { operator }
}

fn quoted(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char, word: &mut String) {
    while let Some(letter) = letters.next() {
        match letter {
            letter if letter == quote => return,
            '\\' if quote == '"' => match letters.next() {
                Some(escaped @ ('"' | '\\' | '$' | '`')) => word.push(escaped),
                Some('\n') | None => {}
                Some(other) => word.extend(['\\', other]),
            },
            letter => word.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(script: &str) -> Vec<Vec<String>> {
        parse(script).into_iter().map(|command| command.words).collect()
    }

    #[test]
    fn lists_pipes_and_quotes_are_taken_apart() {
        assert_eq!(
            words("cd x && python a.py --out 'b c.txt'; head \"f\"|sort # rm f"),
            [vec!["cd", "x"], vec!["python", "a.py", "--out", "b c.txt"], vec!["head", "f"], vec!["sort"]]
        );
        assert!(parse("head f | sort")[1].piped);
    }

    #[test]
    fn redirections_name_files() {
        let command = &parse("sed -E -f s.sed a b > c.jsonl 2>&1 < d 2>/dev/null")[0];
        assert_eq!(command.words, ["sed", "-E", "-f", "s.sed", "a", "b"]);
        assert_eq!(
            (command.stdout.as_slice(), command.stdin.as_slice()),
            (&["c.jsonl".to_owned()][..], &["d".to_owned()][..])
        );
        assert_eq!(parse("echo x >> log")[0].stdout, ["log"]);
    }

    #[test]
    fn here_documents_belong_to_their_command() {
        let commands = parse("cat > a.py <<'EOF'\nprint('it; rm x')\nEOF\npython a.py");
        assert_eq!(commands[0].here.as_deref(), Some("print('it; rm x')\n"));
        assert_eq!(commands[0].stdout, ["a.py"]);
        assert_eq!(commands[1].words, ["python", "a.py"]);
    }

    #[test]
    fn a_script_given_to_a_shell_is_read() {
        assert_eq!(words("/bin/bash -lc 'rm a; ls \"b\"'"), [vec!["rm", "a"], vec!["ls", "b"]]);
    }

    #[test]
    fn quotes_and_lines_can_go_on() {
        assert_eq!(words("python -c 'a\nb' && \\\n  ls"), [vec!["python", "-c", "a\nb"], vec!["ls"]]);
        assert_eq!(words("if command -v x > /dev/null; then\n  y 1\nfi"), [vec!["command", "-v", "x"], vec!["y", "1"]]);
    }

    proptest! {
        #[test]
        fn any_script_is_read(script in "\\PC{0,120}") {
            parse(&script);
        }

        #[test]
        fn any_shell_like_script_is_read(script in "[a-z<>|&;'\"\\\\\n$(){}# ]{0,80}") {
            parse(&script);
        }
    }
}
