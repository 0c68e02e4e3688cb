//! The recorded draws of Python's and numpy's generators.

use std::fs;

use ptb_eval::python_random::{NumpyGenerator, numpy_permutation, python_shuffle};
use serde_json::{Value, json};

use crate::data::shared;

#[test]
fn draws_equal_the_recorded_ones() {
    let Some(golden) = shared("golden") else { return };
    let mut compared = 0;
    let text = fs::read_to_string(golden.join("evals/units.jsonl")).unwrap();
    // Some other kinds hold lone surrogates, which serde_json does not read.
    for line in text.lines().filter(|line| line.contains("\"seed\"")) {
        let record: Value = serde_json::from_str(line).unwrap();
        let number = |name: &str| record[name].as_u64().unwrap();
        match record["kind"].as_str().unwrap() {
            "python_random_shuffle" => {
                let mut order: Vec<_> = (0..number("n")).collect();
                python_shuffle(number("seed"), &mut order);
                assert_eq!(json!(order), record["order"], "{}", record["record_id"]);
            }
            "numpy_permutation" => {
                let mut order = numpy_permutation(number("seed"), number("n") as u32);
                order.truncate(record["first"].as_array().unwrap().len());
                assert_eq!(json!(order), record["first"], "{}", record["record_id"]);
            }
            "numpy_choice" => {
                let (mut generator, n) = (NumpyGenerator::new(number("seed")), number("n") as u32);
                let rounds: Vec<_> = (0..3).map(|_| generator.choice(n, n as usize)).collect();
                assert_eq!(json!(rounds), record["first_three_rounds"], "{}", record["record_id"]);
            }
            _ => continue,
        }
        compared += 1;
    }
    assert!(compared > 20);
}
