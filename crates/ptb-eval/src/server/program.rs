//! Finding programs.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The absolute path of a program: on the search path, or as it is where it has a slash.
pub(super) fn find(program: &Path, search_path: Option<&OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return std::path::absolute(program).ok().filter(|path| is_executable(path));
    }
    std::env::split_paths(search_path?).map(|folder| folder.join(program)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.is_absolute()
        && fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_on_the_search_path_only() {
        let path = Some(OsStr::new("relative:/nowhere:/bin:/usr/bin"));
        assert!(find(Path::new("sh"), path).unwrap().is_absolute());
        assert_eq!(find(Path::new("/bin/sh"), None), Some("/bin/sh".into()));
        assert_eq!(find(Path::new("no-such-program"), path), None);
        assert_eq!(find(Path::new("/etc/passwd"), path), None, "not executable");
        assert_eq!(find(Path::new("sh"), None), None);
    }
}
