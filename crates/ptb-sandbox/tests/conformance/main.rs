//! What a sandbox must hold, tried with real processes. The last module runs everything once more as an ordinary user.

/// Ends a test early where the kernel refuses sandboxes to this user, and says so.
macro_rules! needs_sandboxes {
    () => {
        if !crate::trial::sandboxes_work() {
            return;
        }
    };
}

mod ends;
mod files;
mod limits;
mod none;
mod ordinary_user;
mod rights;
mod start;
mod trial;
