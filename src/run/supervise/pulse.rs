//! A supervisor's pulse, by which the next one knows whether the run was interrupted a moment ago, or before the machine
//! was restarted, or the day before: in the latter cases nobody spends an agent's money unasked.
//!
//! The run's lock tells: in it stands the boot of the system under which its newest supervisor lived, and its time of
//! modification is set anew as long as that one lives.

use std::fs::FileTimes;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::time::{Duration, SystemTime};

use super::super::lock::Lock;
use super::super::system;

/// How often the time is set.
pub(super) const EVERY: Duration = Duration::from_secs(10);
/// An interruption is over after this: as long as it may take until an editor that crashed is open again.
const MOMENT: Duration = Duration::from_secs(300);
/// No boot has a longer name.
const LONGEST_BOOT: u64 = 256;

/// Whether the supervisor that held this lock before lived a moment ago, under the present boot. To be asked before
/// [`begin`]. Blocking.
pub(super) fn was_felt(lock: &Lock) -> bool {
    let since = |set: SystemTime| SystemTime::now().duration_since(set);
    let set = lock.file().metadata().and_then(|data| data.modified());
    // A time in the future tells that somebody has set the clock.
    let is_recent = set.is_ok_and(|set| since(set).is_ok_and(|since| since < MOMENT));
    is_recent && system::boot().is_some_and(|boot| read_boot(lock).is_ok_and(|before| before == boot))
}

/// From now on the lock tells of this supervisor. What cannot be written tells nothing, and ends no run. Blocking.
pub(super) fn begin(lock: &Lock) {
    let Some(boot) = system::boot() else { return };
    let mut file = lock.file();
    let _ = file.rewind().and_then(|()| file.write_all(boot.as_bytes())).and_then(|()| file.set_len(boot.len() as u64));
}

/// Sets the time. One that cannot be set tells nothing, and ends no run. Blocking.
pub(super) fn set_time(lock: &Lock) {
    let _ = lock.file().set_times(FileTimes::new().set_modified(SystemTime::now()));
}

fn read_boot(lock: &Lock) -> io::Result<String> {
    let mut file = lock.file();
    file.rewind()?;
    let mut boot = String::new();
    file.take(LONGEST_BOOT).read_to_string(&mut boot)?;
    Ok(boot)
}
