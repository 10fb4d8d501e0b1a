//! Why a program cannot be started that is there: the system names it where what it needs is missing.

use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::super::private;
use crate::workspace;

/// As much of a file as the system reads to find a script's interpreter.
const HEAD: u64 = 256;

/// What is said besides the system's own word; `None`: that says it all. `program` is looked for as the start did. Blocking.
pub(super) fn why_not(program: &str, error: &io::Error) -> Option<String> {
    if error.kind() != io::ErrorKind::NotFound {
        return None;
    }
    let path = workspace::program::of_user(program).filter(|path| path.exists())?;
    let mut head = Vec::new();
    // What may only be executed tells nothing.
    private::open_plain(&path).ok()?.take(HEAD).read_to_end(&mut head).ok()?;
    Some(missing(&path, &head))
}

/// What a file needs that is not there.
fn missing(path: &Path, head: &[u8]) -> String {
    let path = path.display();
    let Some(line) = head.strip_prefix(b"#!").and_then(|rest| rest.split(|&byte| byte == b'\n').next()) else {
        return format!("{path} is there, but what loads it is not (is it built for this system?)");
    };
    let interpreter = line.split(|byte| matches!(byte, b' ' | b'\t')).find(|word| !word.is_empty()).unwrap_or_default();
    if interpreter.last() == Some(&b'\r') {
        let name = shown(interpreter.trim_ascii_end());
        return format!(
            "{path} is there, but its first line ends like one of Windows (CR LF), so its interpreter would be \"{name}\\r\"; \
             save it with the line ends of Unix"
        );
    }
    format!("{path} is there, but not its interpreter \"{}\", which its first line names", shown(interpreter))
}

fn shown(name: &[u8]) -> String {
    OsStr::from_bytes(name).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let said = |head: &[u8]| missing(Path::new("/w/agent"), head);
        assert!(
            said(b"#!/opt/none/node\nx")
                .ends_with("not its interpreter \"/opt/none/node\", which its first line names")
        );
        assert!(said(b"#! /opt/none/node --flag\n").contains("\"/opt/none/node\""));
        assert!(said(b"#!/bin/sh\r\necho\r\n").contains("interpreter would be \"/bin/sh\\r\""));
        assert!(said(b"#!/usr/bin/env\r\n").contains("CR LF"));
        assert!(said(b"\x7fELF").contains("what loads it is not"));
        assert!(said(b"").contains("what loads it is not"));
        assert!(said(b"#!").contains("interpreter \"\""));
    }
}
