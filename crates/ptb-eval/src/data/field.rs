//! The values of a row's fields.

use serde_json::{Map, Value};

use super::error::RowProblem;

/// The value of a field. A name that begins with `/` is a JSON pointer into the row, such as `/question/0`.
pub(crate) fn value<'a>(row: &'a Map<String, Value>, field: &str) -> Result<&'a Value, RowProblem> {
    let found = match field.strip_prefix('/') {
        Some(pointer) => {
            let (name, rest) = pointer.find('/').map_or((pointer, ""), |slash| pointer.split_at(slash));
            row.get(&name.replace("~1", "/").replace("~0", "~")).and_then(|value| value.pointer(rest))
        }
        None => row.get(field),
    };
    found.ok_or_else(|| RowProblem::Missing(field.to_owned()))
}

/// The text of a field; a number counts as its digits.
pub(crate) fn text(row: &Map<String, Value>, field: &str) -> Result<String, RowProblem> {
    let text = match value(row, field)? {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(RowProblem::NotText(field.to_owned())),
    };
    if text.trim().is_empty() {
        return Err(RowProblem::Empty(field.to_owned()));
    }
    Ok(text)
}

/// The texts of a field that is a text or a list of texts.
pub(crate) fn texts(row: &Map<String, Value>, field: &str) -> Result<Vec<String>, RowProblem> {
    let Value::Array(list) = value(row, field)? else { return Ok(vec![text(row, field)?]) };
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    list.iter().map(text).collect::<Option<_>>().ok_or_else(|| RowProblem::NotText(field.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_pointers_find_values() {
        let Value::Object(row) = json!({"a": 7, "b": [["x"]], "c/d": " ", "e": null, "f": 1.5}) else { unreachable!() };
        assert_eq!(text(&row, "a").unwrap(), "7");
        assert_eq!(text(&row, "f").unwrap(), "1.5");
        assert_eq!(text(&row, "/b/0/0").unwrap(), "x");
        assert_eq!(text(&row, "/b/0"), Err(RowProblem::NotText("/b/0".to_owned())));
        assert_eq!(text(&row, "/b/1"), Err(RowProblem::Missing("/b/1".to_owned())));
        assert_eq!(text(&row, "/c~1d"), Err(RowProblem::Empty("/c~1d".to_owned())));
        assert_eq!(text(&row, "e"), Err(RowProblem::NotText("e".to_owned())));
    }
}
