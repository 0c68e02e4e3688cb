//! What a benchmark asks.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// One question of a benchmark with its reference answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique within the data set, such as `gsm8k/test/0`.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// The reference answer as the data set has it, a rationale included.
    pub answer: String,
    /// What an answer is compared with.
    pub target: String,
}

/// SHA-256 of items in their order, in lower-case hexadecimal: each part is preceded by its length, so that no two lists
/// of items share their bytes.
pub fn hash_items(items: &[Item]) -> String {
    let mut hasher = Sha256::new();
    for item in items {
        for part in [&item.id, &item.question, &item.answer, &item.target] {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
    }
    hex::encode(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(id: &str, question: &str) -> Item {
        Item { id: id.to_owned(), question: question.to_owned(), answer: String::new(), target: String::new() }
    }

    #[test]
    fn order_and_borders_of_the_parts_count() {
        let [a, b] = [item("1", "2"), item("3", "4")];
        assert_ne!(hash_items(&[a.clone(), b.clone()]), hash_items(&[b, a]));
        assert_ne!(hash_items(&[item("ab", "c")]), hash_items(&[item("a", "bc")]));
    }
}
