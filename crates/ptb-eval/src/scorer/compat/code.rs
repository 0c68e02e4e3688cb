//! The code in a `HumanEval` answer.

/// The first block marked as Python, else the first block without a mark, without its signature; the whole completion
/// where there is no block.
///
/// The body is what follows the first `:` with a line of four blanks behind it. Without such a place, the first
/// character is lost.
pub fn find_code(completion: &str) -> &str {
    let Some(block) = block(completion, "```python\n").or_else(|| block(completion, "```\n")) else {
        return completion;
    };
    match block.find(":\n    ") {
        Some(colon) => &block[colon + 2..],
        None => block.get(block.chars().next().map_or(0, char::len_utf8)..).unwrap_or_default(),
    }
}

fn block<'a>(text: &'a str, opening: &str) -> Option<&'a str> {
    Some(text.split_once(opening)?.1.split_once("```")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_cut_out_of_blocks() {
        for (completion, code) in [
            ("    return 1\n", "    return 1\n"),
            ("So:\n```python\ndef f():\n    return 1\n```\n", "    return 1\n"),
            ("```\nx\n```\n```python\ndef f():\n    return 1\n```", "    return 1\n"),
            ("```\nreturn 1\n```", "eturn 1\n"),
            ("```py\nreturn 1\n```", "```py\nreturn 1\n```"),
            ("```python\n```", ""),
            ("```\n\u{e9}a```", "a"),
        ] {
            assert_eq!(find_code(completion), code, "{completion}");
        }
    }
}
