# Pages of recipients and of the desk.
list-unnamed = this list

unsubscribe-title = Unsubscribe from “{ $list }”?
unsubscribe-ask = Emails of “{ $list }” go to { $address }. One click stops them.
unsubscribe-ask-anyone = One click stops the emails of “{ $list }”.
unsubscribe-button = Unsubscribe
unsubscribe-promise = We then delete the data we hold about you for this list. Only a code computed from your address stays, so that nobody can add you again without you.
unsubscribe-preferences = See the data we hold about you, or unsubscribe from everything
unsubscribed-title = You are unsubscribed from “{ $list }”
unsubscribed-done = You will get no more emails of this list. The data we held about you for it is deleted.
unsubscribed-recorded = You will get no more emails of this list. The data we hold about you for it will be deleted within minutes.
unsubscribed-other-lists = You are still subscribed to another list of this sender.
unsubscribed-see-data = See the data we hold about you
not-subscribed-title = You are not subscribed to “{ $list }”
not-subscribed-text = You have unsubscribed from this list already, and we hold no data about you for it. You need do nothing more.
test-message-title = This is a test email
test-message-text = In a real email of “{ $list }”, this page belongs to its recipient. Here nothing is changed and nothing is counted.

data-title = The data we hold about you
data-intro = This is all the data we have held for { $address } since { $day }. The address is masked, because emails get forwarded.
data-lists = Your lists
data-confirmed = You have received its emails since { $day }.
data-pending = Requested on { $day } and not confirmed yet; no emails are sent.
data-restricted = Subscribed since { $day }, processing restricted: the data is kept, no emails are sent.
data-bounced = Subscribed since { $day }; no emails are sent, because a mail server replied that your mailbox does not exist.
data-basis = Legal basis
data-basis-consent = Your consent
data-basis-contract = A contract with you
data-basis-interest = Legitimate interest of the sender
data-basis-legal-duty = A duty by law
data-given = Date
data-source = Source
data-wording = What you agreed to
data-proof = Proof
data-unsubscribe = Unsubscribe from “{ $list }”
data-fields = Your data
data-no-fields = Nothing but the address.
data-counts = Also stored: { $emails ->
    [one] { $emails } email
   *[other] { $emails } emails
} to you, { $opens ->
    [one] { $opens } open
   *[other] { $opens } opens
} and { $clicks ->
    [one] { $clicks } click
   *[other] { $clicks } clicks
}.
data-counts-unread = Also stored: { $emails ->
    [one] { $emails } email
   *[other] { $emails } emails
} to you. No opens or clicks are stored.
data-yes = yes
data-no = no
data-erase-title = Erase everything
data-erase-text = You can unsubscribe from all lists at once and have all the data on this page deleted.
data-erase = Erase everything…
data-no-link = To unsubscribe from these lists, use the link in any of their emails, or write to the sender.
data-last-list = That was your last list here. All the data we held about you is deleted.
data-none-title = We hold no data about you
data-none = We hold no data about you for this email any more. If you receive emails of another list, the link in those shows the data held for it.
recorded-title = Your request is recorded
recorded-text = It will be carried out within minutes, and no email is sent before that. You need do nothing more.
erase-title = Erase all data about you?
erase-explain = You will be unsubscribed from all lists of this sender, and your address, your data and the record of your emails will be deleted. This cannot be undone.
erase-tombstone = Only a code computed from your address stays, so that nobody can add you again without you.
erase-confirm = Yes, erase everything
erase-cancel = No, go back
erased-title = Your data is erased
erased-done = All the data we held about you is deleted, and you will get no more emails.
erased-recorded = Your request is recorded. You will get no more emails, and all the data we hold about you will be deleted within minutes.
view-missing-title = This email is no longer here
view-missing = It may have been deleted together with the data of its recipient. You can keep the copy in your mailbox.

welcome-title = This server sends emails
welcome-text = If you received one of them, the links at its end show the data held about you and let you unsubscribe with one click.
refusal-title = The request failed
refusal-title-unknown = Page not found
refusal-title-unavailable = Please try again in a minute
refusal-title-internal = An error on our side
refusal-link = The link is damaged or incomplete. Copy the whole link from the email, or follow it there again.
refusal-unknown = There is no page at this address. Go back to the email and follow the link there.
refusal-unavailable = This page cannot be shown at the moment. Try again in a minute; nothing was lost.
refusal-internal = Something failed on our side. Try again in a minute; if it fails again, write to the sender of the email.
refusal-method = This address does not accept such requests. Open it as a page instead.
refusal-large = The request is too large. Go back and send the form as it was.
refusal-request = The request is not valid. Go back to the page and press a button there.
refusal-cross-site = The request came from another site and was refused. Press the button on the page itself.
refusal-host = The desk answers only at an IP address or localhost. Open it at the address that sendoff serve printed.

desk-title = Desk
desk-sections = Sections
desk-campaigns = Campaigns
desk-no-campaigns = No campaign yet. Write the first one.
desk-progress = Messages with a result
desk-planned = planned
desk-accepted = accepted
desk-opens = opened
desk-clicks = clicked
desk-unsubscribed = unsubscribed
campaign-page-subject = Subject
campaign-page-sender = Sender
campaign-page-rates = Results
campaign-page-unmeasured = Opens and clicks of this campaign were not measured. That is not the same as none.
campaign-page-opens = An open is a picture that was loaded: some mail programs load pictures that nobody looks at, others load none.
campaign-page-links = Links
campaign-page-links-note = Messages in which the link was followed at least once / all clicks.
campaign-page-skipped = No message was made
campaign-page-command = The same as commands
desk-lists = Lists
desk-counting = being counted
desk-no-lists = No list yet. People join a list; add the first one.
desk-draft = draft
desk-scheduled = scheduled
desk-running = running
desk-paused = paused
desk-finished = finished
desk-cancelled = cancelled
inbox-title = Capture inbox
inbox-empty = No message has been captured. Messages appear here when the relay is the capture inbox:
inbox-count = The newest { $shown ->
    [one] message
   *[other] { $shown } messages
}. None of them was sent out.
inbox-from = From
inbox-to = To
inbox-size-label = Size
inbox-size = { $bytes } bytes; HTML { $html }, text { $text }
inbox-parts = Parts of the message
inbox-part-html = HTML
inbox-part-text = Text
inbox-part-headers = Headers
inbox-part-source = Source
inbox-one-click = Unsubscribe as a mailbox provider would
inbox-answered = The one-click request was answered
inbox-no-one-click = This message has no one-click address of this installation. Check that public-url is the address it was sent with: sendoff settings ls
inbox-missing = This message is not in the capture folder; it may have been erased with its recipient. Go back to the inbox.
spool-stopped = A file in journal/ could not be written because the program is stopping. Repeat the request.
client-url = Only plain http addresses of this installation can be requested from here. Check public-url: sendoff settings ls
invitation-title = { $list } again?
invitation-ask = Shall { $address } get “{ $list }” again?
invitation-wording = I want to get “{ $list }” again at the address to which this link was sent.
invitation-button = Yes, subscribe me again
invitation-promise = Nothing happens unless you press the button. You can unsubscribe at any time by a link in every email.
invited-title = You get { $list } again
invited-text = Thank you. Every email has a link to unsubscribe.
invitation-expired-title = This link is no longer valid
invitation-expired-text = The invitation has expired or was withdrawn. Write to the sender if you want to subscribe again.

# What usual fields are called on the pages of recipients.
field-first-name = First name
field-last-name = Last name
field-middle-name = Middle name
field-full-name = Full name
field-phone = Phone
field-city = City
field-region = Region
field-country = Country
field-address = Address
field-postcode = Postcode
field-birthday = Date of birth
field-age = Age
field-gender = Gender
field-company = Company
field-job = Position
field-language = Language
field-zone = Time zone
erasure-receipt-link = Receipt of the erasure, to keep
erasure-receipt-text =
    Receipt of an erasure

    Sender: { $sender }
    Asked for at: { $at }
    What is deleted: { $categories }
    How: { $manner }

    Number: { $number }

    This receipt holds no address. The sender compares it with the log of destruction:
    sendoff destruction receipt --number { $number }
