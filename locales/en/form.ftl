# Sign-up forms.
form-name = Give the form a name of 1 to { $limit } characters.
form-name-taken = There is a form “{ $name }” already. Choose another name, or change that form.
form-unknown = There is no form “{ $name }”. There are: { $known }
form-language = “{ $language }” is no language of Sendoff. Write en or ru.
form-no-list = Name the list that the form subscribes to: --list NAME
form-purpose = “{ $purpose }” cannot be a purpose here: use small Latin characters and _, such as open_tracking.
form-purpose-text = Write the text that people agree to for “{ $purpose }”: { $purpose }=TEXT
form-text-long = A text may have { $limit } characters at most.
form-gone = The form of this message was removed.
form-added = The form “{ $name }” is added. It is at { $url } – the code to embed it: sendoff form show "{ $name }"
form-changed = The form “{ $name }” is changed. Receipts keep the texts that people agreed to before.
form-removed = The form “{ $name }” is removed. Its subscribers stay.
form-none = There is no form. Add one: sendoff form add NAME --list LIST
form-line = { $name } → { $lists }: { $posted } sent, { $waiting } waiting, { $confirmed } confirmed, { $refused } refused
form-day = { $day }: { $posted } sent, { $mailed } mailed, { $confirmed } confirmed, { $refused } refused

form-box-list = I want to receive “{ $list }” by email. I can unsubscribe at any time by the link in every email.
form-box-list-of = I want to receive “{ $list }” of { $sender } by email. I can unsubscribe at any time by the link in every email.
form-box-processing = I agree that my email address and the data of this form are stored and used for these emails until I unsubscribe.
form-address = Email address
form-button = Subscribe
form-trap = Leave this empty
form-promise = We then send you a message. Nothing happens until you press the button behind its link.
form-address-wrong = This is no email address: { $why }
form-box-required = Tick the box without which the form cannot be sent.
form-box-none = Tick at least one list that you want to receive.
form-age-needed = Enter your date of birth: the sender has a least age.
form-again = Please check what you entered and press the button once more.
form-busy = Too many people have signed up from here in the last hour. Try again later.
form-sent-title = Look into your mailbox
form-sent-text = If the address can be subscribed, a message is on its way to it. Press the button behind its link within three days; otherwise everything you entered is deleted. Look into the folder for spam too.
form-mail-subject = Please confirm: { $title }
form-mail-text = Somebody entered this address for: { $title }
    { $texts }
    If it was you, follow this link and press the button:
    { $url }
    If not, you need do nothing: without the button nothing is sent to you, and what was entered is deleted after { $hours } hours. Behind the link you can also say that it was not you.
form-confirm-title = Confirm your subscription
form-confirm-ask = You agree to this for { $address }:
form-confirm-values = This is stored with your address:
form-confirm-button = Yes, subscribe me
form-confirm-promise = You can unsubscribe at any time by a link in every email.
form-refuse-button = It was not me
form-refused-title = Nothing is stored
form-refused-text = What somebody entered for your address is deleted, and no form sends you a message for the next 90 days.
form-confirmed-title = You are subscribed to { $list }
form-confirmed-text = Thank you. Every email of { $list } has a link to unsubscribe.
form-expired-title = This link is no longer valid
form-expired-text = It was used already, or its three days are over. If you want to subscribe, send the form again.

desk-forms = Sign-up forms
desk-forms-what = People sign up by a form and confirm by a button behind a link that is mailed to them. Each has a page of its own and code for your site.
desk-no-forms = There is no form yet.
desk-form-needs-list = A form subscribes to a list. Add a list first.
desk-form-add = Add a form
desk-form-change = Change the form
desk-form-title = Heading
desk-form-intro = Sentence above the fields
desk-form-from = Sender of the message
desk-form-lists = Lists
desk-form-lists-what = Each list has a box of its own, which is never ticked before. Leave the text empty for the usual one.
desk-form-text = Text of the box
desk-form-purposes = Further consents
desk-form-processing = Processing of personal data, as a consent of its own; the form cannot be sent without it
desk-form-processing-text = Text of that box; the usual one when empty
desk-form-purpose = Another purpose
desk-form-purpose-text = Text of its box
desk-form-fields = Fields to fill in
desk-form-posted = Sent
desk-form-mailed = Mailed
desk-form-waiting = Waiting
desk-form-confirmed = Confirmed
desk-form-refused = “It was not me”
desk-form-use = Use it
desk-form-link = Its page:
desk-form-embed = Code for a page of your site
desk-form-embed-what = Plain HTML without scripts. Whoever sends it presses a second button on our page, which keeps programs out.
desk-form-days = By day
desk-form-day = Day
desk-form-remove = Remove the form
desk-form-remove-what = Subscribers stay. Whoever has not confirmed yet cannot any more.
desk-form-language = Language
