# The preference centre.
preference-day = “{ $day }” cannot be chosen. A pause ends on a day after today, within a year.
preference-topics = More from this sender
preference-join = Subscribe to “{ $list }”
preference-join-wording = I want to receive “{ $list }” by email. I can unsubscribe at any time.
preference-schedule = How often
preference-frequency = Emails of all your lists together
preference-all = Every email
preference-weekly = At most one a week
preference-monthly = At most one a month
preference-pause = No emails before this day (empty: no pause)
preference-paused = Emails are paused until { $day }.
preference-save = Save
preference-saved = Your choice is saved.
preference-correct = Correct your data
preference-corrected = Your data is corrected.
preference-address = To change the address itself, send a request for correction below: the new address has to be checked.
preference-copy = Take your data along
preference-copy-what = Everything that is stored about you, with your whole address: as JSON for programs, or as tables.
preference-file = File
preference-download = Download
preference-hand-over = Hand it to another organisation
preference-hand-over-what = You get a link by which somebody else can fetch this copy once within seven days. Give it only to whom you mean.
preference-hand-over-button = Make a link
preference-hand-over-link = Anyone with this link can fetch the copy, once:
preference-leave-all = Unsubscribe from all lists
preference-ask-title = See the data we hold about you
preference-ask-text = Enter your address. If data is held for it, we send a link by which you see, correct and erase it.
preference-ask-button = Send me the link
preference-sent-title = Look into your mailbox
preference-sent-text = If data is held for this address, a message with a link is on its way. The link is valid for one day.
preference-mail-subject = Your data at { $sender }
preference-mail-text = Somebody asked for a link to the data that { $sender } holds for this address.
    If it was you, follow it:
    { $url }
    It is valid for { $hours } hours. If it was not you, you need do nothing.
data-kept = The data is used to send you these emails and to count how they are read. The mail server of the sender gets your address to deliver them; nobody else gets the data from here. It is kept until you unsubscribe or have it erased.
refusal-link-old = The link is damaged, or its time is over. Ask for a new one at the page “/preferences” of this server.
hand-over-title = A copy of somebody's data
hand-over-text = A person gave you this link, so that you can take over the data that is stored about them. It works once.
hand-over-button = Fetch the copy
hand-over-used = The copy was fetched already, or its seven days are over. The person can make a new link.
list-published = Subscribers of other lists can now join “{ $name }” on their preferences page.
list-unpublished = “{ $name }” is no longer offered on preferences pages.
desk-list-public = Subscribers of other lists can join this list on their preferences page.
desk-list-private = This list is not offered on preferences pages.
desk-list-publish = Offer it there
desk-list-unpublish = Do not offer it
preference-measurement = Opens and clicks
preference-measured = It is recorded when you open an email or follow a link in it.
preference-not-measured = Nothing is recorded when you open an email or follow a link in it.
preference-measure = Record my opens and clicks
preference-measure-not = Do not record my opens and clicks
preference-controller = { $name } answers for your data: { $address } · { $email }
preference-purpose = { $text }{ $days ->
    [0] {""}
   *[other] {" "}(kept for { $days } days after your last activity at most)
}
preference-processor = { $name } also gets: { $facts }
