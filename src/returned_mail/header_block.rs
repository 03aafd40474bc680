//! A block of header fields as reports have it: names without case, folded values (RFC 5322 §2.2).

/// The fields of one block.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct HeaderBlock(Vec<(String, String)>);

impl HeaderBlock {
    /// All blocks of a text; an empty line ends a block.
    pub fn parse_all(text: &str) -> Vec<Self> {
        let mut blocks = vec![Self::default()];
        for line in text.lines() {
            let last = blocks.len() - 1;
            let fields = &mut blocks[last].0;
            if line.trim().is_empty() {
                if !fields.is_empty() {
                    blocks.push(Self::default());
                }
            } else if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
            }
        }
        blocks.retain(|block| !block.0.is_empty());
        blocks
    }

    /// The first block of a text: the header of a message.
    pub fn parse_first(text: &str) -> Self {
        Self::parse_all(text).into_iter().next().unwrap_or_default()
    }

    /// The first value of a field, by its name in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The values of a field that stands several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
