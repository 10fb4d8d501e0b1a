//! The floor under an index: walk a tree and read the first 4 KiB of each Markdown file, on two threads.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex};

/// Folders that are still to be walked, and how many threads may yet find more.
struct Queue {
    folders: Vec<PathBuf>,
    busy: usize,
}

/// Reads the heads of all Markdown files below a folder; the answer is how many there are.
pub fn read_heads(root: &Path) -> usize {
    let queue = Mutex::new(Queue { folders: vec![root.to_path_buf()], busy: 0 });
    let (more, count) = (Condvar::new(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(folder) = next(&queue, &more) {
                    let (folders, files) = walk(&folder);
                    count.fetch_add(files, Ordering::Relaxed);
                    let mut queue = queue.lock().unwrap();
                    queue.folders.extend(folders);
                    queue.busy -= 1;
                    more.notify_all();
                }
            });
        }
    });
    count.into_inner()
}

fn next(queue: &Mutex<Queue>, more: &Condvar) -> Option<PathBuf> {
    let mut queue = queue.lock().unwrap();
    loop {
        if let Some(folder) = queue.folders.pop() {
            queue.busy += 1;
            return Some(folder);
        }
        if queue.busy == 0 {
            return None;
        }
        queue = more.wait(queue).unwrap();
    }
}

fn walk(folder: &Path) -> (Vec<PathBuf>, usize) {
    let (mut folders, mut files) = (Vec::new(), 0);
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() {
            folders.push(path);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let mut head = [0; 4096];
            if let Ok(mut file) = File::open(&path) {
                std::hint::black_box(file.read(&mut head).ok());
                files += 1;
            }
        }
    }
    (folders, files)
}
