# The content of emails: brand, tags, links, layouts.
brand-name = A brand name has at most { $limit } visible characters.
brand-address = A postal address has at most { $limit } visible characters.
brand-color = “{ $color }” is not a colour. Write six hexadecimal digits: --color 2d5be3
brand-logo = “{ $logo }” is not the web address of an image. Write the full address: --logo https://example.org/logo.png
brand-line-name = Name
brand-line-address = Address
brand-line-color = Colour
brand-line-logo = Logo
brand-unset = not set
header-hidden = “{ $text }” contains a line break or an invisible character. Type it again on one line.
header-mailbox = This address cannot be written into a message header. Write it as Name <name@example.org>.

# The place of a mistake.
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
tag-sign = { tag-place }: “{ $sign }” is not allowed in a tag. Write text in straight quotes: "like this".
tag-long = { tag-place }: this tag has more than { $limit } words. Split it.
tag-unreadable = { tag-place }: this tag cannot be parsed: { $tag }. Compare it with the examples in docs/emails.md.
tag-statement = { tag-place }: there is no tag “{ $word }”. Use one of: { $known }.
tag-no-if = { tag-place }: “{ $word }” has no `if` before it. Write {"{%"} if … {"%}"} where the condition begins, or remove it.
tag-if-open = { tag-place }: this `if` has no `endif`. Write {"{%"} endif {"%}"} where the condition ends.
tag-set-taken = { tag-place }: “{ $name }” is a field or a reserved name. Choose another name for the variable.
tag-field = { tag-place }: no field `{ $name }`.{ $hint ->
    [no] {" "}See those there are: sendoff field ls
   *[yes] { tag-hint }
}
tag-filter = { tag-place }: no filter `{ $name }`.{ $hint ->
    [no] {" "}See those there are in docs/emails.md, Filters.
   *[yes] { tag-hint }
}
tag-test = { tag-place }: no test `{ $name }`.{ $hint ->
    [no] {" "}See those there are in docs/emails.md, Conditions.
   *[yes] { tag-hint }
}
tag-call = { tag-place }: `{ $name }(…)` cannot be called. Tags may use fields and filters only.
tag-many = { tag-place }: more than { $limit } tags. Use fewer.
tag-nesting = { tag-place }: more than { $limit } `if`s inside each other. Write simpler conditions.
tag-branches = { tag-place }: more than { $limit } `elif`s and `else`s of one `if` and of those around it. Split the condition, or put the texts into a field.
template-bound = { tag-part }, line { $line }: { $bound ->
    [steps] the tags take more than { $limit } steps to render
    [value] a value becomes longer than { $limit } bytes
    [values] the values of the tags come to more than { $limit } bytes
   *[output] the rendered text becomes longer than { $limit } bytes
}. Simplify the tags.
html-elements = Line { $line }: the body has more than { $limit } HTML elements. Shorten it.
html-nesting = Line { $line }: more than { $limit } HTML elements are inside each other. Close those that are open.
html-attributes = Line { $line }: an HTML element has more than { $limit } attributes. Check that its tag is closed.
template-line = { tag-part }, line { $line }: a tag cannot be parsed. Check its brackets, commas and operators.
template-unreadable = The tags of the { $part ->
    [subject] subject
    [preheader] preheader
   *[body] body
} cannot be parsed. Close every bracket, and do not end a condition inside another.
template-broken = A tag does something impossible, such as adding texts. Simplify the tags of the email.
template-limit = The email takes too many steps to render, or becomes too long. Simplify its tags.

email-long = { $part ->
    [subject] The subject is longer than { $limit } characters.
    [preheader] The preheader is longer than { $limit } characters.
   *[body] The body is longer than { $limit } bytes.
} Shorten it.
email-no-subject = The email has no subject. Write one.
email-no-body = The email has no text. Write one.
email-public-url = The public URL of this installation is longer than { $limit } bytes. Choose a shorter one: sendoff settings set public-url URL
email-missing = { letter-missing }
# Deliveries skipped by earlier versions are stored with this key.
letter-missing = A tag calculates with `{ $field }`, which has no value here. Add a fallback: default(0).
layout-failed = The layout cannot be rendered. This is a bug; please report it.

link-relative = Line { $line }: the link “{ $link }” does not begin with https://. Write the full address.
link-scheme = Line { $line }: the link “{ $link }” is not a web address. Links lead to https://, mailto: or tel:.
link-hidden = Line { $line }: the link “{ $link }” contains a backslash, a line break or an invisible character. Type it again.
link-user = Line { $line }: the link “{ $link }” has a user name before the host. Remove everything up to the @.
link-broken = Line { $line }: the link “{ $link }” cannot be parsed. Check the host name.
link-long = Line { $line }: the link “{ $link }” is longer than { $limit } bytes. Shorten it.
link-dynamic-host = Line { $line }: the host of the link “{ $link }” comes from a tag. Write the host literally, tags may follow after it; or name the hosts that such links may lead to: link-hosts = ["shop.example"]

lint-address = The email has no postal address, which many laws require. Set it: sendoff brand set --address TEXT
    .desk = The email has no postal address, which many laws require. Set it under Settings → Brand.
lint-preheader = The email has no preheader: mail programs will show its first words instead.
lint-subject-empty = The subject is empty for some recipients. Give its tags a default.
lint-subject-long = The subject has { $length } characters; no mail program shows more than { $limit }.
lint-heavy = The HTML has { $size } kB, { $encoded } kB as it is sent. Gmail clips messages near 102 kB, and the footer with them. Google does not say which of the two it counts; the larger one decides here (docs/emails.md, Size).
lint-alt = { $count ->
    [one] One image has no alternative text.
   *[other] { $count } images have no alternative text.
} Add alt="…".
lint-http = { $count ->
    [one] One image is loaded over http and may not be shown.
   *[other] { $count } images are loaded over http and may not be shown.
} Use https.
lint-empty-link = { $count ->
    [one] One link is empty.
   *[other] { $count } links are empty.
} Give each a text and a destination.
lint-private = The link { $link } leads into a private network, which recipients cannot reach.

# The footer of emails.
email-why = You receive this email because you are on the list “{ $list }”.
email-unsubscribe = Unsubscribe
email-preferences = Your data
email-view = View in browser

# What was left out of an email or changed in it.
change-place = { $line ->
    [0] {""}
   *[other] Line { $line }:{" "}
}
change-times = { $count ->
    [1] {""}
   *[other] {" "}({ $count } times)
}
change-element = { change-place }the element <{ $what }> is left out with its content{ change-times }, because it runs code or no mail program shows it. Use a picture or a link instead.
change-amp = { change-place }the element <{ $what }> belongs to AMP and shows nothing in an email{ change-times }, since Sendoff sends no AMP part. Write it in HTML, such as <img> for <amp-img>.
change-amp-style = { change-place }the style sheet that hides an AMP page until its script has run is left out{ change-times }.
change-element-tag = The element “<{ $what }>” is left out, because its name comes from a tag. Write the name literally.
change-tag = { change-place }<{ $what }> is left out{ change-times }, because mail programs remove it; its content stays.
change-attribute = { change-place }the attribute “{ $what }” is left out{ change-times }, because it runs code or is not a valid name.
change-css = { change-place }“{ $what }” is left out of a style{ change-times }, because it runs code in old mail programs. The rest of the style stays.
change-comment = { change-place }HTML comments are left out{ change-times }. Conditional comments for Outlook stay.
change-charset = { change-place }the character set “{ $what }” is changed to UTF-8, in which every message is sent.
change-source-relative = { change-place }“{ $what }” is no full address, so that no mail program can load it{ change-times }. Put the file on a web server and write https://…
change-source-scheme = { change-place }“{ $what }” is left out{ change-times }, because mail programs load files by https:// only. Put the file on a web server.
change-source-https = { change-place }“{ $what }” is sent with https: before it{ change-times }.
change-source-data = { change-place }a picture is inside the email itself (data:){ change-times }. Gmail and Outlook do not show such pictures. Put it on a web server and link it.
change-source-cid = { change-place }the picture “{ $what }” is an attachment of another message{ change-times }, and Sendoff attaches no files. Put it on a web server and link it.
email-problems = The email has { $count } mistakes. { $problems }
list-item = {"\u000A"}✗ { $text }
brand-tag = “{ $tag }” is a tag, and the brand is the same for all recipients. Write the text itself.
tag-foreign = { tag-place }: “{ $tag }” is a tag of another tool. Here it is written { $ours }
lint-foreign-tag = { tag-part }, line { $line }: “{ $tag }” looks like a tag of another tool ({ $tool }) and will be printed as it is. Here it is written { $ours }
link-foreign-tag = Line { $line }: “{ $tag }” in the link “{ $link }” is a tag of another tool. Here it is written { $ours }
link-host-other = The link “{ $link }” leads to a host that link-hosts does not name. Add it: link-hosts = ["shop.example"]
change-link-variable = { change-place }the link “{ $what }” is not measured, because it prints a variable{ change-times }. Links that print fields are measured.
lint-link-words = The words of a link are “{ $words }”, but it leads to { $host }. Spam filters and mail programs take that for phishing. Give the link other words, or set tracking = "none" if it leads elsewhere only because it is measured.
markdown-condition-table = Line { $line }: this condition begins among the rows of a table and ends after it. End it before the table ends, or put it around the whole table.
tag-for-open = { tag-place }: this `for` has no `endfor`. Write {"{%"} endfor {"%}"} where the loop ends.
tag-no-for = { tag-place }: “{ $word }” has no `for` before it. Write {"{%"} for … in … {"%}"} where the loop begins, or remove it.
tag-loops = { tag-place }: more than { $limit } loops inside each other. Write the inner one out.

# Dates, numbers and money in emails: words are separated by spaces; _ in the separator of thousands is a no-break space.
email-months = January February March April May June July August September October November December
email-months-alone = January February March April May June July August September October November December
email-months-short = Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec
email-weekdays = Monday Tuesday Wednesday Thursday Friday Saturday Sunday
email-weekdays-short = Mon Tue Wed Thu Fri Sat Sun
email-decimal = .
email-group = ,
# Where the sign of a currency stands: before or after the amount.
email-money = before
email-date-long = F j, Y
