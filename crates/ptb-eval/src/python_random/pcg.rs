//! PCG64 as numpy seeds it.

const MULTIPLIER: u128 = 0x2360_ED05_1FC6_5DA4_4385_DF64_9FCC_F645;
const POOL: usize = 4;

/// numpy's `default_rng(seed)`: permutations, and draws with replacement.
#[derive(Debug, Clone)]
pub struct NumpyGenerator {
    state: u128,
    increment: u128,
    /// Upper half of the last 64 bits, which numpy keeps for the next 32-bit draw.
    spare: Option<u32>,
}

impl NumpyGenerator {
    /// `numpy.random.default_rng(seed)` for an integer that is not negative.
    pub fn new(seed: u64) -> Self {
        let [state, stream] = seed_numbers(seed);
        let mut generator = Self { state: 0, increment: (stream << 1) | 1, spare: None };
        generator.step();
        generator.state = generator.state.wrapping_add(state);
        generator.step();
        generator
    }

    /// `permutation(n)`.
    pub fn permutation(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<_> = (0..n).collect();
        for last in (1..n).rev() {
            let other = self.masked_up_to(last);
            order.swap(last as usize, other as usize);
        }
        order
    }

    /// `choice(n, size=count)`: indices below `n`, with replacement; none where there is nothing to draw from.
    pub fn choice(&mut self, n: u32, count: usize) -> Vec<u32> {
        let Some(last) = n.checked_sub(1) else { return Vec::new() };
        (0..count).map(|_| self.up_to(last)).collect()
    }

    /// A number from 0 to `last`, as numpy draws for choices, by Lemire's method: the upper half of a product, drawn again where it would be unfair.
    fn up_to(&mut self, last: u32) -> u32 {
        if last == 0 {
            return 0;
        }
        let Some(bound) = last.checked_add(1) else { return self.word() };
        let unfair = (u32::MAX - last) % bound;
        loop {
            let product = u64::from(self.word()) * u64::from(bound);
            if product as u32 >= unfair {
                return (product >> 32) as u32;
            }
        }
    }

    /// A number from 0 to `last`, as numpy draws for shuffles: as many bits as `last` has, again until they fit.
    fn masked_up_to(&mut self, last: u32) -> u32 {
        let mask = u32::MAX >> last.leading_zeros();
        loop {
            let drawn = self.word() & mask;
            if drawn <= last {
                return drawn;
            }
        }
    }

    /// 32 bits: the lower half of a draw first, then its upper half.
    fn word(&mut self) -> u32 {
        if let Some(word) = self.spare.take() {
            return word;
        }
        self.step();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        let drawn = folded.rotate_right((self.state >> 122) as u32);
        self.spare = Some((drawn >> 32) as u32);
        drawn as u32
    }

    fn step(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }
}

/// State and stream from numpy's `SeedSequence(seed)`.
fn seed_numbers(seed: u64) -> [u128; 2] {
    let pool = mixed_pool([seed as u32, (seed >> 32) as u32, 0, 0]);
    let mut constant = 0x8B51_F9DD_u32;
    let mut words = [0_u32; 2 * POOL];
    for (index, word) in words.iter_mut().enumerate() {
        *word = scramble(pool[index % POOL], &mut constant, 0x58F3_8DED);
    }
    let number = |words: &[u32]| {
        [1, 0, 3, 2].iter().fold(0_u128, |number, place: &usize| (number << 32) | u128::from(words[*place]))
    };
    [number(&words[..POOL]), number(&words[POOL..])]
}

/// The seed's words, each spread over the whole pool.
fn mixed_pool(mut pool: [u32; POOL]) -> [u32; POOL] {
    let mut constant = 0x43B0_D7E5_u32;
    let mut hashed = |word: u32| scramble(word, &mut constant, 0x931E_8875);
    for word in &mut pool {
        *word = hashed(*word);
    }
    for source in 0..POOL {
        for target in (0..POOL).filter(|target| *target != source) {
            let mixed =
                pool[target].wrapping_mul(0xCA01_F9DD).wrapping_sub(hashed(pool[source]).wrapping_mul(0x4973_F715));
            pool[target] = mixed ^ (mixed >> 16);
        }
    }
    pool
}

fn scramble(word: u32, constant: &mut u32, multiplier: u32) -> u32 {
    let word = word ^ *constant;
    *constant = constant.wrapping_mul(multiplier);
    let word = word.wrapping_mul(*constant);
    word ^ (word >> 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_those_of_numpy() {
        let mut generator = NumpyGenerator::new(42);
        assert_eq!(generator.choice(3, 3), [0, 2, 1]);
        assert_eq!(generator.choice(3, 3), [1, 1, 2]);
        assert_eq!(NumpyGenerator::new(42).choice(0, 3), [0_u32; 0]);
    }

    #[test]
    fn wide_seeds_and_ranges_are_those_of_numpy() {
        let mut generator = NumpyGenerator::new(u64::MAX - 1);
        assert_eq!(generator.choice(u32::MAX, 2), [4_132_651_252, 947_871_526]);
        assert_eq!(generator.choice(3_000_000_000, 3), [2_132_017_180, 2_975_490_557, 23_839_252]);
    }
}
