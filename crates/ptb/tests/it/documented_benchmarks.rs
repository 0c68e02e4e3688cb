//! docs/adding-a-benchmark.md, run as it stands there.

use std::fs;

use serde_json::Value;

use crate::scene::{Scene, root};

/// A block of the page: the file it belongs into, if the line in front of it names one, and its kind and text.
struct Block {
    file: Option<String>,
    kind: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut file = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            blocks.push(Block { file: file.take(), kind: kind.to_owned(), text: text.join("\n") + "\n" });
        } else if !line.is_empty() {
            file = line.strip_prefix('`').and_then(|line| line.strip_suffix("`:")).map(str::to_owned);
        }
    }
    blocks
}

#[test]
fn the_page_about_adding_a_benchmark_works_as_it_stands() {
    let page = fs::read_to_string(root().join("docs/adding-a-benchmark.md")).unwrap();
    let scene = Scene::new();
    let (mut files, mut commands) = (0, 0);
    for block in blocks(&page) {
        if let Some(file) = block.file {
            let path = scene.path(&file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, block.text).unwrap();
            files += 1;
        } else if block.kind == "sh" {
            for command in block.text.lines() {
                let arguments: Vec<_> = command.strip_prefix("ptb ").unwrap().split(' ').collect();
                scene.say(&arguments).well();
                commands += 1;
            }
        }
    }
    assert_eq!((files, commands), (4, 6));

    let requests = fs::read_to_string(scene.path("requests.jsonl")).unwrap();
    let first: Value = serde_json::from_str(requests.lines().next().unwrap()).unwrap();
    assert_eq!(first["sample_id"], "hens");
    assert!(first["request"]["messages"][0]["content"].as_str().unwrap().contains("A farm has 3 hens"));
}
