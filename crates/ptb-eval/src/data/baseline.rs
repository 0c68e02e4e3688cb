//! Another model's answers, which a judge compares with.

use std::collections::HashMap;
use std::path::Path;

use ptb_core::definitions::BenchmarkDefinition;

use super::error::{DataError, RowProblem};
use super::field::text;
use super::item::{Item, Reference};
use super::table::for_each_row;

/// Gives every item the answer of its id.
pub(crate) fn join(
    benchmark: &BenchmarkDefinition,
    path: &Path,
    content: &[u8],
    items: &mut [Item],
) -> Result<(), DataError> {
    let mapping =
        benchmark.fields.baseline.as_ref().ok_or_else(|| DataError::NoBaselineFields(benchmark.id.clone()))?;
    let mut answers: HashMap<String, (usize, String)> = HashMap::new();
    for_each_row(content, path, &mut |row| {
        let id = text(&row.fields, &mapping.id)?;
        let answer = text(&row.fields, &mapping.answer)?;
        if let Some((first, _)) = answers.get(&id) {
            return Err(RowProblem::DuplicateId { id, first: *first });
        }
        answers.insert(id, (row.line, answer));
        Ok(())
    })?;
    for item in items {
        let missing = || DataError::NoBaseline { path: path.to_owned(), id: item.id.clone() };
        let (_, answer) = answers.remove(&item.id).ok_or_else(missing)?;
        item.reference = Reference::Baseline(answer);
    }
    Ok(())
}
