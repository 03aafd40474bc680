# The language's own name. Exactly one language has the status "default"; missing translations are taken from it. A language with
# the status "complete" must have every key. A translation in progress has no status.
language-name = English
    .status = default
