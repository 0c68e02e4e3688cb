//! Rotary position embedding (Su et al., 2021).

use std::ops::Range;

use crate::config::RotaryConfig;

/// How fast the pairs of a head turn: pair i, made of elements i and i + width/2, by theta^(-2i/width) per position,
/// divided by the factor of linear scaling.
#[derive(Debug, Clone)]
pub(crate) struct RotarySpeeds(Vec<f32>);

impl RotarySpeeds {
    pub(crate) fn new(config: &RotaryConfig, width: usize) -> Self {
        let speed = |pair: usize| config.theta.powf(-2.0 * pair as f64 / width as f64) as f32;
        Self((0..width / 2).map(|pair| speed(pair) / config.factor as f32).collect())
    }

    /// Angles for `positions`. The product is taken in single precision, as the published implementations of the
    /// architecture do.
    pub(crate) fn rotation(&self, positions: Range<usize>) -> Rotation {
        let angles = positions.flat_map(|position| self.0.iter().map(move |speed| position as f32 * speed));
        let (sines, cosines) = angles.map(f32::sin_cos).unzip();
        Rotation { half: self.0.len(), cosines, sines }
    }
}

/// Cosines and sines of the angles for consecutive positions.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    half: usize,
    cosines: Vec<f32>,
    sines: Vec<f32>,
}

impl Rotation {
    /// Turns one head at the `index`-th of the positions.
    pub(crate) fn turn(&self, head: &mut [f32], index: usize) {
        self.turn_by(head, index, 1.0);
    }

    /// The opposite of [`Rotation::turn`], and its gradient.
    pub(crate) fn turn_back(&self, head: &mut [f32], index: usize) {
        self.turn_by(head, index, -1.0);
    }

    fn turn_by(&self, head: &mut [f32], index: usize, direction: f32) {
        let angles = index * self.half..(index + 1) * self.half;
        let (first, second) = head.split_at_mut(self.half);
        let turns = self.cosines[angles.clone()].iter().zip(&self.sines[angles]);
        for ((a, b), (&cos, &sin)) in first.iter_mut().zip(second).zip(turns) {
            let sin = direction * sin;
            (*a, *b) = (*a * cos - *b * sin, *b * cos + *a * sin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turning_forth_and_back_changes_nothing_and_position_zero_does_not_turn() {
        let rotation = RotarySpeeds::new(&RotaryConfig { theta: 1e4, factor: 1.0 }, 8).rotation(0..5);
        let start: Vec<f32> = (0..8_u8).map(f32::from).collect();
        let mut head = start.clone();
        rotation.turn(&mut head, 0);
        assert_eq!(head, start);
        rotation.turn(&mut head, 4);
        assert_ne!(head, start);
        rotation.turn_back(&mut head, 4);
        assert!(head.iter().zip(&start).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    #[test]
    fn linear_scaling_divides_positions() {
        let turned = |factor, index| {
            let mut head = [1.0, 0.5, -2.0, 3.0];
            RotarySpeeds::new(&RotaryConfig { theta: 100.0, factor }, 4).rotation(0..9).turn(&mut head, index);
            head
        };
        assert!(turned(1.0, 2).iter().zip(turned(4.0, 8)).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
