# Letters: brand, tags, links, layouts.
brand-name = A brand name has at most { $limit } visible characters.
brand-address = A postal address has at most { $limit } visible characters.
brand-color = “{ $color }” is not a colour. Write six hex digits: --color 2d5be3
brand-logo = “{ $logo }” is not the web address of a picture. Write the whole of it: --logo https://example.org/logo.png
brand-line-name = Name
brand-line-address = Address
brand-line-color = Colour
brand-line-logo = Logo
brand-unset = not set
header-hidden = “{ $text }” holds a line break or an invisible character. Type it anew on one line.
header-mailbox = This address cannot stand in the head of a letter. Write it as Name <name@example.org>.

# Where a mistake stands.
tag-part = { $part ->
    [subject] Subject
    [preheader] Preheader
   *[body] Body
}
tag-place = { tag-part }, line { $line }, column { $column }
tag-hint = { $hint ->
    [no] {""}
   *[yes] {" "}Did you mean `{ $near }`?
}
tag-open = { tag-place }: this tag is not closed. It ends with { $close }.
tag-empty = { tag-place }: this tag is empty. Write a field between the braces, or remove it.
tag-sign = { tag-place }: “{ $sign }” is not offered in a tag. Texts stand in straight quotes: "like this".
tag-long = { tag-place }: this tag has more than { $limit } words. Split it.
tag-unreadable = { tag-place }: this cannot be read: { $tag }. Compare it with the examples in docs/letters.md.
tag-statement = { tag-place }: “{ $word }” is not offered in letters. There are: { $known }.
tag-no-if = { tag-place }: “{ $word }” stands without an `if` before it.
tag-if-open = { tag-place }: this `if` has no `endif`.
tag-set-taken = { tag-place }: “{ $name }” is a field or a word of Sendoff's own. Choose another name for the variable.
tag-field = { tag-place }: no field `{ $name }`.{ tag-hint }
tag-filter = { tag-place }: no filter `{ $name }`.{ tag-hint }
tag-test = { tag-place }: no test `{ $name }`.{ tag-hint }
tag-call = { tag-place }: `{ $name }(…)` is not offered in letters: there are fields and filters only.
template-line = { tag-part }, line { $line }: a tag cannot be read. Check its brackets, commas and operators.
template-unreadable = The tags of the { $part ->
    [subject] subject
    [preheader] preheader
   *[body] body
} cannot be read. Check that every bracket is closed and that no condition ends inside another.
template-broken = A tag asks for something impossible, such as a sum of texts. Simplify the tags of the letter.
template-limit = The letter takes too many steps or grows too long. Simplify its tags.

letter-long = { $part ->
    [subject] The subject is longer than { $limit } characters.
    [preheader] The preheader is longer than { $limit } characters.
   *[body] The body is longer than { $limit } bytes.
} Shorten it.
letter-no-subject = The letter has no subject. Write one.
letter-no-body = The letter has no text. Write one.
letter-public-url = The public address of this installation is longer than { $limit } bytes. Choose a shorter one: sendoff settings set public-url URL
letter-missing = A tag calculates with `{ $field }`, which has no value here. Give it one with default(0).
layout-failed = The layout could not be filled in. Please report this.

link-relative = Line { $line }: the link “{ $link }” does not begin with https://. Write the whole address.
link-scheme = Line { $line }: the link “{ $link }” is not a web address. Links lead to https://, mailto: or tel:.
link-hidden = Line { $line }: the link “{ $link }” holds a backslash, a line break or an invisible character. Type it anew.
link-user = Line { $line }: the link “{ $link }” carries a user name before the host. Remove all up to the @.
link-broken = Line { $line }: the link “{ $link }” cannot be read. Check the host name.
link-long = Line { $line }: the link “{ $link }” is too long. It may have 2,000 bytes.
link-dynamic-host = Line { $line }: the host of the link “{ $link }” comes from a tag. Write the host out; tags may follow after it.

lint-address = The letter has no postal address, which many laws ask for. Set it: sendoff brand set --address TEXT
lint-preheader = The letter has no preheader: mail programs will show its first words instead.
lint-subject-empty = The subject is empty for some readers. Give its tags a default.
lint-subject-long = The subject has { $length } characters; no mail program shows more than { $limit }.
lint-heavy = The HTML has { $size } kB. Gmail cuts letters near 102 kB, and the footer with them.
lint-alt = { $count ->
    [one] One picture has no description.
   *[other] { $count } pictures have no description.
} Add alt="…".
lint-http = { $count ->
    [one] One picture comes over http and may not be shown.
   *[other] { $count } pictures come over http and may not be shown.
} Use https.
lint-empty-link = { $count ->
    [one] One link is empty.
   *[other] { $count } links are empty.
} Give each a text and an address.
lint-private = The link { $link } leads into a private network, where readers cannot follow.

# What stands in letters.
letter-why = You receive this letter because you are on the list “{ $list }”.
letter-unsubscribe = Unsubscribe
letter-preferences = Your data
letter-view = View in browser
