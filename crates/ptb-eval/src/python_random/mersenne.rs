//! MT19937 as Python seeds it.

const WORDS: usize = 624;
const MIDDLE: usize = 397;

/// The generator behind Python's `random.Random`.
#[derive(Debug)]
pub(super) struct MersenneTwister {
    state: [u32; WORDS],
    next: usize,
}

impl MersenneTwister {
    /// `random.Random(seed)` for an integer that is not negative.
    pub(super) fn new(seed: u64) -> Self {
        let words = [seed as u32, (seed >> 32) as u32];
        let used = if words[1] == 0 { 1 } else { 2 };
        Self { state: state_of(&words[..used]), next: WORDS }
    }

    /// A number from 0 up to `bound`, `bound` left out: `Random._randbelow`, which draws until a number fits.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let bits = u64::BITS - bound.leading_zeros();
        loop {
            let drawn = self.bits(bits);
            if drawn < bound {
                return drawn;
            }
        }
    }

    /// `Random.getrandbits` for up to 64 bits: whole words first, the rest from the top of the last word.
    fn bits(&mut self, count: u32) -> u64 {
        if count <= 32 {
            return u64::from(self.word()) >> (32 - count);
        }
        let low = u64::from(self.word());
        low | (u64::from(self.word()) >> (64 - count)) << 32
    }

    fn word(&mut self) -> u32 {
        if self.next == WORDS {
            self.twist();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    fn twist(&mut self) {
        for index in 0..WORDS {
            let mixed = (self.state[index] & 0x8000_0000) | (self.state[(index + 1) % WORDS] & 0x7FFF_FFFF);
            let odd = if mixed & 1 == 1 { 0x9908_B0DF } else { 0 };
            self.state[index] = self.state[(index + MIDDLE) % WORDS] ^ (mixed >> 1) ^ odd;
        }
        self.next = 0;
    }
}

/// The generator's `init_by_array`.
fn state_of(key: &[u32]) -> [u32; WORDS] {
    let mut state = [0; WORDS];
    state[0] = 19_650_218_u32;
    for index in 1..WORDS {
        state[index] = spread(state[index - 1]).wrapping_mul(1_812_433_253).wrapping_add(index as u32);
    }
    let mut index = 1;
    for step in 0..WORDS {
        let place = step % key.len();
        state[index] = (state[index] ^ spread(state[index - 1]).wrapping_mul(1_664_525))
            .wrapping_add(key[place])
            .wrapping_add(place as u32);
        index = advance(&mut state, index);
    }
    for _ in 1..WORDS {
        state[index] = (state[index] ^ spread(state[index - 1]).wrapping_mul(1_566_083_941)).wrapping_sub(index as u32);
        index = advance(&mut state, index);
    }
    state[0] = 0x8000_0000;
    state
}

fn spread(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The next place to fill; after the last one the first word takes the last one's value.
fn advance(state: &mut [u32; WORDS], index: usize) -> usize {
    if index + 1 < WORDS {
        return index + 1;
    }
    state[0] = state[WORDS - 1];
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_python() {
        let mut random = MersenneTwister::new(42);
        assert_eq!([random.bits(32), random.bits(7), random.bits(40)], [2_746_317_213, 14, 811_856_239_313]);
        let mut random = MersenneTwister::new(u64::MAX - 1);
        assert_eq!([random.bits(64), random.below(1 << 33)], [13_703_066_108_747_448_948, 3_056_471_886]);
    }
}
