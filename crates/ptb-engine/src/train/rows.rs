//! Token rows with marked targets, and how they are laid side by side.

/// One sequence to learn from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// All tokens.
    pub(super) tokens: Vec<u32>,
    /// For each token whether it is to be predicted; the first one never is.
    pub(super) learned: Vec<bool>,
}

impl Row {
    /// Number of tokens to be predicted.
    pub(super) fn targets(&self) -> usize {
        self.learned.iter().skip(1).filter(|&&learned| learned).count()
    }
}

/// Rows padded on the right to one length, with the places where tokens are learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MicroBatch {
    pub(super) rows: usize,
    pub(super) length: usize,
    /// Inputs, `rows` x `length`, row by row.
    pub(super) tokens: Vec<u32>,
    /// Places in `tokens` whose successor is learned.
    pub(super) positions: Vec<u32>,
    /// The successors.
    pub(super) targets: Vec<u32>,
}

impl MicroBatch {
    /// Lays rows side by side. What follows a row's last target is left out; padding is never learned.
    pub(super) fn new(rows: &[&Row]) -> Self {
        let length = rows.iter().map(|row| inputs(row)).max().unwrap_or(0);
        let mut batch = Self {
            rows: rows.len(),
            length,
            tokens: vec![0; rows.len() * length],
            positions: Vec::new(),
            targets: Vec::new(),
        };
        for (index, row) in rows.iter().enumerate() {
            let start = index * length;
            batch.tokens[start..start + inputs(row)].copy_from_slice(&row.tokens[..inputs(row)]);
            for place in (1..row.tokens.len()).filter(|&place| row.learned[place]) {
                batch.positions.push((start + place - 1) as u32);
                batch.targets.push(row.tokens[place]);
            }
        }
        batch
    }
}

/// Tokens that must be fed to predict a row's last target.
fn inputs(row: &Row) -> usize {
    row.learned.iter().rposition(|&learned| learned).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_padded_and_targets_stand_one_place_after_their_inputs() {
        let short = Row { tokens: vec![5, 6, 7], learned: vec![false, true, false] };
        let long = Row { tokens: vec![1, 2, 3, 4], learned: vec![false, false, true, true] };
        let batch = MicroBatch::new(&[&short, &long]);
        assert_eq!((batch.rows, batch.length), (2, 3));
        assert_eq!(batch.tokens, [5, 0, 0, 1, 2, 3]);
        assert_eq!(batch.positions, [0, 4, 5]);
        assert_eq!(batch.targets, [6, 3, 4]);
        assert_eq!(short.targets() + long.targets(), 3);
    }
}
