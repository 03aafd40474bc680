//! CPU time and child processes, from `/proc`.

use std::fs;

/// Ticks of the system's accounting in a second; 100 wherever Linux runs.
const TICKS: f64 = 100.0;

/// Seconds that a process has spent, in user mode and in the kernel. 0 when it is gone.
pub fn of(process: u32) -> f64 {
    stat(process).map_or(0.0, |(_, ticks)| ticks / TICKS)
}

/// The living children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    numbers.filter(|process| stat(*process).is_some_and(|(of, _)| of == parent)).collect()
}

/// The parent of a process, and its ticks.
fn stat(process: u32) -> Option<(u32, f64)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold anything.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?))
}
