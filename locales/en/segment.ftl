# Segments: the language and its mistakes.

# Where a mistake is, and what stands there.
segment-at = { $line ->
    [0] column { $column }
   *[other] line { $line }, column { $column }
}
segment-found = { $ended ->
    [1] the end
   *[other] `{ $found }`
}

segment-name = A segment needs a name of 1 to 100 visible characters.
segment-unknown = There is no segment “{ $name }”. There are: { $known }. Make one: sendoff segment save NAME EXPRESSION
segment-unknown-near = There is no segment “{ $name }”; did you mean “{ $near }”?
segment-long = The expression is longer than { $limit } KiB. Keep long sets of values in a field of their own, and compare that.

segment-character = { segment-at }: `{ $found }` means nothing here; write words, texts in quotes, numbers, comparisons and parentheses.
    { $excerpt }
segment-unclosed = { segment-at }: this quote is never closed.
    { $excerpt }
segment-number = { segment-at }: `{ $found }` is neither a number nor a day; write 18.5 or 2026-01-31.
    { $excerpt }
segment-expected-condition = { segment-at }: expected a condition such as age >= 18, found { segment-found }.
    { $excerpt }
segment-expected-comparison = { segment-at }: expected a comparison such as = or in ("…"), found { segment-found }.
    { $excerpt }
segment-expected-value = { segment-at }: expected a value: a text in quotes, a number, a day, yes or no; found { segment-found }.
    { $excerpt }
segment-unquoted = { segment-at }: texts stand in quotes; write "{ $found }".
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
segment-many-conditions = { segment-at }: an expression has at most { $limit } conditions. Put many values of one field into in (…).
    { $excerpt }
segment-many-values = { segment-at }: the in (…) of an expression have at most { $limit } values together. Keep such a set in a field of its own.
    { $excerpt }
segment-deep = { segment-at }: parentheses and not go at most { $limit } deep.
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
segment-no-choice = { segment-at }: { $found } is no word of `{ $subject }`; there are: { $known }.
    { $excerpt }
segment-no-choice-near = { segment-at }: { $found } is no word of `{ $subject }`; did you mean "{ $near }"?
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
segment-operator = { segment-at }: `{ $found }` does not go with `{ $subject }`, which is { segment-kind }; what goes: { $fitting }.
    { $excerpt }
segment-value = { segment-at }: `{ $subject }` is { segment-kind }, and { $found } is not; write { $kind ->
    [text] a text in quotes
    [number] a number without quotes
    [date] a day such as 2026-01-31, or 90 days ago
    [flag] yes or no
   *[choice] one of its words in quotes
}.
    { $excerpt }
segment-empty = { segment-at }: no value is an empty text; write: { $subject } is not set
    { $excerpt }

segment-saved = Segment “{ $name }” is saved. Next: sendoff segment count { $name }
segment-count = Segment “{ $name }”: { people }.
segment-none = There are no segments yet. Make one: sendoff segment save NAME EXPRESSION

segment-explain-address = That is not an e-mail address. Check its spelling.
segment-explain-in = { $address } is in “{ $name }”.
segment-explain-out = { $address } is not in “{ $name }”.
segment-explain-unknown = { $address } is not known here, and so is not in “{ $name }”.
segment-explain-restricted = { $address } is not in “{ $name }”: the person is restricted, and in no segment whatever the conditions say.
segment-explain-unlisted = { $address } is not in “{ $name }”: the person is on no list with confirmation, whatever the conditions say.
segment-all = all of
segment-any = any of
segment-not = not
segment-yes = yes
segment-no = no
segment-no-value = nothing
