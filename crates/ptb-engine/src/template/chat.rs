//! Rendering conversations.

use std::collections::BTreeMap;

use jiff::ZonedDateTime;
use jiff::civil::Date;
use minijinja::{Environment, Value};
use ptb_core::definitions::{Family, Template};
use serde_json::Map;
use thiserror::Error;

use super::environment::{environment, strftime_now};
use super::message::Message;
use super::python::{List, Raised, from_json, object};

/// Why a conversation cannot be rendered.
#[derive(Debug, Error)]
pub enum TemplateError {
    /// There is nothing to render.
    #[error("the conversation has no messages; give at least one")]
    NoMessages,
    /// The template is wrong, which is a mistake in this program.
    #[error("the chat template {template} does not compile: {cause:#}; report this")]
    Compile {
        /// The template.
        template: Template,
        /// What is wrong with it.
        cause: minijinja::Error,
    },
    /// The template refused the conversation.
    #[error("the conversation does not fit the chat template: {class}: {message}; check roles and contents")]
    Raised {
        /// The class of exception that the reference raises, such as `TypeError`.
        class: &'static str,
        /// What it says.
        message: String,
    },
}

impl From<Raised> for TemplateError {
    fn from(raised: Raised) -> Self {
        Self::Raised { class: raised.class, message: raised.message }
    }
}

/// What else a template is told.
#[derive(Debug, Clone)]
pub struct RenderOptions {
    /// End with the opening of the assistant's answer.
    pub add_generation_prompt: bool,
    /// Tool definitions in the form of the chat API.
    pub tools: Vec<serde_json::Value>,
    /// Settings of the family, such as `enable_thinking`.
    pub settings: Map<String, serde_json::Value>,
    /// The day that a template may mention; without it, that of this machine's clock.
    pub today: Option<Date>,
}

impl Default for RenderOptions {
    fn default() -> Self {
        Self { add_generation_prompt: true, tools: Vec::new(), settings: Map::new(), today: None }
    }
}

/// The compiled templates of a family: one for conversations with tools, one for those without.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    plain: Template,
    with_tools: Template,
}

impl ChatTemplate {
    /// The templates of `family`, which are part of this program.
    pub fn for_family(family: Family) -> Result<Self, TemplateError> {
        Self::of(family.template(false), family.template(true))
    }

    /// One template for all conversations.
    pub fn only(template: Template) -> Result<Self, TemplateError> {
        Self::of(template, template)
    }

    fn of(plain: Template, with_tools: Template) -> Result<Self, TemplateError> {
        let mut environment = environment();
        for template in [plain, with_tools] {
            environment
                .add_template(template.name(), template.source())
                .map_err(|cause| TemplateError::Compile { template, cause })?;
        }
        Ok(Self { environment, plain, with_tools })
    }

    /// The text that ends a turn.
    pub fn end_of_turn(&self) -> &'static str {
        match self.plain.family() {
            Family::Qwen3 | Family::Smollm3 => "<|im_end|>",
            Family::Gemma3 => "<end_of_turn>",
        }
    }

    /// The conversation as one text, special tokens included.
    pub fn render(&self, messages: &[Message], options: &RenderOptions) -> Result<String, TemplateError> {
        if messages.is_empty() {
            return Err(TemplateError::NoMessages);
        }
        let mut context = self.special_tokens();
        context.extend(options.settings.iter().map(|(name, value)| (name.clone(), from_json(value))));
        let messages = messages.iter().map(|Message(fields)| object(fields)).collect();
        context.insert("messages".to_owned(), List::value(messages));
        let tools = options.tools.iter().map(from_json).collect();
        context.insert("tools".to_owned(), List::value(tools));
        context.insert("add_generation_prompt".to_owned(), options.add_generation_prompt.into());
        Ok(self.render_context(context, !options.tools.is_empty(), options.today)?)
    }

    /// The family's special tokens, as variables of a template.
    pub(super) fn special_tokens(&self) -> BTreeMap<String, Value> {
        let bos = match self.plain.family() {
            Family::Gemma3 => Some("<bos>"),
            Family::Qwen3 | Family::Smollm3 => None,
        };
        bos.map(|token| ("bos_token".to_owned(), token.into())).into_iter().collect()
    }

    /// Renders with these variables.
    pub(super) fn render_context(
        &self,
        mut context: BTreeMap<String, Value>,
        has_tools: bool,
        today: Option<Date>,
    ) -> Result<String, Raised> {
        let today = today.unwrap_or_else(|| ZonedDateTime::now().date());
        context.insert("strftime_now".to_owned(), strftime_now(today));
        let template = if has_tools { self.with_tools } else { self.plain };
        let rendered = self.environment.get_template(template.name()).and_then(|template| template.render(context));
        rendered.map_err(|error| Raised::from(&error))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rendered(family: Family, messages: &[Message], options: &RenderOptions) -> Result<String, TemplateError> {
        ChatTemplate::for_family(family).unwrap().render(messages, options)
    }

    #[test]
    fn a_question_is_rendered_with_the_opening_of_the_answer() {
        let messages = [Message::system("Be brief."), Message::user("Hello")];
        for (family, expected) in [
            (
                Family::Qwen3,
                "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
            ),
            (Family::Gemma3, "<bos><start_of_turn>user\nBe brief.\n\nHello<end_of_turn>\n<start_of_turn>model\n"),
        ] {
            assert_eq!(rendered(family, &messages, &RenderOptions::default()).unwrap(), expected);
        }
    }

    #[test]
    fn settings_reach_the_template() {
        let mut options = RenderOptions::default();
        options.settings.insert("enable_thinking".to_owned(), false.into());
        let question = [Message::user("Hi")];
        let text = rendered(Family::Qwen3, &question, &options).unwrap();
        assert!(text.ends_with("<|im_start|>assistant\n<think>\n\n</think>\n\n"), "{text}");
        options.today = Some(jiff::civil::date(2031, 2, 3));
        let text = rendered(Family::Smollm3, &question, &options).unwrap();
        assert!(text.contains("Today Date: 03 February 2031\nReasoning Mode: /no_think\n"), "{text}");
    }

    #[test]
    fn tools_bring_another_template_where_the_family_has_one() {
        let tool = json!({"type": "function", "function": {"name": "f"}});
        let options = RenderOptions { tools: vec![tool], ..RenderOptions::default() };
        let text = rendered(Family::Gemma3, &[Message::user("Hi")], &options).unwrap();
        assert!(text.contains(r#"<tools>{"type": "function", "function": {"name": "f"}}</tools>"#), "{text}");
    }

    #[test]
    fn what_cannot_be_rendered_is_refused() {
        let options = RenderOptions::default();
        assert!(matches!(rendered(Family::Qwen3, &[], &options), Err(TemplateError::NoMessages)));
        let error = rendered(Family::Gemma3, &[Message::assistant("Hi")], &options).unwrap_err();
        assert!(error.to_string().contains("TemplateError: Conversation roles must alternate"), "{error}");
    }

    #[test]
    fn every_family_marks_the_turns_that_end_with_its_end_of_turn() {
        for family in Family::ALL {
            let chat = ChatTemplate::for_family(family).unwrap();
            let options = RenderOptions { add_generation_prompt: false, ..RenderOptions::default() };
            let text = chat.render(&[Message::user("Hi"), Message::assistant("Ho")], &options).unwrap();
            assert!(text.trim_end().ends_with(&format!("Ho{}", chat.end_of_turn())), "{text}");
        }
    }
}
