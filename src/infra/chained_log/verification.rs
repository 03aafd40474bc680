//! Verification of a hash-chained log: what was changed, removed or put in.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::Path;

use serde_json::Value;
use subtle::ConstantTimeEq;

use super::{ChainedLog, Head, hash};
use crate::infra::error::{Error, Message, Result};

/// The most problems that are listed.
const MAX_PROBLEMS: usize = 100;

/// What a verification found.
#[derive(Debug, Clone, Default)]
pub struct Verified {
    /// Lines that were read.
    pub entries: u64,
    /// The number of the newest line; 0 without one.
    pub newest: u64,
    /// The hash of the newest line; empty without one.
    pub head: String,
    /// What is wrong, in order, at most a hundred.
    pub problems: Vec<Message>,
}

impl ChainedLog {
    /// Reads the whole log and checks every line.
    ///
    /// # Errors
    ///
    /// Internal when a file cannot be read. A broken chain is no error here: see [`Verified::problems`].
    pub fn verify(&self) -> Result<Verified> {
        let mut verified = Verified::default();
        let mut last: Option<Head> = None;
        let mut is_head_seen = false;
        let head = self.read_head_file()?;
        for path in self.files()? {
            let file = File::open(&path).map_err(Error::io(path.display()))?;
            for (at, line) in BufReader::new(file).split(b'\n').enumerate() {
                let line = line.map_err(Error::io(path.display()))?;
                let read = check(&line, last.as_ref());
                if let Err(key) = read.1 {
                    add(&mut verified, key, &path, at + 1);
                }
                is_head_seen |= head.as_ref().is_some_and(|head| *head == read.0);
                verified.entries += 1;
                last = Some(read.0);
            }
        }
        if let Some(last) = &last {
            (verified.newest, verified.head) = (last.seq, last.hash.clone());
        }
        match (&head, &last) {
            (None, Some(_)) => verified.problems.push(Message::new("log-head-missing").with("file", self.head_name())),
            (Some(head), _) if !is_head_seen => {
                let missing = Message::new("log-end-missing").with("newest", verified.newest);
                verified.problems.push(missing.with("expected", head.seq));
            }
            _ => {}
        }
        Ok(verified)
    }

    /// The newest line by its own file; `None` without the file, or when its code is not ours.
    fn read_head_file(&self) -> Result<Option<Head>> {
        let path = self.head_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::InvalidData) => return Ok(None),
            Err(error) => return Err(Error::io(path.display())(error)),
        };
        let Ok(value) = serde_json::from_str::<Value>(&text) else { return Ok(None) };
        let (Some(seq), Some(hash)) = (value["seq"].as_u64(), value["hash"].as_str()) else { return Ok(None) };
        let head = Head { seq, hash: hash.to_owned() };
        let mac = value["mac"].as_str().unwrap_or_default();
        Ok(bool::from(self.mac(&head).as_bytes().ct_eq(mac.as_bytes())).then_some(head))
    }

    fn head_name(&self) -> String {
        format!("{}.head", self.name)
    }
}

/// The number and hash of a line, and the catalogue key of what is wrong with it.
fn check(line: &[u8], last: Option<&Head>) -> (Head, Result<(), &'static str>) {
    let head = super::read_head(line);
    let Some(text) = std::str::from_utf8(line).ok() else { return (head, Err("log-line-damaged")) };
    let Ok(value) = serde_json::from_str::<Value>(text) else { return (head, Err("log-line-damaged")) };
    let members = text.rsplit_once(",\"hash\":\"").map(|(members, _)| members);
    let found = match (members, last) {
        (None, _) => Err("log-line-damaged"),
        (Some(members), _) if hash(members) != head.hash || !text.ends_with(&format!("\"{}\"}}", head.hash)) => {
            Err("log-line-changed")
        }
        (Some(_), Some(last)) if value["previous"] != *last.hash || head.seq != last.seq + 1 => Err("log-line-missing"),
        _ => Ok(()),
    };
    (head, found)
}

fn add(verified: &mut Verified, key: &'static str, path: &Path, line: usize) {
    if verified.problems.len() < MAX_PROBLEMS {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        verified.problems.push(Message::new(key).with("file", name).with("line", line));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::entry;
    use super::*;
    use crate::infra::secret::Key;

    /// Writes five lines, lets `change` rewrite them, and returns the keys of the problems.
    async fn problems_after(change: impl Fn(Vec<String>) -> Vec<String>) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let log = ChainedLog::new(folder.path().to_owned(), "audit", Key::generate());
        for text in ["a", "b", "c", "d", "e"] {
            log.append(1_796_083_200_000, vec![entry(text)]).await.expect("written");
        }
        let file = log.files().expect("listed").remove(0);
        let lines = fs::read_to_string(&file).expect("read").lines().map(str::to_owned).collect();
        let lines: String = change(lines).iter().map(|line| format!("{line}\n")).collect();
        fs::write(&file, lines).expect("written");
        log.verify().expect("read").problems.iter().map(|problem| problem.key.to_owned()).collect()
    }

    #[tokio::test]
    async fn every_kind_of_change_is_found() {
        assert_eq!(problems_after(|lines| lines).await, Vec::<String>::new());
        let removed = problems_after(|mut lines| {
            lines.remove(2);
            lines
        });
        assert_eq!(removed.await, ["log-line-missing"]);
        let cut = problems_after(|mut lines| {
            lines.pop();
            lines
        });
        assert_eq!(cut.await, ["log-end-missing"]);
        assert_eq!(problems_after(|_| Vec::new()).await, ["log-end-missing"]);
        let changed = problems_after(|mut lines| {
            lines[1] = lines[1].replace("\"b\"", "\"x\"");
            lines
        });
        assert_eq!(changed.await, ["log-line-changed"]);
        let swapped = problems_after(|mut lines| {
            lines.swap(1, 2);
            lines
        });
        assert_eq!(swapped.await, ["log-line-missing"; 3]);
        let garbage = problems_after(|mut lines| {
            lines[3] = "no JSON".to_owned();
            lines
        });
        assert_eq!(garbage.await, ["log-line-damaged", "log-line-missing"]);
    }
}
