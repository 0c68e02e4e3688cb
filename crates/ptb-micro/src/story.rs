//! Situations with numbers: the one source of the word problems and of the narrative prose.

use crate::dice::Dice;
use crate::item::Split;
use crate::words::{CONTAINERS, ITEMS, PEOPLE, Person};

/// Every number in the suite, intermediate results included, is at most this.
pub const MAX_NUMBER: u32 = 100;

/// What happens in a situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plot {
    Gain,
    Lose,
    Groups,
    Share,
    More,
    Fewer,
    GainGain,
    GainLose,
    LoseGain,
    LoseLose,
    GroupsGain,
    GroupsLose,
    Together,
}

const PLOTS: [Plot; 13] = [
    Plot::Gain,
    Plot::Lose,
    Plot::Groups,
    Plot::Share,
    Plot::More,
    Plot::Fewer,
    Plot::GainGain,
    Plot::GainLose,
    Plot::LoseGain,
    Plot::LoseLose,
    Plot::GroupsGain,
    Plot::GroupsLose,
    Plot::Together,
];

/// One calculation `left operator right = result`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) left: u32,
    pub(crate) operator: char,
    pub(crate) right: u32,
    pub(crate) result: u32,
}

impl Step {
    /// Computes `left operator right` for one of `+ - * /`; the generators only ask for exact, positive results.
    pub(crate) fn new(left: u32, operator: char, right: u32) -> Self {
        let result = match operator {
            '+' => left + right,
            '-' => left - right,
            '*' => left * right,
            _ => left / right,
        };
        Self { left, operator, right, result }
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} {} {} = {}", self.left, self.operator, self.right, self.result)
    }
}

/// Present or past: problems are told in the present, prose in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tense {
    Present,
    Past,
}

impl Tense {
    fn of(self, forms: (&'static str, &'static str)) -> &'static str {
        match self {
            Self::Present => forms.0,
            Self::Past => forms.1,
        }
    }
}

const HAVE: (&str, &str) = ("has", "had");
const GAIN: [(&str, &str); 4] = [("buys", "bought"), ("finds", "found"), ("gets", "got"), ("picks up", "picked up")];
const LOSE: [(&str, &str); 4] =
    [("gives away", "gave away"), ("loses", "lost"), ("sells", "sold"), ("uses up", "used up")];

/// A plot with its people, items and numbers.
#[derive(Debug, Clone)]
pub(crate) struct Story {
    plot: Plot,
    person: Person,
    other: Person,
    item: &'static str,
    container: (&'static str, &'static str),
    gain: [(&'static str, &'static str); 2],
    lose: [(&'static str, &'static str); 2],
    numbers: [u32; 3],
}

impl Story {
    /// Draws stories until one belongs to `split`.
    pub(crate) fn draw(dice: &mut Dice, split: Split) -> Self {
        loop {
            let story = Self::draw_any(dice);
            if Split::of_facts(&story.facts()) == split {
                return story;
            }
        }
    }

    fn draw_any(dice: &mut Dice) -> Self {
        let plot = PLOTS[dice.below(PLOTS.len())];
        let people = dice.distinct(2, PEOPLE.len());
        let gain = dice.distinct(2, GAIN.len());
        let lose = dice.distinct(2, LOSE.len());
        Self {
            plot,
            person: PEOPLE[people[0]],
            other: PEOPLE[people[1]],
            item: dice.pick(&ITEMS),
            container: CONTAINERS[dice.below(CONTAINERS.len())],
            gain: [GAIN[gain[0]], GAIN[gain[1]]],
            lose: [LOSE[lose[0]], LOSE[lose[1]]],
            numbers: draw_numbers(dice, plot),
        }
    }

    /// What makes two stories the same problem: who, what and the numbers, in whatever words.
    fn facts(&self) -> String {
        let [first, second, third] = self.numbers;
        format!("{} {} {first} {second} {third}", self.person.name, self.item)
    }

    /// The calculations that lead to the answer, in order.
    pub(crate) fn steps(&self) -> Vec<Step> {
        let [a, b, c] = self.numbers;
        let then = |first: Step, operator, right| vec![first, Step::new(first.result, operator, right)];
        match self.plot {
            Plot::Gain | Plot::More => vec![Step::new(a, '+', b)],
            Plot::Lose | Plot::Fewer => vec![Step::new(a, '-', b)],
            Plot::Groups => vec![Step::new(a, '*', b)],
            Plot::Share => vec![Step::new(a, '/', b)],
            Plot::GainGain => then(Step::new(a, '+', b), '+', c),
            Plot::GainLose => then(Step::new(a, '+', b), '-', c),
            Plot::LoseGain => then(Step::new(a, '-', b), '+', c),
            Plot::LoseLose => then(Step::new(a, '-', b), '-', c),
            Plot::GroupsGain => then(Step::new(a, '*', b), '+', c),
            Plot::GroupsLose => then(Step::new(a, '*', b), '-', c),
            Plot::Together => {
                let more = Step::new(a, '+', b);
                vec![more, Step::new(a, '+', more.result)]
            }
        }
    }

    /// The number asked for.
    pub(crate) fn result(&self) -> u32 {
        self.steps().last().map_or(0, |step| step.result)
    }

    /// The situation in two or three sentences, without the question.
    pub(crate) fn setting(&self, tense: Tense) -> String {
        let Self { person, other, item, .. } = self;
        let [a, b, c] = self.numbers;
        let (name, have) = (person.name, tense.of(HAVE));
        let start = format!("{name} {have} {a} {item}.");
        let gains = |index: usize, count: u32| self.event(tense.of(self.gain[index]), count, " more");
        let loses = |index: usize, count: u32| self.event(tense.of(self.lose[index]), count, "");
        match self.plot {
            Plot::Gain => format!("{start} {}", gains(0, b)),
            Plot::Lose => format!("{start} {}", loses(0, b)),
            Plot::Groups => self.groups(tense),
            Plot::Share => {
                format!("{start} {} {} them equally among {b} friends.", person.pronoun, tense.of(("shares", "shared")))
            }
            Plot::More | Plot::Together => format!("{start} {} {have} {b} more than {name}.", other.name),
            Plot::Fewer => format!("{start} {} {have} {b} fewer than {name}.", other.name),
            Plot::GainGain => format!("{start} {} Then {}", gains(0, b), lower(&gains(1, c))),
            Plot::GainLose => format!("{start} {} Then {}", gains(0, b), lower(&loses(0, c))),
            Plot::LoseGain => format!("{start} {} Then {}", loses(0, b), lower(&gains(0, c))),
            Plot::LoseLose => format!("{start} {} Then {}", loses(0, b), lower(&loses(1, c))),
            Plot::GroupsGain => format!("{} {}", self.groups(tense), gains(0, c)),
            Plot::GroupsLose => format!("{} {}", self.groups(tense), loses(0, c)),
        }
    }

    fn event(&self, verb: &str, count: u32, suffix: &str) -> String {
        format!("{} {verb} {count}{suffix}.", self.person.pronoun)
    }

    fn groups(&self, tense: Tense) -> String {
        let [a, b, _] = self.numbers;
        let (one, many) = self.container;
        format!("{} {} {a} {many} with {b} {} in each {one}.", self.person.name, tense.of(HAVE), self.item)
    }

    /// The question that the present tense of the situation leads to.
    pub(crate) fn question(&self) -> String {
        let Self { person, other, item, .. } = self;
        match self.plot {
            Plot::Share => format!("How many {item} does each friend get?"),
            Plot::More | Plot::Fewer => format!("How many {item} does {} have?", other.name),
            Plot::Together => format!("How many {item} do they have together?"),
            Plot::Groups => format!("How many {item} does {} have in all?", person.name),
            _ => format!("How many {item} does {} have now?", person.name),
        }
    }

    /// The calculations as a sentence: `So 3 + 4 = 7.` or `First 3 + 4 = 7, then 7 - 2 = 5.`
    pub(crate) fn rationale(&self) -> String {
        format!("{}.", self.calculation())
    }

    /// The same without the full stop.
    pub(crate) fn calculation(&self) -> String {
        match self.steps().as_slice() {
            [first, second, ..] => format!("First {first}, then {second}"),
            [only] => format!("So {only}"),
            [] => String::new(),
        }
    }

    /// The answer as a sentence of prose, such as `Ana had 7 apples.`
    pub(crate) fn conclusion(&self, tense: Tense) -> String {
        let Self { person, other, item, .. } = self;
        let (result, have) = (self.result(), tense.of(HAVE));
        match self.plot {
            Plot::Share => format!("Each friend {} {result} {item}.", tense.of(("gets", "got"))),
            Plot::More | Plot::Fewer => format!("{} {have} {result} {item}.", other.name),
            Plot::Together => format!("Together they {} {result} {item}.", tense.of(("have", "had"))),
            _ => format!("{} {have} {result} {item}.", person.name),
        }
    }
}

fn lower(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Numbers for a plot, such that every result is between 1 and [`MAX_NUMBER`].
fn draw_numbers(dice: &mut Dice, plot: Plot) -> [u32; 3] {
    match plot {
        Plot::Gain | Plot::More => {
            let a = dice.between(2, MAX_NUMBER - 2);
            [a, dice.between(2, (MAX_NUMBER - a).min(50)), 0]
        }
        Plot::Lose | Plot::Fewer => {
            let a = dice.between(4, MAX_NUMBER);
            [a, dice.between(2, a - 1), 0]
        }
        Plot::Groups => [dice.between(2, 10), dice.between(2, 10), 0],
        Plot::Share => {
            let (friends, each) = (dice.between(2, 10), dice.between(2, 10));
            [friends * each, friends, 0]
        }
        Plot::GainGain => {
            let (a, b) = (dice.between(2, 50), dice.between(2, 30));
            [a, b, dice.between(2, (MAX_NUMBER - a - b).min(30))]
        }
        Plot::GainLose => {
            let (a, b) = (dice.between(2, 60), dice.between(2, 40));
            [a, b, dice.between(2, (a + b - 1).min(50))]
        }
        Plot::LoseGain => {
            let a = dice.between(10, 80);
            let b = dice.between(2, a - 1);
            [a, b, dice.between(2, (MAX_NUMBER - (a - b)).min(40))]
        }
        Plot::LoseLose => {
            let a = dice.between(10, MAX_NUMBER);
            let b = dice.between(2, a - 4);
            [a, b, dice.between(2, a - b - 1)]
        }
        Plot::GroupsGain | Plot::GroupsLose => {
            let (groups, each) = (dice.between(2, 9), dice.between(2, 9));
            let product = groups * each;
            let room = if plot == Plot::GroupsGain { (MAX_NUMBER - product).min(30) } else { product - 1 };
            [groups, each, dice.between(2, room)]
        }
        Plot::Together => [dice.between(2, 35), dice.between(2, 30), 0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stories(count: usize) -> Vec<Story> {
        let mut dice = Dice::new(3, "stories");
        (0..count).map(|_| Story::draw(&mut dice, Split::Train)).collect()
    }

    #[test]
    fn every_number_is_positive_and_at_most_the_maximum() {
        for step in stories(20_000).iter().flat_map(Story::steps) {
            for number in [step.left, step.right, step.result] {
                assert!((1..=MAX_NUMBER).contains(&number), "{step}");
            }
        }
    }

    #[test]
    fn divisions_are_exact() {
        for step in stories(5_000).iter().flat_map(Story::steps).filter(|step| step.operator == '/') {
            assert_eq!(step.result * step.right, step.left);
        }
    }

    #[test]
    fn every_plot_is_drawn() {
        let drawn = stories(1_000);
        for plot in PLOTS {
            assert!(drawn.iter().any(|story| story.plot == plot), "{plot:?}");
        }
    }
}
