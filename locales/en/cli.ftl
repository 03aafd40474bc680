# Commands, settings, the demo and errors of the command line.
workspace-name = A workspace needs a name of 1 to { $limit } visible characters. Write for example: sendoff workspace add shop
init-done = Ready: { $data }. Next: sendoff field add first_name text, then sendoff list add News
field-added = Field “{ $name }” ({ $kind }) is declared.
field-none = No fields are declared yet. Declare one: sendoff field add first_name text
setting-set = { $name } = { $value }
setting-public-url = the base URL of links in messages, e.g. https://news.example.org
setting-desk-url = the base URL of the desk, e.g. https://desk.example.org; empty for its own address
setting-language = { $languages }
setting-ehlo-name = the name for EHLO, e.g. mail.example.org
setting-unsubscribe-mailbox = mailbox for unsubscribe messages, e.g. leave@example.org
setting-bounce-domain = domain of the return paths, whose mail comes to this installation, e.g. bounce.example.org; empty: bounces go to the sender
setting-retry-after = seconds until the first retry of a deferred message
setting-smtp-timers = SMTP timeouts, in per cent of the standard ones
setting-relay-patience = seconds for which a relay may fail before campaigns are paused
key-rotated = Key { $id } signs new messages from the next start on; links in messages already sent stay valid.
no-installation = There is no installation in { $data }, and nothing was created. Name its folder with --data, or make a new one: sendoff init --data { $data }
desk-not-loopback = { $address } can be reached from other machines, and nobody could sign in yet. Start once on 127.0.0.1, open the link that is printed and make the first administrator; after that any address will do. From elsewhere: ssh -L 8025:127.0.0.1:8025 HOST
lock-held = Another Sendoff (process { $pid }) is using this folder: { $file } is locked. Stop it first, or choose another --data folder.
serve-open = Recipients:  { $public }
    Desk:        { $desk }
    Inbox:       { $desk }/inbox
    Stop with Ctrl-C.
serve-setup = Next:        open { $url } and make the first administrator; the link works once.
serve-mail = Sending. Stop with Ctrl-C.
stop-overdue = The shutdown took too long and was cut off. The next start continues the work; messages whose result is not on disk will be listed as uncertain.
serve-stopped = Stopped. Everything is on disk.
demo-imported = 1  { $count } contacts were imported from examples/contacts.csv; { $rejected ->
    [one] { $rejected } row was rejected, with its reason.
   *[other] { $rejected } rows were rejected, each with its reason.
}
demo-segment = 2  The segment { $expression } has { $count } of them.
demo-sent = 3  The campaign planned { $planned } messages; the SMTP server accepted { $accepted }.
demo-answered = 4  { $opens } messages were opened, a link was clicked in { $clicks }.
demo-left = 5  { $address } was unsubscribed and erased with one click. Every table and file was searched: { $hits ->
    [one] { $hits } trace.
   *[other] { $hits } traces.
}
demo-refused = 6  The same file again: { $count ->
    [one] { $count } address was
   *[other] { $count } addresses were
} kept out by a tombstone.
demo-exported = 7  { $rows } deliveries were exported to { $file }.
demo-done = Done in { $seconds } seconds.
demo-open = Open the desk, signed in: { $url } (the link works once). It stays at http://{ $desk }. Stop with Ctrl-C; then everything is removed.
demo-open-kept = Open the desk, signed in: { $url } (the link works once). It stays at http://{ $desk }. Stop with Ctrl-C; what was created stays in { $data }.
demo-used = { $data } is in use already, and the demo would mix its contacts with yours. Leave out --data and --database, or name a new folder and an empty database.
demo-stopped = The demo was stopped before its end.
demo-message = A message in the inbox of the demo is not as expected. Please report this.
count-planned = planned
count-accepted = accepted by the relay
count-rejected = rejected (bounces)
count-uncertain = uncertain: only the relay knows
count-suppressed = suppressed: unsubscribed or restricted before they were sent
count-skipped = skipped: cancelled, or no message could be made
count-pending = pending
count-sending = on the wire now
count-opens = opened at least once (unique opens)
count-opens-total = opens in total, repeated ones included
count-clicks = clicked a link at least once (unique clicks)
count-clicks-total = clicks in total, repeated ones included
count-unmeasured = opens and clicks are not measured (tracking in the campaign file)
count-unsubscribed = unsubscribed through this campaign
usage-hint = { $hint ->
    [no] {""}
   *[yes] {" "}Did you mean { $near }?
} Usage:
    { $usage }
usage-missing = Missing: { $what }.{ usage-hint }
usage-unknown = { $what } is unknown here.{ usage-hint }
usage-command = There is no command { $what }.{ $hint ->
    [no] {""}
   *[yes] {" "}Did you mean { $near }?
} There are: { $known }. Usage:
    { $usage }
usage-conflict = { $what } cannot be used there, or not twice.{ usage-hint }
usage-no-value = { $what } needs a value.{ usage-hint }
usage-value = “{ $value }” is not a value for { $what }.{ usage-hint }
usage-unreadable = The command line cannot be parsed.{ usage-hint }
forbidden = The role { $role } may not do this ({ $action }). Ask an owner of the workspace.
unknown-option-word = “{ $word }” is no value of { $option }. Write one of: { $known }.
