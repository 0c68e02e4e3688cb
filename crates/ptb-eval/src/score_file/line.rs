//! A line of a file with completions.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::scorer::compat::RawReply;

/// What a line says; other fields are ignored.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Line {
    /// Given back as it is.
    #[serde(default)]
    pub record_id: Option<Value>,
    #[serde(default)]
    pub sample_id: Option<Value>,
    #[serde(default)]
    pub completion: Option<Value>,
    /// In place of the data set's.
    #[serde(default)]
    pub target: Option<Value>,
    /// In place of the data set's, for function calls.
    #[serde(default)]
    pub target_obj: Option<Value>,
    /// In place of the data set's, in the order shown.
    #[serde(default)]
    pub choices: Option<Value>,
}

impl Line {
    /// The id of the sample; a number is taken as its digits.
    pub(super) fn sample_id(&self) -> Result<String, String> {
        match &self.sample_id {
            Some(Value::String(id)) => Ok(id.clone()),
            Some(Value::Number(id)) => Ok(id.to_string()),
            Some(_) => Err("`sample_id` is neither a text nor a number".to_owned()),
            None => Err("`sample_id` is missing".to_owned()),
        }
    }

    /// The target that the line gives.
    pub(super) fn target(&self) -> Result<Option<&str>, String> {
        match &self.target {
            None => Ok(None),
            Some(Value::String(target)) => Ok(Some(target)),
            Some(_) => Err("`target` is not a text".to_owned()),
        }
    }

    /// The choices that the line gives.
    pub(super) fn choices(&self) -> Result<Option<Vec<String>>, String> {
        let Some(choices) = &self.choices else { return Ok(None) };
        let choices = serde_json::from_value(choices.clone());
        choices.map(Some).map_err(|_| "`choices` is not a list of texts".to_owned())
    }

    /// The reply; its parts are moved out.
    pub(super) fn take_reply(&mut self) -> Result<RawReply, String> {
        match self.completion.take() {
            Some(Value::String(content)) => Ok(RawReply { content: Some(content), ..RawReply::default() }),
            Some(Value::Object(fields)) => reply(fields),
            Some(_) => Err("`completion` is neither a text nor an object".to_owned()),
            None => Err("`completion` is missing".to_owned()),
        }
    }
}

fn reply(mut fields: Map<String, Value>) -> Result<RawReply, String> {
    let mut text = |name: &str| match fields.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`completion.{name}` is neither a text nor null")),
    };
    let (content, finish_reason) = (text("content")?, text("finish_reason")?);
    let http_status = match fields.remove("http_status") {
        None | Some(Value::Null) => None,
        Some(status) => Some(
            status
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .ok_or("`completion.http_status` is no HTTP status")?,
        ),
    };
    let extra = match fields.remove("extra") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(extra)) => extra,
        Some(_) => return Err("`completion.extra` is no object".to_owned()),
    };
    let tool_calls = fields.remove("tool_calls").or_else(|| extra.get("tool_calls").cloned());
    Ok(RawReply { content, tool_calls, finish_reason, extra, http_status, http_body: fields.remove("http_body") })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(value: Value) -> Line {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn completions_are_texts_or_objects() {
        assert_eq!(line(json!({"completion": "a"})).take_reply(), Ok(RawReply::of_text("a")));
        let full = json!({"completion": {"content": null, "extra": {"tool_calls": []}, "http_status": 400, "new": 1}});
        let reply = line(full).take_reply().unwrap();
        assert_eq!((reply.content, reply.tool_calls, reply.http_status), (None, Some(json!([])), Some(400)));
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (value, name) in [
            (json!({}), "completion"),
            (json!({"completion": [1]}), "completion"),
            (json!({"completion": {"content": 1}}), "content"),
            (json!({"completion": {"extra": 1}}), "extra"),
            (json!({"completion": {"http_status": -1}}), "http_status"),
        ] {
            assert!(line(value).take_reply().unwrap_err().contains(name));
        }
        let wrong = line(json!({"sample_id": [], "target": 1, "choices": {}}));
        assert!(wrong.sample_id().is_err() && wrong.target().is_err() && wrong.choices().is_err());
        assert_eq!(line(json!({"sample_id": 7, "other": 1e300})).sample_id(), Ok("7".to_owned()));
    }
}
