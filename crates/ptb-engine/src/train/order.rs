//! Which rows a step learns from: a function of seed and step alone, so that a resumed run goes on where it was.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::rows::{MicroBatch, Row};

/// Rows in random order, every row once in each epoch.
#[derive(Debug)]
pub(super) struct Order {
    seed: u64,
    rows: usize,
    batch: usize,
    epoch: Option<(usize, Vec<usize>)>,
}

impl Order {
    pub(super) fn new(seed: u64, rows: usize, batch: usize) -> Self {
        Self { seed, rows, batch, epoch: None }
    }

    /// The rows of a step.
    pub(super) fn batch(&mut self, step: usize) -> Vec<usize> {
        (step * self.batch..(step + 1) * self.batch).map(|place| self.row(place)).collect()
    }

    fn row(&mut self, place: usize) -> usize {
        let epoch = place / self.rows;
        if self.epoch.as_ref().is_none_or(|(current, _)| *current != epoch) {
            self.epoch = Some((epoch, permutation(self.seed, epoch, self.rows)));
        }
        self.epoch.as_ref().map_or(0, |(_, rows)| rows[place % self.rows])
    }
}

/// Fisher and Yates' shuffle with a stream of random numbers for each epoch.
fn permutation(seed: u64, epoch: usize, count: usize) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(epoch as u64);
    let mut rows: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        let chosen = ((u128::from(random.next_u64()) * (last as u128 + 1)) >> 64) as usize;
        rows.swap(last, chosen);
    }
    rows
}

/// Cuts a batch into micro-batches of rows of similar length, which keeps padding small.
pub(super) fn micro_batches(mut rows: Vec<&Row>, size: usize) -> Vec<MicroBatch> {
    rows.sort_by_key(|row| row.tokens.len());
    rows.chunks(size).map(MicroBatch::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_has_every_row_once_in_another_order() {
        let mut order = Order::new(1, 6, 4);
        let places: Vec<usize> = (0..3).flat_map(|step| order.batch(step)).collect();
        let (first, second) = places.split_at(6);
        assert_ne!(first, second);
        for epoch in [first, second] {
            let mut rows = epoch.to_vec();
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3, 4, 5]);
        }
    }

    #[test]
    fn a_step_does_not_depend_on_those_before_it() {
        let mut order = Order::new(3, 10, 4);
        let in_turn: Vec<_> = (0..5).map(|step| order.batch(step)).collect();
        assert_eq!(Order::new(3, 10, 4).batch(4), in_turn[4]);
        assert_ne!(Order::new(4, 10, 4).batch(4), in_turn[4]);
    }

    #[test]
    fn rows_of_similar_length_stand_together() {
        let row = |length| Row { tokens: vec![1; length], learned: [vec![false], vec![true; length - 1]].concat() };
        let rows: Vec<Row> = [9, 2, 8, 3].map(row).into();
        let lengths: Vec<_> = micro_batches(rows.iter().collect(), 2).iter().map(|batch| batch.length).collect();
        assert_eq!(lengths, [2, 8]);
    }
}
