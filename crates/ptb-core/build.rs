//! Lists the files of `definitions/`, so that adding a definition touches no code.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

const KINDS: [&str; 4] = ["agents", "benchmarks", "models", "packs"];

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../definitions");
    println!("cargo::rerun-if-changed=build.rs");
    let mut list = String::from("&[\n");
    for kind in KINDS {
        println!("cargo::rerun-if-changed={}", root.join(kind).display());
        for path in toml_files(&root.join(kind)) {
            println!("cargo::rerun-if-changed={}", path.display());
            let name = quoted(path.strip_prefix(&root).expect("listed below the root"));
            writeln!(list, "    ({name}, include_str!({})),", quoted(&path)).expect("writing to a string");
        }
    }
    list.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("definitions.rs");
    fs::write(out, list).expect("OUT_DIR is writable");
}

fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().expect("definitions have UTF-8 names"))
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(toml_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    files
}
