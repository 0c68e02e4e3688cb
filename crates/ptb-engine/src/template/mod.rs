//! Chat templates: conversations as the text that a family of models was trained on.
//!
//! Which template is used follows from the base model's family. A template in a checkpoint folder is never read: a
//! submission must not choose how it is asked.
//!
//! The templates are Jinja as other servers read it, where it runs on Python. So values, methods, filters and errors
//! behave as Python's do here as well, as far as a template can tell.

mod chat;
mod environment;
mod line;
mod message;
pub(crate) mod python;

pub use chat::{ChatTemplate, RenderOptions, TemplateError};
pub use line::{LINE_LIMIT, LineCount, RenderedLine, render_line, render_lines};
pub use message::Message;
pub use ptb_core::definitions::{Family, Template};
