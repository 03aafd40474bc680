//! Feedback reports: complaints in the Abuse Reporting Format (RFC 5965).

use super::header_block::HeaderBlock;

/// What a feedback report says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedbackKind {
    /// The recipient called the message spam, or fraud, or asks not to get more.
    Complaint,
    /// The recipient says that the message is no spam; another kind of report.
    Other,
    /// A field that must stand once does not, or two fields contradict each other.
    Malformed,
}

/// Reads the fields of a report. Unknown fields are ignored (RFC 5965 §3).
pub fn parse(text: &str) -> FeedbackKind {
    let report = HeaderBlock::parse_first(text);
    let once = |name| report.all(name).count() == 1;
    let times = |name| report.all(name).count();
    let is_well_formed = ["feedback-type", "user-agent", "version"].into_iter().all(once)
        && times("arrival-date") + times("received-date") <= 1
        && times("original-mail-from") <= 1;
    if !is_well_formed {
        return FeedbackKind::Malformed;
    }
    match report.get("feedback-type").unwrap_or_default().to_lowercase().as_str() {
        "abuse" | "fraud" | "virus" | "opt-out" | "opt-out-list" | "complaint" => FeedbackKind::Complaint,
        _ => FeedbackKind::Other,
    }
}
