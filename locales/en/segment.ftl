# Segments: the expression language and its errors.

# The place of an error, and the text found there.
segment-at = { $line ->
    [0] column { $column }
   *[other] line { $line }, column { $column }
}
segment-found = { $ended ->
    [1] the end
   *[other] `{ $found }`
}

segment-name = A segment needs a name of 1 to { $limit } visible characters. Write for example: sendoff segment save adults "age >= 18"
segment-unknown = There is no segment “{ $name }”. There are: { $known }. Make one: sendoff segment save NAME EXPRESSION
segment-unknown-near = There is no segment “{ $name }”; did you mean “{ $near }”?
segment-long = The expression is longer than { $limit } KiB. Store a large set of values as a field, and compare that field.

segment-character = { segment-at }: unexpected `{ $found }`; an expression has names, texts in quotes, numbers, comparisons and parentheses.
    { $excerpt }
segment-unclosed = { segment-at }: this quotation mark is never closed.
    { $excerpt }
segment-number = { segment-at }: `{ $found }` is neither a number nor a day; write 18.5 or 2026-01-31.
    { $excerpt }
segment-expected-condition = { segment-at }: expected a condition such as age >= 18, found { segment-found }.
    { $excerpt }
segment-expected-comparison = { segment-at }: expected a comparison such as = or in ("…"), found { segment-found }.
    { $excerpt }
segment-expected-value = { segment-at }: expected a value: a text in quotes, a number, a day, yes or no; found { segment-found }.
    { $excerpt }
segment-unquoted = { segment-at }: texts are written in quotes: "{ $found }".
    { $excerpt }
segment-expected-sign = { segment-at }: expected `{ $sign }`, found { segment-found }.
    { $excerpt }
segment-expected-end = { segment-at }: expected `and`, `or` or the end, found { segment-found }.
    { $excerpt }
segment-expected-list = { segment-at }: expected the name of a list in quotes, found { segment-found }.
    { $excerpt }
segment-expected-campaign = { segment-at }: expected `any` or the name of a campaign in quotes, found { segment-found }.
    { $excerpt }
segment-expected-days = { segment-at }: expected a time span such as 90 days, found { segment-found }.
    { $excerpt }
segment-days = { segment-at }: a time span is a whole number of days from 1 to { $limit }.
    { $excerpt }
segment-many-conditions = { segment-at }: an expression has at most { $limit } conditions. Compare a field with many values by in (…).
    { $excerpt }
segment-many-values = { segment-at }: all in (…) of an expression have at most { $limit } values together. Store such a set as a field.
    { $excerpt }
segment-deep = { segment-at }: parentheses and not are nested at most { $limit } deep.
    { $excerpt }

segment-no-field = { segment-at }: no field `{ $found }`; there are: { $known }. Declare one: sendoff field add NAME TYPE
    { $excerpt }
segment-no-field-near = { segment-at }: no field `{ $found }`; did you mean `{ $near }`?
    { $excerpt }
segment-no-list = { segment-at }: no list { $found }; there are: { $known }.
    { $excerpt }
segment-no-list-near = { segment-at }: no list { $found }; did you mean "{ $near }"?
    { $excerpt }
segment-no-campaign = { segment-at }: no campaign { $found }; there are: { $known }.
    { $excerpt }
segment-no-campaign-near = { segment-at }: no campaign { $found }; did you mean "{ $near }"?
    { $excerpt }
segment-no-function = { segment-at }: no function `{ $found }`; there are: { $known }.
    { $excerpt }
segment-no-function-near = { segment-at }: no function `{ $found }`; did you mean `{ $near }`?
    { $excerpt }
segment-no-choice = { segment-at }: { $found } is not a value of `{ $subject }`; the values are: { $known }.
    { $excerpt }
segment-no-choice-near = { segment-at }: { $found } is not a value of `{ $subject }`; did you mean "{ $near }"?
    { $excerpt }
segment-no-address = { segment-at }: { $found } is not an e-mail address; to find part of one, write: email contains "…"
    { $excerpt }

segment-kind = { $kind ->
    [text] a text
    [number] a number
    [date] a date
    [flag] a flag
   *[choice] a choice
}
segment-alone = { segment-at }: `{ $found }` is { segment-kind } and cannot stand alone; compare it, or write: { $found } is set
    { $excerpt }
segment-operator = { segment-at }: `{ $found }` cannot be used with `{ $subject }`, which is { segment-kind }; use: { $fitting }.
    { $excerpt }
segment-value = { segment-at }: `{ $subject }` is { segment-kind }, and { $found } is not; write { $kind ->
    [text] a text in quotes
    [number] a number without quotes
    [date] a day such as 2026-01-31, or 90 days ago
    [flag] yes or no
   *[choice] one of its values in quotes
}.
    { $excerpt }
segment-empty = { segment-at }: a value is never an empty text; write: { $subject } is not set
    { $excerpt }

segment-saved-indexing =
    Segment “{ $name }” is saved and can be used. Its fields are still being indexed: `sendoff serve` continues in the
    background, or `sendoff segment save --wait` with a bar. Until then counts take longer.
segment-saved = Segment “{ $name }” is saved. Next: sendoff segment count { $name }
segment-count = Segment “{ $name }”: { people }.
segment-none = There are no segments yet. Make one: sendoff segment save NAME EXPRESSION

segment-explain-address = That is not an e-mail address. Check its spelling.
segment-explain-in = { $address } is in “{ $name }”.
segment-explain-out = { $address } is not in “{ $name }”.
segment-explain-unknown = { $address } is not a contact of this workspace, and so not in “{ $name }”.
segment-explain-restricted = { $address } is not in “{ $name }”: the contact is restricted, and so in no segment, whatever the conditions are.
segment-explain-bounced = { $address } is not in “{ $name }”: a server replied that the mailbox does not exist, and so the contact is in no segment, whatever the conditions are. Lift it: sendoff contact unsuppress ADDRESS
segment-explain-unlisted = { $address } is not in “{ $name }”: the contact has no confirmed subscription, whatever the conditions are.
segment-all = all of
segment-any = any of
segment-not = not
segment-yes = yes
segment-no = no
segment-no-value = nothing
