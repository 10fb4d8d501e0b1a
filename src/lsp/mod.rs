//! The language server: the only room that knows LSP types. It translates and decides nothing.
