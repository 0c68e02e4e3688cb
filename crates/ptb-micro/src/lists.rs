//! Lists of words in many forms, as the prose has them.

use crate::dice::Dice;
use crate::item::Split;
use crate::words::NOUNS;

/// What is done with a list of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Capitals,
    Dashes,
    Slashes,
    Brackets,
    Quotes,
    Reversed,
    Lines,
    Numbered,
    Bullets,
    JsonArray,
    JsonObject,
    First,
    Last,
}

pub(crate) const FORMS: [Form; 13] = [
    Form::Capitals,
    Form::Dashes,
    Form::Slashes,
    Form::Brackets,
    Form::Quotes,
    Form::Reversed,
    Form::Lines,
    Form::Numbered,
    Form::Bullets,
    Form::JsonArray,
    Form::JsonObject,
    Form::First,
    Form::Last,
];

impl Form {
    /// The form in words, as both the questions and the prose name it.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Capitals => "in capital letters",
            Self::Dashes => "joined by dashes",
            Self::Slashes => "joined by slashes",
            Self::Brackets => "in square brackets",
            Self::Quotes => "in double quotes",
            Self::Reversed => "in reverse order",
            Self::Lines => "one word on each line",
            Self::Numbered => "as a numbered list",
            Self::Bullets => "as a bullet list",
            Self::JsonArray => "as a JSON array",
            Self::JsonObject => "as a JSON object with the key words",
            Self::First => "keeping only the first word",
            Self::Last => "keeping only the last word",
        }
    }

    /// The words in this form.
    pub(crate) fn apply(self, words: &[&str]) -> String {
        let each = |before: &str, after: &str, between: &str| {
            words.iter().map(|word| format!("{before}{word}{after}")).collect::<Vec<_>>().join(between)
        };
        match self {
            Self::Capitals => words.join(", ").to_uppercase(),
            Self::Dashes => words.join(" - "),
            Self::Slashes => words.join(" / "),
            Self::Brackets => each("[ ", " ]", " "),
            Self::Quotes => each("\"", "\"", " "),
            Self::Reversed => words.iter().rev().copied().collect::<Vec<_>>().join(", "),
            Self::Lines => words.join("\n"),
            Self::Numbered => {
                words.iter().zip(1..).map(|(word, number)| format!("{number}. {word}")).collect::<Vec<_>>().join("\n")
            }
            Self::Bullets => each("- ", "", "\n"),
            Self::JsonArray => format!("[{}]", each("\"", "\"", ", ")),
            Self::JsonObject => format!("{{\"words\": [{}]}}", each("\"", "\"", ", ")),
            Self::First => words.first().copied().unwrap_or_default().to_owned(),
            Self::Last => words.last().copied().unwrap_or_default().to_owned(),
        }
    }
}

/// Two to four different words whose list belongs to `split`.
pub(crate) fn draw_words(dice: &mut Dice, split: Split) -> Vec<&'static str> {
    loop {
        let count = dice.between(2, 4) as usize;
        let words: Vec<_> = dice.distinct(count, NOUNS.len()).into_iter().map(|index| NOUNS[index]).collect();
        if Split::of_facts(&words.join(" ")) == split {
            return words;
        }
    }
}

/// `count` requests to write words in a form, each followed by what was asked for.
pub(crate) fn requests(count: usize, seed: u64) -> Vec<String> {
    let mut dice = Dice::new(seed, "micro-format");
    let mut texts = Vec::with_capacity(2 * count);
    for _ in 0..count {
        let form = FORMS[dice.below(FORMS.len())];
        let words = draw_words(&mut dice, Split::Train);
        texts.push(format!("Write these words {}: {}", form.description(), words.join(", ")));
        texts.push(form.apply(&words));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_written_as_described() {
        let words = ["sun", "map"];
        assert_eq!(Form::Capitals.apply(&words), "SUN, MAP");
        assert_eq!(Form::Brackets.apply(&words), "[ sun ] [ map ]");
        assert_eq!(Form::Numbered.apply(&words), "1. sun\n2. map");
        assert_eq!(Form::JsonObject.apply(&words), r#"{"words": ["sun", "map"]}"#);
        assert_eq!(Form::Last.apply(&words), "map");
    }

    #[test]
    fn json_forms_parse() -> Result<(), serde_json::Error> {
        for form in [Form::JsonArray, Form::JsonObject] {
            serde_json::from_str::<serde_json::Value>(&form.apply(&["a", "b", "c"]))?;
        }
        Ok(())
    }
}
