# Campaigns.
campaign-not-draft = The campaign “{ $name }” has started and stays as it is. Choose another name in the file.
campaign-unknown = There is no campaign “{ $name }”. There are: { $known }.
campaign-gone = The campaign does not exist any more. See those there are: sendoff campaign ls
campaign-state = The campaign “{ $name }” { $state ->
    [draft] is still a draft
    [scheduled] is scheduled
    [running] is running
    [paused] is paused
    [finished] is finished
   *[cancelled] is cancelled
}, so { $verb ->
    [schedule] its time cannot be set
    [start] it cannot be started
    [pause] it cannot be paused
    [unschedule] it cannot be unscheduled
    [resume] it cannot be resumed
    [recall] there is nothing to recall
   *[cancel] it cannot be cancelled
}. { $state ->
    [draft] Start it: sendoff campaign start { $name }
    [scheduled] Make it a draft first: sendoff campaign unschedule { $name }
    [running] Pause it first: sendoff campaign pause { $name }
    [paused] Continue it: sendoff campaign resume { $name }
   *[ended] To send it once more, copy it: sendoff campaign duplicate { $name } NEW
}
campaign-list-gone = The list of this campaign is closed or deleted. Write another one in its file (list = "…"), then: sendoff campaign add FILE
    .desk = The list of this campaign is closed or deleted. Choose another one in the settings of the email.
campaign-segment-gone = The segment of this campaign does not exist any more. Save it again: sendoff segment save NAME EXPR
    .desk = The segment of this campaign does not exist any more. Save it again, or choose another one in the settings of the email.
campaign-frozen = The content of “{ $name }” cannot be read. Add the campaign again under another name.
campaign-file-long = The campaign file is longer than { $limit } KiB. Put images on a web server and link them.
campaign-file-binary = The campaign file holds a NUL byte: it is not a text file. Save it as UTF-8.
campaign-file-ending = The name of the campaign file must end in .md (Markdown) or .html (HTML). Rename the file, then repeat.
campaign-file-encoding = The campaign file is not UTF-8 (byte { $at }). Save it as UTF-8.
campaign-front = The file must begin with a line “+++”, then settings such as name = "autumn", then a second line “+++”, then the email.
campaign-key-unknown = Line { $line }: there is no setting “{ $key }”; did you mean “{ $near }”?
campaign-key-missing = The setting “{ $key }” is missing between the +++ lines.
campaign-key-twice = Line { $line }: the setting “{ $key }” is given twice. Keep one.
campaign-key-text = Line { $line }: the setting “{ $key }” must be a text in double quotes: { $key } = "…"
campaign-toml = Line { $line }: { $cause ->
    [equals] “{ $key }” is no setting, because it has no equals sign. Write a name, an equals sign and a text in double quotes: name = "autumn"
    [key] “{ $key }” cannot be the name of a setting, because of the space in it. Write for example reply-to = "…"
    [empty] “{ $key }” has no value. Write { $key } = "…", or remove the line.
    [curly] the value of “{ $key }” is in curly quotation marks. Write straight ones: { $key } = "…"
    [backslash] the value of “{ $key }” has a backslash, or an open quotation mark. Write single quotes around it: { $key } = '…', and close them.
    [quote] the quotation marks of “{ $key }” are not closed, or something follows them. Write { $key } = "…" and nothing behind it; write a quotation mark inside as \".
   *[bare] the value of “{ $key }” is not in quotation marks. Write { $key } = "…"
}
campaign-key-word = Line { $line }: “{ $word }” is no value of “{ $key }”. Write one of: { $known }.
campaign-name = name = "…" in the campaign file needs 1 to { $limit } visible characters. Write for example name = "autumn"
campaign-sender = “{ $text }” in { $field } is not a sender. Write: Shop <news@example.org>
campaign-sender-invalid = An earlier version accepted the sender of this campaign, and it cannot be written into a message. Correct “from” and “reply-to” in its file.
campaign-zone = zone: “{ $zone }” is not a time zone. Write its IANA name, for example zone = "Europe/Moscow"
campaign-time = “{ $text }” in at, at-local, until, --at or --until is not a time. Write 2026-12-01 10:00, with zone = "Europe/Moscow" (or --zone Europe/Moscow) beside it.
campaign-past = { $time } is in the past. Choose a later time, or start at once: sendoff campaign start { $name }
    .desk = { $time } is in the past. Choose a later time, or start at once.
campaign-no-time = The file has no start time. Add --at "2026-12-01 10:00", or at = "…" in the file.
skipped-paused = the recipient has paused emails
skipped-address = the address is not valid
skipped-panic = the message could not be made because of a bug in Sendoff
skipped-row = the row of the delivery or of the contact holds a value that cannot be read
skipped-fields = the field values cannot be read
skipped-missing = a value that the message needs is missing
skipped-limit = the message takes too many steps to render, or becomes too long
skipped-link = a link of the message is not valid for this contact
skipped-template = a tag of the message does something impossible with the values of this contact
count-skip-reason = Skipped { $count }:
skipped-smtputf8 = the relay does not accept addresses outside ASCII (no SMTPUTF8)

excluded-pending = not confirmed yet
excluded-restricted = restricted: stored, not mailed
excluded-bounced = bounced: the mailbox does not exist, not mailed (lift: sendoff contact unsuppress ADDRESS)
    .desk = no mailbox
excluded-segment = on the list, outside the segment
paused-by-hand = paused by hand
bar-preflight = Checking
campaign-added = Draft “{ $name }” for the list “{ $list }” is saved. Next: sendoff campaign preflight { $name }
campaign-started = “{ $name }” has started: { $count ->
    [one] { $count } message is
   *[other] { $count } messages are
} planned. A running `sendoff serve` or `sendoff mail` sends them.
campaign-none = No campaigns yet. Write one as a file and add it: sendoff campaign add email.md
preflight-recipients = “{ $name }” goes to { $count ->
    [one] { $count } recipient
   *[other] { $count } recipients
}.
preflight-ready = Ready. Next: sendoff campaign start { $name }
preflight-not-ready = Not ready: fix what is marked ✗, then add the file again.
preflight-refused = Not started. { $problems }
preflight-url = The public address { $url } is not a URL. Set it: sendoff settings set public-url https://news.example.org
    .desk = The public address { $url } is not a URL. An administrator sets public-url under Settings → Installation.
preflight-localhost = Links would lead to { $url }, which no recipient can open. Set the public address: sendoff settings set public-url https://news.example.org
    .desk = Links would lead to { $url }, which no recipient can open. An administrator sets public-url under Settings → Installation.
preflight-private = Links lead to { $url }, which opens on this machine or network only.
preflight-unreachable = { $url } did not answer from here. Check that recipients can reach it.
preflight-empty = “{ $name }” has no recipients. See who is on the list: sendoff list ls. See whom the segment finds: sendoff segment count NAME
    .desk = “{ $name }” has no recipients. Look at the numbers of its list, and at whom its segment finds.
preflight-relay-unknown = The campaign file names the relay “{ $relay }”, which does not exist. Relays: { $known }. Correct the line relay = …, or add the relay: sendoff relay set { $relay } …
    .desk = The campaign names the relay “{ $relay }”, which does not exist. Relays: { $known }. Choose another one in the settings of the email, or add it under Settings → Relays.
preflight-relay-none = Every relay is bound to other senders. Bind one to the sender of this campaign with sendoff relay set NAME --for ADDRESS, or add a relay without senders.
    .desk = Every relay is bound to other senders. Bind one to the sender of this campaign, or add a relay without senders, under Settings → Relays.
preflight-relay-silent = The relay “{ $relay }” could not be asked which messages it takes. { $why }
preflight-capture = The relay “{ $relay }” is the inbox of this installation: messages are shown there and none is delivered. Set a server: sendoff relay set smtp URL
    .desk = The relay “{ $relay }” is the inbox of this installation: messages are shown there and none is delivered. Set a mail server under Settings → Relays.
preflight-folder = The relay “{ $relay }” is a folder: messages are stored as files and none is delivered.
preflight-missing = { $count ->
    [one] { $count } contact has
   *[other] { $count } contacts have
} no value for “{ $field }”. Write {"{{"} { $field } | default("…") {"}}"}, or start with --skip-missing.
preflight-broken = For { $count ->
    [one] { $count } contact
   *[other] { $count } contacts
} no message can be made ({ $reason }). Start with --skip-missing to skip them.
preflight-unwritable = { $count ->
    [one] { $count } contact has an address
   *[other] { $count } contacts have addresses
} that no message can be sent to. An earlier version accepted it; it is skipped. Correct it with: sendoff contact correct
preflight-irregular = This email cannot be compiled: a tag spells characters by number (such as {"\\u00e9"}), or it has very many tags. Every message is rendered from scratch, about fifty times slower: a few thousand messages per second at most. Write the characters themselves, or use fewer tags.
test-sent = The test message to { $to } was sent: { $answer }
address-wrong = This is not a valid address: { $why }. Correct it and repeat; nothing was done.
mail-waiting = The next message is due at { $time }. Run sendoff mail then, or keep sendoff serve running.
mail-nothing = Nothing to send. Start a campaign: sendoff campaign start NAME
lane-damaged = The domains of a lane in the database are not a JSON array of texts. Set them again: sendoff lane set NAME --domains DOMAINS
campaign-sender-tag = “{ $tag }” in { $field } is a tag, and all recipients see the same sender. Write the name itself: Shop <news@example.org>
campaign-problems = The settings have { $count } mistakes. { $problems }
campaign-key-texts = Line { $line }: the setting “{ $key }” must be a list of texts: { $key } = ["…", "…"]
campaign-language = Line { $line }: there is no language “{ $tag }”. There are: { $known }.
campaign-link-host = Line { $line }: “{ $host }” in link-hosts is not a host. Write for example: link-hosts = ["shop.example", "*.shop.example"]
campaign-utm = Line { $line }: “{ $name }” is no parameter of utm. Write utm = true, or utm = {"{"} source = "…", medium = "…", campaign = "…", term = "…", content = "…" {"}"}
campaign-utm-tag = Line { $line }: “{ $text }” in utm is not literal text. All recipients get the same parameters.
campaign-removed = The campaign “{ $name }” is removed.
campaign-remove-launched = The campaign “{ $name }” was launched and stays: the links in its messages need it, and reports count it. To send no more of it: sendoff campaign cancel NAME
    .desk = The campaign “{ $name }” was launched and stays: the links in its messages need it, and reports count it. To send no more of it, cancel it on its page.
campaign-remove-series = “{ $name }” is the draft of a series that is not stopped. Stop it first: sendoff campaign series stop NAME
    .desk = “{ $name }” is the draft of a series that is not stopped. Stop it on the page of the series first.
campaign-exists = There is a campaign “{ $name }” already. Choose another name for the copy.
campaign-duplicated = “{ $new }” is a copy of “{ $name }”, with the same list, segment and times. Change it: sendoff campaign edit NAME
campaign-unchanged = Nothing was changed in “{ $name }”.
campaign-edit-started = The campaign “{ $name }” has started, so its file cannot be changed. Copy it to a new draft: sendoff campaign duplicate NAME NEW
campaign-edit-left = { $file } holds an earlier edit of “{ $name }” that was not saved. Save it with sendoff campaign add FILE, or delete it; then edit again.
campaign-edit-refused = The campaign was not changed, and your text is kept in { $file }. { $why } Mend it there, then: sendoff campaign add FILE
campaign-edit-name = The name of “{ $name }” cannot be changed to “{ $new }” by editing. Keep the name, or make a copy: sendoff campaign duplicate NAME NEW
campaign-editor = The editor “{ $editor }” ended with an error; the campaign was not changed. Your text is in { $file }. Name another editor with --editor.
campaign-replaced = The file of the campaign “{ $name }” for the list “{ $list }” is replaced{ $at ->
    [none] .
   *[other] ; it still starts at { $at }.
} Next: sendoff campaign preflight { $name }
preflight-tracking = { $tracking ->
    [individual] Opens and clicks of each recipient are measured (tracking = "individual").
   *[none] Opens and clicks are not measured (tracking = "none"). To measure them, write tracking = "individual" in the file.
}
