//! Rows of JSON Lines and CSV files.

use std::path::Path;

use serde_json::{Map, Value};

use super::error::{DataError, RowProblem};

/// How a file holds its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON object a line. Empty lines are passed over and do not count as rows.
    JsonLines,
    /// Comma-separated values with a header line; every value is text.
    Csv,
}

impl Format {
    /// The format that the name of a file tells.
    pub(crate) fn of(path: &Path) -> Self {
        let csv = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        if csv { Self::Csv } else { Self::JsonLines }
    }
}

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// Line on which it begins, from 1.
    pub(crate) line: usize,
    /// Its fields.
    pub(crate) fields: Map<String, Value>,
}

/// Receives a row; what is wrong with it ends the reading.
type Visit<'a> = &'a mut dyn FnMut(Row) -> Result<(), RowProblem>;

/// Reads the rows of a file one by one; `path` is named in errors.
pub(crate) fn for_each_row(content: &[u8], path: &Path, visit: Visit<'_>) -> Result<(), DataError> {
    let content = content.strip_prefix("\u{feff}".as_bytes()).unwrap_or(content);
    let read = match Format::of(path) {
        Format::JsonLines => json_lines(content, visit),
        Format::Csv => csv(content, visit),
    };
    read.map_err(|(line, problem)| DataError::Row { path: path.to_owned(), line, problem })
}

type Problem = (usize, RowProblem);

fn json_lines(content: &[u8], visit: Visit<'_>) -> Result<(), Problem> {
    let lines = content.split(|byte| *byte == b'\n').zip(1..);
    for (line, number) in lines.filter(|(line, _)| !line.trim_ascii().is_empty()) {
        visit(json_row(number, line)?).map_err(|problem| (number, problem))?;
    }
    Ok(())
}

fn json_row(line: usize, content: &[u8]) -> Result<Row, Problem> {
    let text = str::from_utf8(content).map_err(|_| (line, RowProblem::Encoding))?;
    let fields = serde_json::from_str(text).map_err(|error| (line, RowProblem::Json(error.to_string())))?;
    Ok(Row { line, fields })
}

fn csv(content: &[u8], visit: Visit<'_>) -> Result<(), Problem> {
    let mut reader = csv::ReaderBuilder::new().from_reader(content);
    let names = reader.headers().map_err(|error| csv_problem(&error, 1))?.clone();
    if let Some(twice) = names.iter().enumerate().find(|(at, name)| names.iter().take(*at).any(|other| other == *name))
    {
        return Err((1, RowProblem::RepeatedColumn(twice.1.to_owned())));
    }
    let mut line = 1;
    for record in reader.records() {
        let record = record.map_err(|error| csv_problem(&error, line))?;
        line = record.position().map_or(line, |position| position.line() as usize);
        let fields = names.iter().zip(&record).map(|(name, text)| (name.to_owned(), Value::String(text.to_owned())));
        visit(Row { line, fields: fields.collect() }).map_err(|problem| (line, problem))?;
    }
    Ok(())
}

/// What is wrong with a record; `last` is the line of the last good one.
fn csv_problem(error: &csv::Error, last: usize) -> Problem {
    let line = error.position().map_or(last, |position| position.line() as usize);
    let problem = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => RowProblem::Encoding,
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            RowProblem::Columns { expected: *expected_len, found: *len }
        }
        _ => RowProblem::Csv(error.to_string()),
    };
    (line, problem)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(content: &[u8], name: &str) -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        let read = for_each_row(content, Path::new(name), &mut |row| {
            rows.push(row);
            Ok(())
        });
        read.map(|()| rows).map_err(|error| error.to_string())
    }

    fn text(row: &Row, field: &str) -> String {
        row.fields[field].as_str().unwrap().to_owned()
    }

    #[test]
    fn lines_of_json_are_rows_and_empty_lines_are_none() {
        let rows = read("\u{feff}{\"a\":1}\r\n\n  \n{\"a\":\"é\"}".as_bytes(), "x.jsonl").unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(text(&rows[1], "a"), "é");
        assert_eq!(read(b"", "x.jsonl").unwrap(), []);
    }

    #[test]
    fn csv_values_may_hold_commas_quotes_and_lines() {
        let rows = read("\u{feff}ID,Q\n1,\"a, \"\"b\"\"\nc\"\n2,N/A\n".as_bytes(), "x.CSV").unwrap();
        assert_eq!((rows[0].line, text(&rows[0], "Q").as_str()), (2, "a, \"b\"\nc"));
        assert_eq!((rows[1].line, text(&rows[1], "ID").as_str(), text(&rows[1], "Q").as_str()), (4, "2", "N/A"));
        assert_eq!(read(b"", "x.csv").unwrap(), []);
    }

    #[test]
    fn bad_rows_are_named_by_file_and_line() {
        for (content, name, expected) in [
            (&b"{\"a\":1}\n{\"a\":"[..], "x.jsonl", "x.jsonl:2: not a JSON object"),
            (b"[1]", "x.jsonl", "x.jsonl:1: not a JSON object"),
            (b"{\"a\":1e999}", "x.jsonl", "x.jsonl:1: not a JSON object"),
            (b"{\"a\":\"\xff\"}", "x.jsonl", "x.jsonl:1: not valid UTF-8"),
            (b"{\"a\":\"\\ud800\"}", "x.jsonl", "x.jsonl:1: not a JSON object"),
            (b"a,b\n1,2\n3\n", "x.csv", "x.csv:3: it has 1 values, the header has 2"),
            (b"a,b\n1,\xff\n", "x.csv", "x.csv:2: not valid UTF-8"),
            (b"a,a\n1,2\n", "x.csv", "x.csv:1: two columns are called \"a\""),
        ] {
            let message = read(content, name).unwrap_err();
            assert!(message.starts_with(expected), "{message}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_crash() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(read(deep.as_bytes(), "x.jsonl").unwrap_err().contains("recursion"));
    }

    proptest! {
        #[test]
        fn any_bytes_give_rows_or_an_error(content in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&content, "x.jsonl");
            let _ = read(&content, "x.csv");
        }

        #[test]
        fn csv_gives_back_what_was_written(values in prop::collection::vec("\\PC{0,10}", 1..6)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["value", "other"]).unwrap();
            for value in &values {
                writer.write_record([value.as_str(), "x"]).unwrap();
            }
            let found = read(&writer.into_inner().unwrap(), "x.csv").unwrap();
            prop_assert_eq!(found.iter().map(|row| text(row, "value")).collect::<Vec<_>>(), values);
        }
    }
}
