//! The product in real editors, and the README's table of what works where. `tests/all.sh` gets the editors; a test
//! whose editor is missing is skipped with a word, except where `CI` is set.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod emacs;
mod kate;
mod neovim;
mod scene;
mod table;
mod vim;
