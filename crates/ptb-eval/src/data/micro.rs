//! The generated sets.

use std::path::Path;

use ptb_core::definitions::{BenchmarkDefinition, MicroSet, Split};
use serde_json::{Map, Value};

use super::error::DataError;
use super::item::Item;
use super::rows::RowReader;

/// Items of a generated set as the benchmark's fields read them. The seed counts for training items only.
pub fn micro_items(
    benchmark: &BenchmarkDefinition,
    set: MicroSet,
    split: Split,
    count: usize,
    seed: u64,
) -> Result<Vec<Item>, DataError> {
    let name = format!("{} {split} items", benchmark.id);
    let reader = RowReader { benchmark, split, path: Path::new(name.as_str()) };
    let row_of = |(row, item): (usize, ptb_micro::Item)| {
        reader.item_of(&fields_of(item), row).map_err(|problem| DataError::Row {
            path: reader.path.to_owned(),
            line: row + 1,
            problem,
        })
    };
    generate(set, split, count, seed).into_iter().enumerate().map(row_of).collect()
}

/// Items of a generated set as JSON Lines with `id`, `question` and `answer`, as an agent may train on them.
pub fn export_micro(set: MicroSet, split: Split, count: usize, seed: u64) -> String {
    let line = |item| Value::Object(fields_of(item)).to_string() + "\n";
    generate(set, split, count, seed).into_iter().map(line).collect()
}

fn generate(set: MicroSet, split: Split, count: usize, seed: u64) -> Vec<ptb_micro::Item> {
    let split = match split {
        Split::Test => ptb_micro::Split::Test,
        Split::Train | Split::Baseline => ptb_micro::Split::Train,
    };
    match set {
        MicroSet::Math => ptb_micro::micro_math(split, count, seed),
        MicroSet::Format => ptb_micro::micro_format(split, count, seed),
    }
}

fn fields_of(item: ptb_micro::Item) -> Map<String, Value> {
    [("id", item.id), ("question", item.question), ("answer", item.answer)]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Value::String(text)))
        .collect()
}

#[cfg(test)]
mod tests {
    use ptb_core::definitions::Catalog;

    use super::*;

    #[test]
    fn the_definitions_read_the_targets_that_the_generators_mean() {
        let catalog = Catalog::embedded().unwrap();
        for (name, set) in [("micro-math", MicroSet::Math), ("micro-format", MicroSet::Format)] {
            let benchmark = catalog.benchmark(&name.parse().unwrap()).unwrap();
            let items = micro_items(benchmark, set, Split::Test, usize::MAX, 0).unwrap();
            assert_eq!(items.len(), ptb_micro::TEST_ITEMS);
            let generated = generate(set, Split::Test, usize::MAX, 0);
            for (item, generated) in items.iter().zip(generated) {
                assert_eq!((&item.id, &item.target), (&generated.id, &generated.target));
            }
        }
    }

    #[test]
    fn an_export_has_the_asked_number_of_rows_and_follows_the_seed() {
        let rows = export_micro(MicroSet::Math, Split::Train, 5, 1);
        assert_eq!(rows.lines().count(), 5);
        assert_eq!(rows, export_micro(MicroSet::Math, Split::Train, 5, 1));
        assert_ne!(rows, export_micro(MicroSet::Math, Split::Train, 5, 2));
        assert!(rows.starts_with("{\"id\":\"micro-math/train/0\",\"question\":"), "{rows}");
    }
}
