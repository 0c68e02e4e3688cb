//! A full disk is said by name, loses nothing, and the same command goes on when there is space again.

use std::path::Path;
use std::process::Command;

use crate::scene::Scene;

/// A small file system of its own; only root can make one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn mount(at: &'a Path, size: &str) -> Option<Self> {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(at))
    }

    fn resize(&self, size: &str) {
        let options = format!("remount,size={size}");
        assert!(Command::new("mount").args(["-o", &options]).arg(self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

#[test]
fn a_full_disk_is_named_and_the_same_command_goes_on_later() {
    let scene = Scene::new();
    scene.agent("copies", "cp -rL \"$PTB_BASE_MODEL\" final_model; exit 0").experiment("copies", 60.0, "");
    let results = scene.path("results");
    let Some(disk) = SmallDisk::mount(&results, "3m") else {
        eprintln!("skipped: this user cannot mount a small file system");
        return;
    };
    // Room for the workspace's copy of the model, not for the submission's as well.
    scene.run().badly(1, &["goes on", "free some space"]);
    let (folder, _) = scene.agent_run();
    assert!(folder.score().unwrap().is_none(), "no score is invented");

    disk.resize("100m");
    scene.run().well();
    assert!(scene.score().counted.is_some());
}
