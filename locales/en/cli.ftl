# Commands.
workspace-name = A workspace needs a name of 1 to 64 visible characters.
init-done = Ready: { $data }. Next: sendoff field add first_name text, then sendoff list add News
field-added = Field “{ $name }” ({ $kind }) is declared.
field-none = No fields are declared yet. Declare one: sendoff field add first_name text
setting-set = { $name } = { $value }
setting-public-url = where recipients reach you, e.g. https://news.example.org
setting-language = { $languages }
setting-ehlo-name = the name for EHLO, e.g. mail.example.org
setting-unsubscribe-mailbox = mailbox for unsubscribe letters, e.g. leave@example.org
setting-retry-after = seconds until the first repeat of a deferred letter
setting-smtp-timers = per cent of the standard SMTP timers
setting-relay-patience = seconds a relay may fail before campaigns pause
key-rotated = Key { $id } signs new letters from the next start on; links of letters already sent stay valid.
lock-held = Another Sendoff (process { $pid }) is using this folder: { $file } is locked. Stop it first, or choose another --data folder.
serve-open = Recipients:  { $public }
    Desk:        { $desk }
    Inbox:       { $desk }/inbox
    Stop with Ctrl-C.
serve-mail = Sending. Stop with Ctrl-C.
stop-overdue = The time to end was over before everything was written down. What is open is taken up by the next start; letters whose answer is not on disk will be listed as uncertain.
serve-stopped = Stopped; everything is on disk.
demo-imported = 1  { $count } people came in from examples/contacts.csv; { $rejected ->
    [one] { $rejected } row was refused, with its reason.
   *[other] { $rejected } rows were refused, each with its reason.
}
demo-segment = 2  The segment { $expression } takes { $count } of them.
demo-sent = 3  The campaign planned { $planned } letters; the SMTP server took { $accepted }.
demo-answered = 4  { $opens } letters were opened, links in { $clicks } were followed.
demo-left = 5  { $address } left with one click. Every table and file searched: { $hits ->
    [one] { $hits } trace.
   *[other] { $hits } traces.
}
demo-refused = 6  The same file again: { $count ->
    [one] { $count } address was
   *[other] { $count } addresses were
} kept out by a tombstone.
demo-exported = 7  { $rows } deliveries were exported to { $file }.
demo-done = Done in { $seconds } seconds.
demo-open = The desk stays open at http://{ $desk }, the inbox at http://{ $desk }/inbox. Stop with Ctrl-C; then everything is removed.
demo-open-kept = The desk stays open at http://{ $desk }, the inbox at http://{ $desk }/inbox. Stop with Ctrl-C; what was made stays in { $data }.
demo-used = { $data } is in use already, and the demo would mix its people with yours. Leave out --data and --database, or name a new folder and an empty database.
demo-stopped = The demo was stopped before its end.
demo-letter = A letter in the demo's inbox lacks what every letter has. Please report this.
count-planned = planned
count-accepted = accepted by the relay
count-rejected = rejected (bounces)
count-uncertain = uncertain: the relay alone knows
count-suppressed = suppressed: left or restricted before their letter
count-skipped = skipped: no letter could be made, or cancelled
count-pending = pending
count-opens = opened at least once
count-clicks = followed a link
count-unsubscribed = left through this campaign
usage-hint = { $hint ->
    [no] {""}
   *[yes] {" "}Did you mean { $near }?
} Written so:
    { $usage }
usage-missing = Missing: { $what }.{ usage-hint }
usage-unknown = { $what } is not known here.{ usage-hint }
usage-command = There is no command { $what }.{ usage-hint }
usage-conflict = { $what } cannot stand there, or not twice.{ usage-hint }
usage-no-value = { $what } needs a value.{ usage-hint }
usage-value = “{ $value }” does not fit { $what }.{ usage-hint }
usage-unreadable = This cannot be read.{ usage-hint }
forbidden = The role { $role } may not do this ({ $action }). Ask an owner of the workspace.
