//! Keys and values of one sequence.

use super::kernel::{LANES, Rows, multiply_panel};
use crate::config::{DecoderConfig, LayerConfig};
use crate::decoder::Scoring;

/// Queries that are compared with the keys at a time; bounds the memory for scores.
const QUERY_BLOCK: usize = 32;
/// New positions that are worked through at a time. A block with a window keeps room for that many beside the window.
const PIECE: usize = 64;

/// The keys and values that a sequence has left in every block of the decoder.
#[derive(Debug)]
pub struct SequenceCache {
    blocks: Vec<BlockCache>,
    capacity: usize,
    length: usize,
}

/// New positions of one block, all heads side by side.
pub(super) struct NewRows<'a> {
    /// [rows, group * heads * width].
    pub(super) queries: &'a [f32],
    /// [rows, heads * width].
    pub(super) keys: &'a [f32],
    /// [rows, heads * width].
    pub(super) values: &'a [f32],
}

impl SequenceCache {
    /// Positions are reserved in multiples of this.
    pub const GRANULE: usize = LANES;

    /// Room for `capacity` positions. The system hands out the memory as it is first used.
    pub fn new(config: &DecoderConfig, capacity: usize) -> Self {
        let block = |layer: &LayerConfig| BlockCache::new(config, *layer, capacity);
        let blocks = config.layers.iter().map(block).collect();
        Self { blocks, capacity: capacity.next_multiple_of(LANES), length: 0 }
    }

    /// Bytes that a cache for `capacity` positions takes. Blocks with a window keep only what the window shows.
    pub fn bytes(config: &DecoderConfig, capacity: usize) -> usize {
        let size = |layer: &LayerConfig| Layout::new(config, *layer, capacity).size();
        config.layers.iter().map(size).sum::<usize>() * size_of::<f32>()
    }

    /// Most positions, up to `limit`, of a cache in `bytes`.
    pub fn positions_within(config: &DecoderConfig, bytes: usize, limit: usize) -> usize {
        let (mut fits, mut exceeds) = (0, limit + 1);
        while exceeds - fits > 1 {
            let middle = fits.midpoint(exceeds);
            if Self::bytes(config, middle) <= bytes {
                fits = middle;
            } else {
                exceeds = middle;
            }
        }
        fits
    }

    /// Positions in the cache.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn advance(&mut self, positions: usize) {
        self.length += positions;
    }

    /// Adds the keys and values of new positions to one block and mixes the values for their queries into `out`, of the
    /// shape of the queries.
    pub(super) fn attend(&mut self, block: usize, scoring: Scoring, rows: &NewRows<'_>, out: &mut [f32]) {
        let block = &mut self.blocks[block];
        let shared = block.layout.heads * block.layout.width;
        let group = rows.queries.len() / rows.keys.len();
        let size = shared * group;
        let pieces = rows.keys.chunks(PIECE * shared).zip(rows.values.chunks(PIECE * shared));
        let queries = rows.queries.chunks(PIECE * size).zip(out.chunks_mut(PIECE * size));
        for (index, ((keys, values), (queries, out))) in pieces.zip(queries).enumerate() {
            let start = self.length + index * PIECE;
            block.append(start, scoring.first_seen(start), keys, values);
            for (index, (queries, out)) in
                queries.chunks(QUERY_BLOCK * size).zip(out.chunks_mut(QUERY_BLOCK * size)).enumerate()
            {
                let queries = Queries { values: queries, first: start + index * QUERY_BLOCK, group, size };
                for head in 0..block.layout.heads {
                    block.attend(head, scoring, &queries, out);
                }
            }
        }
    }
}

/// Where the keys and values of one block lie in its memory.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Positions, a multiple of [`LANES`].
    capacity: usize,
    /// Width of a head.
    width: usize,
    /// Key heads.
    heads: usize,
}

impl Layout {
    fn new(config: &DecoderConfig, layer: LayerConfig, capacity: usize) -> Self {
        // What is kept begins at a multiple of LANES at or before the window.
        let kept = layer.window.map_or(capacity, |window| capacity.min(window + LANES + PIECE));
        Self { capacity: kept.next_multiple_of(LANES), width: config.head_dim, heads: config.num_key_value_heads }
    }

    fn keys(self) -> usize {
        self.capacity * self.width
    }

    fn values(self) -> usize {
        self.capacity * self.width.next_multiple_of(LANES)
    }

    fn head(self) -> usize {
        self.keys() + self.values()
    }

    fn size(self) -> usize {
        self.heads * self.head()
    }
}

/// The keys and values of one block, in panels for the kernel.
#[derive(Debug)]
struct BlockCache {
    layout: Layout,
    memory: Vec<f32>,
    /// The position in the first place of the memory, a multiple of [`LANES`].
    first: usize,
}

impl BlockCache {
    fn new(config: &DecoderConfig, layer: LayerConfig, capacity: usize) -> Self {
        let layout = Layout::new(config, layer, capacity);
        Self { layout, memory: vec![0.0; layout.size()], first: 0 }
    }

    /// Writes keys and values from position `start` on; what lies before `needed` may be dropped.
    fn append(&mut self, start: usize, needed: usize, keys: &[f32], values: &[f32]) {
        let layout = self.layout;
        let rows = layout.heads * layout.width;
        if start + keys.len() / rows - self.first > layout.capacity {
            self.drop_before(needed, start);
        }
        let place = start - self.first;
        for (head, memory) in self.memory.chunks_exact_mut(layout.head()).enumerate() {
            let (key_panels, value_panels) = memory.split_at_mut(layout.keys());
            for (index, row) in keys.chunks_exact(rows).enumerate() {
                write_key(layout, key_panels, place + index, &row[head * layout.width..][..layout.width]);
            }
            for (index, row) in values.chunks_exact(rows).enumerate() {
                write_value(layout, value_panels, place + index, &row[head * layout.width..][..layout.width]);
            }
        }
    }

    /// Moves the positions from `needed` to `end` to the front of the memory.
    fn drop_before(&mut self, needed: usize, end: usize) {
        let layout = self.layout;
        let dropped = (needed - self.first) / LANES * LANES;
        let used = (end - self.first).next_multiple_of(LANES);
        for memory in self.memory.chunks_exact_mut(layout.head()) {
            let (key_panels, value_panels) = memory.split_at_mut(layout.keys());
            key_panels.copy_within(dropped * layout.width..used * layout.width, 0);
            for panel in value_panels.chunks_exact_mut(LANES * layout.capacity) {
                panel.copy_within(dropped * LANES..used * LANES, 0);
            }
        }
        self.first += dropped;
    }

    fn attend(&self, head: usize, scoring: Scoring, queries: &Queries<'_>, out: &mut [f32]) {
        let layout = self.layout;
        let memory = &self.memory[head * layout.head()..][..layout.head()];
        let (key_panels, value_panels) = memory.split_at(layout.keys());
        let gathered = queries.of_head(head, layout.width);
        let count = gathered.len() / layout.width;
        // Panels before the first one that any of the queries sees are left out.
        let low = (scoring.first_seen(queries.first) - self.first) / LANES;
        let origin = self.first + low * LANES;
        let seen = queries.first + count / queries.group - origin;
        let stride = seen.next_multiple_of(LANES);
        let mut scores = vec![0.0; count * stride];
        let panels = key_panels.chunks_exact(LANES * layout.width).skip(low).take(stride / LANES);
        for (index, panel) in panels.enumerate() {
            // Queries before the first key of this panel do not see any of it.
            let skipped = (origin + index * LANES).saturating_sub(queries.first) * queries.group;
            let rows = Rows::dense(&gathered[skipped * layout.width..], layout.width);
            multiply_panel(rows, panel, |row, sums| {
                scores[(skipped + row) * stride + index * LANES..][..LANES].copy_from_slice(sums);
            });
        }
        for (row, scores) in scores.chunks_exact_mut(stride).enumerate() {
            let position = queries.first + row / queries.group;
            let visible = scoring.first_seen(position) - origin..position + 1 - origin;
            scoring.weigh(&mut scores[visible.clone()]);
            scores[..visible.start].fill(0.0);
            scores[visible.end..].fill(0.0);
        }
        let rows = Rows { values: &scores, stride, width: seen, count };
        for (index, panel) in value_panels.chunks_exact(LANES * layout.capacity).enumerate() {
            let kept = LANES.min(layout.width - index * LANES);
            multiply_panel(rows, &panel[low * LANES * LANES..], |row, sums| {
                let at = queries.place(row, head, layout.width) + index * LANES;
                out[at..][..kept].copy_from_slice(&sums[..kept]);
            });
        }
    }
}

fn write_key(layout: Layout, panels: &mut [f32], place: usize, key: &[f32]) {
    let panel = &mut panels[place / LANES * LANES * layout.width..];
    for (k, value) in key.iter().enumerate() {
        panel[k * LANES + place % LANES] = *value;
    }
}

fn write_value(layout: Layout, panels: &mut [f32], place: usize, value: &[f32]) {
    for (index, part) in value.chunks(LANES).enumerate() {
        panels[(index * layout.capacity + place) * LANES..][..part.len()].copy_from_slice(part);
    }
}

/// Queries of consecutive positions, all heads side by side.
struct Queries<'a> {
    values: &'a [f32],
    /// Position of the first row.
    first: usize,
    /// Query heads for each key head.
    group: usize,
    /// Width of a row.
    size: usize,
}

impl Queries<'_> {
    /// Where the query with running number `row`, counted by position and then by head of the group, stands.
    fn place(&self, row: usize, head: usize, width: usize) -> usize {
        row / self.group * self.size + (head * self.group + row % self.group) * width
    }

    /// The queries that use key head `head`, one after the other.
    fn of_head(&self, head: usize, width: usize) -> Vec<f32> {
        let part = self.group * width;
        self.values.chunks_exact(self.size).flat_map(|row| &row[head * part..][..part]).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::tiny;

    fn with_windows(window: Option<usize>) -> DecoderConfig {
        let mut config = tiny();
        for layer in &mut config.layers {
            layer.window = window;
        }
        config
    }

    #[test]
    fn a_window_bounds_the_memory_of_long_sequences() {
        let (full, narrow) = (with_windows(None), with_windows(Some(10)));
        assert_eq!(SequenceCache::bytes(&full, 64), SequenceCache::bytes(&narrow, 64));
        assert_eq!(SequenceCache::bytes(&narrow, 1000), SequenceCache::bytes(&narrow, 1_000_000));
        assert!(SequenceCache::bytes(&narrow, 1000) < SequenceCache::bytes(&full, 1000) / 9);
    }

    #[test]
    fn the_most_positions_of_a_budget_fit_and_one_more_do_not() {
        let config = with_windows(None);
        let budget = SequenceCache::bytes(&config, 320);
        assert_eq!(SequenceCache::positions_within(&config, budget, 10_000), 320);
        assert_eq!(SequenceCache::positions_within(&config, budget - 1, 10_000), 304);
        assert_eq!(SequenceCache::positions_within(&config, budget, 100), 100);
        assert_eq!(SequenceCache::positions_within(&config, 0, 100), 0);
    }

    /// What a window shows is the same however much has been dropped before it.
    #[test]
    fn dropping_old_positions_changes_nothing_that_is_seen() {
        let config = with_windows(Some(5));
        let layer = config.layers[0];
        let scoring = Scoring { scale: 0.5, softcap: None, window: layer.window };
        let numbers = |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<f32>>();
        let (shared, size) = (config.key_value_size(), config.query_size());
        let (queries, keys, values) =
            (numbers(200 * size, 0.3), numbers(200 * shared, 0.7), numbers(200 * shared, 1.1));
        let mixed = |room: LayerConfig, piece: usize| {
            let block = BlockCache::new(&config, room, 200);
            let mut block = SequenceCache { blocks: vec![block], capacity: 200, length: 0 };
            let mut out = vec![0.0; queries.len()];
            for start in (0..200).step_by(piece) {
                let end = 200.min(start + piece);
                let rows = NewRows {
                    queries: &queries[start * size..end * size],
                    keys: &keys[start * shared..end * shared],
                    values: &values[start * shared..end * shared],
                };
                block.attend(0, scoring, &rows, &mut out[start * size..end * size]);
                block.advance(end - start);
            }
            out
        };
        // Room for everything: nothing is ever dropped.
        let kept = mixed(LayerConfig { window: None, ..layer }, 200);
        for piece in [1, 3, 64, 100, 200] {
            assert_eq!(mixed(layer, piece), kept, "pieces of {piece}");
        }
    }
}
