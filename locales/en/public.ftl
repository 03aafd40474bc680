# What recipients read, and the desk.
list-unnamed = this list

unsubscribe-title = Unsubscribe from “{ $list }”?
unsubscribe-ask = The letters of “{ $list }” go to { $address }. One click and they stop.
unsubscribe-ask-anyone = One click and the letters of “{ $list }” stop.
unsubscribe-button = Unsubscribe
unsubscribe-promise = With that we delete what we hold about you for this list. Only a scrambled mark of your address stays, so that nobody can put you back on it without you.
unsubscribe-preferences = See what we hold about you, or leave everything
left-title = You have left “{ $list }”
left-done = No further letter of this list will be sent to you. What we held about you for it is deleted.
left-noted = No further letter of this list will be sent to you. What we hold about you for it will be deleted within minutes.
left-others = You are still on another list of this sender.
left-see-others = See what we hold about you
gone-title = You are not on “{ $list }”
gone-text = You have left this list already, and nothing is held about you for it. There is nothing more to do.
test-letter-title = This is a test letter
test-letter-text = In a letter of “{ $list }” that is really sent, this page belongs to whom it is sent to. Here nothing is changed and nothing is counted.

held-title = What we hold about you
held-intro = This is everything kept with { $address } since { $day }. The address is shown in part, because letters are passed on.
held-lists = Your lists
held-confirmed = You have been getting its letters since { $day }.
held-pending = Asked for on { $day }, not confirmed yet; no letters are sent.
held-restricted = On it since { $day }, at rest: kept, but no letters are sent.
held-basis = Why
held-basis-consent = You agreed to it
held-basis-contract = It is part of a contract with you
held-basis-interest = Legitimate interest of the sender
held-given = Date
held-source = Where from
held-wording = What you agreed to
held-proof = Proof
held-leave = Leave “{ $list }”
held-fields = Your details
held-no-fields = Nothing beside the address.
held-traces = Also on record: { $letters ->
    [one] { $letters } letter
   *[other] { $letters } letters
} to you, { $opens ->
    [one] { $opens } opening
   *[other] { $opens } openings
} and { $clicks ->
    [one] { $clicks } click
   *[other] { $clicks } clicks
}.
held-yes = yes
held-no = no
held-end = Leave everything
held-end-text = You can leave all lists at once and have everything on this page deleted.
held-erase = Erase everything…
held-no-letter = To leave these lists, use the link in any of their letters, or write to the sender.
held-last = That was your last list here. Everything we held about you is deleted.
held-nothing-title = Nothing is held here
held-nothing = Through this letter we hold nothing about you any more. If you get letters of another list, the link in those shows what is held for it.
noted-title = Your request is recorded
noted-text = It will be carried out within minutes, and no letter is sent before that. There is nothing more to do.
erase-title = Erase everything about you?
erase-what = You leave all lists of this sender, and your address, your details and the record of your letters are deleted. This cannot be undone.
erase-stays = Only a scrambled mark of your address stays, so that nobody can put you back on a list without you.
erase-sure = Yes, erase everything
erase-back = No, go back
erased-title = You are erased
erased-done = Everything we held about you is deleted, and no further letter will be sent to you.
erased-noted = Your request is recorded. No further letter will be sent to you, and everything we hold about you will be deleted within minutes.
view-gone-title = This letter is no longer here
view-gone = It may have been deleted together with everything we held about whom it was sent to. The copy in your mailbox is yours to keep.

welcome-title = Letters are sent from here
welcome-text = If one of them reached you, the links at its foot show what is held about you and let you leave with one click.
refusal-title = That did not work
refusal-title-unknown = Nothing is here
refusal-title-away = One moment, please
refusal-title-broken = Something broke on our side
refusal-link = The link is damaged or cut off. Copy it whole from the letter, or press the link in the letter again.
refusal-unknown = This address leads nowhere. Go back to the letter and press the link there.
refusal-away = This page cannot be shown at the moment. Try again in a minute; nothing was lost.
refusal-broken = It is not your fault. Try again in a minute; if it stays so, write to the sender of the letter.
refusal-method = This address does not take such requests. Open it as a page instead.
refusal-large = The request is too large. Go back and send the form as it was.
refusal-request = The request cannot be understood. Go back to the page and press a button there.
refusal-foreign = The request came from another site and was not carried out. Press the button on the page itself.
refusal-host = The desk answers at an IP address or localhost only. Open it by the address that sendoff serve printed.

desk-title = Desk
desk-rooms = Rooms
desk-empty = Nothing is here yet. Begin with a list:
desk-campaigns = Campaigns
desk-no-campaigns = No campaign yet. Write one as a file and add it:
desk-progress = Letters with a result
desk-planned = planned
desk-accepted = accepted
desk-opens = opened
desk-clicks = clicked
desk-unsubscribed = left
desk-lists = Lists
desk-no-lists = No list yet. Make one:
desk-draft = draft
desk-scheduled = scheduled
desk-running = running
desk-paused = paused
desk-finished = finished
desk-cancelled = cancelled
inbox-title = Capture inbox
inbox-empty = No letter has been captured. Letters appear here when the relay is the capture inbox:
inbox-count = The newest { $shown ->
    [one] letter
   *[other] { $shown } letters
}. None of them left this machine.
inbox-from = From
inbox-to = To
inbox-weight = Size
inbox-size = { $bytes } bytes; HTML { $html }, text { $text }
inbox-parts = Parts of the letter
inbox-part-html = HTML
inbox-part-text = Text
inbox-part-headers = Headers
inbox-part-source = Source
inbox-one-click = Unsubscribe as a mailbox provider would
inbox-answered = The one-click request was answered
inbox-no-one-click = This letter has no one-click address on this installation. Check that public-url is the address it was sent with: sendoff settings ls
inbox-gone = This letter is not in the capture folder; it may have been erased with whom it was for. Go back to the inbox.
ledger-stopped = A journal could not be written because the program is stopping. Repeat the request.
client-url = Only plain http addresses of this installation can be asked from here. Check public-url: sendoff settings ls
