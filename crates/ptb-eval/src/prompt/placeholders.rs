//! Replacement of placeholders as plain text.

/// `text` with every `{name}` of `values` replaced by its value, in one pass: values are never searched themselves, and
/// braces of other names stay as they are.
pub(crate) fn fill(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(brace) = rest.find('{') {
        let (before, from_brace) = rest.split_at(brace);
        filled.push_str(before);
        let (written, length) = match values.iter().find(|(name, _)| is_placeholder(from_brace, name)) {
            Some((name, value)) => (*value, name.len() + 2),
            None => ("{", 1),
        };
        filled.push_str(written);
        rest = &from_brace[length..];
    }
    filled + rest
}

fn is_placeholder(text: &str, name: &str) -> bool {
    text.strip_prefix('{').and_then(|text| text.strip_prefix(name)).is_some_and(|text| text.starts_with('}'))
}

/// Whether `{name}` occurs in the text.
pub(crate) fn mentions(text: &str, name: &str) -> bool {
    text.contains(&format!("{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_not_searched_for_placeholders() {
        let values = [("question", "what is {answer}?"), ("answer", "{question}")];
        assert_eq!(fill("{question} {answer}", &values), "what is {answer}? {question}");
    }

    #[test]
    fn other_braces_are_literal() {
        let values = [("question", "q")];
        assert_eq!(fill("\\boxed{{question}} {x} {", &values), "\\boxed{q} {x} {");
        assert_eq!(fill("{question", &values), "{question");
    }

    proptest! {
        #[test]
        fn text_without_the_placeholder_stays(text in "[a-z{} \\u{e9}]{0,30}") {
            prop_assume!(!mentions(&text, "Q"));
            prop_assert_eq!(fill(&text, &[("Q", "value")]), text);
        }

        #[test]
        fn the_value_takes_the_place_of_the_placeholder(value in "\\PC{0,20}", before in "[a-z{]{0,5}", after in "[a-z}]{0,5}") {
            let filled = fill(&format!("{before}{{Q}}{after}"), &[("Q", &value)]);
            prop_assert_eq!(filled, format!("{before}{value}{after}"));
        }
    }
}
