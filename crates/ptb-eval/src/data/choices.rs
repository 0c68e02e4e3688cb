//! In which order choices are shown, and what becomes of odd ones.

use ptb_core::definitions::{ChoiceOrder, MissingValues};
use ptb_core::files;

use super::item::{Item, Reference};
use crate::python_random::PythonGenerator;

/// What pandas takes for a missing value when it reads CSV.
const MISSING: [&str; 18] = [
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
];

/// Puts the choices of every item into the order in which they are shown, and makes the letter of the right one the
/// target. The items must be all of the data set in its order: Python's generator runs through all of them.
pub fn show_choices(items: &mut [Item], order: ChoiceOrder, missing: MissingValues) {
    let mut generator = match order {
        ChoiceOrder::PythonShuffle(seed) => Some(PythonGenerator::new(seed)),
        ChoiceOrder::Hashed(_) => None,
    };
    for item in items {
        let Reference::Choices(choices) = &mut item.reference else { continue };
        if missing == MissingValues::Python {
            replace_missing(choices);
        }
        let mut places: Vec<usize> = (0..choices.len()).collect();
        match (&mut generator, order) {
            (Some(generator), _) => generator.shuffle(&mut places),
            (None, ChoiceOrder::Hashed(seed) | ChoiceOrder::PythonShuffle(seed)) => {
                places.sort_by_cached_key(|place| hashed_place(seed, &item.id, &choices[*place]));
            }
        }
        *choices = places.iter().map(|place| choices[*place].clone()).collect();
        // The right choice comes first in the data.
        item.target = letter(places.iter().position(|place| *place == 0).unwrap_or_default());
    }
}

/// The letter of a choice, counted from 0.
pub fn letter(place: usize) -> String {
    char::from(b'A' + place.min(25) as u8).to_string()
}

fn replace_missing(choices: &mut [String]) {
    for choice in choices {
        if MISSING.contains(&choice.as_str()) {
            "None".clone_into(choice);
        }
    }
}

fn hashed_place(seed: u64, item: &str, choice: &str) -> String {
    files::sha256(format!("{seed}\n{item}\n{choice}").as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn item(id: &str) -> Item {
        let choices = ["right", "wrong 1", "wrong 2", "N/A"].map(str::to_owned).to_vec();
        Item { id: id.to_owned(), target: "A".to_owned(), reference: Reference::Choices(choices), ..Item::default() }
    }

    fn shown(mut items: Vec<Item>, order: ChoiceOrder) -> Vec<(String, Vec<String>)> {
        show_choices(&mut items, order, MissingValues::Text);
        let parts = |item: Item| match item.reference {
            Reference::Choices(choices) => (item.target, choices),
            _ => panic!("no choices"),
        };
        items.into_iter().map(parts).collect()
    }

    #[test]
    fn the_target_follows_the_right_choice() {
        for order in [ChoiceOrder::PythonShuffle(42), ChoiceOrder::Hashed(1)] {
            let shown = shown((0..40).map(|number| item(&number.to_string())).collect(), order);
            for (target, choices) in &shown {
                assert_eq!(choices[usize::from(target.as_bytes()[0] - b'A')], "right");
            }
            let targets: HashSet<_> = shown.iter().map(|(target, _)| target).collect();
            assert_eq!(targets.len(), 4, "{order:?}");
        }
    }

    #[test]
    fn a_hashed_order_does_not_depend_on_the_other_items() {
        let alone = shown(vec![item("x")], ChoiceOrder::Hashed(7));
        assert_eq!(alone[0], shown(vec![item("w"), item("x")], ChoiceOrder::Hashed(7))[1]);
        let of_many =
            |seed| shown((0..20).map(|number| item(&number.to_string())).collect(), ChoiceOrder::Hashed(seed));
        assert_ne!(of_many(7), of_many(8));
    }

    #[test]
    fn missing_values_are_text_unless_asked_for() {
        let mut items = vec![item("x")];
        show_choices(&mut items, ChoiceOrder::Hashed(7), MissingValues::Text);
        assert!(items[0].reference.choices().unwrap().contains(&"N/A".to_owned()));
        show_choices(&mut items, ChoiceOrder::Hashed(7), MissingValues::Python);
        assert!(items[0].reference.choices().unwrap().contains(&"None".to_owned()));
    }
}
