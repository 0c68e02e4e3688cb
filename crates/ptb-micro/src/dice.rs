//! Seeded choices whose outcome never changes with a library version.

/// A `SplitMix64` generator (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014).
///
/// The published test items are a function of it, so it is written out here instead of taken from a crate whose
/// range reduction may change between releases.
#[derive(Debug, Clone)]
pub(crate) struct Dice {
    state: u64,
}

impl Dice {
    /// Dice for `seed`, separated from every other use of the same seed by `purpose`.
    pub(crate) fn new(seed: u64, purpose: &str) -> Self {
        Self { state: mix(seed ^ hash(purpose.as_bytes())) }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.state)
    }

    /// A number in `0..bound`; `bound` must not be zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    /// A number in `low..=high`.
    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low + 1) as usize) as u32
    }

    /// True in `percent` of a hundred throws.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.between(1, 100) <= percent
    }

    /// One element of a list that is not empty.
    pub(crate) fn pick<'a, T: ?Sized>(&mut self, list: &[&'a T]) -> &'a T {
        list[self.below(list.len())]
    }

    /// `count` different indices below `bound`, in random order.
    pub(crate) fn distinct(&mut self, count: usize, bound: usize) -> Vec<usize> {
        let mut chosen = Vec::with_capacity(count);
        while chosen.len() < count.min(bound) {
            let index = self.below(bound);
            if !chosen.contains(&index) {
                chosen.push(index);
            }
        }
        chosen
    }
}

/// 64-bit FNV-1a followed by a final mix, so that every output bit depends on every input byte.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let fnv = bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    mix(fnv)
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_purpose_give_the_same_throws() {
        let throws = |purpose| {
            let mut dice = Dice::new(7, purpose);
            (0..20).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(throws("a"), throws("a"));
        assert_ne!(throws("a"), throws("b"));
    }

    #[test]
    fn throws_stay_in_range_and_reach_both_ends() {
        let mut dice = Dice::new(1, "range");
        let throws: Vec<u32> = (0..500).map(|_| dice.between(3, 6)).collect();
        assert_eq!((throws.iter().min(), throws.iter().max()), (Some(&3), Some(&6)));
    }

    #[test]
    fn distinct_indices_do_not_repeat() {
        let mut indices = Dice::new(1, "distinct").distinct(5, 5);
        indices.sort_unstable();
        assert_eq!(indices, [0, 1, 2, 3, 4]);
    }
}
