//! The closed vocabulary from which problems, lists and prose are made.

/// A character of the word problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Person {
    /// First name.
    pub(crate) name: &'static str,
    /// The pronoun that continues a sentence about this person, capitalised.
    pub(crate) pronoun: &'static str,
}

const fn she(name: &'static str) -> Person {
    Person { name, pronoun: "She" }
}

const fn he(name: &'static str) -> Person {
    Person { name, pronoun: "He" }
}

/// The characters.
pub(crate) const PEOPLE: [Person; 20] = [
    she("Ana"),
    he("Ben"),
    she("Clara"),
    he("David"),
    she("Emma"),
    he("Felix"),
    she("Grace"),
    he("Hugo"),
    she("Iris"),
    he("Jonas"),
    she("Kira"),
    he("Leo"),
    she("Maria"),
    he("Noah"),
    she("Olga"),
    he("Paul"),
    she("Rosa"),
    he("Simon"),
    she("Tina"),
    he("Victor"),
];

/// Things that can be counted, bought and given away.
pub(crate) const ITEMS: [&str; 20] = [
    "apples", "pears", "plums", "cards", "coins", "books", "pens", "shells", "stamps", "beads", "balls", "stickers",
    "marbles", "buttons", "cookies", "eggs", "flowers", "stones", "candles", "ribbons",
];

/// What items are kept in, singular and plural.
pub(crate) const CONTAINERS: [(&str, &str); 5] =
    [("box", "boxes"), ("bag", "bags"), ("basket", "baskets"), ("jar", "jars"), ("drawer", "drawers")];

/// Where people go in the little stories.
pub(crate) const PLACES: [&str; 8] = ["market", "garden", "school", "river", "library", "station", "bakery", "park"];

/// Words for lists and formats.
pub(crate) const NOUNS: [&str; 48] = [
    "apple", "bird", "boat", "bread", "bridge", "brush", "chair", "cloud", "cup", "desk", "door", "dog", "farm",
    "fish", "forest", "garden", "gate", "glass", "hat", "hill", "horse", "house", "island", "kite", "lake", "lamp",
    "leaf", "letter", "map", "milk", "moon", "mouse", "ocean", "paper", "pear", "pencil", "river", "road", "rope",
    "salt", "shoe", "snow", "spoon", "star", "stone", "table", "tree", "window",
];
