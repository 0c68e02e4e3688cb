//! What a sandbox must hold, tried with real processes. The last module runs everything once more as an ordinary user.

mod ends;
mod files;
mod limits;
mod none;
mod ordinary_user;
mod rights;
mod start;
mod trial;
