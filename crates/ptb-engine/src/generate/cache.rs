//! Keys and values of one sequence.

use super::kernel::{LANES, Rows, multiply_panel};
use crate::config::DecoderConfig;
use crate::decoder::softmax;

/// Queries that are compared with the keys at a time; bounds the memory for scores.
const QUERY_BLOCK: usize = 32;

/// Where the keys and values of one sequence lie in its memory.
#[derive(Debug, Clone, Copy)]
struct Layout {
    /// Positions, a multiple of [`LANES`].
    capacity: usize,
    /// Width of a head.
    width: usize,
    /// Key heads in a block.
    heads: usize,
}

impl Layout {
    fn new(config: &DecoderConfig, capacity: usize) -> Self {
        let capacity = capacity.next_multiple_of(LANES);
        Self { capacity, width: config.head_dim, heads: config.num_key_value_heads }
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
}

/// The keys and values that a sequence has left in every block of the decoder, in panels for the kernel.
#[derive(Debug)]
pub struct SequenceCache {
    layout: Layout,
    memory: Vec<f32>,
    length: usize,
}

impl SequenceCache {
    /// Positions are reserved in multiples of this.
    pub const GRANULE: usize = LANES;

    /// Room for `capacity` positions. The system hands out the memory as it is first used.
    pub fn new(config: &DecoderConfig, capacity: usize) -> Self {
        let layout = Layout::new(config, capacity);
        Self { layout, memory: vec![0.0; config.num_hidden_layers * layout.heads * layout.head()], length: 0 }
    }

    /// Bytes that a cache for `capacity` positions takes.
    pub fn bytes(config: &DecoderConfig, capacity: usize) -> usize {
        let layout = Layout::new(config, capacity);
        config.num_hidden_layers * layout.heads * layout.head() * size_of::<f32>()
    }

    /// Positions in the cache.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Positions that fit.
    pub fn capacity(&self) -> usize {
        self.layout.capacity
    }

    pub(super) fn advance(&mut self, positions: usize) {
        self.length += positions;
    }

    /// Writes the keys and values of new positions of one block; rows are [heads * width].
    pub(super) fn append(&mut self, block: usize, keys: &[f32], values: &[f32]) {
        let (layout, start) = (self.layout, self.length);
        for head in 0..layout.heads {
            let memory = &mut self.memory[(block * layout.heads + head) * layout.head()..][..layout.head()];
            let (key_panels, value_panels) = memory.split_at_mut(layout.keys());
            let rows = layout.heads * layout.width;
            for (index, row) in keys.chunks_exact(rows).enumerate() {
                write_key(layout, key_panels, start + index, &row[head * layout.width..][..layout.width]);
            }
            for (index, row) in values.chunks_exact(rows).enumerate() {
                write_value(layout, value_panels, start + index, &row[head * layout.width..][..layout.width]);
            }
        }
    }

    /// Mixes the values for the newest positions, whose queries are [rows, group * heads * width], into `out` of the
    /// same shape. The new keys and values must have been appended; each query sees the positions up to its own.
    pub(super) fn attend(&self, block: usize, group: usize, queries: &[f32], out: &mut [f32]) {
        let size = self.layout.heads * group * self.layout.width;
        let blocks = queries.chunks(QUERY_BLOCK * size).zip(out.chunks_mut(QUERY_BLOCK * size));
        for (index, (queries, out)) in blocks.enumerate() {
            let first = self.length + index * QUERY_BLOCK;
            for head in 0..self.layout.heads {
                self.attend_head(block, head, &Queries { values: queries, first, group, size }, out);
            }
        }
    }

    fn attend_head(&self, block: usize, head: usize, queries: &Queries<'_>, out: &mut [f32]) {
        let layout = self.layout;
        let memory = &self.memory[(block * layout.heads + head) * layout.head()..][..layout.head()];
        let (key_panels, value_panels) = memory.split_at(layout.keys());
        let gathered = queries.of_head(head, layout.width);
        let count = gathered.len() / layout.width;
        let seen = queries.first + count / queries.group;
        let stride = seen.next_multiple_of(LANES);
        let mut scores = vec![0.0; count * stride];
        for (index, panel) in key_panels.chunks_exact(LANES * layout.width).take(stride / LANES).enumerate() {
            // Queries before the first key of this panel do not see any of it.
            let skipped = (index * LANES).saturating_sub(queries.first) * queries.group;
            let rows = Rows::dense(&gathered[skipped * layout.width..], layout.width);
            multiply_panel(rows, panel, |row, sums| {
                scores[(skipped + row) * stride + index * LANES..][..LANES].copy_from_slice(sums);
            });
        }
        for (row, scores) in scores.chunks_exact_mut(stride).enumerate() {
            let visible = queries.first + row / queries.group + 1;
            softmax(&mut scores[..visible], 1.0 / (layout.width as f32).sqrt());
            scores[visible..].fill(0.0);
        }
        let rows = Rows { values: &scores, stride, width: seen, count };
        for (index, panel) in value_panels.chunks_exact(LANES * layout.capacity).enumerate() {
            let kept = LANES.min(layout.width - index * LANES);
            multiply_panel(rows, panel, |row, sums| {
                let at = queries.place(row, head, layout.width) + index * LANES;
                out[at..][..kept].copy_from_slice(&sums[..kept]);
            });
        }
    }
}

fn write_key(layout: Layout, panels: &mut [f32], position: usize, key: &[f32]) {
    let panel = &mut panels[position / LANES * LANES * layout.width..];
    for (k, value) in key.iter().enumerate() {
        panel[k * LANES + position % LANES] = *value;
    }
}

fn write_value(layout: Layout, panels: &mut [f32], position: usize, value: &[f32]) {
    for (index, part) in value.chunks(LANES).enumerate() {
        panels[(index * layout.capacity + position) * LANES..][..part.len()].copy_from_slice(part);
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
