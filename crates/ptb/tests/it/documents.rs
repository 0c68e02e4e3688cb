//! What the documents say about the code is true.

use std::collections::BTreeSet;
use std::fs;

use crate::scene::root;

#[test]
fn the_architecture_page_lists_exactly_the_crates() {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let listed: BTreeSet<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `ptb")?.split('`').next().map(|name| format!("ptb{name}")))
        .collect();
    let crates: BTreeSet<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(listed, crates);
}

#[test]
fn links_between_documents_lead_somewhere() {
    for document in ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/performance.md", "docs/integrity.md"]
    {
        let path = root().join(document);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{document}: {error}"));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.starts_with("http") {
                continue;
            }
            assert!(path.parent().unwrap().join(target).exists(), "{document} links to {target}");
        }
    }
}
