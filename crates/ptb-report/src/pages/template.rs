//! The templates and assets of the pages, and the policy they run under.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};
use serde::Serialize;
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("../../../../site/style.css");
const THEME: &str = include_str!("../../../../site/theme.js");
const LAYOUT: &str = include_str!("../../../../site/layout.html");

/// A kind of page.
#[derive(Debug, Clone, Copy)]
pub enum Page {
    /// The leaderboard.
    Leaderboard,
    /// One run.
    Run,
}

impl Page {
    fn template(self) -> &'static str {
        match self {
            Page::Leaderboard => include_str!("../../../../site/leaderboard.html"),
            Page::Run => include_str!("../../../../site/run.html"),
        }
    }

    fn script(self) -> &'static str {
        match self {
            Page::Leaderboard => include_str!("../../../../site/leaderboard.js"),
            Page::Run => include_str!("../../../../site/run.js"),
        }
    }
}

/// Renders a page with its style and script in it.
pub fn render(page: Page, view: &impl Serialize) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("layout.html", LAYOUT)?;
    environment.add_template("page.html", page.template())?;
    let script = format!("{THEME}\n{}", page.script());
    let assets = context! {
        policy => policy(STYLE, &script),
        style => Value::from_safe_string(STYLE.to_owned()),
        script => Value::from_safe_string(script),
        ptb_version => env!("CARGO_PKG_VERSION"),
    };
    environment.get_template("page.html")?.render(context! { page => Value::from(Serde(view)), ..assets })
}

/// Nothing is loaded, nothing is sent, and only this style and this script take effect.
fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        source_hash(style),
        source_hash(script)
    )
}

fn source_hash(source: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(source.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_one_browsers_compute() {
        // printf '' | openssl dgst -sha256 -binary | base64
        assert_eq!(source_hash(""), "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    }
}
